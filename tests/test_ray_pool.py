"""Sessions on actors: nothing is lost or counted twice whatever dies; the bytes are those of processes."""

from __future__ import annotations

import pickle
import random
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from answering import conversation
from fake_actors import SESSION_S, START_S, FakeCluster, FakePromise, valid_without_recording
from fakes import attempts_of, recordings_of, write_data
from hypothesis import given, settings, strategies as st
from virtual_pool import session_job

from tml_bench.adapter import MicroTurn, Output, StepAdapter
from tml_bench.api import running
from tml_bench.api.progress import Progress
from tml_bench.conformance.scenario_flaws import scenario_flaws
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.runs.back_off import Patience
from tml_bench.runs.config import RunPlan, Selection
from tml_bench.runs.executors import Executor
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.jobs import JobResult, ServiceFailure, SessionJob
from tml_bench.runs.parcels import FileStamp, SourceTree, packed, unload, unpacked
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.ray_cluster import ActorResources
from tml_bench.runs.ray_pool import LOOK_S, SIGN_S, RayPool
from tml_bench.runs.record import record
from tml_bench.runs.remote_worker import RemoteSetup, RemoteWorker
from tml_bench.runs.store import Attempt, read_lines
from tml_bench.samples import Message, Sample, Script, UserTurn, UserVideo
from tml_bench.session.settings import Settings


def pool_of(cluster: FakeCluster, actors: int | None = None, max_wait_s: float = 300.0) -> RayPool:
    told: list[str] = []
    pool = RayPool(lambda: cluster, actors, Patience(max_wait_s), told.append, cluster.clock)
    pool.told = told  # type: ignore[attr-defined]
    return pool


def plan(tmp_path: Path, out: str, each: int = 2) -> RunPlan:
    data = tmp_path / "data"
    if not data.exists():
        write_data(data, each=each)
    request = RunRequest(
        tasks=("fd-bench-v1",), adapters=("echo",), out=tmp_path / out, selection=Selection(data)
    )
    return plan_runs(request)[0]


def test_bytes_are_those_of_this_process_whether_files_are_seen_or_sent(tmp_path: Path) -> None:
    own = plan(tmp_path, "own")
    with InProcessPool() as pool:
        record([own], pool, lambda line: None)
    for sees in (True, False):
        there = plan(tmp_path, f"there-{sees}")
        cluster = FakeCluster(tmp_path / f"work-{sees}", sees_files=sees)
        with pool_of(cluster) as actors:
            record([there], actors, lambda line: None)
        assert recordings_of(there.path) == recordings_of(own.path) != {}
        assert cluster.asked_for == (0 if sees else 6)
        assert cluster.closed == 1
        assert not list(there.path.glob(".aside"))


def test_ten_lost_actors_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    calm, shaken = plan(tmp_path, "calm", each=8), plan(tmp_path, "shaken", each=8)
    with InProcessPool() as pool:
        record([calm], pool, lambda line: None)
    rng = random.Random(3)
    lives_s = [START_S + rng.uniform(0, 5 * SESSION_S) for _ in range(10)]
    cluster = FakeCluster(tmp_path / "work", places=2, lives_s=lives_s)
    lines: list[str] = []
    with pool_of(cluster) as actors:
        assert record([shaken], actors, lines.append) == []
    assert len(lines) == 24
    attempts = read_lines(shaken.path / "attempts.jsonl", Attempt)
    lost = [attempt for attempt in attempts if attempt.outcome is not Outcome.VALID]
    assert len(lost) == 10
    assert all(attempt.outcome is Outcome.INFRASTRUCTURE and attempt.retry for attempt in lost)
    assert {attempt.reason for attempt in lost} == {"adapter: the actor was lost (its node is away)"}
    finished = Counter(sample for actor in cluster.actors for sample in actor.done)
    assert finished == Counter(attempt.sample for attempt in attempts if attempt.outcome is Outcome.VALID)
    assert set(finished.values()) == {1}
    last = {sample: place.attempt for sample, place in attempts_of(shaken.path).items()}
    got = {name.split("/")[1]: files for name, files in recordings_of(shaken.path).items()}
    assert got == {name.split("/")[1]: files for name, files in recordings_of(calm.path).items()}
    assert max(last.values()) > 1
    assert cluster.most_alive == 2


