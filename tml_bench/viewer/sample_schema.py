"""One sample as the viewer's page gets it; `tml_bench.viewer.index_schema` says what documents share."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tml_bench.viewer.score_schema import ViewedJudgement, ViewedScore

SAMPLE_SCHEMA = "tml-bench/viewer-sample/1.0"
EVENTS_SCHEMA = "tml-bench/viewer-events/1.0"
LONGEST_EVENT = 2000
"""Most characters of a raw event that are shown."""


class WindowState(StrEnum):
    """What happened in a stretch or at an instant that was annotated or expected."""

    HIT = "hit"
    """What was expected came in time."""
    EARLY = "early"
    """It came too early."""
    LATE = "late"
    """It came too late."""
    WRONG = "wrong"
    """It came in time, but was not what was expected."""
    MISSED = "missed"
    """It did not come."""
    UNKNOWN = "unknown"
    """Expected, but the sample has no score that tells."""
    CONTEXT = "context"
    """Nothing was expected: the user's turn, the video, a pause."""


class ViewedStretch(msgspec.Struct, frozen=True):
    """A stretch of speech."""

    start_s: float
    end_s: float


class ViewedText(msgspec.Struct, frozen=True):
    """A word, a transcript or a written text; ``null`` where its times are not known, or it has no end."""

    text: str
    start_s: float | None
    end_s: float | None = None


class ViewedTurn(msgspec.Struct, frozen=True):
    """A stretch of user audio; ``cue`` is what started it, ``timed_out`` where that did not come."""

    start_s: float
    end_s: float
    label: str
    cue: str
    timed_out: bool


class ViewedUser(msgspec.Struct, frozen=True):
    """The user's side.

    Attributes:
        speech: perceived stretches of speech.
        perceived: whether the user's track was perceived; ``speech`` is empty where it was not.
        words: words of the user's speech with times, where the data set has them.
        turns: when each stretch of user audio was played.
        texts: what the user wrote.
        speech_end_s: end of the user's speech that is to be answered; ``null`` where there is none.
    """

    speech: tuple[ViewedStretch, ...]
    perceived: bool
    words: tuple[ViewedText, ...]
    turns: tuple[ViewedTurn, ...]
    texts: tuple[ViewedText, ...]
    speech_end_s: float | None


class ViewedModel(msgspec.Struct, frozen=True):
    """The model's side.

    Attributes:
        speech: perceived stretches of speech.
        words: words as scored, in order.
        word_source: where they come from: ``imported``, ``adapter``, ``aligned``, ``asr``, ``proportional``,
            ``none`` or ``silent``; empty where nothing was perceived.
        transcripts: pieces of the model's own transcript, when they were emitted.
        texts: what it wrote.
    """

    speech: tuple[ViewedStretch, ...]
    words: tuple[ViewedText, ...]
    word_source: str
    transcripts: tuple[ViewedText, ...]
    texts: tuple[ViewedText, ...]


class ViewedTrack(msgspec.Struct, frozen=True):
    """An audio track and its waveform.

    Attributes:
        address: of the FLAC file, mono; of an export with ``--opus`` an Opus file, ``.ogg``.
        rate: in Hz.
        peaks: base64 of int8 pairs, lowest then highest sample (127 is full scale) of each stretch of
            ``step_s``; the last may be shorter.
        step_s: length of a stretch.
        count: how many stretches.
    """

    address: str
    rate: int
    peaks: str
    step_s: float
    count: int


class ViewedVideo(msgspec.Struct, frozen=True):
    """A video before the user's camera.

    Attributes:
        address: of the file; empty where it is not there any more, as ``SampleDocument.remarks`` then say.
        name: of the file.
        start_s: session time of its time 0; ``end_s`` when its last frame has been shown.
        after: what is shown then: ``black`` or ``frozen``.
        sound: its sound is part of the user's track; a page plays it muted all the same.
        width: in pixels, ``height`` likewise.
        subtitles: burned into what the model saw; times on the session clock.
    """

    address: str
    name: str
    start_s: float
    end_s: float
    after: str
    sound: bool
    width: int
    height: int
    subtitles: tuple[ViewedText, ...] = ()


class ViewedWindow(msgspec.Struct, frozen=True):
    """Something annotated or expected; ``end_s`` is ``null`` for an instant; ``happened`` says more."""

    start_s: float
    end_s: float | None
    label: str
    expected: bool
    state: WindowState
    happened: str = ""


