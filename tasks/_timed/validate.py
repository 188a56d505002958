"""What is wrong with an item, and what looks doubtful."""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.tasks._common.tables import json_lines
from tml_bench.tasks._timed.items import (
    CONTROLLED,
    FAMILIES,
    LASTING,
    NUMBERED,
    REST_S,
    STOPPED,
    TALKS,
    VOICES,
    CueWindow,
    ItemEvent,
    ScheduledWindow,
    SpeechAnchor,
    TimedItem,
    spoken_words,
    target_of,
)

WORD_S = 0.33
"""Length of a word at a voice's own pace, for estimates where nothing is rendered yet."""


def problems(item: TimedItem) -> list[str]:
    """Rules that an item breaks, each as ``<id>: <field>: <what>; <remedy>``; empty if it is right.

    What one field may hold is said by its type.
    """
    found = (*_head(item), *_turns(item), *_events(item), *_quiet(item), *_tail(item))
    return [f"{item.id}: {text}" for text in found]


def _head(item: TimedItem) -> Iterator[str]:
    if item.family not in (known := FAMILIES[item.task]):
        yield f"family: {item.family!r} is unknown; choose from {', '.join(known)}"
    if item.voice not in VOICES:
        yield f"voice: {item.voice!r} is unknown; choose from {', '.join(VOICES)}"


def _turns(item: TimedItem) -> Iterator[str]:
    yield from _twice("turns", [turn.id for turn in item.turns])
    for k, turn in enumerate(item.turns):
        earlier = [t.id for t in item.turns[:k]]
        if turn.at_s is None and turn.after not in earlier:
            names = ", ".join(earlier) or "none, give at_s"
            yield f"turns[{k}] {turn.id!r}.after: {turn.after!r} is no earlier turn; name one of {names}"


def _twice(field: str, names: Sequence[str]) -> Iterator[str]:
    for name, n in Counter(names).items():
        if n > 1:
            yield f"{field}: the id {name!r} is there {n} times; give each its own"


def _events(item: TimedItem) -> Iterator[str]:
    yield from _twice("events", [event.id for event in item.events])
    for k, event in enumerate(item.events):
        found = (*_replies(event), *_placed(item, event), *_demands(item, event))
        yield from (f"events[{k}] {event.id!r}.{text}" for text in found)
    for k, (a, b) in enumerate(pairwise(item.events), start=1):
        if a.anchor == b.anchor and b.after_s < a.after_s:
            yield f"events[{k}] {b.id!r}.after_s: is due before the one before; put events in order"


def _replies(event: ItemEvent) -> Iterator[str]:
    if event.number and not all("{N}" in text for text in event.accept):
        yield "accept: write {N} for the right number in every reply"
    for field, texts in (("accept", event.accept), ("reject", event.reject)):
        if not event.number and any("{N}" in text for text in texts):
            yield f"{field}: {{N}} needs the field number; add it or write the number"
    accepted, rejected = ({" ".join(spoken_words(t)) for t in some} for some in (event.accept, event.reject))
    if same := accepted & rejected:
        yield f"reject: {min(same)!r} is accepted too; drop it from one of them"


def _placed(item: TimedItem, event: ItemEvent) -> Iterator[str]:
    window = event.window
    lost = [*_anchored(item, "anchor", event.anchor)]
    yield from lost
    yield from _cue(item, event)
    if isinstance(window, ScheduledWindow):
        if window.period_s is not None and not _whole(event.after_s / window.period_s):
            yield f"after_s: {event.after_s:g} is not a multiple of period_s {window.period_s:g}; correct it"
        elif window.d_s is not None and event.after_s < window.d_s / 2:
            yield f"window.d_s: {window.d_s:g} is over twice after_s, {event.after_s:g}; give the time named"
        return
    if event.after_s:
        yield f"after_s: {event.after_s:g}, but cues and answers are due at the anchor; give 0"
    if isinstance(window, CueWindow) and window.until is not None:
        wrong = [*_anchored(item, "window.until", window.until)]
        yield from wrong
        if not (wrong or lost) and _moment(item, window.until) <= _moment(item, event.anchor):
            yield "window.until: is not after the anchor; name a later moment"