@settings(max_examples=40)
@given(st.integers(1, 5), st.integers(1, 12), st.lists(st.floats(0.1, 60), max_size=8))
def test_every_job_has_one_result_for_each_time_it_is_handed_over(
    places: int, jobs: int, lives_s: list[float]
) -> None:
    cluster = FakeCluster(
        Path("nowhere"), places, [START_S + life_s for life_s in lives_s], valid_without_recording
    )
    pool = pool_of(cluster)
    for n in range(jobs):
        pool.submit(session_job(0, f"s{n}", "echo"))
    results: Counter[str] = Counter()
    for job, result in pool.results():
        assert isinstance(job, SessionJob)
        if result.outcome is Outcome.VALID:
            results[job.sample.id] += 1
        else:
            assert result.retry
            pool.submit(job)
    assert results == Counter({f"s{n}": 1 for n in range(jobs)})
    assert cluster.most_alive <= min(places, jobs)


def test_samples_are_handed_out_one_by_one_to_whoever_is_free(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path, places=3, session=valid_without_recording)
    pool = pool_of(cluster, actors=2)
    for n in range(7):
        pool.submit(session_job(0, f"s{n}", "echo"))
    order = [job.sample.id for job, _ in pool.results() if isinstance(job, SessionJob)]
    assert order == [f"s{n}" for n in range(7)]
    assert [len(actor.done) for actor in cluster.actors] == [4, 3]
    assert cluster.now_s == START_S + 4 * SESSION_S


def test_an_actor_that_is_stopped_is_lost_and_its_sample_is_for_another() -> None:
    cluster = FakeCluster(
        Path("nowhere"), 2, stops_s=[START_S + 1], session=valid_without_recording, session_s=1000.0
    )
    pool = RayPool(lambda: cluster, 2, clock=cluster.clock, step_limit_s=5.0)
    pool.submit(session_job(0, "s0", "echo"))
    ends: list[tuple[float, JobResult]] = []
    for job, result in pool.results():
        ends.append((cluster.now_s, result))
        if result.retry:
            pool.submit(job)
    (lost_s, lost), (_, valid) = ends
    assert (lost.outcome, lost.retry) == (Outcome.INFRASTRUCTURE, True)
    assert lost.reason == "adapter: the actor was lost (it has given no sign of life for 35 s)"
    assert START_S + SIGN_S + 35 <= lost_s <= START_S + SIGN_S + 35 + 3 * LOOK_S
    assert valid.outcome is Outcome.VALID, "one that works for long is no silent one"
    assert [len(actor.done) for actor in cluster.actors] == [0, 1]


def test_this_machine_may_sleep_while_an_actor_works() -> None:
    cluster = FakeCluster(Path("nowhere"), 1, session=valid_without_recording, session_s=1000.0)
    pool = RayPool(lambda: cluster, 1, clock=cluster.clock, step_limit_s=5.0)
    wait = cluster.wait

    def slept(promises: Sequence[FakePromise], timeout_s: float) -> Sequence[FakePromise]:
        if len(promises) < 2:
            return wait(promises, timeout_s)
        cluster.wait = wait  # type: ignore[method-assign]
        cluster.now_s += 300.0  # a sign was asked for, and then this machine was asleep
        return ()

    cluster.wait = slept  # type: ignore[method-assign]
    pool.submit(session_job(0, "s0", "echo"))
    assert [result.outcome for _, result in pool.results()] == [Outcome.VALID]
    assert cluster.wait == wait
    assert cluster.now_s == START_S + 1000.0


def test_no_more_actors_than_jobs_and_none_for_none(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path, places=50, session=valid_without_recording)
    pool = pool_of(cluster)
    assert list(pool.results()) == []
    assert cluster.closed == 0
    pool.submit(session_job(0, "s", "echo"))
    assert len(list(pool.results())) == 1
    assert (len(cluster.actors), cluster.closed) == (1, 1)


