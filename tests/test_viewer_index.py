"""The list of samples, worst first, and what is read from the rows of a score."""

from __future__ import annotations

from pathlib import Path

import pytest
from viewer_runs import EVIL, TURN_TAKING, VIDEO, attempt, golden, made_run, run_file, scored, summarised

from tml_bench.metric import Mark, Value
from tml_bench.outcome import Outcome
from tml_bench.viewer.happenings import Row, happenings, windows
from tml_bench.viewer.index import sample_index
from tml_bench.viewer.run_files import open_viewed
from tml_bench.viewer.sample_schema import WindowState

TIMED: list[Row] = [
    {"event": "expected e1", "start_s": 1.0, "end_s": 2.0},
    {"event": "expected e2", "start_s": 3.0, "end_s": 4.0},
    {"event": "expected e3", "start_s": 5.0, "end_s": 6.0},
    {"event": "expected e4", "start_s": 7.0, "end_s": 8.0},
    {"event": "on time e1: a: b", "start_s": 1.5, "end_s": 1.8},
    {"event": "early e2: c", "start_s": 2.5, "end_s": 2.8},
    {"event": "wrong length e4: d", "start_s": 7.5, "end_s": 7.8},
    {"event": "false alarm: e", "start_s": 9.0, "end_s": 9.5},
    {"event": "acknowledgement: f", "start_s": 9.0, "end_s": 9.5},
]


def test_adapter_errors_come_first_then_the_worst_then_what_is_nobody_s_fault(tmp_path: Path) -> None:
    tried = [
        attempt("good"), attempt("gone", Outcome.INFRASTRUCTURE, reason="away"), attempt("bad"),
        attempt("unscored"), attempt("crash", Outcome.ADAPTER_ERROR, reason=EVIL), attempt("middle"),
        attempt("broken", Outcome.INVALID, reason="no file"),
    ]  # fmt: skip
    run = made_run(tmp_path / "r", tried)
    for sample, value in (("good", 1.0), ("bad", 0.0), ("middle", 0.5)):
        scored(run, sample, {"share": value}, [])
    summarised(run, ["share"])
    found = sample_index(open_viewed([run]))
    columns = found.columns
    order = ["crash", "bad", "middle", "good", "unscored", "gone", "broken"]
    assert columns.sample == order
    assert columns.n == [4, 2, 5, 0, 3, 1, 6]
    assert columns.score == [None, 0.0, 0.5, 1.0, None, None, None]
    assert columns.badness == [None, 1.0, 0.5, 0.0, None, None, None]
    assert [found.outcomes[k] for k in columns.outcome] == [
        "adapter_error", "valid", "valid", "valid", "valid", "infrastructure", "invalid",
    ]  # fmt: skip
    assert columns.reason == [EVIL, "", "", "", "the sample has no score", "away", "no file"]


@pytest.mark.parametrize(("direction", "order"), [("lower", ["b", "c", "a"]), ("higher", ["a", "c", "b"])])
def test_values_that_are_no_shares_are_ranked(tmp_path: Path, direction: str, order: list[str]) -> None:
    run = made_run(tmp_path / "r", [attempt(name) for name in "abc"])
    for sample, value in (("a", 0.1), ("b", 1000.0), ("c", 7.0)):
        scored(run, sample, {"delay": value}, [])
    summarised(run, ["delay"], "s", direction)
    columns = sample_index(open_viewed([run])).columns
    assert columns.sample == order
    assert columns.badness == [1.0, 0.5, 0.0]


def test_the_last_attempt_counts_and_its_sample_keeps_its_number(tmp_path: Path) -> None:
    tried = [attempt("one", Outcome.INFRASTRUCTURE), attempt("two"), attempt("one", number=2)]
    found = sample_index(open_viewed([made_run(tmp_path / "r", tried)]))
    assert sorted(zip(found.columns.n, found.columns.sample, strict=True)) == [(0, "one"), (1, "two")]
    assert {found.outcomes[k] for k in found.columns.outcome} == {"valid"}
    assert "not scored" in found.runs[0].problem


def test_stored_runs_are_listed(tmp_path: Path) -> None:
    golden(tmp_path)
    golden(tmp_path, VIDEO)
    (tmp_path / "results" / "report").mkdir()
    found = sample_index(open_viewed([tmp_path / "results"]))
    assert [(run.run, run.ruler, run.scored) for run in found.runs] == [
        (TURN_TAKING, True, True),
        (VIDEO, True, True),
    ]
    assert all(score is not None for score in found.columns.score)
    assert all(length > 5 for length in found.columns.duration_s)


def test_runs_of_one_name_have_keys_of_their_own(tmp_path: Path) -> None:
    paths = [made_run(tmp_path / place / "a b:ä%2f", [attempt("one")], run_file()) for place in "xy"]
    assert [run.key for run in open_viewed([*paths, paths[0]])] == ["a_b___2f", "a_b___2f-2"]


def test_no_runs_are_an_empty_list() -> None:
    assert sample_index([]).columns.sample == []


