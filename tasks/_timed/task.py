"""What the tasks TimeSpeak and CueSpeak have in common.

A folder of data is a rendered set (see ``rendered``). The shipped one is the task's own folder; a variant
made by ``tml-bench prepare`` lacks ``items.jsonl``, then the shipped items are meant.

Respondents, of which all but the ideal one know nothing of the time:

* ``silent`` says nothing.
* ``always-on`` talks without a pause from the start.
* ``delay d`` says, once, what the first event asks for, d seconds after the user's last turn: it knows the
  words and not the time.
* ``metronome p`` knows the words too: every p seconds from the end of the user's first turn on it says what
  the next event asks for (after the last one, that again), until the session ends.

Of delays, of the same counted from the session's start (``at t``), and of metronomes with other periods and
first beats, the best on the samples of the run are played too, metric by metric.

In silent controls, where there are no words to know, these say "Okay." at their times. No model can know
words and not their time; these are floors that a score must beat to show timing.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from msgspec import structs

from tml_bench.errors import BadSampleError
from tml_bench.samples import Reference, Sample, Script, UserTurn, Utterance
from tml_bench.task import Axis, BoardScore, Overall, Strategy
from tml_bench.tasks._common import FolderTask, check_folder, chosen
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks._timed import rendered, scoring
from tml_bench.tasks._timed.expected import SHORTEST_REPLY_S, TimedAnnotation, expected, expected_of, ideal
from tml_bench.tasks._timed.items import TimedItem, load_items
from tml_bench.tasks._timed.meaning_rule import RUBRIC, RULE, TALK
from tml_bench.tasks._timed.measures import HEADLINE, metrics
from tml_bench.timeline import Segment, Timeline

DELAYS_S = (0.5, 1.0, 2.0, 5.0, 8.0, 10.0)
PERIODS_S = (1.0, 2.0, 3.0, 5.0, 10.0)
SEARCHED_DELAYS_S = (0.25, 0.75, 1.5, 2.5, *range(3, 13), 15, 20, 25, 30)
SEARCHED_TIMES_S = range(1, 41)
"""Delays, and times since the start, that are searched."""
SEARCHED_PERIODS_S = (*(k / 2 for k in range(2, 21)), 12, 14, 16, 20, 30)
"""Periods of the metronomes that are searched; from `HALVED_S` on also with the first beat after half."""
HALVED_S = 3.0
CHATTER = "There is always one more thing to say about the weather and the garden behind the house"
CHATTER_WORD_S = 0.3
PLACEHOLDER = "Okay."
FAIR = (
    "An item is earned by saying what is asked for, in its window, and nothing else: whatever is said "
    "beside that counts against it, so endless talk and an echo get nothing. Silence earns only the silent "
    "controls, and the right words at a constant delay or beat only the windows that they happen to fall "
    "in: the best of those is the floor."
)
"""Why the score cannot be had without knowing the time."""
GUESS = "10"
"""What who knows no times says when asked for one."""


def spoken(item: TimedAnnotation, said: Iterable[Utterance]) -> Timeline:
    """The timeline of utterances, their words spread evenly."""
    planned = [
        Speech(u.at_s, u.at_s + SHORTEST_REPLY_S if u.until_s is None else u.until_s, u.text.split())
        for u in said
    ]
    return speaking(max([item.length_s, *(speech.end_s for speech in planned)]), planned)


def _planned(onsets: Sequence[float], texts: Sequence[str], end_s: float) -> list[Utterance]:
    """The texts in order at these onsets, the last one again and again; short enough to stay apart."""
    said = ((at, texts[min(k, len(texts) - 1)]) for k, at in enumerate(onsets))
    return [
        Utterance(at, until_s=at + SHORTEST_REPLY_S, text=t)
        for at, t in said
        if at + SHORTEST_REPLY_S <= end_s
    ]


def _texts(item: TimedAnnotation) -> list[str]:
    return [due.event.accept[0].replace("{N}", GUESS) for due in item.due] or [PLACEHOLDER]


def _at(at_s: float, sample: Sample) -> Timeline:
    """Says the first words once, at a time since the session's start."""
    item = expected_of(sample)
    return spoken(item, _planned([at_s], _texts(item), item.length_s))


def _delayed(delay_s: float, sample: Sample) -> Timeline:
    """Says the first words once, a time after the user's last turn."""
    return _at(max(turn.end_s for turn in expected_of(sample).turns) + delay_s, sample)


def _metronome(period_s: float, phase: float, sample: Sample) -> Timeline:
    """Says the words in order at a fixed period; the first after a share of it, from the first turn's end."""
    item = expected_of(sample)
    begins = item.turns[0].end_s
    count = int((item.length_s - begins) / period_s + 1.0 - phase)
    beats = [begins + (k + phase) * period_s for k in range(count)]
    return spoken(item, _planned(beats, _texts(item), item.length_s))


def _talking(item: TimedAnnotation) -> Timeline:
    n = int(item.length_s / CHATTER_WORD_S)
    words = speaking(
        item.length_s, [Speech(0.0, n * CHATTER_WORD_S, list(islice(cycle(CHATTER.split()), n)))]
    )
    return structs.replace(words, segments=(Segment(0.0, item.length_s),))


RULES = {RUBRIC.name: RULE}
PROVISIONAL = (
    "Judged by rules on words, this score is provisional: it wants a judge that understands, "
    "--judge openai:... or people."
)
"""What is said of scores by rules."""
TALKS = "own_duration"
"""The family of talks, which rules cannot judge."""


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
        items = load_items(own if own.is_file() else self.mini / "items.jsonl")
        entries = rendered.read_rendered(root)
        played = [item for item in items if item.split == self.split and item.family in asked]
        return (_sample(root, item, entries.get(item.id)) for item in played)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Every strategy that does not know the time."""
        item = expected_of(sample)
        played = {"silent": spoken(item, []), "always-on": _talking(item)}
        played |= {f"delay {delay:g}": _delayed(delay, sample) for delay in DELAYS_S}
        return played | {f"metronome {period:g}": _metronome(period, 1.0, sample) for period in PERIODS_S}

    def family(self, samples: Sequence[Sample]) -> dict[str, Strategy]:
        """Delays after the last turn, times since the start, and metronomes by period and first beat."""
        found: dict[str, Strategy] = {f"at {t}": partial(_at, float(t)) for t in SEARCHED_TIMES_S}
        found |= {f"delay {d:g}": partial(_delayed, d) for d in SEARCHED_DELAYS_S if d not in DELAYS_S}
        for period in SEARCHED_PERIODS_S:
            if period not in PERIODS_S:
                found[f"metronome {period:g}"] = partial(_metronome, period, 1.0)
            if period >= HALVED_S:
                found[f"metronome {period:g} from {period / 2:g}"] = partial(_metronome, period, 0.5)
        return found

    def ideal(self, sample: Sample) -> Timeline:
        """Says everything at its time."""
        return spoken(expected_of(sample), sample.reference.ideal)


def _sample(folder: Path, item: TimedItem, entry: rendered.RenderedItem | None) -> Sample:
    try:
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
    return Sample(item.id, item.family, script, Reference(end_s, ideal(found), found))
