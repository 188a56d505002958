"""What is asked about runs: of every performance that is scored, the model's and those behind floors.

A performance is what was heard of a sample. Blind and ideal respondents perform too: their timelines come
from the task (`tml_bench.task.Task.blind`, `tml_bench.task.Task.ideal`), and go through the same questions,
judge and scoring as a model's. Performances of many samples are more than fits: they are made when they are
asked for, and scored `PIECE` samples at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar, overload

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.questions import Question
from tml_bench.runs.store import StoredRun
from tml_bench.samples import Sample
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.task import Strategy, Task
from tml_bench.timeline import Timeline
from tml_bench.users.fault_rubric import line_questions

T = TypeVar("T")

SampleSet = tuple[str, ...]
"""Identifies the samples that floors and ceilings are computed on."""

PIECE = 16
"""Performances that are there at once."""
AT_ONCE = 1_000_000
"""So many samples, each counted for each strategy, are scored side by side."""


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


class PlayedSamples(Sequence[Performance]):
    """What is heard of samples, one performance each, made anew each time that it is asked for.

    Args:
        task: asks the questions.
        samples: in order.
        play: gives the timeline of a sample.
        about_user: also ask about every line of simulated users.
    """

    def __init__(
        self, task: Task, samples: Sequence[Sample], play: Strategy, *, about_user: bool = False
    ) -> None:
        self._task, self._samples, self._play, self._about_user = task, samples, play, about_user

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> Performance: ...
    @overload
    def __getitem__(self, index: slice) -> list[Performance]: ...
    def __getitem__(self, index: int | slice) -> Performance | list[Performance]:
        if isinstance(index, slice):
            return [self._performed(sample) for sample in self._samples[index]]
        return self._performed(self._samples[index])

    def _performed(self, sample: Sample) -> Performance:
        found = performance_of(self._task, sample, self._play(sample))
        return found._replace(of_user=_about_user(found)) if self._about_user else found


def pieces(performances: Sequence[T]) -> Iterator[Sequence[T]]:
    """A sequence in pieces of `PIECE`, made one after the other."""
    return (performances[begin : begin + PIECE] for begin in range(0, len(performances), PIECE))


class Respondents(NamedTuple):
    """What blind respondents, by strategy, and the ideal one do: each one performance per sample.

    ``searched`` are the strategies that are there because they are the best of a family on some metric.
    """

    blind: Mapping[str, Sequence[Performance]]
    ideal: Sequence[Performance]
    searched: frozenset[str] = frozenset()

    def groups(self) -> Iterator[tuple[str, ...]]:
        """The strategies, so many together as are scored `AT_ONCE`."""
        names, size = [*self.blind], max(1, AT_ONCE // max(1, len(self.ideal)))
        return (tuple(names[k : k + size]) for k in range(0, len(names), size))

    def played(self, group: Sequence[str]) -> Iterator[tuple[str, Sequence[Performance]]]:
        """What the strategies of a group do, of each piece of the samples one after the other."""
        for begin in range(0, len(self.ideal), PIECE):
            for name in group:
                yield name, self.blind[name][begin : begin + PIECE]

    def questions(self) -> Iterator[Question]:
        """All that is asked about them, in the order in which it is."""
        blind = (piece for group in self.groups() for _, piece in self.played(group))
        for some in (pieces(self.ideal), blind):
            for piece in some:
                for performance in piece:
                    yield from performance.all_questions


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run with all that is asked about it; its performances are of those samples that can be scored.

    ``samples`` identifies those that floors and ceilings are computed on. What respondents do on them is None
    where an earlier run has the same, or what the task raised when it was asked.
    """

    heard: RunTimelines
    performances: Sequence[Performance]
    samples: SampleSet
    respondents: Respondents | Exception | None

    def questions(self) -> Iterator[Question]:
        """All that is asked, in the order in which it is."""
        for performance in self.performances:
            yield from performance.all_questions
        if isinstance(self.respondents, Respondents):
            # What the task raises is told when they are scored.
            of_them = self.respondents.questions()
            asked = or_raised(lambda: [*of_them])
            yield from () if isinstance(asked, Exception) else asked


def ask(
    runs: Iterable[RunTimelines],
    respondents: Callable[[Task, Iterable[Sample]], Respondents],
    users: bool = False,
    known: Callable[[StoredRun, SampleSet], bool] = lambda run, samples: False,
) -> Iterator[AskedRun]:
    """What is asked about runs, one after the other; ``respondents`` gives those of a task, and may raise.

    It is not asked for those whose floors on a run's ``samples`` are ``known``.
    With ``users`` it is also asked about every line of simulated users, unless they are played again.
    """
    seen: set[SampleSet] = set()
    for heard in runs:
        run, config = heard.run, heard.run.file.config
        valid = {i for i, o in heard.outcomes.items() if o.kind is Outcome.VALID}
        scored = [s for s in run.samples if s.scored and s.id in valid]
        about_user = users and not config.replay_user
        performances = PlayedSamples(run.task, scored, heard.of, about_user=about_user)
        samples, usable = sample_set(heard)
        others = (
            None
            if samples in seen or known(run, samples)
            else or_raised(partial(respondents, run.task, usable))
        )
        seen.add(samples)
        yield AskedRun(heard, performances, samples, others)


def sample_set(heard: RunTimelines) -> tuple[SampleSet, list[Sample]]:
    """The samples that a run's floors and ceilings are computed on: all that can be played."""
    invalid = {i for i, o in heard.outcomes.items() if o.kind is Outcome.INVALID}
    config = heard.run.file.config
    usable = [s for s in heard.run.samples if s.id not in invalid]
    return (config.task, config.dataset_sha256, *sorted(invalid)), usable


def performance_of(task: Task, sample: Sample, timeline: Timeline) -> Performance:
    """A performance with its questions, or with what the task raised when it was asked for them."""
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
