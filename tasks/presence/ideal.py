"""What an ideal respondent does: acknowledges, answers, keeps nobody waiting in silence, tells the result."""

from collections.abc import Iterator

from tml_bench.samples import IdealCall, Utterance
from tml_bench.tasks.presence.annotation import CANCELS, PresenceAnnotation

CALL_S, ACKNOWLEDGE_S, REPLY_S, TELL_S = 0.4, 0.3, 0.3, 0.2
"""How long after the request, the user's turn or the result each comes."""
BETWEEN_S = 0.6
"""Between two utterances in a row."""
WORD_S = 0.4
ACKNOWLEDGEMENT = "On it."
UPDATES = (
    "Still searching.", "Getting closer.", "Almost finished.", "Nearly there.", "Just finishing.",
    "Any moment.",
)  # fmt: skip
"""Two words each."""
QUIET_S, SHORTEST_S, LONGEST_S = 1.0, 0.4, 1.2
"""How long a silence of the wait usually is, at least where it is divided, and at most."""


def ideal_calls(item: PresenceAnnotation) -> tuple[IdealCall, ...]:
    """The calls: for the request, and for what is wanted then; what is no longer wanted is cancelled."""
    first, then, end_s = item.item.call, item.item.then, item.turn_end_s
    at_s = item.request_end_s + CALL_S
    dropped_s = None if end_s is None or item.item.wanted is first else end_s + CALL_S
    call = IdealCall(at_s, first.tool, first.args, dropped_s)
    if then is None or end_s is None:
        return (call,)
    return call, IdealCall(end_s + CALL_S, then.tool, then.args)


def ideal_speech(item: PresenceAnnotation) -> tuple[Utterance, ...]:
    """What is said, in order."""
    return tuple(_speech(item))


def _speech(item: PresenceAnnotation) -> Iterator[Utterance]:
    ready_s, free_s = _ready_s(item), item.request_end_s + ACKNOWLEDGE_S
    updates = iter(UPDATES)
    yield (said := _said(free_s, ACKNOWLEDGEMENT))
    free_s = _end_s(said)
    if item.turn_start_s is not None and item.turn_end_s is not None:
        yield from _updates(updates, free_s, item.turn_start_s - SHORTEST_S / 2)
        yield (said := _said(item.turn_end_s + REPLY_S, item.item.reply))
        free_s = _end_s(said)
    if item.item.wanted is None or ready_s is None:
        return
    for update in _updates(updates, free_s, ready_s):
        yield (said := update)
        free_s = _end_s(said)
    place = 0 if item.item.then is None else 1
    at_s = max(ready_s + TELL_S, free_s + BETWEEN_S)
    yield _said(at_s, item.item.wanted.telling, (place,))


def _ready_s(item: PresenceAnnotation) -> float | None:
    """When the result to be told is there; None if none is to be told."""
    if item.item.behaviour == CANCELS:
        return None
    return ideal_calls(item)[-1].at_s + item.item.latency_s


def _updates(texts: Iterator[str], free_s: float, until_s: float) -> Iterator[Utterance]:
    """Words on how the work stands, so that no silence before a moment is long."""
    while until_s - free_s > LONGEST_S:
        text = next(texts)
        latest_s = until_s - WORD_S * len(text.split())
        said = _said(min(free_s + QUIET_S, max(free_s + SHORTEST_S, latest_s)), text)
        yield said
        free_s = _end_s(said)


def _said(at_s: float, text: str, needs: tuple[int, ...] = ()) -> Utterance:
    return Utterance(at_s, until_s=at_s + WORD_S * len(text.split()), text=text, needs=needs)


def _end_s(said: Utterance) -> float:
    assert said.until_s is not None
    return said.until_s
