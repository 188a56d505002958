"""What a command was asked for in all, written as a file that `files` reads again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tml_bench.configuration.keys import Value
from tml_bench.redact import redacted


@dataclass(frozen=True, slots=True)
class Effective:
    """The value of a key and where it is from; None where nothing is said and nothing is the default."""

    value: Value | None
    origin: str


def shown(groups: Sequence[Mapping[str, Effective]]) -> str:
    """The configuration as TOML, each value with its origin as a comment.

    What all groups have in common stands above them. Secrets are blanked, and say so.
    """
    first, *others = groups
    common = {name: one for name, one in first.items() if all(group[name] == one for group in others)}
    lines = ["# tml-bench run --config THIS-FILE asks for the same", *_lines(common.items())]
    for group in groups if others else ():
        lines += ["", "[[group]]", *_lines((name, one) for name, one in group.items() if name not in common)]
    return "\n".join(lines) + "\n"


def _lines(values: Iterable[tuple[str, Effective]]) -> Iterable[str]:
    for name, one in values:
        if one.value is None or one.value == ():
            yield f"# {name} is not set  # {one.origin}"
            continue
        written = _toml(one.value)
        blanked = redacted(written)
        secret = "; blanked, give it again on the command line" if blanked != written else ""
        yield f"{name} = {blanked}  # {one.origin}{secret}"


def _toml(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        # A basic string of TOML is one of JSON, but for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else str(value)
