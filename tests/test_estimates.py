"""What a dry run says, and that runs then take it: in virtual time, with a service that meters audio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from priced import metered_service, write_prices
from virtual_time import VirtualTimeLoop, run_virtual

import tml_bench
from tml_bench.adapter import LiveAdapter, MicroTurn, ModelEvent, Output, SessionStart, Usage
from tml_bench.cli import main
from tml_bench.media.audio import clip_samples
from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task, task_names
from tml_bench.pricing.charges import cost_of
from tml_bench.pricing.table import load_prices
from tml_bench.recording_writer import RecordingWriter
from tml_bench.report.estimate_text import estimate_lines
from tml_bench.runs.config import Selection
from tml_bench.runs.estimates import (
    EXPECTED,
    RunEstimate,
    SessionPace,
    estimate_official,
    estimate_run,
    together_s,
)
from tml_bench.runs.jobs import Job, JobResult, SessionJob
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.queues import SessionPool
from tml_bench.runs.record import record_all
from tml_bench.runs.sizes import session_size
from tml_bench.runs.usage import run_usage
from tml_bench.samples import (
    AfterModelStops,
    At,
    IntoModelSpeech,
    Reference,
    Sample,
    Script,
    UserTurn,
    Waveform,
)
from tml_bench.session.live import LEAD_NS, LiveSession
from tml_bench.session.settings import opened_event
from tml_bench.task import Task
from tml_bench.timeline import Segment

RATE = 16000
TOKENS_PER_S = 25
SILENCE_S = 0.5
MODEL = "gemini-3.8-live"


class Metering(LiveAdapter):
    """Says tones at given times, and counts what it was sent and gave, as Gemini Live does.

    Without times it says one of ``each_s`` whenever the user has fallen silent for `SILENCE_S`.

    Each answer reads all that was sent so far and given before, silence too.
    """

    audio_in = audio_out = RATE
    takes_history = True

    def __init__(self, model: str = MODEL) -> None:
        self.reported = {"model": f"models/{model}"}
        self.answers: tuple[Segment, ...] = ()
        self._sent_s = self._given_s = self._ready_s = self._before_s = 0.0
        self._text = 0
        self.each_s = self._loud_s = self._quiet_s = 0.0
        self._turns: asyncio.Queue[float] = asyncio.Queue()

    async def connect(self, session: SessionStart) -> None:
        self._ready_s = asyncio.get_running_loop().time() + LEAD_NS / 1e9
        self._text = len(session.instructions) + sum(len(said.text) for said in session.history)
        clips = (said.audio for said in session.history if said.audio is not None)
        self._before_s = sum(len(clip_samples(clip, RATE)) for clip in clips) / RATE

    async def send(self, turn: MicroTurn) -> None:
        self._sent_s += len(turn.audio) / RATE
        loud = np.abs(turn.audio).max(initial=0.0) > 0.01
        self._loud_s += 0.2 * loud
        self._quiet_s = 0.0 if loud else self._quiet_s + 0.2
        if self._loud_s and self._quiet_s > SILENCE_S:
            self._loud_s = 0.0
            self._turns.put_nowait(self.each_s)

    async def events(self) -> AsyncIterator[ModelEvent]:
        loop = asyncio.get_running_loop()
        planned = iter(self.answers)
        while True:
            if self.each_s:
                n = round(await self._turns.get() * RATE)
            elif (answer := next(planned, None)) is None:
                break
            else:
                await asyncio.sleep(max(0.0, self._ready_s + answer.start_s - loop.time()))
                n = round((answer.end_s - answer.start_s) * RATE)
            yield Output(audio=(0.3 * np.sin(0.2 * np.arange(n))).astype(np.float32))
            heard_s = self._before_s + self._sent_s + self._given_s
            read, given = round(TOKENS_PER_S * heard_s), round(TOKENS_PER_S * n / RATE)
            yield Usage(read + round(self._text / 4), given, read, given, calls=1)
            self._given_s += n / RATE
        await asyncio.Event().wait()

    async def close(self) -> None: ...


class VirtualLive(SessionPool):
    """Holds live sessions one after the other, in virtual time."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._task = task

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        while (queue := self._ready()) is not None:
            started = queue.start()
            assert isinstance(started.job, SessionJob)
            result = self._held(started.job)
            if queue.ended(started, result):
                yield started.job, result

    def _held(self, job: SessionJob) -> JobResult:
        service, loop = Metering(), VirtualTimeLoop()
        ideal = self._task.ideal(job.sample).segments
        if any(not isinstance(turn.cue, At) for turn in job.sample.script.turns):
            service.each_s = sum(s.end_s - s.start_s for s in ideal) / len(ideal)
        service.answers = ideal or tuple(
            Segment(t.end_s + 0.7, t.end_s + 2.7) for t in session_size(self._task, job.sample).turns
        )
        opened = opened_event(job.task, job.sample, "metering", service, job.settings)
        with RecordingWriter(job.folder, opened, clock="wall", compute="live") as writer:
            session = LiveSession(job.task, job.sample, service, job.settings, writer, clock_ns=loop.clock_ns)

            async def play() -> None:
                await session.run()

            run_virtual(play(), loop)
            manifest = writer.close()
        audio_s = manifest.samples / manifest.rate
        ended = JobResult(Outcome.VALID, recording=True, audio_s=audio_s, usage=session.usage)
        return replace(ended, reported=service.reported)

    def __exit__(self, *raised: object) -> None:
        pass


