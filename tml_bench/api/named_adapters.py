"""Adapters as they are given: by name, by file, as classes or as objects."""

import inspect
from collections.abc import Mapping

from tml_bench.adapter import Adapter, LiveAdapter
from tml_bench.errors import UserError
from tml_bench.names import is_plugin_name
from tml_bench.plugins import AdapterClass, adapter_names
from tml_bench.runs.plan import REFERENCE_ADAPTERS

Given = Adapter | AdapterClass
AdapterLike = str | Given
"""A name with options or ``FILE.py:CLASS``, a class, or an object."""
Several = list[str] | list[AdapterLike] | tuple[AdapterLike, ...] | Mapping[str, Given]


def named_adapters(adapter: AdapterLike | Several | None) -> tuple[tuple[str, ...], dict[str, Given]]:
    """The adapters by name, and those given as classes or objects; a `UserError` where two are alike."""
    if adapter is None:
        return REFERENCE_ADAPTERS, {}
    pairs: list[tuple[str, AdapterLike]]
    if isinstance(adapter, Mapping):
        pairs = list(adapter.items())
    else:
        several = adapter if isinstance(adapter, list | tuple) else [adapter]
        pairs = [(one, one) if isinstance(one, str) else (_class_of(one).__name__, one) for one in several]
    given: dict[str, Given] = {}
    for name, one in pairs:
        if isinstance(one, str):
            continue
        if name in given:
            raise UserError(f"two adapters are called {name}", "give them names: {'one': ..., 'other': ...}")
        if not is_plugin_name(name) or name in adapter_names():
            raise UserError(
                f"an adapter given as {name!r} would not be told from others", "give another name"
            )
        _check_given(name, one)
        given[name] = one
    return tuple(name for name, _ in pairs), given


def _class_of(adapter: Given) -> type:
    return adapter if isinstance(adapter, type) else type(adapter)


def _check_given(name: str, adapter: Given) -> None:
    if isinstance(adapter, LiveAdapter):
        raise UserError(f"{name} serves one session alone", "give its class, which is made for every session")
    if isinstance(adapter, type):
        try:
            inspect.signature(adapter).bind()
        except TypeError as error:
            raise UserError(f"{name} cannot be made: {error}", f"give an object: {name}(...)") from None
