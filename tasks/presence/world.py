"""The functions that users of this task need, and the tables behind them: numbers that nobody can guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tml_bench.samples import Tool, ToolFunction
from tml_bench.tasks._common.records import StrictRecord
from tml_bench.timeline import TimedCall

CITIES = ("Athens", "Dublin", "Lisbon", "Oslo", "Rome", "Vienna")
TITLES = ("Salt Roads", "The Blue Harbour", "The Glass Orchard", "Winter Bees")
ITEMS = ("backpacks", "kettles", "lamps", "umbrellas")
NOTHING = {"status": "nothing found"}
"""What a function gives where its table has no entry."""


class TableEntry(StrictRecord, frozen=True):
    """What a function gives for some arguments.

    Attributes:
        tool: the function.
        args: all its arguments, defaults included.
        result: what it gives.
        fact: the number in the result that was asked for; between 221 and 999, so that nobody guesses it.
        telling: how an ideal respondent says it.
    """

    tool: str
    args: dict[str, str | int]
    result: dict[str, str | int]
    fact: int
    telling: str

    def answers(self, name: str, arguments: Mapping[str, object]) -> bool:
        """Whether this is the entry for a function with those arguments, defaults included."""
        return name == self.tool and all(arguments.get(key) == value for key, value in self.args.items())

    def is_asked_by(self, call: TimedCall) -> bool:
        """Whether a call asks for this entry."""
        return self.answers(call.name, call.filled)


@dataclass(frozen=True)
class TableWorld:
    """Makes the functions of a session from the entries of its tables."""

    entries: tuple[TableEntry, ...]

    def __call__(self) -> Mapping[str, ToolFunction]:
        """The functions by name."""
        return {name: partial(_looked_up, self.entries, name) for name in _TOOLS}


def _looked_up(entries: Sequence[TableEntry], name: str, arguments: Mapping[str, object]) -> object:
    return next((entry.result for entry in entries if entry.answers(name, arguments)), NOTHING)


def tools(latency_s: float) -> tuple[Tool, ...]:
    """All functions, each of which takes so long."""
    return tuple(
        Tool(name, description, parameters, latency_s=latency_s)
        for name, (description, parameters) in _TOOLS.items()
    )


def _object(required: str, **properties: Mapping[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": [required]}


def _one_of(*choices: str, **more: str) -> dict[str, object]:
    return {"type": "string", "enum": list(choices), **more}


_TOOLS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "cheapest_flight": (
        "The price in euros of tomorrow's cheapest flight to a city.",
        _object(
            "city",
            city=_one_of(*CITIES),
            time_of_day=_one_of("any", "morning", "afternoon", "evening", default="any"),
        ),
    ),
    "hotel_price": (
        "The price in euros of a hotel room in a city, for a night.",
        _object(
            "city",
            city=_one_of(*CITIES),
            extra=_one_of("none", "breakfast", "parking", "pool", default="none"),
        ),
    ),
    "find_parcel": (
        "The locker in which a parcel lies.",
        _object("parcel", parcel={"type": "integer", "description": "the parcel's number"}),
    ),
    "find_book": ("The shelf on which a book stands.", _object("title", title=_one_of(*TITLES))),
    "stock_count": (
        "How many pieces of an article are in stock.",
        _object("item", item=_one_of(*ITEMS), color=_one_of("any", "red", "blue", "green", default="any")),
    ),
    "pollen_count": (
        "The pollen count in a city.",
        _object("city", city=_one_of(*CITIES), day=_one_of("today", "tomorrow", default="today")),
    ),
}