class ViewedToolCall(msgspec.Struct, frozen=True):
    """A function the model called; texts are JSON, shortened where very long.

    ``arguments`` are as given, also where they are no JSON; ``filled`` with their defaults, empty where none
    was left out; ``ended`` says how it ended otherwise than by returning, such as ``cancelled``.
    """

    at_s: float
    name: str
    arguments: str
    returned_s: float | None
    output: str
    is_error: bool
    filled: str = ""
    ended: str = ""


class ViewedInterruption(msgspec.Struct, frozen=True):
    """Both speak: ``by`` (``user`` or ``model``) began while the other was speaking."""

    start_s: float
    end_s: float
    by: str


class ViewedFlush(msgspec.Struct, frozen=True):
    """The model's unheard audio was dropped; how much of the stretch had been heard, and was dropped."""

    at_s: float
    heard_s: float
    dropped_s: float


class ViewedDelay(msgspec.Struct, frozen=True):
    """What the network took: ``up`` to the model or ``down`` from it; only where it took any time."""

    at_s: float
    direction: str
    delay_s: float


class LatencyPart(msgspec.Struct, frozen=True):
    """A part of a latency, one after the other; where parts cannot be separated, one stands for several."""

    name: str
    start_s: float
    end_s: float


class ViewedLatency(msgspec.Struct, frozen=True):
    """From the end of a user turn to the first sound of the model's answer, and what it was made of.

    Parts, as far as they can be separated: ``endpointing`` (until the hand-over that the model answered),
    ``network up``, ``queue``, ``compute``, ``network down``, ``playback`` (waits behind what is heard),
    ``silence`` (the answer's audio begins silent).
    """

    start_s: float
    end_s: float
    parts: tuple[LatencyPart, ...]


class ViewedEvent(msgspec.Struct, frozen=True):
    """A line of ``session.jsonl``: its time, ``null`` where it has none, its kind and its text as it stands.

    ``cut`` is how many more characters the text has: at most `LONGEST_EVENT` are shown.
    """

    at_s: float | None
    kind: str
    text: str
    cut: int = 0


class EventPage(msgspec.Struct, frozen=True):
    """A page of raw events, in the order written; ``total`` events on ``pages`` pages."""

    page: int
    pages: int
    total: int
    events: tuple[ViewedEvent, ...]
    schema: str = EVENTS_SCHEMA


class SampleDocument(msgspec.Struct, frozen=True):
    """Everything the page shows of a sample.

    Attributes:
        run: key of its run in the index; ``n`` its number there.
        sample: its id; ``task``, ``subset`` and ``unit`` as scored.
        adapter: who spoke.
        attempt: which attempt this is, of ``attempts``; the last one made.
        outcome: ``valid``, ``invalid``, ``infrastructure``, ``adapter_error`` or ``user_fault``; ``reason``
            why.
        ended: when the attempt ended, UTC, ISO 8601.
        notes: remarks on the sample, its data and its recording.
        remarks: what of this document could not be made, with the reason: a recording that is lost, data that
            moved, a run without scores.
        duration_s: length of the session; 0 where there is no recording.
        tick_s: length of a micro-turn; ``null`` without a recording.
        user_track: audio, left; ``model_track`` right; ``null`` without a recording, or where it is empty.
        videos: before the camera, in order.
        user: the user's side; ``model`` the model's.
        windows: what was annotated or expected, and what happened.
        tool_calls, interruptions, flushes, delays, latencies: what happened, in order of time.
        score: ``null`` where it has none.
        judgements: in the order asked.
        events: first page of the raw events.
    """

    run: str
    n: int
    sample: str
    task: str
    subset: str
    unit: str
    adapter: str
    attempt: int
    attempts: int
    outcome: str
    reason: str
    ended: str
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    duration_s: float
    tick_s: float | None
    user_track: ViewedTrack | None
    model_track: ViewedTrack | None
    videos: tuple[ViewedVideo, ...]
    user: ViewedUser
    model: ViewedModel
    windows: tuple[ViewedWindow, ...]
    tool_calls: tuple[ViewedToolCall, ...]
    interruptions: tuple[ViewedInterruption, ...]
    flushes: tuple[ViewedFlush, ...]
    delays: tuple[ViewedDelay, ...]
    latencies: tuple[ViewedLatency, ...]
    score: ViewedScore | None
    judgements: tuple[ViewedJudgement, ...]
    events: EventPage
    schema: str = SAMPLE_SCHEMA
