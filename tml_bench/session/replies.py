"""The model's replies as the listener hears them: how much of each, and when which moment of one is heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tml_bench.events import TimedWord
from tml_bench.timebase import nanoseconds
from tml_bench.turns import SpokenWord

REMEMBERED = 64
"""So many replies that are over are remembered, for words that come late."""


@dataclass(slots=True)
class _Reply:
    """Its unbroken stretches on the session clock, in order; once it was cut, as far as they were heard."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    cut: bool = False

    @property
    def end_ns(self) -> int:
        return self.spans[-1][1] if self.spans else 0

    @property
    def length_ns(self) -> int:
        return sum(end - start for start, end in self.spans)

    def clip(self, t_ns: int) -> None:
        self.spans = [(start, min(end, t_ns)) for start, end in self.spans if start < t_ns]


class HeardReplies:
    """Where the audio of each reply, by ``Output.item``, is on the session clock; calls come in time order.

    What comes of a reply after a flush cut it is another reply of that name. Replies without a name are told
    apart by the silence between them.
    """

    def __init__(self) -> None:
        self._replies: dict[str, _Reply] = {}

    def push(self, item: str, start_ns: int, end_ns: int) -> None:
        """A chunk of a reply is heard from ``start_ns`` to ``end_ns``, if no flush cuts it."""
        reply = self._replies.get(item)
        if reply is None or reply.cut or (not item and start_ns > reply.end_ns):
            self._forget(start_ns)
            self._replies.pop(item, None)
            reply = self._replies[item] = _Reply()
        if reply.spans and reply.end_ns == start_ns:
            reply.spans[-1] = reply.spans[-1][0], end_ns
        else:
            reply.spans.append((start_ns, end_ns))

    def _forget(self, t_ns: int) -> None:
        over = [item for item, reply in self._replies.items() if reply.end_ns <= t_ns]
        for item in over[:-REMEMBERED]:
            del self._replies[item]

    def flush(self, t_ns: int, only: tuple[str, ...] = ()) -> tuple[tuple[str, float], ...]:
        """Nothing is heard from ``t_ns`` on; what is left of replies not in ``only`` is then pushed again.

        Returns:
            The replies that are cut, each with the milliseconds heard of it in all, 0 for one that was not
            begun; in the order in which they would have been heard.
        """
        cut = []
        for item, reply in self._replies.items():
            unheard = [start for start, end in reply.spans if end > t_ns]
            if not unheard:
                continue
            reply.clip(t_ns)
            if not only or item in only:
                reply.cut = True
                cut.append((max(unheard[0], t_ns), (item, reply.length_ns / 1e6)))
        return tuple(told for _, told in sorted(cut, key=lambda each: each[0]))

    def place(
        self, words: Iterable[SpokenWord], item: str, next_ns: int
    ) -> tuple[tuple[TimedWord, ...], tuple[str, ...]]:
        """When words are heard whose times count from the first sample of a reply.

        What has not come of the reply is taken to come next, at ``next_ns``.

        Returns:
            Those words, and those whose audio a flush has dropped.
        """
        placed, dropped = [], []
        for word in words:
            start_ns = self._when(item, nanoseconds(word.start_s), next_ns)
            if start_ns is None:
                dropped.append(word.text)
            else:
                end_ns = start_ns + nanoseconds(word.end_s - word.start_s)
                placed.append(TimedWord(word.text, start_ns, end_ns))
        return tuple(placed), tuple(dropped)

    def _when(self, item: str, into_ns: int, next_ns: int) -> int | None:
        reply = self._replies.get(item, _Reply())
        for start, end in reply.spans:
            if into_ns < end - start:
                return start + into_ns
            into_ns -= end - start
        return None if reply.cut else next_ns + into_ns
