"""The order of the rooms: imports only ever point down, and a room imports nothing that it may not know."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (
    (
        "cli",
        "cli_check",
        "cli_common",
        "cli_compare",
        "cli_config",
        "cli_cost",
        "cli_data",
        "cli_executor",
        "cli_judge",
        "cli_loops",
        "cli_merge",
        "cli_place",
        "cli_run",
        "cli_verify",
        "cli_view",
    ),
    ("configuration",),
    ("api",),
    ("report", "viewer"),
    ("conformance",),
    ("tasks", "adapters"),
    ("scoring",),
    ("storage",),
    ("runs",),
    ("session",),
    ("users",),
    ("synthesis",),
    ("perception",),
    ("judges",),
    ("media",),
    ("wire",),
    ("plugins", "plugin_files"),
    ("pricing",),
    ("metrics",),
    (
        "samples",
        "scenario",
        "user_lines",
        "user_stretches",
        "turns",
        "adapter",
        "events",
        "kept_by_task",
        "encoded_tracks",
        "event_texts",
        "heard_text",
        "joined_text",
        "declared_times",
        "recording",
        "session_log",
        "timed_calls",
        "split_times",
        "tool_arguments",
        "tool_latency",
        "recording_writer",
        "timeline",
        "questions",
        "metric",
        "respondents",
        "task",
        "outcome",
    ),
    ("containers",),
    (
        "timebase",
        "files",
        "seals",
        "redact",
        "secret_pieces",
        "keys",
        "addresses",
        "errors",
        "blame",
        "bounded_files",
        "code_digest",
        "csv_text",
        "data_folder",
        "names",
        "number_words",
        "own_folder",
        "plain_text",
        "stored_paths",
        "terminal_text",
        "__init__",
    ),
)
"""From the top down; names in one group may import each other."""
DEPTH = {room: depth for depth, group in enumerate(LAYERS) for room in group}
KNOWS_ONLY = {
    "metrics": {"metrics"},
    "adapters": {"adapters", "adapter", "turns", "samples", "wire", "media", *LAYERS[-1]},
}
"""Rooms that know less than what lies below them."""
EXCEPT = {
    "adapters.cascade": {"perception", "synthesis"},
    "adapters.duplex": {"perception"},
    "adapters.split": {"joined_text", "plugins"},
    "adapters.reference": {"perception", "tool_arguments"},
}
"""Cascade and duplex are whole voice agents: they recognise and speak. The reference voice spells numbers,
and its calls take parts of earlier results. Split makes another adapter, and joins what that says."""


def _modules() -> Iterator[tuple[str, Path]]:
    for top, prefix in (("tml_bench", ""), ("tasks", "tasks."), ("adapters", "adapters.")):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT / top).with_suffix("").parts)
            yield (prefix + name).removesuffix(".__init__"), path


MODULES = dict(_modules())


@cache
def _tree(path: Path) -> ast.Module:
    """The syntax of a module.

    The collector waits meanwhile: what it frees may log a traceback, whose formatter parses too, and Python's
    parser then fails with a SystemError (python/cpython#106905, there in 3.11.7 still).
    """
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a module's syntax: looking for them takes longer than looking at them."""
    return tuple(ast.walk(_tree(path)))


@cache
def _imports(path: Path) -> frozenset[str]:
    """Modules of the package that a module imports, at its top or late, without the package's name."""
    found = set()
    for node in _nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tml_bench":
            module = node.module.partition(".")[2]
            inner = (f"{module}.{alias.name}".strip(".") for alias in node.names)
            found |= {name if name in MODULES else module or "__init__" for name in inner}
        elif isinstance(node, ast.Import):
            found |= {a.name.partition(".")[2] for a in node.names if a.name.startswith("tml_bench.")}
    return frozenset(found)


def _room(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_down(module: str) -> None:
    here = "api" if module == "__init__" else _room(module)  # the lazy face, and the version
    assert here in DEPTH, f"say in LAYERS where {here} stands"
    upward = {m for m in _imports(MODULES[module]) if DEPTH[_room(m)] < DEPTH[here]}
    assert upward == set()


@pytest.mark.parametrize("module", MODULES)
def test_rooms_know_no_more_than_they_may(module: str) -> None:
    known = KNOWS_ONLY.get(_room(module))
    if known is None:
        return
    known = known.union(*(more for prefix, more in EXCEPT.items() if module.startswith(prefix)))
    assert {_room(m) for m in _imports(MODULES[module])} <= known


def _first_imports(path: Path) -> set[str]:
    """Modules of the package imported when this one is, not late and not for types alone."""
    found = set()
    for node in _tree(path).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tml_bench."):
            module = node.module.partition(".")[2]
            inner = (f"{module}.{alias.name}" for alias in node.names)
            found |= {name if name in MODULES else module for name in inner}
    return found


def test_no_circle() -> None:
    graph = {name: _first_imports(path) - {name} for name, path in MODULES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(MODULES)


def test_no_two_public_classes_share_a_name() -> None:
    homes: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_a_module_fits_in_a_head() -> None:
    long = {name: n for name, path in MODULES.items() if (n := len(path.read_text().splitlines())) >= 350}
    assert long == {}


def test_metrics_import_numpy_only() -> None:
    standard = sys.stdlib_module_names
    found = set()
    for name, path in MODULES.items():
        if _room(name) == "metrics":
            for node in _nodes(path):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.split(".")[0])
                elif isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
    assert found - standard == {"numpy", "tml_bench"}


LOOKS_THROUGH = {"redacted", "redacted_speech", "plain", "kept", "cut", "recordable"}
"""What looks for secrets in a text: `redact`'s functions, which cut the text themselves."""
STRANGERS = ("adapters.", "session.", "conformance.", "wire.", "plugins", "judges.openai", "judges.prompt")
"""Where texts come from services and models."""


def _is_cut(node: ast.AST) -> bool:
    """Whether it is of the form ``text[:300]`` or ``text[:LONGEST]``."""
    part = node.slice if isinstance(node, ast.Subscript) else None
    upper = part.upper if isinstance(part, ast.Slice) else None
    return isinstance(upper, ast.Constant) or (isinstance(upper, ast.Name) and upper.id.isupper())


def _cuts_first(path: Path) -> Iterator[int]:
    """Lines where a text is cut before it is looked through for secrets, or shown without."""
    for node in _nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LOOKS_THROUGH:
            yield from (inner.lineno for part in node.args for inner in ast.walk(part) if _is_cut(inner))
        if isinstance(node, ast.FormattedValue) and _is_cut(node.value):
            yield node.lineno


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith(STRANGERS)])
def test_a_stranger_s_text_is_looked_through_before_it_is_cut(module: str) -> None:
    """A key at the cut would not be seen to be one: `redact.cut` and `redact.plain` take the length."""
    assert list(_cuts_first(MODULES[module])) == []


def test_the_check_of_cuts_sees_them(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text("plain(a[:300])\nf'{a[:80]!r}'\nplain(a, 300)\nf'{a[2:]}'\nredacted(str(a[:LONG]))\n")
    assert list(_cuts_first(file)) == [1, 5, 2]
