"""Configuration files: ``tml-bench.toml``, suites, and what ``--print-config`` wrote.

A file holds keys for everything, ``[adapters.NAME]`` with adapters under short names, and any number of
``[[group]]``, each with keys of its own, which go before those for everything.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.configuration.keys import ConfigKey, Value, nearest, normal
from tml_bench.configuration.named_adapters import NamedAdapter, named_adapter
from tml_bench.errors import UserError
from tml_bench.redact import redacted

FOUND = Path("tml-bench.toml")
"""Read where it lies in the working directory."""
_MOST = 1 << 20
"""Bytes; Python reads about a megabyte of TOML a second."""
ADAPTERS, GROUP = "adapters", "group"
KEYS_ELSEWHERE = "keys and passwords belong into the environment, or into the file that TML_BENCH_KEYS names"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that was read.

    Attributes:
        source: what it is called in messages.
        values: by key.
        groups: the keys of each group.
        adapters: those with short names.
        on_disk: it is a file, and no suite that ships.
    """

    source: str
    values: Mapping[str, Value] = field(default_factory=dict)
    groups: tuple[Mapping[str, Value], ...] = ()
    adapters: Mapping[str, NamedAdapter] = field(default_factory=dict)
    on_disk: bool = False


def read_config(path: Path, keys: Mapping[str, ConfigKey]) -> ConfigFile:
    """Read a configuration file.

    Raises:
        UserError: it cannot be read, is no TOML, has a key that is not known or a value that does not fit, or
            holds what looks like a secret; names file, key and remedy.
    """
    try:
        found = tomllib.loads(read_whole(path, _MOST, piped=True).decode())
        source = str(path)
        _refuse_secrets(found, source)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UserError(f"{path} cannot be read: {reason}", "give a configuration file") from None
    except UNREADABLE as error:
        raise UserError(f"{path} is not TOML: {error}", "see docs/configuring.md for an example") from None
    adapters = _tables(found.pop(ADAPTERS, {}), source)
    groups = found.pop(GROUP, [])
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise UserError(f"{source}: group is not a list of tables", "write [[group]] above the keys of each")
    return ConfigFile(
        source,
        _values(found, keys, source),
        tuple(_group(group, keys, f"{source}, group {n}") for n, group in enumerate(groups, 1)),
        {name: named_adapter(name, table, f"{source}: adapters.{name}") for name, table in adapters.items()},
        on_disk=True,
    )


def _values(found: Mapping[str, object], keys: Mapping[str, ConfigKey], source: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for written, value in found.items():
        name = normal(written)
        if name not in keys:
            known = [*keys, ADAPTERS, GROUP]
            raise UserError(f"{source}: there is no key {written!r}", nearest(name, known))
        if name in values:
            raise UserError(f"{source}: {name} is there twice", "keep one: - and _ are the same in keys")
        values[name] = keys[name].value(value, f"{source}: {written}")
    return values


def _group(found: Mapping[str, object], keys: Mapping[str, ConfigKey], source: str) -> dict[str, Value]:
    values = _values(found, keys, source)
    for name in values:
        if not keys[name].everywhere:
            raise UserError(f"{source}: {name} is one for all groups", "put it above the first group")
    return values


def _tables(found: object, source: str) -> dict[str, dict[str, object]]:
    if isinstance(found, dict) and all(isinstance(table, dict) for table in found.values()):
        return found
    raise UserError(
        f"{source}: {ADAPTERS} is not made of tables",
        'write [adapters.NAME] and below it use = "ADAPTER" and its options; '
        "which adapters are run says the key adapter",
    )


def _refuse_secrets(found: object, where: str) -> None:
    """Raise for texts that look like secrets, or are those of the environment, at any depth."""
    if isinstance(found, dict):
        for name, value in found.items():
            _refuse_secrets(value, f"{where}: {name}" if ": " not in where else f"{where}.{name}")
    elif isinstance(found, list):
        for value in found:
            _refuse_secrets(value, where)
    elif isinstance(found, str) and redacted(found) != found:
        raise UserError(f"{where} holds what looks like a key or a password", KEYS_ELSEWHERE)
