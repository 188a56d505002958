"""Which samples of a task a run is made of: parts, limits, named ones, shards; and those of two together."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.runs.admission import admitted_samples
from tml_bench.samples import Sample
from tml_bench.task import Task


def parse_shard(text: str) -> tuple[int, int]:
    """Number and count of a shard, from ``2/5``; raises `UserError` where it is none."""
    number, slash, count = text.partition("/")
    if slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise UserError(f"{text!r} is no shard", "give --shard NUMBER/COUNT, from 1/COUNT to COUNT/COUNT")


CLOSED: Literal["closed"] = "closed"
"""The loop in which the user's turns wait for the model; as the task's samples are without."""
LOOPS = ("", CLOSED)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples of a task: folder of the data, subsets, and at most how many of each; in which loop.

    The limit counts samples that are scored; their companions come along. ``limits`` holds the limits of
    subsets for which it is another. With ``samples`` only those of these ids are taken, as far as the limit
    goes; of what is left, ``shard``, such as ``2/5``, takes its part. With ``allow_outside`` annotations may
    name files that lie outside the folder.
    """

    data: Path | None = None
    subsets: tuple[str, ...] = ()
    limit: int = 0
    limits: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[str, ...] = ()
    shard: str = ""
    loop: str = ""
    allow_outside: bool = False

    def limit_of(self, subset: str) -> int:
        """At most so many samples of a subset; 0 means all."""
        return self.limits.get(subset, self.limit)

    def of(self, task: Task) -> list[Sample]:
        """The samples selected, in the task's order; raises as `loaded`."""
        return self.picked(self.loaded(task))

    def loaded(self, task: Task) -> list[Sample]:
        """All samples of the subsets; raises as ``Task.samples``, or for no closed loop.

        What a sample's name or files may not be is its problem, see `tml_bench.runs.admission`.

        The folder is made absolute first: what is wrong with a file may name its path, which was part of the
        data's hash in version 0.1.0, and scoring reads the absolute path of ``run.json``.
        """
        data = self.data.resolve() if self.data else None
        try:
            everything = admitted_samples(task, data, self.subsets, allow_outside=self.allow_outside)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"task {task.name} cannot load {data or 'its mini set'}: {in_one_line(error)}",
                "repair the task or its data",
            ) from error
        return closed_samples(task, everything) if self.loop == CLOSED else everything

    def picked(self, everything: Sequence[Sample]) -> list[Sample]:
        """Of all samples of the subsets those that are selected."""
        taken: Counter[str] = Counter()
        wanted: set[str] = set()
        named, mine = set(self.samples), shard_of(everything, self.shard)
        for sample in everything:
            if named and sample.id not in named:
                continue
            limit = self.limit_of(sample.subset)
            if not limit or (sample.scored and taken[sample.subset] < limit):
                taken[sample.subset] += 1
                if mine is None or sample.id in mine:
                    wanted |= {sample.id, *sample.companions.values()}
        return [sample for sample in everything if sample.id in wanted]

    def joined(self, other: Selection, task: Task) -> Selection:
        """The samples of both, from the other's folder; raises as `of`."""
        if self.samples or other.samples or self.shard != other.shard:
            return self._listed(other, task)
        alike = self.subsets == other.subsets
        sides = [
            (side, {*self.limits, *other.limits} if alike else side._names(task, other.data))
            for side in (self, other)
        ]
        parts: dict[str, int] = {}
        for side, names in sides:
            for subset in names:
                limit = side.limit_of(subset)
                parts[subset] = _wider(limit, parts.get(subset, limit))
        if alike:
            subsets = self.subsets
        elif any(not side.subsets and names == parts.keys() for side, names in sides):
            subsets = ()
        else:
            subsets = tuple(sorted(parts, key=[*task.subsets, *sorted(parts)].index))
        limit = _wider(self.limit, other.limit)
        limits = {k: n for k, n in sorted(parts.items()) if n != limit}
        return replace(other, subsets=subsets, limit=limit, limits=limits)

    def _listed(self, other: Selection, task: Task) -> Selection:
        """The samples of both, by their ids unless one of both, without shard or ids, has just these."""
        here = replace(self, data=other.data, allow_outside=other.allow_outside)
        if here == other:
            return other
        ids = {sample.id for side in (here, other) for sample in side.of(task)}
        bases = [replace(side, samples=(), shard="") for side in (here, other)]
        for whole in (here, other, *bases):
            if {sample.id for sample in whole.of(task)} == ids:
                return whole
        base = bases[0].joined(bases[1], task)
        if bases[0] != bases[1]:
            base = replace(base, limit=0, limits={})
        named = tuple(sample.id for sample in base.loaded(task) if sample.id in ids)
        return replace(base, samples=named)

    def _names(self, task: Task, data: Path | None) -> set[str]:
        return set(self.subsets) or {sample.subset for sample in replace(self, data=data).of(task)}


def closed_samples(task: Task, samples: Sequence[Sample]) -> list[Sample]:
    """The closed-loop form of samples, see `Task.closed_loop`; those that are broken stay as they are.

    Raises:
        UserError: the task has none of any sample, or it has another id or subset.
    """
    found = [sample if sample.problem else task.closed_loop(sample) for sample in samples]
    if samples and not any(sample is not None and not sample.problem for sample in found):
        broken = next((s.problem for s in found if s is not None), "")
        raise UserError(
            f"{task.name} has no closed-loop form of its samples" + (f": {broken}" if broken else ""),
            "leave --loop out; docs/comparing.md says which tasks have one",
        )
    for before, after in zip(samples, found, strict=True):
        if after is not None and (after.id, after.subset) != (before.id, before.subset):
            raise UserError(
                f"{task.name}: the closed-loop form of {before.id} of {before.subset} is {after.id} of "
                f"{after.subset}",
                "give it the same id and subset",
            )
    return [sample for sample in found if sample is not None]


def shard_of(everything: Sequence[Sample], shard: str) -> set[str] | None:
    """The ids of a shard of all samples; None for no shard, which is all.

    Samples are dealt out in their order, within each subset, those of a subset from a shard that its name
    decides: whatever subsets and limits are asked for, a sample is in the same shard of the same count, and
    samples that are scored together are in one.
    """
    if not shard:
        return None
    number, count = parse_shard(shard)
    dealt: Counter[str] = Counter()
    found: set[str] = set()
    for family in _families(everything):
        subset = family[0].subset
        if (zlib.crc32(subset.encode()) + dealt[subset]) % count == number - 1:
            found |= {sample.id for sample in family}
        dealt[subset] += 1
    return found


def _families(everything: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Samples that are scored together, each family in the place of its first."""
    head = {sample.id: sample.id for sample in everything}

    def first(ident: str) -> str:
        while head[ident] != ident:
            ident = head[ident]
        return ident

    place = {ident: n for n, ident in enumerate(head)}
    for sample in everything:
        for other in sample.companions.values():
            if other in head:
                one, two = sorted((first(sample.id), first(other)), key=place.__getitem__)
                head[two] = one
    families: dict[str, list[Sample]] = defaultdict(list)
    for sample in everything:
        families[first(sample.id)].append(sample)
    yield from families.values()


def _wider(a: int, b: int) -> int:
    return max(a, b) if a and b else 0
