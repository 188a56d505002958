"""Reading recordings that another harness made; any tree of folders will do.

A folder below one with an official subset's name belongs to that subset; any other belongs to the protocol
that its annotation file tells (no such file: backchannel).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tml_bench.errors import BadSampleError
from tml_bench.task import ImportedExchange
from tml_bench.tasks._fd_bench import find_recordings, read_recording
from tml_bench.tasks.fd_bench_v1.loader import PROTOCOLS, read_sample

_TOLD_BY = {
    "pause.json": "pause_handling",
    "turn_taking.json": "smooth_turn_taking",
    "interrupt.json": "user_interruption",
}


def load_imports(root: Path) -> Iterator[ImportedExchange]:
    """Find and read recordings.

    Raises:
        UserError: there is no such folder, no recording in it, or two of one sample.
    """
    found = find_recordings(root, lambda folder: _identity(root, folder))
    return (_imported(root, name, subset, folder) for name, (subset, folder) in found.items())


def _identity(root: Path, folder: Path) -> tuple[str, str]:
    """Subset and id: by the nearest folder with an official name, else by the annotation and the path."""
    for parent in folder.resolve().parents:
        if parent.name in PROTOCOLS:
            below = folder.resolve().relative_to(parent).parts
            return parent.name, _safe((parent.name, *below))
    subset = next((name for file, name in _TOLD_BY.items() if (folder / file).exists()), "backchannel")
    return subset, _safe(folder.relative_to(root).parts or (folder.resolve().name,))


def _safe(parts: Sequence[str]) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(parts)).lstrip(".") or "recording"


def _imported(root: Path, sample_id: str, subset: str, folder: Path) -> ImportedExchange:
    sample = read_sample(sample_id, subset, folder, (root, *folder.parents[:2]))
    if not sample.problem:
        try:
            return read_recording(sample, folder)
        except BadSampleError as error:
            sample = replace(sample, problem=str(error))
    return ImportedExchange(sample, None, None)
