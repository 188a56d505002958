"""What crosses between the harness and a model under test, micro-turn by micro-turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field

import numpy as np
from numpy.typing import NDArray

from tml_bench.samples import Message, Reference


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """The video an adapter wants.

    Attributes:
        fps: frames per second it is sent; the instants are k / fps on the session clock.
        max_side: frames are scaled down, never up, so that neither side exceeds this many pixels.
    """

    fps: float = 2.0
    max_side: int = 768


@dataclass(frozen=True, slots=True)
class Frame:
    """What the user's camera shows at one instant.

    Attributes:
        t_ns: the instant on the session clock.
        pts_ns: presentation time of the frame shown, on the session clock; at most ``t_ns``. None when the
            camera shows black because no video runs.
        image: shape (height, width, 3), uint8, RGB. Read-only.
    """

    t_ns: int
    pts_ns: int | None
    image: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function the model may call.

    Attributes:
        name: the function.
        description: what it does.
        parameters: JSON Schema of its arguments, an object.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=lambda: {"type": "object", "properties": {}})


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What an adapter learns when a session begins.

    Attributes:
        session_id: names the session and tells nothing of it: 16 hexadecimal digits, the same for the same
            sample and seed; two samples of a run never share it.
        tick_ns: length of a micro-turn in nanoseconds.
        seed: seed for everything random in the adapter; same seed, same output.
        instructions: the system prompt; empty means none.
        tools: functions the model may call.
        reference: the expected behaviour. Only adapters with ``privileged = True`` get it, and reports
            mark them; for all others it is None.
        history: the conversation so far, oldest first; only for adapters with ``takes_history``.
    """

    session_id: str
    tick_ns: int
    seed: int = 0
    instructions: str = ""
    tools: tuple[ToolSpec, ...] = ()
    reference: Reference | None = None
    history: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class FlushReport:
    """What became of the model's audio when it was flushed, once or several times.

    Attributes:
        heard_ms: how much of the interrupted stretch of audio the listener had heard; a sum over flushes.
        dropped_ms: how much was dropped unheard; a sum over flushes.
        items: the replies that were cut, by ``Output.item``, each with the milliseconds heard of it in all, 0
            for one that was not begun; in the order in which they would have been heard, flush by flush. One
            that had been heard to its end was not cut. Audio without an item counts as one reply up to the
            next silence.
    """

    heard_ms: float
    dropped_ms: float
    items: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a function the model called gave back.

    Attributes:
        call_id: of the call.
        name: the function.
        output: any JSON value.
        is_error: the function did not do what was asked; ``output`` says why.
    """

    call_id: str
    name: str
    output: object
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class MicroTurn:
    """The user's side of one micro-turn, handed over at ``end_ns``.

    Attributes:
        index: 0, 1, 2, ...
        start_ns: session time of the first sample, in nanoseconds.
        end_ns: session time of hand-over; the model can never be heard before it.
        audio: shape (n,), float32 in [-1, 1], at the adapter's ``audio_in`` rate; silence is streamed too.
            Read-only.
        texts: text messages the user sent during the micro-turn.
        frames: video frames whose instants lie in the micro-turn, in order; empty unless the adapter has
            ``video_in`` and the script has video.
        tool_results: results of function calls that have come in since the last micro-turn.
        heard_ms: how much of the model's audio the listener has heard by ``end_ns``, in all.
        flushed: what the flushes heard since the last micro-turn dropped; None when there was none.
    """

    index: int
    start_ns: int
    end_ns: int
    audio: NDArray[np.float32]
    texts: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    heard_ms: float = 0.0
    flushed: FlushReport | None = None


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of the model's audio.

    Attributes:
        text: the word as written, punctuation included.
        start_s: its onset in seconds from the first sample of the audio in the same ``Output``.
        end_s: its end, counted the same way. Both may lie beyond that audio when the rest follows; negative
            times count back from the end of the audio before, for words that come later than their audio.
    """

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """A piece of the transcript of the model's speech.

    Attributes:
        text: the words added by this piece. Pieces may split words if they bring the spaces along.
        words: the same words with times, when the model knows them; else empty.
        of_reply: the times count from the first sample of the whole reply, ``Output.item``, however much of
            it was given before; so a word has its place whenever it comes, or none if its audio was dropped.
    """

    text: str
    words: tuple[SpokenWord, ...] = ()
    of_reply: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model calls.

    Attributes:
        call_id: the model's own id of the call.
        name: the function.
        arguments: decoded JSON arguments.
        unreadable: what the model gave instead, where it is no JSON object; the call is refused.
    """

    call_id: str
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """What the model gives back after one micro-turn; every part is optional.

    Attributes:
        audio: shape (n,), any float or int16, at the adapter's ``audio_out`` rate, full scale [-1, 1] for
            floats (what is over it is clipped and counted; a peak above 4 is a fault). Any length: it is
            heard in order, after what is still playing. None or empty is silence.
        transcript: transcript of the audio, for adapters that have it.
        text: written (not spoken) output.
        tool_calls: functions called.
        flush: drop all audio that has not been heard yet, before ``audio`` is queued (a cancel).
        item: the service's own id of the reply that audio, transcript and text belong to;
            ``LiveAdapter.heard`` speaks of it.
        compute_s: what the step cost, in seconds, for a model that runs elsewhere and measures it itself
            (the sum, of several outputs of one step); charged instead of the time measured around ``step``.
        cancelled_calls: ids of calls whose results are no longer wanted; what has not come does not, and the
            function is not executed.
        flush_only: with ``flush``, drop only what is unheard of these replies, by ``item``; what is left of
            others moves up, but for words given with times. Empty drops all.
    """

    audio: NDArray[np.generic] | None = None
    transcript: tuple[Transcript, ...] = ()
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    flush: bool = False
    item: str = ""
    compute_s: float | None = None
    flush_only: tuple[str, ...] = ()
    cancelled_calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A message of the service, kept as it was for the record.

    Attributes:
        type: its type as the service names it.
        body: the message, with audio and images replaced by their size; see ``tml_bench.redact``.
        sent: True for a message of ours.
    """

    type: str
    body: Mapping[str, object] = field(default_factory=dict)
    sent: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a service says that it has counted since the usage before; 0 for what it does not count.

    Attributes:
        input_tokens: read, audio and cached ones included.
        output_tokens: given, audio included.
        input_audio_tokens: of the input tokens, those of audio.
        output_audio_tokens: of the output tokens, those of audio.
        cached_tokens: of the input tokens, those that were read before.
        input_audio_s: seconds of audio taken.
        output_audio_s: seconds of audio given.
        calls: answers that were asked for or begun.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cached_tokens: int = 0
    input_audio_s: float = 0.0
    output_audio_s: float = 0.0
    calls: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


ModelEvent = Output | ProviderEvent | Usage
"""What a live service may give."""
