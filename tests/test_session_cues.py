"""When user turns start: exact to the sample, against the model's known speech; and how sessions end."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Audio, Scripted, run_session, sample_of, silence
from hypothesis import given, settings, strategies as st

from tml_bench import events as ev
from tml_bench.adapter import MicroTurn, Output
from tml_bench.samples import AfterModelStops, At, Cue, IntoModelSpeech, UserText, UserTurn, Waveform
from tml_bench.session.settings import Settings, session_id
from tml_bench.session.user import ModelSpeech, cue_time
from tml_bench.timebase import NS, first_sample_at, sample_time_ns

GRID = list(itertools.product((8000, 16000, 24000, 44100, 48000), (20, 80, 200, 1000)))


def plateau(n: int, level: float = 0.25) -> Audio:
    """Audio whose every sample is equally loud, so that its first and last are exact."""
    return np.full(n, level, np.float32)


def turn(cue: Cue, duration_s: float, rate: int) -> UserTurn:
    return UserTurn(Waveform(plateau(round(duration_s * rate)), rate), cue)


class Speaker(Scripted):
    """Speaks in given spans of samples, streamed a micro-turn at a time from the first hand-over on."""

    def __init__(self, spans: list[tuple[int, int]], rate: int, tick_ms: int) -> None:
        super().__init__(audio_in=rate, audio_out=rate)
        self._spans, self._tick_ns = spans, tick_ms * MS

    def step(self, turn: MicroTurn) -> Output | None:
        super().step(turn)
        begin = first_sample_at(turn.end_ns, self.audio_out)
        end = first_sample_at(turn.end_ns + self._tick_ns, self.audio_out)
        at = np.arange(begin, end)
        inside = np.zeros(len(at), bool)
        for start, stop in self._spans:
            inside |= (at >= start) & (at < stop)
        return Output(audio=np.where(inside, np.float32(0.5), np.float32(0)))


def starts(ran) -> list[tuple[int, bool]]:  # type: ignore[no-untyped-def]
    return [(e.t_ns, e.timed_out) for e in ran.of(ev.UserTurnStarted)]


def runs_of(track: Audio) -> list[tuple[int, int]]:
    """First and just-after-last sample of each stretch that is not zero."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], track != 0, [0]]).astype(int)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


@pytest.mark.parametrize(("rate", "tick_ms"), GRID)
def test_a_turn_after_the_model_stops_is_exact(tmp_path: Path, rate: int, tick_ms: int) -> None:
    first, last = round(1.61 * rate) + 1, round(2.7 * rate) + 3
    sample = sample_of(turn(At(0), 0.5, rate), turn(AfterModelStops(0.7), 0.3, rate))
    ran = run_session(
        tmp_path / "r", sample, Speaker([(first, last)], rate, tick_ms), Settings(tick_ns=tick_ms * MS)
    )
    due = sample_time_ns(last, rate) + 700 * MS
    assert starts(ran) == [(0, False), (due, False)]
    onset = first_sample_at(due, rate)
    assert runs_of(ran.user) == [(0, round(0.5 * rate)), (onset, onset + round(0.3 * rate))]
    assert runs_of(ran.model) == [(first, last)]


@pytest.mark.parametrize(("rate", "tick_ms"), GRID)
def test_a_turn_into_the_model_s_speech_is_exact(tmp_path: Path, rate: int, tick_ms: int) -> None:
    first = round(1.77 * rate) + 1
    sample = sample_of(turn(At(0), 0.5, rate), turn(IntoModelSpeech(1.5), 0.3, rate))
    model = Speaker([(first, 9 * rate)], rate, tick_ms)
    ran = run_session(tmp_path / "r", sample, model, Settings(tick_ns=tick_ms * MS))
    due = sample_time_ns(first, rate) + 1500 * MS
    assert starts(ran) == [(0, False), (due, False)]
    assert runs_of(ran.user)[1][0] == first_sample_at(due, rate)


