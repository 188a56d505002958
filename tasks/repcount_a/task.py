"""RepCount-A: count repetitions aloud while watching.

A metronome of rate r says k at (k - 0.5) / r into the video, so that it ends at r times its length,
rounded (half up), and says that number again when the video ends. Its rates were chosen on the official
train split as the ones with the highest OBO on a grid of 0.01 per second, the lowest of equals;
a class-blind one knows nothing, a per-action one is told the action, as the instruction tells everyone.
"""

from collections.abc import Mapping, Sequence
from math import floor

from tml_bench.samples import Sample
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks._common.speech import one_by_one, speaking
from tml_bench.tasks._visual import TAIL_S
from tml_bench.tasks.repcount_a import loader, scoring
from tml_bench.tasks.repcount_a.loader import RepetitionAnnotation
from tml_bench.tasks.repcount_a.scoring import HEADLINE, METRICS
from tml_bench.timeline import Timeline

CONSTANTS = (4, 8)
"""4 has the highest OBO of all constants on the train split; 8 is about the middle of the mini set."""
BLIND_RATE = 0.25
ACTION_RATES: Mapping[str, float] = {
    "battle_rope": 0.88, "bench_pressing": 0.17, "front_raise": 0.18, "jump_jack": 0.95, "others": 0.45,
    "pommelhorse": 0.97, "pull_up": 0.27, "push_up": 0.33, "situp": 0.29, "squat": 0.25,
}  # fmt: skip
"""Repetitions per second."""
WORD_S = 0.3
_TINY = 1e-9


def beats(rate: float, length_s: float) -> int:
    """Where the metronome ends; a beat on the end itself counts, whatever floating point makes of it."""
    return floor(rate * length_s + 0.5 + _TINY)


def _metronome(item: RepetitionAnnotation, rate: float) -> Timeline:
    total = beats(rate, item.end_s - item.start_s)
    said = [(item.start_s + (k - 0.5) / rate, k) for k in range(1, total + 1)]
    return _spoken(item, [*said, (item.end_s, total)])


def _spoken(item: RepetitionAnnotation, said: Sequence[tuple[float, int]]) -> Timeline:
    """The timeline of numbers said at those times, each cut off by the next."""
    # A full stop keeps "20." and "1." two numbers, as a voice does.
    return speaking(item.end_s + TAIL_S, one_by_one([(at, f"{n}.") for at, n in said], WORD_S))


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
    marks = staticmethod(scoring.marks)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """``silent``, ``constant@N``, ``metronome`` and ``metronome per action``: none looks at the video."""
        item = annotation_of(sample, RepetitionAnnotation)
        found = {"silent": _spoken(item, [])}
        for n in CONSTANTS:
            found[f"constant@{n}"] = _spoken(item, [(item.end_s, n)])
        found["metronome"] = _metronome(item, BLIND_RATE)
        found["metronome per action"] = _metronome(item, ACTION_RATES.get(item.action, BLIND_RATE))
        return found

    def ideal(self, sample: Sample) -> Timeline:
        """Says each repetition's number at its end, and the count at the last one's."""
        item = annotation_of(sample, RepetitionAnnotation)
        said = [(end, k) for k, end in enumerate(item.ends, start=1)]
        if len(said) != item.count:
            said.append((item.end_s, item.count))
        return _spoken(item, said)
