"""Loading Charades and Charades-STA from disk.

Layout: ``{root}/Charades_v1_test.csv``, ``Charades_v1_classes.txt``, ``charades_sta_test.txt`` (in the
root or in ``Charades``), and ``{id}.mp4`` in ``videos``, ``Charades_v1_480`` or ``Charades_v1``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._visual import InstructionClips, duration_of, find_video, load_spoken, sample_id
from tml_bench.tasks.charades import annotation

SUBSETS = ("sta", "interior", "edge")
"""Charades-STA; single-occurrence actions away from the video's ends; the other single-occurrence ones."""
OFFICIAL_SIZES = {"videos": 1863, "sentences": 3720}
CSV, CLASSES, STA = "Charades_v1_test.csv", "Charades_v1_classes.txt", "charades_sta_test.txt"
VIDEO_FOLDERS = ("videos", "Charades_v1_480", "Charades_v1")
MINI = Path(__file__).parent / "mini"


class MomentAnnotation(msgspec.Struct, frozen=True):
    """When something happens, on the session clock.

    Attributes:
        start_s: its start.
        end_s: its end.
        video_at_s: the video's first instant.
        length_s: of the video.
    """

    start_s: float
    end_s: float
    video_at_s: float
    length_s: float


def find(root: Path, name: str) -> Path | None:
    """One of the annotation files; None if it is not there."""
    return next((p for p in (root / name, root / "Charades" / name) if p.is_file()), None)


def is_official(root: Path) -> bool:
    """Whether what is there has the official numbers of videos and sentences.

    Raises:
        UserError: a file is unusable.
    """
    table, queries = _files(root)
    sizes = {
        "videos": len(annotation.read_videos(table)) if table else OFFICIAL_SIZES["videos"],
        "sentences": len(annotation.read_sentences(queries)) if queries else OFFICIAL_SIZES["sentences"],
    }
    return sizes == OFFICIAL_SIZES


def _files(root: Path) -> tuple[Path | None, Path | None]:
    """The CSV and the file of sentences."""
    check_folder(root, f"give the folder that holds {CSV} or {STA}")
    table, queries = find(root, CSV), find(root, STA)
    if not (table or queries):
        raise UserError(f"--data {root}: holds neither {CSV} nor {STA}", "give the folder that holds them")
    return table, queries


class _Data(NamedTuple):
    root: Path
    videos: annotation.Videos
    names: dict[str, str] | None
    queries: list[annotation.SentenceQuery]
    spoken: InstructionClips


def load(root: Path, subsets: Sequence[str] = ()) -> Iterator[Sample]:
    """Load samples by subset, in the order of the files. Broken ones carry ``problem``.

    Raises:
        UserError: the folder, or a file that a subset needs, does not exist or is unusable.
    """
    table, queries = _files(root)
    needs = {"sta": (queries, STA), "interior": (table, CSV), "edge": (table, CSV)}
    for subset in subsets:
        if subset in needs and not needs[subset][0]:
            raise UserError(f"{root}: {needs[subset][1]} is not there", f"subset {subset} needs it")
    names = find(root, CLASSES)
    data = _Data(
        root,
        annotation.read_videos(table) if table else {},
        annotation.read_classes(names) if names else None,
        annotation.read_sentences(queries) if queries else [],
        load_spoken((root, MINI)),
    )
    parts = chosen(root, subsets, SUBSETS, [s for s in SUBSETS if needs[s][0]])
    return (sample for subset in parts for sample in _subset(data, subset))


def _subset(data: _Data, subset: str) -> Iterator[Sample]:
    if subset == "sta":
        for number, query in enumerate(data.queries, start=1):
            yield _sentence(data, sample_id("sta", f"{number:04}", query.video), query)
        return
    for video, code, found in annotation.single_actions(CSV, data.videos):
        ident = sample_id("class", video, code)
        if isinstance(found, annotation.VideoMoment):
            if found.interior == (subset == "interior"):
                yield _action(data, ident, subset, found)
        elif subset == "edge":
            yield Sample(ident, subset, unit=video, problem=str(found))


def action_instruction(name: str) -> str:
    """What the user asks for, by class name."""
    action = name[:1].lower() + name[1:]
    return f"Say start when the person starts {action}, and say stop when they stop."


def sentence_instruction(sentence: str) -> str:
    """What the user asks for, by sentence."""
    return f"Say start when this begins, and say stop when it ends: {sentence}"


def _action(data: _Data, ident: str, subset: str, moment: annotation.VideoMoment) -> Sample:
    if data.names is None or moment.what not in data.names:
        what = "is missing" if data.names is None else f"has no {moment.what}"
        why = f"{CLASSES}: {what}; copy it from Charades.zip"
        return Sample(ident, subset, reference=_at(moment, 0.0), unit=moment.video, problem=why)
    return _sample(data, ident, subset, moment, action_instruction(data.names[moment.what]))


def _sentence(data: _Data, ident: str, query: annotation.SentenceQuery) -> Sample:
    row = data.videos.get(query.video)
    try:
        length = (
            row.length if isinstance(row, annotation.CharadesRow) else duration_of(_video(data, query.video))
        )
        moment = annotation.sentence_moment(STA, query, length)
    except BadSampleError as error:
        return Sample(ident, "sta", unit=query.video, problem=str(error))
    return _sample(data, ident, "sta", moment, sentence_instruction(query.sentence))


def _sample(data: _Data, ident: str, subset: str, moment: annotation.VideoMoment, text: str) -> Sample:
    keys = f"{moment.video}-{moment.what}", moment.what
    try:
        asked = data.spoken.ask(text, keys, _video(data, moment.video))
    except BadSampleError as error:
        return Sample(ident, subset, reference=_at(moment, 0.0), unit=moment.video, problem=str(error))
    return Sample(ident, subset, asked.script, _at(moment, asked.video_at_s), moment.video, asked.notes)


def _at(moment: annotation.VideoMoment, video_at_s: float) -> Reference:
    start, end = (video_at_s + t for t in moment.interval)
    ideal = (Utterance(start, text="start"), Utterance(end, text="stop"))
    return Reference(None, ideal, MomentAnnotation(start, end, video_at_s, moment.length_s))


def _video(data: _Data, video: str) -> Path:
    return find_video([data.root / folder for folder in VIDEO_FOLDERS], f"{video}.mp4")