@pytest.fixture
def adapter(tmp_path: Path) -> str:
    """A service by the same name and options, to plan with."""
    return metered_service(tmp_path, MODEL)


def foretold_and_taken(name: str, adapter: str, out: Path, **some: Any) -> tuple[RunEstimate, Usage, float]:
    """What a dry run says of a task's mini set, then what a run told, and how long its sessions lasted."""
    request = RunRequest((name,), (adapter,), out, selection=Selection(**some))
    (plan,) = plan_runs(request)
    foretold = estimate_run(plan, load_prices(), SessionPace())
    with VirtualLive(load_task(name)) as pool:
        assert record_all({pool: [plan]}, lambda line: None) == []
    told = run_usage(plan.path)
    assert told
    return foretold, told.total, told.audio_s


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("fd-bench-v1", {"limit": 1, "subsets": ("candor_turn_taking", "synthetic_pause_handling")}),
        ("audio-multichallenge", {"limit": 1, "subsets": ("INFERENCE_MEMORY",)}),
        ("audio-multichallenge-open", {"limit": 1, "subsets": ("INFERENCE_MEMORY",)}),
    ],
)
def test_a_run_takes_what_the_dry_run_said(
    name: str, some: dict[str, Any], adapter: str, tmp_path: Path
) -> None:
    """Within 10 %; docs/cost.md has it for all mini sets in full."""
    foretold, told, lasted_s = foretold_and_taken(name, adapter, tmp_path / "runs", **some)
    price = load_prices().price_of(MODEL)
    assert price is not None
    assert foretold.basis == EXPECTED
    assert foretold.user_s == pytest.approx(lasted_s, rel=0.1)
    assert foretold.usage.output_tokens == pytest.approx(told.output_tokens, rel=0.1)
    assert foretold.usage.input_tokens == pytest.approx(told.input_tokens, rel=0.1)
    assert foretold.cost == pytest.approx(cost_of(told, price), rel=0.1)