def _cue(item: TimedItem, event: ItemEvent) -> Iterator[str]:
    """Whether a cue's words are there, and its anchor is the end of the last of them."""
    wanted, anchor = spoken_words(event.cue), event.anchor
    if not isinstance(event.window, CueWindow):
        if wanted:
            yield "cue: is for cue windows; drop it"
        return
    if item.talked_on and anchor.turn not in item.talked_on:
        yield f"anchor.turn: {anchor.turn!r} is the first, in which nothing is due; name a later one"
    if not wanted:
        return
    if anchor.edge != "end" or spoken_words(anchor.word) != wanted[-1:]:
        yield f"anchor: is not the end of the cue's last word, {wanted[-1]!r}; correct one of them"
        return
    words = next((spoken_words(turn.text) for turn in item.turns if turn.id == anchor.turn), [])
    places = anchor.places(words)
    if anchor.nth <= len(places):
        end = places[anchor.nth - 1] + 1
        if words[max(0, end - len(wanted)) : end] != wanted:
            yield f"cue: {event.cue!r} does not stand before the anchor; write it as the turn has it"


def _demands(item: TimedItem, event: ItemEvent) -> Iterator[str]:
    if event.number and item.family not in NUMBERED:
        yield f"number: is for {', '.join(NUMBERED)}; drop it"
    if event.speech and item.family not in LASTING:
        yield f"speech: is for {', '.join(LASTING)}; drop it"
    if item.family in NUMBERED and not event.number:
        yield f"number: is missing, and {item.family} asks for one; say from when to when"
    if item.family in TALKS and not event.speech:
        yield f"speech: is missing, and {item.family} asks for a length; give its seconds"
    if event.number:
        begins, ends = event.number.from_, event.number.to
        wrong = [*_anchored(item, "number.from", begins), *_anchored(item, "number.to", ends)]
        yield from wrong
        if not wrong and _moment(item, ends) <= _moment(item, begins):
            yield "number.to: is not after number.from; exchange or correct them"


def _whole(number: float) -> bool:
    return number > 0.5 and abs(number - round(number)) < 1e-6


def _anchored(item: TimedItem, field: str, anchor: SpeechAnchor) -> Iterator[str]:
    turn = next((t for t in item.turns if t.id == anchor.turn), None)
    if turn is None:
        names = ", ".join(t.id for t in item.turns)
        yield f"{field}.turn: there is no turn {anchor.turn!r}; name one of {names}"
        return
    if not anchor.word:
        return
    there = len(anchor.places(spoken_words(turn.text)))
    if anchor.nth > there:
        yield (
            f"{field}.word: turn {anchor.turn!r} says {anchor.word!r} {there} times, not {anchor.nth}; "
            "name a single word as the text has it, and nth within that"
        )


def _moment(item: TimedItem, anchor: SpeechAnchor) -> tuple[int, int, bool]:
    """Where in the item's words an anchor that exists is, to be compared."""
    index = next(k for k, turn in enumerate(item.turns) if turn.id == anchor.turn)
    words = spoken_words(item.turns[index].text)
    ends = anchor.edge == "end"
    if not anchor.word:
        return index, len(words) - 1 if ends else 0, ends
    return index, anchor.places(words)[anchor.nth - 1], ends


def _quiet(item: TimedItem) -> Iterator[str]:
    if item.quiet_after and item.family not in STOPPED:
        yield f"quiet_after: is for {', '.join(STOPPED)}; drop it"
    if not item.events and item.family not in CONTROLLED:
        yield f"events: there are none, and {item.family} has no silent controls; add an event"
    for k, anchor in enumerate(item.quiet_after):
        yield from _anchored(item, f"quiet_after[{k}]", anchor)


