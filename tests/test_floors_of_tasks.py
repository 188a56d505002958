"""Floors and ceilings of every task that ships, on the sets that ship.

Nothing that looks at nothing is better than a floor by more than the luck of a few samples, no floor is above
its ceiling, and the ideal respondent moved a little is nowhere better than the ceiling.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from math import inf

import pytest
from msgspec import structs

from tml_bench.judges.rules import RuleJudge
from tml_bench.plugins import load_task, suite_names
from tml_bench.samples import Sample
from tml_bench.scoring.asking import performance_of
from tml_bench.scoring.floors import Baseline, baselines, columns
from tml_bench.scoring.judging import scores_of
from tml_bench.scoring.table import ScoreTable, demand, qualified
from tml_bench.task import Direction, Metric, Overall, Strategy, Task
from tml_bench.tasks._timed import strategies as timed
from tml_bench.tasks.charades import strategies as intervals
from tml_bench.tasks.fd_bench_v1 import task as turns
from tml_bench.tasks.fd_bench_v15 import task as overlaps
from tml_bench.tasks.proactive_video_qa import task as replies
from tml_bench.tasks.repcount_a import strategies as counts
from tml_bench.timeline import Segment, Timeline

TASKS = (
    "audio-multichallenge", "charades", "cuespeak", "fd-bench-v1", "fd-bench-v1.5", "fd-bench-v3",
    "proactive-video-qa", "repcount-a", "timespeak",
)  # fmt: skip
EDGE_S = 0.1 + 1e-6
"""What edges are uncertain by."""
SHARE = 0.02
"""What a share may move by, besides what two samples are worth."""
SPOKEN_S = 0.5
"""A metronome says its words as fast as it must, the ideal respondent at leisure: by so much sooner the first
comes to the one that decides."""
ROOM = 0.25
"""Between the best blind strategy and the ideal respondent by a task's score on the board."""
REFERENCE = ("fdb_", "fdb15_", "fdb3_")
"""Metrics that follow published rules to the letter; they reward what the ideal respondent does not do."""


@cache
def samples(task: str) -> tuple[Sample, ...]:
    return tuple(s for s in load_task(task).samples() if s.scored and not s.problem)


@cache
def judge(task: str) -> RuleJudge:
    """One for all strategies: it remembers what it decided, and many say the same."""
    return RuleJudge(load_task(task).rules)


@cache
def found(task: str) -> dict[tuple[str, str], Baseline]:
    return {(b.subset, b.metric): b for b in baselines(load_task(task), samples(task), judge(task))}


def better(metric: Metric, value: float, than: float) -> float:
    """By how much a value is better than another."""
    return value - than if metric.direction is Direction.HIGHER else than - value


def directed(task: Task) -> Iterator[tuple[Overall, Metric, Baseline]]:
    known = found(task.name)
    for part, metric in columns(task):
        if metric.direction is not Direction.NONE and (part.name, metric.name) in known:
            yield part, metric, known[part.name, metric.name]


def table(task: Task, play: Strategy) -> ScoreTable:
    done = [performance_of(task, sample, play(sample)) for sample in samples(task.name)]
    return ScoreTable(scores_of(task, done, judge(task.name)))


@cache
def ideal(task: str) -> ScoreTable:
    return table(load_task(task), load_task(task).ideal)


@pytest.mark.parametrize("name", TASKS)
def test_no_floor_is_above_its_ceiling(name: str) -> None:
    for part, metric, one in directed(load_task(name)):
        if one.floor is not None and one.ceiling is not None and not metric.name.startswith(REFERENCE):
            most = SPOKEN_S if metric.name == "answer_time" else 1e-9
            assert better(metric, one.floor, one.ceiling) <= most, (part.name, metric.name, one)


@pytest.mark.parametrize("name", suite_names())
def test_the_ideal_respondent_gets_everything_and_no_blind_one_nearly_as_much(name: str) -> None:
    score = load_task(name).board
    assert score is not None
    one = found(name)[score.part, score.metric]
    assert one.ceiling == pytest.approx(1.0)
    assert one.floor is not None
    assert one.floor <= 1.0 - ROOM
    assert {"silent"} <= one.blind.keys()
    assert max(v for v in one.blind.values() if v is not None) == one.floor


# ---- other families than those that are searched


def _instants(name: str, lasts_s: float) -> list[float]:
    """Times between those of the grids, and at random."""
    rng = random.Random(name)
    return [
        *(0.13 + 1.9 * k for k in range(int(lasts_s / 1.9))),
        *(rng.uniform(0, lasts_s) for _ in range(7)),
    ]


