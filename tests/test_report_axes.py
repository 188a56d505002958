from __future__ import annotations

import pytest
from boards import board, cell, column
from hypothesis import given, strategies as st

from tml_bench.plugins import load_task, suite_names
from tml_bench.report.axes import (
    PlacedScore,
    PlottedModel,
    frontier,
    latency_and_quality,
    mean_of_independent,
    placed,
    profile_columns,
    series,
    setting,
)
from tml_bench.report.board import BoardCell, RowKind
from tml_bench.task import Axis

AXES = {
    "fd-bench-v1": Axis.TURN_TAKING,
    "fd-bench-v1.5": Axis.OVERLAP,
    "fd-bench-v2": Axis.KNOWING,
    "fd-bench-v3": Axis.DOING,
    "timespeak": Axis.TIME,
    "cuespeak": Axis.CUES,
    "presence": Axis.PRESENCE,
    "repcount-a": Axis.SEEING,
    "charades": Axis.SEEING,
    "proactive-video-qa": Axis.SEEING,
    "audio-multichallenge": Axis.KNOWING,
    "audio-multichallenge-open": Axis.KNOWING,
}
TURNS, CUES = column("turns", Axis.TURN_TAKING), column("cues", Axis.CUES)
SEES, KNOWS = column("sees", Axis.SEEING), column("knows", Axis.KNOWING, {"a": 0.5, "b": 2.0})


@pytest.mark.parametrize("name", suite_names())
def test_every_task_declares_its_axis_and_a_latency_that_it_measures(name: str) -> None:
    task = load_task(name)
    assert task.board is not None
    assert task.board.axis is AXES[name]
    if task.board.latency:
        latency = next(m for m in task.metrics if m.name == task.board.latency)
        assert latency.unit == "s"
    if trade := task.board.trade:
        for name, parts, unit in (
            (trade.latency, trade.latency_parts, "s"),
            (trade.cost, trade.cost_parts, "%"),
        ):
            metric = next(m for m in task.metrics if m.name == name)
            assert (metric.unit, set(parts) <= set(metric.subsets)) == (unit, True)


def test_a_score_is_placed_between_floor_and_ceiling() -> None:
    assert placed(cell(0.6, 0.5, 0.8, floor=0.2, ceiling=1.0)) == PlacedScore(
        pytest.approx(0.5), pytest.approx(0.375), pytest.approx(0.75)
    )
    # Lower is better: the floor is above the ceiling, and the ends change places.
    assert placed(cell(1.5, 1.0, 3.0, floor=2.5, ceiling=0.5)) == PlacedScore(0.5, -0.25, 0.75)
    assert placed(cell(0.1, floor=0.2, ceiling=1.0)) == PlacedScore(pytest.approx(-0.125), None, None)


def test_what_has_no_place() -> None:
    saturated = cell(0.9, floor=1.0, ceiling=1.0)
    without = [None, cell(None), cell(0.5, floor=None), cell(0.5, ceiling=None), saturated]
    assert [placed(c) for c in without] == [None] * 5


def test_mean_by_hand() -> None:
    found = mean_of_independent([PlacedScore(0.2, 0.1, 0.5), PlacedScore(0.6, 0.2, 1.0)])
    # Below: sqrt(0.1² + 0.4²) / 2; above: sqrt(0.3² + 0.4²) / 2.
    assert found == PlacedScore(
        pytest.approx(0.4), pytest.approx(0.4 - 0.17**0.5 / 2), pytest.approx(0.4 + 0.25)
    )
    assert mean_of_independent([]) is None
    assert mean_of_independent([PlacedScore(0.2, 0.1, 0.5), PlacedScore(0.6)]) == PlacedScore(0.4)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.integers(1, 9))
def test_the_mean_of_like_numbers_is_surer_by_the_root_of_their_count(
    value: float, below: float, above: float, n: int
) -> None:
    found = mean_of_independent([PlacedScore(value, value - below, value + above)] * n)
    assert found is not None
    assert found.value == pytest.approx(value)
    assert found.low == pytest.approx(value - below / n**0.5)
    assert found.high == pytest.approx(value + above / n**0.5)


