"""Which test runs which line: a plugin of pytest for ``mutate.py``, and what it writes.

As a plugin (``-p traced``) it traces every line of the files under the working folder, but for tests, and
writes a `Reached` to the file that the environment variable `PLACE` names.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from mutations import Mutant

PLACE = "TML_BENCH_MUTATE_MAP"
IMPORT = ""
"""Stands for a test where a line runs while modules are imported."""


def _nothing() -> defaultdict[str, defaultdict[int, set[str]]]:
    return defaultdict(lambda: defaultdict(set))


@dataclass
class Reached:
    """What tests reach.

    Attributes:
        lines: per file and line the tests that run it, or `IMPORT`.
        seconds: how long each test took while being traced, in the order they ran.
        modules: what was imported from outside the folder.
    """

    lines: defaultdict[str, defaultdict[int, set[str]]] = field(default_factory=_nothing)
    seconds: dict[str, float] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that can notice a mutant, the quickest file first; none where none reaches its line."""
        lines = self.lines[mutant.path]
        found = lines[mutant.line] or lines[mutant.statement]
        if IMPORT in found:
            found = set().union(*lines.values())
        by_file: dict[str, list[str]] = defaultdict(list)
        for test in self.seconds:
            if test in found:
                by_file[test.partition("::")[0]].append(test)
        files = sorted(by_file.values(), key=lambda tests: sum(self.seconds[test] for test in tests))
        return [test for tests in files for test in tests]

    def dumps(self) -> str:
        """As JSON."""
        lines = {p: {n: sorted(tests) for n, tests in found.items()} for p, found in self.lines.items()}
        return json.dumps({"lines": lines, "seconds": self.seconds, "modules": self.modules})

    @classmethod
    def loads(cls, text: str) -> Reached:
        """From JSON."""
        content = json.loads(text)
        reached = cls(seconds=content["seconds"], modules=content["modules"])
        for path, found in content["lines"].items():
            for line, tests in found.items():
                reached.lines[path][int(line)] = set(tests)
        return reached


class _Tracer:
    """A trace function for Python that notes every line of the files under a folder."""

    def __init__(self, folder: Path) -> None:
        self.test = IMPORT
        self.reached = Reached()
        self._folder = folder
        self._names: dict[str, str] = {}

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        name = self._name(frame.f_code.co_filename)
        if not name:
            return None
        lines = self.reached.lines[name]

        def line(frame: FrameType, event: str, argument: object) -> Any:
            lines[frame.f_lineno].add(self.test)
            return line

        return line(frame, event, argument)

    def _name(self, filename: str) -> str:
        """The file's place in the folder; empty for files elsewhere, and for tests."""
        if filename not in self._names:
            path = Path(filename).resolve()
            inside = path.is_relative_to(self._folder)
            place = path.relative_to(self._folder) if inside else Path()
            self._names[filename] = str(place) if inside and place.parts[0] != "tests" else ""
        return self._names[filename]


_TRACER = _Tracer(Path.cwd().resolve()) if os.environ.get(PLACE) else None


def _trace() -> None:
    threading.settrace(_TRACER)
    sys.settrace(_TRACER)


if _TRACER is not None:
    _trace()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Ascribe what runs to its test."""
    if _TRACER is None:
        yield
        return
    _TRACER.test, began = item.nodeid, time.perf_counter()
    _trace()  # a test before may have set another trace function
    yield
    _TRACER.test = IMPORT
    _TRACER.reached.seconds[item.nodeid] = time.perf_counter() - began


def pytest_unconfigure() -> None:
    """Write what was seen."""
    if _TRACER is not None:
        sys.settrace(None)
        here = str(Path.cwd().resolve())
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and not str(Path(file).resolve()).startswith(here) and not name.startswith("__"):
                _TRACER.reached.modules.append(name)
        Path(os.environ[PLACE]).write_text(_TRACER.reached.dumps(), encoding="utf-8")
