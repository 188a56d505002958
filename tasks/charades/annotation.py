"""Annotations of Charades and Charades-STA: reading them with every flaw named.

Times are seconds of the video. A third of the annotated ends lie beyond the video's stated length (by up to
1.54 s) and are cut there. Errors are ``BadSampleError`` with the text ``<file>: <place>: <what>; <remedy>``.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.metrics.intervals import Interval

MARGIN_S = 2.0
"""An action is interior if it starts this long after the video, ends this long before, and lasts as long."""
_AGAIN = "download the annotations again"


@dataclass(frozen=True, slots=True)
class VideoMoment:
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


Read = tuple[str, str, VideoMoment | BadSampleError]
"""Video, what, and the moment or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class CharadesRow:
    """A row of the CSV.

    Attributes:
        length_s: of the video.
        actions: what is in the field ``actions``, unread.
    """

    length_s: float
    actions: str


def read_videos(path: Path) -> dict[str, CharadesRow | BadSampleError]:
    """Read ``Charades_v1_test.csv`` (or train), by video id.

    Raises:
        UserError: the file cannot be read, lacks a column, or names a video twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error})", _AGAIN) from None
    if not table or (lacking := {"id", "actions", "length"} - set(table[0])):
        what = "no rows" if not table else f"no column {', '.join(sorted(lacking))}"
        raise UserError(f"{path}: {what}", _AGAIN)
    found: dict[str, CharadesRow | BadSampleError] = {}
    for number, fields in enumerate(table, start=2):
        video = (fields["id"] or "").strip()
        if not video or video in found:
            raise UserError(f"{path}: row {number}: the id {video!r} is empty or there twice", "correct it")
        length = _seconds(fields["length"])
        if not length:
            found[video] = BadSampleError(f"{path.name}: {video}: length {fields['length']!r}; correct it")
        else:
            found[video] = CharadesRow(length, (fields["actions"] or "").strip())
    return found


def read_classes(path: Path) -> dict[str, str]:
    """Read ``Charades_v1_classes.txt``: name by code.

    Raises:
        UserError: the file cannot be read or a line is no class.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})", _AGAIN) from None
    names = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            match = re.fullmatch(r"(c\d{3})\s+(\S.*)", line.strip())
            if not match:
                raise UserError(
                    f"{path}: line {number}: {line[:40]!r} is no class", 'expected "c008 Opening a door"'
                )
            names[match[1]] = match[2]
    return names


def single_actions(path: Path, videos: dict[str, CharadesRow | BadSampleError]) -> Iterator[Read]:
    """Actions of a class that occurs once in its video; of those that recur no single interval is right."""
    for video, row in videos.items():
        if isinstance(row, BadSampleError):
            yield video, "", row
            continue
        items = [item.split() for item in row.actions.split(";") if item.strip()]
        times = Counter(item[0] for item in items)
        for item in items:
            if times[item[0]] > 1:
                continue
            where = f"{path.name}: {video}, actions: {' '.join(item)}"
            yield video, item[0], _moment(where, video, item[0], item[1:], row.length_s)


def read_sentences(path: Path) -> list[tuple[str, str, list[str]]]:
    """Read ``charades_sta_test.txt``: video, sentence and the interval's fields, unread.

    Raises:
        UserError: the file cannot be read or a line has another form.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})", _AGAIN) from None
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        head, marks, sentence = line.partition("##")
        fields = head.split()
        if not marks or not fields or not sentence.strip():
            raise UserError(
                f"{path}: line {number}: {line[:40]!r} is no query",
                'expected "3MSZA 24.3 30.4##person turn ..."',
            )
        found.append((fields[0], sentence.strip(), fields[1:]))
    return found


def sentence_moment(path: Path, video: str, sentence: str, fields: list[str], length_s: float) -> VideoMoment:
    """The moment of a query.

    Raises:
        BadSampleError: its interval is broken.
    """
    found = _moment(f"{path.name}: {video} {' '.join(fields)}", video, sentence, fields, length_s)
    if isinstance(found, BadSampleError):
        raise found
    return found


def _moment(
    where: str, video: str, what: str, fields: list[str], length_s: float
) -> VideoMoment | BadSampleError:
    if len(fields) != 2 or None in (times := [_seconds(f) for f in fields]):
        return BadSampleError(f"{where}: not a start and an end in seconds; correct it")
    start, end = times[0] or 0.0, min(times[1] or 0.0, length_s)
    if end <= start:
        return BadSampleError(f"{where}: ends before it starts, or starts after the video's end; correct it")
    return VideoMoment(video, what, (start, end), length_s)


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
