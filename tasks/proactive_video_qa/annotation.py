"""Annotations of ProactiveVideoQA: reading ``anno.json`` with every flaw named.

Times are seconds of the video. Errors are ``BadSampleError`` with the text
``<file>: <question>, <field>: <what>; <remedy>``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Subtitle

SUBTITLE_S = 4.0
"""The annotation gives no end of a subtitle: it stays until the next, at most this long."""
LONGEST_S = 86_400.0
"""A time in the annotation beyond a day is a slip, such as milliseconds."""
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ExpectedTurn:
    """A reply that is expected.

    Attributes:
        content: the gold answer.
        span: when it may be given.
        related_end_s: end of what it is about.
    """

    content: str
    span: Span
    related_end_s: float


@dataclass(frozen=True, slots=True)
class ProactiveItem:
    """An item of ``anno.json``.

    Attributes:
        key: its ``question_id``.
        video: name of the video file.
        question: asked before the video.
        duration_s: of the video; None where the annotation does not say.
        turns: in order of time.
        subtitles: what is said in the video (TV), to be burned in.
    """

    key: str
    video: str
    question: str
    duration_s: float | None
    turns: tuple[ExpectedTurn, ...]
    subtitles: tuple[Subtitle, ...]


def read(path: Path) -> list[tuple[str, ProactiveItem | BadSampleError]]:
    """Read a category.

    Returns:
        ``question_id`` and the item or what is wrong with it, in the order of the file; an item without an id
        is called by its place.

    Raises:
        UserError: the file cannot be read, is no list, or has an id twice.
    """
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "download the annotation again") from None
    if not isinstance(items, list) or not items:
        raise UserError(f"{path}: not a list of questions", "download the annotation again")
    found: dict[str, ProactiveItem | BadSampleError] = {}
    for place, fields in enumerate(items):
        key = str(fields.get("question_id", "")).strip() if isinstance(fields, dict) else ""
        key = key or f"item-{place}"
        if key in found:
            raise UserError(f"{path}: question_id {key} is there twice", "correct it")
        try:
            found[key] = _item(f"{path.parent.name}/{path.name}: {key}", key, fields)
        except BadSampleError as error:
            found[key] = error
    return list(found.items())


def _item(where: str, key: str, fields: object) -> ProactiveItem:
    if not isinstance(fields, dict):
        raise BadSampleError(f"{where}: not an object; correct it")
    video = fields.get("video")
    if not isinstance(video, str) or not video or Path(video).is_absolute() or ".." in Path(video).parts:
        raise BadSampleError(f"{where}, video: {video!r} is not the name of a video; correct it")
    spoken = fields.get("conversation")
    if not isinstance(spoken, list) or not spoken:
        raise BadSampleError(f"{where}, conversation: holds no question; correct it")
    question, *lines = spoken
    duration = fields.get("duration")
    seconds = None if duration is None else _seconds(f"{where}, duration", duration)
    return ProactiveItem(
        key=key,
        video=video,
        question=_text(f"{where}, conversation[0].content", question),
        duration_s=seconds or None,
        turns=_turns(f"{where}, answer", fields.get("answer")),
        subtitles=_subtitles(f"{where}, conversation", lines),
    )


def _turns(where: str, answers: object) -> tuple[ExpectedTurn, ...]:
    if not isinstance(answers, list) or not answers:
        raise BadSampleError(f"{where}: no reply is expected; correct it")
    turns = []
    for k, answer in enumerate(answers):
        place = f"{where}[{k}]"
        content = _text(f"{place}.content", answer)
        span = _span(f"{place}.reply_timespan", answer.get("reply_timespan"))
        related = answer.get("related_timespan")
        # Two ports read a turn without related span as related to all of its reply span.
        end = span[1] if related is None else _span(f"{place}.related_timespan", related)[1]
        turns.append(ExpectedTurn(content, span, end))
    for k, (a, b) in enumerate(pairwise(turns), start=1):
        if b.span[0] < a.span[0]:
            raise BadSampleError(f"{where}[{k}].reply_timespan: begins before the one before; correct it")
    return tuple(turns)


def _subtitles(where: str, lines: list[object]) -> tuple[Subtitle, ...]:
    timed = []
    for k, line in enumerate(lines, start=1):
        text = _text(f"{where}[{k}].content", line)
        assert isinstance(line, dict)
        timed.append((_seconds(f"{where}[{k}].time", line.get("time")), text))
    timed.sort(key=lambda t: t[0])
    starts = [start for start, _ in timed[1:]] + [math.inf] * bool(timed)
    return tuple(
        Subtitle(start, min(after, start + SUBTITLE_S), text)
        for (start, text), after in zip(timed, starts, strict=True)
        if after > start
    )


def _text(where: str, holder: object) -> str:
    content = holder.get("content") if isinstance(holder, dict) else None
    if not isinstance(content, str) or not content.strip():
        raise BadSampleError(f"{where}: missing or empty; correct it")
    if any("\ud800" <= character <= "\udfff" for character in content):
        raise BadSampleError(f"{where}: holds half a character (a lone surrogate); correct it")
    return content.strip()


def _span(where: str, value: object) -> Span:
    if not isinstance(value, list) or len(value) != 2:
        raise BadSampleError(f"{where}: {str(value)[:40]} is not a pair of times; correct it")
    start, end = _seconds(f"{where}[0]", value[0]), _seconds(f"{where}[1]", value[1])
    if end <= start:
        raise BadSampleError(f"{where}: ends at {end:g} s, not after its start at {start:g} s; correct it")
    return start, end


def _seconds(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadSampleError(f"{where}: {str(value)[:40]!r} is not a number of seconds; correct it")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not 0 <= seconds <= LONGEST_S:
        raise BadSampleError(f"{where}: {seconds} is not a time of the video; correct it")
    return seconds
