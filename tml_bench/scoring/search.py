"""Which blind strategies make a task's floors: the fixed ones, and the best of a family on the samples.

A family (`tml_bench.task.Task.family`) is a grid: onsets, periods, lengths, numbers. Of one with more than
`PLAYED_WHOLE` members every member is scored by the task's own rules on all of the samples, and for every
metric in every part of the task the best one stays, where none before it is as good. These, and the fixed
strategies, then go through the run's judge as a model does, so that a judge that costs something is asked
about a few strategies and not about a grid. Which of a family is best on a metric that only that judge can
decide is decided by the rules.
"""

from collections.abc import Iterable, Mapping, Sequence

from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.samples import Sample
from tml_bench.scoring.asking import Performance, Respondents, performance_of
from tml_bench.scoring.judging import scores_of
from tml_bench.scoring.table import ScoreTable, columns, qualified
from tml_bench.task import Direction, Strategy, Task

PLAYED_WHOLE = 32
"""A family of so many or fewer is not searched: all of it is played."""
_TINY = 1e-9


def respondents(task: Task, samples: Iterable[Sample]) -> Respondents:
    """What the blind strategies and the ideal respondent do on the scored samples without a ``problem``.

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
        family = searched(task, family, Respondents(blind, ideal))
    return Respondents(blind | {name: _played(task, play, usable) for name, play in family.items()}, ideal)


def searched(task: Task, family: Mapping[str, Strategy], beside: Respondents) -> dict[str, Strategy]:
    """The members of a family that have the best value of a metric in some part of the task, in its order.

    ``beside`` are the strategies that are played anyway, and the ideal respondent: a member that is no better
    than one of them is not needed.
    """
    judge = RuleJudge(task.rules)
    usable = [performance.sample for performance in beside.ideal]
    ideal = ScoreTable(scores_of(task, beside.ideal, judge))
    wanted = [
        (part, metric, 1 if metric.direction is Direction.HIGHER else -1)
        for part, metric in columns(task)
        if metric.direction is not Direction.NONE and ideal.samples(part)
    ]
    best: dict[tuple[str, str], tuple[float, str]] = {}

    def enter(name: str, done: Sequence[Performance]) -> None:
        table = ScoreTable(scores_of(task, done, judge))
        for part, metric, sign in wanted:
            value, at = qualified(table, ideal, part, metric), (part.name, metric.name)
            if value is not None and (at not in best or sign * value > best[at][0] + _TINY):
                best[at] = sign * value, name

    for name, done in beside.blind.items():
        enter(name, done)
    for name, play in family.items():
        enter(name, _played(task, play, usable))
    winners = {name for _, name in best.values()}
    return {name: play for name, play in family.items() if name in winners}


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
