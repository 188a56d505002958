"""The results that are committed parse, are of the mini sets that ship, and say what their page says."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import pytest

from tml_bench.plugins import load_task, suite_names
from tml_bench.runs.plan import REFERENCE_ADAPTERS
from tml_bench.scoring.summary import MetricSummary, Standing, Summary
from tml_bench.scoring.summary_file import from_json

FOLDER = Path(__file__).resolve().parent.parent / "results" / "baselines"
SEEING = [
    ("repcount-a", "motion-counter:task=count", "test", "obo"),
    ("charades", "motion-counter:task=mark", "sta", "miou"),
    ("charades", "motion-counter:task=mark", "interior", "miou"),
]


def committed(task: str) -> dict[str, Summary]:
    path = FOLDER / task / "report.json.gz"
    return {s.facts.adapter: s for s in from_json(gzip.decompress(path.read_bytes()), str(path))}


def metric(summary: Summary, subset: str, name: str) -> MetricSummary:
    (found,) = (m for m in summary.metrics if (m.subset, m.metric.name) == (subset, name))
    return found


@pytest.mark.parametrize("task", suite_names())
def test_every_reference_adapter_is_there_and_every_sample_is_scored(task: str) -> None:
    found = committed(task)
    assert set(REFERENCE_ADAPTERS) <= set(found)
    samples = sum(sample.scored for sample in load_task(task).samples())
    for summary in found.values():
        assert summary.facts.dataset == load_task(task).dataset(None)
        assert sum(o.samples for o in summary.outcomes) == samples
        assert sum(o.counts["valid"] for o in summary.outcomes) == samples


@pytest.mark.parametrize("task", suite_names())
def test_metrics_are_those_of_this_version(task: str) -> None:
    versions = {m.name: m.version for m in load_task(task).metrics}
    for summary in committed(task).values():
        assert {m.metric.name: m.metric.version for m in summary.metrics} == versions


@pytest.mark.parametrize("task", suite_names())
def test_the_table_says_what_the_json_says(task: str) -> None:
    with gzip.open(FOLDER / task / "report.csv.gz", "rt", encoding="utf-8", newline="") as file:
        every = {(r["adapter"], r["subset"], r["metric"]): r for r in csv.DictReader(file)}
    rows = {key: row for key, row in every.items() if row["family"] not in ("interaction", "tau-voice")}
    found = committed(task)
    assert set(rows) == {(a, m.subset, m.metric.name) for a, s in found.items() for m in s.metrics}
    assert {(k, r["n"]) for k, r in rows.items()} == {
        ((a, m.subset, m.metric.name), str(m.estimate.n)) for a, s in found.items() for m in s.metrics
    }
    text = (FOLDER / task / "report.md").read_text(encoding="utf-8")
    assert {a for a in found if f"\n| {a}" not in text} == set()


@pytest.mark.parametrize(("task", "adapter", "subset", "name"), SEEING)
def test_seeing_beats_silence_and_the_floor(task: str, adapter: str, subset: str, name: str) -> None:
    found = committed(task)
    seen, silent = (metric(found[a], subset, name) for a in (adapter, "silent"))
    # 14 videos are too few for an interval of a mean.
    assert seen.standing is (Standing.ABOVE if task == "repcount-a" else Standing.UNCLEAR)
    assert seen.estimate.mean is not None
    assert silent.estimate.mean is not None
    assert seen.baseline.floor is not None
    assert seen.estimate.mean > seen.baseline.floor >= silent.estimate.mean
    blind = {k: v for k, v in seen.baseline.blind.items() if v is not None}
    assert max(blind.values()) == seen.baseline.floor
    assert any(k.startswith(("constant", "metronome@")) for k in blind)


def test_without_its_option_it_says_nothing() -> None:
    assert metric(committed("repcount-a")["motion-counter"], "test", "obo").estimate.mean == 0
    assert metric(committed("charades")["motion-counter"], "interior", "missing_start").estimate.mean == 1


@pytest.mark.parametrize(("task", "adapter", "subset", "name"), SEEING)
def test_the_page_has_the_numbers(task: str, adapter: str, subset: str, name: str) -> None:
    found = committed(task)
    seen, silent = (metric(found[a], subset, name) for a in (adapter, "silent"))
    row = next(
        line
        for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{task}` {subset} ")
    )
    values = (
        seen.estimate.mean,
        seen.estimate.low,
        seen.estimate.high,
        seen.baseline.floor,
        silent.estimate.mean,
    )
    assert re.findall(r"\d+\.\d", row) == [f"{100 * value:.1f}" for value in values if value is not None]


@pytest.mark.parametrize("task", suite_names())
def test_the_results_of_a_task_are_small(task: str) -> None:
    assert sum(p.stat().st_size for p in (FOLDER / task).iterdir()) < 600_000
