"""RepCount-A: count repetitions aloud while watching."""

from __future__ import annotations

from tml_bench.tasks._common import FolderTask
from tml_bench.tasks.repcount_a import loader, scoring, strategies
from tml_bench.tasks.repcount_a.measures import HEADLINE, METRICS


class RepCountA(FolderTask):
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

    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    marks = staticmethod(scoring.marks)
