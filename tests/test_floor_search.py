"""The search of floors: which members of a family of blind strategies are played, and which make a floor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec import structs

from tml_bench.errors import UserError
from tml_bench.questions import Decision, Question, Rubric, Rule, Verdicts
from tml_bench.samples import Sample
from tml_bench.scoring.asking import Respondents, performance_of
from tml_bench.scoring.floors import Baseline, baselines
from tml_bench.scoring.search import PLAYED_WHOLE, respondents, searched
from tml_bench.task import NO_VERDICTS, Direction, Kind, Metric, Overall, Score, Strategy, Task, Value
from tml_bench.timeline import Timeline


def _plain(duration_s: float, sample: Sample) -> Timeline:
    return Timeline(duration_s)


class Durations(Task):
    """Every strategy is a number, how long its timeline lasts.

    ``near`` is how far it is from the sample's own number, ``long`` the number itself, and ``rare`` the same
    distance over as many events as the number says. The ideal respondent says the sample's number.
    """

    name = title = "durations"
    subsets = ("a", "b")
    metrics = (
        Metric(name="near", title="near", direction=Direction.LOWER, subsets=("a", "b")),
        Metric(name="long", title="long", direction=Direction.HIGHER, subsets=("a", "b")),
        Metric(name="any", title="any", direction=Direction.NONE, subsets=("a", "b")),
        Metric(name="rare", title="rare", direction=Direction.LOWER, kind=Kind.RATIO, subsets=("a", "b")),
    )
    headline = ("near",)
    overall = (Overall("together", ("a", "b")),)

    def __init__(self, members: Mapping[str, float], fixed: Mapping[str, float] | None = None) -> None:
        self.members = members
        self.fixed = {"silent": 0.0} if fixed is None else fixed

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        yield from (Sample("a3", "a"), Sample("a5", "a"), Sample("b20", "b"))

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        said, wanted = timeline.duration_s, float(sample.id[1:])
        off = abs(said - wanted)
        values = {
            "near": Value(off),
            "long": Value(said),
            "any": Value(said),
            "rare": Value(off * said, said),
        }
        return Score(self.name, sample.subset, sample.id, "", values)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        return {name: Timeline(value) for name, value in self.fixed.items()}

    def family(self, samples: Sequence[Sample]) -> dict[str, Strategy]:
        return {name: partial(_plain, value) for name, value in self.members.items()}

    def ideal(self, sample: Sample) -> Timeline:
        return Timeline(float(sample.id[1:]))


GRID = {f"say {k}": float(k) for k in range(1, 41)}


def found(task: Task) -> dict[tuple[str, str], Baseline]:
    return {(b.subset, b.metric): b for b in baselines(task, task.samples())}


def test_of_a_large_family_only_the_best_are_played() -> None:
    assert len(GRID) > PLAYED_WHOLE
    task = Durations(GRID)
    played = respondents(task, task.samples())
    # Of equals the first: 3 is as near as 4 and 5 to 3 and 5, and 5 the best for all three together.
    # 4 and 9 are the least that say nine tenths of what is to be said in "a" and in both.
    assert set(played.blind) == {"silent", "say 3", "say 4", "say 5", "say 9", "say 20", "say 40"}
    assert {len(done) for done in played.blind.values()} == {3}


def test_a_small_family_is_played_whole() -> None:
    task = Durations({f"say {k}": float(k) for k in range(1, PLAYED_WHOLE + 1)})
    assert len(respondents(task, task.samples()).blind) == 1 + PLAYED_WHOLE


def test_each_metric_has_the_best_of_the_family_in_each_part() -> None:
    base = found(Durations(GRID))
    assert (base["a", "near"].floor, base["a", "near"].floor_by) == (1.0, "say 3")
    assert (base["b", "near"].floor, base["b", "near"].floor_by) == (0.0, "say 20")
    assert (base["together", "near"].floor, base["together", "near"].floor_by) == (17 / 3, "say 5")
    assert (base["b", "long"].floor, base["b", "long"].floor_by) == (40.0, "say 40")
    assert base["b", "any"].floor is None


def test_only_some_metrics_can_be_asked_for() -> None:
    task = Durations(GRID)
    one = baselines(task, task.samples(), only=("near",))
    assert {(b.subset, b.metric): b.floor for b in one} == {
        (part, "near"): found(task)[part, "near"].floor for part in ("together", "a", "b")
    }
    assert set(respondents(task, task.samples(), ("near",)).blind) == {"silent", "say 3", "say 5", "say 20"}


def test_what_is_done_alike_is_scored_once() -> None:
    """Forty strategies that all do one of two things in a sample are scored twice there."""
    asked: list[float] = []

    class Counted(Durations):
        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            asked.append(timeline.duration_s)
            return super().score(sample, timeline, verdicts)

    two = Counted({f"say {k}": float(3 + k % 2) for k in range(40)})
    searched(
        two, two.family([]), Respondents({}, [performance_of(two, s, two.ideal(s)) for s in two.samples()])
    )
    assert len(asked) == 3 + 2 * 3


def test_a_search_judges_what_the_rules_cannot_tell() -> None:
    """By the rules no member has a value; by the rules of the search the best one is played."""
    rubric = Rubric("far", 1, "Is it far?", ("yes", "no"))

    class Asking(Durations):
        rubrics = (rubric,)
        rules = MappingProxyType({"far": Rule(1, lambda question: Decision(None, "unknown"))})
        search_rules = MappingProxyType({"far": Rule(1, lambda question: Decision("yes"))})

        def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
            return (Question("far", rubric, ()),) if timeline.duration_s else ()

        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            found = super().score(sample, timeline)
            lost = timeline.duration_s and verdicts["far"].answer is None
            return (
                structs.replace(found, values={}, missing=dict.fromkeys(found.values, "-")) if lost else found
            )

    task = Asking(GRID)
    assert {"say 3", "say 5", "say 20"} <= set(respondents(task, task.samples()).blind)
    assert baselines(task, task.samples(), only=("near",))[0].floor is None


def test_a_member_no_better_than_a_fixed_strategy_is_not_played() -> None:
    task = Durations(GRID, {"known": 5.0, "long": 40.0, "twenty": 20.0})
    assert set(respondents(task, task.samples()).blind) == {"known", "long", "twenty", "say 9"}


def test_what_a_fixed_strategy_reaches_is_not_searched() -> None:
    """40 is better than the ceiling of `long` in every part, so nothing longer is looked for."""
    task = Durations({f"say {k}": float(k) for k in range(41, 90)}, {"long": 40.0})
    assert set(respondents(task, task.samples()).blind) == {"long"}


def test_a_strategy_measured_over_little_makes_no_floor() -> None:
    """Where 20 things are to be said, 17 of them said well are no floor; 18 are."""
    assert found(Durations({"say 17": 17.0, "say 25": 25.0}))["b", "rare"].floor == 5.0
    assert found(Durations({"say 18": 18.0, "say 25": 25.0}))["b", "rare"].floor == 2.0


def test_a_name_in_both_is_an_error() -> None:
    with pytest.raises(UserError, match="has the blind strategy silent twice"):
        found(Durations({"silent": 1.0}))


def test_without_samples_nothing_is_searched() -> None:
    assert respondents(Durations(GRID), []).blind == {}
