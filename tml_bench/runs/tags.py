"""Tags: what users call their runs by, as ``NAME=VALUE`` or a text alone; they decide nothing."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from tml_bench.errors import UserError
from tml_bench.files import read_json
from tml_bench.redact import plain
from tml_bench.runs.store import NOT_A_RUN


class _Tagged(msgspec.Struct):
    """The part of ``run.json`` that says the tags."""

    tags: dict[str, str] = {}


def parse_tags(texts: Iterable[str]) -> dict[str, str]:
    """Tags from ``NAME=VALUE`` and texts, which are names without a value; of one name the last holds."""
    pairs = (text.partition("=") for text in texts)
    return {name.strip(): value.strip() for name, _, value in pairs}


def clean_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags in one line and without secrets, to be recorded; raises `UserError` for one without a name."""
    for name in tags:
        if not name.strip() or "=" in name:
            raise UserError(f"{name!r} is no name of a tag", "give NAME=VALUE, or a text without =")
    return {plain(name): plain(value) for name, value in tags.items()}


def shown_tags(tags: Mapping[str, str]) -> str:
    """Tags in a line, as they are given; empty for none."""
    return ", ".join(f"{name}={value}" if value else name for name, value in tags.items())


def tags_of(run: Path) -> dict[str, str]:
    """The tags of a run's folder; none where there is no run. Raises `UserError` for a damaged one."""
    return read_json(run / "run.json", _Tagged, NOT_A_RUN).tags if (run / "run.json").is_file() else {}


def with_tags(runs: Iterable[Path], wanted: Iterable[str]) -> list[Path]:
    """The folders of runs that have every tag, ``NAME`` with any value or ``NAME=VALUE``.

    Raises:
        UserError: none has; says which tags there are.
    """
    found: list[Path] = []
    known: dict[str, None] = {}
    asked = [text.partition("=") for text in wanted]
    for run in runs:
        tags = tags_of(run)
        known |= dict.fromkeys(shown_tags({name: value}) for name, value in tags.items())
        if all(name in tags and (not equals or tags[name] == value) for name, equals, value in asked):
            found.append(run)
    if not found and asked:
        there = f"there are {', '.join(known)}" if known else "they have none; --tag of run gives some"
        raise UserError("no run has these tags", there)
    return found
