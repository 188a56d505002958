"""What an adapter is made of: its own Python files, found without running any of them.

Its own files are its module, or all modules of its package, and whatever these import from its own folder:
that of its file, or the package that its module or package lies in. What the harness or other packages hold
is told by their versions.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tml_bench.plugins import AdapterSpec, given_sha256, registered


def adapter_sources(spec: AdapterSpec) -> dict[str, str]:
    """SHA-256 of each own file of an adapter whose class is loaded, by its path in the adapter's folder.

    Hexadecimal, in the order of the paths; none for an adapter whose files are not on disk.
    """
    if code := given_sha256(spec.target):
        return {f"code of {spec.target}": code}
    if ".py:" in spec.target:
        file = Path(spec.target.rpartition(":")[0])
        return _hashes([file], file.parent, "")
    point = registered("adapter").get(spec.target)
    module = sys.modules.get(point.module) if point else None
    file = Path(getattr(module, "__file__", None) or "")
    if module is None or not file.is_file():
        return {}
    package, _, _ = module.__name__.rpartition(".")
    if file.name != "__init__.py":
        return _hashes([file], file.parent, package) if package else _hashes([file], None, "")
    folder = file.parent if not package else file.parent.parent
    return _hashes(sorted(file.parent.rglob("*.py")), folder, package or module.__name__)


def adapter_distribution(spec: AdapterSpec) -> str:
    """Name and version of the package that installed a third party's adapter, such as ``agent 1.2``.

    Empty for this project's own adapters, whose version is the harness's, and for files.
    """
    point = None if ".py:" in spec.target else registered("adapter").get(spec.target)
    if point is None or point.dist is None or point.module.startswith("tml_bench."):
        return ""
    return f"{point.dist.name} {point.dist.version}"


def _hashes(files: list[Path], folder: Path | None, package: str) -> dict[str, str]:
    """Hashes of files and of what they import from a folder, that of a package; None follows nothing."""
    found: dict[str, str] = {}
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        name = file.relative_to(folder).as_posix() if folder else file.name
        if name in found:
            continue
        content = file.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()
        if folder:
            waiting += _imported(content, file, folder, package)
    return dict(sorted(found.items()))


def _imported(content: bytes, file: Path, folder: Path, package: str) -> Iterator[Path]:
    for level, dotted in _imports(content):
        if level:
            above = [file, *file.parents][level]
            yield from _modules(above, dotted.split(".")) if above.is_relative_to(folder) else ()
        elif not package:
            yield from _modules(folder, dotted.split("."))
        elif dotted.startswith(f"{package}."):
            yield from _modules(folder, dotted.removeprefix(f"{package}.").split("."))


@cache
def _imports(content: bytes) -> tuple[tuple[int, str], ...]:
    """What a module imports: how many dots, and the dotted name with what is imported from it."""
    found: set[tuple[int, str]] = set()
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError):
        return ()  # whoever imports it is told
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {(0, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = f"{node.module}." if node.module else ""
            found |= {(node.level, base + alias.name) for alias in node.names}
    return tuple(sorted(found))


def _modules(folder: Path, names: list[str]) -> Iterator[Path]:
    """The files of a dotted name in a folder, its packages included; those that exist."""
    for depth in range(1, len(names) + 1):
        place = folder.joinpath(*names[:depth])
        yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())
