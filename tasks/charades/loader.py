"""Loading Charades and Charades-STA from disk.

Layout: ``{root}/Charades_v1_test.csv``, ``Charades_v1_classes.txt``, ``charades_sta_test.txt`` (in the
root or in ``Charades``), and ``{id}.mp4`` in ``videos``, ``Charades_v1_480`` or ``Charades_v1``.

Times of annotations are seconds of the video. A third of the annotated ends lie beyond the video's stated
length (by up to 1.54 s) and are cut there. Every reader raises `UserError` where a file cannot be read, lacks
a column, or has a line of another form or a video twice.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.metrics.intervals import Interval
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._common.records import RecordPlace, Seconds, read_text
from tml_bench.tasks._common.tables import csv_rows
from tml_bench.tasks._visual import InstructionClips, duration_of, find_video, load_spoken, sample_id

MARGIN_S = 2.0
"""An action is interior if it starts this long after the video, ends this long before, and lasts as long."""


class VideoMoment(msgspec.Struct, frozen=True):
    """What (class code, ``c008``, or sentence) happens once in a video; cut at the video's length."""

    video: str
    what: str
    interval: Interval
    length_s: float

    @property
    def interior(self) -> bool:
        """Whether it neither starts nor ends near an end of the video, nor is very short."""
        start, end = self.interval
        return start >= MARGIN_S and end <= self.length_s - MARGIN_S and end - start >= MARGIN_S


class CharadesRow(msgspec.Struct, frozen=True):
    """A row of the CSV.

    Attributes:
        length: of the video, seconds.
        actions: classes with their start and end, ``c008 3.00 9.00;c097 0.00 21.40``.
    """

    length: Annotated[float, msgspec.Meta(gt=0, le=86_400)]
    actions: str = ""


class SentenceQuery(msgspec.Struct, frozen=True):
    """A line of Charades-STA: what happens in a video, and its start and end, unread."""

    video: str
    sentence: str
    times: tuple[str, ...]


Videos = dict[str, CharadesRow | BadSampleError]
"""Rows, or what is wrong with them, by video id."""


def read_videos(path: Path) -> Videos:
    """Read ``Charades_v1_test.csv`` (or train)."""
    found: Videos = {}
    for video, cells in csv_rows(path, "id", ("actions", "length")):
        if isinstance(cells, BadSampleError):
            found[video if video not in found else f"{video} {len(found)}"] = cells
            continue
        try:
            found[video] = RecordPlace(path.name, video).record(cells, CharadesRow, strict=False)
        except BadSampleError as error:
            found[video] = error
    return found


def read_classes(path: Path) -> dict[str, str]:
    """Read ``Charades_v1_classes.txt``: name by code."""
    return {m[1]: m[2] for m in _lines(path, r"(c\d{3})\s+(\S.*)", "class", "c008 Opening a door")}


def read_sentences(path: Path) -> list[SentenceQuery]:
    """Read ``charades_sta_test.txt``."""
    lines = _lines(path, r"(.*?\S)\s*##\s*(\S.*)", "query", "3MSZA 24.3 30.4##person turn ...")
    heads = ((line[2], *line[1].split()) for line in lines)
    return [SentenceQuery(video, sentence, tuple(times)) for sentence, video, *times in heads]


def _lines(path: Path, form: str, what: str, example: str) -> Iterator[re.Match[str]]:
    """The lines of a file, taken apart by their form; blank ones are left out."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            match = re.fullmatch(form, line.strip())
            if not match:
                raise UserError(f"{path}: line {number}: {line[:40]!r} is no {what}", f'expected "{example}"')
            yield match


def single_actions(file: str, videos: Videos) -> Iterator[tuple[str, str, VideoMoment | BadSampleError]]:
    """Actions of a class that occurs once in its video; of those that recur no single interval is right.

    Yields:
        Video, class, and the moment or what is wrong with it.
    """
    for video, row in videos.items():
        if isinstance(row, BadSampleError):
            yield video, "", row
            continue
        items = [item.split() for item in row.actions.split(";") if item.strip()]
        times = Counter(code for code, *_ in items)
        for code, *fields in items:
            if times[code] == 1:
                place = RecordPlace(file, f"{video}, actions: {' '.join((code, *fields))}")
                try:
                    yield video, code, _moment(place, video, code, fields, row.length)
                except BadSampleError as error:
                    yield video, code, error


def sentence_moment(file: str, query: SentenceQuery, length_s: float) -> VideoMoment:
    """The moment of a query. Raises `BadSampleError`: its interval is broken."""
    place = RecordPlace(file, " ".join((query.video, *query.times)))
    return _moment(place, query.video, query.sentence, query.times, length_s)


def _moment(place: RecordPlace, video: str, what: str, times: Sequence[str], length_s: float) -> VideoMoment:
    start, end = place.record(times, tuple[Seconds, Seconds], strict=False)
    if min(end, length_s) <= start:
        raise place.bad("", "ends before it starts, or starts after the video's end")
    return VideoMoment(video, what, (start, min(end, length_s)), length_s)


SUBSETS = ("sta", "interior", "edge")
"""Charades-STA; single-occurrence actions away from the video's ends; the other single-occurrence ones."""
OFFICIAL_SIZES = {"videos": 1863, "sentences": 3720}
CSV, CLASSES, STA = "Charades_v1_test.csv", "Charades_v1_classes.txt", "charades_sta_test.txt"
VIDEO_FOLDERS = ("videos", "Charades_v1_480", "Charades_v1")
MINI = Path(__file__).parent / "mini"


