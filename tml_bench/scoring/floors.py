"""Floors and ceilings: what blind and ideal respondents reach on a task's samples.

The floor of a metric is the best value that a strategy which looks at nothing reaches on the same samples
(`tml_bench.task.Task.blind`, and the best of `tml_bench.task.Task.family`); the ceiling is what a respondent
reaches that does exactly what is expected (`tml_bench.task.Task.ideal`). All go through the task's own
scoring and the same averaging as a model.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec
from msgspec import structs

from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Judge
from tml_bench.samples import Sample
from tml_bench.scoring.asking import Respondents
from tml_bench.scoring.judging import scores_of
from tml_bench.scoring.search import respondents
from tml_bench.scoring.table import (
    Demand,
    ScoreTable as ScoreTable,
    columns as columns,
    covered,
    demand,
    mean_of as mean_of,
    observations as observations,
    qualified,
)
from tml_bench.task import Direction, Metric, Overall, Task


class Baseline(msgspec.Struct, frozen=True):
    """What blind and ideal respondents reach on one metric in one subset.

    Attributes:
        subset: part of the task, a subset or several together.
        floor: the best value among blind strategies; None where there is none, or it is not known.
        floor_by: the strategy that reaches it; the task's first one of equals.
        ceiling: the ideal respondent's value; None where it has none.
        blind: value per blind strategy; None where it has none. Of those that were searched, the ones that
            make a floor in the subset.
    """

    subset: str
    metric: str
    floor: float | None
    floor_by: str
    ceiling: float | None
    blind: dict[str, float | None]


def baselines(
    task: Task, samples: Iterable[Sample], judge: Judge | None = None, only: Collection[str] = ()
) -> tuple[Baseline, ...]:
    """Score every blind strategy and the ideal respondent, by the task's own rules unless there is a judge.

    With ``only``, names of metrics, for these alone, which is faster where there is a family to search.
    Samples with a ``problem``, and mere companions, are left out; raises as `respondents`.
    """
    judge = judge or RuleJudge(task.rules)
    return floors_and_ceilings(task, respondents(task, samples, only), judge, only)


def floors_and_ceilings(
    task: Task, played: Respondents, judge: Judge, only: Collection[str] = ()
) -> tuple[Baseline, ...]:
    """The best that blind respondents reach, and what an ideal one does; raises what the task raises.

    A strategy counts for a metric's floor where `tml_bench.scoring.table.qualified` says so. Where one would
    but for judgements that are missing, the floor is not known: the best of the others may be far below it.
    Subsets without samples have no entry.
    """
    ideal = ScoreTable(scores_of(task, played.ideal, judge), named=False)
    wanted = [
        _Wanted(part, metric, demand(ideal, part, metric))
        for part, metric in columns(task, only)
        if ideal.samples(part)
    ]
    reached: dict[str, list[_Reached]] = {}
    for group in played.groups():
        tables = {name: ScoreTable(named=False) for name in group}
        for name, piece in played.played(group):
            for score in scores_of(task, piece, judge):
                tables[name].add(score)
        reached |= {name: [_reached(table, *column) for column in wanted] for name, table in tables.items()}
    found = [
        _baseline(part, metric, {name: each[k] for name, each in reached.items()}, ideal)
        for k, (part, metric, _) in enumerate(wanted)
    ]
    best = {(one.subset, one.floor_by) for one in found}
    return tuple(
        structs.replace(
            one,
            blind={
                name: value
                for name, value in one.blind.items()
                if name not in played.searched or (one.subset, name) in best
            },
        )
        for one in found
    )


class _Wanted(NamedTuple):
    """A metric in a part of the task, and what a strategy must be measured over there to count."""

    part: Overall
    metric: Metric
    demand: Demand


class _Reached(NamedTuple):
    """What a strategy reaches on a metric, whether that counts, and whether it would were all judged."""

    mean: float | None
    counts: bool
    unjudged: bool


def _reached(scores: ScoreTable, part: Overall, metric: Metric, of: Demand) -> _Reached:
    value = qualified(scores, of, part, metric)
    mean = mean_of(scores, part, metric)[0] if value is None else value
    return _Reached(mean, value is not None, _unjudged(scores, part, metric, of.samples))


def _baseline(part: Overall, metric: Metric, blind: Mapping[str, _Reached], ideal: ScoreTable) -> Baseline:
    candidates = [(name, one.mean) for name, one in blind.items() if one.counts and one.mean is not None]
    known = not any(one.unjudged for one in blind.values())
    floor, floor_by = None, ""
    if metric.direction is not Direction.NONE and candidates and known:
        best = max if metric.direction is Direction.HIGHER else min
        floor_by, floor = best(candidates, key=lambda c: c[1])
    return Baseline(
        subset=part.name,
        metric=metric.name,
        floor=floor,
        floor_by=floor_by,
        ceiling=mean_of(ideal, part, metric)[0],
        blind={name: one.mean for name, one in blind.items()},
    )


def _unjudged(scores: ScoreTable, part: Overall, metric: Metric, size: int) -> bool:
    """Whether a strategy would be measured on enough samples but for judgements that are missing.

    Those of subsets that the part does without are not missed.
    """
    known = scores.measured(part, metric.name)
    if covered(known, size):
        return False
    needed = tuple(subset for subset in part.subsets if subset not in part.optional)
    missing = scores.missing(Overall(part.name, needed), metric.name).total()
    return covered(known + missing, size)
