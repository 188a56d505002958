"""A value, its interval, its floor and its ceiling as one small inline SVG picture."""

from __future__ import annotations

from collections.abc import Iterable

from tml_bench.metrics.statistics import Estimate
from tml_bench.scoring.floors import Baseline

WIDTH, HEIGHT = 110, 16
_EDGE = 4


def scale(unit: str, estimates: Iterable[Estimate], baseline: Baseline) -> tuple[float, float]:
    """The axis that all bars of a column share.

    Args:
        unit: shares run from 0 to 1.
        estimates: the column's values.
        baseline: its floor and ceiling.

    Returns:
        Lower and upper end: 0 and 1 for shares, else the range of all numbers to be drawn, with 0 in it.
    """
    if unit == "%":
        return 0.0, 1.0
    drawn = [x for e in estimates for x in (e.mean, e.low, e.high)] + [baseline.floor, baseline.ceiling]
    known = [0.0, *(x for x in drawn if x is not None)]
    low, high = min(known), max(known)
    return (low, high) if high > low else (low, low + 1)


def bar(value: Estimate, baseline: Baseline, axis: tuple[float, float]) -> str:
    """Draw one value.

    The interval is a band, the mean a dot, the floor a dashed line and the ceiling a solid line, so that
    nothing depends on colour. The picture is hidden from screen readers: the numbers stand beside it.

    Args:
        value: what was measured.
        baseline: floor and ceiling; those that are None are not drawn.
        axis: as `scale` gives it.

    Returns:
        An SVG element; without a mean, only the marks are drawn.
    """

    def x(v: float) -> float:
        return _EDGE + (WIDTH - 2 * _EDGE) * (v - axis[0]) / (axis[1] - axis[0])

    middle = HEIGHT / 2
    parts = [f'<line class="track" x1="{_EDGE}" x2="{WIDTH - _EDGE}" y1="{middle:g}" y2="{middle:g}"/>']
    if value.low is not None and value.high is not None:
        left, wide = x(value.low), max(x(value.high) - x(value.low), 1)
        parts.append(f'<rect class="bar" x="{left:.1f}" y="{middle - 3:g}" width="{wide:.1f}" height="6"/>')
    for kind, at in (("floor", baseline.floor), ("ceiling", baseline.ceiling)):
        if at is not None:
            # Moved apart a little, or the one would hide the other where floor and ceiling are equal.
            where = x(at) + (-1 if kind == "floor" else 1)
            parts.append(f'<line class="{kind}" x1="{where:.1f}" x2="{where:.1f}" y1="0" y2="{HEIGHT}"/>')
    if value.mean is not None:
        parts.append(f'<circle class="mean" cx="{x(value.mean):.1f}" cy="{middle:g}" r="3.5"/>')
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )
