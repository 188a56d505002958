"""What is wrong with an item."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tml_bench.tasks._timed.items import (
    CONTROLLED,
    FAMILIES,
    LASTING,
    NUMBERED,
    REST_S,
    STOPPED,
    TALKS,
    VOICES,
    AnswerWindow,
    CueWindow,
    ItemEvent,
    ItemTurn,
    ScheduledWindow,
    SpeechAnchor,
    TimedItem,
    spoken_words,
)

PACES = (0.8, 1.25)
LONGEST_S = 3600.0
"""No silence of an item is longer; a slip of the pen must not fill the memory."""
CUE_WINDOWS_S = (1.0, 2.0, 4.0)
_ID = re.compile(r"(ts|cs)-[a-z0-9]+(-[a-z0-9]+)*-[0-9]{3}")


def problems(item: TimedItem) -> list[str]:
    """Rules that an item breaks, each as ``<id>: <field>: <what>; <remedy>``; empty when it is right."""
    found = (*_head(item), *_turns(item), *_events(item), *_quiet(item), *_tail(item))
    return [f"{item.id}: {text}" for text in found]


def _head(item: TimedItem) -> Iterator[str]:
    if not _ID.fullmatch(item.id):
        yield f"id: {item.id!r} is not ts-FAMILY-NNN or cs-FAMILY-NNN; rename it"
    known = FAMILIES.get(item.task, ())
    if known and item.family not in known:
        yield f"family: {item.family!r} is unknown; choose from {', '.join(known)}"
    if item.voice not in VOICES:
        yield f"voice: {item.voice!r} is unknown; choose from {', '.join(VOICES)}"


def _turns(item: TimedItem) -> Iterator[str]:
    if not item.turns:
        yield "turns: the user says nothing; add a turn"
    yield from _twice("turns", [turn.id for turn in item.turns])
    for k, turn in enumerate(item.turns):
        where = f"turns[{k}] {turn.id!r}"
        if not spoken_words(turn.text):
            yield f"{where}.text: says nothing; write what is said"
        if not PACES[0] <= turn.pace <= PACES[1]:
            yield f"{where}.pace: {turn.pace:g} is outside {PACES[0]:g} to {PACES[1]:g}; choose a pace within"
        yield from (f"{where}.{text}" for text in _place(item, k, turn))


def _place(item: TimedItem, k: int, turn: ItemTurn) -> Iterator[str]:
    if turn.gap_s < 0 or not math.isfinite(turn.gap_s):
        yield f"gap_s: {turn.gap_s:g} lets turns overlap; give 0 or more"
    for field, seconds in (("gap_s", turn.gap_s), ("at_s", turn.at_s or 0.0)):
        if seconds > LONGEST_S:
            yield f"{field}: {seconds:g} is over {LONGEST_S:g}; give seconds"
    if (turn.at_s is None) == (not turn.after):
        yield "at_s: a turn has at_s or else after and gap_s; give one of them"
    elif turn.at_s is not None:
        if turn.at_s < 0 or not math.isfinite(turn.at_s):
            yield f"at_s: {turn.at_s:g} lies before the session; give 0 or more"
        if turn.gap_s:
            yield "gap_s: counts only with after; drop it"
    elif turn.after not in (earlier := [t.id for t in item.turns[:k]]):
        names = ", ".join(earlier) or "none, give at_s"
        yield f"after: {turn.after!r} is no earlier turn; name one of {names}"


def _twice(field: str, names: Sequence[str]) -> Iterator[str]:
    for name, n in Counter(names).items():
        if n > 1:
            yield f"{field}: the id {name!r} is there {n} times; give each its own"


def _events(item: TimedItem) -> Iterator[str]:
    yield from _twice("events", [event.id for event in item.events])
    for k, event in enumerate(item.events):
        where = f"events[{k}] {event.id!r}"
        yield from (f"{where}.{text}" for text in _event(item, event))
    for k, (a, b) in enumerate(pairwise(item.events), start=1):
        if a.anchor == b.anchor and b.after_s < a.after_s:
            yield f"events[{k}] {b.id!r}.after_s: is due before the one before; put events in order"


def _event(item: TimedItem, event: ItemEvent) -> Iterator[str]:
    if not event.meaning.strip():
        yield "meaning: is empty; say in plain words what the reply says"
    for field, texts, least in (("accept", event.accept, 1), ("reject", event.reject, 1)):
        if len(texts) < least or not all(spoken_words(t.replace("{N}", "5")) for t in texts):
            yield f"{field}: is empty or holds an empty reply; give example replies"
        if field == "accept" and event.number and not all("{N}" in t for t in texts):
            yield "accept: write {N} for the right number in every reply"
        if not event.number and any("{N}" in t for t in texts):
            yield f"{field}: {{N}} needs the field number; add it or write the number"
    same = {_plain(t) for t in event.accept} & {_plain(t) for t in event.reject}
    if same:
        yield f"reject: {sorted(same)[0]!r} is accepted too; drop it from one of them"
    yield from _anchored(item, "anchor", event.anchor)
    yield from _windowed(item, event)
    if event.number and item.family not in NUMBERED:
        yield f"number: is for {', '.join(NUMBERED)}; drop it"
    if event.speech and item.family not in LASTING:
        yield f"speech: is for {', '.join(LASTING)}; drop it"
    if item.family in NUMBERED and not event.number:
        yield f"number: is missing, and {item.family} asks for one; say from when to when"
    if item.family in TALKS and not event.speech:
        yield f"speech: is missing, and {item.family} asks for a length; give its seconds"
    if event.number:
        wrong = [
            *_anchored(item, "number.from", event.number.from_),
            *_anchored(item, "number.to", event.number.to),
        ]
        yield from wrong
        if not wrong and _moment(item, event.number.to) <= _moment(item, event.number.from_):
            yield "number.to: is not after number.from; exchange or correct them"
        if event.number.relative < 0 or event.number.absolute <= 0:
            yield "number: a tolerance is not positive; correct it"
    if event.speech and (
        event.speech.seconds <= 0 or event.speech.absolute <= 0 or event.speech.relative < 0
    ):
        yield "speech: a time or tolerance is not positive; correct it"


def _windowed(item: TimedItem, event: ItemEvent) -> Iterator[str]:
    window = event.window
    if event.after_s < 0 or not math.isfinite(event.after_s):
        yield f"after_s: {event.after_s:g} is no time after the anchor; give 0 or more"
    if isinstance(window, ScheduledWindow):
        if (window.d_s is None) == (window.period_s is None):
            yield "window: a scheduled window has d_s or else period_s; give one of them"
        elif (window.d_s or window.period_s or 0.0) <= 0:
            yield "window: d_s or period_s is not positive; correct it"
        elif window.period_s is not None and not _whole(event.after_s / window.period_s):
            yield f"after_s: {event.after_s:g} is not a multiple of period_s {window.period_s:g}; correct it"
        elif window.d_s is not None and event.after_s < window.d_s / 2:
            yield f"window.d_s: {window.d_s:g} is over twice after_s, {event.after_s:g}; give the time named"
        return
    if event.after_s:
        yield f"after_s: {event.after_s:g}, but cues and answers are due at the anchor; give 0"
    if isinstance(window, AnswerWindow) and window.w_s <= 0:
        yield "window.w_s: is not positive; correct it"
    if isinstance(window, CueWindow) and window.w_s not in CUE_WINDOWS_S:
        yield f"window.w_s: {window.w_s:g} is not 1, 2 or 4; choose one"
    if isinstance(window, CueWindow) and window.until is not None:
        wrong = [*_anchored(item, "window.until", window.until)]
        yield from wrong
        exist = not wrong and not [*_anchored(item, "anchor", event.anchor)]
        if exist and _moment(item, window.until) <= _moment(item, event.anchor):
            yield "window.until: is not after the anchor; name a later moment"


def _whole(number: float) -> bool:
    return number > 0.5 and abs(number - round(number)) < 1e-6


def _anchored(item: TimedItem, field: str, anchor: SpeechAnchor) -> Iterator[str]:
    turn = next((t for t in item.turns if t.id == anchor.turn), None)
    if turn is None:
        names = ", ".join(t.id for t in item.turns)
        yield f"{field}.turn: there is no turn {anchor.turn!r}; name one of {names}"
        return
    if not anchor.word:
        if anchor.nth != 1:
            yield f"{field}.nth: counts only with word; drop it"
        return
    there = len(anchor.places(spoken_words(turn.text)))
    if not 1 <= anchor.nth <= there:
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
        yield f"events: silent controls are for {', '.join(CONTROLLED)}; add an event"
    for k, anchor in enumerate(item.quiet_after):
        yield from _anchored(item, f"quiet_after[{k}]", anchor)


def latest_after_anchor(event: ItemEvent) -> float:
    """From the anchor to the latest onset that is on time, and the length the reply must have; seconds."""
    talk = event.speech.seconds + event.speech.tolerance_s if event.speech else 0.0
    return event.window.target(event.after_s).closes_s + talk


def _tail(item: TimedItem) -> Iterator[str]:
    """The tail where it is certain without a rendering: events counted from the end of the last turn."""
    if item.tail_s <= 0 or not math.isfinite(item.tail_s):
        yield "tail_s: is not positive; give the silence after the last turn"
    elif item.tail_s > LONGEST_S:
        yield f"tail_s: {item.tail_s:g} is over {LONGEST_S:g}; give seconds"
    elif item.turns:
        last = SpeechAnchor(item.turns[-1].id)
        needed = [latest_after_anchor(e) + REST_S for e in item.events if e.anchor == last and sound(e)]
        if needed and max(needed) > item.tail_s + 1e-6:
            yield f"tail_s: {item.tail_s:g} is too short; give at least {math.ceil(max(needed) * 10) / 10:g}"


def sound(event: ItemEvent) -> bool:
    """Whether an event's window is one."""
    window = event.window
    return not isinstance(window, ScheduledWindow) or (window.d_s or window.period_s or 0.0) > 0


def _plain(text: str) -> str:
    return " ".join(spoken_words(text))
