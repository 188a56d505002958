"""Annotations of RepCount-A: reading the CSV with every flaw named, and frames turned into times.

See ``_common.records``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from tml_bench.errors import BadSampleError
from tml_bench.tasks._common.records import RecordPlace, csv_rows, short

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


class RepetitionRow(msgspec.Struct, frozen=True):
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


class RepetitionAnnotation(msgspec.Struct, frozen=True):
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


_Whole = Annotated[int, msgspec.Meta(ge=0)]
_Positive = Annotated[float, msgspec.Meta(gt=0, le=1e6)]


class _Cells(msgspec.Struct):
    type: str = ""
    count: _Whole | None = None
    fps: _Positive | None = None
    duration: _Positive | None = None


_LABELS = [f"L{k}" for k in range(1, LABELS + 1)]
_Labels = msgspec.defstruct("_Labels", [(label, _Whole | None, None) for label in _LABELS])
"""First and last frame of every repetition in turn."""


def read(path: Path) -> Iterator[tuple[str, RepetitionRow | BadSampleError]]:
    """Read a CSV in the official format or with the columns ``fps`` and ``duration`` (and others).

    Yields:
        Name of the video file, and its row or what is wrong with it.

    Raises:
        UserError: the file cannot be read, lacks a column, or names a video twice.
    """
    for name, cells in csv_rows(path, "name", ("type", "count", "L1", "L2")):
        try:
            yield name, _row(RecordPlace(f"{path.parent.name}/{path.name}", name), cells)
        except BadSampleError as error:
            yield name, error


def _row(place: RecordPlace, cells: Mapping[str, str]) -> RepetitionRow:
    known = {field: cell for field, cell in cells.items() if cell.lower() != "nan"}
    row = place.record(known, _Cells, strict=False)
    action = CANONICAL.get(row.type, row.type)
    if action not in SPOKEN:
        raise place.bad("type", f"{row.type!r} is no known action")
    if row.count is None:
        raise place.bad("count", f"{cells.get('count', '')!r} is not a count", "correct it or drop the row")
    cycles = _cycles(place, msgspec.structs.astuple(place.record(known, _Labels, strict=False)))
    notes = [f"known flaw: {KNOWN_FLAWS[place.row]}"] if place.row in KNOWN_FLAWS else []
    if len(cycles) != row.count:
        notes.append(f"count is {row.count}, {len(cycles)} repetitions are labelled")
    if empty := sum(last == first for first, last in cycles):
        notes.append(f"{empty} repetitions are labelled without length")
    return RepetitionRow(place.row, action, row.count, cycles, row.fps, row.duration, tuple(notes))


def _cycles(place: RecordPlace, labels: tuple[int | None, ...]) -> tuple[tuple[int, int], ...]:
    """The repetitions' frames, in order."""
    frames = [frame for frame in labels if frame is not None]
    for k, frame in enumerate(labels):
        if frame is not None and k >= len(frames):
            raise place.bad(_LABELS[k], "follows an empty label")
    if len(frames) % 2:
        raise place.bad(f"L{len(frames)}", "a repetition without an end")
    cycles = tuple(zip(frames[0::2], frames[1::2], strict=True))
    ends = [0, *(last for _, last in cycles)]
    for k, ((first, last), before) in enumerate(zip(cycles, ends, strict=False)):
        if last < max(first, before):
            raise place.bad(f"L{2 * k + 1}, L{2 * k + 2}", "frames are not in order")
    return cycles


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
