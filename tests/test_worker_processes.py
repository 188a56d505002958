"""Worker processes: each has its number and devices; how one ended says whose fault that was."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import soundfile
from fakes import session_of
from virtual_pool import session_job

from tml_bench.api.scores import worker_pool
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.runs.devices import parse_devices, worker_environment
from tml_bench.runs.executors import Executor
from tml_bench.runs.jobs import CallJob, JobResult, PerceiveJob, SessionJob
from tml_bench.runs.pool import Pool
from tml_bench.runs.processes import Vigil, WorkerProcess
from tml_bench.runs.supervised import SupervisedWorker
from tml_bench.samples import Script, UserTurn

ACCELERATOR = """
import os
DEVICE = os.environ["CUDA_VISIBLE_DEVICES"]
"""
MODEL = """
import os
import signal
from pathlib import Path

import accelerator
from tml_bench.adapter import StepAdapter

class Model(StepAdapter):
    def __init__(self, log):
        self.log = Path(log)

    def warm_up(self):
        with self.log.open("a") as log:
            print(os.environ["TML_BENCH_WORKER"], accelerator.DEVICE, file=log)

    def start(self, session):
        killed = self.log.with_name("killed")
        if session.session_id == "VICTIM" and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def step(self, turn):
        return None
"""


@pytest.mark.parametrize(
    ("given", "devices"),
    [
        ("", ()),
        ((), ()),
        ("0,1", ("0", "1")),
        ([0, 3], ("0", "3")),
        ("0+1, 2+3", ("0,1", "2,3")),
        (["GPU-5f2c", "MIG-GPU-5f2c/1/0"], ("GPU-5f2c", "MIG-GPU-5f2c/1/0")),
    ],
)
def test_devices_are_what_the_runtime_takes(given: str | list[int | str], devices: tuple[str, ...]) -> None:
    assert parse_devices(given) == devices


@pytest.mark.parametrize("given", ["0,", "0,0", "0+1,1", "-1", [-1], "0;1", "cuda:0", "٣", " "])
def test_what_is_no_device_is_refused(given: str | list[int | str]) -> None:
    with pytest.raises(UserError, match="--gpus"):
        parse_devices(given)


def test_workers_take_turns_at_devices_and_are_told_nothing_without() -> None:
    seen = [worker_environment(number, ("a", "b")) for number in range(3)]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in seen] == ["a", "b", "a"]
    assert [each["TML_BENCH_WORKER"] for each in seen] == ["0", "1", "2"]
    assert worker_environment(3, ()) == {"TML_BENCH_WORKER": "3"}


def test_a_process_for_each_device_unless_told_and_sharing_is_said_once() -> None:
    told: list[str] = []
    assert worker_pool(None, 60.0, tell=told.append, devices=("0", "1", "2"))._size == 3
    assert told == []
    assert worker_pool(4, 60.0, tell=told.append, devices=("0", "1"))._size == 4
    assert len(told) == 1
    assert told[0].startswith("4 processes share 2 devices (--gpus)")


def test_ray_hands_out_devices_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tml_bench.runs.ray_cluster.find_spec", lambda name: name)
    assert Executor.of("local", None, None, None, "0,1").devices == ("0", "1")
    with pytest.raises(UserError, match="--gpus is for processes of this machine") as refused:
        Executor.of("ray", None, None, None, "0,1")
    assert "--actor-gpus" in refused.value.remedy


def test_a_model_is_loaded_once_a_worker_on_the_device_of_that_worker(tmp_path: Path) -> None:
    (tmp_path / "accelerator.py").write_text(ACCELERATOR)
    log = tmp_path / "log"
    (tmp_path / "model.py").write_text(MODEL.replace("VICTIM", session_of("t", "s2")))
    outcomes: Counter[Outcome] = Counter()
    with Pool(2, 60.0, devices=("GPU-a", "GPU-b")) as pool:
        for number in range(6):
            job = session_job(0, f"s{number}", f"{tmp_path / 'model.py'}:Model:log={log}")
            pool.submit(replace(job, folder=tmp_path / job.sample.id))
        for job, result in pool.results():
            outcomes[result.outcome] += 1
            if result.retry:
                pool.submit(job)
    assert outcomes == {Outcome.VALID: 6, Outcome.INFRASTRUCTURE: 1}
    loaded = Counter(log.read_text().splitlines())
    assert loaded.keys() == {"0 GPU-a", "1 GPU-b"}
    assert loaded.total() == 3, "both loaded it once, and the one that took the place of the killed one"


def ended(code: int, answer: JobResult | None = None, *, within: bool = False) -> WorkerProcess:
    """A process that has ended with a code: after an answer, or within one."""
    ours, theirs = multiprocessing.Pipe()
    if answer is not None:
        theirs.send(answer)
    elif within:
        os.write(theirs.fileno(), (1000).to_bytes(4, "big") + b"cut")
    theirs.close()
    process = SimpleNamespace(exitcode=code, pid=0, join=lambda limit_s=None: None, kill=lambda: None)
    return WorkerProcess(
        cast(multiprocessing.context.SpawnProcess, process), ours, SimpleNamespace(value=math.inf)
    )


def perceive_job() -> PerceiveJob:
    track = AudioTrack(Path("x.flac"), "")
    facts = SessionFacts(track, track, None, (), (), ())
    sample = session_job(0, "s", "").sample
    return PerceiveJob((0, "s"), "fd-bench-v1", sample, facts, Path("c"), "transcript")


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize(
    ("code", "reason", "from_outside"),
    [
        (-signal.SIGKILL, "was killed (signal 9)", True),
        (-signal.SIGTERM, "was killed (signal 15)", True),
        (128 + signal.SIGTERM, "was killed (signal 15)", True),
        (-signal.SIGXCPU, "was killed (signal 24)", True),
        (-signal.SIGSEGV, "died (signal 11)", False),
        (-signal.SIGABRT, "died (signal 6)", False),
        (128 + signal.SIGABRT, "died (exit code 134)", False),
        (0, "died (exit code 0)", False),
        (1, "died (exit code 1)", False),
    ],
)
def test_what_ends_a_worker_says_whose_fault_it_is(
    code: int, reason: str, from_outside: bool, within: bool
) -> None:
    worker = SupervisedWorker(60.0, lambda: ended(code, within=within))
    worker.begin(session_job(0, "s", "silent"))
    result = worker.result(True, Vigil())
    assert result is not None
    assert result.reason == f"adapter: the process {reason}"
    assert result.retry == from_outside
    assert result.outcome is (Outcome.INFRASTRUCTURE if from_outside else Outcome.ADAPTER_ERROR)


@pytest.mark.parametrize(
    ("damaged", "code"), [(True, -signal.SIGSEGV), (True, -signal.SIGKILL), (False, -signal.SIGSEGV)]
)
def test_a_file_that_cannot_be_played_is_no_fault_of_the_adapter(
    tmp_path: Path, damaged: bool, code: int
) -> None:
    clip = tmp_path / "clip.flac"
    noise = np.random.default_rng(0).integers(-3000, 3000, 3 * 16000).astype(np.int16)
    soundfile.write(clip, noise, 16000)
    if damaged:
        raw = bytearray(clip.read_bytes())
        raw[len(raw) // 2 : len(raw) // 2 + 200] = bytes(200)
        clip.write_bytes(raw)
    job = session_job(0, "s", "silent")
    job = replace(job, sample=replace(job.sample, script=Script((UserTurn(clip),))))
    worker = SupervisedWorker(60.0, lambda: ended(code))
    worker.begin(job)
    result = worker.result(True, Vigil())
    assert result is not None
    if code == -signal.SIGKILL:
        assert (result.outcome, result.retry) == (Outcome.INFRASTRUCTURE, True)
    elif damaged:
        assert result.outcome is Outcome.INVALID
        assert "clip.flac" in result.reason
        assert not result.retry
    else:
        assert result.outcome is Outcome.ADAPTER_ERROR


class ScriptedPool(Pool):
    """A pool whose processes have ended already, in this order."""

    def __init__(self, processes: list[WorkerProcess], size: int = 1) -> None:
        super().__init__(size, 60.0)
        self.processes = processes

    def _new_worker(self, number: int) -> SupervisedWorker:
        return SupervisedWorker(60.0, lambda: self.processes.pop(0))


@pytest.mark.parametrize(
    ("ends", "outcome", "left"),
    [
        ([-9, -9, 0], Outcome.VALID, 0),
        ([-9, -15, -9, 0], Outcome.INFRASTRUCTURE, 1),
        ([-11, 0], Outcome.INFRASTRUCTURE, 1),
    ],
)
def test_what_was_killed_while_it_perceived_is_perceived_again_but_not_for_ever(
    ends: list[int], outcome: Outcome, left: int
) -> None:
    answers = [None if code else JobResult(Outcome.VALID) for code in ends]
    pool = ScriptedPool([ended(code, answer) for code, answer in zip(ends, answers, strict=True)])
    pool.submit(perceive_job())
    ((_, result),) = pool.results()
    assert result.outcome is outcome
    assert len(pool.processes) == left


def test_sessions_are_their_run_s_to_repeat() -> None:
    pool = ScriptedPool([ended(-9), ended(0, JobResult(Outcome.VALID))])
    pool.submit(session_job(0, "s", "silent"))
    ((job, result),) = pool.results()
    assert isinstance(job, SessionJob)
    assert (result.outcome, result.retry) == (Outcome.INFRASTRUCTURE, True)
    assert len(pool.processes) == 1


def test_processes_that_are_expected_are_started_before_there_are_jobs() -> None:
    pool = ScriptedPool([ended(0, JobResult(Outcome.VALID)) for _ in range(4)], size=2)
    pool.expect(0)
    assert len(pool.processes) == 4
    pool.expect(1)
    pool.expect(1)
    assert len(pool.processes) == 3
    pool.expect(7)
    assert len(pool.processes) == 2
    assert [*pool.results()] == []
    pool.submit(session_job(0, "s", "silent"))
    pool.submit(session_job(0, "t", "silent"))
    assert [result.outcome for _, result in pool.results()] == [Outcome.VALID] * 2
    assert len(pool.processes) == 2


@pytest.mark.parametrize(("first", "second"), [("charades", "cuespeak"), ("cuespeak", "charades")])
def test_what_is_of_no_sample_is_done_in_order(first: str, second: str) -> None:
    # Of samples of these names each would be another process's.
    pool = ScriptedPool([ended(0, JobResult(Outcome.VALID)) for _ in range(2)], size=2)
    for name in (first, second):
        pool.submit(CallJob((0, name), dict))
    assert [job.key[1] for job, _ in pool.results()] == [first, second]


@pytest.mark.parametrize(
    ("job", "waits"), [(session_job(0, "s", "silent"), True), (CallJob((0, "s"), dict), False)]
)
def test_only_after_a_session_does_a_process_wait_for_what_is_made_of_its_result(
    job: SessionJob | CallJob, waits: bool
) -> None:
    answered = JobResult(Outcome.VALID)
    pool = ScriptedPool([ended(0, answered)])
    pool.submit(job)
    pool.submit(replace(job, key=(0, "t")))
    results = pool.results()
    next(results)
    dropped = pool.drop(lambda waiting: True)
    assert len(dropped) == waits
    assert len([*results]) == (not waits)
