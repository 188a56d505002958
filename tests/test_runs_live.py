"""Many live sessions in one process: results, rate, back-off, and processes that block or die."""

from __future__ import annotations

import math
import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import session_of, write_data

from tml_bench import events as ev
from tml_bench.cli import main
from tml_bench.outcome import Outcome
from tml_bench.recording import AudioTrack, Recording, SessionFacts
from tml_bench.runs.back_off import Patience
from tml_bench.runs.jobs import JobResult, PerceiveJob, ServiceFailure, SessionJob
from tml_bench.runs.live_worker import DeadlinePlaces, allow_files
from tml_bench.runs.pool import LivePool, Pool
from tml_bench.runs.store import Attempt, read_lines
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.live import LatenessLimits
from tml_bench.session.settings import Settings

SERVICE = '''
import asyncio, os, time
import numpy as np
from tml_bench.adapter import AccountError, InfrastructureError, QuotaError
from tml_bench.adapter import LiveAdapter, Output, ProviderEvent

class Service(LiveAdapter):
    """Answers 300 ms after connecting with a beep of 200 ms."""
    audio_in = audio_out = 16000
    async def connect(self, session):
        self.session = session
    async def send(self, turn):
        pass
    async def events(self):
        await asyncio.sleep(0.3)
        yield Output(audio=np.full(3200, 0.2))
        await asyncio.Event().wait()
    async def close(self):
        pass

class Refuses(Service):
    """Refuses the first time a session is asked for."""
    def __init__(self, folder):
        self.folder = folder
    async def connect(self, session):
        seen = os.path.join(self.folder, session.session_id)
        if not os.path.exists(seen):
            open(seen, "w").close()
            raise QuotaError("429", retry_after_s=0.1)

class Gone(Service):
    async def connect(self, session):
        raise InfrastructureError("connection refused")

class NoKey(Service):
    """Says so in a message, and then in its refusal."""
    async def connect(self, session):
        raise AccountError("401 wrong key", "set KEY")
    async def events(self):
        yield ProviderEvent("error", {"code": "invalid_api_key"})

class HangsUp(Service):
    """Hangs up after 350 ms, and says why."""
    async def events(self):
        yield ProviderEvent("session.created", {})
        await asyncio.sleep(0.35)
        yield ProviderEvent("error", {"code": "overloaded"})

class Busy(Service):
    async def connect(self, session):
        raise QuotaError("429 too many", retry_after_s=99999)

class Named(Service):
    async def prepare(self):
        self.reported = {"model": "m-1"}
    async def connect(self, session):
        self.reported = {"model": "m-1", "server_version": "2\\n"}

class Mumbles(Service):
    reported = "model m-1"

class Blocks(Service):
    async def send(self, turn):
        time.sleep(3600)

class Dies(Service):
    async def send(self, turn):
        if self.session.session_id == "VICTIM":
            os._exit(7)
'''


def jobs(folder: Path, adapter: str, count: int, options: str = "") -> list[SessionJob]:
    folder.mkdir(exist_ok=True)
    file = folder / "service.py"
    file.write_text(SERVICE.replace("VICTIM", session_of("t", "s1")))
    clip = Waveform(np.full(8000, 0.1, np.float32), 16000)
    return [
        SessionJob(
            key=(0, f"s{n}"),
            task="t",
            sample=Sample(f"s{n}", "x", Script((UserTurn(clip),), tail_s=0.3), Reference()),
            adapter=f"{file}:{adapter}{options}",
            settings=Settings(tick_ns=100_000_000),
            folder=folder / "out" / f"s{n}",
        )
        for n in range(count)
    ]


def do(pool: LivePool, work: list[SessionJob]) -> dict[str, JobResult]:
    with pool:
        for job in work:
            pool.submit(job)
        return {job.key[1]: result for job, result in pool.results()}


def test_sessions_run_side_by_side(tmp_path: Path) -> None:
    work = jobs(tmp_path, "Service", 8)
    results = do(LivePool(8), work)
    assert {r.outcome for r in results.values()} <= {Outcome.VALID, Outcome.INVALID}
    assert sum(r.wall_s for r in results.values()) > 6.0
    for job in work:
        assert Recording(job.folder).duration_s == pytest.approx(0.8)


def test_a_refused_session_is_tried_again(tmp_path: Path) -> None:
    results = do(LivePool(2), jobs(tmp_path, "Refuses", 2, f":{tmp_path}"))
    assert {r.outcome for r in results.values()} <= {Outcome.VALID, Outcome.INVALID}


