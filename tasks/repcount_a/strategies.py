"""Blind strategies of RepCount-A: numbers at times that have nothing to do with the video.

They have a clock, see that the video has ended, and know the action, as the instruction tells everyone.

* ``metronome@R``: at rate R it says k at (k - 0.5) / R into the video, so that it ends at R times its length,
  rounded (half up), and says that number again when the video ends; some count up to a number and no further,
  some begin some seconds into the video.
  ``metronome`` has the rate with the highest OBO on the official train split, on a grid of 0.01 per second,
  the lowest of equals.
* ``metronome per action``: the same with a rate for each action, fitted on the train split in the same way
  (`ACTION_RATES`), or for the lowest MAE (`MAE_RATES`); and all rates of a table times one factor. Rates
  fitted for each action on the samples of the run would be labels and not a blind strategy.
* ``constant@N`` says N when the video ends, ``from the start@N`` when it begins.
* ``recital@N``: from 1 to N over and over until the end, as fast as `PACES_S`.

The search: of every kind but the recitals, of which all are played, the best on each of `Tally`'s measures,
which are the task's as far as numbers are said in time, and near enough to choose by where not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from math import floor, inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics.counting import LATEST_S
from tml_bench.samples import Sample
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks._common.speech import one_by_one, speaking
from tml_bench.tasks._visual import TAIL_S
from tml_bench.tasks.repcount_a.loader import RepetitionAnnotation
from tml_bench.timeline import Timeline

BLIND_RATE = 0.25
ACTION_RATES: Mapping[str, float] = {
    "battle_rope": 0.88, "bench_pressing": 0.17, "front_raise": 0.18, "jump_jack": 0.95, "others": 0.45,
    "pommelhorse": 0.97, "pull_up": 0.27, "push_up": 0.33, "situp": 0.29, "squat": 0.25,
}  # fmt: skip
"""Repetitions per second."""
MAE_RATES: Mapping[str, float] = {
    "battle_rope": 1.04, "bench_pressing": 0.15, "front_raise": 0.18, "jump_jack": 0.62, "others": 0.35,
    "pommelhorse": 0.92, "pull_up": 0.26, "push_up": 0.19, "situp": 0.17, "squat": 0.24,
}  # fmt: skip
"""Repetitions per second."""
NUMBERS = range(1, 121)
RATES = tuple(k / 100 for k in range(3, 201))
FACTORS = tuple(k / 50 for k in range(15, 81))
LAST = (inf, 4, 6, 9, 14, 20, 30)
BEGUN_S = (0.5, 1.0, 1.5, 2.0, 3.0)
RECITED = (5, 10, 20, 40)
PACES_S = (0.3, 0.6)
WORD_S = 0.3
_TINY = 1e-9

Numbers = Sequence[tuple[float, int]]


def spoken(item: RepetitionAnnotation, said: Numbers) -> Timeline:
    """The timeline of numbers said at those times, each cut off by the next."""
    # A full stop keeps "20." and "1." two numbers, as a voice does.
    return speaking(item.end_s + TAIL_S, one_by_one([(at, f"{n}.") for at, n in said], WORD_S))


def beats(rate: float, length_s: float) -> int:
    """Where the metronome ends; a beat on the end itself counts, whatever floating point makes of it."""
    return floor(rate * length_s + 0.5 + _TINY)


def constant(number: float, item: RepetitionAnnotation) -> Numbers:
    """One number when the video ends."""
    return [(item.end_s, int(number))]


def from_the_start(number: float, item: RepetitionAnnotation) -> Numbers:
    """One number when the video begins."""
    return [(item.start_s, int(number))]


def metronome(rate: float, last: float, begun_s: float, item: RepetitionAnnotation) -> Numbers:
    """Counts at a fixed rate from some seconds on, up to a number or to the video's end."""
    total = int(min(max(0, beats(rate, item.end_s - item.start_s - begun_s)), last))
    begins = item.start_s + begun_s
    return [*((begins + (k - 0.5) / rate, k) for k in range(1, total + 1)), (item.end_s, total)]


def per_action(rates: Mapping[str, float], factor: float, item: RepetitionAnnotation) -> Numbers:
    """A metronome at the action's usual rate, times a factor."""
    return metronome(factor * rates.get(item.action, BLIND_RATE), inf, 0.0, item)


def recital(number: int, pace_s: float, item: RepetitionAnnotation) -> Numbers:
    """From 1 to a number over and over, one every ``pace_s`` seconds, to the video's end."""
    total = int((item.end_s - item.start_s) / pace_s)
    return [(item.start_s + k * pace_s, k % number + 1) for k in range(total)]


Plan = Callable[[RepetitionAnnotation], Numbers]
Array = NDArray[np.float64]


