"""What a sample costs does not grow with their number: calls, files opened and memory are counted."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec import UNSET
from virtual_pool import VirtualPool

from tml_bench.judges.rules import RuleJudge
from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task
from tml_bench.pricing.table import load_prices
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.report.board import board_of
from tml_bench.report.files import full_markdown, read_summaries, to_csv
from tml_bench.report.folders import refuse_to_replace
from tml_bench.report.site import site
from tml_bench.runs.config import RunPlan, Selection
from tml_bench.runs.jobs import JobResult, SessionJob
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.record import record
from tml_bench.runs.store import StoredRun, open_run
from tml_bench.scoring import stored_values
from tml_bench.scoring.asking import ask
from tml_bench.scoring.score import _score
from tml_bench.scoring.search import respondents
from tml_bench.scoring.summary_file import write_json
from tml_bench.scoring.timelines import RunTimelines, outcomes_of
from tml_bench.session.settings import Compute
from tml_bench.timeline import Timeline

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    from report_speed import write_run

SOURCE = f"{Path(__file__).with_name('many_task.py')}:Many"
SIZES = 20, 40, 80
NEAR = 1.05
"""What the second doubling may add over twice of what the first adds: with the square it were twice that."""

_opened: list[str] | None = None


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened.append(str(arguments[0]))


sys.addaudithook(_hook)


def counted(do: Callable[[], object]) -> tuple[int, int]:
    """Calls of functions, Python's and built-in ones, and files opened."""
    global _opened
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    _opened, before = [], sys.getprofile()
    gc.collect()
    gc.disable()  # what it calls hangs on what other tests have left
    sys.setprofile(count)
    try:
        do()
        return calls, len(_opened)
    finally:
        sys.setprofile(before)
        gc.enable()
        _opened = None


def planned(folder: Path, n: int, replay: Path | None = None) -> RunPlan:
    data = folder / str(n)
    data.mkdir(parents=True, exist_ok=True)
    request = RunRequest(
        (SOURCE,),
        ("silent",),
        folder / f"out-{n}",
        Selection(data),
        compute=Compute.RECORDED if replay else Compute.IDEAL,
        replay=replay,
    )
    (plan,) = plan_runs(request)
    return plan


def recorded(plan: RunPlan, result: JobResult | None = None) -> None:
    """Record a run without its sessions."""

    def play(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
        return 1.0, result or JobResult(Outcome.VALID, audio_s=0.4)

    with VirtualPool({"silent": play}) as pool:
        record([plan], pool, lambda line: None)


def scored(run: StoredRun) -> None:
    """Score a run in which nothing was heard."""
    timelines = {attempt.sample: Timeline(0.4) for attempt in run.valid()}
    track = AudioTrack(Path(), "")
    facts = dict.fromkeys(timelines, SessionFacts(track, track, None, (), (), ()))
    (one,) = ask([RunTimelines(run, timelines, outcomes_of(run, {}), facts)], respondents)
    _score(one, RuleJudge(run.task.rules), {}, UNSET, load_prices(None))


def assert_linear(do: Callable[[int], object]) -> None:
    """Twice as many samples cost twice as much more; what the first call loads is loaded before."""
    do(1)
    small, middle, large = (counted(partial(do, n)) for n in SIZES)
    for a, b, c in zip(small, middle, large, strict=True):
        assert c - b <= 2 * NEAR * (b - a), (a, b, c)


def test_recording_and_continuing(tmp_path: Path) -> None:
    assert_linear(lambda n: recorded(planned(tmp_path, n)))
    assert_linear(lambda n: recorded(planned(tmp_path, n)))  # all is reused


def test_recording_what_fails(tmp_path: Path) -> None:
    refused = JobResult(Outcome.INFRASTRUCTURE, "HTTP 503", retry=True)
    assert_linear(lambda n: recorded(planned(tmp_path, n), refused))


def test_replaying(tmp_path: Path) -> None:
    for n in (1, *SIZES):
        recorded(planned(tmp_path, n))

    def replay(n: int) -> None:
        before = planned(tmp_path, n).path
        recorded(planned(tmp_path / "again", n, before))

    assert_linear(replay)


def test_scoring(tmp_path: Path) -> None:
    for n in (1, *SIZES):
        recorded(planned(tmp_path, n))
    assert_linear(lambda n: scored(open_run(planned(tmp_path, n).path)))


def test_scoring_keeps_little_of_a_sample(tmp_path: Path) -> None:
    """Its objects were 30 KB a sample, with every blind strategy that is searched."""
    for n in (1, *SIZES):
        recorded(planned(tmp_path, n))
    scored(open_run(planned(tmp_path, 1).path))
    peaks = []
    for n in SIZES[1:]:
        tracemalloc.start()
        scored(open_run(planned(tmp_path, n).path))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] <= 5_000 * (SIZES[2] - SIZES[1])


def test_a_report_takes_no_more_memory_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_values, "LARGE", 10_000)
    monkeypatch.setattr(stored_values, "PIECE", 10_000)
    runs = [write_run(tmp_path / str(n), load_task(SOURCE), 0, n) for n in (100, 400)]

    def report(run: Path) -> None:
        summaries = read_summaries([run])
        to_csv(summaries)
        full_markdown(summaries)
        site(board_of(summaries))
        write_json(summaries, tmp_path / "report.json")
        refuse_to_replace(tmp_path, summaries)

    for run in runs:  # what it loads is loaded
        report(run)
    peaks = []
    for run in runs:
        tracemalloc.start()
        report(run)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= NEAR * peaks[0]
