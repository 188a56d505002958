from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest
from boards import LATENCY, board, cell, column
from matplotlib.figure import Figure
from PIL import Image

from tml_bench.report.board import Board, BoardCell, BoardColumn, CellState
from tml_bench.report.frontier_picture import NO_FRONTIER, NO_LATENCY, frontier_picture
from tml_bench.report.picture_parts import COLOURS, SHAPES, drawing, shown, shown_on_two_lines
from tml_bench.report.pictures import drawn as drawn_pictures, write_pictures
from tml_bench.report.profile_picture import NOTHING, profile
from tml_bench.task import Axis

HOSTILE = "$\\alpha_ <script>alert(1)</script> \u202e\x1b[31m模型 \N{PILE OF POO}"


def eight(names: int = 8) -> Board:
    """As many models on the board as fit, on nine tasks, with every state and three rulers."""
    axes = [*Axis, Axis.SEEING, Axis.SEEING]
    latencies = {f"run{k}": 0.4 + 0.3 * k for k in range(names)}
    columns = [column(f"task{k}", a, latencies if a is Axis.KNOWING else None) for k, a in enumerate(axes)]
    states = list(CellState)
    rows = {
        (HOSTILE if n == 2 else f"model-{n}" * (1 + 9 * (n == 3))): [
            cell(
                (7 * n + 3 * k) % 10 / 10,
                (7 * n + 3 * k) % 10 / 10 - 0.05,
                (7 * n + 3 * k) % 10 / 10 + 0.08,
                floor=0.2 if k % 2 else 0.0,
                state=states[(n + k) % len(states)],
                few=n == k,
                run=f"run{n}",
            )
            for k in range(len(axes))
        ]
        for n in range(names)
    }
    rulers = {f"ruler {at}": [cell(at, run="run0")] * len(axes) for at in (0.0, 0.01, 1.0)}
    return board(columns, rows | rulers)


