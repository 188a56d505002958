"""Runs stored by an earlier version are read, scored to the same bytes, reported, inspected and continued.

The runs in ``golden/runs`` were made by tml-bench 0.1.0 at commit aed5b99, with::

    tml-bench run --task fd-bench-v1 --subset candor_turn_taking --limit 1 --adapter delayed:700
    tml-bench run --task proactive-video-qa --subset TV --limit 1 --adapter oracle

They are not to be made anew: a run that somebody has on disk cannot be either. Where the version of a metric
or of a rubric changes on purpose, only ``scores.jsonl``, ``verdicts.jsonl`` and ``summary.json`` follow, by
``tml-bench score``; recordings stay.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from tml_bench import __version__
from tml_bench.cli import main

pytestmark = pytest.mark.usefixtures("in_this_process")

GOLDEN = Path(__file__).parent / "golden" / "runs"
TURN_TAKING = "fd-bench-v1-mini-1--delayed-700"
VIDEO = "proactive-video-qa-mini-1--oracle"
NAMES = (TURN_TAKING, VIDEO)
SETTINGS = {
    TURN_TAKING: ("--task", "fd-bench-v1", "--subset", "candor_turn_taking", "--adapter", "delayed:700"),
    VIDEO: ("--task", "proactive-video-qa", "--subset", "TV", "--adapter", "oracle"),
}
RECORDING = {
    TURN_TAKING: "fd-bench-v1/candor_turn_taking-1/1",
    VIDEO: "proactive-video-qa/TV-mini_tv_1/1",
}
MADE_BY_SCORING = ("scores.jsonl", "verdicts.jsonl", "summary.json")


def call(*arguments: object) -> Result:
    result = CliRunner(env={"COLUMNS": "120"}).invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Copies of the stored runs."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "runs"))


def assert_scored_as_stored(run: Path) -> None:
    """Every score and every verdict, to the byte."""
    for name in ("scores.jsonl", "verdicts.jsonl"):
        assert (run / name).read_bytes() == (GOLDEN / run.name / name).read_bytes(), name


def assert_summed_up_as_stored(run: Path) -> None:
    """Everything the stored summary holds but what perceived, and floors and ceilings.

    Another machine may have other libraries, and another version may search floors farther.
    """
    (stored,) = json.loads((GOLDEN / run.name / "summary.json").read_bytes())
    (found,) = json.loads((run / "summary.json").read_bytes())
    del stored["facts"]["perceivers"]
    for metric in stored["metrics"]:
        del metric["baseline"], metric["standing"]
    assert_holds(found, stored)


def assert_holds(found: object, stored: object, where: str = "summary") -> None:
    """Everything stored is found, with the same value; there may be more fields."""
    if isinstance(stored, dict):
        assert isinstance(found, dict), where
        for key, value in stored.items():
            assert key in found, f"{where}.{key}"
            assert_holds(found[key], value, f"{where}.{key}")
    elif isinstance(stored, list):
        assert isinstance(found, list), where
        assert len(found) == len(stored), where
        for k, (one, other) in enumerate(zip(found, stored, strict=True)):
            assert_holds(one, other, f"{where}[{k}]")
    else:
        assert repr(found) == repr(stored), where


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cached", [True, False], ids=["timelines kept", "perceived afresh"])
def test_a_stored_run_scores_to_the_same_bytes(runs: Path, name: str, cached: bool) -> None:
    run = runs / name
    for made in MADE_BY_SCORING:
        (run / made).unlink()
    if not cached:
        shutil.rmtree(run / "timelines")
    call("score", "--jobs", 1, run)
    assert_scored_as_stored(run)
    assert_summed_up_as_stored(run)


def test_a_stored_run_scores_otherwise_where_the_model_says_something_else(runs: Path) -> None:
    run = runs / TURN_TAKING
    recording = run / RECORDING[TURN_TAKING]
    manifest = json.loads((recording / "manifest.json").read_bytes())
    silence = np.zeros(manifest["samples"], np.int16)
    soundfile.write(recording / "model.flac", silence, manifest["rate"], subtype="PCM_16")
    entry = manifest["files"]["model.flac"]
    entry["sha256"] = hashlib.sha256((recording / "model.flac").read_bytes()).hexdigest()
    entry["bytes"] = (recording / "model.flac").stat().st_size
    (recording / "manifest.json").write_text(json.dumps(manifest))
    call("score", "--jobs", 1, run)
    (score,) = map(json.loads, (run / "scores.jsonl").read_bytes().splitlines())
    assert score["values"]["response"] == {"numerator": 0.0, "denominator": 1.0}
    assert "latency" not in score["values"]
    with pytest.raises(AssertionError, match=r"scores\.jsonl"):
        assert_scored_as_stored(run)
    with pytest.raises(AssertionError, match=r"summary\.metrics"):
        assert_summed_up_as_stored(run)


def test_stored_runs_are_reported_as_they_were_scored(runs: Path, tmp_path: Path) -> None:
    call("report", *(runs / name for name in NAMES), "--out", tmp_path / "report")
    for name in ("index.html", "report.md", "report.json"):
        assert (tmp_path / "report" / name).stat().st_size > 0
    rows = list(csv.DictReader((tmp_path / "report" / "report.csv").open(encoding="utf-8", newline="")))
    values = {(row["run"], row["metric"]): row["mean"] for row in rows}
    assert float(values[TURN_TAKING, "latency"]) == pytest.approx(0.6995)
    assert float(values[VIDEO, "pauc_end_050"]) == pytest.approx(91.04125)


def test_what_happened_in_stored_recordings_is_printed(runs: Path) -> None:
    said = call("inspect", runs / VIDEO / RECORDING[VIDEO]).output
    assert "proactive-video-qa/TV-mini_tv_1 by oracle" in said
    assert "14.563 s  model  says 'Mary turns on the lamp.'" in said
    assert "4.563 s  user   starts video 0 mini_tv_1.mp4 (h264, 480x360, muted, 2 subtitles)" in said
    heard = call("inspect", runs / TURN_TAKING / RECORDING[TURN_TAKING]).output
    assert "5.708 s  model" in heard


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_run_is_continued_without_running_anything(runs: Path, name: str) -> None:
    run = runs / name
    # A run continues under the version that began it only; what is stored is taken to be today's.
    begun = json.loads((run / "run.json").read_bytes())
    begun["config"]["tml_bench"] = __version__
    (run / "run.json").write_text(json.dumps(begun))
    before = contents(run)
    call("run", *SETTINGS[name], "--limit", 1, "--out", runs, "--jobs", 1)
    after = contents(run)
    untouched = [path for path in before if path.split("/")[0] not in (*MADE_BY_SCORING, "timelines")]
    assert "attempts.jsonl" in untouched
    assert {path: after[path] for path in untouched} == {path: before[path] for path in untouched}
    assert sorted(path.name for path in runs.iterdir()) == sorted([*NAMES, "report"])
    assert_scored_as_stored(run)


def contents(run: Path) -> dict[str, bytes]:
    """What every file of a run holds, by its path in the run."""
    return {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}
