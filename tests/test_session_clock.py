"""The simulated clock: micro-turns tile time to the sample, and compute is charged by a queue."""

from __future__ import annotations

import itertools

import pytest
from fakes import MS, Scripted, run_session, sample_of, silence, tone
from hypothesis import given, strategies as st

from tml_bench import events as ev
from tml_bench.adapter import Output
from tml_bench.samples import UserTurn
from tml_bench.session.settings import Compute, Settings, Ticks
from tml_bench.session.simulated import ComputeQueue
from tml_bench.timebase import NS, first_sample_at, nanoseconds, sample_time_ns, seconds

RATES = (8000, 11025, 16000, 22050, 24000, 44100, 48000)


@given(index=st.integers(0, 10**10), rate=st.sampled_from(RATES))
def test_a_sample_s_time_gives_the_sample_back(index: int, rate: int) -> None:
    assert first_sample_at(sample_time_ns(index, rate), rate) == index


@given(t_ns=st.integers(0, 10**13), rate=st.sampled_from(RATES))
def test_the_first_sample_at_a_time_is_the_first_not_before_it(t_ns: int, rate: int) -> None:
    index = first_sample_at(t_ns, rate)
    assert (index - 1) * NS < t_ns * rate <= index * NS


@given(t_ns=st.integers(0, 10**14))
def test_seconds_keep_the_nanosecond_for_a_day(t_ns: int) -> None:
    assert nanoseconds(seconds(t_ns)) == t_ns


@given(tick_ms=st.integers(20, 1000), rate=st.sampled_from(RATES), start=st.integers(0, 180_000))
def test_micro_turns_tile_time(tick_ms: int, rate: int, start: int) -> None:
    ticks = Ticks(tick_ms * MS)
    for k in range(start, start + 5):
        begin, end = ticks.bounds(k)
        assert end == ticks.bounds(k + 1)[0]
        count = first_sample_at(end, rate) - first_sample_at(begin, rate)
        assert abs(count - tick_ms * rate / 1000) < 1
        if tick_ms * rate % 1000 == 0:
            assert count == tick_ms * rate // 1000


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("tick_ms", [20, 23, 80, 200, 333, 1000])
def test_an_hour_does_not_drift(rate: int, tick_ms: int) -> None:
    ticks = Ticks(tick_ms * MS)
    turns = 3600 * 1000 // tick_ms
    edges = (first_sample_at(ticks.bounds(k)[1], rate) for k in range(turns))
    counts = [b - a for a, b in itertools.pairwise(itertools.chain([0], edges))]
    assert sum(counts) == -(-turns * tick_ms * rate // 1000)
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("tick_ms", [0, 19, 1001, -200])
def test_micro_turns_last_20_to_1000_ms(tick_ms: int) -> None:
    with pytest.raises(ValueError, match="20 to 1000 ms"):
        Ticks(tick_ms * MS)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 300), st.one_of(st.just(0), st.integers(0, 900))), min_size=1, max_size=60
    )
)
def test_the_queue_never_runs_ahead_or_idles_with_work(steps: list[tuple[int, int]]) -> None:
    queue, handed, last = ComputeQueue(), 0, 0
    for wait, cost in steps:
        handed += wait
        done = queue.charge(handed, cost)
        assert done - cost == (handed if handed > last else last)
        last = done


@pytest.mark.parametrize("turns", [1, 40])
def test_300_ms_of_compute_per_200_ms_lag_100_ms_more_each_turn(tmp_path, turns) -> None:  # type: ignore[no-untyped-def]
    beep = tone(0.01)
    adapter = Scripted({k: Output(audio=beep) for k in range(turns)})
    sample = sample_of(UserTurn(silence(0.2 * turns)), tail_s=0.2 * turns)
    costs = [300 * MS] * (2 * turns)
    ran = run_session(tmp_path / "r", sample, adapter, Settings(compute=Compute.RECORDED), costs)

    steps = ran.of(ev.StepDone)
    assert [s.handed_ns for s in steps] == [200 * MS * (k + 1) for k in range(len(steps))]
    assert [s.done_ns - s.handed_ns for s in steps] == [300 * MS + 100 * MS * k for k in range(len(steps))]
    assert [a.t_ns for a in ran.of(ev.ModelAudio)] == [s.done_ns for s in steps[:turns]]
    assert [a.heard_ns for a in ran.of(ev.ModelAudio)] == [s.done_ns for s in steps[:turns]]
    model = ran.model
    for k in range(turns):
        first = first_sample_at(200 * MS * (k + 1) + 300 * MS + 100 * MS * k, 16000)
        if first < len(model):
            assert abs(model[first]) > 0.4
            assert not model[first - 100 : first].any()


def test_a_step_within_real_time_pays_only_its_own_compute(tmp_path) -> None:  # type: ignore[no-untyped-def]
    sample = sample_of(UserTurn(silence(1.0)), tail_s=0.0)
    costs = [150 * MS, 500 * MS, 10 * MS, 10 * MS, 10 * MS]
    ran = run_session(tmp_path / "r", sample, Scripted(), Settings(compute=Compute.RECORDED), costs)
    assert [s.done_ns // MS for s in ran.of(ev.StepDone)] == [350, 900, 910, 920]


def test_ideal_compute_costs_nothing(tmp_path) -> None:  # type: ignore[no-untyped-def]
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), Scripted(), Settings())
    assert {s.compute_ns for s in ran.of(ev.StepDone)} == {0}
    assert all(s.done_ns == s.handed_ns for s in ran.of(ev.StepDone))
