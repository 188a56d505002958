"""Labelled bars on as few lines as keep their labels apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LINES = 5
"""Most lines of a lane; what needs more is drawn on the last one without its label."""
Item = tuple[float, float | None, str]
"""Start and end in seconds, the end None for an instant, and a label."""


@dataclass(frozen=True, slots=True)
class LaneBar:
    """An item with its place.

    Attributes:
        start_s: from here.
        stop_s: to here; equal to ``start_s`` for an instant.
        line: 0 is the highest.
        label: empty where there is no room for it.
        leftwards: the label ends at ``stop_s`` instead of beginning at ``start_s``.
    """

    start_s: float
    stop_s: float
    line: int
    label: str
    leftwards: bool


def arrange(items: Sequence[Item], length_s: float, char_s: float) -> tuple[LaneBar, ...]:
    """Give every item the highest line on which its label meets no other.

    A label that would reach beyond the right edge is written to the left of its bar's end.

    Args:
        items: in any order.
        length_s: the right edge.
        char_s: width of a character of a label, in seconds.

    Returns:
        One bar per item, sorted by start, end and label.
    """
    free = [float("-inf")] * LINES
    bars = []
    for start, end, label in sorted(items, key=lambda i: (i[0], i[0] if i[1] is None else i[1], i[2])):
        stop = start if end is None else end
        leftwards = start + char_s * len(label) > length_s
        first = stop - char_s * len(label) if leftwards else start
        line = next((k for k in range(LINES) if free[k] <= first), None)
        if line is None:
            bars.append(LaneBar(start, stop, LINES - 1, "", leftwards))
            continue
        free[line] = max(stop, first + char_s * (len(label) + 1))
        bars.append(LaneBar(start, stop, line, label, leftwards))
    return tuple(bars)
