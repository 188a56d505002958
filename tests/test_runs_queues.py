"""Adapters that are waited for, and those that are not: in virtual time, with services that do as told."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from fakes import attempts_of, write_data
from hypothesis import given, strategies as st
from virtual_pool import VALID, Service, VirtualPool, failed, refused, session_job

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.runs import recorded as recorded_runs
from tml_bench.runs.back_off import Patience
from tml_bench.runs.config import RunPlan
from tml_bench.runs.jobs import TRIES, JobResult, ServiceFailure, SessionJob
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.processes import Vigil
from tml_bench.runs.queues import LOOK_AHEAD, AdapterQueue
from tml_bench.runs.record import record, record_all
from tml_bench.runs.removal import start_over
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import Attempt, read_lines

SESSION_S = 10.0


def well(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
    return SESSION_S, VALID


def away(from_s: float, to_s: float) -> Service:
    """Refuses connections from then to then, and breaks off the sessions that run when it goes."""

    def service(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
        if from_s <= now_s < to_s:
            return 0.001, failed()
        if now_s < from_s < now_s + SESSION_S:
            return from_s - now_s, failed("the service hung up", ServiceFailure.SESSION)
        return SESSION_S, VALID

    return service


def always(result: JobResult, took_s: float = 0.2) -> Service:
    return lambda job, now_s: (took_s, result)


def submitted(pool: VirtualPool, **samples: int) -> list[tuple[SessionJob, JobResult]]:
    """What comes of so many samples of each adapter, submitted adapter by adapter."""
    for run, (adapter, count) in enumerate(samples.items()):
        for n in range(count):
            pool.submit(session_job(run, f"s{n}", adapter))
    return [(job, result) for job, result in pool.results() if isinstance(job, SessionJob)]


@pytest.fixture(autouse=True)
def _whole_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions in virtual time leave no recordings, which would be run again as damaged."""
    monkeypatch.setattr(recorded_runs, "damaged", lambda *_: {})


@pytest.fixture
def plans(tmp_path: Path) -> dict[str, RunPlan]:
    """Two runs of 30 samples each."""
    names = ("silent", "echo")
    data = write_data(tmp_path / "data", each=10, duration_s=3.0)
    request = RunRequest(
        tasks=("fd-bench-v1",), adapters=names, out=tmp_path / "out", selection=Selection(data)
    )
    return dict(zip(names, plan_runs(request), strict=True))


def recorded(
    plans: dict[str, RunPlan], pool: VirtualPool, fail_fast: int = 0
) -> tuple[list[UserError], list[str], list[str]]:
    """Errors, lines beside the bar, which counts samples and not attempts, and lines at the end."""
    beside: list[str] = []
    after: list[str] = []
    done: list[str] = []

    def advance(line: str) -> None:
        beside.append(line)
        done.append(line)

    several = list(plans.values())
    errors = record(
        several, pool, advance, end=lambda end: after.append(end.line), failed=after.append,
        remark=beside.append, fail_fast=fail_fast,
    )  # fmt: skip
    samples = sum(len(plan.samples) for plan in several)
    assert len(done) == samples if not errors else len(done) <= samples
    return errors, [line for line in beside if line], after


def lines(plan: RunPlan) -> list[Attempt]:
    return read_lines(plan.path / "attempts.jsonl", Attempt)


def test_a_server_away_for_8_s_loses_no_sample(plans: dict[str, RunPlan]) -> None:
    # Without pauses and with an attempt for each connection refused, 18 of 30 were lost.
    pool = VirtualPool({"silent": away(25.0, 33.0)})
    errors, _, after = recorded({"silent": plans["silent"]}, pool)
    assert errors == []
    assert Counter(a.outcome for a in attempts_of(plans["silent"].path).values()) == {Outcome.VALID: 30}
    # Only the four that it broke off were tried again; connections refused used up nothing.
    assert Counter(a.outcome for a in lines(plans["silent"])) == {
        Outcome.VALID: 30,
        Outcome.INFRASTRUCTURE: 4,
    }
    assert after == [f"{plans['silent'].path}: 0 reused, 30 run"]
    assert all("waiting for silent: " in line for _, line in pool.told)
    assert 3 <= len(pool.told) <= 6
    assert pool.now_s < 25 + 16 + 10 * 7