def best(items: Sequence[RepetitionAnnotation]) -> Iterator[tuple[str, Plan]]:
    """The best of the family on these videos: every member's name, and what it says and when."""
    numbers = np.array(NUMBERS, float)
    for number in numbers[_best(items, lambda item: Metronomes(inf, numbers, 0.0))]:
        yield f"constant@{number:g}", partial(constant, float(number))
        yield f"from the start@{number:g}", partial(from_the_start, float(number))
    kinds = [*product(RATES, LAST, (0.0,)), *product(RATES, (inf,), BEGUN_S)]
    counting = Metronomes(*np.array(kinds).T)
    for rate, last, begun_s in (kinds[k] for k in _best(items, lambda item: counting)):
        name = f"metronome@{rate:g}" + ("" if last == inf else f" up to {last:g}")
        yield name + (f" from {begun_s:g} s" if begun_s else ""), partial(metronome, rate, last, begun_s)
    factors = np.array(FACTORS)
    for name, rates in (("metronome per action", ACTION_RATES), ("metronome per action, MAE,", MAE_RATES)):
        for factor in factors[_best(items, partial(_scaled, rates, factors))]:
            yield f"{name} x{factor:g}", partial(per_action, rates, float(factor))
    for n, pace_s in product(RECITED, PACES_S):
        yield f"recital@{n} every {pace_s:g} s", partial(recital, n, pace_s)


class Metronomes(NamedTuple):
    """Rates, last numbers and beginnings of metronomes; one of them an array, or all, of the same length."""

    rate: Array | float
    last: Array | float
    begun_s: Array | float


def _scaled(rates: Mapping[str, float], factors: Array, item: RepetitionAnnotation) -> Metronomes:
    return Metronomes(factors * rates.get(item.action, BLIND_RATE), inf, 0.0)


def _best(
    items: Sequence[RepetitionAnnotation], of: Callable[[RepetitionAnnotation], Metronomes]
) -> list[int]:
    """Indices of the metronomes that are the best on some measure."""
    tallies = [tally(item, of(item)) for item in items]
    return sorted({int(np.argmin(measure)) for measure in measures(tallies)})


class Tally(NamedTuple):
    """What metronomes reach on one video, an array over the metronomes each.

    Attributes:
        missed: the last number is more than one off.
        error: |last number - count| / count; 0 for a count of 0.
        running: the running error at `MOMENTS` of the time, shape (moments, metronomes).
        hits: repetitions whose number is said in its place.
        spoken: numbers said, but at least the repetitions.
        late_s: |onset - end| over the hits.
        repetitions: how many there are.
    """

    missed: Array
    error: Array
    running: Array
    hits: Array
    spoken: Array
    late_s: Array
    repetitions: int


MOMENTS = np.array([0.25, 0.5, 0.75, 1.0, *((k + 0.5) / 40 for k in range(40))])


def tally(item: RepetitionAnnotation, of: Metronomes) -> Tally:
    """What metronomes reach on a video; an infinite rate says its last number from the start."""
    length = item.end_s - item.start_s
    ends = np.array(item.ends) - item.start_s

    def said(at_s: float) -> Array:
        beats = np.floor(of.rate * (at_s - of.begun_s) + 0.5 + _TINY)
        return np.minimum(np.maximum(beats, 0.0), of.last)

    total = said(length)
    off = np.abs(total - item.count)
    running = [np.abs(said(f * length) - np.searchsorted(ends, f * length, "right")) for f in MOMENTS]
    k = np.arange(1, len(ends) + 1)[:, None]
    onset = of.begun_s + (k - 0.5) / of.rate
    since = np.concatenate([[0.0], ends])[: len(ends), None]
    late = np.abs(onset - ends[:, None])
    hit = (k <= total) & (onset >= since) & (onset <= ends[:, None] + LATEST_S)
    return Tally(
        (off > 1).astype(float),
        off / item.count if item.count else 0 * off,
        np.array(running),
        hit.sum(axis=0),
        np.maximum(total, len(ends)),
        np.where(hit, late, 0.0).sum(axis=0),
        len(ends),
    )


def measures(tallies: Sequence[Tally]) -> Iterator[Array]:
    """Each measure over all videos, the lower the better; an array over the metronomes each."""
    yield np.mean([t.missed for t in tallies], axis=0)
    yield np.mean([t.error for t in tallies], axis=0)
    running = np.mean([t.running for t in tallies], axis=0)
    yield from running[:4]
    yield running[4:].mean(axis=0)
    hits = np.sum([t.hits for t in tallies], axis=0)
    yield -hits / np.sum([t.spoken for t in tallies], axis=0)
    late = np.sum([t.late_s for t in tallies], axis=0) / np.maximum(hits, 1)
    yield np.where(hits >= 0.9 * sum(t.repetitions for t in tallies), late, inf)


def played(plan: Plan) -> Callable[[Sample], Timeline]:
    """A plan as a strategy."""
    return partial(_play, plan)


def _play(plan: Plan, sample: Sample) -> Timeline:
    item = annotation_of(sample, RepetitionAnnotation)
    return spoken(item, plan(item))
