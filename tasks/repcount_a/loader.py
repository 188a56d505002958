"""Loading RepCount-A from disk.

Layout: ``{root}/annotation/{split}.csv`` (or ``{split}_with_fps.csv``) and ``{root}/video/{split}/*.mp4``;
the root may hold them in a folder ``LLSP``, and the CSV may lie in the root itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.scan import scan
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._common.records import RecordPlace
from tml_bench.tasks._common.tables import csv_rows
from tml_bench.tasks._visual import InstructionClips, find_video, load_spoken, sample_id
from tml_bench.timebase import NS

LABELS = 302
CANONICAL = {
    "squant": "squat", "pullups": "pull_up", "pushups": "push_up", "benchpressing": "bench_pressing",
    "jumpjacks": "jump_jack", "frontraise": "front_raise",
}  # fmt: skip
"""Misspelt types and what they stand for."""
SPOKEN = {
    "front_raise": "front raises", "pull_up": "pull-ups", "squat": "squats", "situp": "sit-ups",
    "bench_pressing": "bench presses", "jump_jack": "jumping jacks", "push_up": "push-ups",
    "pommelhorse": "pommel horse circles", "battle_rope": "battle rope waves", "others": "repetitions",
}  # fmt: skip
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
    """A row of the CSV; ``cycles`` are first and last frame, 0-based in order of presentation.

    The official CSV has neither ``fps``, the nominal frame rate, nor the video's duration: they are None.
    """

    name: str
    action: str
    count: int
    cycles: tuple[tuple[int, int], ...]
    fps: float | None
    duration_s: float | None
    notes: tuple[str, ...]


class RepetitionAnnotation(msgspec.Struct, frozen=True):
    """What is expected of a counter, on the session clock: ``ends`` of labelled repetitions, ascending."""

    action: str
    count: int
    ends: tuple[float, ...]
    start_s: float
    end_s: float


_Whole = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
"""Beyond it is a slip, and whoever counts aloud would never end."""
_Positive = Annotated[float, msgspec.Meta(gt=0, le=1e6)]


class _Cells(msgspec.Struct):
    type: str = ""
    count: _Count | None = None
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
        UserError: the file cannot be read, or lacks a column.
    """
    for name, cells in csv_rows(path, "name", ("type", "count", "L1", "L2")):
        if isinstance(cells, BadSampleError):
            yield name, cells
            continue
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
    """Times of all frames in seconds, ascending, as the camera shows them (``tml_bench.media.scan``).

    Raises:
        BadSampleError: it is no video that can be shown.
    """
    track = scan(video).video
    return seconds_of(track.stamps.tolist(), track.time_base, track.origin_ns)


def seconds_of(stamps: Sequence[int], time_base: Fraction, origin_ns: int) -> list[float]:
    """Stamps of so many seconds each, counted from an origin, as the nearest numbers of seconds."""
    # In whole numbers, whose quotient is rounded once; fractions by themselves take ten times as long.
    origin = Fraction(origin_ns, NS)
    step, shift = time_base.numerator * origin.denominator, origin.numerator * time_base.denominator
    whole = time_base.denominator * origin.denominator
    return [(stamp * step - shift) / whole for stamp in stamps]


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


SPLITS = ("test", "valid", "train")
OFFICIAL_SIZES = {"test": 152, "valid": 131, "train": 758}
"""Rows of the official CSVs."""
MINI = Path(__file__).parent / "mini"
SAY_S = 0.8
"""The ideal counter leaves out a number when the one before is not over yet; the last is always said."""


def find_annotations(root: Path) -> dict[str, Path]:
    """The CSV of every split that is there. Raises `UserError`: the folder does not exist or holds none."""
    check_folder(root, "give the folder that holds annotation/ and video/")
    found: dict[str, Path] = {}
    for split in SPLITS:
        places = (
            base / f"{split}{kind}.csv"
            for base in (root / "annotation", root / "LLSP" / "annotation", root)
            for kind in ("", "_with_fps")
        )
        path = next((p for p in places if p.is_file()), None)
        if path:
            found[split] = path
    if not found:
        raise UserError(
            f"--data {root}: holds no annotation/test.csv, valid.csv or train.csv",
            "give the folder that holds annotation/ and video/",
        )
    return found


def is_official(root: Path) -> bool:
    """Whether every split that is there has the official number of rows. Raises `UserError`: as ``load``."""
    sizes = {split: sum(1 for _ in read(path)) for split, path in find_annotations(root).items()}
    return all(size == OFFICIAL_SIZES[split] for split, size in sizes.items())


def load(root: Path, subsets: Sequence[str] = ()) -> Iterator[Sample]:
    """Load samples in the order of the CSV, by default of ``test``, on which results are published.

    Broken ones carry ``problem``.

    Raises:
        UserError: the folder or a split does not exist, or an annotation file is unusable.
    """
    annotations = find_annotations(root)
    splits = chosen(root, subsets or ["test"], SPLITS, annotations)
    spoken = load_spoken((root, MINI))
    tables = [(split, list(read(annotations[split]))) for split in splits]
    return (_sample(root, split, name, row, spoken) for split, table in tables for name, row in table)


def _sample(
    root: Path,
    split: str,
    name: str,
    row: RepetitionRow | BadSampleError,
    spoken: InstructionClips,
) -> Sample:
    ident = sample_id(split, Path(name).stem)
    if isinstance(row, BadSampleError):
        return Sample(ident, split, problem=str(row))
    folders = (root / "video" / split, root / "LLSP" / "video" / split)
    try:
        video = find_video(folders, name)
        asked = spoken.ask(instruction(row.action), (row.action,), video)
        item, notes = repetitions(row, frame_times(video), asked.video_at_s)
    except BadSampleError as error:
        return Sample(ident, split, reference=_without_video(row), notes=row.notes, problem=str(error))
    reference = Reference(None, spoken_ideal(item), item)
    return Sample(ident, split, asked.script, reference, notes=(*row.notes, *asked.notes, *notes))


def instruction(action: str) -> str:
    """What the user asks for."""
    return f"Count out the {SPOKEN[action]} as you see them."


def _without_video(row: RepetitionRow) -> Reference:
    """What can be said without the video, so that floors can be checked on annotations alone."""
    try:
        return Reference(annotation=repetitions(row, None, 0.0)[0])
    except BadSampleError:
        return Reference()


def spoken_ideal(item: RepetitionAnnotation) -> tuple[Utterance, ...]:
    """What a voice says that counts each repetition at its end, as far as there is time to say it."""
    chosen: list[Utterance] = []
    for k, end in enumerate(item.ends, start=1):
        last = k == len(item.ends)
        if last and chosen and end - chosen[-1].at_s < SAY_S:
            chosen.pop()
        if last or not chosen or end - chosen[-1].at_s >= SAY_S:
            chosen.append(Utterance(end, text=str(item.count if last else k)))
    return tuple(chosen)
