"""A run whose compute is charged again in another."""

from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.runs.layout import recording_parts
from tml_bench.runs.store import Attempt, last_attempts, read_lines, read_run


class ReplayedRun:
    """A run whose compute is replayed; its folder is read once."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, read_run(path)
        self._last = last_attempts(read_lines(path / "attempts.jsonl", Attempt))

    def recording(self, sample: str) -> Path:
        """The recording whose compute is replayed for a sample; raises `UserError` where none is valid."""
        last = self._last.get(sample)
        if last is None or last.outcome is not Outcome.VALID:
            raise UserError(
                f"{self._path} has no valid recording of {sample}", "replay a run that is complete"
            )
        return self._path.joinpath(*recording_parts(self._file, sample, last.attempt))
