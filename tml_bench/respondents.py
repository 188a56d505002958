"""Respondents with known behaviour, as timelines: what a task is compared with unless it declares its own.

* ``silent`` says nothing.
* ``always-on`` talks without a pause from the start.
* ``constant@T`` gives one answer of 2 s, T seconds after the session's start.
* the ideal respondent says what the sample's reference lists, at the times listed there.

The blind ones are known only where the script alone decides when the session ends: not where a turn waits for
the model, or a user answers, and not with video, whose length the script does not say.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench.errors import BadSampleError
from tml_bench.samples import At, IdealCall, Sample, Script, Utterance, Waveform
from tml_bench.timeline import Segment, TimedCall, Timeline, Word, WordSource
from tml_bench.tool_arguments import ArgumentCheck, resolved

ONSETS_S = (1, 2, 3, 5, 8, 13, 20)
"""Onsets of the constant answer in seconds."""
WORD_S = 0.4
WORDS = {"backchannel": 1, "answer": 5, "talk": 38}
"""How many words each role says where the reference names none."""
PLACEHOLDER = "word"


def blind(sample: Sample) -> dict[str, Timeline]:
    """``silent``, ``always-on`` and ``constant@T``, none of which looks at anything.

    Returns:
        By name; empty where the script alone does not decide when the session ends.
    """
    turns = None if sample.scenario is not None else played_turns(sample.script)
    if turns is None:
        return {}
    end_s = _end_s(sample.script, turns)
    talk = Utterance(0.0, text=" ".join([PLACEHOLDER] * math.ceil(end_s / WORD_S)))
    plans = {"silent": [], "always-on": [talk], **{f"constant@{t}": [Utterance(t)] for t in ONSETS_S}}
    return {name: spoken(said, turns, end_s, cut=True) for name, said in plans.items()}


def ideal(sample: Sample) -> Timeline:
    """Says what the reference lists and calls the functions that it lists, at the times listed there."""
    turns = played_turns(sample.script) or ()
    said = spoken(sample.reference.ideal, turns, _end_s(sample.script, turns))
    return structs.replace(said, calls=called(sample.script, sample.reference.calls))


def called(script: Script, calls: Sequence[IdealCall]) -> tuple[TimedCall, ...]:
    """Calls made as planned, with what the functions of the script give, each after its ``Tool.latency_s``.

    Raises:
        LookupError: a call names no tool, or a part of a result that is not there.
    """
    tools = {tool.name: tool for tool in script.tools}
    world = script.world() if script.world is not None else {}
    made: list[TimedCall] = []
    for number, call in enumerate(calls):
        tool, results = tools[call.name], [one.output for one in made]
        arguments = resolved(call.arguments, results)
        filled, _ = ArgumentCheck(tool).filled(arguments)
        function, returned_s = world.get(call.name, tool.answer), call.at_s + tool.latency_s
        assert function is not None, f"tool {call.name!r} has neither an answer nor a function"
        one = TimedCall(call.name, call.at_s, arguments, filled, returned_s, call_id=f"ideal-{number}")
        if call.cancelled_s is not None and call.cancelled_s < returned_s:
            ended = {"returned_s": call.cancelled_s, "is_error": True, "ended": "cancelled"}
            made.append(structs.replace(one, **ended))
        else:
            made.append(structs.replace(one, output=msgspec.to_builtins(function(filled))))
    return tuple(made)


def played_turns(script: Script) -> tuple[Segment, ...] | None:
    """When each of the user's turns is played; None where that, or the session's end, is not known."""
    turns: list[Segment] = []
    for turn in script.turns:
        length_s = _length_s(turn.audio)
        if not isinstance(turn.cue, At) or length_s is None:
            return None
        start_s = max([turn.cue.t_s, *(before.end_s for before in turns[-1:])])
        turns.append(Segment(start_s, start_s + length_s))
    return None if script.videos else tuple(turns)


def spoken(
    said: Iterable[Utterance], turns: Sequence[Segment], end_s: float, *, cut: bool = False
) -> Timeline:
    """The timeline of utterances, each cut off by the next.

    Args:
        said: what is said; without a text, placeholders for the words.
        turns: when the user's turns were played.
        end_s: the session's end, seconds.
        cut: what would be said after the end is not; else the session lasts until all is said.
    """
    planned = sorted(said, key=lambda utterance: utterance.at_s)
    following = [*(u.at_s for u in planned[1:]), end_s if cut else math.inf]
    segments: list[Segment] = []
    words: list[Word] = []
    for utterance, after in zip(planned, following, strict=False):
        texts = utterance.text.split() or [PLACEHOLDER] * WORDS.get(utterance.role, WORDS["answer"])
        until_s = math.inf if utterance.until_s is None else utterance.until_s
        stop_s = min(utterance.at_s + WORD_S * len(texts), until_s, after)
        if stop_s <= utterance.at_s:
            continue
        segments.append(Segment(utterance.at_s, stop_s))
        onsets = [(utterance.at_s + k * WORD_S, text) for k, text in enumerate(texts)]
        words += [Word(text, at_s, min(at_s + WORD_S, stop_s)) for at_s, text in onsets if at_s < stop_s]
    return Timeline(
        duration_s=max([end_s, *(segment.end_s for segment in segments)]),
        segments=tuple(segments),
        words=tuple(words),
        word_source=WordSource.ADAPTER if words else WordSource.SILENT,
        silero_segments=tuple(Segment(round(s.start_s, 1), round(s.end_s, 1)) for s in segments),
        perceiver="synthetic",
        turns=tuple(turns),
        silero_unrounded=tuple(segments),
    )


def _end_s(script: Script, turns: Sequence[Segment]) -> float:
    texts = (text.at_s for text in script.texts)
    return max([0.0, *(turn.end_s for turn in turns), *texts]) + script.tail_s


def _length_s(audio: Path | Waveform) -> float | None:
    """Length of a turn's audio in seconds; None where the file cannot be read."""
    if isinstance(audio, Waveform):
        return len(audio.samples) / audio.rate
    from tml_bench.containers.sound_file import inspect

    try:
        return inspect(audio).duration_s
    except BadSampleError:
        return None
