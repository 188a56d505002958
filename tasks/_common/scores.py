"""What scoring shares: the sample's annotation, and a score while it is filled in.

Whatever needs a sample's annotation raises `BadSampleError` for a sample that has a problem or is of another
task.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tml_bench.errors import BadSampleError
from tml_bench.metrics.vocalisations import Row
from tml_bench.samples import Sample
from tml_bench.task import Metric, Score, Value

T = TypeVar("T")
NO_WORDS = (
    "speech without words: the adapter gives no transcript and no speech recognition is at hand; "
    "install tml-bench[speech]"
)
"""Why what depends on words is missing where the model spoke and nobody can tell what."""


def annotation_of(sample: Sample, kind: type[T]) -> T:
    """The sample's annotation.

    Raises:
        BadSampleError: it has none of this kind; says what is wrong with the sample where that is known.
    """
    found = sample.reference.annotation
    if not isinstance(found, kind):
        raise BadSampleError(sample.problem or f"{sample.id}: its annotation is not of this task")
    return found


@dataclass(slots=True)
class ScoreSheet:
    """A score while it is filled in; the fields are those of `Score`."""

    values: dict[str, Value] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def put(self, **values: float | None) -> None:
        """Enter values by metric; None where a metric does not apply."""
        for name, value in values.items():
            if value is not None:
                self.values[name] = Value(float(value))

    def lack(self, names: Iterable[str], why: str) -> None:
        """Say why metrics that apply cannot be known."""
        self.missing |= dict.fromkeys(names, why)

    def event(
        self, event: str, start_s: float | None, end_s: float | None = None, **more: float | None
    ) -> None:
        """Add a row."""
        self.rows.append({"event": event, "start_s": start_s, "end_s": end_s, **more})

    def score(self, task: str, sample: Sample) -> Score:
        """The finished score."""
        about = (task, sample.subset, sample.id, sample.unit)
        return Score(*about, self.values, self.missing, tuple(self.rows), tuple(self.notes))


def without_words(metrics: Iterable[Metric]) -> ScoreSheet:
    """The score where the model spoke and nobody can tell what: everything is missing."""
    return ScoreSheet(missing={metric.name: NO_WORDS for metric in metrics})
