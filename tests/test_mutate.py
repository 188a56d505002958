"""The mutation tool: what it changes, that it tells survivors, and that it leaves the tree alone."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[1] / "tools"
CODE = '''"""Numbers kept within bounds."""

LIMIT = 10


def kept(x: int) -> int:
    return max(0, min(x, LIMIT))


def below(x: int) -> bool:
    return x < LIMIT


def never_called(x: int) -> int:
    return x + 1
'''
TESTS = """from pkg.bounds import below, kept


def test_kept():
    assert kept(50) == 10
    assert kept(5) == 5
    assert kept(-5) == 0


def test_below():
    assert below(9)
    assert not below(11)
"""


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
    """Every mutation of a line of code, as the line reads then."""
    monkeypatch.syspath_prepend(str(TOOLS))
    mutants = importlib.import_module("mutations").mutants

    def lines(source: str) -> set[str]:
        found = set()
        for mutant in mutants("a.py", source):
            ast.parse(mutant.text)
            found.add(mutant.text.splitlines()[mutant.line - 1].strip())
        return found

    return lines


@pytest.mark.parametrize(
    ("source", "mutations"),
    [
        ("x = a < b", {"x = (a <= b)", "x = (a >= b)"}),
        ("x = a is None", {"x = (a is not None)"}),
        ("x = a + b", {"x = (a - b)"}),
        ("x = a and b", {"x = (a or b)"}),
        ("x = not a", {"x = (a)"}),
        ("x = 3", {"x = (4)", "x = (2)"}),
        ("x = 1e9", {"x = (2000000000.0)"}),
        ("x = True", {"x = (False)"}),
        ("x = a if b else c", {"x = (a if not b else c)"}),
        ("x = np.clip(a, b, c)", {"x = (a)", "x = (b)", "x = (c)"}),
        ("x = a[b:c]", {"x = a[b + 1:c]", "x = a[b:c + 1]"}),
        ("x = a[:c]", {"x = a[1:c]", "x = a[:c + 1]"}),
        ("x = [a for a in b if c]", {"x = [a for a in b if (not c)]"}),
        ("x += a", {"x -= a"}),
        ("a(b)", {"pass"}),
        ("def f():\n    return a", {"return None"}),
        ("def f(a: list[3] = b) -> int: ...", set()),
        ("def f():\n    return None", set()),
        ("raise ValueError(f'{a + 1}' + b)", set()),
        ("x = f'{a + 1}'", set()),
        ("x = 'a' * é", {"x = ('a' / é)"}),
        ("if a:\n    b", {"if (not a):"}),
        ("while a:\n    continue", {"while (not a):", "break"}),
    ],
)
def test_what_is_changed(changed: Callable[[str], set[str]], source: str, mutations: set[str]) -> None:
    assert changed(source) == mutations


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with a package, its tests and the tool."""
    for name, text in {
        "pyproject.toml": '[tool.setuptools.package-dir]\npkg = "pkg"\n"pkg.more" = "more"\n',
        "pkg/__init__.py": "",
        "pkg/bounds.py": CODE,
        "more/__init__.py": "",
        "more/same.py": "def same(x):\n    return x\n",
        "tests/test_bounds.py": TESTS,
        "tests/test_same.py": "from pkg.more.same import same\ndef test_same(): assert same(3) == 3\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copytree(TOOLS, tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def mutate(project: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-B", "tools/mutate.py", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_survivors_are_told_and_the_tree_is_as_before(project: Path) -> None:
    """Nothing tells whether 10 is below 10; every other mutation is caught."""
    before = {p: p.read_bytes() for p in project.rglob("*") if p.is_file() and ".git" not in p.parts}
    status, said = mutate(project, "pkg/bounds.py:10-15", "--all")
    assert said == (
        "no test reaches pkg/bounds.py:15\n"
        "pkg/bounds.py:11 survives 1 tests\n-    return x < LIMIT\n+    return (x <= LIMIT)\n"
        "1 of 3 mutants survive\n"
    )
    assert status == 1
    after = {p: p.read_bytes() for p in project.rglob("*") if p.is_file() and ".git" not in p.parts}
    assert after == before


def test_a_package_that_packaging_moves_is_changed_in_its_place(project: Path) -> None:
    """Were the one in the tree imported, the mutant would survive."""
    assert mutate(project, "more", "--tests", "tests/test_same.py") == (0, "0 of 1 mutants survive\n")


def test_nothing_is_tried_where_the_tests_fail_already(project: Path) -> None:
    (project / "tests" / "test_bad.py").write_text("def test_bad(): assert False\n")
    status, said = mutate(project, "pkg")
    assert status == 2
    assert "the tests fail without any mutation" in said
