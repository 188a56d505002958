"""What tasks share: here how they load a folder and fill in a score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Mark, Score, Task
from tml_bench.tasks._common.scores import ScoreSheet
from tml_bench.timeline import Timeline


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
