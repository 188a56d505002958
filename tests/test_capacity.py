"""How many live sessions a machine can hold: known answers, and a real measurement."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tml_bench.conformance.capacity import LiveLoad, MachineRoom, capacity, described, machine_room, measure
from tml_bench.conformance.doctor import findings
from tml_bench.errors import UserError

LOAD = LiveLoad(sessions=24, loop_ms=0.5, turn_ms=0.8, session_mb=1.6, late_p99_ms=2.0, others=0.0)
ROOM = MachineRoom(processors=2, memory_mb=8000, files=8192)


@pytest.mark.parametrize(
    ("load", "room", "many", "binds"),
    [
        (LOAD, ROOM, 160, "the loop"),  # 0.4 s a second, 0.5 ms five times a second each
        (LOAD, replace(ROOM, processors=64), 160, "the loop"),
        (replace(LOAD, turn_ms=4.0), ROOM, 70, "the processors"),  # 1.4 s a second, 20 ms each
        (LOAD, replace(ROOM, memory_mb=100), 30, "memory"),  # 50 MB of it
        (LOAD, replace(ROOM, files=1024), 120, "the open files"),  # 128
        (replace(LOAD, others=1.5), ROOM, 80, "the loop"),  # half a processor is free
        (replace(LOAD, others=1.98), ROOM, 3, "the loop"),
        (replace(LOAD, others=3.0), ROOM, 0, "the loop"),
        (replace(LOAD, session_mb=math.nan), replace(ROOM, memory_mb=math.inf), 160, "the loop"),
        (replace(LOAD, session_mb=-0.1), ROOM, 160, "the loop"),
        (replace(LOAD, late_p99_ms=20.1), ROOM, 0, "lateness, over 20 ms"),
        (replace(LOAD, late_p99_ms=20.0), ROOM, 160, "the loop"),
    ],
)
def test_what_binds_first_counts(load: LiveLoad, room: MachineRoom, many: int, binds: str) -> None:
    found, why = capacity(load, room)
    assert found == many
    assert why.startswith(binds)


def test_a_machine_that_is_busy_holds_no_more_than_it_is_free_for() -> None:
    held = [capacity(replace(LOAD, others=k / 10), ROOM)[0] for k in range(21)]
    assert held == sorted(held, reverse=True)
    assert held[0] == held[10] == 160
    assert held[20] == 0


def test_the_doctor_says_what_was_measured_and_what_binds() -> None:
    (told,) = (found for found in findings(lambda: LOAD) if found.what == "live sessions")
    assert told.state == "ok"
    for part in (
        "about 160 at once, bound by",
        "24 took 0.80 ms",
        "(0.50 on",
        "1.6 MB a session",
        "lateness 2.0 ms",
    ):
        assert part in told.detail
    assert "MB a session" not in described(replace(LOAD, session_mb=math.nan), ROOM)
    assert not [found for found in findings() if found.what == "live sessions"]


def test_a_measurement_that_fails_is_told() -> None:
    def fails() -> LiveLoad:
        raise UserError("live sessions cannot be measured: refused")

    (told,) = (found for found in findings(fails) if found.what == "live sessions")
    assert told.state == "broken"
    assert "refused" in told.detail


def test_real_sessions_are_measured() -> None:
    load = measure(sessions=3, seconds=2.5)
    assert load.sessions == 3
    assert 0 < load.loop_ms <= load.turn_ms < 50
    assert load.late_p99_ms >= 0
    assert load.others >= 0
    room = machine_room()
    assert room.processors >= 1
    assert room.memory_mb > 0
    assert room.files > 0
