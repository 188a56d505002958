"""What the recordings of the session cases must show."""

from itertools import pairwise

import numpy as np

from tml_bench import events as ev
from tml_bench.conformance import CaseResult, failed, passed, skipped, warned
from tml_bench.conformance.evidence import Evidence, unsent

NOTE = "Please answer this message."
"""The text message of the case ``text``."""
TOOL, TOOL_ABOUT, TOOL_ANSWER = "get_time", "The time of day on the caller's clock.", "12:00"
"""The function that the model may call: its name, its description, what it gives."""
ASKED = f"Call the function {TOOL} and say what it gives."
"""The text message that asks for it."""
HISTORY = "My name is Ann, and I keep seven goats."
"""What was said before the session of the case ``history``."""
QUIET = 1e-3
"""Speech that never peaks above -60 dBFS has most likely been scaled down twice."""
_GAP_NS = 5_000_000
_LAG_S = 0.5
_CHUNKS = 5
_KEEPS_UP = 0.95
_UNHEARD = (
    "check that it reads audio at its rate and full scale, and how it finds the end of a turn; "
    "on the wire, that its audio is in binary frames with their header"
)
_NO_SPEECH = "a run scores it as silence; right for a beep or noise, wrong for a voice: check rate and scale"


def opened(shown: Evidence) -> CaseResult:
    """A session opens and ends."""
    (start,) = shown.of(ev.SessionOpened)
    return passed(f"takes audio at {start.audio_in} Hz, gives it at {start.audio_out} Hz")


def silent(shown: Evidence) -> CaseResult:
    """The user says nothing; either of speaking first and keeping silent is right."""
    if shown.speech:
        return passed(f"speaks first, after {shown.speech[0].start_s:.1f} s")
    return passed("keeps silent" + (f", but for sound of at most {shown.level}" if shown.peak else ""))


def answered(shown: Evidence) -> CaseResult:
    """The user speaks, and the model is heard to speak from then on."""
    (turn,) = shown.of(ev.UserTurnStarted)
    start_s, end_s = turn.t_ns / 1e9, turn.end_ns / 1e9
    spoken = f"{end_s - start_s:.1f} s of speech"
    taken_s = max((sent.handed_ns for sent in shown.of(ev.TurnSent)), default=0) / 1e9
    if shown.live and taken_s < end_s:
        return failed(f"takes the first {taken_s:.1f} s of a session only", "let send return in time")
    segments = [segment for segment in shown.speech if segment.end_s > start_s]
    if segments and segments[0].start_s <= start_s:
        return passed(f"speaks since before the user began, at {segments[0].start_s:.2f} s", spoken)
    if segments:
        return passed(f"answers {segments[0].start_s - end_s:+.2f} s after the user's end", spoken)
    onset_s = shown.sound_onset_s(start_s)
    if onset_s is not None:
        detail = f"gives a sound {onset_s - end_s:+.2f} s after the user's end that is no speech"
        return warned(detail, _NO_SPEECH, spoken)
    noise = f": its sound, of at most {shown.level}, is no speech" if shown.peak else ""
    return failed(f"says nothing to {spoken}{noise}", _UNHEARD, spoken)


def scaled(shown: Evidence) -> CaseResult:
    """The level of the answer is that of speech."""
    if not shown.of(ev.ModelAudio):
        return skipped("gives no audio, so its scale cannot be seen")
    if clipped := shown.recording.facts.clipped:
        return warned(
            f"{100 * clipped:.2g} % of its samples are over full scale and were clipped",
            "full scale of floats is [-1, 1]: lower its level, or limit it",
        )
    if all(chunk.onset_ns is None for chunk in shown.of(ev.ModelAudio)):
        return skipped("gives digital silence only")
    if shown.peak >= QUIET:
        return passed(f"its audio peaks at {shown.level}")
    return warned(
        f"its audio peaks at {shown.level}, too quiet to be told from silence",
        "divide 16-bit samples by 32768 once, not twice; full scale of floats is [-1, 1]",
    )


