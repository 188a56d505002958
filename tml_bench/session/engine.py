"""Runs one session: a script against a ``StepAdapter`` on the simulated clock, into a recording.

Micro-turn ``k`` covers ``[k*tick, (k+1)*tick)`` and is handed over at its end. What the model can be heard
saying within it was decided by the steps before, so the user side may react to it to the exact sample.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.adapter import (
    Flushed,
    InfrastructureError,
    MicroTurn,
    Output,
    SessionStart,
    StepAdapter,
    ToolCall,
    Transcript,
)
from tml_bench.errors import UserError
from tml_bench.media.audio import probe
from tml_bench.recording import RecordingWriter
from tml_bench.samples import At, Sample, Waveform
from tml_bench.session.clock import ComputeQueue, Ticks
from tml_bench.session.output import (
    AdapterFaultError,
    checked_audio,
    checked_output,
    checked_text,
    checked_transcript,
)
from tml_bench.session.playback import Playback
from tml_bench.session.user import ModelSpeech, Placed, ScriptedUser
from tml_bench.timebase import first_sample_at, nanoseconds, sample_time_ns


class Compute(StrEnum):
    """How the model's compute is charged to the session clock."""

    IDEAL = "ideal"
    """Nothing: c = 0."""
    CHARGED = "charged"
    """Wall time around ``step``, on a warmed-up model."""
    RECORDED = "recorded"
    """Taken from an earlier recording, for a byte-identical replay."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How sessions are run.

    Attributes:
        tick_ns: length of a micro-turn, 20 to 1000 ms.
        seed: passed to the adapter.
        compute: how compute is charged.
        max_session_s: a session that is not over by then ends with ``time-out``.
        max_backlog_s: an adapter with more audio than this waiting to be heard has flooded the session.
    """

    tick_ns: int = 200_000_000
    seed: int = 0
    compute: Compute = Compute.IDEAL
    max_session_s: float = 7200.0
    max_backlog_s: float = 300.0


def session_rate(sample: Sample, adapter: StepAdapter) -> int:
    """Rate of the recording: the higher of the user's and the model's, so that neither loses bandwidth."""
    rates = [
        turn.audio.rate if isinstance(turn.audio, Waveform) else probe(turn.audio).rate
        for turn in sample.script.turns
    ]
    return max([*rates, adapter.audio_out])


def opened_event(
    task: str, sample: Sample, spec: str, adapter: StepAdapter, settings: Settings
) -> ev.SessionOpened:
    """The first event of a session's recording."""
    return ev.SessionOpened(
        schema=ev.SCHEMA,
        task=task,
        sample=sample.id,
        adapter=spec,
        tick_ns=settings.tick_ns,
        seed=settings.seed,
        rate=session_rate(sample, adapter),
        audio_in=adapter.audio_in,
        audio_out=adapter.audio_out,
    )


class _ModelTrack:
    """The model's heard audio, brought to the recording's rate as one continuous stream."""

    def __init__(self, writer: RecordingWriter, audio_out: int, rate: int) -> None:
        import soxr

        self._writer = writer
        self._stream = None if audio_out == rate else soxr.ResampleStream(audio_out, rate, 1, dtype="float32")

    def write(self, audio: NDArray[np.float32]) -> None:
        self._writer.model.write(audio if self._stream is None else self._stream.resample_chunk(audio))

    def close(self, samples: int) -> None:
        """End on exactly as many samples as the user's track."""
        if self._stream is not None:
            rest = self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
            self._writer.model.write(rest[: samples - self._writer.model.samples])
        missing = samples - self._writer.model.samples
        self._writer.model.write(np.zeros(missing, dtype=np.float32))


