"""Adapters under short names: a table of options, which becomes the adapter as the command line takes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tml_bench.errors import UserError
from tml_bench.names import is_plugin_name
from tml_bench.redact import is_secret_name


@dataclass(frozen=True, slots=True)
class NamedAdapter:
    """An adapter with a short name: what it is, with its options as texts."""

    use: str
    options: Mapping[str, str]

    def spec(self, more: str = "") -> str:
        """The adapter as the command line takes it; ``more`` are options that go before its own."""
        options, bare = dict(self.options), []
        for item in filter(None, more.split(",")):
            key, equals, value = item.partition("=")
            if equals and key.strip().isidentifier():
                options[key.strip()] = value
            else:
                bare.append(item)
        items = [*bare, *(f"{key}={value}" for key, value in options.items())]
        if not items:
            return self.use
        # A name that already has options, such as one with an address, gets more of them.
        has_options = ":" in self.use.rpartition(".py:")[2]
        return f"{self.use}{',' if has_options else ':'}{','.join(items)}"


def named_adapter(name: str, table: Mapping[str, object], where: str) -> NamedAdapter:
    """The adapter of a table; without ``use`` it is the installed one of that name.

    Raises:
        UserError: the name is none, an option is named like a secret, or a value is a list, a table, or
            holds a comma; ``where`` names file and table.
    """
    if not is_plugin_name(name):
        raise UserError(f"{where} is no name", "use letters, digits, dots, - and _")
    use = table.get("use", name)
    if not isinstance(use, str) or not use:
        raise UserError(f"{where}.use is not a text", 'give NAME or FILE.py:CLASS, as in use = "cascade"')
    options = {}
    for option, value in table.items():
        if option == "use":
            continue
        if is_secret_name(option) and isinstance(value, str):
            raise UserError(
                f"{where}.{option} would be a key or a password in a file",
                "keys belong into the environment, or into the file that TML_BENCH_KEYS names",
            )
        options[option] = _text(value, f"{where}.{option}")
    return NamedAdapter(use, options)


def resolved(adapter: str, known: Mapping[str, NamedAdapter]) -> str:
    """An adapter as given, with its short name, if it has one, replaced by what it stands for."""
    name, _, more = adapter.partition(":")
    return known[name].spec(more) if name in known else adapter


def _text(value: object, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise UserError(f"{where} is neither a text, a number, nor true or false", "options are one of them")
    if "," in value:
        raise UserError(f"{where} holds a comma, which ends an option", "in an address write it as %2C")
    return value
