"""Floors are found once for samples, not by every command, and not taken where anything differs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

import tml_bench
from tml_bench.plugins import load_task
from tml_bench.report.folders import run_folders
from tml_bench.runs import known_code
from tml_bench.runs.store import open_run
from tml_bench.samples import Sample
from tml_bench.scoring import kept_floors, score
from tml_bench.scoring.asking import Respondents
from tml_bench.scoring.kept_results import KeptResults
from tml_bench.task import Task

pytestmark = pytest.mark.usefixtures("in_this_process")

FILES = "scores.jsonl", "summary.json"


@pytest.fixture(autouse=True)
def _results_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose results are kept needs no floors."""
    monkeypatch.setattr(KeptResults, "of", lambda results, heard, check: None)
    monkeypatch.setattr(KeptResults, "keep", lambda results, run, seals_sha256: None)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks whose blind strategies are played, in order; there is no grid to search, which takes long."""
    played: list[str] = []
    real = score.respondents

    def respondents(task: Task, samples: Iterable[Sample]) -> Respondents:
        played.append(task.name)
        return real(task, samples)

    monkeypatch.setattr(score, "respondents", respondents)
    monkeypatch.setattr(type(load_task("fd-bench-v1")), "family", lambda task, samples: {})
    return played


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is scored once, with floors of no grid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(load_task("fd-bench-v1")), "family", lambda task, samples: {})
        folder = tmp_path_factory.mktemp("results")
        (run,) = tml_bench.run(
            ["fd-bench-v1"], ["silent"], out=folder, subsets=["icc_backchannel"], limit=2, jobs=1,
            progress=False,
        )  # fmt: skip
    return run.path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy of it, with the floors beside it."""
    shutil.copytree(made.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / made.name


def kept_beside(run: Path) -> Path:
    (kept,) = (run.parent / kept_floors.FOLDER).iterdir()
    return kept


def results(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in FILES]


def test_floors_are_found_once_for_all_commands_on_the_same_samples(run: Path, searches: list[str]) -> None:
    first, kept = results(run), kept_beside(run).read_bytes()
    tml_bench.score(run, jobs=1, progress=False)
    other = shutil.copytree(run, run.with_name("other"))
    tml_bench.score(other, jobs=1, progress=False)
    assert results(run) == first
    assert not searches
    kept_beside(run).unlink()
    tml_bench.score(run, jobs=1, progress=False)
    assert results(run) == first
    assert len(searches) == 1
    assert kept_beside(run).read_bytes() == kept


def test_what_is_not_the_same_is_found_again(
    run: Path, searches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, kept = results(run), kept_beside(run)
    whole = kept.read_bytes()
    key = msgspec.json.decode(whole)["key"].encode()
    other = whole.replace(key, b"0" * len(key)).replace(b'"floor":0', b'"floor":1')
    assert other.count(b'"floor":1') > whole.count(b'"floor":1')
    digit = whole.replace(b'"floor":0', b'"floor":1', 1)
    for damaged in (whole[: len(whole) // 2], b"\xff\x00", other, digit):
        kept.write_bytes(damaged)
        tml_bench.score(run, jobs=1, progress=False)
        assert results(run) == first
        assert kept.read_bytes() == whole
    assert len(searches) == 4
    for code in ("another", ""):  # the second is where no file of it is known
        monkeypatch.setattr(known_code, "_package_code", lambda code=code: code)
        tml_bench.score(run, jobs=1, progress=False)
    assert len(searches) == 6


def test_a_report_says_nothing_of_the_folder_that_floors_are_kept_in(run: Path) -> None:
    assert run_folders([run.parent]) == ([run], [])


def test_a_task_from_elsewhere_keeps_nothing(run: Path) -> None:
    stored, samples = open_run(run), ("its", "samples")
    ours, theirs = stored, replace(stored, task=load_task(f"{Path(__file__).with_name('many_task.py')}:Many"))
    kept = kept_floors.KeptFloors()
    kept.keep(ours, samples, ())
    assert kept.of(ours, samples) == ()
    assert kept.of(theirs, samples) is None
    before = sorted((run.parent / kept_floors.FOLDER).iterdir())
    kept.keep(theirs, ("others",), ())
    assert sorted((run.parent / kept_floors.FOLDER).iterdir()) == before
