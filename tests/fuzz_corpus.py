"""Inputs that once were faults of a reader, kept in ``tests/fuzz``, and who reads them in ``benchmarks``."""

from __future__ import annotations

import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TESTS = Path(__file__).parent
MOST_S = 5.0
"""Processor time of one input: some took minutes."""


def corpus(group: str) -> list[Any]:
    """The inputs of a group, ``media``, ``files`` or ``messages``, as parameters; there must be some."""
    found = sorted(path for path in (TESTS / "fuzz" / group).glob("*/*") if path.is_file())
    assert found, f"the corpus of {group} is gone"
    return [pytest.param(path, id=f"{path.parent.name}-{path.name}") for path in found]


def fuzzing(group: str) -> ModuleType:
    """The module with a group's targets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TESTS.parent / "benchmarks"))
        return import_module(f"fuzz_{group}")


def target_of(module: ModuleType, name: str) -> Any:
    """The target of that name."""
    (found,) = (target for target in module.TARGETS if target.name == name)
    return found


def replay(module: ModuleType, path: Path) -> None:
    """Read an input as its target does: it is read, or refused by what is documented, and soon."""
    target = target_of(module, path.parent.name)
    began = time.process_time()
    with suppress(*target.documented):
        target.read(path.read_bytes())
    assert time.process_time() - began < MOST_S
