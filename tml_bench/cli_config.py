"""A command whose flags have defaults in files: a configuration and a suite; see docs/configuring.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from tml_bench.errors import UserError
from tml_bench.terminal_text import say

if TYPE_CHECKING:
    from tml_bench.api import Run
    from tml_bench.configuration.keys import ConfigKey, Kind
    from tml_bench.configuration.layers import Defaults

    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType  # generic since click 8.4 alone

Command = TypeVar("Command", bound=Callable[..., object])

OWN = ("config", "print_config", "help")
"""Options that are about the configuration, and no keys of it."""
FOR_ALL = ("suite", "out", "quiet", "verbose")
"""Keys that no group has for itself."""
_GIVEN = "tml_bench.given"


class SuiteName(_TextType):
    """A suite's name, or its file."""

    name = "suite"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names of suites, then files."""
        names = [CompletionItem(n) for n in ("quick", "mini", "full") if n.startswith(incomplete)]
        return names or [CompletionItem(incomplete, type="file")]


class PlugInName(_TextType):
    """A task's or an adapter's name, completed without loading any."""

    name = "text"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Installed names, then files."""
        from importlib.metadata import entry_points

        names = sorted({point.name for point in entry_points(group=f"tml_bench.{self.kind}s")})
        found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]


def config_options(command: Command) -> Command:
    """Give a `ConfiguredCommand` the options that say from where its defaults are."""
    path = click.Path(path_type=Path)
    for option in (
        click.option(
            "--print-config", is_flag=True,
            help="Print all that would be asked for, and from where it is, as a configuration; run nothing.",
        ),
        click.option(
            "--config", type=path,
            help="Defaults of these options. [default: tml-bench.toml, where it lies in this folder]",
        ),
        click.option(
            "--suite", type=SuiteName(), help="quick, mini, full, or a suite of your own, FILE.toml."
        ),
    ):  # fmt: skip
        command = option(command)
    return command


class GroupEnd(NamedTuple):
    """What a command gives for one group: the runs, and why some could not be finished."""

    runs: Sequence[Run]
    errors: Sequence[UserError]


class ConfiguredCommand(click.Command):
    """Calls its callback once for each group of a suite, then `ending` once with what all gave.

    Options stand in its help under the headings in ``headings``, by the name of their parameter.
    """

    headings: Mapping[str, Sequence[str]] = {}

    def check(self, asked: Mapping[str, Any], layer: Defaults, *, alone: bool) -> None:
        """Raise `UserError` for what cannot be run, before the first of several groups is."""

    def ending(self, asked: Mapping[str, Any], ends: Sequence[GroupEnd]) -> None:
        """Show what all groups gave."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and keep what was given: it is parsed again over the defaults of each group."""
        ctx.meta[_GIVEN] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> None:
        """Run every group, all checked before the first is run."""
        from tml_bench.configuration.layers import defaults

        layers = defaults(
            config_keys(self), ctx.params["config"], ctx.params["suite"] or "", bare=self._is_bare(ctx)
        )
        groups = [(self._over(ctx, layer), layer) for layer in layers]
        for group, layer in groups:
            self.check(group.params, layer, alone=len(groups) == 1)
        if ctx.params["print_config"]:
            say(_shown(groups), nl=False)
            return
        if layers[0].files and not groups[0][0].params.get("quiet"):
            say(f"configuration: {', '.join(layers[0].files)}", err=True)
        ends = [self._called(group, alone=len(groups) == 1) for group, _ in groups]
        self.ending(groups[0][0].params, ends)

    def _is_bare(self, ctx: click.Context) -> bool:
        """Whether the command line says nothing of what is run."""
        from tml_bench.configuration.presets import WHAT_IS_RUN

        names = (option.name for key, option in parameters(self).items() if key in WHAT_IS_RUN)
        return all(ctx.get_parameter_source(n) is not ParameterSource.COMMANDLINE for n in names if n)

    def _over(self, ctx: click.Context, layer: Defaults) -> click.Context:
        """The command line over defaults; adapters with short names are what these stand for."""
        from tml_bench.configuration.named_adapters import resolved

        options = parameters(self)
        values = {}
        for key, value in layer.values.items():
            option = options[key]
            try:
                option.type_cast_value(ctx, value)
            except click.BadParameter as error:
                where = f"{layer.origins[key]}: {key}: {error.message}"
                raise UserError(where, "see tml-bench run --help") from None
            values[option.name] = value
        group = self.make_context(
            ctx.info_name, list(ctx.meta[_GIVEN]), parent=ctx.parent, default_map=values
        )
        group.params["adapters"] = tuple(resolved(a, layer.adapters) for a in group.params["adapters"])
        return group

    def _called(self, group: click.Context, *, alone: bool) -> GroupEnd:
        assert self.callback is not None
        asked = {name: value for name, value in group.params.items() if name not in (*OWN, "suite")}
        try:
            return cast(GroupEnd, group.invoke(self.callback, **asked))
        except UserError as error:
            if alone:
                raise
            # The other groups are worth having.
            return GroupEnd((), (error,))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings; those under none come last."""
        left = {param.name: param for param in self.get_params(ctx)}
        for heading, names in {**self.headings, "More": tuple(left)}.items():
            found = [left.pop(name) for name in names if name in left]
            records = [record for param in found if (record := param.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def parameters(command: click.Command) -> dict[str, click.Option]:
    """The options that are keys, by the key: the longest of each one's flags without dashes."""
    return {
        max(option.opts, key=len).lstrip("-"): option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in OWN
    }


def config_keys(command: click.Command) -> dict[str, ConfigKey]:
    """The keys of a configuration: every option of the command but those about the configuration itself."""
    from tml_bench.configuration.keys import ConfigKey

    return {
        name: ConfigKey(
            name,
            _kind(option),
            tuple(option.type.choices) if isinstance(option.type, click.Choice) else (),
            option.multiple,
            option.name not in FOR_ALL,
        )
        for name, option in parameters(command).items()
    }


def _kind(option: click.Option) -> Kind:
    if option.is_flag:
        return "flag"
    # A range of whole numbers is a whole number too, and one of numbers a number.
    kinds: tuple[tuple[type, Kind], ...] = (
        (click.types.IntParamType, "integer"), (click.types.FloatParamType, "number"),
    )  # fmt: skip
    return next((kind for number, kind in kinds if isinstance(option.type, number)), "text")


def _shown(groups: Sequence[tuple[click.Context, Defaults]]) -> str:
    from tml_bench.configuration.keys import Value
    from tml_bench.configuration.shown import Effective, shown

    def effective(group: click.Context, layer: Defaults, key: str, option: click.Option) -> Effective:
        name = option.name
        value = group.params[name]
        origin = "default"
        match group.get_parameter_source(name):
            case ParameterSource.COMMANDLINE:
                origin = "command line"
            case ParameterSource.DEFAULT_MAP:
                origin = layer.origins[key]
        plain = tuple(map(_plain, value)) if isinstance(value, tuple) else _plain(value)
        return Effective(cast("Value | None", plain), origin)

    every = []
    for group, layer in groups:
        options = parameters(group.command)
        every.append({key: effective(group, layer, key, o) for key, o in options.items() if key != "suite"})
    return shown(every)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
