"""The runs that are viewed, and what of their folders may be read: nothing that really is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tml_bench.bounded_files import UNREADABLE
from tml_bench.errors import UserError
from tml_bench.runs.config import RunFile
from tml_bench.runs.layout import recording_parts
from tml_bench.runs.store import NOT_A_RUN, Attempt, read_lines, read_run
from tml_bench.scoring.result_seals import check_result
from tml_bench.scoring.stored_values import outline
from tml_bench.storage.shared_place import need_recording

SAFE_PART = re.compile(r"(?!\.)[A-Za-z0-9._=-]{1,255}")
"""A part of a path that stands in a run's own texts, or in an address."""


def inside(root: Path, *parts: str) -> Path | None:
    """The regular file or folder below ``root``; None where it is missing, or really is elsewhere.

    Parts are names, no paths; one that is hidden or has other characters than `SAFE_PART` names nothing.
    """
    if not all(SAFE_PART.fullmatch(part) for part in parts):
        return None
    place = root.joinpath(*parts).resolve()
    if not place.is_relative_to(root.resolve()) or not (place.is_file() or place.is_dir()):
        return None
    return place


def run_file(root: Path, *parts: str) -> Path | None:
    """As `inside`, but only for a file."""
    place = inside(root, *parts)
    return place if place is not None and place.is_file() else None


@dataclass(frozen=True, slots=True)
class ViewedAttempt:
    """The last attempt at a sample, of so many."""

    last: Attempt
    attempts: int


@dataclass(frozen=True)
class ViewedRun:
    """A run's folder, open for reading.

    Attributes:
        key: its name in addresses, unique among the runs that are viewed.
        path: the folder, resolved.
        file: its ``run.json``.
        only: ids of the samples that are shown; empty for all.
    """

    key: str
    path: Path
    file: RunFile
    only: frozenset[str] = frozenset()

    def attempts(self) -> tuple[ViewedAttempt, ...]:
        """The last attempt at each sample, in the order in which they were first tried.

        Raises:
            UserError: ``attempts.jsonl`` is malformed.
        """
        log = run_file(self.path, "attempts.jsonl")
        made: dict[str, ViewedAttempt] = {}
        for attempt in read_lines(log, Attempt) if log else ():
            if self.only and attempt.sample not in self.only:
                continue
            before = made.get(attempt.sample)
            made[attempt.sample] = ViewedAttempt(attempt, before.attempts + 1 if before else 1)
        return tuple(made.values())

    def recording(self, attempt: Attempt) -> Path | None:
        """The folder of an attempt's recording; None where there is none, or a part of it lies elsewhere."""
        try:
            parts = recording_parts(self.file, attempt.sample, attempt.attempt)
        except UserError:  # no name of a folder
            return None
        if all(map(SAFE_PART.fullmatch, parts)):
            need_recording(self.path.joinpath(*parts))
        folder = inside(self.path, *parts)
        if folder is None or run_file(self.path, *parts, "manifest.json") is None:
            return None
        names = ("session.jsonl", "user.flac", "model.flac")
        return folder if all(run_file(self.path, *parts, name) for name in names) else None

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """Sizes and times of change of what the list is made of: equal while it is the same."""
        names = "attempts.jsonl", "scores.jsonl", "summary.json"
        found = (run_file(self.path, name) for name in names)
        return tuple((s.st_size, s.st_mtime_ns) if f and (s := f.stat()) else (0, 0) for f in found)


def open_viewed(paths: Sequence[Path], samples: Sequence[str] = ()) -> tuple[ViewedRun, ...]:
    """Open run folders, and of folders of runs every run in them; with ``samples`` only what these ids name.

    What lies in a folder of runs and is no run, cannot be read, or really is elsewhere, is left out.

    Raises:
        UserError: a path holds no run at all, or is a run that cannot be read; a sample is in none of them.
    """
    runs: list[ViewedRun] = []
    only = frozenset(samples)
    for folder, file in _found(paths):
        if all(run.path != folder for run in runs):
            runs.append(ViewedRun(run_key(folder.name, {run.key for run in runs}), folder, file, only))
    if not only:
        return tuple(runs)
    tried = {run.key: {one.last.sample for one in run.attempts()} for run in runs}
    if unknown := sorted(only.difference(*tried.values())):
        raise UserError(
            f"no run that is viewed has a sample {unknown[0]!r}", "tml-bench view without --sample lists them"
        )
    return tuple(run for run in runs if tried[run.key])


def _found(paths: Iterable[Path]) -> Iterator[tuple[Path, RunFile]]:
    for path in paths:
        if run_file(path.resolve(), "run.json"):
            yield path.resolve(), read_run(path)
            continue
        inner = list(_runs_in(path.resolve())) if path.is_dir() else []
        if not inner:
            raise UserError(f"{path} holds no run", NOT_A_RUN)
        yield from inner


def _runs_in(folder: Path) -> Iterator[tuple[Path, RunFile]]:
    for child in sorted(folder.iterdir()):
        if child.is_symlink() or not run_file(child, "run.json"):
            continue
        try:
            yield child, read_run(child)
        except UserError:  # of a later version, or half copied: the others are worth seeing
            continue


def run_key(name: str, taken: set[str]) -> str:
    """The name of a run's folder, made fit for an address and unlike those taken."""
    key = re.sub(r"[^A-Za-z0-9._=-]", "_", name).lstrip(".")[:200] or "run"
    unlike, number = key, 2
    while unlike in taken:
        unlike, number = f"{key}-{number}", number + 1
    return unlike


class SummaryHead(msgspec.Struct, frozen=True):
    """Of ``summary.json`` what the viewer shows; values of all samples, most of the file, are skipped."""

    facts: _FactsHead
    title: str
    headline: tuple[str, ...]
    metrics: tuple[_MeasureHead, ...]
    board: _BoardHead | None = None


class _FactsHead(msgspec.Struct, frozen=True):
    created: str = ""
    judge: str = ""


class _BoardHead(msgspec.Struct, frozen=True):
    metric: str


class _MeasureHead(msgspec.Struct, frozen=True):
    metric: MetricHead


class MetricHead(msgspec.Struct, frozen=True):
    """How a metric is shown; see `tml_bench.metric.Metric`."""

    name: str
    title: str
    unit: str = ""
    direction: str = "higher"
    family: str = "main"
    describes: str = ""


def summary_head(run: ViewedRun) -> SummaryHead | None:
    """What a run's ``summary.json`` says; None where the run is not scored.

    Raises:
        UserError: it is malformed.
    """
    path = run_file(run.path, "summary.json")
    if path is None:
        return None
    check_result(path)
    try:
        found = msgspec.json.decode(outline(path).text, type=list[SummaryHead])
    except UNREADABLE as error:
        raise UserError(f"{path}: {error}", "score the run again") from error
    return found[0] if found else None
