"""Names of files of a run on shared storage; what stands there decides no path here unless it is a name."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from tml_bench.files import write_atomically
from tml_bench.runs.config import RunFile
from tml_bench.runs.layout import recording_parts, timeline_parts
from tml_bench.runs.store import Attempt
from tml_bench.storage.address import mirrors

RUN, TIMELINES = "run.json", "timelines"
_ID = ".id"


def recording_place(run: RunFile, attempt: Attempt) -> tuple[str, ...]:
    """The folder of an attempt's recording in its run, part by part; raises as `recording_parts`."""
    return recording_parts(run, attempt.sample, attempt.attempt)


def timeline_place(run: RunFile, attempt: Attempt) -> tuple[str, ...]:
    """The same for the file of its timeline."""
    return timeline_parts(run, attempt.sample, attempt.attempt)


def mirror_id() -> str:
    """What tells the mirrors of this machine and user from those of others."""
    path = mirrors() / _ID
    if not path.is_file():
        mine = path.with_name(f"{_ID}.{secrets.token_hex(8)}")
        write_atomically(mine, secrets.token_hex(8).encode())
        with suppress(FileExistsError):  # whoever is first names it
            os.link(mine, path)
        mine.unlink()
    return path.read_text(encoding="ascii")