def test_a_cluster_without_a_place_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path, places=0)
    pool = pool_of(cluster, max_wait_s=120.0)
    pool.submit(session_job(0, "s", "echo"))
    assert list(pool.results()) == []
    assert 120 <= cluster.now_s < 125
    (line,) = pool.told  # type: ignore[attr-defined]
    assert "no actor has started yet" in line
    error = pool.given_up["echo"]
    assert "within 120 s (--max-wait)" in error.problem
    assert "the same command continues" in error.remedy
    assert all(actor.ended for actor in cluster.actors)


def test_actors_that_never_start_are_given_up_after_three(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path, places=1, lives_s=[START_S / 2] * 10)
    pool = pool_of(cluster)
    pool.submit(session_job(0, "s", "echo"))
    assert list(pool.results()) == []
    assert len(cluster.actors) == 3
    assert "no actor of Ray could be started: its node is away" in pool.given_up["echo"].problem


def test_nodes_with_another_version_are_refused(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path, version="0.0.7")
    pool = pool_of(cluster)
    pool.submit(session_job(0, "s", "echo"))
    assert list(pool.results()) == []
    assert "tml-bench 0.0.7 is installed on node" in pool.given_up["echo"].problem


def test_a_service_that_is_away_is_waited_for_as_by_processes(tmp_path: Path) -> None:
    tried: list[float] = []

    def session(job: SessionJob) -> JobResult:
        tried.append(cluster.now_s)
        if len(tried) < 4:
            gone = ServiceFailure.OPENING
            return JobResult(Outcome.INFRASTRUCTURE, "connection refused", retry=True, failed=gone)
        return JobResult(Outcome.VALID)

    cluster = FakeCluster(tmp_path, places=1, session=session)
    pool = RayPool(lambda: cluster, None, Patience(300.0, 300.0), clock=cluster.clock)
    pool.submit(session_job(0, "s", "echo"))
    assert [result.outcome for _, result in pool.results()] == [Outcome.VALID]
    assert len(tried) == 4


def test_a_recording_that_cannot_be_written_is_this_machines_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    there = plan(tmp_path, "there", each=1)
    job = replace(session_job(0, "s", "echo"), sample=there.samples[0], folder=tmp_path / "file" / "s")
    pool = pool_of(FakeCluster(tmp_path / "work"))
    pool.submit(job)
    ((_, result),) = pool.results()
    assert (result.outcome, result.retry, result.recording) == (Outcome.INFRASTRUCTURE, True, False)
    assert result.reason.startswith("writing the recording: ")


def test_a_parcel_holds_all_files_of_a_sample(tmp_path: Path) -> None:
    places = {name: tmp_path / "data" / folder / name for name, folder in (
        ("a.wav", "x"), ("b.wav", "y"), ("c.mp4", "x"),
    )}  # fmt: skip
    for name, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    script = Script(
        turns=(UserTurn(places["a.wav"]),),
        videos=(UserVideo(places["c.mp4"]),),
        history=(Message("user", "", places["b.wav"]), Message("user", "hi")),
    )
    missing = tmp_path / "data" / "gone.wav"
    script = replace(script, turns=(*script.turns, UserTurn(missing)))
    job = replace(session_job(0, "s", "echo"), sample=Sample("s", "x", script))
    parcel = packed(job)
    assert unpacked(parcel, tmp_path / "work") == job
    shutil.move(tmp_path / "data", tmp_path / "moved")
    asked = unpacked(parcel, tmp_path / "work")
    assert set(asked) == {str(place) for place in places.values()}  # type: ignore[arg-type]
    shutil.move(tmp_path / "moved", tmp_path / "data")
    filled = parcel.filled(asked)  # type: ignore[arg-type]
    shutil.rmtree(tmp_path / "data")
    moved = unpacked(filled, tmp_path / "work")
    assert isinstance(moved, SessionJob)
    sent = moved.sample.script
    found = (sent.turns[0].audio, sent.history[0].audio, sent.videos[0].path)
    for place, name in zip(found, ("a.wav", "b.wav", "c.mp4"), strict=True):
        assert isinstance(place, Path)
        assert (place.name, place.read_text()) == (name, name)
        assert place.is_relative_to(tmp_path / "work")
    assert sent.turns[1].audio == missing


