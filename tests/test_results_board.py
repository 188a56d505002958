"""The board that is committed is of the tasks as they are, and says what the committed runs say."""

from __future__ import annotations

import csv
import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from tml_bench.plugins import load_task, suite_names
from tml_bench.runs.plan import REFERENCE_ADAPTERS
from tml_bench.scoring.summary import MetricSummary
from tml_bench.scoring.summary_file import from_json

RESULTS = Path(__file__).resolve().parent.parent / "results"
FOLDER = RESULTS / "board"
RULERS = {adapter.partition(":")[0] for adapter in REFERENCE_ADAPTERS}


@cache
def committed() -> Any:
    return json.loads((FOLDER / "board.json").read_text(encoding="utf-8"))


def cells() -> list[tuple[str, str, dict[str, Any]]]:
    """Label, task and cell of every score on the board."""
    tasks = [column["task"] for column in committed()["columns"]]
    return [
        (row["label"], task, cell)
        for row in committed()["rows"]
        for task, cell in zip(tasks, row["cells"], strict=True)
        if cell is not None and cell["value"] is not None
    ]


@pytest.mark.parametrize("name", suite_names())
def test_every_task_is_on_it_as_it_is_declared(name: str) -> None:
    task = load_task(name)
    assert task.board is not None
    columns = [c for c in committed()["columns"] if c["task"] == name]
    versions = {m.name: m.version for m in task.metrics}
    assert columns
    for column in columns:
        assert (column["metric"], column["part"]) == (task.board.metric, task.board.part)
        assert column["metric_version"] == versions[task.board.metric]
        assert column["axis"] == task.board.axis
        assert f"dataset {task.dataset(None)}" in column["holds"]


def test_compute_is_charged_but_where_waiting_alone_is_shown() -> None:
    """A model's compute is on the board, and the column without it holds what else has the one with it."""
    kinds = [(cell["made"]["compute"], label, task) for label, task, cell in cells()]
    charged = {(label, task) for compute, label, task in kinds if compute == "charged"}
    ideal = {(label, task) for compute, label, task in kinds if compute == "ideal"}
    assert {task for _, task in ideal} == {"fd-bench-v1"}
    assert ideal < charged
    rows = committed()["rows"]
    assert {row["kind"] for row in rows if row["cost"]} == {"competitor"}
    assert all(row["cost"]["unit"] == "min" for row in rows if row["kind"] == "competitor")


def test_every_local_system_is_on_it() -> None:
    rows = {row["label"].partition(":")[0]: row["kind"] for row in committed()["rows"]}
    conversing = "cooperative", "forgetful", "interrupter", "stonewall", "talker"
    others = "half-duplex", "blocking", "chatterbox", *conversing
    assert rows == dict.fromkeys((*RULERS, *others), "ruler") | {
        "cascade": "competitor",
        "duplex": "competitor",
        "motion-counter": "competitor",
    }
    run = {task: {label.partition(":")[0] for label, t, _ in cells() if t == task} for task in suite_names()}
    # Without a multilingual recogniser nobody knows whether an echo of English is a translation.
    missing = {"cuespeak": {"echo"}}
    assert all(labels >= RULERS - missing.get(task, set()) for task, labels in run.items())
    assert sum("cascade" in labels for labels in run.values()) == 8


def test_every_score_has_its_date_and_is_of_all_samples() -> None:
    for _, task, cell in cells():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", cell["made"]["date"])
        assert cell["made"]["data"] == load_task(task).dataset(None)
        assert cell["missing"] == 0


@pytest.mark.parametrize("task", suite_names())
def test_it_says_what_the_committed_runs_say(task: str) -> None:
    path = RESULTS / "baselines" / task / "report.json.gz"
    board = load_task(task).board
    assert board is not None
    # Rulers compute for a millisecond or less, so that it changes nothing to be seen whether that is charged.
    runs = {
        s.facts.adapter: next(
            (m for m in s.metrics if (m.subset, m.metric.name) == (board.part, board.metric)), None
        )
        for s in from_json(gzip.decompress(path.read_bytes()))
        if s.facts.compute == "ideal"
    }
    same = [
        (label, cell, runs[label])
        for label, t, cell in cells()
        if t == task and label in runs and label.partition(":")[0] in {*RULERS, "half-duplex"}
    ]
    assert {label.partition(":")[0] for label, _, _ in same} >= RULERS - {"echo"}
    for _, cell, run in same:
        assert isinstance(run, MetricSummary)
        assert cell["value"] == pytest.approx(run.estimate.mean, abs=0.0005)
        assert cell["floor"] == pytest.approx(run.baseline.floor)
        assert cell["ceiling"] == pytest.approx(run.baseline.ceiling)
        assert cell["n"] == run.estimate.n


def test_table_and_csv_say_what_the_json_says() -> None:
    with (FOLDER / "board.csv").open(encoding="utf-8", newline="") as file:
        lines = {(r["model"], r["task"], r["compute"]): r for r in csv.DictReader(file)}
    table = (FOLDER / "board.md").read_text(encoding="utf-8")
    assert {key for key, line in lines.items() if line["value"]} == {
        (label, task, cell["made"]["compute"]) for label, task, cell in cells()
    }
    for label, task, cell in cells():
        line = lines[label, task, cell["made"]["compute"]]
        assert float(line["value"]) == pytest.approx(100 * cell["value"])
        assert (line["state"], int(line["n"])) == (cell["state"], cell["n"])
        (row,) = [x for x in table.splitlines() if x.startswith(f"| {label} |")]
        assert f" {100 * cell['value']:.1f} " in row.replace("°", "")


def test_it_is_small_and_the_picture_can_be_read() -> None:
    assert {p.name for p in FOLDER.iterdir()} == {
        "README.md", "board.toml", "board.md", "board.csv", "board.json", "profile.png", "frontier.png",
        "failures",
    }  # fmt: skip
    assert all(p.stat().st_size < 150_000 for p in FOLDER.iterdir() if p.is_file())
    with Image.open(FOLDER / "profile.png") as image:
        assert image.width > 1000


def test_the_pages_of_failures_are_small_and_those_that_are_linked() -> None:
    """Each link is of a session that is on the board, with the page and the score of that run."""
    folder = FOLDER / "failures"
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 5_000_000
    exported = json.loads((folder / "data" / "index.json").read_text(encoding="utf-8"))
    columns, runs = exported["columns"], [run["key"] for run in exported["runs"]]
    shown = {(runs[run], sample) for run, sample in zip(columns["run"], columns["sample"], strict=True)}
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    linked = {
        (unquote(run), sample)
        for run, sample in re.findall(r"failures/index\.html#run=([^&)]+)&sample=([^)]+)\)", text)
    }
    assert len(linked) >= 9
    assert linked <= shown
    assert {run for run, _ in shown} <= {cell["run"] for _, _, cell in cells()}
