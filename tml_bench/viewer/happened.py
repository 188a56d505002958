"""What happened in a session, from its recorded events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import msgspec

from tml_bench import events as ev
from tml_bench.redact import cut
from tml_bench.timebase import seconds
from tml_bench.viewer.sample_schema import (
    LONGEST_EVENT,
    LatencyPart,
    ViewedDelay,
    ViewedFlush,
    ViewedInterruption,
    ViewedLatency,
    ViewedStretch,
    ViewedText,
    ViewedToolCall,
    ViewedTurn,
)

TOGETHER = "endpointing, network and compute"
"""The part of a latency in which a service with a clock of its own cannot be looked into."""


_EDGE_S = 0.05
"""Speech is perceived to begin at most so long before the audio that it is in."""
_INSTANT_S = 1e-4
"""What takes less, a few samples of audio, is no part of its own."""


@dataclass(slots=True)
class SessionLog:
    """The events of a session by what the viewer shows of them; lists are in the order written."""

    turns: list[ViewedTurn] = field(default_factory=list)
    user_texts: list[ViewedText] = field(default_factory=list)
    videos: list[ev.UserVideoStarted] = field(default_factory=list)
    transcripts: list[ViewedText] = field(default_factory=list)
    model_texts: list[ViewedText] = field(default_factory=list)
    flushes: list[ViewedFlush] = field(default_factory=list)
    delays: list[ViewedDelay] = field(default_factory=list)
    chunks: list[ev.ModelAudio] = field(default_factory=list)
    steps: list[ev.StepDone] = field(default_factory=list)
    calls: list[ev.ModelToolCall] = field(default_factory=list)
    results: list[ev.ToolReturned] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def tool_calls(self) -> tuple[ViewedToolCall, ...]:
        """The functions called, each with the first result of its id that is no other call's."""
        given: dict[str, list[ev.ToolReturned]] = {}
        for result in reversed(self.results):
            given.setdefault(result.call_id, []).append(result)
        return tuple(_tool_call(call, given.get(call.call_id, [])) for call in self.calls)


def session_log(events: Iterable[ev.AnyEvent]) -> SessionLog:
    """Sort the events of a session; what the viewer shows only as raw events is left out."""
    log = SessionLog()
    for event in events:
        match event:
            case ev.UserTurnStarted(t_ns, end_ns, _, label, cue, timed_out):
                log.turns.append(ViewedTurn(seconds(t_ns), seconds(end_ns), label, cue, timed_out))
            case ev.UserTextSent(t_ns, text):
                log.user_texts.append(ViewedText(text, seconds(t_ns)))
            case ev.UserVideoStarted():
                log.videos.append(event)
            case ev.ModelTranscript(t_ns, text):
                log.transcripts.append(ViewedText(text, seconds(t_ns)))
            case ev.ModelText(t_ns, text):
                log.model_texts.append(ViewedText(text, seconds(t_ns)))
            case ev.Flush(t_ns, heard_ms, dropped_ms):
                log.flushes.append(ViewedFlush(seconds(t_ns), heard_ms / 1000, dropped_ms / 1000))
            case ev.ModelAudio():
                log.chunks.append(event)
                if event.down_ns:
                    log.delays.append(ViewedDelay(seconds(event.t_ns), "down", seconds(event.down_ns)))
            case ev.StepDone():
                log.steps.append(event)
                if event.up_ns:
                    log.delays.append(ViewedDelay(seconds(event.handed_ns), "up", seconds(event.up_ns)))
            case ev.ModelToolCall():
                log.calls.append(event)
            case ev.ToolReturned():
                log.results.append(event)
            case ev.Note(text):
                log.notes.append(text)
            case ev.ImportedTranscript(words):
                log.transcripts.append(ViewedText(" ".join(w.text.strip() for w in words), None))
            case _:
                pass
    return log


def _tool_call(call: ev.ModelToolCall, results: list[ev.ToolReturned]) -> ViewedToolCall:
    result = results.pop() if results else None
    return ViewedToolCall(
        seconds(call.t_ns),
        call.name,
        call.unreadable or _json(call.arguments),
        None if result is None else seconds(result.t_ns),
        "" if result is None else _json(result.output),
        result is not None and result.is_error,
        "" if call.filled is None else _json(call.filled),
        "" if result is None else result.ended,
    )


def _json(value: object) -> str:
    return cut(msgspec.json.encode(value).decode(), LONGEST_EVENT)


def interruptions(
    user: Sequence[ViewedStretch], model: Sequence[ViewedStretch]
) -> tuple[ViewedInterruption, ...]:
    """Where both speak, and who began while the other was speaking; both lists in order of time."""
    found = []
    for theirs in model:
        for ours in user:
            start, end = max(ours.start_s, theirs.start_s), min(ours.end_s, theirs.end_s)
            if start < end:
                by = "user" if ours.start_s > theirs.start_s else "model"
                found.append(ViewedInterruption(start, end, by))
    return tuple(sorted(found, key=lambda one: one.start_s))


def latencies(
    log: SessionLog, ends: Sequence[float], speech: Sequence[ViewedStretch]
) -> tuple[ViewedLatency, ...]:
    """From each end of a user turn to the first speech of the model that begins after it.

    Args:
        log: the session's events.
        ends: ends of user turns in order, seconds; a turn whose answer would begin after the next end has
            none.
        speech: the model's speech in order.
    """
    found = []
    for start, following in zip_longest(ends, ends[1:], fillvalue=float("inf")):
        answer = next((s.start_s for s in speech if s.start_s >= start), None)
        if answer is not None and answer < following:
            found.append(ViewedLatency(start, answer, tuple(_parts(log, start, answer))))
    return tuple(found)


def _parts(log: SessionLog, start: float, end: float) -> Iterator[LatencyPart]:
    """The parts that take time, one after the other from ``start`` to ``end``."""
    at = start
    for name, until in _bounds(log, end):
        until = min(max(until, at), end)
        if until - at > _INSTANT_S:
            yield LatencyPart(name, at, until)
            at = until


def _bounds(log: SessionLog, end: float) -> Iterator[tuple[str, float]]:
    """Names of parts and when each was over, for the audio that is heard at ``end``."""
    chunk = next((c for c in log.chunks if seconds(c.end_ns) > end), None)
    if chunk is None or seconds(chunk.heard_ns) > end + _EDGE_S:
        yield TOGETHER, end
        return
    step = next((s for s in log.steps if s.done_ns == chunk.t_ns), None)
    if step is None:
        yield TOGETHER, seconds(chunk.t_ns)
    else:
        yield "endpointing", seconds(step.handed_ns)
        yield "network up", seconds(step.handed_ns + step.up_ns)
        yield "queue", seconds(step.done_ns - step.compute_ns)
        yield "compute", seconds(step.done_ns)
    yield "network down", seconds(chunk.t_ns + chunk.down_ns)
    yield "playback", seconds(chunk.heard_ns)
    yield "silence", end
