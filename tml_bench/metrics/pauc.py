"""PAUC: were the replies of a proactive model right, and how soon?

One expected turn has a span [t0, t1] in which it may be given, T = t1 - t0 > 0, and a span of the video
that it relates to. A reply is a time with a score in {0, 1, 2}: incorrect, partial, covered.

Exact definition:
    1. Replies with t0 <= time <= t1 count, in order of time.
    2. Clean-up, with at least two of them: one that comes after the end of the related span and scores lower
       than the last one up to that end is deleted (it is likely an answer to the next turn). Without any
       reply up to that end the score to beat is 0, so nothing is deleted.
    3. x_p = (1 - omega) (time_p - t0). The curve has the value 0.5 from 0, s_p from x_p on, the last to T.
       PAUC = area under the curve / (2 T), in [0, 1].
    4. No reply: 0.5 / 2 = 0.25 for every omega.

omega = 0 counts time fully, omega = 1 not at all (the last score / 2); the paper recommends 0.5.

    right at once 1, 1, 1; at the middle .625, .8125, 1; at the end .25, .625, 1 (omega 0, .5, 1)
    partial at once .5, .5, .5; at the end .25, .375, .5
    wrong at once 0, 0, 0; at the end .25, .125, 0

PAUC sees nothing outside the spans; false alarms are measured beside it.

Source: Wang et al., ProactiveVideoQA (arXiv 2507.09313); the closed span and the clean-up, which the paper's
formula does not have, as in its evaluation code.
"""

from collections.abc import Sequence
from typing import NamedTuple

START_SCORE, MOST = 0.5, 2
OMEGAS = (0.0, 0.5, 1.0)


class RatedReply(NamedTuple):
    """A reply that was judged: its time in seconds, and 0 incorrect, 1 partial or 2 covered."""

    at_s: float
    score: int


def within(at_s: float, span: tuple[float, float]) -> bool:
    """Whether a time is in a closed span."""
    return span[0] <= at_s <= span[1]


def clean_up(replies: Sequence[RatedReply], related_end_s: float) -> list[RatedReply]:
    """Step 2: the replies that stay, in order of time."""
    ordered = sorted(replies, key=lambda r: r.at_s)
    if len(ordered) < 2:
        return ordered
    before = [r.score for r in ordered if r.at_s <= related_end_s]
    to_beat = before[-1] if before else 0
    return [r for r in ordered if r.at_s <= related_end_s or r.score >= to_beat]


def pauc(
    replies: Sequence[RatedReply], span: tuple[float, float], omega: float, related_end_s: float | None = None
) -> float:
    """PAUC of one expected turn, in [0, 1]; 0.25 without replies in its span.

    ``omega`` in [0, 1] says how little time counts; a related span's end of None leaves out the clean-up.

    Raises:
        ValueError: the span has no length, ``omega`` is not in [0, 1], or a score is not 0, 1 or 2.
    """
    length = span[1] - span[0]
    if length <= 0:
        raise ValueError(f"the span {span} has no length")
    if not 0 <= omega <= 1:
        raise ValueError(f"omega is {omega}, not in [0, 1]")
    if wrong := [r.score for r in replies if r.score not in (0, 1, 2)]:
        raise ValueError(f"the score {wrong[0]} is not 0, 1 or 2")
    inside = [r for r in replies if within(r.at_s, span)]
    points = clean_up(inside, span[1] if related_end_s is None else related_end_s)
    area, value, reached = 0.0, START_SCORE, 0.0
    for reply in points:
        x = (1 - omega) * (reply.at_s - span[0])
        area += value * (x - reached)
        value, reached = float(reply.score), x
    return (area + value * (length - reached)) / (length * MOST)
