"""Scores and reports have the same bytes wherever and however they are made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import run_and_score, write_data

from tml_bench.runs import heard_index
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.jobs import Job, JobResult
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import open_run
from tml_bench.scoring import kept_results
from tml_bench.scoring.score import score_runs
from tml_bench.scoring.timelines import timelines_of

CREATED = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
MAIN = "from tml_bench.cli import main; main()"


def made(out: Path) -> dict[str, bytes]:
    """Every file but the log of attempts, the checksums and what names inodes, without day and place."""
    return {
        str(path.relative_to(out)): CREATED.sub(b"DAY", path.read_bytes().replace(b"../../out", b"out"))
        for path in out.rglob("*")
        if path.is_file()
        and path.name not in ("attempts.jsonl", "seals.json")
        and path.parent.name not in (heard_index.FOLDER, kept_results.FOLDER)
    }


def run_in(folder: Path, out: str, data: Path, jobs: int, **environment: str) -> str:
    folder.mkdir(parents=True)
    words = ("run", "--task", "fd-bench-v1", "--adapter", "delayed:200", "--data", str(data), "--out", out)
    done = subprocess.run(
        [sys.executable, "-P", "-c", MAIN, *words, "--words", "transcript", "--jobs", str(jobs)],
        cwd=folder, env=os.environ | environment, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode("ascii")


def test_bytes_do_not_depend_on_jobs_hashes_locale_time_zone_folder_or_terminal(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", each=1)
    plain = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONIOENCODING": "ascii:replace"}
    run_in(tmp_path / "a", "out", data, 1, **plain)
    other = {
        "PYTHONHASHSEED": "7", "LC_ALL": "tr_TR.ISO-8859-9", "LANGUAGE": "tr", "TZ": "Pacific/Kiritimati",
        "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "61",
    }  # fmt: skip
    said = run_in(tmp_path / "b" / "x" / "y", "../../out", data, 2, **other)
    one, two = made(tmp_path / "a" / "out"), made(tmp_path / "b" / "out")
    assert [name for name in one.keys() | two.keys() if one.get(name) != two.get(name)] == []
    assert any(name.endswith("scores.jsonl") for name in one)
    assert "report/report.json" in one
    assert "?" in said, "there was something that the terminal could not print"


class LastFirst(InProcessPool):
    """Gives results in the opposite order, as more processes may."""

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        return iter([*super().results(patient=patient)][::-1])


@pytest.mark.usefixtures("here")
def test_what_ended_first_stands_nowhere_first(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", each=2)
    run = run_and_score(tmp_path / "out", ["echo"], jobs=1, selection=Selection(data))["echo"]
    before = CREATED.sub(b"DAY", (run / "summary.json").read_bytes())
    log = run / "attempts.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[::-1]))
    for timeline in (run / "timelines").iterdir():
        timeline.unlink()
    stored = open_run(run)
    order = [sample.id for sample in stored.samples]
    assert list(stored.attempts) == order
    with LastFirst() as pool:
        (heard,) = timelines_of([stored], pool, lambda line: None, "transcript")  # type: ignore[arg-type]
        assert list(heard.timelines) == list(heard.outcomes) == order
        score_runs([stored], pool, lambda line: None, "transcript")  # type: ignore[arg-type]
    assert CREATED.sub(b"DAY", (run / "summary.json").read_bytes()) == before
