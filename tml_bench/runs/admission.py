"""Which samples are let in: those whose names are safe, and whose files lie in the data's folder.

Annotations are written by strangers: an id may be a path, and a file may be anybody's. What does not fit is
that sample's own problem, so that it ends as ``invalid`` and the others are run. A sample without a safe id
gets one that stands for it (`names.stand_in`). So does one whose id a sample before it has: that is played.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from tml_bench.data_folder import leads_outside, only_within, outside
from tml_bench.names import LONGEST_ID, folded, name_flaw, shown_name, stand_in
from tml_bench.samples import Sample
from tml_bench.task import ImportedExchange, Task

RENAME = "give it a name that every file system takes"


def admitted_samples(
    task: Task, data: Path | None, subsets: tuple[str, ...], *, allow_outside: bool = False
) -> list[Sample]:
    """All samples of the subsets, each usable or with its problem; raises as ``Task.samples``.

    With ``allow_outside`` files may lie anywhere, and always those of the set that ships.
    """
    with _reading(task, data, allow_outside):
        known = _Ids()
        return [known.own(_admitted(task, sample)) for sample in task.samples(data, subsets)]


def admitted_imports(task: Task, source: Path, *, allow_outside: bool = False) -> list[ImportedExchange]:
    """The same of ``Task.imports``; an exchange with a problem has no audio."""
    known = _Ids()
    found: list[ImportedExchange] = []
    with _reading(task, source, allow_outside):
        for item in task.imports(source):
            more = () if item.model_audio is None else (item.model_audio,)
            sample = known.own(_admitted(task, item.sample, more))
            found.append(
                ImportedExchange(sample, None, None) if sample.problem else item._replace(sample=sample)
            )
    return found


def _reading(task: Task, data: Path | None, allow_outside: bool) -> AbstractContextManager[None]:
    if data is None or allow_outside:
        return nullcontext()
    return only_within(data, *task.own_folders())


class _Ids:
    """The ids so far, as `folded`, each with its first spelling and the place of its sample in the data."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, int]] = {}
        self._place = 0

    def own(self, sample: Sample) -> Sample:
        """A sample with an id of its own, and a problem where the id is that of one before."""
        self._place += 1
        other, place = self._known.setdefault(folded(sample.id), (sample.id, self._place))
        if place == self._place:
            return sample
        if other != sample.id:
            what = f"its id differs from {other} in case only, or in how letters are composed; {RENAME}"
            return sample if sample.problem else replace(sample, problem=what)
        what = (
            f"its id {shown_name(other)} is that of two samples, number {place} and number {self._place} of "
            "the data, and the first of them is played; give each its own"
        )
        number = self._place
        while folded(named := stand_in(f"{other} {number}")) in self._known:
            number += 1
        self._known[folded(named)] = named, self._place
        return Sample(named, sample.subset, problem=what, scored=sample.scored)


def _admitted(task: Task, sample: Sample, more: Iterable[Path] = ()) -> Sample:
    """A sample under a safe name, with what is wrong with it."""
    if flaw := name_flaw(sample.id, LONGEST_ID):
        problem = f"its id {shown_name(sample.id)} is no safe name: {flaw}; {RENAME}"
        return Sample(stand_in(sample.id), _subset(task, sample), problem=problem, scored=sample.scored)
    if _subset(task, sample) != sample.subset:
        problem = (
            f"its subset {shown_name(sample.subset)} is no safe name: {name_flaw(sample.subset)}; {RENAME}"
        )
        return Sample(sample.id, _subset(task, sample), problem=problem, scored=sample.scored)
    files = (*_files(sample), *more)
    if odd := next((path for path in files if _is_no_path(path)), None):
        problem = f"{shown_name(odd.name)} is no name of a file; correct the annotation"
        return Sample(sample.id, sample.subset, unit=sample.unit, problem=problem, scored=sample.scored)
    if away := next((path for path in files if leads_outside(path)), None):
        # Without its files, which are not even hashed.
        return Sample(sample.id, sample.subset, unit=sample.unit, problem=outside(away), scored=sample.scored)
    if any(name_flaw(name, LONGEST_ID) for name in sample.companions.values()):
        companions = {role: _safe(name) for role, name in sample.companions.items()}
        sample = replace(sample, companions=companions)
    return sample


def _is_no_path(path: Path) -> bool:
    try:
        return b"\0" in os.fsencode(path)
    except UnicodeEncodeError:  # half a character
        return True


def _safe(ident: str) -> str:
    return stand_in(ident) if name_flaw(ident, LONGEST_ID) else ident


def _subset(task: Task, sample: Sample) -> str:
    """The sample's subset; the task's first where it is none of the task's and no safe name."""
    declared = sample.subset in task.subsets
    return sample.subset if declared or not name_flaw(sample.subset) else task.subsets[0]


def _files(sample: Sample) -> Iterator[Path]:
    """The files that playing a sample reads."""
    script = sample.script
    heard = (*(turn.audio for turn in script.turns), *(said.audio for said in script.history))
    yield from (audio for audio in heard if isinstance(audio, Path))
    yield from (video.path for video in script.videos)
    if sample.scenario is not None and (voiced := sample.scenario.voiced) is not None:
        yield voiced
        if voiced.is_dir():
            with os.scandir(voiced) as inside:
                yield from (Path(entry.path) for entry in inside if entry.is_symlink())
