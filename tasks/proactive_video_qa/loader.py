"""Loading ProactiveVideoQA from disk.

Layout: ``{root}/{WEB|EGO|TV|VAD}/anno.json`` and ``{root}/{category}/videos/*``; the root may be one
category's folder itself. Times of annotations are seconds of the video.
"""

import json
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec

from tml_bench.bounded_files import UNREADABLE
from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Reference, Sample, Subtitle, Utterance
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._common.records import (
    AGAIN,
    MOST_UNTYPED,
    RecordPlace,
    Seconds,
    Text,
    TimeSpan,
    read_text,
)
from tml_bench.tasks._common.tables import RecordTally
from tml_bench.tasks._visual import InstructionClips, duration_of, find_video, load_spoken, sample_id

SUBTITLE_S = 4.0
"""The annotation gives no end of a subtitle: it stays until the next, at most this long."""


class ExpectedTurn(msgspec.Struct, frozen=True):
    """A gold answer, the span in which it may be given, and the end of what it is about."""

    content: str
    span: tuple[float, float]
    related_end_s: float


class _Line(msgspec.Struct, frozen=True):
    content: Text
    time: Seconds | None = None


class _Answer(msgspec.Struct, frozen=True):
    content: Text
    reply_timespan: TimeSpan
    related_timespan: TimeSpan | None = None


class ProactiveItem(msgspec.Struct, frozen=True):
    """An item of ``anno.json``.

    Attributes:
        video: name of the video file.
        conversation: the question, and then what is said in the video (TV).
        answer: the expected replies, in order of time.
        duration: of the video; None where the annotation does not say.
    """

    video: Text
    conversation: Annotated[tuple[_Line, ...], msgspec.Meta(min_length=1)]
    answer: Annotated[tuple[_Answer, ...], msgspec.Meta(min_length=1)]
    duration: Seconds | None = None

    def __post_init__(self) -> None:
        """Refuse what no field's type can."""
        if Path(self.video).is_absolute() or ".." in Path(self.video).parts:
            raise ValueError(f"video: {self.video!r} is not the name of a video")
        for k, line in enumerate(self.conversation):
            if k and line.time is None:
                raise ValueError(f"conversation[{k}].time: is missing")
        for k, (a, b) in enumerate(pairwise(self.answer), start=1):
            if b.reply_timespan.start_s < a.reply_timespan.start_s:
                raise ValueError(f"answer[{k}].reply_timespan: begins before the one before")

    @property
    def question(self) -> str:
        """What is asked before the video."""
        return self.conversation[0].content.strip()

    @property
    def turns(self) -> tuple[ExpectedTurn, ...]:
        """The expected replies."""
        # Two ports read a turn without related span as related to all of its reply span.
        related = ((a.related_timespan or a.reply_timespan).end_s for a in self.answer)
        return tuple(
            ExpectedTurn(a.content.strip(), a.reply_timespan.interval, end_s)
            for a, end_s in zip(self.answer, related, strict=True)
        )

    @property
    def subtitles(self) -> tuple[Subtitle, ...]:
        """What is said in the video, to be burned in."""
        said = sorted(self.conversation[1:], key=lambda line: line.time or 0.0)
        starts = [line.time or 0.0 for line in said]
        return tuple(
            Subtitle(start, min(after, start + SUBTITLE_S), line.content.strip())
            for line, start, after in zip(said, starts, [*starts[1:], math.inf], strict=False)
            if after > start
        )


