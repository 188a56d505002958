"""What sessions took, from the service's word to the totals of a run and its report."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from fake_servers.openai_live import SECONDS_BILLED, FakeLive
from fakes import run_and_score
from test_runs_live import SERVICE, do, jobs

from tml_bench.adapter import Usage
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.api.results import Run
from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.events import ServiceUsage
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.report.content import made, usage_line
from tml_bench.report.files import full_markdown, read_summaries, to_csv
from tml_bench.report.log import describe
from tml_bench.runs.jobs import Job, JobResult, SessionJob
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import LivePool
from tml_bench.runs.queues import SessionPool
from tml_bench.runs.record import record
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import Attempt, read_lines
from tml_bench.runs.usage import RunUsage, run_usage
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.live import LiveSession
from tml_bench.session.settings import Settings, opened_event

pytestmark = pytest.mark.usefixtures("without_pictures", "in_this_process")

GOLDEN = Path(__file__).parent / "golden" / "runs"
ONE = Usage(100, 40, 80, 30, 10, 1.5, 0.5, 1)
METERS = '''

from tml_bench.adapter import Usage
from tml_bench.adapters.openai_live import OpenAILive

class Meters(Service):
    """Tells twice what it took; ``then`` it hangs up, or tells nonsense."""
    def __init__(self, then=""):
        self.then = then
    async def events(self):
        yield Usage(100, 40, 80, 30, 10, 1.5, 0.5, 1)
        async for event in super().events() if not self.then else self.end():
            yield event
    async def end(self):
        yield Usage(input_tokens=-1 if self.then == "garbage" else 5)
        await asyncio.sleep(0.2)
'''


def one_session(
    folder: Path, monkeypatch: pytest.MonkeyPatch, then: str = ""
) -> tuple[SessionJob, JobResult]:
    monkeypatch.setattr("test_runs_live.SERVICE", SERVICE + METERS)
    (job,) = jobs(folder, "Meters", 1, f":{then}" if then else "")
    return job, do(LivePool(1), [job])["s0"]


def test_a_session_takes_down_what_its_service_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, result = one_session(tmp_path, monkeypatch)
    assert result.outcome in (Outcome.VALID, Outcome.INVALID)  # a busy machine may have been late
    assert result.usage == ONE
    told = [event for event in Recording(job.folder).events() if isinstance(event, ServiceUsage)]
    assert [(event.input_tokens, event.output_audio_s) for event in told] == [(100, 0.5)]
    (line,) = (line for line in describe(Recording(job.folder)) if " usage " in line)
    assert "100 input_tokens, 40 output_tokens" in line


def test_a_session_that_fails_took_something_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, result = one_session(tmp_path, monkeypatch, "gone")
    assert result.outcome is Outcome.INFRASTRUCTURE
    assert result.usage == ONE + Usage(5)


def test_an_adapter_that_counts_nonsense_is_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, result = one_session(tmp_path, monkeypatch, "garbage")
    assert (result.outcome, result.reason) == (Outcome.ADAPTER_ERROR, "input_tokens of a Usage is -1")
    assert result.usage == ONE


class Answers(SessionPool):
    """Ends every session as told, in turn."""

    def __init__(self, *results: JobResult) -> None:
        super().__init__()
        self._results = list(results)

    def __exit__(self, *raised: object) -> None:
        pass

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        while (queue := self._ready()) is not None:
            started, result = queue.start(), self._results.pop(0)
            if queue.ended(started, result):
                yield started.job, result


def test_every_attempt_is_recorded_with_what_it_took(tmp_path: Path) -> None:
    selection = Selection(subsets=("candor_turn_taking",), limit=2)
    (plan,) = plan_runs(RunRequest(("fd-bench-v1",), ("silent",), tmp_path, selection=selection))
    gone = JobResult(Outcome.INFRASTRUCTURE, "gone", retry=True, usage=ONE)
    valid, untold = (
        JobResult(Outcome.VALID, audio_s=3.0, usage=ONE + ONE),
        JobResult(Outcome.VALID, audio_s=3.0),
    )
    refused = JobResult(Outcome.INFRASTRUCTURE, "refused", retry=True)
    with Answers(gone, refused, valid, untold) as pool:
        record([plan], pool, lambda line: None)
    lines = [json.loads(line) for line in (plan.path / "attempts.jsonl").read_text().splitlines()]
    assert ["usage" in line for line in lines] == [True, False, True, False]
    assert [a.usage for a in read_lines(plan.path / "attempts.jsonl", Attempt) if a.usage] == [ONE, ONE + ONE]
    assert Run(plan.path).usage == RunUsage(ONE + ONE + ONE, told=2, sessions=3, audio_s=6.0)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    selection = Selection(subsets=("candor_turn_taking",), limit=2)
    (run,) = run_and_score(tmp_path_factory.mktemp("usage"), ["silent"], selection=selection).values()
    return run


@pytest.fixture
def metered(scored: Path, tmp_path: Path) -> Path:
    """A scored run one of whose sessions, and one failed attempt before it, told what they took."""
    run = tmp_path / scored.name
    shutil.copytree(scored, run)
    first, *others = read_lines(run / "attempts.jsonl", Attempt)
    failed = msgspec.structs.replace(
        first, outcome=Outcome.INFRASTRUCTURE, reason="gone", usage=Usage(1_000_000, 25, calls=3)
    )
    lines = failed, msgspec.structs.replace(first, attempt=2, usage=ONE), *others
    shutil.move(run / "fd-bench-v1" / first.sample / "1", run / "fd-bench-v1" / first.sample / "2")
    (run / "attempts.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    done = CliRunner().invoke(main, ["score", str(run), "--words", "transcript"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return run


LINE = (
    "usage: 1,000,100 input tokens (80 of audio, 10 cached), 65 output tokens (30 of audio), "
    "1.5 s of input audio, 0.5 s of output audio, 4 answers "
    "(told by 2 of 3 sessions, failed ones included)"
)


def test_a_run_says_what_all_its_sessions_took(metered: Path) -> None:
    (summary,) = summaries = read_summaries([metered])
    lasted_s = sum(attempt.audio_s for attempt in read_lines(metered / "attempts.jsonl", Attempt))
    assert summary.usage == RunUsage(
        ONE + Usage(1_000_000, 25, calls=3), 2, 3, pytest.approx(lasted_s, abs=1e-3)
    )
    assert usage_line(summary) == made(summary)["usage"] == LINE
    assert LINE in full_markdown(summaries)
    rows = list(csv.DictReader(io.StringIO(to_csv(summaries))))
    assert {(row["usage_input_tokens"], row["usage_calls"], row["usage_n"]) for row in rows} == {
        ("1000100", "4", "2")
    }
    shown = CliRunner().invoke(main, ["report", str(metered), "-v", "--out", str(metered.parent / "report")])
    assert "usage: 1,000,100 input tokens" in " ".join(shown.output.split())
    (page,) = (metered.parent / "report" / "runs").glob("*.html")
    assert "1,000,100 input tokens" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["fd-bench-v1-mini-1--delayed-700", "proactive-video-qa-mini-1--oracle"])
def test_a_run_without_usage_says_nothing_of_it(name: str) -> None:
    (summary,) = summaries = read_summaries([GOLDEN / name])
    assert summary.usage is msgspec.UNSET
    assert run_usage(GOLDEN / name) is msgspec.UNSET
    assert Run(GOLDEN / name).usage is None
    assert usage_line(summary) == ""
    assert "usage" not in made(summary)
    assert "usage" not in full_markdown(summaries)
    assert {row["usage_n"] for row in csv.DictReader(io.StringIO(to_csv(summaries)))} == {""}


def test_a_malformed_usage_is_named(tmp_path: Path) -> None:
    line = {"sample": "s", "subset": "", "attempt": 1, "outcome": "valid", "usage": {"calls": "many"}}
    (tmp_path / "attempts.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(UserError, match="line 1"):
        run_usage(tmp_path)


def test_openai_live_tells_at_its_goodbye_what_the_session_took(tmp_path: Path) -> None:
    async def session() -> tuple[Usage, list[ServiceUsage]]:
        clip = Waveform(np.zeros(2400, np.float32), 24000)
        sample = Sample("s", "x", Script((UserTurn(clip),), tail_s=0.3), Reference())
        async with FakeLive() as server:
            adapter, settings = OpenAILive(base_url=server.url), Settings(tick_ns=100_000_000)
            opened = opened_event("t", sample, "openai-live", adapter, settings)
            with RecordingWriter(tmp_path / "s", opened, clock="wall", compute="live") as writer:
                live = LiveSession("t", sample, adapter, settings, writer)
                await live.run()
                writer.close()
        assert not server.problems
        *_, usage, _end = Recording(tmp_path / "s").events()
        return live.usage, [usage]

    total, (told,) = asyncio.run(session())
    assert total == Usage(input_audio_s=SECONDS_BILLED)
    assert told.input_audio_s == SECONDS_BILLED
