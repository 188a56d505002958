"""What was perceived from a recording: the model's speech segments and words, with times."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Segment(msgspec.Struct, frozen=True, gc=False):
    """A stretch of model speech.

    Attributes:
        start_s: onset on the session clock, seconds.
        end_s: offset, seconds; greater than ``start_s``.
    """

    start_s: float
    end_s: float


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word of the model's speech.

    Attributes:
        text: as transcribed, punctuation included.
        start_s: onset on the session clock, seconds; None where an imported transcript has none.
        end_s: end, seconds; None where an imported transcript has none.
    """

    text: str
    start_s: float | None
    end_s: float | None


class WordSource(StrEnum):
    """Where the words and their times come from, best first."""

    IMPORTED = "imported"
    """A transcript file that came with the recording, used exactly as it stands."""
    ADAPTER = "adapter"
    """The adapter's own transcript with word times."""
    ALIGNED = "aligned"
    """The adapter's transcript without times, fitted to its audio; speech without a text is recognised."""
    ASR = "asr"
    """Local speech recognition with forced alignment."""
    PROPORTIONAL = "proportional"
    """The adapter's transcript without times, laid over the speech segments in proportion."""
    NONE = "none"
    """There is speech but no words are known; measures that need words are missing, not 0."""
    SILENT = "silent"
    """There is no model speech, hence no words."""


class Voice(msgspec.Struct, frozen=True, gc=False):
    """How the model's voice sounds in a stretch of its track, in seconds; see ``prosody``.

    Means and standard deviations of pitch, over voiced frames, and of intensity are None where there are
    none; ``measured`` is False where Praat is not installed.
    """

    start_s: float
    end_s: float
    pitch_hz: float | None = None
    pitch_std_hz: float | None = None
    intensity_db: float | None = None
    intensity_std_db: float | None = None
    measured: bool = True


class TimedCall(msgspec.Struct, frozen=True, gc=False):
    """A function that the model called.

    Attributes:
        name: the function.
        at_s: when it was called, seconds on the session clock.
        arguments: as given.
        filled: the same with the defaults of those that were left out.
        returned_s: when its result, or what became of it, was there; None where that is not recorded.
        output: the result; any JSON value.
        is_error: it did not do what was asked.
        ended: how it ended otherwise than by returning; see ``events.ToolReturned``.
        call_id: the model's id of it.
    """

    name: str
    at_s: float
    arguments: dict[str, object] = {}
    filled: dict[str, object] = {}
    returned_s: float | None = None
    output: object = None
    is_error: bool = False
    ended: str = ""
    user_speech: tuple[Segment, ...] | None = None
    call_id: str = ""


class UserAct(StrEnum):
    """What a simulated user does by saying something."""

    GOAL = "goal"
    """It says what it wants: the first line about a stage."""
    AGAIN = "again"
    """It says so in other words, because the answer did not cover it or none came."""
    ANSWER = "answer"
    """It answers a question."""
    DEFER = "defer"
    """It does not answer a question yet, or does not know."""
    CLOSING = "closing"
    """It ends the conversation, all goals covered."""
    HANG_UP = "hang-up"
    """It ends the conversation because it has no patience left."""
    BACKCHANNEL = "backchannel"
    """It shows that it listens."""
    ASIDE = "aside"
    """It talks to somebody else."""


class UserLine(msgspec.Struct, frozen=True, gc=False):
    """Something a simulated user said.

    Attributes:
        start_s: first sample, seconds on the session clock.
        end_s: just after its last sample, also where it was cut off.
        text: what it says as a whole.
        act: what it does by it.
        stage: name of the goal that it was about.
        why: what made it speak, such as ``answered``, ``silence`` or ``barge-in``.
        cut: it stopped before the end.
    """

    start_s: float
    end_s: float
    text: str
    act: UserAct
    stage: str = ""
    why: str = ""
    cut: bool = False


class SpeechKind(StrEnum):
    """What speech on the user's track is to the model; the words of ``metrics.interaction``."""

    TURN = "turn"
    """A turn, with its pauses; during it the model is to listen."""
    BACKCHANNEL = "backchannel"
    """It shows that the user listens."""
    VOCAL_TIC = "vocal-tic"
    """A cough, a laugh, an "um" by itself."""
    UNDIRECTED = "undirected"
    """It is meant for somebody else, or comes from somebody else."""
    SHARED = "shared"
    """The model is asked to speak meanwhile, such as to translate."""


class TalkStretch(msgspec.Struct, frozen=True, gc=False):
    """A stretch of the user's track, and what is said in it.

    Attributes:
        start_s: its start, seconds on the session clock; what is said begins there or later.
        end_s: its end.
        kind: what all that is said in it is, taken together.
        awaits: of a turn: an answer is due at its end.
    """

    start_s: float
    end_s: float
    kind: SpeechKind = SpeechKind.TURN
    awaits: bool = True


class Timeline(msgspec.Struct, frozen=True):
    """Everything a metric may know about a recording.

    Attributes:
        duration_s: length of the recording in seconds.
        segments: the model's speech, ordered, not overlapping: voice activity regions with edges on the
            energy envelope.
        words: the model's words in the order spoken.
        word_source: where ``words`` come from.
        silero_segments: the model's speech by Silero VAD's own default rule, rounded to 0.1 s; for the
            reference-exact measures that are defined on it.
        perceiver: names and versions of what perceived it.
        user: the user's own track, perceived the same way; None unless the task asks for it
            (``Task.hears_user``), and without words unless it asks for them (``Task.recognises_user``).
        turns: when each of the user's turns was played, which cues that wait for the model decide; empty
            where the recording is imported.
        companions: timelines of the recordings scored together with this one (``Sample.companions``).
        silero_unrounded: ``silero_segments`` before rounding.
        voices: how the model's voice sounds in the stretches the task asks for (``Task.stretches``).
        no_words: why no words are known, where ``word_source`` is ``none``; empty where nobody said.
        calls: the functions that the model called, in order.
        lines: what a simulated user said, in order; empty where the user played a script.
        ended: what ended the session, see ``events.SessionClosed``; empty where it is not known.
        user_speech: when the user speaks, by energy alone (``perception.user_speech``); None where ``user``
            tells it, or nobody asked.
    """

    duration_s: float
    segments: tuple[Segment, ...] = ()
    words: tuple[Word, ...] = ()
    word_source: WordSource = WordSource.SILENT
    silero_segments: tuple[Segment, ...] = ()
    perceiver: str = ""
    user: Timeline | None = None
    turns: tuple[Segment, ...] = ()
    companions: dict[str, Timeline] = {}
    silero_unrounded: tuple[Segment, ...] = ()
    voices: tuple[Voice, ...] = ()
    no_words: str = ""
    calls: tuple[TimedCall, ...] = ()
    lines: tuple[UserLine, ...] = ()
    ended: str = ""
    user_speech: tuple[Segment, ...] | None = None
