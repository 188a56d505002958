"""Charades: say when an action starts and when it stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Mark, Published, Score, Task
from tml_bench.tasks._common import dataset_name, published_rows
from tml_bench.tasks.charades import loader, scoring, strategies
from tml_bench.tasks.charades.measures import HEADLINE, METRICS, OVERALL
from tml_bench.timeline import Timeline


class Charades(Task):
    """Temporal localisation, spoken in real time: Charades actions and Charades-STA sentences."""

    name = "charades"
    title = "Charades: start and stop"
    subsets = loader.SUBSETS
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    data_help = """\
Labels (Charades.zip) and videos (Charades_v1_480) from prior.allenai.org/projects/charades, no sign-up, for
non-commercial use. charades_sta_test.txt is linked in the README of jiyanggao/TALL on GitHub.

    DATA/Charades_v1_test.csv
    DATA/Charades_v1_classes.txt
    DATA/charades_sta_test.txt
    DATA/Charades_v1_480/{ID}.mp4      (or videos/, Charades_v1/)

Any of the annotation files may be missing; its subsets are then left out.
"""

    def dataset(self, data: Path | None) -> str:
        """``official`` when what is there has its official size, else ``custom``; or the mini set."""
        return dataset_name(data, loader.MINI, loader.is_official)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples by subset, in the order of the files; see ``loader``.

        Raises:
            UserError: the folder, or a file that a subset needs, does not exist or is unusable.
        """
        return loader.load(data or loader.MINI, subsets)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording.

        Raises:
            BadSampleError: the sample has no annotation.
        """
        return scoring.score(self.name, sample, timeline)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Silence, the whole video, constant intervals; see ``strategies``."""
        return strategies.blind(sample)

    def ideal(self, sample: Sample) -> Timeline:
        """Both words at the annotated times."""
        return strategies.ideal(sample)

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """The video and what happens in it."""
        return scoring.marks(sample)

    def published(self) -> tuple[Published, ...]:
        """What others report, and what blind, late and human annotators reach on the official test sets."""
        return published_rows(self.name)