def at_its_rate(shown: Evidence) -> CaseResult:
    """Its audio lasts as long as it says: no gaps between the pieces of a reply, no words beyond its end."""
    chunks = shown.of(ev.ModelAudio)
    if not chunks:
        return skipped("gives no audio, so its rate cannot be seen")
    rate = shown.recording.opened.audio_out
    for item in dict.fromkeys(chunk.item for chunk in chunks):
        pieces = [(c.heard_ns, c.end_ns) for c in chunks if c.item == item]
        given_s = sum(end - start for start, end in pieces) / 1e9
        gaps = sum(b[0] - a[1] > _GAP_NS for a, b in pairwise(pieces))
        # The last piece has no successor that could come late.
        span_s = (pieces[-1][0] - pieces[0][0]) / 1e9
        before_s = given_s - (pieces[-1][1] - pieces[-1][0]) / 1e9
        share = before_s / span_s if span_s else 1.0
        if len(pieces) >= _CHUNKS and gaps >= len(pieces) // 2 and share < _KEEPS_UP:
            return failed(
                f"gives {before_s:.1f} s of audio in {span_s:.1f} s that it speaks, with {gaps} gaps",
                f"send samples at the {rate} Hz that it promises (these look like {round(rate * share)} Hz), "
                "or give audio faster: it is heard at once",
            )
        words = [w.end_ns for t in shown.of(ev.ModelTranscript) if t.item == item for w in t.words]
        beyond_s = (max(words, default=0) - pieces[-1][1]) / 1e9
        # What is still being said at the session's end may have words ahead of it.
        over = shown.recording.duration_s - pieces[-1][1] / 1e9 > _LAG_S and not shown.of(ev.Flush)
        if over and beyond_s > _LAG_S:
            return failed(
                f"its words end {beyond_s:.1f} s after the {given_s:.1f} s of audio that say them",
                f"send samples at the {rate} Hz that it promises; words count from the reply's first sample",
            )
    total_s = sum(c.end_ns - c.heard_ns for c in chunks) / 1e9
    return passed(f"{total_s:.1f} s of audio at {rate} Hz in {len(chunks)} piece{'s'[: len(chunks) > 1]}")


def replied(shown: Evidence, quiet: Evidence) -> CaseResult:
    """A text message was sent, and answered."""
    if why := unsent(shown, "text", "text", shown.with_text(NOTE)):
        return skipped(why)
    (asked,) = shown.of(ev.UserTextSent)
    sent = f"text {NOTE!r}"
    if [written for written in shown.of(ev.ModelText) if written.t_ns >= asked.t_ns]:
        if not quiet.of(ev.ModelText):
            return passed("answers a text message in writing", sent)
    elif not [segment for segment in shown.speech if segment.start_s >= asked.t_ns / 1e9]:
        return skipped("does not answer a text message", "use turn.texts, on the wire `text`, if it can read")
    elif not quiet.speech:
        return passed("answers a text message in speech", sent)
    return skipped("speaks or writes by itself too, so whether it answers a text message cannot be told")


def seen(shown: Evidence) -> CaseResult:
    """Frames were sent, and the session goes on."""
    frames, sent = len(shown.of(ev.FrameShown)), shown.with_image()
    if why := unsent(shown, "a frame", "video", sent):
        return skipped(why, "send turn.frames, or leave video_in out")
    if not frames:
        return skipped("no frame fell into the session")
    return passed(f"takes {frames} frames", f"{len(sent) or frames} messages with frames")


