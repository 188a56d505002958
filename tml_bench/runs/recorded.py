"""Whether a recording is what its run says: made under its settings, and whole."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.recording import MANIFEST, MODEL_TRACK, USER_TRACK, Recording
from tml_bench.runs.config import RunConfig, RunFile, RunPlan
from tml_bench.runs.continuing import settings_sha256
from tml_bench.runs.heard_index import unchanged_recordings
from tml_bench.runs.layout import RUN_ID, recording_parts
from tml_bench.runs.store import ATTEMPTS, Attempt, last_attempts, read_lines, read_run
from tml_bench.samples import Sample


def check_settings(recording: Recording, config: RunConfig) -> None:
    """Raise `UserError` where a recording was made under other settings than a run's."""
    made = recording.manifest.config
    if made and made != settings_sha256(config):
        raise UserError(
            f"{recording.folder} was recorded under other settings than those in run.json",
            "put back the run.json that belongs to it, or run the sample again",
        )


def pending(
    plan: RunPlan, file: RunFile, attempts: Sequence[Attempt], *, retry_errors: bool = False
) -> tuple[list[Sample], dict[str, str]]:
    """Samples that have no final outcome yet; and by sample what is wrong with a valid attempt's recording.

    With ``retry_errors`` an ``adapter_error`` is no final outcome; neither is one whose recording is damaged.
    """
    again = {Outcome.INFRASTRUCTURE} | ({Outcome.ADAPTER_ERROR} if retry_errors else set())
    last = last_attempts(attempts)
    lost = damaged(plan.path, file, (last[s.id] for s in plan.samples if s.id in last))
    open_ = {a.sample for a in last.values() if a.outcome in again or a.retry} | lost.keys()
    return [s for s in plan.samples if s.id not in last or s.id in open_], lost


def left_to_run(plan: RunPlan, *, retry_errors: bool = False) -> list[Sample]:
    """As `pending`, of what a folder holds that nobody has opened; all samples where there is no run yet.

    Raises:
        UserError: the folder is damaged.
    """
    attempts = read_lines(plan.path / ATTEMPTS, Attempt)
    if not attempts:
        return list(plan.samples)
    return pending(plan, read_run(plan.path), attempts, retry_errors=retry_errors)[0]


def damaged(path: Path, file: RunFile, attempts: Iterable[Attempt]) -> dict[str, str]:
    """What is wrong with recordings of valid attempts, by sample; empty where nothing is.

    What a mirror of shared storage does not hold is taken to be whole there.
    """
    mirror, attempts = (path / RUN_ID).is_file(), [*attempts]
    whole = unchanged_recordings(path, file, {attempt.sample: attempt.attempt for attempt in attempts})
    found: dict[str, str] = {}
    for attempt in attempts:
        if attempt.sample in whole:
            continue
        place = path.joinpath(*recording_parts(file, attempt.sample, attempt.attempt))
        if attempt.outcome is not Outcome.VALID or (mirror and not (place / MANIFEST).is_file()):
            continue
        tracks = all((place / name).is_file() for name in (USER_TRACK, MODEL_TRACK))
        try:
            check_settings(Recording(place, tracks=tracks or not mirror), file.config)
        except (UserError, OSError) as error:
            found[attempt.sample] = str(error)
    return found
