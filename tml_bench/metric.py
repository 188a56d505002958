"""What a task measures, declared, and what one recording scored: records without behaviour of a task."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """How values of a metric are averaged and what interval they get."""

    RATE = "rate"
    """0 or 1 per sample; mean with a Wilson score interval over independent units."""
    MEAN = "mean"
    """A number per sample; mean with a t interval, corrected for skewness, over independent units."""
    RATIO = "ratio"
    """A numerator and a denominator per sample; ratio of sums with an interval like that of means."""


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NONE = "none"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """The declaration of one metric.

    Attributes:
        name: unique within its task; part of the public interface.
        title: column head.
        unit: ``%`` for shares (values stay in [0, 1]), ``s``, ``1/min``, or empty.
        direction: which way is better; ``none`` has no floor.
        kind: how it is averaged.
        version: raised whenever a change of code changes a score.
        subsets: where it applies; in a task's declaration, empty means all of its subsets.
        family: a group of metrics shown together, such as ``reference-exact`` or ``repaired``.
        describes: one sentence for tables.
        spread: also print the population standard deviation (some protocols publish it).
        judged: a judge decides part of it; values of different judges never share a column.
        decimals: the mean of each subset is rounded to so many decimals, before subsets are averaged too,
            because published numbers are; None leaves means as they are.
    """

    name: str
    title: str
    unit: str = ""
    direction: Direction = Direction.HIGHER
    kind: Kind = Kind.MEAN
    version: int = 1
    subsets: tuple[str, ...] = ()
    family: str = "main"
    describes: str = ""
    spread: bool = False
    judged: bool = False
    decimals: int | None = None


class Overall(msgspec.Struct, frozen=True):
    """Several subsets taken together, shown as one more subset when a run has all of them.

    Attributes:
        name: shown where a subset's name is; unlike any subset's.
        subsets: which ones.
        equal: every subset has the same weight, whatever its size (only for metrics of kind ``ratio``);
            else their samples are pooled.
        optional: with ``equal``, subsets that the mean does without where a metric is missing in all their
            samples, as rules cannot judge them; it is then the mean of the others.
        weights: with ``equal``, how much each subset weighs beside the others where that is not alike.
    """

    name: str
    subsets: tuple[str, ...]
    equal: bool = False
    weights: tuple[float, ...] = ()
    optional: tuple[str, ...] = ()

    def weight(self, subset: str) -> float:
        """How much one of the subsets weighs relative to the others."""
        return self.weights[self.subsets.index(subset)] if self.weights else 1.0


class Value(msgspec.Struct, frozen=True, gc=False):
    """A metric's value for one sample.

    Attributes:
        numerator: the value itself for kinds ``rate`` and ``mean``.
        denominator: 1 except for kind ``ratio``, where 0 means "nothing to count here".
    """

    numerator: float
    denominator: float = 1.0


class Score(msgspec.Struct, frozen=True):
    """What one recording of one sample scored.

    Attributes:
        task: name of the task.
        subset: part of the task.
        sample: the sample's id.
        unit: the independent unit it belongs to.
        values: by metric name. A metric that does not apply to this sample (a latency when nothing was
            said) or cannot be known (see ``missing``) is absent and stays out of the mean.
        missing: metrics that apply but could not be computed, with the reason.
        rows: events behind the values, for readers: each has ``event`` and times in seconds.
        notes: remarks.
    """

    task: str
    subset: str
    sample: str
    unit: str
    values: dict[str, Value]
    missing: dict[str, str] = {}
    rows: tuple[dict[str, str | float | None], ...] = ()
    notes: tuple[str, ...] = ()


class Axis(StrEnum):
    """What a task asks of a model, in the order of pictures: all but knowing are interaction."""

    TURN_TAKING = "turn-taking"
    """Whose turn it is: pauses, ends of turns, backchannels."""
    OVERLAP = "overlap"
    """Both speak: what to yield to and what not."""
    TIME = "time"
    """Speaking when a time has passed."""
    CUES = "cues"
    """Reacting to what is said while the user talks on."""
    SEEING = "seeing"
    """Saying what is seen when it is seen."""
    DOING = "doing"
    """Tools and actions in conversation."""
    PRESENCE = "presence"
    """Staying in the conversation while slow work is done."""
    KNOWING = "knowing"
    """Whether an answer is right: intelligence."""


class TradeOff(msgspec.Struct, frozen=True):
    """What answering soon costs: two measures of a task, for the picture of the frontier.

    Attributes:
        latency: name of a metric in seconds.
        latency_parts: the subsets on which it is read; of several that were run, their mean.
        cost: name of a metric of what goes wrong more often the sooner a model answers.
        cost_parts: the same of it.
    """

    latency: str
    latency_parts: tuple[str, ...]
    cost: str
    cost_parts: tuple[str, ...]


class BoardScore(msgspec.Struct, frozen=True):
    """The one measure that stands for a task on the board.

    Attributes:
        metric: its name.
        part: the subset, or the subsets together, on which it is read.
        fair: why an always-on, a silent or a constant respondent cannot earn it, for the card and the page.
        axis: what it asks of a model; None for a task that is on no axis of the pictures.
        latency: name of a metric on the same part that says how long answers take, for the picture of latency
            against quality; empty for none.
        provisional: what is said of a score that rules have judged; empty where rules do.
        trade: what answering soon costs, for the picture of it; None for none.
    """

    metric: str
    part: str
    fair: str = ""
    axis: Axis | None = None
    latency: str = ""
    provisional: str = ""
    trade: TradeOff | None = None


class PublishedNumber(msgspec.Struct, frozen=True):
    """A number somebody else reported.

    Attributes:
        system: the model.
        subset: part of the task.
        metric: the metric of ours it compares with.
        value: as printed there, shares in [0, 1].
        source: where it is printed.
    """

    system: str
    subset: str
    metric: str
    value: float
    source: str


class Mark(msgspec.Struct, frozen=True):
    """Something annotated or expected, for pictures.

    Attributes:
        start_s: its start, seconds.
        end_s: its end; None for a point in time.
        label: what it is, such as ``pause`` or ``user end``.
    """

    start_s: float
    end_s: float | None
    label: str
