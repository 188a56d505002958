"""Charades: say when an action starts and when it stops."""

from tml_bench.samples import Sample
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks._common.speech import one_by_one, speaking
from tml_bench.tasks._visual import TAIL_S
from tml_bench.tasks.charades import loader, scoring
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.tasks.charades.scoring import HEADLINE, METRICS, OVERALL
from tml_bench.timeline import Timeline

CONSTANTS = (
    (0, 3), (0, 5), (0, 8), (0, 13), (0, 20), (0, 27), (2, 6), (2, 10), (3, 12), (4, 14), (6, 22), (8, 20),
)  # fmt: skip
"""Constant intervals in seconds of the video. On the official test sets the best ones are (0, 13) for
Charades-STA and (6, 22) for interior actions; the others cover shorter and longer sets."""
WORD_S = 0.4


def late(sample: Sample, delay_s: float) -> Timeline:
    """Sees everything and says both words ``delay_s`` seconds late."""
    item = annotation_of(sample, MomentAnnotation)
    shift = delay_s - item.video_at_s
    return _spoken(item, item.start_s + shift, item.end_s + shift)


def _spoken(item: MomentAnnotation, start_s: float | None, stop_s: float | None) -> Timeline:
    """The two words at times of the video; the first is cut off by the second."""
    times = [("start", start_s), ("stop", stop_s)]
    onsets = [(item.video_at_s + at, text) for text, at in times if at is not None]
    end_s = max([item.video_at_s + item.length_s, *(at + WORD_S for at, _ in onsets)]) + TAIL_S
    return speaking(end_s, one_by_one(onsets, WORD_S))


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
    marks = staticmethod(scoring.marks)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """``silent``, ``whole video`` and ``constant@A-B``: none looks at the video."""
        item = annotation_of(sample, MomentAnnotation)
        found = {"silent": _spoken(item, None, None), "whole video": _spoken(item, 0.0, item.length_s)}
        for start, end in CONSTANTS:
            a, b = min(float(start), item.length_s), min(float(end), item.length_s)
            found[f"constant@{start}-{end}"] = _spoken(item, a, b)
        return found

    def ideal(self, sample: Sample) -> Timeline:
        """Says both words at the annotated times."""
        return late(sample, 0.0)
