"""Whether anything has been touched that a run's results come from, by what the file system says of files.

That is inode, size and times of change of every file of the run's recordings and timelines, and of its data;
nothing is opened but ``run.json`` and ``attempts.jsonl``, and neither data nor task are loaded. No program
can set the time of a file's last change: what looks the same has not been written since, and is no copy. Data
that ships is part of the code, whose files are looked at in the same way (`tml_bench.runs.known_code`).
"""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from tml_bench.errors import UserError
from tml_bench.files import file_sha256, is_coarse
from tml_bench.perception.perceive import WordMode, hearing_id
from tml_bench.pricing.table import PriceTable
from tml_bench.runs.config import RunFile
from tml_bench.runs.known_code import named_code_of
from tml_bench.runs.store import ATTEMPTS, RUN

_TICK_NS = 50_000_000
"""The clock that stamps files may be so far behind the other."""


class ScoringSettings(NamedTuple):
    """How runs are scored by rules.

    Attributes:
        words: where words come from.
        check_all: hold also transcripts of reference adapters and imported runs against the audio.
        prices: of models.
    """

    words: WordMode
    check_all: bool
    prices: PriceTable


class _TouchedError(Exception):
    """A file may be another than was read, or is none."""


class InputFingerprints:
    """Fingerprints of all that results by rules come from; the data of several runs is looked at once.

    Args:
        settings: how is scored.
        before_ns: since when runs and data were read, ns after the epoch: all files must be older.
    """

    def __init__(self, settings: ScoringSettings, before_ns: float = math.inf) -> None:
        self._settings, self._before_ns = settings, before_ns - _TICK_NS
        self._data: dict[str, str] = {}

    def of(self, run: Path, file: RunFile, spoken: Sequence[tuple[str, ...]]) -> str:
        """A hash of how the inputs of a run's results look.

        Args:
            run: its folder.
            file: its ``run.json``.
            spoken: every set of languages of a sample, on which hangs what recognises words.

        Returns:
            64 hexadecimal digits; empty where it cannot be told so: of a task from elsewhere, of data or runs
            with links in them, where files are newer, or their clock has no fractions of a millisecond.
        """
        config = file.config
        code = named_code_of(config)
        if not code or config.allow_outside or config.replay_user:
            return ""
        with suppress(OSError, _TouchedError):
            logs = [self._content(run / name) for name in (RUN, ATTEMPTS)]
            own = [entry for entry in _entries(run) if not _is_file(entry) and entry.name[0] != "."]
            looks = self._sha256(own), self._data_sha256(config.data)
            hearing = _hearing(self._settings.words, spoken)
            parts = code, run.resolve().name, self._settings, hearing, logs, looks
            return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
        return ""

    def _content(self, path: Path) -> str:
        _check_older(path.lstat(), self._before_ns)
        return file_sha256(path)

    def _data_sha256(self, folder: str) -> str:
        if folder and folder not in self._data:
            _check_older(os.stat(folder), self._before_ns)
            self._data[folder] = self._sha256(_entries(folder))
        return self._data.get(folder, "")

    def _sha256(self, entries: "Sequence[os.DirEntry[str]]") -> str:
        digest = hashlib.sha256()
        for line in _listed(entries, self._before_ns):
            digest.update(line.encode())
        return digest.hexdigest()


def _hearing(words: WordMode, spoken: Sequence[tuple[str, ...]]) -> list[object]:
    """What hears, and what holds transcripts against the audio; or why it is not there."""
    found: list[object] = []
    for mode in (words, "asr"):
        try:
            found.append(hearing_id(mode, spoken))
        except UserError as error:
            found.append(str(error))
    return found


def _entries(folder: str | Path) -> "list[os.DirEntry[str]]":
    """What is in a folder, in the order of names."""
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def _is_file(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a file, or a folder; raises `_TouchedError` for anything else, such as a link."""
    if entry.is_dir(follow_symlinks=False):
        return False
    if not entry.is_file(follow_symlinks=False):
        raise _TouchedError
    return True


def _check_older(about: os.stat_result, before_ns: float) -> None:
    """Raise `_TouchedError` for what may be another than was read, or a folder that had other files."""
    if about.st_ctime_ns >= before_ns or is_coarse(about.st_ctime_ns):
        raise _TouchedError


def _listed(entries: "Sequence[os.DirEntry[str]]", before_ns: float) -> Iterator[str]:
    """Every file below, a line each; a folder's stand between two lines."""
    for entry in entries:
        about = entry.stat(follow_symlinks=False)
        _check_older(about, before_ns)
        if _is_file(entry):
            yield f"{entry.name!a} {about.st_ino} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}\n"
        else:
            yield f"{entry.name!a}\n"
            yield from _listed(_entries(entry.path), before_ns)
            yield "\n"
