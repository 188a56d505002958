"""Which blind strategies make a task's floors: the fixed ones, and the best of a family on the samples.

A family (`tml_bench.task.Task.family`) is a grid: onsets, periods, lengths, numbers. Of one with more than
`PLAYED_WHOLE` members every member is scored by the task's own rules on the samples, and for every metric in
every part of the task the best one stays, where none before it is as good; but not where a fixed strategy
already reaches the ceiling. These and the fixed strategies then go through the run's judge as a model does,
so that a judge that costs something is asked about a few strategies and not about a grid. Which of a family
is best on a metric that a judge decides is decided by the rules.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple

from msgspec import msgpack, structs

from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.samples import Sample
from tml_bench.scoring.asking import Performance, Respondents, performance_of
from tml_bench.scoring.judging import scores_of
from tml_bench.scoring.table import ScoreTable, columns, qualified
from tml_bench.task import Direction, Metric, Overall, Score, Strategy, Task

PLAYED_WHOLE = 32
"""A family of so many or fewer is not searched: all of it is played."""
REMEMBERED = 32
"""Scores a sample that are kept while a grid is searched."""
_TINY = 1e-9


def respondents(task: Task, samples: Iterable[Sample], only: Collection[str] = ()) -> Respondents:
    """What the blind strategies and the ideal respondent do on the scored samples without a ``problem``.

    With ``only``, names of metrics, the best of a family is searched on these alone.

    Raises:
        UserError: the task names different blind strategies for different samples, or one of them twice.
    """
    usable = [s for s in samples if s.scored and not s.problem]
    blind = _fixed(task, usable)
    ideal = [performance_of(task, sample, task.ideal(sample)) for sample in usable]
    family = task.family(usable) if usable else {}
    if twice := blind.keys() & family.keys():
        raise UserError(
            f"task {task.name} has the blind strategy {min(twice)} twice",
            "Give those of family() other names than those of blind()",
        )
    if len(family) > PLAYED_WHOLE:
        family = searched(task, family, Respondents(blind, ideal), only)
    blind |= {name: _played(task, play, usable) for name, play in family.items()}
    return Respondents(blind, ideal, frozenset(family))


def searched(
    task: Task, family: Mapping[str, Strategy], beside: Respondents, only: Collection[str] = ()
) -> dict[str, Strategy]:
    """The members of a family that have the best value of a metric in some part of the task, in its order.

    ``beside`` are the strategies that are played anyway, and the ideal respondent: a member that is no better
    than one of them is not needed. ``only`` as for `respondents`.
    """
    judge = _SearchJudge({**task.rules, **task.search_rules})
    ideal = ScoreTable(scores_of(task, beside.ideal, judge), only)
    fixed = {name: ScoreTable(scores_of(task, done, judge), only) for name, done in beside.blind.items()}
    wanted = [column for column in _columns(task, ideal, only) if not column.reached(fixed.values(), ideal)]
    subsets = {subset for column in wanted for subset in column.part.subsets}
    usable = [one.sample for one in beside.ideal if one.sample.subset in subsets]
    best: dict[_Column, tuple[float, str]] = {}
    same = _SameScores(task, judge, usable)
    found = ((name, same.of(play)) for name, play in family.items())
    for name, table in chain(fixed.items(), ((name, ScoreTable(scores, only)) for name, scores in found)):
        for column in wanted:
            value = column.gain(table, ideal)
            if value is not None and (column not in best or value > best[column][0] + _TINY):
                best[column] = value, name
    winners = {name for _, name in best.values()}
    return {name: play for name, play in family.items() if name in winners}


class _SearchJudge(RuleJudge):
    """The rules of a search, which are another judge than the rules of the task."""

    @property
    def id(self) -> str:
        return f"search {super().id}"


class _SameScores:
    """Scores of strategies, each different timeline of a sample scored once.

    Strategies of a grid often do the same in a sample: nothing, or what the two edges of its one turn make
    alike. What is alike stands together in a grid, so that the scores of the last few are enough.
    """

    def __init__(self, task: Task, judge: RuleJudge, usable: Sequence[Sample]) -> None:
        self._task, self._judge, self._usable = task, judge, usable
        self._known: dict[bytes, Score] = {}

    def of(self, play: Strategy) -> list[Score]:
        """What a strategy reaches, one score a sample."""
        if len(self._known) > REMEMBERED * len(self._usable):
            self._known.clear()
        keys: list[bytes] = []
        fresh: dict[bytes, Performance] = {}
        for sample in self._usable:
            timeline = play(sample)
            key = blake2b(msgpack.encode((sample.id, timeline)), digest_size=16).digest()
            keys.append(key)
            if key not in self._known:
                fresh[key] = performance_of(self._task, sample, timeline)
        scores = scores_of(self._task, list(fresh.values()), self._judge)
        # What is said of a score beside its values takes more room than they do.
        bare = (structs.replace(score, rows=(), notes=()) for score in scores)
        self._known |= zip(fresh, bare, strict=True)
        return [self._known[key] for key in keys]


class _Column(NamedTuple):
    """A metric that has a better direction, in a part of the task that has samples."""

    part: Overall
    metric: Metric

    def gain(self, scores: ScoreTable, ideal: ScoreTable) -> float | None:
        """The value of a strategy where it counts, the higher the better."""
        value = qualified(scores, ideal, self.part, self.metric)
        return value if value is None or self.metric.direction is Direction.HIGHER else -value

    def reached(self, fixed: Iterable[ScoreTable], ideal: ScoreTable) -> bool:
        """Whether a fixed strategy is as good as the ideal respondent, so that there is nothing to search."""
        ceiling = self.gain(ideal, ideal)
        gains = (self.gain(scores, ideal) for scores in fixed)
        return ceiling is not None and any(gain is not None and gain >= ceiling - _TINY for gain in gains)


def _columns(task: Task, ideal: ScoreTable, only: Collection[str]) -> list[_Column]:
    pairs = [_Column(*pair) for pair in columns(task, only)]
    return [c for c in pairs if c.metric.direction is not Direction.NONE and ideal.samples(c.part)]


def _fixed(task: Task, usable: Sequence[Sample]) -> dict[str, list[Performance]]:
    blind: dict[str, list[Performance]] = {}
    for k, sample in enumerate(usable):
        strategies = task.blind(sample)
        if k and strategies.keys() != blind.keys():
            raise UserError(
                f"task {task.name} has the blind strategies {sorted(strategies)} for sample {sample.id}, "
                f"but {sorted(blind)} for sample {usable[0].id}",
                "Let blind() return the same names for every sample",
            )
        for name, timeline in strategies.items():
            blind.setdefault(name, []).append(performance_of(task, sample, timeline))
    return blind


def _played(task: Task, play: Strategy, usable: Sequence[Sample]) -> list[Performance]:
    return [performance_of(task, sample, play(sample)) for sample in usable]