def test_what_is_done_is_not_to_be_done_and_tells_what_the_rest_takes(adapter: str, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    _, told, lasted_s = foretold_and_taken(
        "fd-bench-v1", adapter, out, limit=1, subsets=("candor_turn_taking",)
    )
    request = RunRequest(
        ("fd-bench-v1",), (adapter,), out, selection=Selection(subsets=("candor_turn_taking",), limit=2)
    )
    (plan,) = plan_runs(request)
    rest = estimate_run(plan, load_prices(), SessionPace())
    assert (rest.sessions, rest.done, rest.basis) == (1, 1, "1 earlier sessions")
    assert rest.usage.input_tokens == pytest.approx(told.input_tokens * rest.user_s / lasted_s, abs=1)
    again = estimate_run(plan, load_prices(), SessionPace(), fresh=True)
    assert (again.sessions, again.done) == (2, 0)


def one(task: str = "t", adapter: str = "a", **more: Any) -> RunEstimate:
    known: dict[str, Any] = {"sessions": 10, "done": 0, "user_s": 600.0, "model_s": 60.0, "usage": Usage()}
    return RunEstimate(adapter, task, **known | more)


def test_sessions_that_wait_for_the_model_are_as_long_as_it_takes_to_answer() -> None:
    """A turn of 2 s, answered 0.7 s later for 2 s, then the next 1 s after the answer; and a barge-in."""
    clip = Waveform(np.zeros(2 * RATE, np.float32), RATE)
    after = Script((UserTurn(clip), UserTurn(clip, AfterModelStops(1.0))), tail_s=5.0)
    into = Script((UserTurn(clip), UserTurn(clip, IntoModelSpeech(0.5))), tail_s=5.0, quiet_s=1.0)
    task = load_task("fd-bench-v1")
    size = session_size(task, Sample("s", "x", after, Reference()))
    assert [t.start_s for t in size.turns] == pytest.approx([0.0, 5.7])
    assert [(a.start_s, a.end_s) for a in size.answers] == [
        pytest.approx((2.7, 4.7)), pytest.approx((8.4, 10.4)),
    ]  # fmt: skip
    assert size.user_s == pytest.approx(12.7)
    size = session_size(task, Sample("s", "x", into, Reference()))
    assert size.turns[1].start_s == pytest.approx(3.2)
    assert size.answers[0].length_s == pytest.approx(0.5)
    assert size.user_s == pytest.approx(5.2 + 0.7 + 2.0 + 1.0)


def test_services_run_side_by_side_and_all_else_in_turn() -> None:
    pace = SessionPace(concurrency=4, rate=2.0)
    assert pace.live_s(600.0, 30.0, 3) == 150.0
    assert pace.live_s(60.0, 30.0, 10) == 9 * 30 + 30.0
    live = (
        one(wall_s=100.0, live=True),
        one("u", wall_s=50.0, live=True),
        one(adapter="b", wall_s=120.0, live=True),
    )
    assert together_s([*live, one(adapter="own", wall_s=10.0)]) == 160.0
    assert together_s([*live, one(adapter="own")]) is None


def test_the_table_is_80_wide_and_money_has_its_day() -> None:
    priced = {"model": "m", "currency": "USD", "as_of": "2026-09-18", "live": True, "wall_s": 5000.0}
    usage = Usage(123_456_789, 23_456, 123_456_789, 23_456)
    big = one(
        "audio-multichallenge-open",
        "dear",
        sessions=24407,
        done=3,
        user_s=1e6,
        rough=True,
        usage=usage,
        cost=1234.5,
        judge_calls=9,
        judge_tokens=9000,
        judge_cost=0.5,
        judge_as_of="2026-05-04",
        **priced,
    )
    lines = estimate_lines([big, one("t", "dear", cost=0.25, **priced), one(adapter="own", model="")])
    text = " ".join(lines)
    assert max(map(len, lines)) <= 80
    assert lines[0] == "dear: m, USD at prices of 2026-09-18"
    for said in (
        "24407",
        "~16667",
        "123M",
        "1234.50",
        "0.5 USD at prices of 2026-05-04",
        "runs here",
        "83.3 m",
    ):
        assert said in text
    assert estimate_lines([]) == ["There is nothing to run."]
    free = estimate_lines([one(adapter="dear", cost=1.0, **priced), one(adapter="other", live=True)])
    assert "other: no price known" in free
    assert next(line for line in free if line.startswith("all of it")).endswith("1.00+")


def test_official_sizes_are_those_of_the_cards() -> None:
    sizes = {name: load_task(name).official_sizes for name in task_names()}
    total = {name: sum(part.samples for part in parts) for name, parts in sizes.items()}
    assert total == {
        "audio-multichallenge": 452, "audio-multichallenge-open": 452, "charades": 19647, "cuespeak": 0,
        "cuespeak-test": 0, "fd-bench-v1": 727, "fd-bench-v1.5": 498, "fd-bench-v2": 200,
        "fd-bench-v2-fast": 200, "fd-bench-v2-long": 200, "fd-bench-v3": 100,
        "presence": 0, "proactive-video-qa": 1427, "repcount-a": 152, "timespeak": 0, "timespeak-test": 0,
    }  # fmt: skip
    with_clean = load_task("fd-bench-v1.5")  # every item has a companion that is played too
    (both,) = estimate_official(with_clean, ["gemini-live"], load_prices(), SessionPace())
    assert (both.sessions, both.rough) == (996, True)
    for name, parts in sizes.items():
        assert {part.subset for part in parts} <= {"", *load_task(name).subsets}


def test_a_dry_run_prints_the_official_sizes_and_writes_nothing(tmp_path: Path) -> None:
    command = ["run", "--dry-run", "--official", "--task", "proactive-video-qa"]
    for adapter in ("openai-realtime", "gemini-live"):
        command += ["--adapter", adapter]
    command += ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert "openai-realtime: gpt-realtime-2.1, USD at prices of 2026-09-18" in done.output
    assert "gemini-live: gemini-3.8-live, USD at prices of 2026-10-07" in done.output
    assert not (tmp_path / "out").exists()
    (line, _) = (line for line in done.output.splitlines() if line.startswith("  proactive"))
    _, sessions, minutes, *_ = line.split()
    assert sessions == "1427"
    # 49 h of videos, and 5 s and a question each.
    assert 48.8 * 60 + 1427 * 5 / 60 < float(minutes) < 48.8 * 60 + 1427 * 15 / 60
    few = ["run", "--dry-run", "--official", "--task", "fd-bench-v1", "--adapter", "gemini-live", "--json"]
    (told,) = json.loads(CliRunner().invoke(main, few, catch_exceptions=False).stdout)
    assert (told["sessions"], told["model"], told["as_of"]) == (727, "gemini-3.8-live", "2026-10-07")


def test_prices_of_one_s_own_price_a_run(adapter: str, tmp_path: Path) -> None:
    table = write_prices(tmp_path / "prices.json", currency="EUR", models=["mine"], input_minute=0.6)
    (found,) = tml_bench.estimate(
        ["fd-bench-v1"], [f"{adapter}:mine"], prices=table, limit=1, subsets=["candor_turn_taking"],
        out=tmp_path / "out",
    )  # fmt: skip
    assert found.cost == pytest.approx(found.user_s * 0.01)
    assert (found.currency, found.as_of, found.model) == ("EUR", "2026-05-06", "mine")


@pytest.mark.parametrize("flag", ["--official", "--json"])
def test_what_belongs_to_a_dry_run_is_refused_without_it(flag: str) -> None:
    done = CliRunner().invoke(main, ["run", flag])
    assert done.exit_code == 2
    assert "--dry-run" in done.output


def test_an_argument_that_run_does_not_take_is_no_estimate_s_either() -> None:
    with pytest.raises(TypeError, match="'limits'"):
        tml_bench.estimate("fd-bench-v1", "silent", limits=3)
