"""One layer over the other: ``tml-bench.toml``, the suite, a group of it; the command line goes above."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tml_bench.configuration.files import FOUND, ConfigFile, read_config
from tml_bench.configuration.keys import ConfigKey, Value, nearest
from tml_bench.configuration.named_adapters import NamedAdapter
from tml_bench.configuration.presets import PRESETS, QUICK, QUICK_ADAPTERS, WHAT_IS_RUN, preset
from tml_bench.errors import UserError

SUITE = "suite"


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for a group of runs where the command line says nothing else.

    Attributes:
        values: by key.
        origins: which file or suite each key is from.
        adapters: those with short names.
        suite: the suite, if any.
        files: the files that were read.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, NamedAdapter] = field(default_factory=dict)
    suite: str = ""
    files: tuple[str, ...] = ()


def defaults(
    keys: Mapping[str, ConfigKey], config: Path | None, suite: str, *, bare: bool = False
) -> list[Defaults]:
    """The defaults of each group of a suite or file, one where there are no groups.

    Args:
        keys: those that are known, by name.
        config: a file to read instead of ``tml-bench.toml`` in the working directory.
        suite: a suite's name or file; empty for that of the file, if it has one.
        bare: the command line does not say what is run; where no file does either, it is the quick suite.

    Raises:
        UserError: as `read_config`, or there is no such suite, or both files have groups.
    """
    below = read_config(config or FOUND, keys) if config or FOUND.is_file() else ConfigFile("")
    suite = suite or str(below.values.get(SUITE, ""))
    if bare and not suite and not below.groups and below.values.keys().isdisjoint(WHAT_IS_RUN):
        suite = QUICK
    above = _suite(suite, keys) if suite else ConfigFile("")
    if below.groups and suite:
        raise UserError(
            f"{below.source} has groups, and so there is no place for suite {suite}",
            f"give the file itself as the suite: --suite {below.source}",
        )
    files = tuple(file.source for file in (below, above) if file.on_disk)
    adapters = {**below.adapters, **above.adapters}
    layers = [(file.source, file.values) for file in (below, above)]
    if suite == QUICK and "adapter" in keys:
        layers.insert(0, (above.source, {"adapter": QUICK_ADAPTERS}))
    groups = above.groups or below.groups or ({},)
    found = []
    for n, group in enumerate(groups, 1):
        source = f"{(above if above.groups else below).source}, group {n}"
        values: dict[str, Value] = {}
        origins: dict[str, str] = {}
        for origin, layer in (*layers, (source, group)):
            values |= layer
            origins |= dict.fromkeys(layer, origin)
        values.pop(SUITE, None)
        found.append(Defaults(values, origins, adapters, suite, files))
    return found


def _suite(name: str, keys: Mapping[str, ConfigKey]) -> ConfigFile:
    if name in PRESETS:
        return ConfigFile(f"suite {name}", {key: value for key, value in preset(name).items() if key in keys})
    path = Path(name)
    if path.suffix != ".toml" and not path.is_file():
        raise UserError(
            f"there is no suite {name!r}", f"{nearest(name, PRESETS, 'suites')} or give FILE.toml"
        )
    read = read_config(path, keys)
    if SUITE in read.values:
        raise UserError(f"{path}: a suite cannot name another", "leave the key suite out")
    return read
