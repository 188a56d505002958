"""Speech at the right time: windows around expected onsets, one-to-one matching, onset errors.

Conventions:
    Times are seconds on one clock. An onset is the first voiced sample of an utterance. A target is an
    expected event: its time t* and the window, both ends included, within which an onset is on time.
    Comparisons allow `EPSILON_S` for rounding.

Windows:
    * Scheduled, d seconds after the moment the user named: |onset - t*| <= min(3, max(0.5, 0.1 d)). Half a
      second is about a micro-turn of 200 ms twice over plus a vocal reaction (185-250 ms); a tenth is the
      coefficient of variation of human interval timing (0.05-0.15; Lewis & Miall 2009 for its fall with
      duration); 3 s is what OmniPro and OmniInteract's neighbours allow at most.
    * Periodic, period p: the same with d = p, but at most p/4, so that no onset fits two beats.
    * Cue, identifiable at t* (normally the end of the deciding word): t* - 0.2 <= onset <= t* + w, cut off at
      the next cue where one is given. Before t* - 0.2 it is a guess. w = 1 s for a fixed word (reaction 0.2 +
      word production 0.6 + a micro-turn 0.2; Levinson & Torreira 2015), 2 s by default, 4 s for translating
      (ear-voice span of interpreters: 2-5 s).
    * Answer to a question that ends at t*: t* <= onset <= t* + w.
"""

from __future__ import annotations

from typing import NamedTuple

EPSILON_S = 1e-6
GUESS_S = 0.2
"""How long before a cue can be known an onset still counts: a micro-turn, and what an aligner may be off."""
SHORTEST_S, SHARE, LONGEST_S = 0.5, 0.1, 3.0
"""Half-width of a scheduled window: at least, as a share of the time to wait, at most."""


class Target(NamedTuple):
    """An expected event.

    Attributes:
        at_s: expected onset t*.
        opens_s: first onset that is on time.
        closes_s: last onset that is on time.
    """

    at_s: float
    opens_s: float
    closes_s: float

    def holds(self, onset_s: float) -> bool:
        """Whether an onset is on time."""
        return self.opens_s - EPSILON_S <= onset_s <= self.closes_s + EPSILON_S


def half_width(d_s: float) -> float:
    """Half the width of a scheduled window, seconds.

    Raises:
        ValueError: ``d_s`` is not positive.
    """
    if d_s <= 0:
        raise ValueError(f"a time to wait of {d_s:g} s has no window")
    return min(LONGEST_S, max(SHORTEST_S, SHARE * d_s))


def scheduled(at_s: float, d_s: float) -> Target:
    """The target of an event due ``d_s`` seconds after the moment the user named."""
    half = half_width(d_s)
    return Target(at_s, at_s - half, at_s + half)


def periodic(at_s: float, period_s: float) -> Target:
    """The target of a beat of a series."""
    half = min(half_width(period_s), period_s / 4)
    return Target(at_s, at_s - half, at_s + half)


def cue(at_s: float, w_s: float, until_s: float | None = None) -> Target:
    """The target of a reaction to a cue.

    Raises:
        ValueError: ``until_s`` lies before the window opens.
    """
    closes = at_s + w_s if until_s is None else min(at_s + w_s, until_s)
    if closes < at_s - GUESS_S:
        raise ValueError(f"the window closes at {closes:g} s, before it opens at {at_s - GUESS_S:g} s")
    return Target(at_s, at_s - GUESS_S, closes)


def answer(at_s: float, w_s: float) -> Target:
    """The target of an answer to a question."""
    return Target(at_s, at_s, at_s + w_s)
