"""Charades: say when an action starts and when it stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Score, Task
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
    mini = loader.MINI
    data_help = """\
Labels (Charades.zip) and videos (Charades_v1_480) from prior.allenai.org/projects/charades, no sign-up, for
non-commercial use. charades_sta_test.txt is linked in the README of jiyanggao/TALL on GitHub.

    DATA/Charades_v1_test.csv
    DATA/Charades_v1_classes.txt
    DATA/charades_sta_test.txt
    DATA/Charades_v1_480/{ID}.mp4      (or videos/, Charades_v1/)

Any of the annotation files may be missing; its subsets are then left out.
"""

    is_official = staticmethod(loader.is_official)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    marks = staticmethod(scoring.marks)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples by subset, in the order of the files; see ``loader``."""
        return loader.load(data or loader.MINI, subsets)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording; see ``scoring``."""
        return scoring.score(self.name, sample, timeline)
