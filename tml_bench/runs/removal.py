"""Removes runs; what is left of one whose removal was interrupted is still a run, and can be removed."""

import re
import shutil
from contextlib import suppress
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.files import sync
from tml_bench.own_folder import own_place
from tml_bench.runs.heard_index import forget
from tml_bench.runs.store import ATTEMPTS, RUN, Attempt, locked, read_lines

_OURS = re.compile(r"\.lock|\.aside|\.run\.json\.\d+-\d+")


def start_over(path: Path) -> None:
    """Remove a run's folder, also one whose ``run.json`` is gone but whose attempts tell that it was a run.

    What says what is done goes first, what says what the run is last.

    Raises:
        UserError: it is none, or another process is writing it.
    """
    own_place(path.absolute().parent, path.absolute().name)
    if not path.exists():
        return
    if not _is_run(path):
        raise UserError(
            f"{path} is not a run (it has no run.json), so it is not removed", "give another --out"
        )
    with locked(path):
        forget(path)
        (path / ATTEMPTS).unlink(missing_ok=True)
        sync(path)
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != RUN:
                entry.unlink()
        shutil.rmtree(path)


def _is_run(path: Path) -> bool:
    if (path / RUN).is_file() or all(_OURS.fullmatch(entry.name) for entry in path.iterdir()):
        return True
    with suppress(UserError):
        return bool(read_lines(path / ATTEMPTS, Attempt))
    return False