def _charades() -> Iterator[Strategy]:
    rng = random.Random("charades")
    for _ in range(300):
        a, b = sorted((rng.uniform(0.0, 25.0), rng.uniform(0.0, 35.0)))
        yield intervals.constant(a, b + 0.01)


def _numbers(plan: counts.Plan) -> Strategy:
    return counts.played(plan)


def _repcount() -> Iterator[Strategy]:
    rng = random.Random("repcount")
    for _ in range(25):
        rate = rng.uniform(0.05, 1.5)
        yield _numbers(partial(counts.metronome, rate, rng.choice((inf, rng.randint(3, 40))), 0.0))
        yield _numbers(partial(counts.per_action, counts.ACTION_RATES, rng.uniform(0.3, 1.6)))
        yield _numbers(partial(counts.metronome, rate, inf, rng.uniform(0.0, 3.0)))
        yield _numbers(partial(counts.recital, rng.randint(2, 40), rng.uniform(0.2, 1.5)))


def _turns() -> Iterator[Strategy]:
    rng = random.Random("turns")
    for at in _instants("turns", 28.0):
        yield partial(turns._constant, at)
        yield partial(turns._until, at + 0.1)
        yield partial(turns._metronome, rng.uniform(1.0, 12.0), rng.uniform(0.2, 8.0))


def _overlaps() -> Iterator[Strategy]:
    for at in _instants("overlaps", 20.0):
        yield partial(overlaps._constant, at)


def _replies() -> Iterator[Strategy]:
    for at in _instants("replies", 30.0):
        yield partial(replies._once, at, replies.CHATTER)
        yield partial(replies._every, 1.0 + at, replies.CHATTER)
        yield partial(replies._every, 1.0 + at, "")


def _timed() -> Iterator[Strategy]:
    rng = random.Random("timed")
    for at in _instants("timed", 30.0):
        yield partial(timed._once, *rng.choice(timed.EDGES), at)
        yield partial(timed._each, *rng.choice(timed.EDGES), at, rng.uniform(1.0, 12.0))
        yield partial(timed._metronome, rng.uniform(1.0, 20.0), rng.uniform(0.2, 1.0))


OTHERS: Mapping[str, Sequence[Strategy]] = {
    "charades": list(_charades()),
    "repcount-a": list(_repcount()),
    "fd-bench-v1": list(_turns()),
    "fd-bench-v1.5": list(_overlaps()),
    "proactive-video-qa": list(_replies()),
    "timespeak": list(_timed()),
    "cuespeak": list(_timed()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_blind_strategies_are_hardly_better_than_the_floor(name: str) -> None:
    task = load_task(name)
    for play in OTHERS[name]:
        reached = table(task, play)
        for part, metric, one in directed(task):
            value = qualified(reached, demand(ideal(name), part, metric), part, metric)
            if value is not None and not metric.name.startswith(REFERENCE):
                assert one.floor is not None, (part.name, metric.name)
                luck = 2 / ideal(name).samples(part)
                most = SHARE + luck if metric.unit == "%" else max(EDGE_S, one.floor * (0.05 + luck))
                assert better(metric, value, one.floor) <= most, (part.name, metric.name, value, one)


# ---- the ideal respondent, a little early and late


def moved(timeline: Timeline, by_s: float) -> Timeline:
    """All that is said, earlier or later."""

    def at(one: Segment) -> Segment:
        return structs.replace(one, start_s=one.start_s + by_s, end_s=one.end_s + by_s)

    words = [
        structs.replace(w, start_s=w.start_s + by_s, end_s=None if w.end_s is None else w.end_s + by_s)
        for w in timeline.words
        if w.start_s is not None
    ]
    return structs.replace(
        timeline,
        segments=tuple(map(at, timeline.segments)),
        words=tuple(words),
        silero_segments=tuple(map(at, timeline.silero_segments)),
        silero_unrounded=tuple(map(at, timeline.silero_unrounded)),
    )


@pytest.mark.parametrize("by_ms", [-100, -50, 50, 100])
@pytest.mark.parametrize("name", TASKS)
def test_the_ideal_moved_a_little_is_nowhere_better_than_the_ceiling(name: str, by_ms: int) -> None:
    task = load_task(name)
    reached = table(task, lambda sample: moved(task.ideal(sample), by_ms / 1000))
    for part, metric, one in directed(task):
        value = qualified(reached, demand(ideal(name), part, metric), part, metric)
        if value is None or one.ceiling is None or metric.name.startswith(REFERENCE):
            continue
        most = EDGE_S if metric.unit == "s" else SHARE
        assert better(metric, value, one.ceiling) <= most, (part.name, metric.name, value, one.ceiling)
