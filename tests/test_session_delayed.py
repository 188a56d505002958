"""The ruler: ``delayed(ms)`` must be measured at ``ms``, by the events, by the track and by the detector."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Audio, Ran, Wrapped, run_session, sample_of, tone

from tml_bench import events as ev
from tml_bench.adapter import MicroTurn, StepAdapter
from tml_bench.adapters.reference import Delayed, Early, Oracle
from tml_bench.perception import vad
from tml_bench.samples import Reference, UserTurn, Utterance, Waveform
from tml_bench.session.settings import Settings
from tml_bench.timebase import first_sample_at

DELAYS = (0, 200, 400, 700, 1300)
TICKS = (20, 80, 200, 1000)
RATES = (8000, 16000, 24000, 44100, 48000)
MATRIX = list(itertools.product(DELAYS, TICKS, RATES))
THINNED = [(delay, TICKS[(i + k) % 4], RATES[k]) for i, delay in enumerate(DELAYS) for k in range(5)]
"""Every delay with every rate, every tick with every delay and every rate."""

USER_END_S = 2.3345
SNR_DB = 25.0


def ran_with(folder: Path, adapter: StepAdapter, tick_ms: int) -> Ran:
    """A tone as the user's turn; the model is not there to understand it."""
    user = Waveform(tone(USER_END_S, 8000, 300), 8000)
    sample = sample_of(UserTurn(user), tail_s=4.0, reference=Reference(user_end_s=USER_END_S))
    return run_session(folder, sample, adapter, Settings(tick_ns=tick_ms * MS))


def detected_s(ran: Ran) -> float:
    """Latency by the speech detector."""
    segments = vad.speech_segments(vad.listen(ran.recording.model_path))
    return segments[0].start_s - USER_END_S


class Noise:
    """Adds white noise to all of a model's audio, 25 dB below the power of the answer's speech."""

    def __init__(self, adapter: Delayed, tick_ms: int, seed: int) -> None:
        from tml_bench.adapters.reference.voice import clip

        speech = clip("answer", adapter.audio_out).audio
        self._level = float(np.sqrt(np.mean(speech**2)) * 10 ** (-SNR_DB / 20))
        self._rng = np.random.default_rng(seed)
        self._rate, self._tick_ns = adapter.audio_out, tick_ms * MS

    def __call__(self, audio: Audio | None, turn: MicroTurn) -> Audio:
        first = first_sample_at(turn.end_ns, self._rate)
        n = first_sample_at(turn.end_ns + self._tick_ns, self._rate) - first
        noise = self._rng.normal(0, self._level, n).astype(np.float32)
        if audio is not None:
            noise[: len(audio)] += audio
        return noise


@pytest.mark.parametrize(("delay", "tick_ms", "rate"), MATRIX)
def test_latency_is_exact_in_the_events_and_in_the_track(
    tmp_path: Path, delay: int, tick_ms: int, rate: int
) -> None:
    ran = ran_with(tmp_path / "r", Delayed(delay, audio_out=rate), tick_ms)
    expected = USER_END_S + delay / 1000
    onsets = [e.onset_ns for e in ran.of(ev.ModelAudio) if e.onset_ns is not None]
    assert abs(onsets[0] / 1e9 - expected) <= 0.001
    assert abs(np.flatnonzero(ran.model)[0] / rate - expected) <= 0.001
    words = ran.recording.facts.timed
    assert words is not None
    assert abs(words[0].start_s - expected) <= 0.001


@pytest.mark.parametrize(("delay", "tick_ms", "rate"), THINNED)
def test_latency_by_the_detector_on_clean_speech(tmp_path: Path, delay: int, tick_ms: int, rate: int) -> None:
    ran = ran_with(tmp_path / "r", Delayed(delay, audio_out=rate), tick_ms)
    assert abs(detected_s(ran) - delay / 1000) <= 0.015


@pytest.mark.parametrize(("delay", "tick_ms", "rate"), THINNED)
def test_latency_by_the_detector_in_noise(tmp_path: Path, delay: int, tick_ms: int, rate: int) -> None:
    inner = Delayed(delay, audio_out=rate)
    noisy = Wrapped(inner, Noise(inner, tick_ms, seed=delay + tick_ms + rate))
    assert abs(detected_s(ran_with(tmp_path / "r", noisy, tick_ms)) - delay / 1000) <= 0.040


