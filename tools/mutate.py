"""Mutation testing: change one line at a time and see whether a test notices.

    python tools/mutate.py tml_bench/session tml_bench/report/baselines.py --count 60 --seed 1
    python tools/mutate.py tml_bench/session/network.py:112-150 --all --tests tests/test_network_link.py

The checkout is copied to a temporary folder (tracked files, and new ones that are not ignored), and all of
this happens in the copy; the tree itself is only read. There the tests named by ``--tests`` (all, by default)
run once with every line traced, so that each line knows the tests that reach it. ``--map FILE`` keeps what
was traced for the next call with the same tests and sources.

Then ``--count`` lines among those reached are drawn with ``--seed``, and each gets one mutation (``--all``:
every line gets every mutation). A mutation is one of:

    a comparison flipped or its bound moved      + to -, * to /, // to /, += to -= and the like
    a number plus or minus one, or doubled       True to False, ``and`` to ``or``, a condition negated
    a value returned to None                     an argument of max, min, clip, abs, round or sorted alone
    an end of a slice moved by one               a call whose value nobody uses left out

Only the tests that reach the line run, the quickest file first, up to the first that fails. Lines run while
modules are imported (constants, defaults) are tried with every test that reaches their file. A mutation that
all of these tests pass is a survivor and is printed with its place and difference: either no test pins the
behaviour, or the change makes none (an equivalent mutant), which a person must tell. Worker processes that
tests start are not traced, so lines reached only there count as reached by none; those are printed too.

The exit status is 0 when nothing survived, 1 when something did, 2 when the tests fail without any mutation.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pytest
from mutations import Mutant, mutants
from traced import PLACE, Reached

ROOT = Path(__file__).resolve().parents[1]
PYTEST = ["-q", "-p", "no:cacheprovider"]
PATIENCE, GRACE_S = 5.0, 10.0
"""A mutant whose tests take so many times as long as when they were traced, and so many seconds more, is
caught."""
Lines = range | None
"""Lines of a file; None for all."""


def targets(given: list[str]) -> dict[str, Lines]:
    """The files named, relative to the checkout, each with the lines wanted.

    Raises:
        SystemExit: one does not exist.
    """
    found: dict[str, Lines] = {}
    for text in given:
        name, _, span = text.partition(":")
        path = Path(name).resolve()
        if not path.exists():
            raise SystemExit(f"{name} does not exist")
        first, _, last = span.partition("-")
        wanted = range(int(first), int(last or first) + 1) if span else None
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found[str(file.relative_to(ROOT))] = wanted
    return found


def copy_checkout(to: Path) -> None:
    """Copy the checkout's files; folders that packaging moves into a package are linked to their place."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    project = tomllib.loads((to / "pyproject.toml").read_text(encoding="utf-8"))
    places = project.get("tool", {}).get("setuptools", {}).get("package-dir", {})
    for package, folder in places.items():
        link = to.joinpath(*package.split("."))
        if package and not link.exists():
            link.symlink_to(to / folder)


def what_tests_reach(copy: Path, tests: list[str], kept: Path | None) -> Reached:
    """What the tests reach, traced now, or before and kept in a file.

    Raises:
        SystemExit: they fail.
    """
    if kept is not None and kept.exists():
        return Reached.loads(kept.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "map.json"
        path = os.pathsep.join([str(copy), str(Path(__file__).parent)])
        environment = {**os.environ, "PYTHONPATH": path, PLACE: str(place)}
        command = [sys.executable, "-B", "-m", "pytest", *PYTEST, "-p", "traced", *tests]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout, done.stderr, "the tests fail without any mutation", sep="\n", file=sys.stderr)
            raise SystemExit(2)
        text = place.read_text(encoding="utf-8")
    if kept is not None:
        kept.write_text(text, encoding="utf-8")
    return Reached.loads(text)


def preload(modules: list[str]) -> None:
    """Import what the tests import from elsewhere, once: every mutant's process is a fork of this one."""
    for name in modules:
        with suppress(Exception):  # what cannot be imported here is left to the tests
            importlib.import_module(name)


def _run_tests(copy: Path, tests: list[str]) -> None:
    """Run tests in the copy and exit as pytest does; for a process of its own."""
    os.setsid()
    os.chdir(copy)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    os.environ["PYTHONPATH"] = str(copy)
    sys.path[0] = str(copy)
    sys.dont_write_bytecode = True
    sys.exit(pytest.main([*PYTEST, "-x", *tests]))


def drawn(files: dict[str, Lines], reached: Reached, count: int, seed: int, each: bool) -> list[Mutant]:
    """The mutants to try; prints the lines that no test reaches."""
    by_line: dict[tuple[str, int], list[Mutant]] = defaultdict(list)
    for path, wanted in files.items():
        for mutant in mutants(path, (ROOT / path).read_text(encoding="utf-8")):
            if wanted is None or mutant.line in wanted:
                by_line[path, mutant.line].append(mutant)
    known = []
    for (path, line), found in by_line.items():
        if reached.tests(found[0]):
            known.append(found)
        else:
            print(f"no test reaches {path}:{line}")
    if each:
        return [mutant for found in known for mutant in found]
    draw = random.Random(seed)
    return [draw.choice(found) for found in draw.sample(known, min(count, len(known)))]


def survives(copy: Path, mutant: Mutant, reached: Reached) -> bool:
    """Whether the tests that reach a mutant pass in time; the copy is as before afterwards."""
    tests = reached.tests(mutant)
    place = copy / mutant.path
    original = place.read_bytes()
    place.write_text(mutant.text, encoding="utf-8")
    process = multiprocessing.get_context("fork").Process(target=_run_tests, args=(copy, tests))
    try:
        process.start()
        process.join(PATIENCE * sum(reached.seconds[test] for test in tests) + GRACE_S)
        return process.exitcode == 0
    finally:
        if process.is_alive():
            os.killpg(process.pid or 0, signal.SIGKILL)
            process.join()
        place.write_bytes(original)


def difference(mutant: Mutant) -> str:
    """The lines changed, before and after."""
    old = (ROOT / mutant.path).read_text(encoding="utf-8").splitlines()
    return "\n".join(list(difflib.unified_diff(old, mutant.text.splitlines(), n=0, lineterm=""))[3:])


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description="Change one line at a time and see whether a test notices.")
    parser.add_argument("target", nargs="+", help="a module or a folder; MODULE:FIRST-LAST for some lines")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="what may notice; as for pytest")
    parser.add_argument("--count", type=int, default=60, help="how many lines to change")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--all", action="store_true", help="every mutation of every line")
    parser.add_argument("--map", type=Path, help="file that keeps which test reaches which line")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # so that the copy goes
    files = targets(options.target)
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        copy = Path(folder).resolve()
        copy_checkout(copy)
        reached = what_tests_reach(copy, options.tests, options.map)
        preload(reached.modules)
        chosen = drawn(files, reached, options.count, options.seed, options.all)
        for mutant in chosen:
            if survives(copy, mutant, reached):
                survivors += 1
                tests = len(reached.tests(mutant))
                print(f"{mutant.path}:{mutant.line} survives {tests} tests", difference(mutant), sep="\n")
                sys.stdout.flush()
    print(f"{survivors} of {len(chosen)} mutants survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
