"""The closed set of events in ``session.jsonl``: one JSON object a line, told apart by ``kind``.

Times ``*_ns`` are integer nanoseconds on the session clock. The file holds what happened and nothing else
(no wall-clock date, no host), so that a replay of the same session gives the same bytes. Readers must skip
kinds and fields they do not know: new ones raise the minor version, changed or removed ones the major. A JSON
Schema generated from this module is in ``docs/session.schema.json``.
"""

from __future__ import annotations

import msgspec

SCHEMA = "tml-bench/session/1.1"


class Event(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """Base of all events."""


class SessionOpened(Event, frozen=True, tag="session"):
    """First line: what was run.

    Attributes:
        schema: name and version of this format.
        task: name of the task.
        sample: the sample's id.
        adapter: the adapter as given on the command line, or ``imported``.
        tick_ns: length of a micro-turn.
        seed: the session's seed.
        rate: rate of both audio tracks in Hz.
        audio_in: rate at which the adapter got the user's audio; 0 when imported.
        audio_out: rate at which the model's audio came.
    """

    schema: str
    task: str
    sample: str
    adapter: str
    tick_ns: int
    seed: int
    rate: int
    audio_in: int
    audio_out: int


class UserTurnStarted(Event, frozen=True, tag="user_turn"):
    """A stretch of user audio was placed.

    Attributes:
        t_ns: its first sample.
        end_ns: just after its last sample.
        turn: index in the script.
        label: from the script.
        cue: kind of cue that started it.
        timed_out: the cue had not come by its time-out.
        text: what a simulated user says in it.
        act: what a simulated user does by it, see ``timeline.UserAct``.
        stage: name of the goal that it was about then.
        why: what made it speak, such as ``answered``, ``silence`` or ``barge-in``.
    """

    t_ns: int
    end_ns: int
    turn: int
    label: str = ""
    cue: str = ""
    timed_out: bool = False
    text: str = ""
    act: str = ""
    stage: str = ""
    why: str = ""


class UserTurnCut(Event, frozen=True, tag="user_cut"):
    """A simulated user stopped at ``t_ns``, before the end of what it had begun to say in that turn."""

    t_ns: int
    turn: int


class UserTextSent(Event, frozen=True, tag="user_text"):
    """The user sent a text message at ``t_ns``."""

    t_ns: int
    text: str


class UserVideoStarted(Event, frozen=True, tag="user_video"):
    """A video was placed before the user's camera; the recording holds its hash, not its pictures.

    Attributes:
        t_ns: its time 0.
        end_ns: when its last frame has been shown.
        video: index in the script.
        name: of its file, without folder.
        sha256: of its file.
        codec: FFmpeg's name of its codec.
        width: of its pictures as shown, before they are scaled down for the model.
        height: likewise.
        sound: its audio track is part of the user's audio.
        after: what is shown after its end: ``black`` or ``frozen``.
        subtitles: how many are burned in.
        notes: remarks that do not make it unusable.
    """

    t_ns: int
    end_ns: int
    video: int
    name: str
    sha256: str
    codec: str
    width: int
    height: int
    sound: bool = False
    after: str = "black"
    subtitles: int = 0
    notes: tuple[str, ...] = ()


class FrameShown(Event, frozen=True, tag="frame"):
    """A frame was handed to the model: what the camera shows at ``t_ns``.

    ``pts_ns`` is its presentation time, at or before; absent when it is black because no video runs.
    """

    t_ns: int
    pts_ns: int | None = None


class StepDone(Event, frozen=True, tag="step"):
    """One micro-turn went through the model.

    Attributes:
        i: number of the micro-turn.
        handed_ns: when its input was handed over.
        compute_ns: compute charged to it.
        done_ns: when its output existed.
        up_ns: how long the network took to bring the input to the model.
    """

    i: int
    handed_ns: int
    compute_ns: int
    done_ns: int
    up_ns: int = 0


class ModelAudio(Event, frozen=True, tag="model_audio"):
    """A chunk of model audio.

    Attributes:
        t_ns: when it was emitted.
        heard_ns: when its first sample is heard.
        end_ns: when its last sample has been heard, if no later ``flush`` cuts it.
        onset_ns: when its first sample that is not exactly zero is heard; absent when there is none.
        item: the service's id of the reply it belongs to.
        down_ns: how long the network took to bring it, after ``t_ns``.
        clipped: how many of its samples were over full scale, and were clipped.
    """

    t_ns: int
    heard_ns: int
    end_ns: int
    onset_ns: int | None = None
    item: str = ""
    down_ns: int = 0
    clipped: int = 0


class Flush(Event, frozen=True, tag="flush"):
    """The model's unheard audio was dropped; what is kept of it follows at once as ``model_audio`` anew.

    Attributes:
        t_ns: when.
        heard_ms: how much of the stretch it cut had been heard.
        dropped_ms: how much was dropped.
        kept: the replies, by item, of which something unheard was kept.
    """

    t_ns: int
    heard_ms: float
    dropped_ms: float
    kept: tuple[str, ...] = ()


class TimedWord(msgspec.Struct, frozen=True):
    """A word with its place on the session clock, as heard."""

    text: str
    start_ns: int
    end_ns: int


class ModelTranscript(Event, frozen=True, tag="model_transcript"):
    """A piece of the model's own transcript of its speech.

    Attributes:
        t_ns: when it was emitted.
        text: words added.
        words: the same words with the times at which they are heard, when the model gave them.
        item: the service's id of the reply it belongs to.
        unheard: words of the text that are not among ``words``: a flush had dropped their audio.
    """

    t_ns: int
    text: str
    words: tuple[TimedWord, ...] = ()
    item: str = ""
    unheard: tuple[str, ...] = ()


class ModelText(Event, frozen=True, tag="model_text"):
    """Written output."""

    t_ns: int
    text: str


class ModelToolCall(Event, frozen=True, tag="tool_call"):
    """A function the model called; ``filled``: with its defaults; ``unreadable``: what is no JSON object."""

    t_ns: int
    call_id: str
    name: str
    arguments: dict[str, object] = {}
    filled: dict[str, object] | None = None
    unreadable: str = ""


class ToolReturned(Event, frozen=True, tag="tool_result"):
    """What became of a call; every call has one, and the model is told unless the session no longer can.

    Attributes:
        t_ns: when its result was there.
        call_id: of the call.
        name: the function.
        output: any JSON value; what is wrong where it is an error.
        is_error: it did not do what was asked.
        ended: how, otherwise than by what the function gave or raised; see `tml_bench.session.tools`.
    """

    t_ns: int
    call_id: str
    name: str
    output: object = None
    is_error: bool = False
    ended: str = ""


class TurnSent(Event, frozen=True, tag="sent"):
    """One micro-turn was sent to a live service.

    Attributes:
        i: number of the micro-turn.
        handed_ns: when it was due.
        late_ns: how much later the sending began; ours, not the model's.
        took_ns: how long the sending took.
    """

    i: int
    handed_ns: int
    late_ns: int
    took_ns: int


class ProviderMessage(Event, frozen=True, tag="provider"):
    """A message to or from a live service, as it was, but for audio and images, which are told by size.

    Attributes:
        t_ns: when it came or went.
        type: as the service names it.
        body: the message.
        sent: True for a message of ours.
    """

    t_ns: int
    type: str
    body: dict[str, object] = {}
    sent: bool = False


class ServicePinged(Event, frozen=True, tag="ping"):
    """A live service gave a sign of life that it was asked for at ``t_ns``, ``took_ns`` later."""

    t_ns: int
    took_ns: int


class ServiceUsage(Event, frozen=True, tag="usage"):
    """What a service says at ``t_ns`` that it counted since the usage before; see ``turns.Usage``."""

    t_ns: int
    input_tokens: int = 0
    output_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cached_tokens: int = 0
    input_audio_s: float = 0.0
    output_audio_s: float = 0.0
    calls: int = 0


class ImportedWord(msgspec.Struct, frozen=True):
    """A word of an imported transcript, in seconds exactly as its file has it."""

    text: str
    start_s: float | None
    end_s: float | None


class ImportedTranscript(Event, frozen=True, tag="imported_transcript"):
    """The transcript file that came with an imported exchange."""

    words: tuple[ImportedWord, ...]


class Note(Event, frozen=True, tag="note"):
    """A remark that does not make the session invalid."""

    text: str


class Fault(Event, frozen=True, tag="fault"):
    """The adapter broke its contract, or its service failed; the session ends here."""

    t_ns: int
    reason: str


class SessionClosed(Event, frozen=True, tag="end"):
    """Last line.

    Attributes:
        t_ns: length of the session.
        reason: ``script`` (it and its tail are over), ``time-out`` (the limit), ``fault`` or ``imported``; of
            a simulated user ``closed`` (its goals are covered), ``hung-up`` or ``budget`` (time was over).
    """

    t_ns: int
    reason: str


_User = UserTurnStarted | UserTurnCut | UserTextSent | UserVideoStarted
_Harness = SessionOpened | _User | FrameShown | StepDone
_Model = ModelAudio | Flush | ModelTranscript | ModelText | ModelToolCall | ToolReturned
_Service = TurnSent | ProviderMessage | ServicePinged | ServiceUsage
AnyEvent = _Harness | _Model | _Service | ImportedTranscript | Note | Fault | SessionClosed
