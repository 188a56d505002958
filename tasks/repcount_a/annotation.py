"""Annotations of RepCount-A: reading the CSV with every flaw named, and frames turned into times.

Errors are ``BadSampleError`` with the text ``<file>: <row>, <field>: <what>; <remedy>``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.tasks._visual import short

LABELS = 302
CANONICAL = {
    "squant": "squat",
    "pullups": "pull_up",
    "pushups": "push_up",
    "benchpressing": "bench_pressing",
    "jumpjacks": "jump_jack",
    "frontraise": "front_raise",
}
"""Misspelt types and what they stand for."""
SPOKEN = {
    "front_raise": "front raises",
    "pull_up": "pull-ups",
    "squat": "squats",
    "bench_pressing": "bench presses",
    "jump_jack": "jumping jacks",
    "situp": "sit-ups",
    "push_up": "push-ups",
    "pommelhorse": "pommel horse circles",
    "battle_rope": "battle rope waves",
    "others": "repetitions",
}
"""What the instruction calls an action."""
KNOWN_FLAWS = {
    "train143.mp4": "published with count 0",
    "stu9_67.mp4": "published with count 0",
    "stu6_44.mp4": "published without a count",
    "test118.mp4": "published with count 6 and 5 labelled repetitions",
    "stu1_10.mp4": "published with 3 labelled repetitions, 9 are seen",
    "stu4_5.mp4": "once published as bench press, 51 repetitions; shows 4 sit-ups",
}
"""Rows known to be wrong, by file name (https://github.com/SvipRepetitionCounting/TransRAC/issues)."""


@dataclass(frozen=True, slots=True)
class RepetitionRow:
    """A row of the CSV.

    Attributes:
        name: of the video file.
        action: canonical type.
        count: number of repetitions.
        cycles: first and last frame of each, 0-based in order of presentation.
        fps: nominal frame rate; None in the official CSV.
        duration_s: of the video; None in the official CSV.
        notes: remarks about the row.
    """

    name: str
    action: str
    count: int
    cycles: tuple[tuple[int, int], ...]
    fps: float | None
    duration_s: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RepetitionAnnotation:
    """What is expected of a counter, on the session clock.

    Attributes:
        action: canonical type.
        count: number of repetitions.
        ends: end of each labelled repetition, ascending, seconds.
        start_s: the video's first instant.
        end_s: its end.
    """

    action: str
    count: int
    ends: tuple[float, ...]
    start_s: float
    end_s: float


def read(path: Path) -> Iterator[tuple[str, RepetitionRow | BadSampleError]]:
    """Read a CSV in the official format or with the columns ``fps`` and ``duration`` (and others).

    Yields:
        Name of the video file, and its row or what is wrong with it.

    Raises:
        UserError: the file cannot be read, lacks a column, or names a video twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error})", "download the annotation again") from None
    columns = set(table[0]) if table else set()
    if lacking := {"type", "name", "count", "L1", "L2"} - columns:
        raise UserError(
            f"{path}: {'no rows' if not table else 'no column ' + ', '.join(sorted(lacking))}",
            "give the annotation as it was downloaded",
        )
    seen: set[str] = set()
    for number, fields in enumerate(table, start=2):
        name = (fields["name"] or "").strip()
        if not name or name in seen:
            raise UserError(f"{path}: line {number}: the name {name!r} is empty or there twice", "correct it")
        seen.add(name)
        try:
            yield name, _row(f"{path.parent.name}/{path.name}: {name}", name, fields)
        except BadSampleError as error:
            yield name, error


def _row(where: str, name: str, fields: Mapping[str, str | None]) -> RepetitionRow:
    kind = (fields["type"] or "").strip()
    action = CANONICAL.get(kind, kind)
    if action not in SPOKEN:
        raise BadSampleError(f"{where}, type: {kind!r} is no known action; correct it")
    count = _number(where, "count", fields["count"])
    if count is None or count < 0 or count != int(count):
        raise BadSampleError(
            f"{where}, count: {fields['count']!r} is not a count; correct it or drop the row"
        )
    frames = _frames(where, fields)
    cycles = tuple(zip(frames[0::2], frames[1::2], strict=True))
    notes = [f"known flaw: {KNOWN_FLAWS[name]}"] if name in KNOWN_FLAWS else []
    if len(cycles) != count:
        notes.append(f"count is {int(count)}, {len(cycles)} repetitions are labelled")
    if empty := sum(last == first for first, last in cycles):
        notes.append(f"{empty} repetitions are labelled without length")
    fps = _number(where, "fps", fields.get("fps"))
    duration = _number(where, "duration", fields.get("duration"))
    if (fps is not None and fps <= 0) or (duration is not None and duration <= 0):
        raise BadSampleError(f"{where}, fps or duration: not positive; correct it")
    return RepetitionRow(name, action, int(count), cycles, fps, duration, tuple(notes))


def _frames(where: str, fields: Mapping[str, str | None]) -> list[int]:
    labels = [(f"L{k}", fields.get(f"L{k}")) for k in range(1, LABELS + 1)]
    frames: list[int] = []
    for field, text in labels:
        value = _number(where, field, text)
        if value is None:
            break
        if value < 0 or value != int(value):
            raise BadSampleError(f"{where}, {field}: {text!r} is not a frame; correct it")
        frames.append(int(value))
    after = [field for field, text in labels[len(frames) :] if (text or "").strip()]
    if after:
        raise BadSampleError(f"{where}, {after[0]}: follows an empty label; correct it")
    if len(frames) % 2:
        raise BadSampleError(f"{where}, L{len(frames)}: a repetition without an end; correct it")
    for k in range(0, len(frames), 2):
        if frames[k + 1] < frames[k] or (k and frames[k + 1] < frames[k - 1]):
            raise BadSampleError(f"{where}, L{k + 1}, L{k + 2}: frames are not in order; correct it")
    return frames


def _number(where: str, field: str, text: str | None) -> float | None:
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise BadSampleError(f"{where}, {field}: {text!r} is not a number; correct it") from None
    if math.isnan(value):
        return None
    if math.isinf(value):
        raise BadSampleError(f"{where}, {field}: {text!r} is not a number; correct it")
    return value


def frame_times(video: Path) -> list[float]:
    """Presentation time of every frame in seconds, in order of presentation, without decoding.

    Raises:
        BadSampleError: the file is not a video, or has no frames.
    """
    import av

    try:
        with av.open(str(video)) as container:
            if not container.streams.video:
                raise BadSampleError(f"{short(video)}: has no picture; download it again")
            stream = container.streams.video[0]
            times = sorted(
                float(packet.pts * packet.time_base)
                for packet in container.demux(stream)
                if packet.pts is not None and not packet.is_discard
            )
    except (av.FFmpegError, OSError) as error:
        raise BadSampleError(f"{short(video)}: not a video ({error.strerror}); download it again") from None
    if not times:
        raise BadSampleError(f"{short(video)}: has no frames; download it again")
    return times


def repetitions(
    row: RepetitionRow, times: list[float] | None, start_s: float
) -> tuple[RepetitionAnnotation, tuple[str, ...]]:
    """Put a row on the session clock.

    Args:
        row: the row.
        times: presentation time of every frame; None uses ``fps`` and ``duration`` of the row instead.
        start_s: session time of the video's first instant.

    Returns:
        The repetitions and remarks.

    Raises:
        BadSampleError: labels lie beyond the video, or there is neither video nor frame rate.
    """
    lasts = [last for _, last in row.cycles]
    notes: tuple[str, ...] = ()
    if times is None:
        if row.fps is None or row.duration_s is None:
            raise BadSampleError(
                f"{row.name}: neither the video nor fps and duration are known; get the video"
            )
        ends, length = [last / row.fps for last in lasts], row.duration_s
    else:
        # The last frame is shown as long as the one before it.
        length = times[-1] + (times[-1] - times[-2] if len(times) > 1 else 0.0)
        if row.cycles and row.cycles[-1][0] >= len(times):
            raise BadSampleError(
                f"{row.name}: frame {row.cycles[-1][0]} is labelled, the video has {len(times)}; "
                "annotation and video are not of one release, get both again"
            )
        beyond = sum(last >= len(times) for last in lasts)
        notes = (f"{beyond} repetitions end after the last frame: cut there",) if beyond else ()
        ends = [times[min(last, len(times) - 1)] for last in lasts]
    shifted = tuple(start_s + end for end in ends)
    return RepetitionAnnotation(row.action, row.count, shifted, start_s, start_s + length), notes
