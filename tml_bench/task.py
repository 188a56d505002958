"""The contract of a benchmark: what it loads, what it measures and what it compares with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from tml_bench.questions import Question, Rubric, Rule, Verdicts
from tml_bench.samples import Sample
from tml_bench.timeline import Timeline, Word


class Kind(StrEnum):
    """How values of a metric are averaged and what interval they get."""

    RATE = "rate"
    """0 or 1 per sample; mean with a Wilson score interval over independent units."""
    MEAN = "mean"
    """A number per sample; mean with a bootstrap interval over independent units."""
    RATIO = "ratio"
    """A numerator and a denominator per sample; ratio of sums with a bootstrap interval over units."""


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NONE = "none"


class Metric(msgspec.Struct, frozen=True):
    """The declaration of one metric.

    Attributes:
        name: unique within its task; part of the public interface.
        title: column head.
        unit: ``%`` for shares (values stay in [0, 1]), ``s``, ``1/min``, or empty.
        direction: which way is better.
        kind: how it is averaged.
        version: raised whenever a change of code changes a score.
        subsets: where it applies.
        family: a group of metrics shown together, such as ``reference-exact`` or ``repaired``.
        spread: also print the population standard deviation (some protocols publish it).
        judged: a judge decides part of it; values of different judges never share a column.
        decimals: the mean of each subset is rounded to so many decimals, before subsets are averaged too,
            because published numbers are; None leaves means as they are.
        describes: one sentence for tables.
    """

    name: str
    title: str
    unit: str
    direction: Direction
    kind: Kind
    version: int
    subsets: tuple[str, ...]
    family: str
    describes: str
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
    """

    name: str
    subsets: tuple[str, ...]
    equal: bool = False


class Value(msgspec.Struct, frozen=True):
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


class Published(msgspec.Struct, frozen=True):
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


class ImportedExchange(NamedTuple):
    """A finished exchange that another harness recorded.

    Attributes:
        sample: the example, as ``Task.samples`` would give it.
        model_audio: the model's audio, on the user audio's clock; None where ``sample.problem`` is set.
        words: its transcript exactly as the file has it; None when there is no transcript.
    """

    sample: Sample
    model_audio: Path | None
    words: tuple[Word, ...] | None


NO_VERDICTS: Verdicts = {}
"""For tasks that ask nothing."""


class Task(ABC):
    """One benchmark.

    Attributes:
        name: as in ``tml-bench run --task NAME``.
        title: for people.
        subsets: its parts, in the order of the published tables.
        metrics: all metrics, in the order of the report.
        headline: names of the metrics that the short leaderboard shows.
        data_help: where the official data comes from and the folder layout expected.
        not_run: measures of the protocol that are not computed, with the reason.
        overall: subsets taken together, shown before the single ones.
        rubrics: what judges are asked about recordings of this task.
        rules: how the offline judge decides them, by name of the rubric.
        hears_user: scoring needs the user's speech as it was played, ``Timeline.user``.
        split_of: the task that this is another split of; such a task is run only when named. Empty for a task
            of its own.
        needs_history: its scripts have a history, so only adapters with ``takes_history`` can run it.
    """

    name: str
    title: str
    subsets: tuple[str, ...]
    metrics: tuple[Metric, ...]
    headline: tuple[str, ...]
    data_help: str
    not_run: Mapping[str, str] = {}
    overall: tuple[Overall, ...] = ()
    rubrics: tuple[Rubric, ...] = ()
    rules: Mapping[str, Rule] = {}
    hears_user: bool = False
    split_of: str = ""
    needs_history: bool = False

    @abstractmethod
    def dataset(self, data: Path | None) -> str:
        """Name and version of the data, such as ``mini-1`` or ``official``; part of every result."""

    @abstractmethod
    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples, in a fixed order.

        Args:
            data: the official data's folder; None for the mini set that ships.
            subsets: only these; empty means all, unless the task's ``data_help`` says otherwise.

        Raises:
            tml_bench.errors.UserError: the folder or a subset does not exist.
        """

    def stretches(self, sample: Sample, timeline: Timeline) -> tuple[tuple[float, float], ...]:
        """Stretches of the model's track whose voice scoring needs described, as ``Timeline.voices``.

        Pure; ``(start, end)`` in seconds. None, unless the task says so: it costs time.
        """
        return ()

    def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
        """What a judge must decide before a recording can be scored; nothing, unless the task says so.

        Pure, and without regard to other verdicts, so that all questions of a run are known beforehand.
        """
        return ()

    @abstractmethod
    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording. Pure: same sample, timeline and verdicts, same score.

        A metric whose verdict is missing (see `tml_bench.questions.verdict_of`) is missing itself.
        """

    @abstractmethod
    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Timelines of strategies that look at nothing, by name; the best of them is the floor.

        Every sample of the task must give the same names.
        """

    @abstractmethod
    def ideal(self, sample: Sample) -> Timeline:
        """The timeline of a respondent that does exactly what is expected: the ceiling."""

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """What a picture of the sample shows; by default the end of the user's turn and the ideal onsets."""
        end_s = sample.reference.user_end_s
        user = () if end_s is None else (Mark(end_s, None, "user end"),)
        return (*user, *(Mark(u.at_s, u.until_s, f"ideal {u.role}") for u in sample.reference.ideal))

    def published(self) -> tuple[Published, ...]:
        """Numbers reported by others on the official data."""
        return ()

    def imports(self, folder: Path) -> Iterator[ImportedExchange]:
        """Read exchanges recorded by another harness.

        Raises:
            tml_bench.errors.UserError: the task cannot import, or the folder is not in its layout.
        """
        from tml_bench.errors import UserError

        raise UserError(
            f"{self.name} has no import", "run `tml-bench list tasks` to see which tasks have one"
        )
