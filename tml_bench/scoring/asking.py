"""What is asked about runs: of every performance that is scored, the model's and those behind floors.

A performance is what was heard of a sample. Blind and ideal respondents perform too: their timelines come
from the task (`tml_bench.task.Task.blind`, `tml_bench.task.Task.ideal`), and go through the same questions,
judge and scoring as a model's.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.questions import Question
from tml_bench.runs.store import StoredRun
from tml_bench.samples import Sample
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.task import Task
from tml_bench.timeline import Timeline
from tml_bench.users.fault_rubric import line_questions

T = TypeVar("T")


class Performance(NamedTuple):
    """What was heard of a sample, and what a judge must decide before it can be scored.

    ``raised`` is what the task raised when it was asked for the questions; None where it did not. ``of_user``
    are questions about what a simulated user said, which scoring does not need.
    """

    sample: Sample
    timeline: Timeline
    questions: tuple[Question, ...]
    raised: Exception | None = None
    of_user: tuple[Question, ...] = ()

    @property
    def all_questions(self) -> tuple[Question, ...]:
        """All that is asked, the task's questions first."""
        return (*self.questions, *self.of_user)


class Respondents(NamedTuple):
    """What blind respondents, by strategy, and the ideal one do: each one performance per sample.

    ``searched`` are the strategies that are there because they are the best of a family on some metric.
    """

    blind: dict[str, list[Performance]]
    ideal: list[Performance]
    searched: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run with all that is asked about it; its performances are of those samples that can be scored.

    ``samples`` identifies those that floors and ceilings are computed on. What respondents do on them is None
    where an earlier run has the same, or what the task raised when it was asked.
    """

    heard: RunTimelines
    performances: list[Performance]
    samples: tuple[str, ...]
    respondents: Respondents | Exception | None

    def questions(self) -> Iterator[Question]:
        """All that is asked, in the order in which it is."""
        them = self.respondents
        others = [*them.blind.values(), them.ideal] if isinstance(them, Respondents) else []
        for performances in (self.performances, *others):
            for performance in performances:
                yield from performance.all_questions


def ask(
    runs: Iterable[RunTimelines],
    respondents: Callable[[Task, Iterable[Sample]], Respondents],
    users: bool = False,
    known: Callable[[StoredRun, tuple[str, ...]], bool] = lambda run, samples: False,
) -> Iterator[AskedRun]:
    """What is asked about runs, one after the other; ``respondents`` gives those of a task, and may raise.

    It is not asked for those whose floors on a run's ``samples`` are ``known``.
    With ``users`` it is also asked about every line of simulated users, unless they are played again.
    """
    seen: set[tuple[str, ...]] = set()
    for heard in runs:
        run, config = heard.run, heard.run.file.config
        ended = {kind: {i for i, o in heard.outcomes.items() if o.kind is kind} for kind in Outcome}
        scored = [s for s in run.samples if s.scored and s.id in ended[Outcome.VALID]]
        performances = [performance_of(run.task, sample, heard.of(sample)) for sample in scored]
        if users and not config.replay_user:
            performances = [one._replace(of_user=_about_user(one)) for one in performances]
        samples = (config.task, config.dataset_sha256, *sorted(ended[Outcome.INVALID]))
        usable = [s for s in run.samples if s.id not in ended[Outcome.INVALID]]
        others = (
            None
            if samples in seen or known(run, samples)
            else or_raised(partial(respondents, run.task, usable))
        )
        seen.add(samples)
        yield AskedRun(heard, performances, samples, others)


def performance_of(task: Task, sample: Sample, timeline: Timeline) -> Performance:
    """What was heard of a sample, with the task's questions about it."""
    asked = or_raised(partial(task.questions, sample, timeline))
    if isinstance(asked, Exception):
        return Performance(sample, timeline, (), asked)
    return Performance(sample, timeline, asked)


def _about_user(one: Performance) -> tuple[Question, ...]:
    scenario = one.sample.scenario
    return () if scenario is None else line_questions(scenario, one.timeline)


def or_raised(make: Callable[[], T]) -> T | Exception:
    """What is made, or what a task raised in making it; a `UserError` is raised further."""
    try:
        return make()
    except UserError:
        raise
    except Exception as error:
        return error
