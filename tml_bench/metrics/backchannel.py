"""Backchannels: does the model give them where listeners would, and nowhere else?

Conventions:
    Times are seconds on the session clock. A *window* ``(start, end)`` is an opportunity for one backchannel,
    ends included; windows are given by the data or read from a distribution of listeners' responses.
    Predictions are the vocalisations that are backchannels (see ``vocalisations``); takeovers are counted
    apart.

Measures:
    * A prediction **hits** a window if its onset lies in it. Hits are one-to-one: a window takes one
      prediction and a prediction one window, as many pairs as possible. Predictions left over are false
      alarms, windows left over are misses.
    * ``precision`` = hits / (hits + false alarms), ``recall`` = hits / (hits + misses),
      ``F1`` = 2 hits / (2 hits + false alarms + misses). Components are summed over samples and the ratio is
      taken last, so a sample without predictions weighs nothing in precision.
    * ``per minute``: predictions, divided by minutes of audio.
    * ``takeover``: any vocalisation is a takeover.

Windows of a distribution:
    The clip is cut into as many equal parts as the distribution has values. Parts with more than ``PEAK``
    times the uniform share are wanted, and neighbouring ones are one region. Regions less than
    ``SEPARATE_S`` apart are one window, since a backchannel may last a second and two could not be told
    apart. Flat distributions have no windows.

Source: the listeners' distribution is that of Full-Duplex-Bench v1.0 (arXiv 2503.04721); the matching is
standard event detection with windows as the tolerance.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tml_bench.metrics.vocalisations import BACKCHANNEL_MAX_S, Interval, Row, Vocalisation

PEAK = 2.0
"""A part of the clip is an opportunity if it has more than this many times the uniform share of responses."""
SEPARATE_S = BACKCHANNEL_MAX_S
"""Regions closer than this are one opportunity."""


class BackchannelMatches(NamedTuple):
    """How predictions and windows of one clip match: pairs, predictions and windows without the other.

    Rows are ``hit``, ``false_alarm`` and ``takeover`` with the vocalisation's times, ``miss`` with the
    window's, in order of time.
    """

    hits: int
    false_alarms: int
    misses: int
    rows: tuple[Row, ...]


def match(vocalisations: Sequence[Vocalisation], windows: Sequence[Interval]) -> BackchannelMatches:
    """Match the model's backchannels, in order, to windows, in any order; those may overlap.

    Returns:
        The counts; all 0 without predictions and windows.
    """
    free = [v for v in vocalisations if not v.takeover]
    hits: list[Vocalisation] = []
    missed: list[Interval] = []
    # Serving the window that closes first with the earliest onset in it gives the most pairs.
    for start, end in sorted(windows, key=lambda window: (window[1], window[0])):
        chosen = next((v for v in free if start <= v.start_s <= end), None)
        if chosen is None:
            missed.append((start, end))
        else:
            free.remove(chosen)
            hits.append(chosen)
    events = [(v.start_s, v.row("hit")) for v in hits]
    events += [(v.start_s, v.row("false_alarm")) for v in free]
    events += [(v.start_s, v.row("takeover")) for v in vocalisations if v.takeover]
    events += [(start, {"event": "miss", "start_s": start, "end_s": end}) for start, end in missed]
    rows = tuple(row for _, row in sorted(events, key=lambda event: event[0]))
    return BackchannelMatches(len(hits), len(free), len(missed), rows)


def windows_of(distribution: Sequence[float], duration_s: float) -> tuple[Interval, ...]:
    """Read the windows from a distribution of listeners' responses over equal parts of the clip.

    Shares are non-negative with any positive sum. Windows are ``(start, end)`` in seconds, in order, at least
    ``SEPARATE_S`` apart; empty if nothing stands out or the distribution is empty.
    """
    total, parts = sum(distribution), len(distribution)
    windows: list[Interval] = []
    for i, share in enumerate(distribution):
        if share * parts <= PEAK * total:
            continue
        start, end = i * duration_s / parts, (i + 1) * duration_s / parts
        if windows and start - windows[-1][1] < SEPARATE_S:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return tuple(windows)