def test_a_service_that_is_gone_is_given_up_after_one_attempt(tmp_path: Path) -> None:
    pool = LivePool(2, patience=Patience(first_wait_s=0.5))
    work = jobs(tmp_path, "Gone", 3)
    (result,) = do(pool, work).values()
    assert (result.outcome, result.reason, result.retry) == (
        Outcome.INFRASTRUCTURE,
        "connection refused",
        True,
    )
    error = pool.given_up[work[0].adapter]
    assert error.problem.endswith("Gone: connection refused; it was waited for 0.5 s")
    assert error.remedy == "2 samples of it were not run; the same command continues"


@pytest.mark.parametrize(
    ("known", "differs"),
    [
        ({"model": "m-0"}, "model m-0 there and m-1 now"),
        ({"model": "m-1", "server_version": "1"}, "server version 1 there and 2  now"),
    ],
)
def test_another_model_ends_the_session_before_it_begins(
    tmp_path: Path, known: dict[str, str], differs: str
) -> None:
    work = [replace(job, reported=known) for job in jobs(tmp_path, "Named", 1)]
    (result,) = do(LivePool(1), work).values()
    assert (result.outcome, result.reason) == (Outcome.INFRASTRUCTURE, f"it is another model: {differs}")
    assert not result.recording
    assert result.reported["model"] == "m-1"


def test_a_report_that_is_none_is_refused(tmp_path: Path) -> None:
    (result,) = do(LivePool(1), jobs(tmp_path, "Mumbles", 1)).values()
    assert result.fatal
    assert "reported is 'model m-1'. give a dict" in result.reason


def test_the_same_model_goes_on(tmp_path: Path) -> None:
    work = [
        replace(job, reported={"model": "m-1", "server_version": "2 "}) for job in jobs(tmp_path, "Named", 1)
    ]
    (result,) = do(LivePool(1), work).values()
    assert result.recording
    assert result.reported == {"model": "m-1", "server_version": "2 "}


def test_a_process_that_dies_takes_nothing_else_with_it(tmp_path: Path) -> None:
    work = jobs(tmp_path, "Dies", 3)
    pool = LivePool(4)
    outcomes: dict[str, list[Outcome]] = {}
    with pool:
        for job in work:
            pool.submit(job)
        for job, result in pool.results():
            assert isinstance(job, SessionJob)
            outcomes.setdefault(job.key[1], []).append(result.outcome)
            if result.retry and len(outcomes[job.key[1]]) < 4:
                pool.submit(job)
    assert outcomes["s1"][-1] is Outcome.ADAPTER_ERROR
    for other in ("s0", "s2"):  # a busy machine may have been late, which is not the process's doing
        assert outcomes[other][-1] in (Outcome.VALID, Outcome.INVALID)


def test_a_process_that_is_killed_or_stopped_from_outside_is_nobody_s_fault(tmp_path: Path) -> None:
    work = jobs(tmp_path, "Service", 1)
    limits = LatenessLimits(blocked_s=1.0)
    for sent, said in ((signal.SIGKILL, "was killed (signal 9)"), (signal.SIGSTOP, "was stopped")):
        with LivePool(1, limits=limits) as pool:
            pool.submit(work[0])
            pool._start_sessions()
            (host,) = pool._hosts.values()
            while host.worker.deadline.value > time.monotonic() + 10:  # its loop does not turn yet
                time.sleep(0.01)
            os.kill(host.worker.process.pid or 0, sent)
            ((_, result),) = pool.results()
        assert (result.outcome, result.retry) == (Outcome.INFRASTRUCTURE, True)
        assert result.reason == f"the process that runs live sessions {said}"
        assert host.queue.at_once == 1


def test_a_process_that_is_stopped_before_it_begins_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    (job,) = jobs(tmp_path, "Service", 1)
    track = AudioTrack(tmp_path / "x.flac", "")
    facts = SessionFacts(track, track, None, (), (), ())
    perceive = PerceiveJob((0, "s"), "fd-bench-v1", job.sample, facts, tmp_path / "c", "transcript")
    for work, limited in ((job, True), (perceive, False)):
        with Pool(1, 60.0) as pool:
            pool.submit(work)
            pool._assign()
            assert (pool._slots[0].worker.deadline.value < math.inf) == limited


def test_a_blocked_loop_is_ended(tmp_path: Path) -> None:
    results = do(LivePool(1, limits=LatenessLimits(blocked_s=1.0)), jobs(tmp_path, "Blocks", 1))
    assert results["s0"].outcome is Outcome.ADAPTER_ERROR
    assert "blocked its loop for 1 s" in results["s0"].reason


