"""ProactiveVideoQA: say what was asked for when it is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Question, Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Mark, Published, Score, Task
from tml_bench.tasks._common import dataset_name, published_rows
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
    data_help = """\
Links to the data are in the README of yellow-binary-tree/ProactiveVideoQA on GitHub; the videos also need the
terms of Ego4D (EGO), TVQA (TV), UCF-Crime (VAD) and Shot2Story (WEB). Research use.

    DATA/{WEB,EGO,TV,VAD}/anno.json
    DATA/{WEB,EGO,TV,VAD}/videos/*

Any category may be missing; one category's folder alone will do.
"""
    rubrics = (COVERAGE,)
    rules = RULES

    def dataset(self, data: Path | None) -> str:
        """``official`` when every category there has its official size, else ``custom``; or the mini set."""
        return dataset_name(data, loader.MINI, loader.is_official)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples by category, in the order of the annotation; see ``loader``.

        Raises:
            UserError: the folder or a category does not exist, or an annotation file is unusable.
        """
        return loader.load(data or loader.MINI, subsets)

    def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
        """How well the replies in each expected span cover its answer, after each of them.

        Raises:
            BadSampleError: the sample has no annotation.
        """
        return scoring.questions(sample, timeline)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording.

        Raises:
            BadSampleError: the sample has no annotation.
        """
        return scoring.score(self.name, sample, timeline, verdicts)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Silence, always replying, repeating the question; see ``strategies``."""
        return strategies.blind(sample)

    def ideal(self, sample: Sample) -> Timeline:
        """Every gold answer the moment its span opens."""
        return strategies.ideal(sample)

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """The video and the expected spans."""
        return scoring.marks(sample)

    def published(self) -> tuple[Published, ...]:
        """What the paper and vendors report."""
        return published_rows(self.name)
