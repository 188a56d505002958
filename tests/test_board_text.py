"""The board in the terminal: what is on it, how wide it gets, and what stands below it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, strategies as st
from rich.console import Console
from test_report import HALF, HOSTILE, PROMPT, TASK, run

from tml_bench.outcome import Outcome
from tml_bench.report.board import Board, BoardCell, CellState, RowKind, board_of
from tml_bench.report.board_files import board_markdown
from tml_bench.report.board_heads import MOST_LINES, short_head
from tml_bench.report.board_text import SIGNS, board_lines, legend
from tml_bench.report.terminal import print_board, print_task
from tml_bench.report.unfinished import unfinished_lines
from tml_bench.scoring.summary import SubsetOutcomes, Summary

DEFAULT = (
    "Audio MultiChallenge: the last reply, in fixed context",
    "Audio MultiChallenge, open loop: the model's own conversation",
    "Charades: start and stop",
    "CueSpeak: reacting while the user talks on",
    "FD-bench v1: turn taking",
    "FD-bench v1.5: overlaps",
    "ProactiveVideoQA: saying it when it is seen",
    "RepCount-A: counting aloud",
    "TimeSpeak: saying it at the right time",
)
"""Titles of the tasks of the default run."""
RULERS = ("oracle", "delayed:700", "early:500", "echo", "always-on", "silent")


def cell(value: float | None, state: CellState, **more: object) -> BoardCell:
    known = {"low": None, "high": None, "floor": 0.5, "floor_by": "always", "ceiling": 1.0, "n": 20}
    return BoardCell(value=value, state=state, **(known | more))  # type: ignore[arg-type]


def board(
    adapters: Sequence[str], titles: Sequence[str] = DEFAULT, states: Sequence[CellState] = ()
) -> Board:
    """A board with a column for each title, made from runs; a state for each row where given."""
    summaries = [
        msgspec.structs.replace(
            run(adapter, PROMPT, task=f"task-{k}", run=f"{k}-{adapter}"), title=title, board=None
        )
        for k, title in enumerate(titles)
        for adapter in adapters
    ]
    made = board_of(summaries)
    if not states:
        return made
    rows = tuple(
        replace(row, cells=tuple(cell(0.123, state, low=0.1, high=0.2) for _ in row.cells))
        for row, state in zip(made.rows, states, strict=True)
    )
    return replace(made, rows=rows)


def shown(some: Board, width: int) -> list[str]:
    return [line.plain for line in board_lines(some, width)]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("titles", [DEFAULT, DEFAULT[:1], DEFAULT[:3], DEFAULT * 2])
def test_no_line_is_wider_than_the_terminal_and_no_score_is_lost(width: int, titles: Sequence[str]) -> None:
    some = board((*RULERS, "my.py:M", HOSTILE), titles)
    lines = shown(some, width)
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)
    for row in some.rows:
        assert sum(c is not None for c in row.cells) == len(titles)
    # Every cell of these runs is 100.0: none is left out, whatever the blocks.
    assert sum(line.count("(100)") for line in lines) == len(some.rows) * len(titles)


def test_the_default_run_fits_a_screen_of_80_by_24() -> None:
    out = io.StringIO()
    summaries = [
        msgspec.structs.replace(run(adapter, PROMPT, task=f"task-{k}", run=f"{k}-{adapter}"), title=title)
        for k, title in enumerate(DEFAULT)
        for adapter in RULERS
    ]
    print_board(summaries, Console(file=out, width=80, force_terminal=False))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    # The time and the report follow, then the prompt.
    assert len(lines) <= 22
    assert [line.split()[0] for line in lines if line.startswith(RULERS)] == sorted(RULERS)


def test_the_states_never_look_alike_without_colour() -> None:
    states = list(CellState)
    lines = shown(board([f"m{k}" for k in range(len(states))], DEFAULT[:2], states), 120)
    cells = [line.split()[1] for line in lines if line.startswith("m")]
    assert cells == [f"12.3{SIGNS[state].sign}".strip() for state in states]
    assert len(set(cells)) == len(states)


def test_rulers_stand_apart_and_published_numbers_too() -> None:
    official = msgspec.structs.replace(run("m.py:M", PROMPT), official=True, published=TASK.published())
    some = board_of([run("silent", {}), run("oracle", PROMPT, privileged=True), official])
    kinds = [RowKind.COMPETITOR, RowKind.RULER, RowKind.RULER, RowKind.PUBLISHED]
    assert [row.kind for row in some.rows] == kinds
    lines = shown(some, 80)
    starts = [
        next(k for k, line in enumerate(lines) if line.startswith(s)) for s in ("m.py", "rulers", "published")
    ]
    assert starts == sorted(starts)
    assert lines[starts[1] + 1].startswith("oracle")
    assert lines[starts[2] + 1].split() == ["Elsewhere", "9", "75.0"]
    assert [line.split()[0] for line in lines[-3:]] == ["floor", "ceiling", "n"]


def test_few_events_are_in_brackets_with_their_number() -> None:
    some = board_of([run("m", PROMPT), run("half", HALF)])
    text = "\n".join(shown(some, 80))
    assert "(100)" in text
    assert "n 6" in text
    assert any("( ) under 10 events" in line for line in legend(some))
    scores = [line for line in text.splitlines() if line.startswith(("m ", "half"))]
    assert [line.split()[1] for line in scores] == ["(50)⊘", "(100)⊘"]


def test_a_score_that_rules_judged_is_marked_provisional_where_the_task_says_so() -> None:
    sure = board(["m"], ["Alpha"], [CellState.ABOVE])
    said = "Judged by rules."
    rows = (
        replace(row, cells=tuple(replace(c, provisional=said) for c in row.cells if c)) for row in sure.rows
    )
    unsure = replace(sure, rows=tuple(rows))
    assert any("12.3°✓" in line for line in shown(unsure, 80))
    assert any("° provisional: judged by rules" in line for line in legend(unsure))
    assert f"° {said.rstrip('.')}." in board_markdown(unsure)
    assert not any("°" in line for line in (*shown(sure, 80), *legend(sure), board_markdown(sure)))


def test_intervals_stand_beside_where_they_fit_and_below_where_not() -> None:
    some = board(["model-a", "silent"], DEFAULT, [CellState.ABOVE, CellState.BELOW])
    few = replace(
        some,
        columns=some.columns[:2],
        rows=tuple(replace(row, cells=row.cells[:2]) for row in some.rows),
    )
    assert "12.3✓ [10.0, 20.0]" in "\n".join(shown(few, 80))
    lines = shown(some, 80)
    place = next(k for k, line in enumerate(lines) if line.startswith("model-a"))
    assert lines[place + 1].split() == ["10–20"] * 9
    # A ruler has none: it shows the scale.
    place = next(k for k, line in enumerate(lines) if line.startswith("silent"))
    assert not lines[place + 1].startswith(" ")


def test_conditions_of_one_task_are_told_apart() -> None:
    some = board_of([run("m", PROMPT), run("m", PROMPT, compute="charged", run="other")])
    text = "\n".join([*shown(some, 80), *legend(some)])
    assert "(a) answering: compute charged" in text
    assert "(b) answering: compute ideal" in text
    assert text.count("(a)") == 2


def test_no_runs_print_nothing() -> None:
    assert board_lines(board_of([]), 80) == []
    assert legend(board_of([])) == []
    assert unfinished_lines([]) == []


@pytest.mark.parametrize(
    ("title", "head"),
    [
        (DEFAULT[0], ["Audio", "Multi", "Chall."]),
        (DEFAULT[1], ["Audio", "Multi", "loop"]),
        (DEFAULT[2], ["Chara-", "des"]),
        (DEFAULT[3], ["Cue", "Speak"]),
        (DEFAULT[5], ["FD-", "bench", "v1.5"]),
        (DEFAULT[6], ["Proac.", "Video", "QA"]),
        (DEFAULT[8], ["Time", "Speak"]),
    ],
)
def test_heads_are_short_and_can_be_read(title: str, head: list[str]) -> None:
    assert short_head(title, 6) == head
    assert short_head(title, 80) == [title.partition(":")[0].replace(",", "")]


@given(st.text(), st.integers(2, 40))
def test_a_head_is_never_too_wide_nor_too_tall(title: str, width: int) -> None:
    lines = short_head(title, width)
    assert 1 <= len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= width


def ended(adapter: str, task: str, reasons: dict[str, dict[str, int]], samples: int = 10) -> Summary:
    lost = {kind: sum(found.values()) for kind, found in reasons.items()}
    counts = {k.value: lost.get(k, 0) for k in Outcome} | {"valid": samples - sum(lost.values())}
    outcome = SubsetOutcomes("reply", samples, counts, reasons)
    return msgspec.structs.replace(run(adapter, PROMPT, task=task), outcomes=(outcome,))


def test_failures_are_grouped_with_counts_and_one_remedy_each() -> None:
    lines = unfinished_lines(
        [
            ended("m", "one", {"adapter_error": {"step 3 raised": 1, "step 4 raised": 2}}),
            ended("m", "two", {"adapter_error": {"step 12 raised": 1}, "not_run": {"no reason given": 2}}),
            ended("k", "two", {"invalid": {"late by 30 ms: the machine was too busy": 1}}),
            ended("silent", "two", {}),
        ]
    )
    assert lines == [
        "not valid: 7 of 40 samples, left out of the scores",
        "m: 4 adapter_error: step 3 raised (one, two); "
        "once the adapter is mended, --retry-errors tries again",
        "m: 2 not run (two); the same command tries again",
        "k: 1 invalid: late by 30 ms: the machine was too busy (two); leave the machine to the run, or lower "
        "--concurrency; the same command tries again",
    ]
    assert unfinished_lines([ended("silent", "two", {})]) == []


def test_a_score_that_cannot_be_known_says_why_and_what_to_do() -> None:
    """The whole row was dashes, and nothing said why; of several reasons the most frequent is told."""
    reason = "speech without words: no transcript; install tml-bench[speech]"
    summary = ended("echo", "one", {})
    unknown = tuple(
        msgspec.structs.replace(
            m, estimate=replace(m.estimate, mean=None), missing={"by rules": 2, reason: 10}
        )
        for m in summary.metrics
    )
    lines = unfinished_lines([msgspec.structs.replace(summary, metrics=unknown)])
    assert lines == ["echo: no score (one): speech without words; install tml-bench[speech]"]


def test_rare_kinds_of_failures_are_counted_together() -> None:
    kinds = {f"{'x' * (k + 1)} raised": 9 - k for k in range(9)}
    lines = unfinished_lines([ended(HOSTILE, "one", {"adapter_error": kinds}, samples=45)])
    assert len(lines) == 1 + 6 + 1
    assert lines[-1] == "6 of 3 rarer kinds: see the page"
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_everything_of_a_task_is_printed(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=False)
    print_task(
        [run(HOSTILE, PROMPT), run("half", HALF), run("m", PROMPT, task="other")], "answering", console
    )
    text = " ".join(out.getvalue().split())
    assert max(map(len, out.getvalue().splitlines())) <= width
    assert "\x1b" not in text
    for said in ("Blind strategies", "Paired comparisons", "needs a judge", "What takeover is.", "run-half"):
        assert said in text
