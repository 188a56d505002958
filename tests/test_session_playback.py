"""What the listener hears: against a model that keeps one list entry per sample, and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from fakes import MS, Scripted, run_session, sample_of, silence, tone
from hypothesis import given, strategies as st

from tml_bench import events as ev
from tml_bench.adapter import FlushReport, Output
from tml_bench.samples import UserTurn
from tml_bench.session.playback import Playback
from tml_bench.session.settings import Compute, Settings

RATE = 1000  # a sample a millisecond


class Do(NamedTuple):
    wait: int
    length: int
    flush: bool
    render: bool


class Naive:
    """One entry per sample ever heard or waiting: the rule taken literally."""

    def __init__(self) -> None:
        self.heard: dict[int, float] = {}
        self.stretch = 0

    def end(self) -> int:
        return max(self.heard, default=-1) + 1

    def push(self, t: int, audio: list[float]) -> int:
        if t > self.end() or not self.heard:
            self.stretch = max(t, self.end())
        start = max(t, self.end())
        self.heard |= {start + k: value for k, value in enumerate(audio)}
        return start

    def flush(self, t: int) -> FlushReport:
        dropped = [at for at in self.heard if at >= t]
        if not dropped:
            over, self.stretch = float(self.end() - self.stretch), self.end()
            return FlushReport(over, 0.0)
        for at in dropped:
            del self.heard[at]
        cut = FlushReport(float(max(0, t - self.stretch)), float(len(dropped)))
        self.stretch = t
        return cut


actions = st.lists(
    st.builds(Do, st.integers(0, 40), st.integers(0, 60), st.booleans(), st.booleans()), max_size=25
)


@given(actions)
def test_playback_is_the_rule_taken_literally(actions: list[Do]) -> None:
    playback, naive = Playback(RATE), Naive()
    now, value, tracks = 0, 0.0, []
    for do in actions:
        now += do.wait
        if do.render:
            tracks.append(playback.render(now * MS))
            assert playback.heard_ms == sum(at < now for at in naive.heard)
        if do.flush and naive.heard and naive.end() > now:
            assert playback.flush(now * MS) == naive.flush(now)
        if do.length:
            audio = [value := value + 1 for _ in range(do.length)]
            queued = playback.push(now * MS, np.array(audio, np.float32))
            start = naive.push(now, audio)
            assert (queued.start_ns, queued.end_ns) == (start * MS, (start + do.length) * MS)
    end = max(naive.end(), now) + 10
    tracks.append(playback.render(end * MS))
    assert np.concatenate(tracks).tolist() == [naive.heard.get(at, 0.0) for at in range(end)]
    assert playback.heard_ms == len(naive.heard)
    assert playback.backlog_s == 0


def test_a_chunk_is_heard_from_arrival_or_the_end_of_the_one_before() -> None:
    playback = Playback(RATE)
    spans = [
        (q.start_ns // MS, q.end_ns // MS)
        for q in (
            playback.push(10 * MS, np.ones(20, np.float32)),
            playback.push(15 * MS, np.ones(5, np.float32)),
            playback.push(100 * MS, np.ones(1, np.float32)),
        )
    ]
    assert spans == [(10, 30), (30, 35), (100, 101)]


def test_onset_is_the_first_sample_that_is_not_zero() -> None:
    playback = Playback(RATE)
    assert playback.push(0, np.array([0, 0, 0.1], np.float32)).onset_ns == 2 * MS
    assert playback.push(0, np.zeros(3, np.float32)).onset_ns is None


def test_a_flush_says_how_much_of_the_stretch_was_heard_and_dropped() -> None:
    playback = Playback(RATE)
    playback.push(100 * MS, np.ones(50, np.float32))
    playback.push(120 * MS, np.ones(50, np.float32))
    playback.render(130 * MS)
    assert playback.flush(130 * MS) == FlushReport(heard_ms=30, dropped_ms=70)
    assert playback.heard_ms == 30


def test_a_flush_of_nothing_drops_nothing() -> None:
    playback = Playback(RATE)
    playback.push(0, np.ones(40, np.float32))
    playback.render(90 * MS)
    assert playback.flush(90 * MS) == FlushReport(heard_ms=40, dropped_ms=0)


def test_an_answer_after_a_flush_is_a_stretch_of_its_own() -> None:
    playback = Playback(RATE)
    playback.push(0, np.ones(100, np.float32))
    playback.render(30 * MS)
    playback.flush(30 * MS)
    playback.push(30 * MS, np.ones(100, np.float32))
    playback.render(45 * MS)
    assert playback.flush(45 * MS) == FlushReport(heard_ms=15, dropped_ms=85)


def test_the_adapter_is_told_what_was_heard(tmp_path: Path) -> None:
    outputs = {
        0: Output(audio=tone(1.0)),  # heard from 200 ms
        2: Output(flush=True),  # at 600 ms: 400 heard, 600 dropped
        4: Output(audio=tone(0.25)),  # at 1000 ms, heard to 1250 ms
        6: Output(flush=True),  # at 1400 ms: nothing left
    }
    adapter = Scripted(outputs)
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(2.0)), tail_s=0), adapter, Settings())
    assert [turn.heard_ms for turn in adapter.turns] == [0, 200, 400, 400, 400, 600, 650, 650, 650]
    told = {turn.index: turn.flushed for turn in adapter.turns if turn.flushed}
    assert told == {3: FlushReport(400, 600, (("", 400.0),)), 7: FlushReport(250, 0)}
    flushes = [(e.t_ns // MS, e.heard_ms, e.dropped_ms) for e in ran.of(ev.Flush)]
    assert flushes == [(600, 400, 600), (1400, 250, 0)]
    loud = np.flatnonzero(np.convolve(np.abs(ran.model) > 0, np.ones(40), "same"))
    edges = loud[np.flatnonzero(np.diff(loud, prepend=-100) > 1)], loud[-1]
    assert abs(edges[0][0] - 3200) <= 20
    assert abs(edges[0][1] - 16000) <= 20
    assert abs(edges[1] - 20000) <= 20
    assert not ran.model[9600:16000].any()


def test_a_flush_by_a_late_step_takes_effect_when_the_step_is_done(tmp_path: Path) -> None:
    adapter = Scripted({0: Output(audio=tone(2.0)), 1: Output(flush=True)})
    costs = [0, 500 * MS, *[0] * 20]
    settings = Settings(compute=Compute.RECORDED)
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(2.0))), adapter, settings, costs)
    assert [(e.t_ns // MS, e.heard_ms, e.dropped_ms) for e in ran.of(ev.Flush)] == [(900, 700, 1300)]
    assert {t.index: t.flushed for t in adapter.turns if t.flushed} == {
        4: FlushReport(700, 1300, (("", 700.0),))
    }
    assert ran.model[900 * 16 - 10 : 900 * 16].any()
    assert not ran.model[900 * 16 :].any()


def test_every_one_of_several_late_flushes_is_told(tmp_path: Path) -> None:
    outputs = {k: Output(audio=tone(1.0), flush=True) for k in range(1, 4)}
    adapter = Scripted({0: Output(audio=tone(1.0)), **outputs})
    costs = [0, 520 * MS, 20 * MS, 20 * MS, *[0] * 20]
    settings = Settings(compute=Compute.RECORDED)
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(3.0))), adapter, settings, costs)
    done = [(e.t_ns // MS, e.heard_ms, e.dropped_ms) for e in ran.of(ev.Flush)]
    assert done == [(920, 720, 280), (940, 20, 980), (960, 20, 980)]
    told = [(t.index, t.flushed) for t in adapter.turns if t.flushed]
    # All of them with the micro-turn that is handed over next, at 1 s.
    assert told == [(4, FlushReport(760, 2240, (("", 720.0), ("", 20.0), ("", 20.0))))]


@pytest.mark.parametrize("audio_out", [8000, 24000, 44100])
def test_bursts_and_real_time_pieces_sound_the_same(tmp_path: Path, audio_out: int) -> None:
    answer = tone(2.0, audio_out, 300)
    pieces = np.split(answer, range(audio_out // 5, len(answer), audio_out // 5))
    burst = Scripted({0: Output(audio=answer)}, audio_out=audio_out)
    steady = Scripted({k: Output(audio=piece) for k, piece in enumerate(pieces)}, audio_out=audio_out)
    sample = sample_of(UserTurn(silence(2.0)))
    tracks = [
        run_session(tmp_path / str(n), sample, adapter, Settings()).model
        for n, adapter in enumerate((burst, steady))
    ]
    assert np.array_equal(*tracks)
