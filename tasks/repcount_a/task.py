"""RepCount-A: count repetitions aloud while watching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Mark, Published, Score, Task
from tml_bench.tasks._common import dataset_name, published_rows
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
    data_help = """\
Homepage: svip-lab.github.io/dataset/RepCount_dataset.html (archive LLSP, part A). Mirrors on Hugging Face:
lmms-lab-eval/repcounta-lance, momo321654/RepCountA-videos. Academic use; the videos are from YouTube.

    DATA/annotation/{test,valid,train}.csv      (or {split}_with_fps.csv)
    DATA/video/{test,valid,train}/*.mp4

Without --subset the test split is run, on which results are published.
"""

    def dataset(self, data: Path | None) -> str:
        """``official`` when every split there has its official rows, else ``custom``; or the mini set."""
        return dataset_name(data, loader.MINI, loader.is_official)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples in the order of the annotation; see ``loader``.

        Raises:
            UserError: the folder or a split does not exist, or an annotation file is unusable.
        """
        return loader.load(data or loader.MINI, subsets)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording.

        Raises:
            BadSampleError: the sample has no annotation.
        """
        return scoring.score(self.name, sample, timeline)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Silence, a constant count, metronomes fitted on train; see ``strategies``."""
        return strategies.blind(sample)

    def ideal(self, sample: Sample) -> Timeline:
        """Every number at its repetition's end."""
        return strategies.ideal(sample)

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """The video and the end of every repetition."""
        return scoring.marks(sample)

    def published(self) -> tuple[Published, ...]:
        """What papers and vendors report on the test split."""
        return published_rows(self.name)
