"""What a report is made of: grids of typed cells, which every printer prints in its own way."""

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from tml_bench.metrics.statistics import Estimate
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.summary import MetricSummary, Standing
from tml_bench.task import Direction, Metric

Rank = tuple[int, int]
NOTHING = "–"
PROVISIONAL = "°"
"""Marks a score that rules have judged and that wants a judge that understands."""
NO_INTERVAL = "[–]"
"""In place of an interval, and before the reason why there is none."""
MOST_NAMED = 3
"""Subsets named one by one in a note; of more, their number is told."""
_ARROWS = {Direction.HIGHER: " ↑", Direction.LOWER: " ↓", Direction.NONE: ""}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class StandingMark(NamedTuple):
    """How a standing is shown: beside a number, where there is room for words, and in the legend."""

    sign: str
    badge: str
    meaning: str


MARKS = {
    Standing.UNCLEAR: StandingMark(
        "≈", "≈ floor", "better than the floor, but its interval reaches the floor or is unknown"
    ),
    Standing.NOT_ABOVE: StandingMark("✗", "✗ not above floor", "does not beat the floor"),
    Standing.NO_ROOM: StandingMark(
        "⊘",
        "⊘ floor = ceiling",
        "does not beat the floor, and nothing could: a blind strategy reaches the ceiling here, so read it "
        "together with the other measures",
    ),
}
"""The standings that a reader must be told of."""


@dataclass(frozen=True)
class Bar:
    """A value with interval, floor and ceiling on the axis, ``low`` to ``high``, that its column shares."""

    value: Estimate
    baseline: Baseline
    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value lies on the axis: 0 at its lower end, 1 at its upper end."""
        return (value - self.low) / (self.high - self.low)


def axis(unit: str, estimates: Iterable[Estimate], baseline: Baseline) -> tuple[float, float]:
    """Ends of a column's axis: 0 and 1 for shares, else the range of all that is drawn, with 0 in it."""
    if unit == "%":
        return 0.0, 1.0
    drawn = [x for e in estimates for x in (e.mean, e.low, e.high)] + [baseline.floor, baseline.ceiling]
    known = [0.0, *(x for x in drawn if x is not None)]
    low, high = min(known), max(known)
    return (low, high) if high > low else (low, low + 1)


class Cell(msgspec.Struct, frozen=True, gc=False):
    """A text, or a number with what belongs to it, as printed; empty where there is none.

    A number is sorted by its value; the remark stands beside in small letters; ``mark`` is what a reader must
    be told about it, ``bar`` its picture. A ``name`` may be broken after its separators; a ``badge`` is
    framed; what is of ``few`` events is grey.
    """

    text: str
    value: float | None = None
    remark: str = ""
    interval: str = ""
    mark: StandingMark | None = None
    rank: str = ""
    bar: Bar | None = None
    form: Literal["", "name", "badge", "few"] = ""

    @property
    def line(self) -> str:
        """All of it in one line of text."""
        sign = self.mark.sign if self.mark else ""
        return " ".join(filter(None, (self.text, self.interval, sign, self.rank, self.remark)))


@dataclass(frozen=True)
class Column:
    """A column of a grid; numbers are set to the right and sorted by value.

    ``group`` is what it has in common with its neighbours, empty for nothing; ``about`` explains it.
    """

    head: str
    numeric: bool = False
    group: str = ""
    about: str = ""

    @property
    def full(self) -> str:
        """Group and head."""
        return f"{self.group}: {self.head}" if self.group else self.head


class Row(msgspec.Struct, frozen=True):
    """A row of a grid, one cell per column, the first names it.

    Its kind is ``reference`` for adapters that see the answers, ``foot`` for floor and ceiling.
    """

    cells: tuple[Cell, ...]
    kind: Literal["", "reference", "foot"] = ""


@dataclass(frozen=True)
class Grid:
    """A table.

    ``heading`` stands above it; with ``folded`` it is shown on demand, under this name; ``style`` is the
    class of its own that a page gives it. Each may be empty.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    heading: str = ""
    folded: str = ""
    style: str = ""

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Neighbouring columns of one group: its name and how many; empty where no column has a group."""
        found = [(name, len(list(some))) for name, some in itertools.groupby(c.group for c in self.columns)]
        return found if any(name for name, _ in found) else []

    @property
    def bodies(self) -> list[tuple[str, list[Row]]]:
        """Neighbouring rows of one kind."""
        return [(kind, list(rows)) for kind, rows in itertools.groupby(self.rows, key=lambda r: r.kind)]


def text_grid(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], heading: str = "", folded: str = "",
    style: str = "",
) -> Grid:  # fmt: skip
    """A grid of texts; the first of each row is a name."""
    cells = (Row((Cell(first, form="name"), *map(Cell, rest))) for first, *rest in rows)
    return Grid(caption, tuple(map(Column, heads)), tuple(cells), heading, folded, style)


def plain(text: str) -> str:
    """Replace control characters, which a terminal or a browser would obey, by spaces."""
    return text if text.isprintable() else _UNPRINTABLE.sub(" ", text)


def number(value: float | None, unit: str) -> str:
    """Print a value: shares in % with 1 decimal, others with 3 decimals, or 2 from 10 on."""
    if value is None:
        return NOTHING
    if unit == "%":
        return f"{100 * value:.1f}"
    return f"{value:.3f}" if abs(value) < 9.9995 else f"{value:.2f}"


def interval(low: float | None, high: float | None, unit: str) -> str:
    """Print an interval; empty when there is none."""
    if low is None or high is None:
        return ""
    return f"[{number(low, unit)}, {number(high, unit)}]"


def missing_intervals(metrics: Iterable[MetricSummary]) -> list[str]:
    """Why means stand without an interval, one line a kind of reason, whatever the number of units."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for m in metrics:
        if m.estimate.no_interval:
            reason = re.sub(r"\(\d+, (\d+ needed)\)", r"(\1)", m.estimate.no_interval)
            found.setdefault(reason, {}).setdefault(m.metric.title, {})[m.subset] = None
    named = {
        reason: [f"{title} ({_named(subsets)})" for title, subsets in places.items()]
        for reason, places in found.items()
    }
    return [f"{NO_INTERVAL} {reason}: {', '.join(places)}." for reason, places in named.items()]


def _named(subsets: Collection[str]) -> str:
    return ", ".join(subsets) if len(subsets) <= MOST_NAMED else f"{len(subsets)} subsets"


def rank(value: Rank | None) -> str:
    """Print a rank range: ``#2`` or ``#1–3``; empty for None."""
    if value is None:
        return ""
    return f"#{value[0]}" if value[0] == value[1] else f"#{value[0]}–{value[1]}"


def head(metric: Metric) -> str:
    """A column head: title, direction and unit."""
    return f"{metric.title}{_ARROWS[metric.direction]}" + (f" ({metric.unit})" if metric.unit else "")
