"""What once ended or stopped a reader of annotations or runs is refused, or costs its sample alone."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
CORPUS = sorted(path for path in (HERE / "fuzz" / "files").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def fuzz_files() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE.parent / "benchmarks"))
        return import_module("fuzz_files")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_is_read_or_refused(fuzz_files: ModuleType, path: Path) -> None:
    (target,) = (target for target in fuzz_files.TARGETS if target.name == path.parent.name)
    with suppress(*target.documented):
        target.read(path.read_bytes())
