"""A run whose simulated users' lines are played again."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.runs.config import RunConfig
from tml_bench.runs.layout import recording_parts
from tml_bench.runs.store import Attempt, last_attempts, read_lines, read_run
from tml_bench.samples import Sample

OPTION = "--replay-user"


class ReplayedLines:
    """The recordings of a run, for samples of the same task; its folder is read once.

    Raises:
        UserError: it is no run.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, read_run(path)
        self._last = last_attempts(read_lines(path / "attempts.jsonl", Attempt))

    def samples(
        self, config: RunConfig, samples: Iterable[Sample], hashes: Mapping[str, str]
    ) -> tuple[Sample, ...]:
        """The samples of a run to be recorded; one whose lines are not there has that as its ``problem``.

        Raises:
            UserError: the run is of another task, or none of the samples has a simulated user.
        """
        there = self._file.config
        if there.task != config.task:
            raise UserError(
                f"{OPTION} {self._path} is a run of {there.task}, not of {config.task}",
                "give one of the same task",
            )
        found = tuple(self._checked(sample, hashes.get(sample.id, "")) for sample in samples)
        if not any(sample.scenario for sample in found):
            raise UserError(
                f"{config.task} has no simulated user whose lines could be played again",
                f"leave {OPTION} out",
            )
        return found

    def _checked(self, sample: Sample, sha256: str) -> Sample:
        why = self._why_not(sample.id, sha256) if sample.scenario and not sample.problem else ""
        return replace(sample, problem=why) if why else sample

    def _why_not(self, sample: str, sha256: str) -> str:
        last = self._last.get(sample)
        if last is None or last.outcome is not Outcome.VALID:
            return f"{self._path} has no valid recording of it whose lines could be played again ({OPTION})"
        if sha256 != last.sample_sha256:
            return f"{self._path} was recorded with another sample of this name ({OPTION})"
        return ""

    def recording(self, sample: Sample) -> Path | None:
        """Where the lines of a sample are, once ``samples`` has found them; None where it has none."""
        if sample.scenario is None:
            return None
        return self._path.joinpath(*recording_parts(self._file, sample.id, self._last[sample.id].attempt))
