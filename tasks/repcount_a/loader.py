"""Loading RepCount-A from disk.

Layout: ``{root}/annotation/{split}.csv`` (or ``{split}_with_fps.csv``) and ``{root}/video/{split}/*.mp4``;
the root may hold them in a folder ``LLSP``, and the CSV may lie in the root itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._visual import InstructionClips, find_video, load_spoken, sample_id
from tml_bench.tasks.repcount_a import annotation

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
    sizes = {split: sum(1 for _ in annotation.read(path)) for split, path in find_annotations(root).items()}
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
    tables = [(split, list(annotation.read(annotations[split]))) for split in splits]
    return (_sample(root, split, name, row, spoken) for split, table in tables for name, row in table)


def _sample(
    root: Path,
    split: str,
    name: str,
    row: annotation.RepetitionRow | BadSampleError,
    spoken: InstructionClips,
) -> Sample:
    ident = sample_id(split, Path(name).stem)
    if isinstance(row, BadSampleError):
        return Sample(ident, split, problem=str(row))
    folders = (root / "video" / split, root / "LLSP" / "video" / split)
    try:
        video = find_video(folders, name)
        asked = spoken.ask(instruction(row.action), (row.action,), video)
        item, notes = annotation.repetitions(row, annotation.frame_times(video), asked.video_at_s)
    except BadSampleError as error:
        return Sample(ident, split, reference=_without_video(row), notes=row.notes, problem=str(error))
    reference = Reference(None, spoken_ideal(item), item)
    return Sample(ident, split, asked.script, reference, notes=(*row.notes, *asked.notes, *notes))


def instruction(action: str) -> str:
    """What the user asks for."""
    return f"Count out the {annotation.SPOKEN[action]} as you see them."


def _without_video(row: annotation.RepetitionRow) -> Reference:
    """What can be said without the video, so that floors can be checked on annotations alone."""
    try:
        return Reference(annotation=annotation.repetitions(row, None, 0.0)[0])
    except BadSampleError:
        return Reference()


def spoken_ideal(item: annotation.RepetitionAnnotation) -> tuple[Utterance, ...]:
    """What a voice says that counts each repetition at its end, as far as there is time to say it."""
    chosen: list[Utterance] = []
    for k, end in enumerate(item.ends, start=1):
        last = k == len(item.ends)
        if last and chosen and end - chosen[-1].at_s < SAY_S:
            chosen.pop()
        if last or not chosen or end - chosen[-1].at_s >= SAY_S:
            chosen.append(Utterance(end, text=str(item.count if last else k)))
    return tuple(chosen)
