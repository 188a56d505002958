"""Text for a terminal: what comes from data, models and services is shown and never obeyed.

A terminal obeys control characters: they move the cursor, change its title or colours, and type for the
user. Marks of direction write a name backwards. Everything that the command line prints goes through `say`,
or through rich without markup.
"""

import io
import os
import re
import sys

_OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tabs and line feeds, other line breaks, marks of direction, halves of pairs."""


_shown_as: dict[str, str] = {}


def show_as(text: str, other: str) -> None:
    """Print ``other`` wherever ``text`` stands from now on: an address for the folder that mirrors it."""
    _shown_as[text] = other


def printable(text: str) -> str:
    """The text with spaces for what a terminal would obey; lines stay."""
    for here, there in _shown_as.items():
        text = text.replace(here, there)
    return _OBEYED.sub(" ", text)


def escaped(text: str) -> str:
    """The text with escapes, as Python writes them, for what a terminal would obey; lines stay."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def in_json(text: str) -> str:
    """JSON of the same meaning with escapes for what a terminal would obey."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_whatever_can_be() -> None:
    """From now on print a ``?`` for what the encoding of standard output lacks, as of ASCII or Latin-1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "backslashreplace":
            stream.reconfigure(errors="replace")


def say(
    text: str, fg: str | None = None, *, bold: bool | None = None, err: bool = False, nl: bool = True
) -> None:
    """Print a text as `printable`, in a colour unless ``NO_COLOR`` is set; with ``err`` on standard error."""
    import click

    shown = printable(text)
    if (fg or bold) and not os.environ.get("NO_COLOR"):
        shown = click.style(shown, fg=fg, bold=bold)
    click.echo(shown, err=err, nl=nl)