def read(path: Path) -> list[tuple[str, ProactiveItem | BadSampleError]]:
    """Read a category.

    Returns:
        ``question_id`` and the item or what is wrong with it, in the order of the file; an item without an id
        is called by its place.

    Raises:
        UserError: the file cannot be read, is no list, or has too many items or wrong ones.
    """
    try:
        items = json.loads(read_text(path, most=MOST_UNTYPED))
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read ({error})", AGAIN) from None
    if not isinstance(items, list) or not items:
        raise UserError(f"{path}: not a list of questions", AGAIN)
    found: list[tuple[str, ProactiveItem | BadSampleError]] = []
    places: dict[str, int] = {}
    tally = RecordTally(path)
    for place, fields in enumerate(items):
        key = str(fields.get("question_id", "")).strip() if isinstance(fields, dict) else ""
        key = key or f"item-{place}"
        where = RecordPlace(f"{path.parent.name}/{path.name}", key)
        try:
            if (first := places.setdefault(key, place)) != place:
                raise where.bad("question_id", f"is that of items {first} and {place}; the first is taken")
            found.append((key, tally.right(where.record(fields, ProactiveItem))))
        except BadSampleError as error:
            found.append((key, tally.wrong(error)))
    return found


CATEGORIES = ("WEB", "EGO", "TV", "VAD")
OFFICIAL_SIZES = {"WEB": 500, "EGO": 326, "TV": 500, "VAD": 101}
"""Questions in each category of the official data."""
MINI = Path(__file__).parent / "mini"


class ProactiveAnnotation(msgspec.Struct, frozen=True):
    """What is asked before the video, and the ``turns`` expected on its clock, from ``video_at_s`` on."""

    question: str
    turns: tuple[ExpectedTurn, ...]
    video_at_s: float
    length_s: float


def find_categories(root: Path) -> dict[str, Path]:
    """The folders of the categories. Raises `UserError`: the folder does not exist, or holds none."""
    check_folder(root, "give the folder that holds WEB, EGO, TV and VAD")
    found = {name: root / name for name in CATEGORIES if (root / name / "anno.json").is_file()}
    if not found and root.resolve().name in CATEGORIES and (root / "anno.json").is_file():
        found = {root.resolve().name: root}
    if not found:
        raise UserError(
            f"--data {root}: holds no anno.json in any of {', '.join(CATEGORIES)}",
            "give the folder that holds them",
        )
    return found


def is_official(root: Path) -> bool:
    """Whether every category that is there has the official number of questions; raises as ``load``."""
    sizes = {name: len(read(folder / "anno.json")) for name, folder in find_categories(root).items()}
    return all(size == OFFICIAL_SIZES[name] for name, size in sizes.items())


def load(root: Path, subsets: Sequence[str] = ()) -> Iterator[Sample]:
    """Load samples by category, in the order of the annotation. Broken ones carry ``problem``.

    Raises:
        UserError: the folder or a category does not exist, or an annotation file is unusable.
    """
    folders = find_categories(root)
    categories = chosen(root, subsets, CATEGORIES, folders)
    spoken = load_spoken((root, *(folders.values()), MINI))
    tables = [(name, read(folders[name] / "anno.json")) for name in categories]
    return (_sample(folders[name], name, key, item, spoken) for name, table in tables for key, item in table)


def _sample(
    folder: Path, category: str, key: str, item: ProactiveItem | BadSampleError, spoken: InstructionClips
) -> Sample:
    ident = sample_id(category, key)
    if isinstance(item, BadSampleError):
        return Sample(ident, category, problem=str(item))
    unit = f"{category}/{item.video}"
    try:
        video = find_video((folder / "videos",), item.video)
        length = item.duration or duration_of(video)
        asked = spoken.ask(item.question, (f"{category}-{key}", key), video, item.subtitles)
    except BadSampleError as error:
        if not item.duration:
            return Sample(ident, category, unit=unit, problem=str(error))
        # Without the video too, so that floors can be checked on annotations alone.
        known = ProactiveAnnotation(item.question, item.turns, 0.0, item.duration)
        return Sample(ident, category, reference=Reference(annotation=known), unit=unit, problem=str(error))
    expected = ProactiveAnnotation(item.question, item.turns, asked.video_at_s, length)
    late = sum(turn.span[0] >= length for turn in item.turns)
    notes = (f"{late} expected replies begin after the video's end",) if late else ()
    ideal = tuple(Utterance(asked.video_at_s + t.span[0], text=t.content) for t in item.turns)
    reference = Reference(None, ideal, expected)
    return Sample(ident, category, asked.script, reference, unit, (*asked.notes, *notes))
