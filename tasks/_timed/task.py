"""What the tasks TimeSpeak and CueSpeak have in common.

A folder of data is a rendered set (see ``rendered``). The shipped one is the task's own folder; a variant
made by ``tml-bench prepare`` lacks ``items.jsonl``, then the shipped items are meant.

Floors are what respondents reach that know the words and not the time (``strategies``): a few that are always
played, and the best, metric by metric, of some hundreds that say the words at constant times from an edge of
a turn, in constant steps, or a constant number or length. No model can know words and not their time; these
are floors that a score must beat to show timing.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import inf
from pathlib import Path
from types import MappingProxyType

from tml_bench.errors import BadSampleError
from tml_bench.questions import Decision, Question, Rule
from tml_bench.samples import Reference, Sample, Script, UserTurn
from tml_bench.task import Axis, BoardScore, Overall, Strategy
from tml_bench.tasks._common import FolderTask, check_folder, chosen
from tml_bench.tasks._timed import rendered, scoring, strategies
from tml_bench.tasks._timed.expected import expected, expected_of, ideal
from tml_bench.tasks._timed.items import OVERLAPPED, TimedItem, checked_items
from tml_bench.tasks._timed.meaning.rule import RIGHT, RUBRIC, RULE, TALK
from tml_bench.tasks._timed.measures import HEADLINE, metrics
from tml_bench.tasks._timed.strategies import spoken
from tml_bench.timeline import SpeechKind, TalkStretch, Timeline

FAIR = (
    "An item is earned by saying what is asked for, in its window, and nothing else: whatever is said "
    "beside that counts against it, so endless talk and an echo get nothing. Silence earns only the silent "
    "controls, and the right words at a constant time from the edge of any turn, at a constant beat, or with "
    "a constant number or length, only the windows that they happen to fall in: the best of hundreds of "
    "those on the samples is the floor."
)
"""Why the score cannot be had without knowing the time."""
RULES = {RUBRIC.name: RULE}
PROVISIONAL = (
    "Judged by rules on words, this score is provisional: it wants a judge that understands, "
    "--judge openai:... or people."
)
"""What is said of scores by rules."""
EDGE_S, AT_ONCE_S = 0.1, 1.0
"""How far speech may reach beyond its rendered ends; an answer that is due so soon after is due at once."""
TALKS = "own_duration"
"""The family of talks, which rules cannot judge."""


def _taken_for_right(question: Question) -> Decision:
    """The rule; where it cannot tell, right: strategies of the grid say accepted replies."""
    found = RULE.decide(question)
    return Decision(RIGHT, found.explanation) if found.answer is None else found


class TimedTask(FolderTask):
    """A task of items that say what must be said and when.

    Attributes:
        mini: the folder with the items and the shipped rendering.
        split: ``dev`` or ``test``.
        axis: what it asks of a model.
    """

    mini: Path
    split: str = "dev"
    axis: Axis
    rubrics = (RUBRIC,)
    rules = RULES
    search_rules = MappingProxyType({RUBRIC.name: Rule(RULE.version, _taken_for_right)})
    headline = HEADLINE
    data_help = """\
Nothing to get: both splits ship. A variant (other voices, noise, rate) is made by `tml-bench prepare`:

    DATA/rendering.json, rendered.jsonl, audio/{dev,test}/*.ogg
"""
    sheet = staticmethod(scoring.score)
    questions = staticmethod(scoring.questions)
    marks = staticmethod(scoring.marks)

    def __init_subclass__(cls) -> None:
        """Declare the metrics on the families."""
        cls.metrics = metrics(cls.subsets)
        talks = tuple(family for family in cls.subsets if family == TALKS)
        without = f" Without {TALKS}: {TALK}." if talks else ""
        cls.beyond_rules = dict.fromkeys(talks, TALK)
        cls.overall = (Overall("mean of families", cls.subsets, equal=True, optional=talks),)
        cls.board = BoardScore(
            "on_time", cls.overall[0].name, FAIR, cls.axis, provisional=PROVISIONAL + without
        )
        super().__init_subclass__()

    def dataset(self, data: Path | None) -> str:
        """The split and the version of the rendering, such as ``dev-2``."""
        return f"{self.split}-{rendered.read_rendering(data or self.mini).version}"

    def load(self, root: Path, subsets: Sequence[str]) -> Iterator[Sample]:
        """Load the items of the split in the order of the item file. Broken ones carry ``problem``.

        Raises:
            UserError: the folder or a family does not exist, or a file is unusable.
        """
        asked = chosen(root, subsets, self.subsets, self.subsets)
        check_folder(root, "give the folder of a rendered set")
        own = root / "items.jsonl"
        items, wrong = checked_items(own if own.is_file() else self.mini / "items.jsonl", self.split)
        played = [item for item in items if item.family in asked]
        entries = rendered.listed_renderings(root, {item.id for item in played})
        first = self.subsets[0]  # of which family a line is that is no item nobody can tell
        flaws = {line.name: line.text for line in reversed(wrong)} if first in asked else {}
        return chain(
            (_sample(root, item, entries.get(item.id)) for item in played),
            (Sample(name, first, problem=flaws[name]) for name in reversed(flaws)),
        )

    def user_stretches(self, sample: Sample, timeline: Timeline) -> tuple[TalkStretch, ...]:
        """The user's turns, to which an answer is due where one is expected just then.

        Where the user talks on while the reply is due, the model is asked to speak meanwhile.
        """
        item = expected_of(sample)
        starts = [*(turn.start_s for turn in item.turns[1:]), inf]
        return tuple(
            TalkStretch(
                max(turn.start_s - EDGE_S, item.turns[k - 1].end_s if k else 0.0),
                min(turn.end_s + EDGE_S, max(starts[k] - EDGE_S, turn.end_s)),
                SpeechKind.SHARED if k and item.item.family in OVERLAPPED else SpeechKind.TURN,
                any(0 <= due.target.at_s - turn.end_s <= AT_ONCE_S for due in item.due),
            )
            for k, turn in enumerate(item.turns)
        )

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """The strategies that do not know the time and are always played."""
        return strategies.fixed(sample)

    def family(self, samples: Sequence[Sample]) -> dict[str, Strategy]:
        """The others that do not know the time."""
        return strategies.searched()

    def ideal(self, sample: Sample) -> Timeline:
        """Says everything at its time."""
        return spoken(expected_of(sample), sample.reference.ideal)


def _sample(folder: Path, item: TimedItem, entry: rendered.RenderedItem | BadSampleError | None) -> Sample:
    try:
        if isinstance(entry, BadSampleError):
            raise entry
        if entry is None:
            raise BadSampleError(f"rendered.jsonl: {item.id}: is not there; {rendered.REMEDY}")
        rendered.check_rendered(item, entry)
        audio = rendered.check_audio(folder, entry)
        found = expected(item, entry)
    except BadSampleError as error:
        return Sample(item.id, item.family, problem=str(error))
    turn = UserTurn(audio, label=" … ".join(said.text for said in found.turns))
    end_s = max(said.end_s for said in found.turns)
    script = Script((turn,), tail_s=max(0.0, found.length_s - entry.duration_s))
    languages = ("en", *sorted({event.language for event in item.events} - {"en"}))
    return Sample(item.id, item.family, script, Reference(end_s, ideal(found), found), languages=languages)