def texts(figure: Figure) -> str:
    from matplotlib.text import Text

    return "\n".join(t.get_text() for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """The files of a full board, in a folder that was not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder = tmp_path_factory.mktemp("pictures") / "new" / "a"
        return write_pictures(drawn_pictures(eight()), folder)


def test_the_same_board_gives_the_same_small_files(drawn: Sequence[Path], tmp_path: Path) -> None:
    first = drawn
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = write_pictures(drawn_pictures(eight()), tmp_path / "b")
    names = [f"{name}.{kind}" for name in ("frontier", "profile") for kind in ("png", "svg", "pdf")]
    assert [p.name for p in first] == names
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    for path in first:
        assert path.stat().st_size < (100_000 if path.suffix == ".png" else 300_000)
    for path in first:
        content = path.read_bytes()
        assert not re.search(rb"CreationDate|<dc:date>|matplotlib\.org", content)
    svg, pdf = first[1].read_text(), first[2].read_bytes()
    assert "<text" not in svg
    assert "<script" not in svg
    assert b"/FontFile2" in pdf


def test_the_png_keeps_the_colours(drawn: Sequence[Path]) -> None:
    with Image.open(drawn[3]) as image:
        seen = {f"#{r:02X}{g:02X}{b:02X}" for _, (r, g, b) in image.convert("RGB").getcolors(1 << 20) or []}
    assert {c.upper() for c in COLOURS} <= seen


def test_models_differ_without_colours() -> None:
    assert len(set(SHAPES)) == len(SHAPES) == len(set(COLOURS)) == 8
    with drawing():
        figure = profile(eight())
    (panel, *_) = figure.axes
    drawn = [line for line in panel.lines if line.get_marker() in SHAPES]
    assert len({line.get_marker() for line in drawn}) == len(drawn) > 4
    assert {line.get_fillstyle() for line in drawn} == {"full", "left", "none"}


def test_what_a_cell_is_can_be_read_from_the_profile() -> None:
    columns = [column("turns", Axis.TURN_TAKING), column("sees", Axis.SEEING)]
    rows = {
        "a": [cell(0.431, 0.4, 0.5, floor=0.25), None],
        "b": [cell(1.0, floor=1.0, state=CellState.SATURATED), cell(0.25, few=True, events=7)],
    }
    with drawing():
        figure = profile(board(columns, rows))
    found = texts(figure)
    for said in ("turn-taking", "seeing", "43.1", "⊘", "not run", "25.0 (n = 7)", "2026-11-26", "mini-1"):
        assert said in found
    first = figure.axes[0]
    floor, ceiling = (line.get_xdata()[0] for line in first.lines[:2])
    assert (floor, ceiling) == (0.25, 1.0)


def test_right_is_better_also_where_lower_is() -> None:
    rows = {"a": [cell(0.7, floor=2.0, ceiling=0.0)]}
    with drawing():
        (panel,) = profile(board([column("late", None, metric=LATENCY)], rows)).axes
    left, right = panel.get_xlim()
    assert left > right


def test_the_ninth_model_is_said_to_be_left_out() -> None:
    with drawing():
        assert "The first 8 models of 9" in texts(profile(eight(9)))


def test_frontier_says_what_it_is_of() -> None:
    columns = [column("turns", Axis.TURN_TAKING), column("knows", Axis.KNOWING, {"a": 0.5})]
    rows = {"model A": [cell(0.5), cell(0.6, 0.5, 0.7, run="a")], "model B": [cell(0.5), None]}
    with drawing():
        figure = frontier_picture(board(columns, rows))
    found = texts(figure).replace("\n", " ")
    for said in (
        "mean over turn-taking of (score − floor) / (ceiling − floor)",
        "not model B",
        "Latency (s)",
    ):
        assert said in found
    left, right = figure.axes
    points = [[ax.lines[k].get_xydata().tolist() for k in range(len(ax.lines))] for ax in (left, right)]
    assert [[0.6, 0.5]] in points[0]
    assert [[0.5, 0.5], [0.7, 0.5]] in points[0]  # the interval
    assert [[0.5, 60.0]] in points[1]


def test_one_system_s_settings_are_a_curve_of_what_answering_soon_costs() -> None:
    labels = [
        "a:end=vad:1000,b=c",
        "a:end=smart,b=c",
        "a:end=vad:300,b=c",
        "m:url=ws://h:1",
        "m:url=ws://h:2",
    ]
    latencies = dict(zip(labels, (1.1, 0.5, 0.4, 1.0, 2.0), strict=True))
    costs = {label: (at / 10, at / 5) for label, at in latencies.items()}
    columns = [column("turns", Axis.TURN_TAKING, latencies, costs=costs)]
    rows = {label: [cell(0.5, run=label)] for label in [*labels, "unmeasured"]}
    with drawing():
        figure = frontier_picture(board(columns, rows))
    (trade,) = figure.axes
    lines = [line.get_xydata().tolist() for line in trade.lines]
    assert [line for line in lines if len(line) > 1] == [
        [[0.4, pytest.approx(6)], [1.1, pytest.approx(16.5)]]
    ]
    assert {x for line in lines for x, _ in line} == set(latencies.values())
    low, high = trade.get_ylim()
    assert low > high  # fewer is better, and above
    found = texts(figure)
    for said in ("a:end=…,b=c", "vad:300", "vad:1000", "a:end=smart,b=c", "m:url=ws://h:2", "answering soon"):
        assert said in found
    assert trade.get_ylabel().startswith("Cost")
    both = [column("turns", Axis.TURN_TAKING, latencies, costs=costs), column("knows", Axis.KNOWING)]
    with drawing():
        assert (
            len(frontier_picture(board(both, {"m:url=ws://h:1": [cell(0.5, run="m:url=ws://h:1")] * 2})).axes)
            == 3
        )


def test_the_curve_is_drawn_under_the_conditions_that_show_it() -> None:
    """Where thinking takes its time nobody takes over in a pause, and there is nothing to be traded."""
    labels = ["a:end=vad:300", "a:end=vad:500"]

    def turns(compute: str, latencies: tuple[float, float], costs: tuple[float, float]) -> BoardColumn:
        by_run = {f"{label} {compute}": at for label, at in zip(labels, latencies, strict=True)}
        paid = {run: (cost, cost) for run, cost in zip(by_run, costs, strict=True)}
        return column("turns", Axis.TURN_TAKING, by_run, costs=paid, compute=compute)

    columns = [turns("charged", (1.8, 2.0), (0.0, 0.0)), turns("ideal", (0.4, 0.6), (0.4, 0.1))]
    rows = {label: [cell(0.3, run=f"{label} charged"), cell(0.5, run=f"{label} ideal")] for label in labels}
    with drawing():
        figure = frontier_picture(board(columns, rows))
    (trade,) = figure.axes
    assert {x for line in trade.lines for x, _ in line.get_xydata().tolist()} == {0.4, 0.6}
    assert "a made-up task, compute ideal." in texts(figure)


@pytest.mark.parametrize(("columns", "rows"), [([], {}), ([column("t", Axis.TIME)], {"ruler": [cell(1.0)]})])
def test_nothing_is_drawn_where_there_is_nothing(
    columns: list[BoardColumn], rows: dict[str, list[BoardCell | None]]
) -> None:
    with drawing():
        pictures = frontier_picture(board(columns, rows)), profile(board(columns, rows))
    assert [sum(len(ax.lines) for ax in p.axes) for p in pictures] == [0, 0]
    said = [" ".join(texts(p).split()) for p in pictures]
    assert said == [f"{NO_FRONTIER} {NO_LATENCY}", NOTHING]


def test_a_long_or_strange_name_is_drawn_on_one_line() -> None:
    assert shown("a" * 40 + "z", 11) == "aaaaa…aaaaz"
    assert shown_on_two_lines("echo:rate=8000", 28) == "echo:rate=8000"
    assert shown_on_two_lines("cascade:endpoint=vad:700,brain=llm", 28) == (
        "cascade:endpoint=vad:700,\nbrain=llm"
    )
    assert shown_on_two_lines("a" * 40, 12) == f"{'a' * 12}\n…{'a' * 11}"
    assert shown(HOSTILE, 99) == "$\\alpha_ <script>alert(1)</script>   [31m\ufffd\ufffd \ufffd"