def called(shown: Evidence) -> CaseResult:
    """A function was offered and asked for; it is called, and its result taken."""
    if why := unsent(shown, "the offer of functions", "tool", shown.with_text(TOOL_ABOUT)):
        return skipped(why, "offer session.tools to the model")
    if why := unsent(shown, "text", "text", shown.with_text(ASKED)):
        return skipped(f"{why}: it was not asked to call a function")
    calls = shown.of(ev.ModelToolCall)
    returned = [r for r in shown.of(ev.ToolReturned) if r.ended not in ("cancelled", "unfinished", "late")]
    if not calls:
        return skipped("calls no function when asked to", "offer session.tools to the model")
    if calls[0].name != TOOL:
        return failed(f"calls {calls[0].name!r}, which was not offered", "call only functions offered")
    if len({call.call_id for call in calls}) < len(calls):
        return failed("gives two calls the same id", "give each call an id of its own")
    if not returned:
        return failed("calls a function and the result never comes back", "call it while the session lasts")
    results = [m for m in shown.with_text(TOOL_ANSWER) if m.t_ns >= calls[0].t_ns]
    if why := unsent(shown, "the result of a function", "tool", results):
        return skipped(f"calls a function; {why}", "send turn.tool_results")
    return passed("calls a function and takes its result while the user speaks", "function", "result")


def recalled(shown: Evidence) -> CaseResult:
    """A conversation from before the session was sent, and the session goes on."""
    if why := unsent(shown, "a conversation", "history", shown.with_text(HISTORY)):
        return skipped(why, "send session.history, or leave takes_history out")
    return passed("takes a conversation from before the session", "2 messages")


def _interruption(shown: Evidence) -> ev.UserTurnStarted | CaseResult:
    """The user's second turn, if the model was sounding when it began."""
    turns = shown.of(ev.UserTurnStarted)
    if len(turns) < 2 or turns[1].timed_out:
        return skipped("did not speak, so it could not be interrupted")
    return turns[1]


def cancelled(shown: Evidence) -> CaseResult:
    """The user spoke into the answer; unheard audio is dropped."""
    interruption = _interruption(shown)
    if isinstance(interruption, CaseResult):
        return interruption
    spoken = f"speech into its answer at {interruption.t_ns / 1e9:.2f} s"
    flushes = [flush for flush in shown.of(ev.Flush) if flush.t_ns > interruption.t_ns]
    if flushes:
        late_s = (flushes[0].t_ns - interruption.t_ns) / 1e9
        return passed(
            f"drops {flushes[0].dropped_ms:.0f} ms unheard {late_s:.2f} s after it is interrupted", spoken
        )
    return skipped(
        "drops nothing when it is interrupted",
        "right for a model that gives its audio as it is to be heard; one that is ahead must flush, "
        "on the wire by `interrupted`",
    )


def truncated(shown: Evidence) -> CaseResult:
    """After a drop the model is told how much was heard, and the session goes on."""
    flushes = shown.of(ev.Flush)
    if not flushes:
        return skipped("drops nothing, so there is no position to be told")
    told = shown.with_position(flushes[0].t_ns)
    if why := unsent(shown, "how much was heard", "heard", told):
        return skipped(why, "implement heard(item, ms, cut), if the service can be told")
    handed = [step.handed_ns for step in shown.events if isinstance(step, ev.StepDone | ev.TurnSent)]
    if not [t_ns for t_ns in handed if t_ns > flushes[0].t_ns]:
        return failed("the session ends with the flush", "go on taking micro-turns after a flush")
    how = f" by {told[0].type}" if told else ""
    return passed(f"is told{how} that {flushes[0].heard_ms:.0f} ms were heard, and goes on", "position")


def repeated(shown: Evidence, again: Evidence) -> CaseResult:
    """The same script with the same seed gives the same audio."""
    first, second = shown.recording.audio()[0][1], again.recording.audio()[0][1]
    if np.array_equal(first, second):
        return passed("gives the same to the sample when a session is repeated with the same seed")
    return warned(
        "gives something else when a session is repeated with the same seed",
        "forget the session before in start, and seed everything random with session.seed",
    )
