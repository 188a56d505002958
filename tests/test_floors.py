"""Which blind strategies count for a floor: those known on nine tenths of the samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from tml_bench.metrics.statistics import estimate
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.scoring.floors import Baseline, ScoreTable, baselines, mean_of, observations
from tml_bench.task import NO_VERDICTS, Direction, Kind, Metric, Overall, Score, Task, Value
from tml_bench.timeline import Timeline

ABSENT, MISSING, NOTHING = 1.0, 2.0, 3.0
"""Lengths of timelines: no value, not judged, nothing to count; any other length is the value."""


def metric(name: str, direction: Direction, kind: Kind, decimals: int | None = None) -> Metric:
    return Metric(
        name=name, title=name, unit="s", direction=direction, kind=kind, subsets=("a", "b"), decimals=decimals
    )


class Tabled(Task):
    """Blind strategies with a known value on every sample.

    Args:
        size: samples in subset ``a``.
        table: the values of each strategy on them, by name.
        rest: the same in subset ``b``.
    """

    name = title = "tabled"
    subsets = ("a", "b")
    metrics = (
        metric("delay", Direction.LOWER, Kind.RATIO),
        metric("gain", Direction.HIGHER, Kind.RATIO),
        metric("rate", Direction.NONE, Kind.RATIO),
        metric("printed", Direction.LOWER, Kind.RATIO, decimals=1),
    )
    headline = ("delay",)
    data_help = ""
    overall = (Overall("together", ("a", "b")), Overall("each", ("a", "b"), equal=True))

    def __init__(self, table: dict[str, list[float]], rest: dict[str, list[float]] | None = None) -> None:
        self.table = {"a": table, "b": rest or {}}

    def dataset(self, data: Path | None) -> str:
        return "made-up"

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        for subset, table in self.table.items():
            for k in range(len(next(iter(table.values()), []))):
                yield Sample(f"{subset}{k}", subset)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        names = [m.name for m in self.metrics]
        values, missing = {}, {}
        if timeline.duration_s == MISSING:
            missing = dict.fromkeys(names, "not judged")
        elif timeline.duration_s == NOTHING:
            values = dict.fromkeys(names, Value(0.0, 0.0))
        elif timeline.duration_s != ABSENT:
            values = dict.fromkeys(names, Value(timeline.duration_s))
        return Score(self.name, sample.subset, sample.id, "", values, missing)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        table = self.table[sample.subset]
        return {name: Timeline(values[int(sample.id[1:])]) for name, values in table.items()}

    def ideal(self, sample: Sample) -> Timeline:
        return Timeline(100.0)


def found(task: Task) -> dict[tuple[str, str], Baseline]:
    return {(b.subset, b.metric): b for b in baselines(task, task.samples())}


def floor(metric: str, rare: list[float], common: float, subset: str = "a") -> tuple[float | None, str]:
    """The floor beside a strategy that has one value everywhere."""
    base = found(Tabled({"rare": rare, "common": [common] * len(rare)}))[subset, metric]
    return base.floor, base.floor_by


@pytest.mark.parametrize(
    ("rare", "counts"),
    [
        ([10.0] * 10, True),
        ([10.0] * 9 + [ABSENT], True),
        ([10.0] * 8 + [ABSENT] * 2, False),
        ([10.0] * 5 + [ABSENT], False),
        ([10.0], True),
        ([ABSENT], False),
        # With nothing to count in one, nine samples know no more than eight.
        ([10.0] * 8 + [NOTHING] + [ABSENT], False),
        # Nine are enough, whatever a judge would say of the other.
        ([10.0] * 9 + [MISSING], True),
        # The one that is missing could not make it nine.
        ([10.0] * 7 + [MISSING] + [ABSENT] * 2, False),
    ],
)
def test_a_strategy_known_on_nine_tenths_of_the_samples_counts(rare: list[float], counts: bool) -> None:
    assert floor("delay", rare, 20.0) == ((10.0, "rare") if counts else (20.0, "common"))
    assert floor("gain", rare, 5.0) == ((10.0, "rare") if counts else (5.0, "common"))
    assert floor("rate", rare, 5.0) == (None, "")


@pytest.mark.parametrize(
    "rare",
    [
        [10.0] * 8 + [MISSING] + [ABSENT],
        [10.0] * 8 + [MISSING] * 2,
        [MISSING] * 10,
        [MISSING] * 9 + [ABSENT],
    ],
)
def test_where_one_would_count_but_for_missing_judgements_the_floor_is_not_known(rare: list[float]) -> None:
    """Not even where the other strategy is far better: which is best is not known."""
    assert floor("delay", rare, 4.0) == floor("delay", rare, 20.0) == (None, "")
    assert floor("gain", rare, 20.0) == (None, "")


def test_what_is_defined_on_few_samples_has_a_floor_by_those() -> None:
    """Here the ideal respondent, too, has a value on two of ten samples only."""

    class Rarely(Tabled):
        def ideal(self, sample: Sample) -> Timeline:
            return Timeline(100.0 if sample.id in ("a0", "a1") else ABSENT)

    base = found(Rarely({"few": [10.0] * 2 + [ABSENT] * 8, "one": [5.0] + [ABSENT] * 9}))["a", "delay"]
    assert (base.floor, base.floor_by) == (10.0, "few")


def test_without_a_strategy_that_counts_there_is_no_floor() -> None:
    base = found(Tabled({"rare": [10.0, ABSENT, ABSENT]}))["a", "delay"]
    assert (base.floor, base.floor_by, base.blind, base.ceiling) == (None, "", {"rare": 10.0}, 100.0)


def test_samples_with_a_problem_and_mere_companions_are_left_out() -> None:
    """Both would make the common strategy better."""
    task = Tabled({"common": [20.0, 20.0, 5.0, 5.0]})
    one, two, broken, companion = task.samples()
    lost = [replace(broken, problem="no audio"), replace(companion, scored=False)]
    (base,) = (b for b in baselines(task, [one, two, *lost]) if (b.subset, b.metric) == ("a", "delay"))
    assert (base.floor, base.floor_by) == (20.0, "common")


def test_of_equals_the_first_is_named() -> None:
    for name in ("delay", "gain"):
        assert found(Tabled({"x": [10.0] * 2, "y": [10.0] * 2}))["a", name].floor_by == "x"


def test_nine_tenths_of_all_samples_where_subsets_are_together() -> None:
    """Known on nine of nine in one subset and on none in the other: nine of the ten."""
    task = Tabled(
        {"rare": [10.0] * 9, "common": [20.0] * 9},
        {"rare": [ABSENT], "common": [20.0]},
    )
    base = found(task)
    assert (base["together", "delay"].floor, base["together", "delay"].floor_by) == (10.0, "rare")
    assert (base["a", "delay"].floor, base["b", "delay"].floor) == (10.0, 20.0)


# ---- means over subsets of equal weight


UNEVEN = Tabled(
    {"one": [10.0, 10.0, 10.04, 10.12], "lost": [10.0] * 4, "empty": [10.0] * 4, "nothing": [10.0] * 4},
    {"one": [20.08], "lost": [MISSING], "empty": [ABSENT], "nothing": [NOTHING]},
)


def test_subsets_of_equal_weight_are_averaged_whatever_their_size() -> None:
    base = found(UNEVEN)
    assert base["each", "delay"].blind["one"] == pytest.approx((10.04 + 20.08) / 2)
    assert base["together", "delay"].blind["one"] == pytest.approx((40.16 + 20.08) / 5)


def test_a_mean_of_printed_means_is_made_of_the_rounded_ones() -> None:
    """10.04 is printed 10.0 and 20.08 is printed 20.1; what these come to is not rounded again."""
    base = found(UNEVEN)
    assert base["a", "printed"].blind["one"] == 10.0
    assert base["each", "printed"].blind["one"] == pytest.approx(15.05)
    assert base["together", "printed"].blind["one"] == 12.0


def test_a_subset_that_is_missing_leaves_no_mean_of_equal_weights() -> None:
    """Where it applies to no sample of the subset, or there is nothing to count, it is that of the others."""
    base = found(UNEVEN)
    for name in ("delay", "printed"):
        assert base["each", name].blind["lost"] is None
        assert base["each", name].blind["empty"] == 10.0
        assert base["each", name].blind["nothing"] == 10.0
        assert base["together", name].blind["lost"] == 10.0


def test_one_of_three_subsets_that_is_missing_leaves_none() -> None:
    values = {"a": {"delay": Value(10.0)}, "c": {"delay": Value(30.0)}}
    scores = [
        Score("tabled", "a", "a0", "", values["a"]),
        Score("tabled", "b", "b0", "", {}, {"delay": "not judged"}),
        Score("tabled", "c", "c0", "", values["c"]),
    ]
    each = Overall("each", ("a", "b", "c"), equal=True)
    assert mean_of(ScoreTable(scores), each, Tabled.metrics[0]) == (None, 0)
    assert observations(ScoreTable(scores), each, "delay") == ()
    applies = [scores[0], Score("tabled", "b", "b0", "", {}), scores[2]]
    assert mean_of(ScoreTable(applies), each, Tabled.metrics[0]) == (20.0, 2)


@pytest.mark.parametrize(("decimals", "mean"), [(None, (10.04 + 3 * 20.08) / 4), (1, (10.0 + 3 * 20.1) / 4)])
def test_subsets_of_unlike_weight(decimals: int | None, mean: float) -> None:
    metric = structs.replace(Tabled.metrics[0], decimals=decimals)
    scores = [
        Score("tabled", subset, f"{subset}{k}", "", {"delay": Value(value)})
        for subset, values in {"a": (10.03, 10.05), "b": (20.08,)}.items()
        for k, value in enumerate(values)
    ]
    part = Overall("each", ("a", "b"), equal=True, weights=(1.0, 3.0))
    assert mean_of(ScoreTable(scores), part, metric) == (pytest.approx(mean), 3)
    found = observations(ScoreTable(scores), part, "delay")
    assert [o.denominator for o in found] == [0.5, 0.5, 3.0]
    assert estimate(found, metric.kind).mean == pytest.approx((10.04 + 3 * 20.08) / 4)


def test_where_a_subset_is_missing_a_judgement_could_decide_the_floor_of_equal_weights() -> None:
    task = Tabled({"rare": [10.0], "common": [20.0]}, {"rare": [MISSING], "common": [20.0]})
    assert found(task)["each", "delay"].floor is None
    assert found(task)["a", "delay"].floor == 10.0


def test_observations_of_equal_weight_sum_to_the_mean() -> None:
    scores = [UNEVEN.score(s, UNEVEN.blind(s)["one"]) for s in UNEVEN.samples()]
    each = observations(ScoreTable(scores), UNEVEN.overall[1], "delay")
    assert [o.sample for o in each] == ["a0", "a1", "a2", "a3", "b0"]
    assert [o.denominator for o in each] == [0.25] * 4 + [1.0]
    assert sum(o.numerator for o in each) == pytest.approx(10.04 + 20.08)
    pooled = observations(ScoreTable(scores), UNEVEN.overall[0], "delay")
    assert [(o.numerator, o.denominator) for o in pooled][-1] == (20.08, 1.0)
