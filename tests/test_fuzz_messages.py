"""What services said that ended a session in what no contract names, or never; see benchmarks/fuzz.py."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from fuzz_corpus import corpus, fuzzing, replay, target_of


@pytest.fixture(scope="module")
def fuzz_messages() -> ModuleType:
    return fuzzing("messages")


@pytest.mark.parametrize("path", corpus("messages"))
def test_what_failed_ends_in_a_documented_error_at_most(fuzz_messages: ModuleType, path: Path) -> None:
    replay(fuzz_messages, path)


@pytest.mark.parametrize("name", ["openai-realtime-ga", "wire", "background"])
def test_what_is_in_order_is_read(fuzz_messages: ModuleType, name: str) -> None:
    """Else nothing of a session would be tried: the first seed is a whole conversation."""
    target = target_of(fuzz_messages, name)
    target.read(target.seeds()[0])
