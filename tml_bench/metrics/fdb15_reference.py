"""The timing and before/after rules of Full-Duplex-Bench v1.5, reproduced exactly, oddities included.

For comparing with what its code writes; ``turn_taking`` holds the measures to rely on.

Conventions:
    Times are seconds on the clock of the user's audio. Segments are ``(start, end)``, ordered, not
    overlapping: Silero VAD with its default settings at 16 kHz, unrounded. Words are ``(start, end)`` in the
    order of the transcript; either may be None where the recogniser gave none.

Measures:
    * Merging: segments whose gap is **at most** ``USER_GAP_S`` (user) or ``MODEL_GAP_S`` (model) are one.
    * Stops (``latency_stop_list``): every stretch in which a user and a model segment overlap,
      ``[max of starts, min of ends]``, with positive length; of those with the same end (to the millisecond)
      the shortest; sorted by end; rounded to 3 decimals. Where the model yields, its length is the stop
      latency if the model was speaking first, and only part of it otherwise. Where the model talks on, the
      stretch ends with the user: a **censored** stop, which the reference lists like any other.
    * Responses (``latency_resp_list``): for every user segment the first model segment that starts strictly
      after its end, ``[user's end, model's start]``; of those with the same model start (to the
      millisecond) the one with the latest user's end. Users that are never answered contribute nothing.
    * Both lists hold every user segment of the clip, the context turn included; the reference averages
      neither.
    * Split time, from which the model's speech counts as "after": the start of the first word (by start)
      that begins after the overlap's end or contains it; the end of the last word when there is none; the
      overlap's end without words. Cut to the clip.
    * Words per minute: number of words per span from the first word's start to the last one's end. Pauses
      are in the span.

Source: Full-Duplex-Bench v1.5 (arXiv 2507.23159), ``evaluation/`` of the public repository, April 2026.
"""

from collections.abc import Sequence
from typing import NamedTuple

Interval = tuple[float, float]
WordTimes = tuple[float | None, float | None]

USER_GAP_S = 0.6
"""User segments this far apart or less are one."""
MODEL_GAP_S = 0.5
"""Model segments this far apart or less are one."""
_DECIMALS = 3


class OverlapStretch(NamedTuple):
    """A stretch in which both speak, from the later start to the earlier end.

    It is censored if the model was still speaking when the user ended.
    """

    start_s: float
    end_s: float
    censored: bool

    @property
    def length_s(self) -> float:
        """Its length, from the rounded times."""
        return self.end_s - self.start_s


def merge(segments: Sequence[Interval], gap_s: float) -> tuple[Interval, ...]:
    """Join segments at most ``gap_s`` apart; empty input gives an empty result."""
    merged: list[Interval] = []
    for start, end in segments:
        if merged and start - merged[-1][1] <= gap_s:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def stops(user: Sequence[Interval], model: Sequence[Interval]) -> tuple[OverlapStretch, ...]:
    """``latency_stop_list``, from merged segments.

    Returns:
        Sorted by end; times rounded to 3 decimals; empty where the two never overlap.
    """
    by_end: dict[float, OverlapStretch] = {}
    for user_start, user_end in user:
        for model_start, model_end in model:
            start, end = max(user_start, model_start), min(user_end, model_end)
            if end <= start:
                continue
            key = round(end, _DECIMALS)
            if key not in by_end or start > by_end[key].start_s:
                by_end[key] = OverlapStretch(start, end, model_end > user_end)
    return tuple(
        OverlapStretch(round(stop.start_s, _DECIMALS), key, stop.censored)
        for key, stop in sorted(by_end.items())
    )


def responses(user: Sequence[Interval], model: Sequence[Interval]) -> tuple[Interval, ...]:
    """``latency_resp_list``, from merged segments.

    Returns:
        ``(user's end, model's start)`` sorted by the latter, rounded to 3 decimals; empty where no user
        segment is followed by a model segment.
    """
    by_start: dict[float, float] = {}
    for _, user_end in user:
        after = [model_start for model_start, _ in model if model_start > user_end]
        if after:
            key = round(min(after), _DECIMALS)
            by_start[key] = max(by_start.get(key, user_end), user_end)
    return tuple((round(end, _DECIMALS), start) for start, end in sorted(by_start.items()))


def split_time(words: Sequence[WordTimes], overlap_end_s: float, duration_s: float) -> float:
    """When the model's speech after the overlap begins, within [0, ``duration_s``], the length of its audio.

    Words without both times are left out.
    """
    known = _timed(words)
    split = overlap_end_s
    if known:
        after = (a for a, b in known if overlap_end_s < a or a <= overlap_end_s < b)
        split = next(after, known[-1][1])
    return min(max(0.0, split), duration_s)


def words_before(
    words: Sequence[WordTimes], split_s: float
) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
    """Words that end by the split, and the others; those without both times are in neither."""
    known = _timed(words)
    return tuple(w for w in known if w[1] <= split_s), tuple(w for w in known if w[1] > split_s)


def words_per_minute(words: Sequence[WordTimes]) -> float | None:
    """Words per minute of the span they cover; None without either, where the reference writes 0."""
    known = _timed(words)
    if not known or known[-1][1] <= known[0][0]:
        return None
    return len(known) / ((known[-1][1] - known[0][0]) / 60)


def _timed(words: Sequence[WordTimes]) -> list[Interval]:
    return sorted(((a, b) for a, b in words if a is not None and b is not None), key=lambda w: w[0])
