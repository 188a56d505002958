"""One example of a task: what the user side sends and when, and what is expected of the model.

Times are seconds on the session clock, t = 0 at the first input sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tml_bench.scenario import Scenario
from tml_bench.timeline import UserLine
from tml_bench.tool_latency import ToolLatency


@dataclass(frozen=True, slots=True)
class Waveform:
    """Mono audio held in memory.

    Attributes:
        samples: shape (n,), float32, full scale is [-1, 1].
        rate: samples per second.
    """

    samples: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True)
class At:
    """The turn starts ``t_s`` seconds after the session's start."""

    t_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AfterModelStops:
    """The turn starts once the model has spoken and has then been silent for ``gap_s`` seconds.

    Only speech heard after the user's previous turn ended counts. If that has not happened
    ``timeout_s`` seconds after the previous turn's end, the turn starts then, and the recording says
    that it was the time-out.
    """

    gap_s: float
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class IntoModelSpeech:
    """The turn starts ``after_s`` seconds after the first sound of the model's answer (a barge-in).

    Only speech that begins after the user's previous turn ended counts. If none begins within
    ``timeout_s`` seconds of the previous turn's end, the turn starts then, and the recording says that
    it was the time-out.
    """

    after_s: float
    timeout_s: float = 15.0


Cue = At | AfterModelStops | IntoModelSpeech


@dataclass(frozen=True, slots=True)
class UserTurn:
    """One stretch of user audio and the cue that starts it.

    Attributes:
        audio: a file that soundfile reads, or a waveform in memory.
        cue: when it starts. A turn never starts before the one before it has ended.
        label: what the timeline shows; free text.
        line: what a simulated user did by it in an earlier session, where that is replayed.
    """

    audio: Path | Waveform
    cue: Cue = At()
    label: str = ""
    line: UserLine | None = None


@dataclass(frozen=True, slots=True)
class Subtitle:
    """A line of text burned into a video from ``start_s`` to ``end_s``, seconds of the video."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class UserVideo:
    """A video the user's camera shows, from ``at_s`` on.

    Attributes:
        path: a file that FFmpeg reads.
        at_s: session time of the video's first instant (its time stamp 0).
        sound: also send its audio track, mixed into the user's audio; False mutes it.
        after: what the camera shows from its end to the session's end: ``black`` or ``frozen``.
        subtitles: burned into the frames.
    """

    path: Path
    at_s: float = 0.0
    sound: bool = False
    after: str = "black"
    subtitles: tuple[Subtitle, ...] = ()


@dataclass(frozen=True, slots=True)
class UserText:
    """A text message the user sends at ``at_s`` seconds."""

    at_s: float
    text: str


ToolFunction = Callable[[Mapping[str, object]], object]
"""Gives a JSON value for the arguments of a call; what it raises goes to the model as an error."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call, played by the harness.

    Attributes:
        name: the function.
        description: what it does.
        parameters: JSON Schema of its arguments; what it gives as ``default`` is filled in.
        answer: what it does, where it keeps no state; None where ``Script.world`` makes it.
        latency_s: how long after the call the result is there.
        reference_latency: the latency under the profile ``reference``; None for none.
        timeout_s: a result that would come later is an error that comes then.
    """

    name: str
    description: str
    parameters: Mapping[str, object]
    answer: ToolFunction | None = None
    latency_s: float = 0.0
    reference_latency: ToolLatency | None = None
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was said before the session begins.

    Attributes:
        role: ``user`` or ``assistant``.
        text: what was said.
        audio: the same spoken; None where there is only text.
    """

    role: Literal["user", "assistant"]
    text: str
    audio: Path | Waveform | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What the user side does.

    Attributes:
        turns: user audio, in order.
        texts: timed text messages.
        videos: what the camera shows, in order, not overlapping; before the first it shows black.
        tail_s: silence streamed after the last turn, text or video, in which the model may still answer.
        instructions: the system prompt; empty means none.
        tools: functions the model may call.
        world: makes the functions of one session, by name, which may share a state of that session; None
            where every tool has an ``answer``.
        history: the conversation so far, put into the model's context before the session; only for adapters
            with ``takes_history``.
        quiet_s: ends the session before the tail is over, once the model has spoken after the last turn and
            has then been silent so long; None plays the whole tail.
    """

    turns: tuple[UserTurn, ...] = ()
    texts: tuple[UserText, ...] = ()
    videos: tuple[UserVideo, ...] = ()
    tail_s: float = 0.0
    instructions: str = ""
    tools: tuple[Tool, ...] = ()
    history: tuple[Message, ...] = ()
    quiet_s: float | None = None
    world: Callable[[], Mapping[str, ToolFunction]] | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something an ideal respondent says.

    Attributes:
        at_s: its onset.
        role: ``answer`` (takes the turn), ``talk`` (takes it for 15 s) or ``backchannel`` (does not).
        until_s: by when it must have ended; None when it may run its course.
        text: what is said; empty where any words of that role do.
        needs: the calls, by their place in ``Reference.calls``, whose results must be there before.
    """

    at_s: float
    role: str = "answer"
    until_s: float | None = None
    text: str = ""
    needs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class IdealCall:
    """A call of a function that an ideal respondent makes.

    Attributes:
        at_s: when.
        name: the function.
        arguments: of the call; a text ``$RESULT_0.flights[0].flight_id`` stands for that part of the result
            of the call at that place in ``Reference.calls``, and the call waits for it.
        cancelled_s: when it is cancelled; None when it is not.
    """

    at_s: float
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    cancelled_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What is expected, and when.

    Attributes:
        user_end_s: the end of the user turn to be answered, from which response latency is counted;
            None where there is no such turn.
        ideal: what an ideal respondent says; empty where silence is right. The oracle says this.
        annotation: the task's own typed annotation; only the task reads it.
        calls: the functions that an ideal respondent calls, in order.
        replies: what an ideal respondent answers to each of the user's turns, where it is not known when
            these come; the last to all that follow.
        forgotten: the same from one who has forgotten what the user corrected; empty where it is like
            ``replies``.
    """

    user_end_s: float | None = None
    ideal: tuple[Utterance, ...] = ()
    annotation: object = None
    calls: tuple[IdealCall, ...] = ()
    replies: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One example of a task.

    Attributes:
        id: unique within its task, best of letters, digits, ``-``, ``_`` and ``.``; it names a folder, and
            must be a safe name (`tml_bench.names`), also unlike others where case does not count.
        subset: the part of the task it belongs to; scores are averaged per subset.
        script: what the user side does.
        reference: what is expected.
        unit: the independent unit for intervals (speaker, video, ...); empty means the sample itself.
        notes: remarks about the data that do not make it unusable ("2 channels averaged").
        problem: why the sample cannot be used (a missing or broken file, named with its remedy);
            empty when it can. Such a sample ends with the outcome ``invalid``.
        companions: ids of other samples of the task whose recordings are scored together with this one,
            by the role they play in it ("clean": the same item without the overlap).
        scored: False for a sample that is only a companion: it is played, but has no score of its own.
        languages: in which the model may speak, as ISO 639-1 codes; words are recognised in these only.
        scenario: who answers the model, where the user does not follow the script's turns; the script then
            has no turns, texts and videos. None for an open-loop sample.
    """

    id: str
    subset: str
    script: Script = field(default_factory=Script)
    reference: Reference = field(default_factory=Reference)
    unit: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""
    companions: Mapping[str, str] = field(default_factory=dict)
    scored: bool = True
    languages: tuple[str, ...] = ("en",)
    scenario: Scenario | None = None
