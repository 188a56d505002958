"""FD-bench v1.5 (Full-Duplex-Bench v1.5): somebody speaks while the model answers.

Respondents also do in the clip without the overlap what they do in the one with it: the blind ones the very
same, the ideal one its answer to the question.
"""

from collections.abc import Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from msgspec import structs

from tml_bench.metrics.vocalisations import Interval
from tml_bench.samples import Sample
from tml_bench.task import OfficialSize, Strategy
from tml_bench.tasks._common import FolderTask
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks.fd_bench_v15 import behaviour, loader, scoring
from tml_bench.tasks.fd_bench_v15.loader import CLEAN, OverlapAnnotation, clean_ideal
from tml_bench.tasks.fd_bench_v15.scoring import BOARD, HEADLINE, METRICS, NOT_RUN, OVERALL, item_of
from tml_bench.timeline import Segment, SpeechKind, TalkStretch, Timeline

ANSWER_S, TALK_S = 2.0, 15.0
ONSETS = (5, 10, 15, 20)
"""Onsets of the constant answer in seconds."""
STEP_S, LAST_S = 0.5, 25.0
"""Of the onsets that are searched: how far apart, and the last."""
WORDS_PER_S = 2.5
TALK = "There is always one more thing to say about this, and I will go on until somebody stops me."
ANSWER = "Of course, that is a good question."


def _said(item: OverlapAnnotation, start_s: float, end_s: float, text: str) -> Speech:
    """A text, repeated or cut to fill its time, which the clip's end cuts."""
    end_s = min(end_s, item.duration_s)
    words = max(1, round((end_s - start_s) * WORDS_PER_S))
    return Speech(start_s, end_s, list(islice(cycle(text.split()), words)))


def _heard(sample: Sample, said: Sequence[Speech], clean: Sequence[Speech]) -> Timeline:
    item = item_of(sample)
    question = () if item.context is None else (item.context,)
    without = _with_user(item, clean, question)
    return structs.replace(_with_user(item, said, (*question, item.overlap)), companions={CLEAN: without})


def _with_user(item: OverlapAnnotation, said: Sequence[Speech], user: Sequence[Interval]) -> Timeline:
    heard = tuple(Segment(*span) for span in user)
    track = Timeline(item.duration_s, heard, silero_unrounded=heard)
    found = speaking(item.duration_s, said, user=track)
    return structs.replace(found, silero_unrounded=found.segments)


def _constant(at_s: float, sample: Sample) -> Timeline:
    """One answer of 2 s."""
    said = [_said(item_of(sample), at_s, at_s + ANSWER_S, ANSWER)]
    return _heard(sample, said, said)


def _talking(from_s: float, sample: Sample) -> Timeline:
    """Talk from a time to the end of the clip."""
    item = item_of(sample)
    said = [] if from_s >= item.duration_s else [_said(item, from_s, item.duration_s, TALK)]
    return _heard(sample, said, said)


KINDS = {
    "user_interruption": SpeechKind.TURN,
    "user_backchannel": SpeechKind.BACKCHANNEL,
    "talking_to_other": SpeechKind.UNDIRECTED,
    "background_speech": SpeechKind.UNDIRECTED,
}
"""What is said in the overlap is, by subset."""
BEFORE_S, BEYOND_S = 0.1, 0.5
"""How far it may reach beyond its annotated ends."""
MINI = Path(__file__).parent / "mini"


class FdBenchV15(FolderTask):
    """Full-Duplex-Bench v1.5: behaviour by a judge, timing in two families, the voice before and after."""

    name = "fd-bench-v1.5"
    title = "FD-bench v1.5: overlaps"
    subsets = loader.SUBSETS
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    board = BOARD
    not_run = NOT_RUN
    mini = MINI
    official_sizes = tuple(OfficialSize(name, sizes[0]) for name, sizes in loader.OFFICIAL_SIZES.items())
    rubrics = (behaviour.RUBRIC,)
    rules = behaviour.RULES
    hears_user = True
    data_help = """\
The official data are behind the Google Drive link in dataset/README.md of the repository
DanielLin94144/Full-Duplex-Bench on GitHub (v1.5). Unpack them to

    DATA/user_interruption/{ID}/input.wav clean_input.wav metadata.json
    DATA/user_backchannel/{ID}/ ...
    DATA/talking_to_other/{ID}/ ...
    DATA/background_speech/{ID}/ ...

and give DATA; a folder v1_5 or v1.5 in between, one subset's folder alone, and FLAC all do. context.wav,
input.json and clean_input.json are used where they are there.
"""
    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    stretches = staticmethod(scoring.stretches)
    questions = staticmethod(scoring.questions)
    annotated = staticmethod(scoring.annotated)
    imports = staticmethod(loader.load_imports)

    def user_stretches(self, sample: Sample, timeline: Timeline) -> tuple[TalkStretch, ...]:
        """The question, and what is said in the overlap; without the overlap as by default."""
        item = sample.reference.annotation
        if not isinstance(item, OverlapAnnotation):
            return ()
        begins, ends = item.overlap[0] - BEFORE_S, item.overlap[1] + BEYOND_S
        return TalkStretch(0.0, begins), TalkStretch(begins, ends, KINDS[sample.subset])

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Timelines of strategies that look at nothing, the same names for every sample.

        ``silent``; ``always-on``: one endless talk; ``constant@T``: one answer from T seconds on.
        """
        item = item_of(sample)
        talk = [_said(item, 0.0, item.duration_s, TALK)]
        found = {"silent": _heard(sample, (), ()), "always-on": _heard(sample, talk, talk)}
        return found | {f"constant@{t}": _constant(float(t), sample) for t in ONSETS}

    def family(self, samples: Sequence[Sample]) -> dict[str, Strategy]:
        """``constant@T`` and ``talk@T``, from T to the clip's end, for every half second."""
        times = [k * STEP_S for k in range(1, 1 + int(LAST_S / STEP_S))]
        found: dict[str, Strategy] = {
            f"constant@{t:g}": partial(_constant, t) for t in times if t not in ONSETS
        }
        return found | {f"talk@{t:g}": partial(_talking, t) for t in times}

    def ideal(self, sample: Sample) -> Timeline:
        """Timeline of a respondent that does what the reference asks for.

        It answers the overlap with the data's own answer, or else with the overlap's words.
        """
        item = item_of(sample)
        said = []
        for u in sample.reference.ideal:
            if u.role == "talk":
                said.append(_said(item, u.at_s, min(u.at_s + TALK_S, u.until_s or item.duration_s), TALK))
            else:
                text = u.text or item.overlap_text
                said.append(_said(item, u.at_s, u.at_s + len(text.split()) / WORDS_PER_S, text))
        clean = [_said(item, u.at_s, u.at_s + TALK_S, TALK) for u in clean_ideal(item)]
        return _heard(sample, said, clean)
