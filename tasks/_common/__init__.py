"""What tasks share: here how they load a folder and fill in a score.

Whatever needs a sample's annotation raises `BadSampleError` for a sample that has a problem or is of another
task.
"""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tml_bench.errors import BadSampleError, UserError
from tml_bench.metrics.vocalisations import Row
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Mark, Metric, Score, Task, Value
from tml_bench.timeline import Timeline, WordSource

T = TypeVar("T")
NO_WORDS = "speech without words: no transcript of what was heard is given, and nothing was recognised"
"""Why what depends on words is missing where the model spoke and nobody can tell what, or why."""


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


def no_words(*timelines: Timeline) -> str:
    """Why what was said in the first of some timelines without known words is not known."""
    return next((t.no_words for t in timelines if t.word_source is WordSource.NONE), "") or NO_WORDS


def without_words(metrics: Iterable[Metric], timeline: Timeline) -> ScoreSheet:
    """The score where the model spoke and nobody can tell what: everything is missing."""
    return ScoreSheet(missing={metric.name: no_words(timeline) for metric in metrics})


class FolderTask(Task):
    """A task declared by functions of its modules; see `Task` for what they compute."""

    mini: Path

    @abstractmethod
    def load(self, root: Path, subsets: Sequence[str], /) -> Iterator[Sample]:
        """Load samples from a folder, in a fixed order."""

    @abstractmethod
    def sheet(self, sample: Sample, timeline: Timeline, verdicts: Verdicts, /) -> ScoreSheet:
        """Fill in the score of one recording."""

    def annotated(self, sample: Sample, /) -> tuple[Mark, ...]:
        """What a picture shows besides the usual marks."""
        return ()

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples; see the task's ``loader``."""
        return self.load(data or self.mini, subsets)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording; see the task's ``scoring``."""
        return self.sheet(sample, timeline, verdicts).score(self.name, sample)

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """What is annotated, and then the usual marks."""
        return (*self.annotated(sample), *super().marks(sample))


def check_folder(root: Path, remedy: str) -> None:
    """Make sure that a data folder is there. Raises `UserError`: it is not."""
    if not root.is_dir():
        raise UserError(f"--data {root}: no such folder", remedy)


def chosen(root: object, subsets: Sequence[str], known: Sequence[str], there: Collection[str]) -> list[str]:
    """The subsets to load of those that the task knows: those asked for, or else all that are there.

    Raises:
        UserError: one is unknown, or not there.
    """
    for subset in subsets:
        if subset not in known:
            raise UserError(f"subset {subset}: unknown", f"choose from {', '.join(known)}")
        if subset not in there:
            raise UserError(f"{root}: subset {subset} is not there", f"choose from {', '.join(there)}")
    return list(subsets or there)
