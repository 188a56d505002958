"""Annotations of ProactiveVideoQA: reading ``anno.json`` with every flaw named; see ``_common.records``.

Times are seconds of the video.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Subtitle
from tml_bench.tasks._common.records import AGAIN, RecordPlace, Seconds, Text, TimeSpan, read_text

SUBTITLE_S = 4.0
"""The annotation gives no end of a subtitle: it stays until the next, at most this long."""
Span = tuple[float, float]


class ExpectedTurn(msgspec.Struct, frozen=True):
    """A reply that is expected.

    Attributes:
        content: the gold answer.
        span: when it may be given.
        related_end_s: end of what it is about.
    """

    content: str
    span: Span
    related_end_s: float


class ProactiveItem(msgspec.Struct, frozen=True):
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


class _Line(msgspec.Struct):
    content: Text
    time: object = None


class _Answer(msgspec.Struct):
    content: Text
    reply_timespan: TimeSpan
    related_timespan: TimeSpan | None = None


class _Fields(msgspec.Struct):
    video: Text
    conversation: Annotated[list[_Line], msgspec.Meta(min_length=1)]
    answer: Annotated[list[_Answer], msgspec.Meta(min_length=1)]
    duration: Seconds | None = None


def read(path: Path) -> list[tuple[str, ProactiveItem | BadSampleError]]:
    """Read a category.

    Returns:
        ``question_id`` and the item or what is wrong with it, in the order of the file; an item without an id
        is called by its place.

    Raises:
        UserError: the file cannot be read, is no list, or has an id twice.
    """
    try:
        items = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({error})", AGAIN) from None
    if not isinstance(items, list) or not items:
        raise UserError(f"{path}: not a list of questions", AGAIN)
    found: dict[str, ProactiveItem | BadSampleError] = {}
    for place, fields in enumerate(items):
        key = str(fields.get("question_id", "")).strip() if isinstance(fields, dict) else ""
        key = key or f"item-{place}"
        if key in found:
            raise UserError(f"{path}: question_id {key} is there twice", "correct it")
        try:
            found[key] = _item(RecordPlace(f"{path.parent.name}/{path.name}", key), fields)
        except BadSampleError as error:
            found[key] = error
    return list(found.items())


def _item(place: RecordPlace, fields: object) -> ProactiveItem:
    found = place.record(fields, _Fields)
    if Path(found.video).is_absolute() or ".." in Path(found.video).parts:
        raise place.bad("video", f"{found.video!r} is not the name of a video")
    for k, (a, b) in enumerate(pairwise(found.answer), start=1):
        if b.reply_timespan.start_s < a.reply_timespan.start_s:
            raise place.bad(f"answer[{k}].reply_timespan", "begins before the one before")
    question, *lines = found.conversation
    return ProactiveItem(
        key=place.row,
        video=found.video,
        question=question.content.strip(),
        duration_s=found.duration or None,
        turns=tuple(map(_turn, found.answer)),
        subtitles=_subtitles(place, lines),
    )


def _turn(answer: _Answer) -> ExpectedTurn:
    # Two ports read a turn without related span as related to all of its reply span.
    related = answer.related_timespan or answer.reply_timespan
    return ExpectedTurn(answer.content.strip(), answer.reply_timespan.interval, related.end_s)


def _subtitles(place: RecordPlace, lines: Sequence[_Line]) -> tuple[Subtitle, ...]:
    times = [
        place.record(line.time, Seconds, f"conversation[{k}].time") for k, line in enumerate(lines, start=1)
    ]
    timed = sorted(zip(times, (line.content.strip() for line in lines), strict=True), key=lambda t: t[0])
    following = [*(start for start, _ in timed[1:]), math.inf]
    return tuple(
        Subtitle(start, min(after, start + SUBTITLE_S), text)
        for (start, text), after in zip(timed, following, strict=False)
        if after > start
    )
