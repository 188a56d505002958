"""Which blind strategies make a task's floors: the fixed ones, and the best of a family on the samples.

A family (`tml_bench.task.Task.family`) is a grid: onsets, periods, lengths, numbers. Of one with more than
`PLAYED_WHOLE` members every member is scored by the task's own rules on the samples, and for every metric in
every part of the task the best one stays, where none before it is as good; but not where a fixed strategy
already reaches the ceiling. These and the fixed strategies then go through the run's judge as a model does,
so that a judge that costs something is asked about a few strategies and not about a grid. Which of a family
is best on a metric that a judge decides is decided by the rules.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from msgspec import msgpack

from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.samples import Sample
from tml_bench.scoring.asking import PIECE, Performance, PlayedSamples, Respondents, performance_of
from tml_bench.scoring.judging import scores_of
from tml_bench.scoring.table import Demand, ScoreTable, columns, demand, qualified
from tml_bench.task import Direction, Metric, Overall, Score, Strategy, Task
from tml_bench.timeline import Timeline

PLAYED_WHOLE = 32
"""A family of so many or fewer is not searched: all of it is played."""
_TINY = 1e-9


def respondents(task: Task, samples: Iterable[Sample], only: Collection[str] = ()) -> Respondents:
    """What the blind strategies and the ideal respondent do on the scored samples without a ``problem``.

    With ``only``, names of metrics, the best of a family is searched on these alone.

    Raises:
        UserError: the task names different blind strategies for different samples, or one of them twice.
    """
    usable = [s for s in samples if s.scored and not s.problem]
    blind: dict[str, Sequence[Performance]] = {**_fixed(task, usable)}
    ideal = PlayedSamples(task, usable, task.ideal)
    family = task.family(usable) if usable else {}
    if twice := blind.keys() & family.keys():
        raise UserError(
            f"task {task.name} has the blind strategy {min(twice)} twice",
            "Give those of family() other names than those of blind()",
        )
    if len(family) > PLAYED_WHOLE:
        family = searched(task, family, Respondents(blind, ideal), only)
    blind |= {name: PlayedSamples(task, usable, play) for name, play in family.items()}
    return Respondents(blind, ideal, frozenset(family))


def searched(
    task: Task, family: Mapping[str, Strategy], beside: Respondents, only: Collection[str] = ()
) -> dict[str, Strategy]:
    """The members of a family that have the best value of a metric in some part of the task, in its order.

    ``beside`` are the strategies that are played anyway, and the ideal respondent: a member that is no better
    than one of them is not needed. ``only`` as for `respondents`.
    """
    judge = _SearchJudge({**task.rules, **task.search_rules})
    ideal = _folded(scores_of(task, beside.ideal, judge), only)
    fixed = {name: ScoreTable(only=only, named=False) for name in beside.blind}
    for name, piece in beside.played([*fixed]):
        for score in scores_of(task, piece, judge):
            fixed[name].add(score)
        fixed[name].fold()
    wanted = [column for column in _columns(task, ideal, only) if not column.reached(fixed.values(), ideal)]
    if not wanted:
        return {}
    subsets = {subset for column in wanted for subset in column.part.subsets}
    metrics = {column.metric.name for column in wanted}
    tables = {name: ScoreTable(only=metrics, named=False) for name in family}
    usable = (one.sample for one in beside.ideal if one.sample.subset in subsets)
    for number, sample in enumerate(usable, 1):
        for name, score in _alike(task, family, sample, judge):
            tables[name].add(score)
            if number % PIECE == 0:
                tables[name].fold()
    for table in tables.values():
        table.fold()
    played = fixed | tables
    winners = {column.won_by(played) for column in wanted}
    return {name: play for name, play in family.items() if name in winners}


def _folded(scores: Iterable[Score], only: Collection[str]) -> ScoreTable:
    table = ScoreTable(only=only, named=False)
    for number, score in enumerate(scores, 1):
        table.add(score)
        if number % PIECE == 0:
            table.fold()
    return table


def _alike(
    task: Task, family: Mapping[str, Strategy], sample: Sample, judge: RuleJudge
) -> Iterator[tuple[str, Score]]:
    """What each strategy reaches in a sample, where each different timeline is scored once.

    Strategies of a grid often do the same in a sample: nothing, or what the two edges of its one turn make
    alike.
    """
    keys: dict[str, bytes] = {}
    different: dict[bytes, Performance] = {}
    for name, play in family.items():
        timeline = play(sample)
        keys[name] = key = msgpack.encode(timeline)
        if key not in different:
            different[key] = performance_of(task, sample, timeline)
    scores = dict(zip(different, scores_of(task, [*different.values()], judge), strict=True))
    return ((name, scores[key]) for name, key in keys.items())


class _SearchJudge(RuleJudge):
    """The rules of a search, which are another judge than the rules of the task."""

    @property
    def id(self) -> str:
        return f"search {super().id}"


class _Column(NamedTuple):
    """A metric that has a better direction, in a part of the task that has samples.

    ``demand`` is what a strategy must be measured over there to count.
    """

    part: Overall
    metric: Metric
    demand: Demand

    def gain(self, scores: ScoreTable) -> float | None:
        """The value of a strategy where it counts, the higher the better."""
        value = qualified(scores, self.demand, self.part, self.metric)
        return value if value is None or self.metric.direction is Direction.HIGHER else -value

    def reached(self, fixed: Iterable[ScoreTable], ideal: ScoreTable) -> bool:
        """Whether a fixed strategy is as good as the ideal respondent, so that there is nothing to search."""
        ceiling = self.gain(ideal)
        gains = map(self.gain, fixed)
        return ceiling is not None and any(gain is not None and gain >= ceiling - _TINY for gain in gains)

    def won_by(self, tables: Mapping[str, ScoreTable]) -> str:
        """The first strategy of which none is better; empty where none counts."""
        best, winner = -math.inf, ""
        for name, scores in tables.items():
            value = self.gain(scores)
            if value is not None and value > best + _TINY:
                best, winner = value, name
        return winner


def _columns(task: Task, ideal: ScoreTable, only: Collection[str]) -> list[_Column]:
    return [
        _Column(part, metric, demand(ideal, part, metric))
        for part, metric in columns(task, only)
        if metric.direction is not Direction.NONE and ideal.samples(part)
    ]


def _fixed(task: Task, usable: Sequence[Sample]) -> dict[str, PlayedSamples]:
    if not usable:
        return {}
    blind = _Blind(task, usable[0])
    return {name: PlayedSamples(task, usable, partial(blind.of, name)) for name in blind.names}


class _Blind:
    """What the fixed strategies of a task do, of which it gives those of a sample together."""

    def __init__(self, task: Task, first: Sample) -> None:
        self._task, self._first = task, first
        self._known: dict[str, dict[str, Timeline]] = {}
        self.names = tuple(self._of(first))

    def of(self, name: str, sample: Sample) -> Timeline:
        """What a strategy does on a sample. Raises UserError where the sample has other strategies."""
        return self._of(sample)[name]

    def _of(self, sample: Sample) -> dict[str, Timeline]:
        known = self._known.get(sample.id)
        if known is not None:
            return known
        if len(self._known) >= PIECE:
            self._known.clear()
        self._known[sample.id] = found = self._task.blind(sample)
        if sample is not self._first and found.keys() != set(self.names):
            raise UserError(
                f"task {self._task.name} has the blind strategies {sorted(found)} for sample {sample.id}, "
                f"but {sorted(self.names)} for sample {self._first.id}",
                "Let blind() return the same names for every sample",
            )
        return found