def latest_after_anchor(event: ItemEvent) -> float:
    """From the anchor to the latest onset that is on time, and the length the reply must have; seconds."""
    talk = event.speech.seconds + event.speech.tolerance_s if event.speech else 0.0
    return target_of(event.window, event.after_s).closes_s + talk


def _tail(item: TimedItem) -> Iterator[str]:
    """The tail where it is certain without a rendering: events counted from the end of the last turn."""
    last = SpeechAnchor(item.turns[-1].id)
    needed = max((latest_after_anchor(e) + REST_S for e in item.events if e.anchor == last), default=0.0)
    if needed > item.tail_s + 1e-6:
        yield f"tail_s: {item.tail_s:g} is too short; give at least {math.ceil(needed * 10) / 10:g}"


def doubts(item: TimedItem) -> list[str]:
    """What breaks no rule but deserves a look, each as ``<id>: <field>: <what>``."""
    return [
        f"{item.id}: {text}"
        for text in (*_estimated_tail(item), *_estimated_overlaps(item), *_unsaid_cues(item))
    ]


def estimated_places(item: TimedItem) -> dict[str, tuple[float, float]]:
    """About when every turn starts and ends, by id."""
    places: dict[str, tuple[float, float]] = {}
    for turn in item.turns:
        before = places.get(turn.after, (0.0, 0.0))[1]
        start = turn.at_s if turn.at_s is not None else before + turn.gap_s
        places[turn.id] = (start, start + len(spoken_words(turn.text)) * WORD_S / turn.pace)
    return places


def _unsaid_cues(item: TimedItem) -> Iterator[str]:
    for event in item.events:
        if isinstance(event.window, CueWindow) and not event.cue:
            yield f"cue: event {event.id!r} does not say which words decide, so its anchor cannot be checked"


def _estimated_tail(item: TimedItem) -> Iterator[str]:
    places = estimated_places(item)
    end_s = max(end for _, end in places.values())
    for event in item.events:
        if event.anchor.turn in places:
            anchor_s = _estimated_anchor(item, event.anchor, places)
            needed = anchor_s + latest_after_anchor(event) + REST_S - end_s
            if needed > item.tail_s + 0.5:
                yield f"tail_s: {item.tail_s:g} may be short for event {event.id!r}; needs about {needed:.1f}"


def _estimated_anchor(item: TimedItem, anchor: SpeechAnchor, places: dict[str, tuple[float, float]]) -> float:
    start, end = places[anchor.turn]
    if not anchor.word:
        return end if anchor.edge == "end" else start
    words = next(spoken_words(turn.text) for turn in item.turns if turn.id == anchor.turn)
    same = anchor.places(words)
    place = same[anchor.nth - 1] if anchor.nth <= len(same) else len(words) - 1
    return start + (end - start) * (place + (anchor.edge == "end")) / len(words)


def _estimated_overlaps(item: TimedItem) -> Iterator[str]:
    for (_, (_, end)), (name, (start, _)) in pairwise(estimated_places(item).items()):
        if start < end - 0.3:
            yield f"turn {name!r}: starts at about {start:.1f} s, in the turn before, up to about {end:.1f} s"


def report(path: Path) -> tuple[list[str], list[str]]:
    """What is wrong with an item file, and what looks doubtful. Raises `UserError`: it cannot be read."""
    read, lines = json_lines(path, TimedItem, "give an items.jsonl")
    wrong = [line.text for line in lines]
    wrong += [f"{path}:{line}: {text}" for line, item in read for text in problems(item)]
    return wrong, [f"doubt: {path}:{line}: {text}" for line, item in read for text in doubts(item)]


def main() -> None:
    """Print what is wrong with an item file (then the status is 1), and what looks doubtful."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("path", type=Path)
    try:
        wrong, doubtful = report(parser.parse_args().path)
    except UserError as error:
        sys.exit(str(error))
    print("\n".join([*(f"error: {text}" for text in wrong), *doubtful]))
    sys.exit(bool(wrong))
