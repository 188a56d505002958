"""ProactiveVideoQA: say what was asked for when it is seen."""

import math
from collections.abc import Sequence
from functools import partial

from tml_bench.samples import Sample
from tml_bench.task import OfficialSize, Strategy
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks._visual import TAIL_S, instruction_stretches
from tml_bench.tasks.proactive_video_qa import loader, scoring
from tml_bench.tasks.proactive_video_qa.loader import ProactiveAnnotation
from tml_bench.tasks.proactive_video_qa.scoring import BOARD, COVERAGE, HEADLINE, METRICS, OVERALL, RULES
from tml_bench.tasks.proactive_video_qa.spans import ExpectedSpans
from tml_bench.timeline import Timeline

REPLY_S, SHORTEST_S = 1.0, 0.02
PERIOD_S = 2.0
"""Chunks of this length are what the paper's offline models reply to on the shortest category."""
CHATTER = "Something is happening in the video."
_GAP_S = 1.0
EDGE_S = 0.05
"""A reply at the end of one span that opens the next is one to both turns; so much later, to the second."""
ONSETS_S = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 60)
PERIODS_S = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0)
"""Of the strategies that are searched."""


def _spoken(item: ProactiveAnnotation, said: Sequence[tuple[float, str]]) -> Timeline:
    """The timeline of utterances at times of the video, each over ``_GAP_S`` before the next one."""
    planned = []
    for (at, text), after in zip(said, [*(at for at, _ in said[1:]), math.inf], strict=False):
        length = min(REPLY_S, max(after - at - _GAP_S, SHORTEST_S))
        planned.append(Speech(item.video_at_s + at, item.video_at_s + at + length, text.split()))
    end_s = max([item.video_at_s + item.length_s, *(speech.end_s for speech in planned)]) + TAIL_S
    return speaking(end_s, planned)


class ProactiveVideoQA(FolderTask):
    """ProactiveVideoQA, spoken and watched in real time."""

    name = "proactive-video-qa"
    title = "ProactiveVideoQA: saying it when it is seen"
    subsets = loader.CATEGORIES
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    board = BOARD
    mini = loader.MINI
    official_sizes = (
        OfficialSize("WEB", 500, 16.6),
        OfficialSize("EGO", 326, 360.0),
        OfficialSize("TV", 500, 75.6),
        OfficialSize("VAD", 101, 121.0),
    )
    data_help = """\
Links to the data are in the README of yellow-binary-tree/ProactiveVideoQA on GitHub; the videos also need the
terms of Ego4D (EGO), TVQA (TV), UCF-Crime (VAD) and Shot2Story (WEB). Research use.

    DATA/{WEB,EGO,TV,VAD}/anno.json
    DATA/{WEB,EGO,TV,VAD}/videos/*

Any category may be missing; one category's folder alone will do.
"""
    rubrics = (COVERAGE,)
    rules = RULES
    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    questions = staticmethod(scoring.questions)
    marks = staticmethod(scoring.marks)
    user_stretches = staticmethod(instruction_stretches)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """``silent``, ``always-reply``, ``question back``: none looks at the video.

        ``always-reply`` says one sentence every 2 s; ``question back`` repeats the question once, at 0 s.
        """
        return {
            "silent": _spoken(annotation_of(sample, ProactiveAnnotation), []),
            "always-reply": _every(PERIOD_S, CHATTER, sample),
            "question back": _once(0.0, "", sample),
        }

    def family(self, samples: Sequence[Sample]) -> dict[str, Strategy]:
        """One sentence, or the question, at a fixed time or at fixed intervals."""
        found: dict[str, Strategy] = {f"reply@{t}": partial(_once, float(t), CHATTER) for t in ONSETS_S}
        found |= {f"question back@{t}": partial(_once, float(t), "") for t in ONSETS_S if t}
        for period in PERIODS_S:
            if period != PERIOD_S:
                found[f"always-reply every {period:g} s"] = partial(_every, period, CHATTER)
        return found

    def ideal(self, sample: Sample) -> Timeline:
        """Says every gold answer the moment its span opens; a moment later where another span holds that."""
        item = annotation_of(sample, ProactiveAnnotation)
        spans = ExpectedSpans([turn.span for turn in item.turns])
        said = [(t.span[0] + EDGE_S * spans.held_before(t.span[0]), t.content) for t in item.turns]
        return _spoken(item, sorted(said))


def _once(at_s: float, text: str, sample: Sample) -> Timeline:
    """One reply at a time of the video; the question where there is no text."""
    item = annotation_of(sample, ProactiveAnnotation)
    return _spoken(item, [(at_s, text or item.question)] if at_s < item.length_s else [])


def _every(period_s: float, text: str, sample: Sample) -> Timeline:
    """The same reply at fixed intervals."""
    item = annotation_of(sample, ProactiveAnnotation)
    return _spoken(item, [(k * period_s, text) for k in range(int(item.length_s // period_s) + 1)])
