"""What once ended or stopped a reader of annotations or runs is refused, or costs its sample alone."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from fuzz_corpus import corpus, fuzzing, replay


@pytest.fixture(scope="module")
def fuzz_files() -> ModuleType:
    return fuzzing("files")


@pytest.mark.parametrize("path", corpus("files"))
def test_what_was_found_is_read_or_refused(fuzz_files: ModuleType, path: Path) -> None:
    replay(fuzz_files, path)


def test_what_is_in_order_is_read(fuzz_files: ModuleType) -> None:
    """Else a reader that refuses everything would pass."""
    for target in fuzz_files.TARGETS:
        target.read(target.seeds()[0])
