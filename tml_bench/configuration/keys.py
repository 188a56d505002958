"""Keys of a configuration: the flags of a command, with the values that each takes."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from tml_bench.errors import UserError

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]
Kind = Literal["flag", "integer", "number", "text"]

_TAKES: Mapping[Kind, tuple[type, ...]] = {
    "flag": (bool,), "integer": (int,), "number": (int, float), "text": (str,),
}  # fmt: skip
_IN_WORDS: Mapping[Kind, str] = {
    "flag": "true or false", "integer": "a whole number", "number": "a number", "text": "a text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A key, which is the flag of that name.

    Attributes:
        name: the flag without its dashes, such as ``step-timeout``.
        kind: what it takes.
        choices: the only values of a text; empty where any will do.
        repeatable: a list is taken too, and a table as a list of ``NAME=VALUE``.
        everywhere: it may stand in a group; otherwise for the whole command alone.
    """

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    repeatable: bool = False
    everywhere: bool = True

    @property
    def takes(self) -> str:
        """Its values in words."""
        one = " or ".join(f'"{choice}"' for choice in self.choices) or _IN_WORDS[self.kind]
        return f"{one}, a list of them, or a table" if self.repeatable else one

    def value(self, found: object, where: str) -> Value:
        """What a file says, as the command line would have it.

        Raises:
            UserError: it is of another type; ``where`` names file and key.
        """
        if not self.repeatable:
            return self._one(found, where)
        if isinstance(found, Mapping):
            return tuple(f"{name}={self._one(value, f'{where}.{name}')}" for name, value in found.items())
        items = found if isinstance(found, list) else [found]
        return tuple(self._one(item, where) for item in items)

    def _one(self, found: object, where: str) -> Scalar:
        fits = isinstance(found, _TAKES[self.kind]) and (self.kind == "flag" or not isinstance(found, bool))
        if not fits or (self.choices and found not in self.choices):
            raise UserError(f"{where} is {_told(found)}", f"it takes {self.takes}")
        assert isinstance(found, bool | int | float | str)
        return found


def normal(name: str) -> str:
    """A key as flags are written: ``step_timeout`` and ``step-timeout`` are one."""
    return name.replace("_", "-")


def nearest(name: str, known: Collection[str], what: str = "keys") -> str:
    """A remedy for a name that is not known: those that are near, else all."""
    near = difflib.get_close_matches(name, known, 3, 0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"the {what} are {', '.join(known)}"


def _told(found: object) -> str:
    if isinstance(found, str):
        return repr(found[:60])
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, Mapping | list):
        return "a table" if isinstance(found, Mapping) else "a list"
    return str(found)
