"""A service that serves one session at a time is waited for, and not called broken."""

from __future__ import annotations

import pytest
from one_slot import BUSY, one_slot
from wire_servers import serving

from tml_bench.adapter import AccountError, InfrastructureError, QuotaError
from tml_bench.conformance import CaseVerdict, passed
from tml_bench.conformance.check import check
from tml_bench.conformance.slots import FullError, SlotQueue

CASES = (
    "hello",
    "version",
    "slots",
    "silence",
    "reconnect",
    "messages",
    "ticks",
    "goodbye",
    "hang-up",
    "garbage",
)


class Clock:
    """Time that passes only while something sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def queue(clock: Clock, told: list[str], patience_s: float = 30.0) -> SlotQueue:
    return SlotQueue(patience_s, told.append, clock.sleep, lambda: clock.now)


@pytest.mark.parametrize(
    ("refusal", "mode"),
    [(BUSY, "lockstep"), (1008, "lockstep"), (1013, "realtime"), (BUSY, "realtime")],
    ids=["busy", "1008", "1013-realtime", "busy-realtime"],
)
def test_a_server_with_one_slot_has_no_false_failure(refusal: dict | int, mode: str) -> None:  # type: ignore[type-arg]
    """It frees the slot 0.15 s after a session: a case was opened before, and failed as `infrastructure`."""
    told: list[str] = []
    cases = CASES if mode == "lockstep" else ("hello", "slots", "reconnect", "goodbye", "hang-up")
    with serving(one_slot(refusal, frees_s=0.15, modes=[mode])) as url:
        found = {f.case: f for f in check(url, cases, SlotQueue(20.0, told.append))}
    assert {case: f.detail for case, f in found.items() if f.verdict is CaseVerdict.FAIL} == {}
    assert found["slots"].detail.startswith("serves one session at a time")
    says_so = refusal == BUSY
    assert found["slots"].verdict is (CaseVerdict.PASS if says_so else CaseVerdict.WARNING)
    assert "free slot" in told[0]
    assert sum(f.waited_s for f in found.values()) > 0


def test_a_server_that_never_frees_its_slot_is_told_apart_from_one_that_is_not_there() -> None:
    with serving(one_slot(BUSY, frees_s=1000.0, modes=["lockstep"])) as url:
        (finding,) = check(url, ("hello",), SlotQueue(0.5))
    assert finding.verdict is CaseVerdict.FAIL
    assert "no free slot within 0.5 s: " in finding.detail
    assert "busy: one session at a time" in finding.detail
    assert "has one slot, or few, and did not free it within 0.5 s" in finding.remedy
    assert "start the model's server" not in finding.remedy


def test_waits_grow_and_are_told_once() -> None:
    clock, told = Clock(), []  # type: ignore[var-annotated]
    tries = iter([FullError("busy"), FullError("busy"), FullError("busy", asked_s=5.0), passed("at last")])

    def attempt():  # type: ignore[no-untyped-def]
        if isinstance(given := next(tries), FullError):
            raise given
        return given

    slots = queue(clock, told)
    assert slots.result_of("speech", attempt).detail == "at last"
    assert clock.slept == [0.25, 0.5, 5.0]
    assert slots.waited_s == 5.75
    assert told == ["speech waits up to 30 s for a free slot: busy"]
    tries = iter([*[FullError("busy")] * 2, passed("soon")])
    assert slots.result_of("scale", attempt).detail == "soon"
    assert len(told) == 1  # a short wait later on is in the finding alone
    tries = iter([*[FullError("busy")] * 6, passed("late")])
    assert slots.result_of("rate", attempt).detail == "late"
    assert told[1:] == ["rate waits up to 30 s for a free slot: busy"]


def test_a_wait_that_is_asked_for_beyond_the_patience_is_not_begun() -> None:
    clock = Clock()

    def attempt():  # type: ignore[no-untyped-def]
        raise FullError("quota", asked_s=99999.0)

    result = queue(clock, []).result_of("hello", attempt)
    assert (result.verdict, clock.slept) == (CaseVerdict.FAIL, [])


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (QuotaError("no", 3.0), True),
        (InfrastructureError("the service refuses: session_limit_reached"), True),
        (InfrastructureError("ws://x closed the connection: 1008 (policy violation)"), True),
        (InfrastructureError("ws://x answers HTTP 503"), True),
        (InfrastructureError("ws://x:1008/ cannot be reached: refused"), False),
        (InfrastructureError("no 'ready' within 20 s"), False),
        (AccountError("insufficient_quota: no credit"), False),
    ],
)
def test_what_counts_as_a_refusal_for_want_of_a_place(error: Exception, full: bool) -> None:
    assert (FullError.of(error) is not None) is full
