"""Loads the items, and lays them out on the session clock.

The request is placed so that it ends at a multiple of 200 ms, on the edge of a micro-turn; so a call that is
made there comes at no other time. The next turn begins at a fixed time after it (`GAP_S`): within the wait of
who calls within a second. The session goes on long enough for whoever calls only then.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import ceil
from pathlib import Path

from tml_bench.bounded_files import is_there
from tml_bench.errors import BadSampleError
from tml_bench.samples import At, Reference, Sample, Script, UserTurn
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._common.tables import json_lines
from tml_bench.tasks.presence.annotation import (
    BEHAVIOURS,
    FILE,
    GAP_S,
    PresenceAnnotation,
    PresenceItem,
    PresenceTurn,
)
from tml_bench.tasks.presence.ideal import ideal_calls, ideal_speech
from tml_bench.tasks.presence.world import TableWorld, tools

MINI = Path(__file__).parent / "mini"
FIRST_S, GRID_S = 0.6, 0.2
"""The earliest voice, and the length of a micro-turn."""
TAIL_S = 10.0
"""The session lasts so much longer after the last turn than a function takes."""
REMEDY = "get the mini set again, or render it with tools/mini_sets/presence.py"
INSTRUCTIONS = (
    "You are a voice assistant and speak with the user on the phone. Look things up with the functions; "
    "never guess what they give. They take several seconds. Call them at once, without asking back, and say "
    "that you are on it. While a function is at work the conversation goes on: answer whatever the user "
    "says. Tell the result as soon as it is there and nobody speaks. If the user wants it otherwise, call "
    "again; if they no longer want it, do not tell the result."
)


def load(root: Path, subsets: Sequence[str]) -> Iterator[Sample]:
    """Load the items of a folder in the order of its list; those whose audio is missing carry ``problem``.

    Raises:
        UserError: the folder or a subset does not exist, or the list is unusable.
    """
    asked = chosen(root, subsets, BEHAVIOURS, BEHAVIOURS)
    check_folder(root, "give the folder of a rendered set")
    items, wrong = json_lines(root / FILE, PresenceItem, REMEDY)
    first = BEHAVIOURS[0]  # what a line that is no item would be nobody can tell
    return chain(
        (_sample(root, item) for _, item in items if item.behaviour in asked),
        (Sample(line.name, first, problem=line.text) for line in wrong if first in asked),
    )


def _sample(root: Path, item: PresenceItem) -> Sample:
    try:
        turns = tuple(_turn(root, item, turn) for turn in (item.request, item.turn) if turn is not None)
    except BadSampleError as error:
        return Sample(item.id, item.behaviour, problem=str(error))
    expected = placed(item)
    starts = (expected.request_start_s, expected.turn_start_s)
    written = (item.request, item.turn)
    script = Script(
        tuple(
            UserTurn(path, At(at_s - turn.start_s), turn.text)
            for path, at_s, turn in zip(turns, starts, written, strict=False)
            if at_s is not None and turn is not None
        ),
        tail_s=item.latency_s + TAIL_S,
        instructions=INSTRUCTIONS,
        tools=tools(float(item.latency_s)),
        world=TableWorld(tuple(entry for entry in (item.call, item.then) if entry is not None)),
    )
    reference = Reference(expected.request_end_s, ideal_speech(expected), expected, ideal_calls(expected))
    return Sample(item.id, item.behaviour, script, reference)


def _turn(root: Path, item: PresenceItem, turn: PresenceTurn) -> Path:
    path = root / turn.audio
    if not path.is_relative_to(root) or ".." in path.parts:
        raise BadSampleError(f"{FILE}: {item.id}: audio: {turn.audio!r} leaves the folder; {REMEDY}")
    if not is_there(path):
        raise BadSampleError(f"{turn.audio}: the file is missing; {REMEDY}")
    return path


def placed(item: PresenceItem) -> PresenceAnnotation:
    """An item on the session clock."""
    length_s = item.request.end_s - item.request.start_s
    end_s = round(ceil((FIRST_S + length_s) / GRID_S - 1e-9) * GRID_S, 3)
    turn_start_s = turn_end_s = None
    last_s = end_s
    if item.turn is not None:
        turn_start_s = end_s + GAP_S[item.latency_s]
        last_s = turn_end_s = turn_start_s + item.turn.end_s - item.turn.start_s
    return PresenceAnnotation(
        item, end_s - length_s, end_s, turn_start_s, turn_end_s, last_s + item.latency_s + TAIL_S
    )
