"""Charades: say when an action starts and when it stops."""

from __future__ import annotations

from tml_bench.tasks._common import FolderTask
from tml_bench.tasks.charades import loader, scoring, strategies
from tml_bench.tasks.charades.measures import HEADLINE, METRICS, OVERALL


class Charades(FolderTask):
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

    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    marks = staticmethod(scoring.marks)