def test_an_adapter_without_quota_keeps_no_other_from_starting(plans: dict[str, RunPlan]) -> None:
    # One pool served all: 0 of 6 samples of the healthy one in 145 s.
    alone = VirtualPool({"echo": well})
    recorded({"echo": plans["echo"]}, alone)
    calm = [(round(now_s, 6), job.sample.id) for now_s, job in alone.begun]
    pool = VirtualPool({"silent": always(failed("429 insufficient quota", asked_s=0.0)), "echo": well})
    start_over(plans["echo"].path)
    (error,), _, _ = recorded(plans, pool)
    assert [(round(t, 6), job.sample.id) for t, job in pool.begun if job.adapter == "echo"] == calm
    assert Counter(a.outcome for a in lines(plans["echo"])) == {Outcome.VALID: 30}
    assert len(lines(plans["silent"])) == 1
    assert error.problem == ("silent: 429 insufficient quota; it was waited for 300 s (--max-wait)")


def test_a_wrong_key_is_one_attempt_and_one_message(plans: dict[str, RunPlan]) -> None:
    # It was 90 attempts and 446 lines.
    pool = VirtualPool({"silent": always(refused("401 wrong key; set KEY")), "echo": well})
    (error,), beside, after = recorded(plans, pool)
    (attempt,) = lines(plans["silent"])
    assert (attempt.outcome, attempt.reason) == (Outcome.INFRASTRUCTURE, "401 wrong key; set KEY")
    assert error.problem == "silent: 401 wrong key; set KEY"
    assert error.remedy.endswith("samples of it were not run; the same command continues")
    assert beside == []
    assert after == [
        f"{plans['silent'].path}: 0 reused, 1 run, 29 not run",
        f"{plans['echo'].path}: 0 reused, 30 run",
    ]
    assert sum(job.adapter == "silent" for _, job in pool.begun) <= 7  # those under way by then


def test_a_wrong_key_costs_no_attempt_where_there_is_a_preflight(plans: dict[str, RunPlan]) -> None:
    services = {"silent": always(refused("401 wrong key")), "echo": well}
    pool = VirtualPool(services, preflight=True)
    (error,), beside, _ = recorded(plans, pool)
    assert [job.task for _, job in pool.begun if job.adapter == "silent"] == ["preflight"]
    assert lines(plans["silent"]) == []
    assert len(lines(plans["echo"])) == 30
    assert beside == []
    assert error.remedy == "30 samples of it were not run; the same command continues"
    again = VirtualPool({"silent": well, "echo": well}, preflight=True)
    assert recorded(plans, again)[0] == []
    assert len(attempts_of(plans["silent"].path)) == 30
    assert {job.adapter for _, job in again.begun} == {"silent"}  # nothing was pending of the other


def test_a_server_that_is_not_there_is_told_within_5_s() -> None:
    for preflight in (True, False):
        pool = VirtualPool({"a": always(failed(), 0.01)}, preflight=preflight)
        results = submitted(pool, a=9)
        assert len(results) == (0 if preflight else 1)
        assert pool.now_s < 3
        assert pool.given_up["a"].problem == "a: connection refused; it was waited for 2.5 s"
        assert pool.told == []


def test_a_service_that_breaks_off_at_once_is_told_within_5_s() -> None:
    pool = VirtualPool({"a": always(failed("hung up", ServiceFailure.SESSION), 0.8)}, preflight=True)
    assert submitted(pool, a=9) == []
    assert pool.now_s < 5
    assert pool.given_up["a"].problem == "a: hung up; it was waited for 2.5 s"


def test_a_server_that_comes_up_in_the_preflight_is_run() -> None:
    pool = VirtualPool({"a": away(0.0, 1.5)}, preflight=True)
    assert [result.outcome for _, result in submitted(pool, a=9)] == [Outcome.VALID] * 9