@pytest.mark.parametrize("tick_ms", [20, 80, 200, 500, 1000])
@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("adapter", ["delayed", "early", "oracle"])
def test_what_lies_after_the_first_hand_over_is_said_with_its_words(
    tmp_path: Path, adapter: str, rate: int, tick_ms: int
) -> None:
    """At 1 s the answer was heard from 1 s on, and had no words at all."""
    from tml_bench.adapters.reference.voice import clip

    begins_s, ends_s = 0.3, 2.3
    speaker = {
        "delayed": Delayed(100, audio_out=rate),
        "early": Early(100, audio_out=rate),
        "oracle": Oracle(audio_out=rate),
    }[adapter]
    ends_s = ends_s if adapter == "oracle" else 9.0
    reference = Reference(
        user_end_s={"delayed": 0.2, "early": 0.4}.get(adapter),
        ideal=(Utterance(begins_s, "answer", ends_s),),
    )
    sample = sample_of(UserTurn(Waveform(tone(0.2, rate, 300), rate)), tail_s=5.0, reference=reference)
    ran = run_session(tmp_path / "r", sample, speaker, Settings(tick_ns=tick_ms * MS))
    spoken, first_s = clip("answer", rate), tick_ms / 1000
    due = [(w.text, begins_s + w.start_s, begins_s + w.end_s) for w in spoken.words]
    due = [(text, max(start, first_s), min(end, ends_s)) for text, start, end in due]
    due = [(text, start, end) for text, start, end in due if start < end]
    assert len(due) == len(spoken.words) if tick_ms <= 200 and ends_s == 9.0 else len(due) >= 5
    words = ran.recording.facts.timed
    assert words is not None
    assert [w.text for w in words] == [text for text, _, _ in due]
    at = np.array([(w.start_s, w.end_s) for w in words])
    assert np.abs(at - np.array([(start, end) for _, start, end in due])).max() < 2 / rate
    a, b = max(round(begins_s * rate), round(first_s * rate)), round(min(ends_s, 3.5) * rate)
    placed = np.zeros(len(ran.model), np.float32)
    place = round(begins_s * rate)
    placed[place : place + len(spoken.audio)] = spoken.audio
    placed[:a] = 0
    if ends_s < 9.0:
        placed[b:] = 0
    assert np.abs(ran.model - placed).max() < 1e-4


@pytest.mark.parametrize("rate", [8000, 16000])
def test_latency_survives_a_track_at_the_user_s_higher_rate(tmp_path: Path, rate: int) -> None:
    """The track is resampled; it may ring a moment before the onset, but no louder than -60 dB."""
    user = Waveform(tone(USER_END_S, 48000, 300), 48000)
    sample = sample_of(UserTurn(user), tail_s=4.0, reference=Reference(user_end_s=USER_END_S))
    ran = run_session(tmp_path / "r", sample, Delayed(400, audio_out=rate), Settings())
    first = np.flatnonzero(np.abs(ran.model) > np.abs(ran.model).max() / 1000)[0]
    assert abs(first / 48000 - USER_END_S - 0.4) <= 0.001


def measure() -> None:
    """Print the worst errors over the whole matrix: ``python test_session_delayed.py``."""
    import tempfile

    for name, noisy in (("clean", False), ("noise", True)):
        errors = []
        for delay, tick_ms, rate in MATRIX:
            with tempfile.TemporaryDirectory() as folder:
                adapter: StepAdapter = (inner := Delayed(delay, audio_out=rate))
                if noisy:
                    adapter = Wrapped(inner, Noise(inner, tick_ms, seed=delay + tick_ms + rate))
                ran = ran_with(Path(folder) / "r", adapter, tick_ms)
                errors.append((1000 * (detected_s(ran) - delay / 1000), delay, tick_ms, rate))
        print(name, "worst [ms, delay, tick, rate]:", min(errors), max(errors))


if __name__ == "__main__":
    measure()
