"""ProactiveVideoQA: say what was asked for when it is seen."""

import math
from collections.abc import Sequence

from tml_bench.samples import Sample
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks._visual import TAIL_S
from tml_bench.tasks.proactive_video_qa import loader, scoring
from tml_bench.tasks.proactive_video_qa.loader import ProactiveAnnotation
from tml_bench.tasks.proactive_video_qa.scoring import COVERAGE, HEADLINE, METRICS, OVERALL, RULES
from tml_bench.timeline import Timeline

REPLY_S, SHORTEST_S = 1.0, 0.02
PERIOD_S = 2.0
"""Chunks of this length are what the paper's offline models reply to on the shortest category."""
CHATTER = "Something is happening in the video."
_GAP_S = 1.0


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
    mini = loader.MINI
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

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """``silent``, ``always-reply``, ``question back``: none looks at the video.

        ``always-reply`` says one sentence every 2 s; ``question back`` repeats the question once, at 0 s.
        """
        item = annotation_of(sample, ProactiveAnnotation)
        beats = [k * PERIOD_S for k in range(int(item.length_s // PERIOD_S) + 1)]
        return {
            "silent": _spoken(item, []),
            "always-reply": _spoken(item, [(at, CHATTER) for at in beats]),
            "question back": _spoken(item, [(0.0, item.question)]),
        }

    def ideal(self, sample: Sample) -> Timeline:
        """Says every gold answer the moment its span opens."""
        item = annotation_of(sample, ProactiveAnnotation)
        return _spoken(item, [(turn.span[0], turn.content) for turn in item.turns])