@pytest.mark.parametrize(("rate", "tick_ms"), [(16000, 20), (44100, 200), (8000, 1000)])
@pytest.mark.parametrize("cue", [AfterModelStops(0.5, 2.5), IntoModelSpeech(0.5, 2.5)])
@pytest.mark.parametrize(
    "spans_s", [[], [(1.0, 1.4)], [(1.2, 60.0)]], ids=["never speaks", "speaks before", "goes on"]
)
def test_a_cue_that_does_not_come_times_out(tmp_path, rate, tick_ms, cue, spans_s) -> None:  # type: ignore[no-untyped-def]
    """Speech that ends before the user's turn does, or is under way when it ends, is no answer."""
    spans = [(round(a * rate), round(b * rate)) for a, b in spans_s]
    sample = sample_of(turn(At(1.0), 0.5, rate), turn(cue, 0.25, rate))
    ran = run_session(tmp_path / "r", sample, Speaker(spans, rate, tick_ms), Settings(tick_ns=tick_ms * MS))
    assert starts(ran) == [(NS, False), (4 * NS, True)]
    assert runs_of(ran.user)[1][0] == 4 * rate


@pytest.mark.parametrize("tick_ms", [20, 200, 1000])
def test_a_model_that_restarts_within_the_gap_has_not_stopped(tmp_path: Path, tick_ms: int) -> None:
    spans = [(16000, 20000), (27999, 30000), (33000, 40000)]
    sample = sample_of(turn(At(0), 0.5, 16000), turn(AfterModelStops(0.5), 0.5, 16000))
    ran = run_session(tmp_path / "r", sample, Speaker(spans, 16000, tick_ms), Settings(tick_ns=tick_ms * MS))
    # 7999 samples of silence are not 0.5 s, 3000 neither.
    assert starts(ran)[1] == (sample_time_ns(40000 + 8000, 16000), False)


@pytest.mark.parametrize("tick_ms", [20, 200, 1000])
def test_a_gap_of_exactly_that_length_is_enough(tmp_path: Path, tick_ms: int) -> None:
    spans = [(16000, 20000), (28000, 40000)]
    sample = sample_of(turn(At(0), 0.5, 16000), turn(AfterModelStops(0.5), 0.5, 16000))
    ran = run_session(tmp_path / "r", sample, Speaker(spans, 16000, tick_ms), Settings(tick_ns=tick_ms * MS))
    assert starts(ran)[1] == (sample_time_ns(28000, 16000), False)


@pytest.mark.parametrize("rate", [16000, 24000, 44100])
def test_an_answer_without_any_latency_can_be_interrupted(tmp_path: Path, rate: int) -> None:
    end = round(0.61 * rate) + 1
    user = UserTurn(Waveform(plateau(end), rate))
    sample = sample_of(user, turn(IntoModelSpeech(0.4), 0.1, rate))
    ran = run_session(tmp_path / "r", sample, Speaker([(end, 5 * rate)], rate, 200), Settings())
    onset = first_sample_at(sample_time_ns(end, rate), rate)
    assert starts(ran)[1] == (sample_time_ns(onset, rate) + 400 * MS, False)


def test_speech_that_begins_just_before_the_time_out_is_waited_for(tmp_path: Path) -> None:
    sample = sample_of(turn(At(0), 0.5, 16000), turn(IntoModelSpeech(1.5, timeout_s=2.0), 0.1, 16000))
    model = Speaker([(39999, 90000)], 16000, 200)
    assert starts(run_session(tmp_path / "r", sample, model, Settings()))[1] == (
        sample_time_ns(39999 + 24000, 16000),
        False,
    )


def test_audio_too_quiet_to_be_heard_is_not_speech(tmp_path: Path) -> None:
    hiss = Scripted({k: Output(audio=plateau(3200, 10 ** (-46 / 20))) for k in range(60)})
    sample = sample_of(turn(At(0), 0.5, 16000), turn(IntoModelSpeech(0.1, 2.0), 0.1, 16000))
    assert starts(run_session(tmp_path / "r", sample, hiss, Settings()))[1] == (2500 * MS, True)


def test_audio_that_is_flushed_unheard_fires_no_cue(tmp_path: Path) -> None:
    late = np.concatenate([np.zeros(16000, np.float32), plateau(16000)])
    model = Scripted({1: Output(audio=late), 4: Output(flush=True)})
    sample = sample_of(turn(At(0), 0.2, 16000), turn(IntoModelSpeech(0.1, 2.0), 0.1, 16000))
    assert starts(run_session(tmp_path / "r", sample, model, Settings()))[1] == (2200 * MS, True)


