"""Both tracks at any mix of rates: exact lengths, places to a sample, no clicks, lossless where it can be."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes import MS, Scripted, run_session, sample_of, silence, sixteen_bit, tone

from tml_bench import events as ev
from tml_bench.adapter import Output
from tml_bench.report.log import describe
from tml_bench.samples import At, UserTurn, Waveform
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.settings import Settings
from tml_bench.timebase import first_sample_at, seconds

RATES = (8000, 16000, 24000, 44100, 48000)
COMBINATIONS = list(itertools.product(RATES, RATES, RATES))


def bump(rate: int) -> np.ndarray:
    """A pulse of a 16th of the lowest rate's band, so that every rate holds it; its peak is at 40 ms."""
    t = np.arange(round(0.08 * rate)) / rate - 0.04
    return (0.9 * np.exp(-0.5 * (t / 0.0005) ** 2)).astype(np.float32)


def peak_s(track: np.ndarray, rate: int, around_s: float) -> float:
    """The time of the peak near a time, by a parabola through its three samples."""
    first = round((around_s - 0.02) * rate)
    k = first + int(np.argmax(track[first : first + round(0.04 * rate)]))
    a, b, c = (float(x) for x in track[k - 1 : k + 2])
    return (k + 0.5 * (a - c) / (a - 2 * b + c)) / rate


@pytest.mark.parametrize(("user", "audio_in", "audio_out"), COMBINATIONS)
def test_every_mix_of_rates_keeps_lengths_and_places(
    tmp_path: Path, user: int, audio_in: int, audio_out: int
) -> None:
    clip = np.concatenate([np.zeros(user // 4, np.float32), bump(user), np.zeros(user // 5, np.float32)])
    adapter = Scripted({1: Output(audio=bump(audio_out))}, audio_in, audio_out)
    sample = sample_of(UserTurn(Waveform(clip, user), At(0.37)), tail_s=0.403)
    ran = run_session(tmp_path / "r", sample, adapter, Settings(tick_ns=90 * MS))

    rate = max(user, audio_out)
    (turn,) = ran.of(ev.UserTurnStarted)
    (end,) = ran.of(ev.SessionClosed)
    assert turn.end_ns - turn.t_ns == len(clip) * 10**9 // user
    assert end.t_ns == turn.end_ns + 403 * MS
    assert ran.recording.opened.rate == rate
    assert (
        len(ran.user) == len(ran.model) == ran.recording.manifest.samples == first_sample_at(end.t_ns, rate)
    )
    assert [len(t.audio) for t in adapter.turns] == [
        first_sample_at(t.end_ns, audio_in) - first_sample_at(t.start_ns, audio_in) for t in adapter.turns
    ]
    user_peak = 0.37 + 0.25 + 0.04
    assert abs(peak_s(ran.user, rate, user_peak) - user_peak) < 1 / rate
    assert abs(peak_s(adapter.heard(), audio_in, user_peak) - user_peak) < 1 / audio_in
    model_peak = 0.18 + 0.04
    assert abs(peak_s(ran.model, rate, model_peak) - model_peak) < 1 / rate
    (heard,) = ran.of(ev.ModelAudio)
    assert heard.heard_ns == 180 * MS


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("tick_ms", [20, 33, 200])
def test_16_bit_audio_passes_bit_for_bit_where_rates_agree(tmp_path: Path, rate: int, tick_ms: int) -> None:
    path = tmp_path / "input.wav"
    noise = sixteen_bit(rate + 7)
    soundfile.write(path, noise, rate, subtype="PCM_16")
    said = sixteen_bit(rate // 2, seed=1)
    adapter = Scripted({0: Output(audio=said)}, rate, rate)
    ran = run_session(
        tmp_path / "r", sample_of(UserTurn(path), tail_s=0.5), adapter, Settings(tick_ns=tick_ms * MS)
    )
    assert np.array_equal(ran.user[: len(noise)], noise)
    assert not ran.user[len(noise) :].any()
    handed = adapter.heard()
    assert np.array_equal(handed[: len(noise)], noise)
    start = first_sample_at(tick_ms * MS, rate)
    assert not ran.model[:start].any()
    assert np.array_equal(ran.model[start : start + len(said)], said)
    assert not ran.model[start + len(said) :].any()


@pytest.mark.parametrize("rate", RATES)
def test_a_turn_that_follows_at_once_starts_on_the_next_sample(tmp_path: Path, rate: int) -> None:
    """For every length: the places of turns are nanoseconds, which must not cost a sample."""
    pieces = [sixteen_bit(n, seed=n) for n in range(rate // 50, rate // 50 + 24)]
    turns = [UserTurn(Waveform(piece, rate)) for piece in pieces]
    ran = run_session(tmp_path / "r", sample_of(*turns), Scripted(audio_in=rate, audio_out=rate), Settings())
    whole = np.concatenate(pieces)
    assert np.array_equal(ran.user[: len(whole)], whole)


@pytest.mark.parametrize("tick_ms", [20, 200])
@pytest.mark.parametrize(
    ("audio_out", "rate"), [(a, b) for a in RATES for b in RATES if b > a] + [(16000, 16000)]
)
def test_a_resampled_model_track_is_one_continuous_sine(
    tmp_path: Path, audio_out: int, rate: int, tick_ms: int
) -> None:
    """Fits the sine that was said; what is left over is noise and clicks."""
    hz, length = 440.0, 2.0
    said = tone(length, audio_out, hz)
    tick = audio_out * tick_ms // 1000
    pieces = np.split(said, range(tick, len(said), tick))
    adapter = Scripted({k: Output(audio=piece) for k, piece in enumerate(pieces)}, audio_out=audio_out)
    ran = run_session(
        tmp_path / "r", sample_of(UserTurn(silence(2.5, rate))), adapter, Settings(tick_ns=tick_ms * MS)
    )
    first, last = (round((tick_ms / 1000 + s) * rate) for s in (0.1, length - 0.1))
    t = np.arange(first, last) / rate
    basis = np.stack([np.cos(2 * np.pi * hz * t), np.sin(2 * np.pi * hz * t)], axis=1)
    inside = ran.model[first:last].astype(float)
    fit, *_ = np.linalg.lstsq(basis, inside, rcond=None)
    rest = inside - basis @ fit
    # 16-bit rounding of a sine at 0.5 leaves 92 dB; the resampler must not add to it.
    assert 10 * np.log10(np.mean(inside**2) / np.mean(rest**2)) > 85
    assert np.abs(rest).max() < 2 / 32768
    phase = np.arctan2(-fit[1], fit[0]) + 2 * np.pi * hz * tick_ms / 1000
    assert abs((phase + np.pi) % (2 * np.pi) - np.pi) < 2 * np.pi * hz / rate / 10


def test_the_session_s_length_does_not_depend_on_the_tick(tmp_path: Path) -> None:
    lengths = {
        run_session(
            tmp_path / str(tick),
            sample_of(UserTurn(silence(1.2345)), tail_s=0.777),
            Scripted(),
            Settings(tick_ns=tick * MS),
        ).recording.manifest.samples
        for tick in (20, 47, 200, 1000)
    }
    assert lengths == {first_sample_at(19752 * 10**9 // 16000 + 777 * MS, 16000)}


def test_audio_beyond_full_scale_is_clipped_not_wrapped_and_counted(tmp_path: Path) -> None:
    """One of 16 bits divided by 32767 is no fault."""
    adapter = Scripted({0: Output(audio=np.array([2.0, -4.0, 1.0, -32768 / 32767])), 2: Output(tone(0.1))})
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), adapter, Settings())
    assert (ran.model[3200:3204] * 32768).tolist() == [32767, -32768, 32767, -32768]
    assert [event.clipped for event in ran.of(ev.ModelAudio)] == [2, 0]
    assert ran.recording.facts.clipped == 2 / 1604
    assert "0.12 % of the model's samples were over full scale and clipped" in describe(ran.recording)


def test_a_recording_without_clipping_says_nothing_of_it(tmp_path: Path) -> None:
    adapter = Scripted({0: Output(tone(0.1)), 1: Output(audio=sixteen_bit(100))})
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), adapter, Settings())
    assert ran.recording.facts.clipped == 0
    assert not any("clipped" in line for line in describe(ran.recording))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("peak", [4.1, 127.0, 32767.0, -32768.0])
def test_audio_of_another_scale_is_a_fault_with_its_remedy(
    tmp_path: Path, peak: float, dtype: type[np.floating[Any]]
) -> None:
    """It was clipped, and scored 0."""
    adapter = Scripted({1: Output(audio=np.array([0.0, peak, 0.5], dtype))})
    with pytest.raises(AdapterFaultError, match=r"micro-turn 1: audio peaks at .* divide .* by 32768"):
        run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), adapter, Settings())


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.bool_, np.complex64])
def test_integers_of_other_sizes_are_a_fault(tmp_path: Path, dtype: type[np.generic]) -> None:
    adapter = Scripted({0: Output(audio=np.ones(10, dtype))})
    with pytest.raises(AdapterFaultError, match="it must be a float type or int16"):
        run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), adapter, Settings())


