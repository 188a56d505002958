"""The scoring rules of Full-Duplex-Bench v1.0, reproduced exactly, oddities included.

For comparing with published numbers only; ``turn_taking`` and ``backchannel`` hold the measures to rely on.

Conventions:
    Times are seconds on the clock of the user's audio. ``words`` are ``(start, end)`` pairs in the order of
    the transcript; either may be None where the recogniser gave none. ``segments`` are the speech segments
    of Silero VAD with its default settings, rounded to 0.1 s. All arithmetic is float64 in the order of the
    reference, since its thresholds fall on float noise (``1.4 - 0.4 < 1``, ``int(0.6 / 0.2) == 2``).

Measures:
    * Takeover (TOR) of a transcript (pause handling, turn taking, interruption): 0 without words; 0 if the
      span from the first word's start to the last word's end is below 1.0 s and there are at most 3 words;
      else 1. Silence between words counts, so three "yeah" spread over a clip are a takeover.
    * Latency: ``max(0, first word's start - user's end)``, for takeovers only. Speaking early gives 0.
    * Backchannels by voice activity: each segment up to 3 s is a predicted backchannel, and sets TOR to 0 if
      it is below 1 s with at most 2 words, else to 1: the **last** one decides. The first segment above 3 s
      sets TOR to 1 and ends the scan.
    * Frequency: predictions per second of audio, takeovers up to 3 s included.
    * JSD: Jensen-Shannon **distance** (square root of the divergence, natural logarithm, at most
      sqrt(ln 2) = 0.8326) between the predictions on a 0.2 s grid and the listeners' distribution; 1 if
      there is no prediction.
    * Spread: population standard deviation (``ddof=0``), as `aggregate.estimate` gives it.

Source: Full-Duplex-Bench (arXiv 2503.04721), ``evaluation/`` of the public repository, state of April 2026.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
WordTimes = tuple[float | None, float | None]

TAKEOVER_SPAN_S = 1.0
"""A transcript spanning at least this is a takeover."""
TAKEOVER_WORDS = 3
"""A transcript of more words than this is a takeover."""
LONG_SEGMENT_S = 3.0
"""A segment longer than this is a takeover for good."""
BACKCHANNEL_SEGMENT_S = 1.0
"""A segment shorter than this can be a backchannel."""
BACKCHANNEL_WORDS = 2
"""A segment of more words than this is a takeover."""
GRID_S = 0.2
"""Width of a histogram bin."""
FLOOR = 1e-10
"""Added to every bin of the predictions."""


class UndefinedInReferenceError(ValueError):
    """The reference stops with an error on this input, so there is no value to reproduce."""


class VadBackchannels(NamedTuple):
    """What the voice activity rule found in one clip.

    ``tor`` is the takeover, 0 or 1, None where the words are unknown; predictions are the segments up to 3 s
    before the first longer one, ``(start, end)`` in seconds.
    """

    tor: int | None
    predictions: tuple[Interval, ...]


def pause_tor(words: Sequence[WordTimes]) -> int:
    """Takeover, 0 or 1, by the transcript rule of pause handling; 0 without words.

    A last word without end counts up to its start.

    Raises:
        UndefinedInReferenceError: a time that the rule needs is None.
    """
    if not words:
        return 0
    last_start, last_end = words[-1]
    return _by_span(words, last_start if last_end is None else last_end)


def turn_tor(words: Sequence[WordTimes]) -> int:
    """Takeover, 0 or 1, of turn taking and interruption; 0 without words. Raises as `pause_tor`."""
    return _by_span(words, words[-1][1]) if words else 0


def clipped_latency(words: Sequence[WordTimes], user_end_s: float) -> float:
    """Seconds from the user's end to the first word, never below 0; defined for takeovers only.

    Raises:
        UndefinedInReferenceError: there are no words, or the first has no start.
    """
    if not words:
        raise UndefinedInReferenceError("there is no first word")
    return max(0.0, _known(words[0][0], "the first word has no start time") - user_end_s)


def vad_backchannels(segments: Sequence[Interval], words: Sequence[WordTimes] | None) -> VadBackchannels:
    """Apply the voice activity rule of the backchannel task; ``(0, ())`` without segments.

    Segments are in order; words are None where unknown, which leaves ``tor`` None.
    """
    tor = 0
    predictions: list[Interval] = []
    for start, end in segments:
        duration = end - start
        if duration > LONG_SEGMENT_S:
            tor = 1
            break
        short = duration < BACKCHANNEL_SEGMENT_S and _words_in(words or (), start, end) <= BACKCHANNEL_WORDS
        tor = 0 if short else 1
        predictions.append((start, end))
    return VadBackchannels(tor if words is not None else None, tuple(predictions))


def backchannel_frequency(predictions: Sequence[Interval], duration_s: float) -> float:
    """Predictions per second of audio. Raises UndefinedInReferenceError if the audio is empty."""
    if duration_s <= 0:
        raise UndefinedInReferenceError("the audio is empty")
    return len(predictions) / duration_s


def backchannel_jsd(
    predictions: Sequence[Interval], duration_s: float, distribution: Sequence[float] | NDArray[np.float64]
) -> float:
    """Distance of the predictions' times from the listeners'.

    ``distribution``, shape (n,), n >= 1, tells how many listeners gave a backchannel in each of n equal parts
    of the clip; non-negative, any positive sum. It is stretched onto the grid by linear interpolation.

    Returns:
        0 (same) to sqrt(ln 2) (disjoint); exactly 1 without predictions.

    Raises:
        UndefinedInReferenceError: nothing of the distribution is left on the grid.
    """
    if not predictions:
        return 1.0
    counts = np.zeros(int(duration_s / GRID_S) + 1)
    for start, end in predictions:
        counts[int(start / GRID_S) : int(end / GRID_S) + 1] += 1
    listeners = np.asarray(distribution, dtype=np.float64)
    grid, parts = np.linspace(0, 1, len(counts)), np.linspace(0, 1, len(listeners))
    stretched = np.interp(grid, parts, listeners)
    if not stretched.sum() > 0:
        raise UndefinedInReferenceError("the listeners' distribution vanishes on the grid")
    return _jensen_shannon_distance(counts + FLOOR, stretched)


def _by_span(words: Sequence[WordTimes], last_end: float | None) -> int:
    first = _known(words[0][0], "the first word has no start time")
    span = _known(last_end, "the last word has no end time") - first
    return 0 if span < TAKEOVER_SPAN_S and len(words) <= TAKEOVER_WORDS else 1


def _known(time: float | None, reason: str) -> float:
    if time is None:
        raise UndefinedInReferenceError(f"{reason}; the reference stops with an error here")
    return time


def _words_in(words: Sequence[WordTimes], start: float, end: float) -> int:
    count = 0
    for word_start, word_end in words:
        if word_start is None:
            continue
        if word_end is None:
            if word_start < end:
                continue
            word_end = word_start
        inside = word_start >= start and word_end <= end
        over_end = word_start <= end and word_end > end
        over_start = word_start <= start and word_end > start
        count += inside or over_end or over_start
    return count


def _jensen_shannon_distance(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def divergence(a: NDArray[np.float64]) -> float:
        some = a > 0
        return float(np.sum(a[some] * np.log(a[some] / middle[some])))

    return float(np.sqrt(max(0.0, divergence(p) + divergence(q)) / 2))
