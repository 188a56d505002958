"""Loading ProactiveVideoQA from disk.

Layout: ``{root}/{WEB|EGO|TV|VAD}/anno.json`` and ``{root}/{category}/videos/*``; the root may be one
category's folder itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._visual import InstructionClips, duration_of, find_video, load_spoken, sample_id
from tml_bench.tasks.proactive_video_qa.annotation import ExpectedTurn, ProactiveItem, read

CATEGORIES = ("WEB", "EGO", "TV", "VAD")
OFFICIAL_SIZES = {"WEB": 500, "EGO": 326, "TV": 500, "VAD": 101}
"""Questions in each category of the official data."""
MINI = Path(__file__).parent / "mini"


class ProactiveAnnotation(msgspec.Struct, frozen=True):
    """What is expected of a proactive respondent; times of ``turns`` are of the video.

    Attributes:
        question: asked before the video.
        turns: the expected replies, in order.
        video_at_s: session time of the video's first instant.
        length_s: of the video.
    """

    question: str
    turns: tuple[ExpectedTurn, ...]
    video_at_s: float
    length_s: float


def find_categories(root: Path) -> dict[str, Path]:
    """The folders of the categories that are there.

    Raises:
        UserError: the folder does not exist or holds none.
    """
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
    """Whether every category that is there has the official number of questions.

    Raises:
        UserError: as ``load``.
    """
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
