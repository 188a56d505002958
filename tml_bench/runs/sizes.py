"""How large sessions are expected to be before any is held: from scripts and expected answers.

The user's side is as its script says. Where a turn waits for the model, an answer begins `REPLY_S` after the
turn before. The model is expected to say what the task's ideal respondent says, at its times; where that says
nothing, or its times depend on cues, an answer follows every turn.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe
from tml_bench.pricing.charges import SessionSize, Span
from tml_bench.respondents import WORD_S, WORDS
from tml_bench.samples import AfterModelStops, At, Sample, Script, UserTurn, Waveform
from tml_bench.session.camera import place_videos
from tml_bench.task import Task
from tml_bench.timebase import NS

REPLY_S = 0.7
"""From the end of a turn to its answer, where nothing says when that is expected."""
ANSWER_S = WORD_S * WORDS["answer"]
"""How long an answer lasts where nothing says what is expected."""


def session_size(task: Task, sample: Sample) -> SessionSize:
    """How large a sample's session is expected to be.

    Raises:
        BadSampleError: the sample cannot be played.
    """
    if sample.problem:
        raise BadSampleError(sample.problem)
    script = sample.script
    said = _ideal(task, sample)
    waits = any(not isinstance(turn.cue, At) for turn in script.turns)
    each_s = sum(span.length_s for span in said) / len(said) if said else ANSWER_S
    turns, answers = _exchange(script.turns, each_s)
    if said and not waits:
        answers = said
    videos = place_videos(script.videos)
    shown_s = max((video.over_ns / NS for video in videos), default=0.0)
    texts_s = max((text.at_s for text in script.texts), default=0.0)
    played_s = max([shown_s, texts_s, *(turn.end_s for turn in turns)])
    end_s = played_s + script.tail_s
    spoken_s = max((answer.end_s for answer in answers), default=0.0)
    if script.quiet_s is not None and spoken_s > played_s:
        end_s = min(end_s, spoken_s + script.quiet_s)
    return SessionSize(
        user_s=end_s,
        turns=turns,
        answers=tuple(Span(a.start_s, min(a.end_s, end_s)) for a in answers if a.start_s < end_s),
        text=_characters(script),
        history_s=sum(_length_s(message.audio) for message in script.history if message.audio is not None),
        video_s=sum((video.end_ns - video.start_ns) / NS for video in videos),
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
