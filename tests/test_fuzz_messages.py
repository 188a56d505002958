"""What services said that ended a session in what no contract names, or never; see benchmarks/fuzz.py."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[1] / "benchmarks"
FOUND = sorted((Path(__file__).parent / "fuzz" / "messages").glob("*/*"))
MOST_S = 5.0
"""Processor time of one input: some took minutes."""


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield {target.name: target for target in importlib.import_module("fuzz_messages").TARGETS}


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_failed_ends_in_a_documented_error_at_most(targets: dict[str, Any], path: Path) -> None:
    target = targets[path.parent.name]
    began = time.process_time()
    with suppress(*target.documented):
        target.read(path.read_bytes())
    assert time.process_time() - began < MOST_S


@pytest.mark.parametrize("name", ["openai-realtime-ga", "wire", "background"])
def test_what_is_in_order_is_read(targets: dict[str, Any], name: str) -> None:
    """Else nothing of a session would be tried: the first seed is a whole conversation."""
    target = targets[name]
    target.read(target.seeds()[0])
