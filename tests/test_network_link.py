"""One direction of a network: retransmission, outages, bandwidth, order and jitter, by hand and by law."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Scripted, run_session, sample_of, silence, tone
from hypothesis import given, strategies as st
from msgspec import structs
from scipy import stats

from tml_bench import events as ev
from tml_bench.adapter import Output
from tml_bench.samples import UserTurn
from tml_bench.session.network import (
    MAX_RETRANSMITS,
    PROFILES,
    LinkDirection,
    Network,
    NetworkLink,
    Outage,
    links,
    load_network,
    round_trip_ms,
)
from tml_bench.session.settings import Settings

FAR_MS = 100_000
"""Between messages, so that none waits for the one before."""


def link(seed: int = 1, outages: tuple[Outage, ...] = (), **way: float) -> NetworkLink:
    return NetworkLink(LinkDirection(**way), LinkDirection(), outages, seed)


def lossy(back: LinkDirection | None = None, seed: int = 1, **way: float) -> NetworkLink:
    """Every message is lost six times in a row."""
    return NetworkLink(LinkDirection(loss=1 - 1e-12, **way), back or LinkDirection(), (), seed)


def delays_ms(of: NetworkLink, count: int) -> list[float]:
    """What is added to each of so many messages that are far apart."""
    sent = [k * FAR_MS * MS for k in range(count)]
    return [(of.arrival_ns(at, 0) - at) / MS for at in sent]


def arrivals_ms(of: NetworkLink, *messages: tuple[float, int]) -> list[float]:
    """When messages arrive that are sent at a time in milliseconds, with so many bytes."""
    return [of.arrival_ns(round(at * MS), size) / MS for at, size in messages]


# ---- profiles from a file


def test_a_profile_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(
        "[up]\ndelay_ms = 40\njitter_ms = 0.5\nloss = 0.999\n[down]\nkbps = 64.5\n"
        "[[outages]]\nstart_s = 0\nduration_s = 0.25\n"
    )
    assert load_network(str(path)) == Network(
        "train-2", LinkDirection(40, 0.5, 0.999), LinkDirection(kbps=64.5), (Outage(0, 0.25),)
    )


def test_the_version_of_the_rules_of_loss_is_in_the_name_of_profiles_that_have_any(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[up]\ndelay_ms = 40\n")
    (tmp_path / "b.toml").write_text('name = "train"\n[down]\nloss = 0.01\n')
    assert load_network(str(tmp_path / "a.toml")).name == "a"
    assert load_network(str(tmp_path / "b.toml")).name == "train-2"
    assert [network.name for network in PROFILES.values()] == ["ideal", "wifi-2", "4g-2", "bad-2"]


# ---- loss


def test_what_is_lost_is_sent_again_after_a_time_out_that_doubles() -> None:
    """200 ms, then 400 more, and so on: (2^k - 1) 200 ms after k losses, half as likely as after k - 1."""
    seen = Counter(delays_ms(link(loss=0.5), 6400))
    expected = {200.0 * (2**k - 1): 6400 / 2 ** (k + 1) for k in range(MAX_RETRANSMITS)}
    expected[200.0 * (2**MAX_RETRANSMITS - 1)] = 6400 / 2**MAX_RETRANSMITS
    assert seen.keys() == expected.keys()
    assert {ms for ms, n in expected.items() if abs(seen[ms] - n) > 4 * math.sqrt(n)} == set()


def test_at_most_six_losses_in_a_row() -> None:
    assert set(delays_ms(link(loss=1 - 1e-12), 50)) == {200.0 + 400 + 800 + 1600 + 3200 + 6400}


def test_nothing_is_lost_without_loss() -> None:
    assert set(delays_ms(link(delay_ms=35), 1000)) == {35.0}


def test_a_lost_message_holds_up_everything_behind_it() -> None:
    """Three more messages tell of it after 60 ms; what is lost again waits for 200 ms, 400 ms, ..."""
    of = link(seed=0, loss=0.3)
    arrived = arrivals_ms(of, *((k * 20.0, 0) for k in range(200)))
    late = [at - k * 20.0 for k, at in enumerate(arrived)]
    assert max(late) >= 260
    for before, after in pairwise(late):
        # Held up until the lost one is there; or lost itself and sent again.
        assert after == max(0.0, before - 20) or after in {60.0, 260.0, 660.0, 1460.0, 3060.0, 6260.0}


@pytest.mark.parametrize(
    ("name", "round_trip", "deviation", "timeout"),
    [("wifi", 24, 8 / 3, 224), ("4g", 92, 15 / 2 + 12**2 / 90, 292), ("bad", 360, 40, 560)],
)
def test_the_time_out_is_a_round_trip_and_what_it_varies_by(
    name: str, round_trip: float, deviation: float, timeout: float
) -> None:
    """200 ms beyond the mean for all three, because four deviations are less."""
    network = PROFILES[name]
    assert round_trip_ms(network.up, network.down) == pytest.approx((round_trip, deviation))
    up = structs.replace(network.up, loss=1 - 1e-12)
    arrived = NetworkLink(up, network.down, (), 1).arrival_ns(0, 0) / MS
    assert 0 <= arrived - 63 * timeout - up.delay_ms < 2 * up.jitter_ms


@given(st.floats(0, 300), st.floats(0, 300))
def test_the_deviation_is_that_of_the_round_trip(up_ms: float, down_ms: float) -> None:
    mean, deviation = round_trip_ms(LinkDirection(5, up_ms), LinkDirection(7, down_ms))
    grid = (np.arange(400) + 0.5) / 400
    trips = 12 + 2 * up_ms * grid[:, None] + 2 * down_ms * grid[None, :]
    assert mean == pytest.approx(float(trips.mean()))
    assert deviation == pytest.approx(float(np.abs(trips - mean).mean()), rel=0.01, abs=1e-9)


def test_a_far_back_way_that_varies_makes_the_time_out_longer() -> None:
    """SRTT 10 + 90 + 100 ms, RTTVAR 50 ms: four times that is 200 ms; with twice the jitter 400 ms."""
    for jitter, timeout in ((100.0, 400.0), (200.0, 700.0)):
        (alone,) = arrivals_ms(lossy(LinkDirection(90, jitter), delay_ms=10), (0.0, 0))
        assert alone == pytest.approx(10 + 63 * timeout)


@pytest.mark.parametrize(
    ("size", "apart", "told"),
    [
        (6400, 200.0, {100.0, 300.0}),  # five packets: one of the first two, or one of the last three
        (9600, 200.0, {100.0, 300.0}),
        (640, 20.0, {160.0}),  # one packet each 20 ms: three more take 60 ms
        (2900, 40.0, {140.0, 180.0}),  # two packets: one message more, or two
        (640, 80.0, {300.0}),  # 240 ms until the third, but the time-out is over after 300 ms
        (1460 * 3, 1000.0, {300.0}),  # three packets: no three are behind one of them
        (1460 * 3 + 1, 1000.0, {100.0, 300.0}),
    ],
)
def test_three_packets_behind_a_lost_one_tell_of_it_sooner(size: int, apart: float, told: set[float]) -> None:
    """A round trip of 100 ms without jitter, so that the time-out is 300 ms."""
    found = set()
    for seed in range(400):
        of = NetworkLink(LinkDirection(50, loss=0.5), LinkDirection(50), (), seed)
        before, after = (of.arrival_ns(round(at * MS), size) / MS - at for at in (0.0, apart))
        if before == 50:
            found.add(round(after - 50, 6))
    once = {cost for cost in found if 0 < cost <= 300}
    assert once == told
    # Lost again: a time-out after a fast retransmission, two after a time-out.
    assert {cost + (600 if cost == 300 else 300) for cost in told} <= found


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20_000)), min_size=1, max_size=40),
    st.floats(0, 500),
    st.floats(0, 500),
    st.floats(0, 300),
    st.floats(0.01, 0.9),
    st.integers(0, 1000),
)
def test_no_loss_is_cheaper_than_a_round_trip(
    messages: list[tuple[int, int]], there: float, back: float, jitter: float, loss: float, seed: int
) -> None:
    of = NetworkLink(LinkDirection(there, loss=loss), LinkDirection(back, jitter), (), seed)
    sent = last = 0
    for gap, size in messages:
        sent += gap * MS
        arrived = of.arrival_ns(sent, size)
        late_ms = (arrived - sent) / MS - there
        assert arrived == last or abs(late_ms) < 1e-5 or late_ms > there + back + jitter - 1e-5
        last = arrived


def test_a_loss_under_the_bad_profile_costs_a_round_trip_at_least() -> None:
    """It cost 200 ms, where a round trip takes 240 to 480 ms and 360 on average."""
    up, down = PROFILES["bad"].up, PROFILES["bad"].down
    costs = []
    for seed in range(3000):
        of = NetworkLink(up, down, (), seed)
        free = [of.arrival_ns(at * MS, 6400) for at in (0, 200, 400)]
        costs += [(at - before) / MS for before, at in pairwise(free)]
    # Jitter alone moves a message by no more than 120 ms against the one before.
    lost = [cost - 200 for cost in costs if cost > 200 + 120]
    assert 100 < len(lost) < 350
    assert min(lost) > 360 - 120
    assert np.quantile(lost, 0.1) > 300


# ---- outages


START_S, START_NS = 2.011, 2011_000_000


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        (399.0, 899.0),
        (499.0, 999.0),
        (500.0, 2000.0),  # it would arrive at the outage's first instant
        (600.0, 2000.0),
        (999.0, 2000.0),
        (1000.0, 2500.0),  # sent in the outage, so it leaves at its end
        (1999.0, 2500.0),
        (2000.0, 2500.0),  # the outage's end is over already
        (2001.0, 2501.0),
    ],
)
def test_an_outage_lets_nothing_leave_and_nothing_arrive(sent: float, arrives: float) -> None:
    of = link(outages=(Outage(1.0, 1.0),), delay_ms=500)
    assert arrivals_ms(of, (sent, 0)) == [arrives]


def test_what_arrives_in_one_outage_may_meet_the_next() -> None:
    outages = (Outage(1.0, 0.5), Outage(1.8, 0.2), Outage(3.0, 1.0))
    of = link(outages=outages, delay_ms=400)
    # Leaves at 1.5 s, would arrive at 1.9 s; the third arrives between the outages, the last in the last one.
    assert arrivals_ms(of, (1100, 0), (1200, 0), (2100, 0), (2700, 0)) == [2000, 2000, 2500, 4000]


def test_an_outages_edges_are_whole_nanoseconds() -> None:
    """0.1 + 0.2 is a little more than 0.3, and so is START_S times a billion; neither moves an edge."""
    of = link(outages=(Outage(0.1, 0.2), Outage(START_S, 1.0)))
    arrived = of.arrival_ns(200 * MS, 0)
    assert (arrived, type(arrived)) == (300 * MS, int)
    assert of.arrival_ns(300 * MS, 0) == 300 * MS
    assert of.arrival_ns(START_NS, 0) == START_NS + 1000 * MS


def test_what_the_model_says_in_an_outage_is_heard_when_it_is_over(tmp_path: Path) -> None:
    """Given at 0.4 s, 50 ms away, in an outage from 0.42 s to 1.12 s; what comes at 1.4 s is not touched."""
    network = Network("test", LinkDirection(), LinkDirection(delay_ms=50), (Outage(0.42, 0.7),))
    adapter = Scripted({1: Output(tone(0.1)), 6: Output(tone(0.1))})
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(2.0))), adapter, Settings(network=network))
    assert [(e.t_ns, e.heard_ns) for e in ran.of(ev.ModelAudio)] == [
        (400 * MS, 1120 * MS),
        (1400 * MS, 1450 * MS),
    ]
    handed = [(s.handed_ns, s.up_ns) for s in ran.of(ev.StepDone)]
    assert handed[1:6] == [(400 * MS, 0), (600 * MS, 520 * MS), (800 * MS, 320 * MS), (1000 * MS, 120 * MS),
                           (1200 * MS, 0)]  # fmt: skip
    assert np.flatnonzero(ran.model)[0] == 1.12 * 16000


# ---- bandwidth


@pytest.mark.parametrize(
    ("kbps", "size", "ms"),
    [
        (8, 1, 1.0),
        (8, 0, 0.0),
        (64, 640, 80.0),
        (500, 6401, 102.416),
        (256, 6400, 200.0),
        (3, 1, 2.666667),
        (0, 10**9, 0.0),
    ],
)
def test_a_byte_takes_eight_bits_of_time(kbps: float, size: int, ms: float) -> None:
    assert arrivals_ms(link(kbps=kbps), (1000.0, size)) == [1000 + ms]


def test_messages_queue_for_the_line_and_an_idle_line_is_free_at_once() -> None:
    of = link(kbps=8, delay_ms=30)  # a byte a millisecond
    sent = [(0.0, 100), (0.0, 50), (120.0, 10), (500.0, 7), (507.0, 1), (507.5, 1)]
    assert arrivals_ms(of, *sent) == [130, 180, 190, 537, 538, 539]


def test_the_line_is_free_at_the_first_instant() -> None:
    assert link(kbps=8).arrival_ns(0, 0) == 0


def test_a_message_on_the_line_when_an_outage_begins_blocks_it_until_the_end() -> None:
    of = link(outages=(Outage(1.0, 1.0),), kbps=8)
    assert arrivals_ms(of, (900, 200), (950, 10), (2005, 5)) == [2000, 2010, 2015]


def test_a_session_s_audio_takes_two_bytes_a_sample_both_ways(tmp_path: Path) -> None:
    """Up 6400 bytes at 512 kbit/s take 100 ms; down 3200 bytes at 64 kbit/s take 400 ms."""
    network = Network("test", LinkDirection(kbps=512), LinkDirection(kbps=64))
    adapter = Scripted({1: Output(tone(0.1)), 5: Output(tone(0.1))})
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(3.0))), adapter, Settings(network=network))
    assert {step.up_ns for step in ran.of(ev.StepDone)} == {100 * MS}
    assert [(e.t_ns, e.down_ns) for e in ran.of(ev.ModelAudio)] == [
        (500 * MS, 400 * MS),
        (1300 * MS, 400 * MS),
    ]


def test_what_is_no_audio_takes_no_time_on_the_line(tmp_path: Path) -> None:
    """At 2.5 bytes a second, a byte of text at 1.0 s would hold up the sample that is given at 1.2 s."""
    network = Network("test", LinkDirection(), LinkDirection(kbps=0.02))
    adapter = Scripted({4: Output(text="a"), 5: Output(tone(1 / 16000))})
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(3.0))), adapter, Settings(network=network))
    assert [(e.t_ns, e.down_ns) for e in ran.of(ev.ModelAudio)] == [(1200 * MS, 800 * MS)]


# ---- order


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2000)), min_size=1, max_size=40),
    st.floats(0, 500),
    st.floats(0, 0.9),
    st.sampled_from([0.0, 64.0, 500.0]),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 3)), max_size=3),
    st.integers(0, 1000),
)
def test_nothing_overtakes_comes_too_soon_or_comes_in_an_outage(
    messages: list[tuple[int, int]],
    jitter_ms: float,
    loss: float,
    kbps: float,
    dark: Sequence[tuple[float, float]],
    seed: int,
) -> None:
    outages = tuple(Outage(a, b) for a, b in dark)
    way = LinkDirection(delay_ms=20, jitter_ms=jitter_ms, loss=loss, kbps=kbps)
    of = NetworkLink(way, LinkDirection(), outages, seed)
    sent = 0
    arrived = []
    for gap, size in messages:
        sent += gap * MS
        arrived.append(of.arrival_ns(sent, size))
        wire_ns = round(size * 8e6 / kbps) if kbps else 0
        assert arrived[-1] >= sent + wire_ns + 20 * MS
    assert arrived == sorted(arrived)
    for outage in outages:
        begin, end = round(outage.start_s * 1e9), round((outage.start_s + outage.duration_s) * 1e9)
        assert not [at for at in arrived if begin <= at < end]


# ---- jitter


def test_jitter_is_uniform_from_nothing_to_twice_its_mean() -> None:
    added = np.array(delays_ms(link(seed=3, delay_ms=100, jitter_ms=40), 4000)) - 100
    assert added.min() >= 0
    assert added.max() < 80
    assert added.mean() == pytest.approx(40, abs=4 * 80 / math.sqrt(12 * 4000))
    assert added.std() == pytest.approx(80 / math.sqrt(12), rel=0.03)
    assert stats.kstest(added / 80, "uniform").pvalue > 0.01
    # Whatever one message gets, the next one's is no nearer to it than to any other.
    assert abs(np.corrcoef(added[:-1], added[1:])[0, 1]) < 4 / math.sqrt(4000)


def test_the_same_seed_gives_the_same_numbers_on_any_machine() -> None:
    """Numbers that this link has always given; a change makes recorded runs unrepeatable."""
    up, down = links(PROFILES["bad"], 7)
    assert [up.arrival_ns(k * 200 * MS, 6400) for k in range(5)] == [
        898229057,
        1100760734,
        1100760734,
        1100760734,
        1107383320,
    ]
    assert [down.arrival_ns(k * 200 * MS, 9600) for k in range(5)] == [
        240182733,
        446834315,
        645941888,
        827862646,
        998015405,
    ]


def test_two_ways_and_two_seeds_share_no_randomness() -> None:
    network = Network("test", LinkDirection(jitter_ms=100), LinkDirection(jitter_ms=100))
    first = [[way.arrival_ns(0, 0) for way in links(network, seed)] for seed in range(20)]
    assert len({at for both in first for at in both}) == 40
