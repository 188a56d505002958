"""Many live sessions in one process: results, rate, back-off, and processes that block or die."""

from __future__ import annotations

import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.jobs import JobResult, SessionJob
from tml_bench.runs.live_worker import DeadlinePlaces, allow_files
from tml_bench.runs.pool import LivePool
from tml_bench.runs.queues import Patience
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.live import LatenessLimits
from tml_bench.session.settings import Settings

SERVICE = '''
import asyncio, os, time
import numpy as np
from tml_bench.adapter import InfrastructureError, LiveAdapter, Output, QuotaError

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
        seen = os.path.join(self.folder, session.session_id.replace("/", "_"))
        if not os.path.exists(seen):
            open(seen, "w").close()
            raise QuotaError("429", retry_after_s=0.1)

class Gone(Service):
    async def connect(self, session):
        raise InfrastructureError("connection refused")

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
        if self.session.session_id.endswith("s1"):
            os._exit(7)
'''


def jobs(folder: Path, adapter: str, count: int, options: str = "") -> list[SessionJob]:
    file = folder / "service.py"
    file.write_text(SERVICE)
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
    assert error.problem.endswith("Gone: connection refused; it is waited for 0.5 s at most")
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


def test_a_blocked_loop_is_ended(tmp_path: Path) -> None:
    results = do(LivePool(1, limits=LatenessLimits(blocked_s=1.0)), jobs(tmp_path, "Blocks", 1))
    assert results["s0"].outcome is Outcome.ADAPTER_ERROR
    assert "blocked its loop for 1 s" in results["s0"].reason


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
