"""What a listener hears of audio that arrives in bursts.

A chunk is heard from ``max(arrival, end of the chunk before)``. A flush drops what has not been heard yet.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import FlushReport
from tml_bench.timebase import first_sample_at, sample_time_ns


@dataclass(frozen=True, slots=True)
class QueuedAudio:
    """Where a chunk is heard if nothing flushes it; ``onset_ns`` is its first sample that is not zero."""

    start_ns: int
    end_ns: int
    onset_ns: int | None


@dataclass(slots=True)
class _Chunk:
    start: int
    audio: NDArray[np.float32]
    item: str

    @property
    def end(self) -> int:
        return self.start + len(self.audio)


class Playback:
    """The listener's loudspeaker, on the model's sample grid of ``rate`` samples per second.

    Calls come in time order: ``render`` up to some time, then ``push`` or ``flush`` at that time or later.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._queue: deque[_Chunk] = deque()
        self._rendered = 0
        self._cursor = 0
        self._run_start = 0
        self._heard = 0
        self._waiting = 0

    @property
    def heard_ms(self) -> float:
        """How much of the model's audio has been rendered, in milliseconds."""
        return 1000.0 * self._heard / self._rate

    @property
    def backlog_s(self) -> float:
        """How much audio waits to be heard, in seconds."""
        return self._waiting / self._rate

    @property
    def pieces(self) -> int:
        """How many pieces of audio wait to be heard."""
        return len(self._queue)

    @property
    def end_ns(self) -> int:
        """When the last queued chunk ends."""
        return sample_time_ns(self._cursor, self._rate)

    def push(self, t_ns: int, audio: NDArray[np.float32], item: str = "") -> QueuedAudio:
        """Queue a chunk of a reply, shape (n,), n >= 1, that arrives at ``t_ns``, after what is rendered."""
        arrival = first_sample_at(t_ns, self._rate)
        if arrival > self._cursor:
            self._run_start = arrival
        start = max(arrival, self._cursor)
        self._queue.append(_Chunk(start, audio, item))
        self._cursor = start + len(audio)
        self._waiting += len(audio)
        nonzero = audio != 0
        first = int(nonzero.argmax())
        return QueuedAudio(
            sample_time_ns(start, self._rate),
            sample_time_ns(self._cursor, self._rate),
            sample_time_ns(start + first, self._rate) if nonzero[first] else None,
        )

    def flush(self, t_ns: int) -> FlushReport:
        """Drop what has not been heard by ``t_ns``; says how much was heard of the stretch that it ends."""
        cut = max(first_sample_at(t_ns, self._rate), self._rendered)
        if self._cursor <= cut:
            heard, self._run_start = self._cursor - self._run_start, self._cursor
            return FlushReport(1000.0 * heard / self._rate, 0.0)
        dropped = sum(c.end - max(c.start, cut) for c in self._queue if c.end > cut)
        kept = (_Chunk(c.start, c.audio[: cut - c.start], c.item) for c in self._queue if c.start < cut)
        self._queue = deque(kept)
        self._waiting -= dropped
        heard = max(0, cut - self._run_start)
        self._cursor = self._run_start = cut
        return FlushReport(heard_ms=1000.0 * heard / self._rate, dropped_ms=1000.0 * dropped / self._rate)

    def unheard(self, t_ns: int) -> list[tuple[str, NDArray[np.float32]]]:
        """What ``flush`` would drop at ``t_ns``, in order: audio of shape (n,), each with its reply."""
        cut = max(first_sample_at(t_ns, self._rate), self._rendered)
        return [(c.item, c.audio[max(0, cut - c.start) :]) for c in self._queue if c.end > cut]

    def render(self, end_ns: int) -> NDArray[np.float32]:
        """What is heard from the end of the last call up to ``end_ns``; shape (n,), zeros where silent."""
        end = first_sample_at(end_ns, self._rate)
        heard = np.zeros(end - self._rendered, dtype=np.float32)
        while self._queue and self._queue[0].start < end:
            chunk = self._queue.popleft()
            take = min(chunk.end, end) - chunk.start
            at = chunk.start - self._rendered
            heard[at : at + take] = chunk.audio[:take]
            self._heard += take
            self._waiting -= take
            if chunk.end > end:
                self._queue.appendleft(_Chunk(end, chunk.audio[take:], chunk.item))
                break
        self._rendered = end
        return heard


def together(flushes: Sequence[FlushReport]) -> FlushReport | None:
    """What several flushes dropped, in order; None where there were none."""
    if not flushes:
        return None
    return FlushReport(
        sum(flush.heard_ms for flush in flushes),
        sum(flush.dropped_ms for flush in flushes),
        tuple(item for flush in flushes for item in flush.items),
    )
