"""Charades: say when an action starts and when it stops."""

from collections.abc import Sequence

from tml_bench.samples import Sample
from tml_bench.task import OfficialSize, Overall, Strategy
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks._visual import instruction_stretches
from tml_bench.tasks.charades import loader, scoring
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.tasks.charades.scoring import BOARD, HEADLINE, METRICS, OVERALL
from tml_bench.tasks.charades.strategies import best_of_parts, spoken
from tml_bench.timeline import Timeline


def late(sample: Sample, delay_s: float) -> Timeline:
    """Sees everything and says both words ``delay_s`` seconds late."""
    item = annotation_of(sample, MomentAnnotation)
    shift = delay_s - item.video_at_s
    return spoken(item, item.start_s + shift, item.end_s + shift)


class Charades(FolderTask):
    """Temporal localisation, spoken in real time: Charades actions and Charades-STA sentences."""

    name = "charades"
    title = "Charades: start and stop"
    subsets = loader.SUBSETS
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    board = BOARD
    mini = loader.MINI
    official_sizes = tuple(
        OfficialSize(name, n, 28.7) for name, n in (("sta", 3720), ("interior", 6282), ("edge", 9645))
    )
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
    marks = staticmethod(scoring.marks)
    user_stretches = staticmethod(instruction_stretches)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """``silent`` and ``whole video``: neither looks at the video."""
        item = annotation_of(sample, MomentAnnotation)
        return {"silent": spoken(item, None, None), "whole video": spoken(item, 0.0, item.length_s)}

    def family(self, samples: Sequence[Sample]) -> dict[str, Strategy]:
        """``constant@A-B``: the best pairs of times in every part of the task; see ``strategies``."""
        parts = (*self.overall, *(Overall(s, (s,)) for s in self.subsets))
        return best_of_parts([s for s in samples if s.subset in part.subsets] for part in parts)

    def ideal(self, sample: Sample) -> Timeline:
        """Says both words at the annotated times."""
        return late(sample, 0.0)