def test_a_wait_that_is_asked_for_is_honoured_up_to_the_limit() -> None:
    def busy(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
        return (SESSION_S, VALID) if now_s >= 240 else (0.1, failed("429", asked_s=240.0))

    pool = VirtualPool({"a": busy})
    assert len(submitted(pool, a=6)) == 6
    starts = [now_s for now_s, _ in pool.begun]
    assert not [now_s for now_s in starts if 0.2 < now_s < 240.0]
    assert pool.told == [(0.1, "waiting for a: 429; next try in 240 s")]


@pytest.mark.parametrize("preflight", [True, False])
def test_a_wait_beyond_the_limit_is_given_up_at_once(preflight: bool) -> None:
    service = always(failed("429 try later", asked_s=99999.0))
    pool = VirtualPool({"a": service, "b": well}, preflight=preflight)
    results = submitted(pool, a=6, b=6)
    assert [job.adapter for job, _ in results] == ["a"] * (not preflight) + ["b"] * 6
    assert pool.now_s < 40
    error = pool.given_up["a"]
    assert error.problem == (
        "a: 429 try later; it asks to wait 99999 s, and the limit is 300 s (--max-wait) in all"
    )
    assert error.remedy.endswith("samples of it were not run; the same command continues")
    assert pool.told == []


def test_what_failed_together_counts_once_and_pauses_double() -> None:
    pool = VirtualPool({"a": away(0.0, 100.0)}, at_once=16, interval_s=0.0, patience=Patience(300, 300))
    assert len(submitted(pool, a=16)) == 16
    waves = sorted({round(now_s, 4) for now_s, _ in pool.begun})
    pauses = [b - a for a, b in pairwise(waves) if b < 100]
    for pause_s, usual_s in zip(pauses, (0.5, 1, 2, 4, 8, 16, 32), strict=False):
        assert 0.74 * usual_s < pause_s < 1.26 * usual_s
    assert len(pool.told) == len(waves) - 1
    other = VirtualPool({"a": away(0.0, 100.0)}, at_once=16, interval_s=0.0, patience=Patience(300, 300))
    submitted(other, a=16)
    assert other.told == pool.told


def test_a_service_with_less_room_than_sessions_is_not_given_up_while_some_go_on() -> None:
    busy_until: list[float] = []

    def two_slots(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
        busy_until[:] = [end for end in busy_until if end > now_s]
        if len(busy_until) == 2:
            return 0.1, failed("429 two sessions at most", asked_s=1000.0)
        busy_until.append(now_s + 900)
        return 900.0, VALID

    pool = VirtualPool({"a": two_slots})
    assert [result.outcome for _, result in submitted(pool, a=10)] == [Outcome.VALID] * 10


def test_what_breaks_off_in_mid_session_uses_up_tries_with_pauses(plans: dict[str, RunPlan]) -> None:
    victim = "candor_turn_taking-3"

    def service(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
        if job.sample.id == victim:
            return 2.0, failed("broke off after 3.4 s", ServiceFailure.SESSION)
        return SESSION_S, VALID

    pool = VirtualPool({"silent": service}, at_once=1)
    errors, beside, after = recorded({"silent": plans["silent"]}, pool)
    assert errors == []
    starts = [now_s for now_s, job in pool.begun if job.sample.id == victim]
    assert len(starts) == TRIES
    assert beside == [f"{victim}: infrastructure: broke off after 3.4 s"] * 2 + [
        f"{victim}: infrastructure: broke off after 3.4 s; more like it are counted at the end"
    ]
    assert after[1:] == [
        f"silent: infrastructure: broke off after 3.4 s: {victim}; the same command tries again"
    ]


def test_equal_failures_are_counted(plans: dict[str, RunPlan]) -> None:
    def service(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
        return 1.0, JobResult(Outcome.ADAPTER_ERROR, f"garbage at {now_s:.2f} s", recording=False)

    errors, beside, after = recorded({"silent": plans["silent"]}, VirtualPool({"silent": service}))
    assert errors == []
    assert len(beside) == 3
    assert len(after) == 2
    assert after[1].startswith("silent: adapter_error: garbage at ")
    assert after[1].endswith(" and 29 more like it; once the adapter is mended, --retry-errors tries again")


def test_fail_fast_ends_one_run_and_leaves_the_rest_to_be_done(plans: dict[str, RunPlan]) -> None:
    services = {"silent": always(JobResult(Outcome.ADAPTER_ERROR, "no")), "echo": well}
    (error,), _, after = recorded(plans, VirtualPool(services, at_once=1), fail_fast=3)
    assert error.problem == (
        f"{plans['silent'].path} was ended after 3 samples that are not valid (--fail-fast)"
    )
    assert len(lines(plans["silent"])) == 3
    assert len(lines(plans["echo"])) == 30
    assert after[0].endswith("3 run, 27 not run")


def test_a_pool_that_only_waits_lets_another_go_first(plans: dict[str, RunPlan]) -> None:
    order: list[str] = []

    def told(service: Service) -> Service:
        def telling(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
            took_s, result = service(job, now_s)
            if result.outcome is Outcome.VALID:
                order.append(job.adapter)
            return took_s, result

        return telling

    waits = VirtualPool({"silent": told(away(5.0, 60.0))})
    works = VirtualPool({"echo": told(well)})
    places = {waits: [plans["silent"]], works: [plans["echo"]]}
    assert record_all(places, lambda line: None) == []
    assert Counter(order) == {"silent": 30, "echo": 30}
    assert order == ["echo"] * 30 + ["silent"] * 30


def test_a_preflight_that_takes_long_is_told_once() -> None:
    pool = VirtualPool({"a": always(failed("no session within 30 s"), 30.0)}, preflight=True)
    pool.submit(session_job(0, "s", "a"))
    (queue,) = pool._queues.values()
    queue.start()
    for pool.now_s in (4.0, 6.0, 7.0):
        queue.remind()
    assert pool.told == [(6.0, "waiting for a: it has opened no session within 5 s")]


class Deadlined:
    value = 100.0


def test_a_deadline_that_passed_while_this_machine_slept_is_forgiven() -> None:
    now = [90.0]
    vigil = Vigil(lambda: now[0])
    for now[0] in (95.0, 99.0, 101.0):
        vigil.look()
    assert vigil.missed(Deadlined(), 30.0)  # it ran all the time, and the process said nothing
    vigil = Vigil(lambda: now[0])
    now[0] = 4000.0
    vigil.look()
    assert not vigil.missed(Deadlined(), 30.0)
    while now[0] < 4030:
        now[0] += 1
        vigil.look()
        assert not vigil.missed(Deadlined(), 30.0)
    now[0] += 1
    assert vigil.missed(Deadlined(), 30.0)


ENDS = (
    VALID,
    JobResult(Outcome.INVALID, "late", retry=True, recording=True),
    JobResult(Outcome.ADAPTER_ERROR, "garbage"),
    JobResult(Outcome.INFRASTRUCTURE, "too long"),
    failed(),
    failed(asked_s=7.0),
    failed("429", asked_s=400.0),
    failed("hung up", ServiceFailure.SESSION),
    refused("401"),
)


@given(
    seed=st.integers(0, 10**6),
    weights=st.lists(st.integers(0, 5), min_size=len(ENDS), max_size=len(ENDS)),
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    at_once=st.integers(1, 5),
    preflight=st.booleans(),
    tries=st.integers(1, 3),
)
def test_no_job_is_lost_or_done_twice(
    seed: int, weights: list[int], counts: list[int], at_once: int, preflight: bool, tries: int
) -> None:
    chance = random.Random(seed)

    def service(job: SessionJob, now_s: float) -> tuple[float, JobResult]:
        (result,) = chance.choices(ENDS, [1, *weights[1:]])
        return chance.choice((0.0, 0.1, 5.0, 40.0)), result

    names = [f"a{n}" for n in range(len(counts))]
    pool = VirtualPool(dict.fromkeys(names, service), at_once=at_once, preflight=preflight)
    due: Counter[tuple[int, str]] = Counter()
    for run, (name, count) in enumerate(zip(names, counts, strict=True)):
        for n in range(count):
            job = session_job(run, f"s{n}", name)
            pool.submit(job)
            due[job.key] += 1
    got: Counter[tuple[int, str]] = Counter()
    for job, result in pool.results():
        assert isinstance(job, SessionJob)
        due[job.key] -= 1
        got[job.key] += 1
        if result.retry and got[job.key] < tries and job.adapter not in pool.given_up:
            pool.submit(job)
            due[job.key] += 1
    for (run, _), left in due.items():
        assert left == 0 or (left == 1 and names[run] in pool.given_up)
    assert all(queue.running == 0 for queue in pool._queues.values())
    assert all(peak <= at_once for peak in pool.peaks.values())


@given(st.lists(st.booleans(), max_size=40))
def test_of_the_next_jobs_the_first_preferred_is_taken_and_the_others_keep_their_order(
    wanted: list[bool],
) -> None:
    queue = AdapterQueue("a", Patience())
    jobs = [session_job(0, f"s{n}", "a") for n in range(len(wanted))]
    for place, job in enumerate(jobs):
        queue.submit(place, job)
    left = list(range(len(wanted)))
    while left:
        place = queue.start(lambda job: wanted[int(job.key[1][1:])]).place
        ahead = left[:LOOK_AHEAD]
        assert place == next((n for n in ahead if wanted[n]), ahead[0])
        left.remove(place)
    assert queue.length == 0


def test_a_process_gets_the_same_samples_with_every_adapter() -> None:
    pool = Pool(2, 60.0)
    began: dict[str, set[int]] = {}
    for adapter in ("a", "b", "c"):
        queue = AdapterQueue(adapter, Patience())
        for place in range(40):
            queue.submit(place, session_job(0, f"s{place}", adapter))
        turns = 0
        while queue.length > LOOK_AHEAD:  # those at the end go to whoever is free
            sample = queue.start(partial(pool._is_for, turns % 2)).job.key[1]
            began.setdefault(sample, set()).add(turns % 2)
            turns += 1
    assert sum(len(processes) == 1 for processes in began.values()) > 0.9 * len(began)