def test_int16_audio_is_taken_as_it_is(tmp_path: Path) -> None:
    said = np.array([1, -32768, 32767, 5], np.int16)
    ran = run_session(
        tmp_path / "r", sample_of(UserTurn(silence(1.0))), Scripted({0: Output(audio=said)}), Settings()
    )
    assert (ran.model[3200:3204] * 32768).tolist() == said.tolist()


def test_an_adapter_may_reuse_its_buffer(tmp_path: Path) -> None:
    buffer = np.zeros(3200, np.float32)

    class Reusing(Scripted):
        def step(self, turn):  # type: ignore[no-untyped-def]
            buffer[:] = (turn.index + 1) / 64
            return Output(audio=buffer)

    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), Reusing(), Settings())
    expected = np.repeat(np.arange(10) / 64, 3200)
    assert np.array_equal(ran.model, expected[: len(ran.model)])


def test_the_user_s_audio_cannot_be_changed_by_the_adapter(tmp_path: Path) -> None:
    class Scribbler(Scripted):
        def step(self, turn):  # type: ignore[no-untyped-def]
            with pytest.raises(ValueError, match="read-only"):
                turn.audio[:] = 1

    run_session(tmp_path / "r", sample_of(UserTurn(silence(0.5))), Scribbler(), Settings())


def test_an_empty_script_is_its_tail(tmp_path: Path) -> None:
    ran = run_session(tmp_path / "r", sample_of(tail_s=1.0), Scripted(audio_out=24000), Settings())
    assert ran.recording.manifest.samples == 24000
    assert seconds(ran.of(ev.SessionClosed)[0].t_ns) == 1.0
