"""Annotations of Charades and Charades-STA: reading them with every flaw named; see ``_common.records``.

Times are seconds of the video. A third of the annotated ends lie beyond the video's stated length (by up to
1.54 s) and are cut there.

Every reader raises `UserError` where a file cannot be read, lacks a column, or has a line of another form or
a video twice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.metrics.intervals import Interval
from tml_bench.tasks._common.records import RecordPlace, Seconds, csv_rows, read_text

MARGIN_S = 2.0
"""An action is interior if it starts this long after the video, ends this long before, and lasts as long."""


class VideoMoment(msgspec.Struct, frozen=True):
    """What happens once in a video.

    Attributes:
        video: id of the video.
        what: class code (``c008``) or sentence.
        interval: its start and end, cut at the video's length.
        length_s: of the video.
    """

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
    """A line of Charades-STA.

    Attributes:
        video: id of the video.
        sentence: what happens.
        times: its start and end, unread.
    """

    video: str
    sentence: str
    times: tuple[str, ...]


Videos = dict[str, CharadesRow | BadSampleError]
"""Rows, or what is wrong with them, by video id."""


def read_videos(path: Path) -> Videos:
    """Read ``Charades_v1_test.csv`` (or train)."""
    found: Videos = {}
    for video, cells in csv_rows(path, "id", ("actions", "length")):
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
