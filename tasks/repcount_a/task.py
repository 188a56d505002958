"""RepCount-A: count repetitions aloud while watching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Score, Task
from tml_bench.tasks.repcount_a import loader, scoring, strategies
from tml_bench.tasks.repcount_a.measures import HEADLINE, METRICS
from tml_bench.timeline import Timeline


class RepCountA(Task):
    """RepCount-A, spoken and watched in real time."""

    name = "repcount-a"
    title = "RepCount-A: counting aloud"
    subsets = loader.SPLITS
    metrics = METRICS
    headline = HEADLINE
    mini = loader.MINI
    data_help = """\
Homepage: svip-lab.github.io/dataset/RepCount_dataset.html (archive LLSP, part A). Mirrors on Hugging Face:
lmms-lab-eval/repcounta-lance, momo321654/RepCountA-videos. Academic use; the videos are from YouTube.

    DATA/annotation/{test,valid,train}.csv      (or {split}_with_fps.csv)
    DATA/video/{test,valid,train}/*.mp4

Without --subset the test split is run, on which results are published.
"""

    is_official = staticmethod(loader.is_official)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    marks = staticmethod(scoring.marks)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples in the order of the annotation; see ``loader``."""
        return loader.load(data or loader.MINI, subsets)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording; see ``scoring``."""
        return scoring.score(self.name, sample, timeline)