def test_two_cues_may_fire_within_one_micro_turn(tmp_path: Path) -> None:
    sample = sample_of(*(turn(At(t), 0.05, 16000) for t in (0.0, 0.01, 0.3, 0.3)), tail_s=0.1)
    ran = run_session(tmp_path / "r", sample, Scripted(), Settings(tick_ns=1000 * MS))
    assert [t // MS for t, _ in starts(ran)] == [0, 50, 300, 350]
    assert ran.of(ev.SessionClosed)[0] == ev.SessionClosed(500 * MS, "script")


spans_ms = st.lists(st.tuples(st.integers(30, 400), st.integers(10, 500)), max_size=6)
cues = st.one_of(
    st.builds(At, st.integers(0, 3000).map(lambda ms: ms / 1000)),
    st.builds(
        AfterModelStops,
        st.integers(30, 700).map(lambda ms: ms / 1000),
        st.integers(0, 1500).map(lambda ms: ms / 1000),
    ),
    st.builds(
        IntoModelSpeech,
        st.integers(0, 700).map(lambda ms: ms / 1000),
        st.integers(0, 1500).map(lambda ms: ms / 1000),
    ),
)


def naive_cue(cue: Cue, armed: int, loud: list[tuple[int, int]]) -> tuple[int, bool]:
    """The cue's own words, millisecond by millisecond."""
    if isinstance(cue, At):
        return max(round(cue.t_s * 1000), armed), False
    deadline = armed + round(cue.timeout_s * 1000)
    if isinstance(cue, IntoModelSpeech):
        onsets = [a for a, _ in loud if armed <= a < deadline]
        return (onsets[0] + round(cue.after_s * 1000), False) if onsets else (deadline, True)
    speaking = {ms for a, b in loud for ms in range(a, b)}
    for now in range(armed, deadline + 1):
        heard = [ms for ms in range(armed, now) if ms in speaking]
        if heard and now - (heard[-1] + 1) >= round(cue.gap_s * 1000):
            return now, False
    return deadline, True


@settings(max_examples=60)
@given(gaps=spans_ms, chain=st.lists(cues, min_size=1, max_size=4), tick=st.sampled_from([20, 130, 1000]))
def test_cues_are_their_own_words(gaps: list[tuple[int, int]], chain: list[Cue], tick: int) -> None:
    """Known a micro-turn at a time, the times must be those found with hindsight."""
    loud, at = [], 0
    for gap, length in gaps:
        loud.append((at + gap, at + gap + length))
        at += gap + length
    track = np.zeros(12_000, np.float32)
    for a, b in loud:
        track[a:b] = 0.5
    speech, known, armed = ModelSpeech(1000), 0, 0
    for cue in chain:
        expected = naive_cue(cue, armed, loud)
        while (found := cue_time(cue, armed * MS, known * MS, speech)) is None:
            assert known < expected[0]
            speech.hear(track[known : known + tick])
            known += tick
        if found[0] > known * MS:  # a turn at a fixed time is known ahead
            assert isinstance(cue, At)
        assert (found[0] // MS, found[1]) == expected
        armed = expected[0] + 50


@settings(max_examples=25)
@given(
    chain=st.lists(st.tuples(cues, st.integers(1, 400)), min_size=1, max_size=5),
    gaps=spans_ms,
    tick=st.sampled_from([20, 200, 1000]),
)
def test_turns_keep_their_order_and_never_overlap(tmp_path_factory, chain, gaps, tick) -> None:  # type: ignore[no-untyped-def]
    loud, at = [], 0
    for gap, length in gaps:
        loud.append(((at + gap) * 8, (at + gap + length) * 8))
        at += gap + length
    sample = sample_of(*(turn(cue, ms / 1000, 8000) for cue, ms in chain), tail_s=0.2)
    ran = run_session(
        tmp_path_factory.mktemp("r") / "r", sample, Speaker(loud, 8000, tick), Settings(tick_ns=tick * MS)
    )
    placed = ran.of(ev.UserTurnStarted)
    assert [e.turn for e in placed] == list(range(len(chain)))
    assert all(b.t_ns >= a.end_ns for a, b in itertools.pairwise(placed))
    assert np.count_nonzero(ran.user) == sum(ms * 8 for _, ms in chain)
    assert set(np.unique(ran.user)) <= {0.0, 0.25}
    assert ran.of(ev.SessionClosed) == [ev.SessionClosed(placed[-1].end_ns + 200 * MS, "script")]
    assert isinstance(ran.events[-1], ev.SessionClosed)


@pytest.mark.parametrize("tick_ms", [20, 70, 1000])
def test_a_session_that_passes_its_limit_ends_there(tmp_path: Path, tick_ms: int) -> None:
    sample = sample_of(UserTurn(silence(10.0)), tail_s=5)
    settings = Settings(tick_ns=tick_ms * MS, max_session_s=3.21)
    ran = run_session(tmp_path / "r", sample, Scripted(audio_out=24000), settings)
    assert ran.of(ev.SessionClosed) == [ev.SessionClosed(3210 * MS, "time-out")]
    assert len(ran.user) == len(ran.model) == round(3.21 * 24000)


def test_texts_are_sent_once_in_the_micro_turn_they_fall_into(tmp_path: Path) -> None:
    texts = (UserText(0.55, "b"), UserText(0.0, "a"), UserText(0.6, "c"), UserText(0.59, "b2"))
    adapter = Scripted()
    ran = run_session(
        tmp_path / "r", sample_of(UserTurn(silence(1.0)), tail_s=0.5, texts=texts), adapter, Settings()
    )
    assert {t.index: t.texts for t in adapter.turns if t.texts} == {0: ("a",), 2: ("b", "b2"), 3: ("c",)}
    sent = [(e.t_ns // MS, e.text) for e in ran.of(ev.UserTextSent)]
    assert sent == [(0, "a"), (550, "b"), (590, "b2"), (600, "c")]


def test_the_tail_counts_from_the_last_turn_or_text(tmp_path: Path) -> None:
    sample = sample_of(UserTurn(silence(0.5)), tail_s=0.5, texts=(UserText(1.3, "still there?"),))
    adapter = Scripted()
    ran = run_session(tmp_path / "r", sample, adapter, Settings())
    assert ran.of(ev.SessionClosed) == [ev.SessionClosed(1800 * MS, "script")]
    assert [t.index for t in adapter.turns if t.texts] == [6]


def test_the_adapter_learns_the_session_s_start(tmp_path: Path) -> None:
    adapter = Scripted()
    sample = sample_of(UserTurn(silence(0.5)), instructions="Be brief.")
    run_session(tmp_path / "r", sample, adapter, Settings(seed=7))
    (start,) = adapter.sessions
    assert (start.tick_ns, start.seed) == (200 * MS, 7)
    # It was "fake/s": the name of an item says what is asked for.
    assert start.session_id == session_id(7, "fake", "s") != session_id(8, "fake", "s")
    assert re.fullmatch("[0-9a-f]{16}", start.session_id)
    assert (start.instructions, start.reference) == ("Be brief.", None)
    assert adapter.stopped == 1


@pytest.mark.parametrize(
    ("spans_s", "end_s"),
    [
        ([(1.4, 2.0)], 3.0),  # answers, then 1 s of silence
        ([(1.4, 2.0), (2.9, 3.3)], 4.3),  # goes on before the second is over
        ([(1.4, 2.0), (3.5, 4.0)], 3.0),  # what comes after it is not waited for
        ([], 9.0),  # never speaks: the whole tail
        ([(0.4, 0.8)], 9.0),  # speaks only before the user's turn is over
        ([(1.4, 20.0)], 9.0),  # never stops: the whole tail
    ],
)
def test_a_session_may_end_once_the_model_has_fallen_silent(
    tmp_path: Path, spans_s: list[tuple[float, float]], end_s: float
) -> None:
    rate = 16000
    spans = [(round(a * rate), round(b * rate)) for a, b in spans_s]
    sample = sample_of(turn(At(0.0), 1.0, rate), tail_s=8.0, quiet_s=1.0)
    ran = run_session(tmp_path, sample, Speaker(spans, rate, 200), Settings())
    [closed] = ran.of(ev.SessionClosed)
    assert (closed.t_ns / NS, closed.reason) == (pytest.approx(end_s, abs=1e-4), "script")
