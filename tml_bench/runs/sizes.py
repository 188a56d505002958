"""How large sessions are expected to be before any is held: from scripts and expected answers.

The user's side is as its script says. Where a turn waits for the model, an answer begins `REPLY_S` after the
turn before. The model is expected to say what the task's ideal respondent says, at its times; where that says
nothing, or its times depend on cues, an answer follows every turn.

A service that finds turns by silence knows nothing of the ideal: it takes every pause of `PAUSE_S` for the
end of a turn, answers it, at least for `ANSWER_S`, and is interrupted where the user goes on.
"""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe
from tml_bench.media.pauses import spoken_parts
from tml_bench.pricing.charges import SessionSize, Span
from tml_bench.respondents import WORD_S, WORDS
from tml_bench.samples import AfterModelStops, At, Sample, Script, UserTurn, Waveform
from tml_bench.scenario import Scenario
from tml_bench.session.camera import place_videos
from tml_bench.task import Task
from tml_bench.timebase import NS

REPLY_S = 0.7
"""From the end of a turn to its answer, where nothing says when that is expected."""
ANSWER_S = WORD_S * WORDS["answer"]
"""How long an answer lasts where nothing says what is expected."""
PAUSE_S = 0.7
"""Silence, by loudness, that ends a turn: what Silero, which still hears a voice that fades, takes for 0.5 s,
the usual patience of services; on the sets that ship both find the same number of turns, to 3 %."""
LINE_S, CONVERSING_S = 3.0, 5.0
"""How long a line of a user who answers lasts, and what the model says to it."""
ANSWERED_S = PAUSE_S + 0.3
"""From the end of a turn that is found by silence to its answer."""


def session_size(task: Task, sample: Sample, *, by_silence: bool = False) -> SessionSize:
    """How large a sample's session is expected to be; ``by_silence``, with a service that finds turns so.

    Raises:
        BadSampleError: the sample cannot be played.
    """
    if sample.problem:
        raise BadSampleError(sample.problem)
    script = sample.script
    if sample.scenario is not None:
        return _conversation(sample.scenario, script)
    said = _ideal(task, sample)
    waits = any(not isinstance(turn.cue, At) for turn in script.turns)
    each_s = sum(span.length_s for span in said) / len(said) if said else ANSWER_S
    each_s = max(each_s, ANSWER_S) if by_silence else each_s
    placed, answers = _exchange(script.turns, each_s)
    turns = placed
    if by_silence:
        turns, answers = _found_by_silence(script.turns, placed, each_s)
    elif said and not waits:
        answers = said
    videos = place_videos(script.videos)
    shown_s = max((video.over_ns / NS for video in videos), default=0.0)
    texts_s = max((text.at_s for text in script.texts), default=0.0)
    played_s = max([shown_s, texts_s, *(turn.end_s for turn in placed)])
    end_s = played_s + script.tail_s
    spoken_s = max((answer.end_s for answer in answers), default=0.0)
    if script.quiet_s is not None and spoken_s > played_s:
        end_s = min(end_s, spoken_s + script.quiet_s)
    return SessionSize(
        user_s=end_s,
        turns=turns,
        answers=tuple(
            a if by_silence else Span(a.start_s, min(a.end_s, end_s)) for a in answers if a.start_s < end_s
        ),
        text=_characters(script),
        history_s=sum(_length_s(message.audio) for message in script.history if message.audio is not None),
        video_s=sum((video.end_ns - video.start_ns) / NS for video in videos),
    )


def _conversation(scenario: Scenario, script: Script) -> SessionSize:
    """With a user who answers: each goal and the closing are told in one turn, and answered in one."""
    turn_s = LINE_S + REPLY_S + CONVERSING_S + REPLY_S
    starts = [turn_s * k for k in range(len(scenario.stages) + 1)]
    answers = (Span(start_s + LINE_S + REPLY_S, start_s + turn_s - REPLY_S) for start_s in starts)
    return SessionSize(
        user_s=min(scenario.budget_s, turn_s * len(starts)),
        turns=tuple(Span(start_s, start_s + LINE_S) for start_s in starts),
        answers=tuple(answer for answer in answers if answer.end_s <= scenario.budget_s),
        text=_characters(script),
        history_s=0.0,
        video_s=0.0,
    )


def _ideal(task: Task, sample: Sample) -> tuple[Span, ...]:
    """When the ideal respondent speaks; never where the task cannot say."""
    try:
        segments = task.ideal(sample).segments
    except Exception:  # an estimate is worth having of a task whose ideal respondent is broken
        return ()
    return tuple(Span(segment.start_s, segment.end_s) for segment in segments)


def _exchange(turns: Sequence[UserTurn], each_s: float) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The user's turns, and an answer after each that is not cut short by the next."""
    placed: list[Span] = []
    answers: list[Span] = []
    armed_s = 0.0
    for turn in turns:
        reply_s = armed_s + REPLY_S
        match turn.cue:
            case At(t_s=t_s):
                start_s = max(t_s, armed_s)
            case AfterModelStops(gap_s=gap_s, timeout_s=timeout_s):
                start_s = min(reply_s + each_s + gap_s, armed_s + timeout_s)
            case cue:
                start_s = min(reply_s + cue.after_s, armed_s + cue.timeout_s)
        if placed and start_s > reply_s:
            answers.append(Span(reply_s, min(reply_s + each_s, start_s)))
        placed.append(Span(start_s, start_s + _length_s(turn.audio)))
        armed_s = placed[-1].end_s
    if placed:
        answers.append(Span(armed_s + REPLY_S, armed_s + REPLY_S + each_s))
    return tuple(placed), tuple(answers)


def _found_by_silence(
    turns: Sequence[UserTurn], placed: Sequence[Span], each_s: float
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """What the service takes for turns, and its answers: made whole, however little of them is heard."""
    spoken: list[Span] = []
    for turn, place in zip(turns, placed, strict=True):
        for start_s, end_s in spoken_parts(turn.audio, PAUSE_S) or ((0.0, place.length_s),):
            part = Span(place.start_s + start_s, place.start_s + end_s)
            if spoken and part.start_s - spoken[-1].end_s < PAUSE_S:
                part = Span(spoken.pop().start_s, part.end_s)
            spoken.append(part)
    heard: list[Span] = []
    answers: list[Span] = []
    for part, next_s in zip(spoken, [*(part.start_s for part in spoken[1:]), math.inf], strict=True):
        # What is read of a turn has PAUSE_S of silence after it and, but for the first, 0.3 s before it.
        heard.append(Span(part.start_s, min(part.end_s + ANSWERED_S, next_s)))
        taken_back = next_s < part.end_s + ANSWERED_S
        begin_s = part.end_s + (PAUSE_S if taken_back else ANSWERED_S)
        answers.append(Span(begin_s, begin_s + (0.0 if taken_back else each_s)))
    return tuple(heard), tuple(answers)


def _length_s(audio: Path | Waveform) -> float:
    if isinstance(audio, Waveform):
        return len(audio.samples) / audio.rate
    info = probe(audio)
    return info.frames / info.rate


def _characters(script: Script) -> int:
    tools = [[tool.name, tool.description, dict(tool.parameters)] for tool in script.tools]
    described = ""
    with suppress(TypeError, ValueError):  # a schema that is none is found when the session opens
        described = json.dumps(tools) if tools else ""
    texts = (*(message.text for message in script.history), *(text.text for text in script.texts))
    return len(script.instructions) + len(described) + sum(map(len, texts))