class MomentAnnotation(msgspec.Struct, frozen=True):
    """When something happens and when the video begins, on the session clock, and the video's length."""

    start_s: float
    end_s: float
    video_at_s: float
    length_s: float


def find(root: Path, name: str) -> Path | None:
    """One of the annotation files; None if it is not there."""
    return next((p for p in (root / name, root / "Charades" / name) if p.is_file()), None)


def is_official(root: Path) -> bool:
    """Whether it has the official numbers of videos and sentences. Raises `UserError`: a file is unusable."""
    table, queries = _files(root)
    sizes = {
        "videos": len(read_videos(table)) if table else OFFICIAL_SIZES["videos"],
        "sentences": len(read_sentences(queries)) if queries else OFFICIAL_SIZES["sentences"],
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
    videos: Videos
    names: dict[str, str] | None
    queries: list[SentenceQuery]
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
        read_videos(table) if table else {},
        read_classes(names) if names else None,
        read_sentences(queries) if queries else [],
        load_spoken((root, MINI)),
    )
    parts = chosen(root, subsets, SUBSETS, [s for s in SUBSETS if needs[s][0]])
    return (sample for subset in parts for sample in _subset(data, subset))


def _subset(data: _Data, subset: str) -> Iterator[Sample]:
    if subset == "sta":
        for number, query in enumerate(data.queries, start=1):
            yield _sentence(data, sample_id("sta", f"{number:04}", query.video), query)
        return
    for video, code, found in single_actions(CSV, data.videos):
        ident = sample_id("class", video, code)
        if isinstance(found, VideoMoment):
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


def _action(data: _Data, ident: str, subset: str, moment: VideoMoment) -> Sample:
    if data.names is None or moment.what not in data.names:
        what = "is missing" if data.names is None else f"has no {moment.what}"
        why = f"{CLASSES}: {what}; copy it from Charades.zip"
        return Sample(ident, subset, reference=_at(moment, 0.0), unit=moment.video, problem=why)
    return _sample(data, ident, subset, moment, action_instruction(data.names[moment.what]))


def _sentence(data: _Data, ident: str, query: SentenceQuery) -> Sample:
    row = data.videos.get(query.video)
    try:
        length = row.length if isinstance(row, CharadesRow) else duration_of(_video(data, query.video))
        moment = sentence_moment(STA, query, length)
    except BadSampleError as error:
        return Sample(ident, "sta", unit=query.video, problem=str(error))
    return _sample(data, ident, "sta", moment, sentence_instruction(query.sentence))


def _sample(data: _Data, ident: str, subset: str, moment: VideoMoment, text: str) -> Sample:
    keys = f"{moment.video}-{moment.what}", moment.what
    try:
        asked = data.spoken.ask(text, keys, _video(data, moment.video))
    except BadSampleError as error:
        return Sample(ident, subset, reference=_at(moment, 0.0), unit=moment.video, problem=str(error))
    return Sample(ident, subset, asked.script, _at(moment, asked.video_at_s), moment.video, asked.notes)


def _at(moment: VideoMoment, video_at_s: float) -> Reference:
    start, end = (video_at_s + t for t in moment.interval)
    ideal = (Utterance(start, text="start"), Utterance(end, text="stop"))
    return Reference(None, ideal, MomentAnnotation(start, end, video_at_s, moment.length_s))


def _video(data: _Data, video: str) -> Path:
    return find_video([data.root / folder for folder in VIDEO_FOLDERS], f"{video}.mp4")
