"""ProactiveVideoQA: say what was asked for when it is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Score, Task
from tml_bench.tasks.proactive_video_qa import loader, scoring, strategies
from tml_bench.tasks.proactive_video_qa.measures import HEADLINE, METRICS, OVERALL
from tml_bench.tasks.proactive_video_qa.rubric import COVERAGE, RULES
from tml_bench.timeline import Timeline


class ProactiveVideoQA(Task):
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
    is_official = staticmethod(loader.is_official)
    questions = staticmethod(scoring.questions)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    marks = staticmethod(scoring.marks)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples by category, in the order of the annotation; see ``loader``."""
        return loader.load(data or loader.MINI, subsets)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording; see ``scoring``."""
        return scoring.score(self.name, sample, timeline, verdicts)
