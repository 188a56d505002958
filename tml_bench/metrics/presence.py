"""Presence while slow work is done: silence, repetition, and when a result is told. Times are seconds.

* Dead air is a silence of `DEAD_AIR_S` or longer in which neither side speaks, counted whole; shorter ones
  are pauses of a conversation. It is looked for from the end of the request until the result is there.
* A phrase is repeated if it is said more than twice: all words of an utterance, or `RUN` words in a row.
* A result is told from the onset of the utterance in which its number is said; from the number itself if that
  utterance began before the result was there.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Span = tuple[float, float]
DEAD_AIR_S = 1.5
RUN = 4
"""Words in a row that are a phrase of their own."""
BEGIN_S, SAID_S = 3.0, 10.0
"""A result is told in time if no silence before is longer, and its number is said so soon."""
EPSILON_S = 1e-6


class DeadAir(NamedTuple):
    """The longest silence of those that are dead air, and all of them together; 0 where there is none."""

    longest_s: float
    total_s: float


def dead_air(start_s: float, end_s: float, speech: Iterable[Span]) -> DeadAir:
    """Dead air between two moments; ``speech`` is what either side says, in any order."""
    silences = _silences(start_s, end_s, speech)
    dead = [length for length in silences if length >= DEAD_AIR_S - EPSILON_S]
    return DeadAir(max(dead, default=0.0), sum(dead))


def _silences(start_s: float, end_s: float, speech: Iterable[Span]) -> list[float]:
    """Lengths of the silences between two moments."""
    found, at = [], start_s
    for begin, end in sorted(speech):
        if begin >= end_s:
            break
        if begin > at:
            found.append(begin - at)
        at = max(at, end)
    return [*found, max(0.0, end_s - at)]


def times_repeated(utterances: Sequence[Sequence[str]]) -> int:
    """How often the phrase said most often is said; 0 for no words."""
    whole = Counter(tuple(words) for words in utterances if words)
    runs = Counter(tuple(words[k : k + RUN]) for words in utterances for k in range(len(words) - RUN + 1))
    return max([*whole.values(), *runs.values()], default=0)


def telling_onset(utterance_s: float, number_s: float, arrival_s: float) -> float:
    """When the telling of a result begins: see the module's docstring."""
    return utterance_s if utterance_s >= arrival_s - EPSILON_S else number_s


def free_from(arrival_s: float, user: Iterable[Span]) -> float:
    """The first moment from the result's arrival on at which the user does not speak."""
    at = arrival_s
    for begin, end in sorted(user):
        if begin <= at < end:
            at = end
    return at


def in_time(onset_s: float, number_s: float, free_s: float, speech: Iterable[Span]) -> bool:
    """Whether a result is told in time, counted from the first moment at which that could be.

    Args:
        onset_s: when the telling begins.
        number_s: when its number is said.
        free_s: that first moment, see `free_from`.
        speech: what either side says; something else may be finished, or answered, before.
    """
    silences = _silences(free_s, onset_s, speech)
    return max(silences) <= BEGIN_S + EPSILON_S and number_s - free_s <= SAID_S + EPSILON_S


def speaks_at(moment_s: float, user: Iterable[Span], edge_s: float) -> bool:
    """Whether the user is speaking at a moment; not within ``edge_s`` of the end of their turn."""
    return any(begin <= moment_s < end - edge_s for begin, end in user)
