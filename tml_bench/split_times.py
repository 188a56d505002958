"""How long a front and the background model behind it took, from the events of a session.

What is recorded of a background model is told in `tml_bench.adapters.split.relay`; others have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import msgspec

from tml_bench import events as ev
from tml_bench.timebase import nanoseconds, seconds

_PREFIX = "split."


class SplitTimes(msgspec.Struct, frozen=True):
    """What was measured of both, apart; seconds, one value for each time it happened, in order.

    Attributes:
        replies: front: from the end of a turn or text of the user to the first sound or text that came
            after it.
        asks: front: from there to a request; below 0 where it asked before the turn's end.
        tells: front: from an answer, or a sentence of it, being handed to it to the first sound or text that
            came after it.
        first_words: background: from a request to the first word of what comes of it, or the first call.
        answers: background: from a request to its whole answer.
        functions: the part of that in which it waited for functions, answer by answer.
        asked: requests.
        failed: requests without an answer that can be used.
        cancelled: requests that the front took back.
    """

    replies: tuple[float, ...] = ()
    asks: tuple[float, ...] = ()
    tells: tuple[float, ...] = ()
    first_words: tuple[float, ...] = ()
    answers: tuple[float, ...] = ()
    functions: tuple[float, ...] = ()
    asked: int = 0
    failed: int = 0
    cancelled: int = 0

    @staticmethod
    def together(parts: Sequence[SplitTimes]) -> SplitTimes:
        """All that was measured, in order; nothing of none."""

        def every(name: str) -> tuple[float, ...]:
            return tuple(chain.from_iterable(getattr(one, name) for one in parts))

        return SplitTimes(
            replies=every("replies"),
            asks=every("asks"),
            tells=every("tells"),
            first_words=every("first_words"),
            answers=every("answers"),
            functions=every("functions"),
            asked=sum(one.asked for one in parts),
            failed=sum(one.failed for one in parts),
            cancelled=sum(one.cancelled for one in parts),
        )


class SplitWatch:
    """Measures as the events of a session come by, in order."""

    def __init__(self) -> None:
        self._times: dict[str, list[float]] = {}
        self._counts = {"request": 0, "failed": 0, "cancelled": 0}
        self._user_end_ns: int | None = None
        self._unreplied = False
        self._untold: list[int] = []

    def take(self, event: ev.AnyEvent) -> None:
        """Take the next event."""
        match event:
            case ev.ModelAudio():  # most events are
                if event.onset_ns is not None:
                    self._front(event.t_ns, event.onset_ns)
            case ev.ModelText():
                self._front(event.t_ns, event.t_ns)
            case ev.UserTurnStarted(end_ns=end_ns) | ev.UserTextSent(t_ns=end_ns):
                self._user_end_ns, self._unreplied = end_ns, True
            case ev.ProviderMessage() if event.type.startswith(_PREFIX):
                self._background(event.type.removeprefix(_PREFIX), event.t_ns, event.body)

    def _front(self, t_ns: int, heard_ns: int) -> None:
        if self._unreplied and self._user_end_ns is not None and t_ns >= self._user_end_ns:
            self._unreplied = False
            self._note("replies", seconds(heard_ns - self._user_end_ns))
        if not self._untold:
            return
        told = [handed_ns for handed_ns in self._untold if t_ns >= handed_ns]
        self._untold = [handed_ns for handed_ns in self._untold if t_ns < handed_ns]
        for handed_ns in told:
            self._note("tells", seconds(heard_ns - handed_ns))

    def _background(self, what: str, t_ns: int, body: Mapping[str, object]) -> None:
        if what in self._counts:
            self._counts[what] += 1
        after_s = body.get("after_s")
        if what == "request" and self._user_end_ns is not None:
            self._note("asks", seconds(t_ns - self._user_end_ns))
        elif what == "first_token":
            self._note("first_words", after_s)
        elif what == "answer":
            self._note("answers", after_s)
            own_s = body.get("background_s")
            if isinstance(after_s, int | float) and isinstance(own_s, int | float):
                self._note("functions", after_s - own_s)
        elif what == "given" and isinstance(handed_s := body.get("handed_s"), int | float):
            self._untold.append(nanoseconds(handed_s))

    def _note(self, name: str, value: object) -> None:
        if isinstance(value, int | float):
            self._times.setdefault(name, []).append(round(value, 6))

    @property
    def found(self) -> SplitTimes | None:
        """What was measured so far; None where nothing was asked of a background model."""
        if not self._counts["request"]:
            return None
        times = {name: tuple(values) for name, values in self._times.items()}
        asked, failed, cancelled = self._counts.values()
        counts = SplitTimes(asked=asked, failed=failed, cancelled=cancelled)
        return msgspec.structs.replace(counts, **times)