def test_an_adapter_that_blocks_its_loop_does_not_touch_another(tmp_path: Path) -> None:
    healthy = [replace(job, key=(1, job.key[1])) for job in jobs(tmp_path, "Service", 4)]
    for job in healthy:
        job.folder.parent.mkdir(exist_ok=True)
    blocking = [replace(job, folder=tmp_path / "b") for job in jobs(tmp_path, "Blocks", 1)]
    outcomes: dict[int, set[Outcome]] = {0: set(), 1: set()}
    with LivePool(4, limits=LatenessLimits(blocked_s=1.0)) as pool:
        for job in [*blocking, *healthy]:
            pool.submit(job)
        for job, result in pool.results():
            outcomes[job.key[0]].add(result.outcome)
    assert outcomes[0] == {Outcome.ADAPTER_ERROR}
    assert outcomes[1] <= {Outcome.VALID, Outcome.INVALID}


def test_what_a_service_said_before_it_broke_off_is_kept(tmp_path: Path) -> None:
    (job,) = jobs(tmp_path, "HangsUp", 1)
    (result,) = do(LivePool(1), [job]).values()
    assert (result.outcome, result.failed) == (Outcome.INFRASTRUCTURE, ServiceFailure.SESSION)
    assert result.recording
    recording = Recording(job.folder)
    *_, fault, end = recording.events()
    assert isinstance(fault, ev.Fault)
    assert fault.reason == result.reason
    assert fault.reason.startswith("the service hung up after 0.")
    assert isinstance(end, ev.SessionClosed)
    said = [(e.type, e.body) for e in recording.events() if isinstance(e, ev.ProviderMessage)]
    assert said == [("session.created", {}), ("error", {"code": "overloaded"})]
    assert 0 < result.audio_s == recording.duration_s <= 0.4


def test_what_a_service_said_that_opened_no_session_is_kept(tmp_path: Path) -> None:
    (job,) = jobs(tmp_path, "NoKey", 1)
    (result,) = do(LivePool(1), [job]).values()
    assert (result.outcome, result.reason) == (Outcome.INFRASTRUCTURE, "401 wrong key; set KEY")
    assert result.fatal
    assert result.recording
    recording = Recording(job.folder)
    assert recording.duration_s == 0
    said = [(e.type, e.body) for e in recording.events() if isinstance(e, ev.ProviderMessage)]
    assert said == [("error", {"code": "invalid_api_key"})]


def test_the_preflight_is_no_result_and_stops_what_cannot_be_used(tmp_path: Path) -> None:
    good, bad = jobs(tmp_path, "Service", 1), jobs(tmp_path, "NoKey", 3)
    pool = LivePool(2, preflight=True)
    results = do(pool, [*good, *bad])
    assert results.keys() == {"s0"}
    assert list(pool.given_up) == [bad[0].adapter]
    assert pool.given_up[bad[0].adapter].remedy.startswith("3 samples of it were not run")


def run_command(tmp_path: Path, adapter: str, *options: str) -> tuple[str, list[Attempt]]:
    """What the command prints that cannot finish a run, and the attempts it recorded."""
    (job,) = jobs(tmp_path, adapter, 1)
    data = write_data(tmp_path / "data")
    where = ("--task", "fd-bench-v1", "--data", str(data), "--out", str(tmp_path / "out"))
    done = CliRunner().invoke(main, ["run", *where, "--adapter", job.adapter, *options])
    assert done.exit_code == 2, done.output
    (log,) = (tmp_path / "out").glob("*/attempts.jsonl")
    return done.output, read_lines(log, Attempt)


def test_a_wrong_key_costs_one_message(tmp_path: Path) -> None:
    output, attempts = run_command(tmp_path, "NoKey")
    assert output.count("401 wrong key") == 1
    assert "3 samples of it were not run; the same command continues" in output
    assert attempts == []
    output, attempts = run_command(tmp_path / "again", "NoKey", "--no-preflight")
    assert output.count("error: ") == 1
    assert len(attempts) == 1


def test_a_service_that_asks_for_a_day_is_given_up_at_once(tmp_path: Path) -> None:
    output, attempts = run_command(tmp_path, "Busy", "--max-wait", "20")
    told = "429 too many; it asks to wait 99999 s, and the limit is 20 s (--max-wait) in all"
    assert told in " ".join(output.split())
    assert "the same command continues" in output
    assert attempts == []


def test_deadlines_of_sessions_lie_far_from_each_other() -> None:
    places = DeadlinePlaces()
    assert [places.phase(places.take()) for _ in range(6)] == [0, 0.5, 0.25, 0.75, 0.125, 0.625]
    places.leave(2)
    assert places.take() == 2
    many = np.sort([places.phase(n) for n in range(64)])
    np.testing.assert_allclose(np.diff(many), 1 / 64)


def test_a_host_may_open_as_many_files_as_it_needs() -> None:
    """A session holds up to eight files open; the usual limit of 1024 is that of 128 sessions."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
        allow_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(8192, before[1]), before[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        allow_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= before[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