def test_a_file_of_the_same_name_that_was_changed_is_another(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("one")
    stamp = FileStamp.of(path)
    assert stamp.seen_at() == path
    path.write_text("other")
    assert stamp.seen_at() is None


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", ".hidden", ""])
def test_names_from_elsewhere_stay_in_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names no file"):
        unload({name: b"x"}, tmp_path / "f")
    assert [path.name for path in tmp_path.rglob("*")] == ["f"]


ADAPTER = '''
from beside import LEVEL
from tml_bench.adapter import Output, StepAdapter

class Loud(StepAdapter):
    """Gives back what it hears, louder."""
    audio_out = 16000
    def step(self, turn):
        return Output(audio=LEVEL * turn.audio)
'''


def test_a_worker_on_another_machine_has_the_adapters_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "loud.py").write_text(ADAPTER)
    (folder / "beside.py").write_text("LEVEL = 0.5")
    (folder / "unrelated.py").write_text("")
    target = f"{folder / 'loud.py'}:Loud"
    tree = SourceTree.of(target)
    assert set(tree.files) == {"loud.py", "beside.py"}
    assert tree.is_here()
    shutil.rmtree(folder)
    sample = replace(session_job(0, "s", "").sample, id="s")
    job = replace(session_job(0, "s", target), sample=sample)
    worker = RemoteWorker(RemoteSetup(60.0, str(tmp_path), (pickle.loads(pickle.dumps(tree)),)))
    try:
        given = worker.do(packed(job))
        assert given.result is not None
        assert (given.result.outcome, given.result.reason) == (Outcome.VALID, "")
        assert set(given.files) == {"manifest.json", "session.jsonl", "user.flac", "model.flac"}
        broken = worker.do(replace(packed(job), job=b"no pickle"))
        assert broken.result is not None
        assert broken.result.fatal
        assert "cannot read the sample" in broken.result.reason
    finally:
        worker.close()
    assert not list((tmp_path / "tmp" / next((tmp_path / "tmp").iterdir()).name).iterdir())


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("slurm", {}, "there is no executor 'slurm'"),
        ("local:address=x", {}, "there is no executor"),
        ("ray:host=x", {}, "there is no executor"),
        ("ray:address=x", {}, "'x' is no address of a Ray cluster"),
        ("ray:address=ray://x:1", {}, "is for Ray's client"),
        ("local", {"actors": 2}, "are for actors"),
        ("ray", {"cpus": 1.5}, "--actor-cpus is 1.5"),
        ("ray", {"gpus": -1.0}, "--actor-gpus is -1"),
        ("ray", {"cpus": 0.0}, "needs processors or GPUs"),
        ("ray", {"actors": 0}, "--actors is 0"),
    ],
)
def test_an_executor_that_cannot_be_is_refused(
    text: str, more: dict[str, float], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tml_bench.runs.ray_cluster.find_spec", lambda name: name)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match=said):
        Executor.of(text, **{"actors": None, "cpus": None, "gpus": None, **more})  # type: ignore[arg-type]


def test_the_address_is_that_of_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tml_bench.runs.ray_cluster.find_spec", lambda name: name)
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert Executor.of("ray", 3, 0.5, 2.0) == Executor("ray", "head:6379", 3, ActorResources(0.5, 2.0))
    assert Executor.of("ray:address=auto", None, None, None).address == "auto"
    monkeypatch.delenv("RAY_ADDRESS")
    assert Executor.of("ray", None, None, None) == Executor("ray")


def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tml_bench.runs.ray_cluster.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'tml-bench\[ray\]'"):
        Executor.of("ray", None, None, None)


class Parrot(StepAdapter):
    def step(self, turn: MicroTurn) -> Output | None:
        return None


def test_a_class_of_this_process_is_not_for_actors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tml_bench.runs.ray_cluster.find_spec", lambda name: name)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match="Parrot is in this process alone"):
        running.run("fd-bench-v1", Parrot, executor="ray", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_runs_on_actors_is_what_computes_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tml_bench.runs.ray_cluster.find_spec", lambda name: name)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    asked: list[tuple[str, RemoteSetup]] = []

    def cluster(address: str, resources: object, setup: RemoteSetup) -> FakeCluster:
        asked.append((address, setup))
        return FakeCluster(tmp_path, places=7, session=valid_without_recording)

    monkeypatch.setattr("tml_bench.runs.executors.RayCluster", cluster)
    (tmp_path / "loud.py").write_text(ADAPTER)
    (tmp_path / "beside.py").write_text("LEVEL = 0.5")
    mine = plan(tmp_path, "out", each=1)
    file = replace(mine, adapter=f"{tmp_path / 'loud.py'}:Loud")
    live = replace(mine, config=msgspec.structs.replace(mine.config, adapter="wire", clock="wall"))
    charged = replace(mine, config=msgspec.structs.replace(mine.config, compute="charged"))
    told: list[str] = []
    shown = Progress()
    monkeypatch.setattr(shown, "tell", told.append)
    with InProcessPool() as local:
        assert running._stepping(Executor(), local, [mine], 60.0, Patience(), shown).__enter__() is local
        for plans, actors in (([file, live], 3), ([charged, live], 1)):
            ray = Executor.of("ray:address=there:1", None, None, None)
            with running._stepping(ray, local, plans, 60.0, Patience(), shown) as pool:
                for n in range(3):
                    pool.submit(session_job(0, f"s{n}", "echo"))
                assert len(list(pool.results())) == 3
                assert pool._actors == (None if actors == 3 else 1)  # type: ignore[attr-defined]
    assert all("wire runs on the wall clock" in line for line in told)
    assert len(told) == 2
    assert [address for address, _ in asked] == ["there:1"] * 2
    assert [set(tree.files) for _, setup in asked for tree in setup.sources] == [{"loud.py", "beside.py"}]


def test_a_cluster_that_is_not_there_is_known_before_anything_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tml_bench.runs.ray_cluster.find_spec", lambda name: name)
    kept = plan(tmp_path, "out", each=1)
    with InProcessPool() as pool:
        record([kept], pool, lambda line: None)
    before = {path: path.read_bytes() for path in sorted(kept.path.rglob("*")) if path.is_file()}

    def away(*given: object) -> FakeCluster:
        raise UserError("Ray at gone:1 cannot be used: connection refused", "")

    monkeypatch.setattr("tml_bench.runs.executors.RayCluster", away)
    with pytest.raises(UserError, match="gone:1"):
        running.run(
            "fd-bench-v1", "echo", data=tmp_path / "data", out=tmp_path / "out", fresh=True,
            executor="ray:address=gone:1", progress=False,
        )  # fmt: skip
    assert {path: path.read_bytes() for path in sorted(kept.path.rglob("*")) if path.is_file()} == before


def test_the_lines_of_a_user_who_answers_travel_with_its_sample(tmp_path: Path) -> None:
    sample = conversation(tmp_path / "there")
    job = SessionJob((0, "talk"), "t", sample, "silent", Settings(), tmp_path / "run")
    parcel = packed(job)
    whole = parcel.filled([stamp.named for stamp in parcel.stamps])
    shutil.rmtree(tmp_path / "there")
    assert isinstance(unpacked(parcel, tmp_path / "here"), tuple)
    moved = unpacked(whole, tmp_path / "here")
    assert isinstance(moved, SessionJob)
    assert moved.sample.scenario is not None
    assert moved.sample.scenario.voiced is not None
    assert list(scenario_flaws(moved.sample)) == []