def test_profile_shows_a_task_once_by_axis_where_most_models_stand() -> None:
    columns = [KNOWS, column("own", None), SEES, column("turns", Axis.TURN_TAKING), TURNS]
    half = cell(0.5)
    found = profile_columns(
        board(
            columns,
            {
                "a": [half, half, None, half, half],
                "b": [half, None, None, None, half],
                "ruler": [half, half, half, half, half],
            },
        )
    )
    assert [columns[k].task for k in found] == ["turns", "knows", "own"]
    assert found[0] == 4


def test_frontier_is_the_mean_of_axes_not_of_tasks() -> None:
    columns = [TURNS, SEES, column("sees too", Axis.SEEING), KNOWS]
    plot = frontier(board(columns, {"a": [cell(0.9), cell(0.2), cell(0.4), cell(0.7)]}))
    (point,) = plot.points
    assert point.x.value == pytest.approx(0.7)
    assert point.y.value == pytest.approx((0.9 + 0.3) / 2)
    assert plot.places == (0, 1, 2, 3)


def test_frontier_draws_only_models_with_all_that_most_have() -> None:
    half = cell(0.5)
    plot = frontier(
        board(
            [TURNS, CUES, SEES, KNOWS],
            {
                "a": [half, half, half, half],
                "b": [half, half, None, half],
                "c": [half, None, None, half],
                "d": [None, None, half, None],
                "ruler": [half, half, None, half],
                "ruler without": [half, None, None, half],
            },
        )
    )
    assert plot.places == (0, 1, 3)
    assert [(p.label, p.kind) for p in plot.points] == [
        ("a", RowKind.COMPETITOR), ("b", RowKind.COMPETITOR), ("ruler", RowKind.RULER),
    ]  # fmt: skip
    assert [label for label, _ in plot.lacking] == ["c", "d"]
    assert plot.lacking[0][1] == ("cues: a made-up task",)


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"ruler": [cell(0.5), cell(0.5)]},
        {"a": [cell(0.5), None]},
        {"a": [None, cell(0.5)]},
        {"a": [cell(0.5), None], "b": [None, cell(0.5)]},
        {"a": [cell(0.9, floor=1.0), cell(0.5)]},
    ],
)
def test_no_frontier_where_no_model_has_both(rows: dict[str, list[BoardCell | None]]) -> None:
    assert frontier(board([TURNS, KNOWS], rows)).empty


def test_latency_is_of_the_run_behind_the_score() -> None:
    rows = {
        "first": [cell(0.5), cell(0.6, run="b")],
        "second": [cell(0.5), cell(0.7, run="a")],
        "third": [cell(0.5), None],
    }
    plot = latency_and_quality(board([TURNS, KNOWS], rows))
    assert [(p.label, p.x.value, p.y.value) for p in plot.points] == [
        ("first", 2.0, 0.6), ("second", 0.5, 0.7),
    ]  # fmt: skip
    assert plot.lacking == (("third", ("knows: a made-up task",)),)
    assert latency_and_quality(board([TURNS], {"a": [cell(0.5)]})).empty


def test_labels_that_differ_in_whole_numbers_alone_are_a_series() -> None:
    labels = ["d:400", "m-2", "d:80", "m-3", "d:400,x=1", "d:80,x=2", "w:ws://h:1", "w:ws://h:2", "d:fast"]
    points = [PlottedModel(x, RowKind.COMPETITOR, PlacedScore(0), PlacedScore(0)) for x in labels]
    assert [[p.label for p in group] for group in series(points)] == [
        ["d:80", "d:400"],
        ["d:80,x=2", "d:400,x=1"],
    ]
    assert setting("d:80,x=2,y=3", "d:400,x=1,y=3") == "d:80, 2"