class Session:
    """One session of a sample with an adapter.

    Args:
        task: name of the task, for the recording.
        sample: what to play.
        adapter: the model, warmed up.
        settings: how.
        writer: an open recording; the caller closes it.
        costs_ns: compute of each micro-turn, for ``Compute.RECORDED``.
        before_step: called before each step, so that a supervisor can tell a hang.
    """

    def __init__(
        self,
        task: str,
        sample: Sample,
        adapter: StepAdapter,
        settings: Settings,
        writer: RecordingWriter,
        costs_ns: Sequence[int] = (),
        before_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._task = task
        self._sample = sample
        self._adapter = adapter
        self._settings = settings
        self._writer = writer
        self._costs_ns = costs_ns
        self._before_step = before_step
        self._rate = writer.opened.rate
        self._ticks = Ticks(settings.tick_ns)
        self._queue = ComputeQueue()
        self._playback = Playback(adapter.audio_out)
        self._track = _ModelTrack(writer, adapter.audio_out, self._rate)
        self._speech = ModelSpeech(adapter.audio_out)
        self._spoken = np.zeros(0, dtype=np.float32)
        self._flushed: deque[tuple[int, Flushed]] = deque()
        self._reacts = any(not isinstance(turn.cue, At) for turn in sample.script.turns)
        rates = tuple({self._rate, adapter.audio_in})
        self._user = ScriptedUser(sample.script, self._durations(), rates, self._speech)

    def _durations(self) -> tuple[int, ...]:
        return tuple(_duration_ns(turn.audio) for turn in self._sample.script.turns)

    def run(self) -> None:
        """Play the script to its end.

        Raises:
            AdapterFaultError: the adapter raised or broke its contract; the recording up to then is whole.
            InfrastructureError: the adapter could not reach its model.
            BadSampleError: the sample's audio turned out to be broken.
        """
        try:
            with self._stopping():
                self._start()
                closed = self._loop()
            self._writer.event(closed)
        except AdapterFaultError as fault:
            end_ns = sample_time_ns(self._writer.user.samples, self._rate)
            self._writer.event(ev.Fault(self._queue.done_ns, str(fault)))
            self._writer.event(ev.SessionClosed(end_ns, "fault"))
            raise
        finally:
            self._track.close(self._writer.user.samples)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop the adapter however the session ends; what went wrong first is what counts."""
        try:
            yield
        except BaseException:
            with suppress(AdapterFaultError), _blaming_adapter("stop"):
                self._adapter.stop()
            raise
        with _blaming_adapter("stop"):
            self._adapter.stop()

    def _start(self) -> None:
        start = SessionStart(
            session_id=f"{self._task}/{self._sample.id}",
            tick_ns=self._settings.tick_ns,
            seed=self._settings.seed,
            instructions=self._sample.script.instructions,
            reference=self._sample.reference if self._adapter.privileged else None,
        )
        with _blaming_adapter("start"):
            self._adapter.start(start)

    def _loop(self) -> ev.SessionClosed:
        """Micro-turn after micro-turn, to the session's end."""
        index = 0
        while True:
            start_ns, handed_ns = self._ticks.bounds(index)
            closed = self._advance(start_ns, handed_ns)
            if closed is not None:
                return closed
            self._step(self._micro_turn(index, start_ns, handed_ns))
            index += 1

    def _advance(self, start_ns: int, end_ns: int) -> ev.SessionClosed | None:
        """Play both sides into the recording, up to ``end_ns`` or the session's end."""
        heard = self._playback.render(end_ns)
        if self._reacts:
            self._speech.hear(heard)
        for placed in self._user.schedule(end_ns):
            self._writer.event(self._turn_event(placed))
        closed = self._closing(end_ns)
        cut_ns = end_ns if closed is None else closed.t_ns
        self._spoken = self._user.render(self._rate, cut_ns)
        self._writer.user.write(self._spoken)
        first = first_sample_at(start_ns, self._adapter.audio_out)
        self._track.write(heard[: first_sample_at(cut_ns, self._adapter.audio_out) - first])
        return closed

    def _closing(self, by_ns: int) -> ev.SessionClosed | None:
        limit_ns = nanoseconds(self._settings.max_session_s)
        script_ns = self._user.end_ns()
        if script_ns is not None and script_ns <= min(by_ns, limit_ns):
            return ev.SessionClosed(script_ns, "script")
        return ev.SessionClosed(limit_ns, "time-out") if limit_ns <= by_ns else None

    def _turn_event(self, placed: Placed) -> ev.UserTurnStarted:
        turn = self._sample.script.turns[placed.index]
        return ev.UserTurnStarted(
            t_ns=placed.start_ns,
            end_ns=placed.end_ns,
            turn=placed.index,
            label=turn.label,
            cue=type(turn.cue).__name__,
            timed_out=placed.timed_out,
        )

    def _micro_turn(self, index: int, start_ns: int, handed_ns: int) -> MicroTurn:
        same_rate = self._adapter.audio_in == self._rate
        audio = self._spoken if same_rate else self._user.render(self._adapter.audio_in, handed_ns)
        audio.flags.writeable = False
        texts = self._user.texts(handed_ns)
        for t_ns, text in texts:
            self._writer.event(ev.UserTextSent(t_ns, text))
        flushed = None
        if self._flushed and self._flushed[0][0] <= handed_ns:
            flushed = self._flushed.popleft()[1]
        return MicroTurn(
            index=index,
            start_ns=start_ns,
            end_ns=handed_ns,
            audio=audio,
            texts=tuple(text for _, text in texts),
            heard_ms=self._playback.heard_ms,
            flushed=flushed,
        )

    def _step(self, turn: MicroTurn) -> None:
        self._before_step()
        began = time.perf_counter_ns()
        with _blaming_adapter(f"micro-turn {turn.index}: step"):
            raw = self._adapter.step(turn)
        cost_ns = self._cost_ns(turn.index, time.perf_counter_ns() - began)
        done_ns = self._queue.charge(turn.end_ns, cost_ns)
        self._writer.event(ev.Stepped(turn.index, turn.end_ns, cost_ns, done_ns))
        if raw is not None:
            with _refusing_output(turn.index):
                self._emit(checked_output(raw, turn.index), turn.index, done_ns)

    def _cost_ns(self, index: int, measured_ns: int) -> int:
        if self._settings.compute is Compute.IDEAL:
            return 0
        if self._settings.compute is Compute.CHARGED:
            return measured_ns
        if index >= len(self._costs_ns):
            raise UserError(
                f"micro-turn {index} is beyond the {len(self._costs_ns)} of the recording to replay",
                "replay with the same task, data and tick",
            )
        return self._costs_ns[index]

    def _emit(self, output: Output, index: int, t_ns: int) -> None:
        audio = checked_audio(output, index)
        if output.flush:
            flushed = self._playback.flush(t_ns)
            self._flushed.append((t_ns, flushed))
            self._writer.event(ev.Flush(t_ns, flushed.heard_ms, flushed.dropped_ms))
        heard_ns = max(t_ns, self._playback.end_ns)
        if len(audio):
            queued = self._playback.push(t_ns, audio)
            heard_ns = queued.start_ns
            self._writer.event(ev.ModelAudio(t_ns, queued.start_ns, queued.end_ns, queued.onset_ns))
        if self._playback.backlog_s > self._settings.max_backlog_s:
            raise AdapterFaultError(
                f"micro-turn {index}: {self._playback.backlog_s:.0f} s of audio wait to be heard, "
                f"the limit is {self._settings.max_backlog_s:g} s"
            )
        for piece in output.transcript:
            self._writer.event(_transcript_event(checked_transcript(piece, index), t_ns, heard_ns))
        if output.text:
            self._writer.event(ev.ModelText(t_ns, checked_text(output.text, index)))
        for call in output.tool_calls:
            self._writer.event(_tool_call_event(call, index, t_ns))


def _duration_ns(audio: Path | Waveform) -> int:
    """Length of a clip, rounded down, so that what follows at once starts on the next sample."""
    if isinstance(audio, Waveform):
        return sample_time_ns(len(audio.samples), audio.rate)
    info = probe(audio)
    return sample_time_ns(info.frames, info.rate)


def _transcript_event(piece: Transcript, t_ns: int, heard_ns: int) -> ev.ModelTranscript:
    words = tuple(
        ev.TimedWord(w.text, heard_ns + nanoseconds(w.start_s), heard_ns + nanoseconds(w.end_s))
        for w in piece.words
    )
    return ev.ModelTranscript(t_ns, piece.text, words)


def _tool_call_event(call: object, index: int, t_ns: int) -> ev.ModelToolCall:
    if not isinstance(call, ToolCall):
        raise AdapterFaultError(
            f"micro-turn {index}: tool_calls must hold ToolCall, not {type(call).__name__}"
        )
    try:
        arguments = msgspec.convert(msgspec.to_builtins(dict(call.arguments)), dict[str, object])
    except (TypeError, ValueError) as error:
        raise AdapterFaultError(
            f"micro-turn {index}: arguments of {call.name!r} are not JSON: {error}"
        ) from error
    return ev.ModelToolCall(t_ns, str(call.call_id), str(call.name), arguments)


@contextmanager
def _blaming_adapter(where: str) -> Iterator[None]:
    """Turn whatever the adapter raises into a fault of the adapter, but for trouble reaching its model."""
    try:
        yield
    except InfrastructureError:
        raise
    except (Exception, SystemExit) as error:
        raise AdapterFaultError(f"{where} raised {type(error).__name__}: {error}") from error


@contextmanager
def _refusing_output(index: int) -> Iterator[None]:
    """Turn what an output of a wrong shape makes the harness raise into a fault of the adapter."""
    try:
        yield
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise AdapterFaultError(
            f"micro-turn {index}: the output cannot be used ({type(error).__name__}: {error})"
        ) from error