def test_happenings_of_a_timed_sample() -> None:
    found = happenings(TIMED)
    states = {one.label: one.state for one in found.expected}
    assert states == {
        "e1": WindowState.HIT, "e2": WindowState.EARLY, "e3": WindowState.MISSED, "e4": WindowState.WRONG,
    }  # fmt: skip
    assert found.false_alarms == 1
    assert found.count(WindowState.LATE) == 0
    assert found.expected[0].happened == "on time: a: b"


@pytest.mark.parametrize(
    ("rows", "states", "false_alarms"),
    [
        ([("turn 1", 1, 2), ("turn 2", 3, 4), ("reply: x", 1.5, 2), ("reply: y", 8, 9)], ["missed"] * 2, 1),
        ([("action", 10, 20), ("said", 11, 19)], ["hit"], 0),
        ([("action", 10, 20), ("said", 1, 5)], ["early"], 0),
        ([("action", 10, 20), ("said", 25, 30)], ["late"], 0),
        ([("action", 10, 20), ("said", 18, 40)], ["wrong"], 0),
        ([("action", 10, 20), ("said", None, None)], ["missed"], 0),
        ([("user_end", 5, None), ("response", 5.5, 6)], ["hit"], 0),
        ([("user_end", 5, None), ("early_start", 4.5, 6)], ["early"], 0),
        ([("user_end", 5, None)], ["missed"], 0),
        ([("pause", 1, 2), ("user_end", 5, None), ("pause_takeover", 1, 4)], [], 1),
        ([("interruption", 1, 2), ("response", 3, 4)], ["hit"], 0),
        ([("hit", 1, 2), ("miss", 3, 4), ("false_alarm", 5, 6)], ["hit", "missed"], 1),
        (
            [
                ("item 1, met: a: b", None, None),
                ("item 2, not_met: c", None, None),
                ("item 3, no verdict: d", None, None),
            ],
            ["hit", "missed", "unknown"],
            0,
        ),
        ([("miss", 3, 4), ("takeover", 5, 6)], ["missed"], 1),
        ([("user_end", 1, None), ("response", 2, 3), ("takeover", 5, 6)], ["hit"], 0),
        ([("interruption", 1, 2), ("no_yield", 0, 4)], ["missed", "wrong"], 0),
    ],
)
def test_happenings_of_other_tasks(
    rows: list[tuple[str, float | None, float | None]], states: list[str], false_alarms: int
) -> None:
    found = happenings([{"event": event, "start_s": start, "end_s": end} for event, start, end in rows])
    assert [str(one.state) for one in found.expected] == states
    assert found.false_alarms == false_alarms
    assert found.told


def test_a_judged_turn_and_a_repetition() -> None:
    found = happenings(
        [
            {"event": "turn 1", "start_s": 1.0, "end_s": 2.0},
            {"event": "turn 1 judged", "start_s": 1.5, "score": 0.0},
            {"event": "turn 1 judged", "start_s": 1.7, "score": 1.0},
            {"event": "turn 1 judged", "start_s": 1.8, "score": 0.0},
            {"event": "repetition 1", "start_s": 4.0, "latency_s": 0.3},
            {"event": "repetition 2", "start_s": 5.0, "latency_s": None},
        ]
    )
    assert [one.state for one in found.expected] == [WindowState.HIT, WindowState.HIT, WindowState.MISSED]


@pytest.mark.parametrize(("right", "state"), [(1.0, "hit"), (0.0, "wrong")])
def test_what_was_done_about_an_overlap_is_right_where_the_score_says_so(right: float, state: str) -> None:
    """Not to yield is right while others talk in the background."""
    rows: list[Row] = [
        {"event": "behaviour RESUME", "start_s": 1.0, "end_s": 2.0},
        {"event": "no_yield", "start_s": 0.0, "end_s": 4.0},
    ]
    (due,) = happenings(rows, {"expected": Value(right)}).expected
    assert (due.label, str(due.state), due.happened) == ("overlap", state, "behaviour RESUME")
    assert happenings(rows).expected == []


def test_rows_of_another_task_tell_nothing() -> None:
    found = happenings([{"event": "running", "start_s": 1.0, "end_s": 2.0}, {"error": 3.0}])
    assert (found.told, found.count(WindowState.HIT)) == (False, None)


def test_windows_take_what_happened_from_the_rows() -> None:
    marks = (
        Mark(0.0, 9.0, "user"),
        Mark(1.0, 2.0, "hello"),
        Mark(5.0, 6.0, "market"),
        Mark(6.5, None, "ideal answer"),
    )
    found = [(w.label, w.expected, str(w.state)) for w in windows(marks, happenings(TIMED))]
    assert found == [
        ("user", False, "context"),
        ("hello", True, "hit"),
        ("e2", True, "early"),
        ("market", True, "missed"),
        ("ideal answer", False, "context"),
        ("e4", True, "wrong"),
    ]
    (ideal,) = windows(marks[3:], happenings([]))
    assert (ideal.expected, ideal.state) == (True, WindowState.UNKNOWN)
