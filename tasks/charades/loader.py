"""Loading Charades and Charades-STA from disk.

Layout: ``{root}/Charades_v1_test.csv``, ``Charades_v1_classes.txt``, ``charades_sta_test.txt`` (in the
root or in ``Charades``), and ``{id}.mp4`` in ``videos``, ``Charades_v1_480`` or ``Charades_v1``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.tasks._visual import (
    InstructionClips,
    ask,
    duration_of,
    find_video,
    load_spoken,
    sample_id,
)
from tml_bench.tasks.charades.annotation import (
    CharadesRow,
    VideoMoment,
    read_classes,
    read_sentences,
    read_videos,
    sentence_moment,
    single_actions,
)

SUBSETS = ("sta", "interior", "edge")
"""Charades-STA; single-occurrence actions away from the video's ends; the other single-occurrence ones."""
OFFICIAL_SIZES = {"videos": 1863, "sentences": 3720}
CSV, CLASSES, STA = "Charades_v1_test.csv", "Charades_v1_classes.txt", "charades_sta_test.txt"
VIDEO_FOLDERS = ("videos", "Charades_v1_480", "Charades_v1")
MINI = Path(__file__).parent / "mini"
_REMEDY = "get the videos, see `tml-bench list tasks`"


@dataclass(frozen=True, slots=True)
class MomentAnnotation:
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
    _check(root)
    table, queries = find(root, CSV), find(root, STA)
    sizes = {
        "videos": len(read_videos(table)) if table else OFFICIAL_SIZES["videos"],
        "sentences": len(read_sentences(queries)) if queries else OFFICIAL_SIZES["sentences"],
    }
    return sizes == OFFICIAL_SIZES


def load(root: Path, subsets: Sequence[str] = ()) -> Iterator[Sample]:
    """Load samples by subset, in the order of the files. Broken ones carry ``problem``.

    Args:
        root: a folder in the layout above.
        subsets: only these; empty means all whose annotation is there.

    Raises:
        UserError: the folder, or a file that a subset needs, does not exist or is unusable.
    """
    _check(root)
    table, queries = find(root, CSV), find(root, STA)
    needs = {"sta": (queries, STA), "interior": (table, CSV), "edge": (table, CSV)}
    for subset in subsets:
        if subset not in SUBSETS:
            raise UserError(f"subset {subset}: unknown", f"choose from {', '.join(SUBSETS)}")
        if needs[subset][0] is None:
            raise UserError(f"{root}: {needs[subset][1]} is not there", "subset " + subset + " needs it")
    spoken = load_spoken((root, MINI))
    videos = read_videos(table) if table else {}
    names = read_classes(path) if (path := find(root, CLASSES)) else None
    sentences = read_sentences(queries) if queries else []
    return _all(root, [s for s in subsets or SUBSETS if needs[s][0]], videos, names, sentences, spoken)


def _all(
    root: Path,
    subsets: Sequence[str],
    videos: dict[str, CharadesRow | BadSampleError],
    names: dict[str, str] | None,
    sentences: list[tuple[str, str, list[str]]],
    spoken: InstructionClips,
) -> Iterator[Sample]:
    for subset in subsets:
        if subset == "sta":
            for number, (video, sentence, fields) in enumerate(sentences, start=1):
                ident = sample_id("sta", f"{number:04}", video)
                yield _sentence(root, ident, video, sentence, fields, videos, spoken)
        else:
            for video, code, found in single_actions(Path(CSV), videos):
                if isinstance(found, BadSampleError):
                    if subset == "edge":
                        yield Sample(sample_id("class", video, code), subset, unit=video, problem=str(found))
                elif found.interior == (subset == "interior"):
                    yield _action(root, subset, found, names, spoken)


def action_instruction(name: str) -> str:
    """What the user asks for, by class name."""
    action = name[:1].lower() + name[1:]
    return f"Say start when the person starts {action}, and say stop when they stop."


def sentence_instruction(sentence: str) -> str:
    """What the user asks for, by sentence."""
    return f"Say start when this begins, and say stop when it ends: {sentence}"


def _action(
    root: Path, subset: str, moment: VideoMoment, names: dict[str, str] | None, spoken: InstructionClips
) -> Sample:
    ident = sample_id("class", moment.video, moment.what)
    if names is None or moment.what not in names:
        what = "is missing" if names is None else f"has no {moment.what}"
        why = f"{CLASSES}: {what}; copy it from Charades.zip"
        return Sample(ident, subset, reference=_at(moment, 0.0), unit=moment.video, problem=why)
    text = action_instruction(names[moment.what])
    clip = spoken.find(f"{moment.video}-{moment.what}", moment.what, text)
    return _sample(root, ident, subset, moment, text, clip)


def _sentence(
    root: Path,
    ident: str,
    video: str,
    sentence: str,
    fields: list[str],
    videos: dict[str, CharadesRow | BadSampleError],
    spoken: InstructionClips,
) -> Sample:
    row = videos.get(video)
    try:
        length = row.length_s if isinstance(row, CharadesRow) else duration_of(_video(root, video))
        moment = sentence_moment(Path(STA), video, sentence, fields, length)
    except BadSampleError as error:
        return Sample(ident, "sta", unit=video, problem=str(error))
    text = sentence_instruction(sentence)
    return _sample(root, ident, "sta", moment, text, spoken.find(f"{video}-{sentence}", sentence, text))


def _sample(root: Path, ident: str, subset: str, moment: VideoMoment, text: str, clip: Path | None) -> Sample:
    try:
        asked = ask(text, clip, _video(root, moment.video))
    except BadSampleError as error:
        return Sample(ident, subset, reference=_at(moment, 0.0), unit=moment.video, problem=str(error))
    return Sample(ident, subset, asked.script, _at(moment, asked.video_at_s), moment.video, asked.notes)


def _at(moment: VideoMoment, video_at_s: float) -> Reference:
    start, end = (video_at_s + t for t in moment.interval)
    ideal = (Utterance(start, text="start"), Utterance(end, text="stop"))
    return Reference(None, ideal, MomentAnnotation(start, end, video_at_s, moment.length_s))


def _video(root: Path, video: str) -> Path:
    return find_video([root / folder for folder in VIDEO_FOLDERS], f"{video}.mp4", _REMEDY)


def _check(root: Path) -> None:
    if not root.is_dir():
        raise UserError(f"--data {root}: no such folder", f"give the folder that holds {CSV} or {STA}")
    if not (find(root, CSV) or find(root, STA)):
        raise UserError(f"--data {root}: holds neither {CSV} nor {STA}", "give the folder that holds them")
