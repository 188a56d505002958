"""RepCount-A: count repetitions aloud while watching."""

from collections.abc import Sequence
from math import inf

from tml_bench.samples import Sample
from tml_bench.task import OfficialSize, Strategy
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks._visual import instruction_stretches
from tml_bench.tasks.repcount_a import loader, scoring
from tml_bench.tasks.repcount_a.loader import RepetitionAnnotation
from tml_bench.tasks.repcount_a.scoring import BOARD, HEADLINE, METRICS
from tml_bench.tasks.repcount_a.strategies import (
    ACTION_RATES,
    BLIND_RATE,
    best,
    metronome,
    per_action,
    played,
    spoken,
)
from tml_bench.timeline import Timeline


class RepCountA(FolderTask):
    """RepCount-A, spoken and watched in real time."""

    name = "repcount-a"
    title = "RepCount-A: counting aloud"
    subsets = loader.SPLITS
    metrics = METRICS
    headline = HEADLINE
    board = BOARD
    mini = loader.MINI
    official_sizes = (OfficialSize("test", 152, 30.7),)
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
    marks = staticmethod(scoring.marks)
    user_stretches = staticmethod(instruction_stretches)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """``silent``, ``metronome`` and ``metronome per action``: none looks at the video."""
        item = annotation_of(sample, RepetitionAnnotation)
        return {
            "silent": spoken(item, []),
            "metronome": spoken(item, metronome(BLIND_RATE, inf, 0.0, item)),
            "metronome per action": spoken(item, per_action(ACTION_RATES, 1.0, item)),
        }

    def family(self, samples: Sequence[Sample]) -> dict[str, Strategy]:
        """Constants, metronomes and recitals; the best of them by ``strategies``."""
        items = [annotation_of(sample, RepetitionAnnotation) for sample in samples]
        return {name: played(plan) for name, plan in best(items)}

    def ideal(self, sample: Sample) -> Timeline:
        """Says each repetition's number at its end, and the count at the last one's."""
        item = annotation_of(sample, RepetitionAnnotation)
        said = [(end, k) for k, end in enumerate(item.ends, start=1)]
        if len(said) != item.count:
            said.append((item.end_s, item.count))
        return spoken(item, said)
