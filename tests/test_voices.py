"""Voices: exact edges, level, pace, errors. Needs the extra ``voices`` for what it renders."""

from __future__ import annotations

import numpy as np
import pytest

from tml_bench.errors import UserError
from tml_bench.synthesis import engines, speech, voices

needs_hibari = pytest.mark.skipif(bool(engines.missing("hibari")), reason="needs the extra voices")
needs_kokoro = pytest.mark.skipif(bool(engines.missing("kokoro")), reason="needs the extra voices")


def edges_s(clip: speech.Samples) -> tuple[float, float]:
    start, end = speech.edges(clip, voices.RATE)
    return start / voices.RATE, (len(clip) - end) / voices.RATE


@needs_hibari
def test_a_clip_begins_and_ends_one_pad_from_its_speech_at_the_level() -> None:
    clip = voices.render("In ten seconds, say hello.", "us-f-1")
    assert clip.rate == 16_000
    assert len(clip.samples) % 16 == 0
    before, after = edges_s(clip.samples)
    assert before == pytest.approx(0.05, abs=0.003)
    assert after == pytest.approx(0.05, abs=0.003)
    active = clip.samples[speech.loud(clip.samples, clip.rate)]
    assert 10 * np.log10(np.mean(active.astype(float) ** 2)) == pytest.approx(-23.0, abs=0.05)
    assert abs(clip.samples[0]) < 1e-3


@needs_hibari
def test_the_same_text_gives_the_same_clip_and_pace_its_length() -> None:
    text = "Tell me a story about a fox."
    usual, again = voices.render(text, "us-f-1"), voices.render(text, "us-f-1")
    assert np.array_equal(usual.samples, again.samples)
    slow, fast = (len(voices.render(text, "us-f-1", pace).samples) for pace in (0.8, 1.25))
    assert slow / len(usual.samples) == pytest.approx(1 / 0.8, rel=0.16)
    assert fast / len(usual.samples) == pytest.approx(1 / 1.25, rel=0.16)


@needs_hibari
def test_pauses_between_sentences_are_cut() -> None:
    clip = voices.render("Stop now. Start again. Then wait.", "us-f-1").samples
    longest = max(end - start for start, end in speech.silences(clip, voices.RATE))
    assert 0.1 < longest / voices.RATE <= voices.PAUSE_S + 0.002


@needs_kokoro
def test_a_british_voice_says_words_in_its_own_accent() -> None:
    front = engines._phonemes_and_heart(True)
    assert front.phonemize("Car.") == ["kˈɑː."]
    clip = voices.render("Go.", "gb-f-1").samples
    assert edges_s(clip)[0] == pytest.approx(voices.PAD_S, abs=0.003)


@needs_kokoro
def test_every_kokoro_voice_has_a_style_for_every_length() -> None:
    for voice in voices.VOICES.values():
        if voice.engine == "kokoro":
            table = engines._styles(voice.speaker)
            assert table.shape == (510, 256)
            assert np.isfinite(table).all()


@pytest.mark.parametrize(
    ("text", "voice", "pace", "complaint"),
    [
        ("Hello.", "us-f-9", 1.0, "there is no voice 'us-f-9'. choose from us-f-1, "),
        ("Hello.", "us-f-1", 3.0, "pace 3 is outside 0.5 to 2"),
        ("...", "us-f-1", 1.0, "there is nothing to say in '...'"),
    ],
)
def test_what_cannot_be_said_is_named(text: str, voice: str, pace: float, complaint: str) -> None:
    with pytest.raises(UserError) as refused:
        voices.render(text, voice, pace)
    assert complaint in str(refused.value)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines._PACKAGES, "hibari", ("no_such_package",))
    with pytest.raises(UserError, match=r"hibari needs no_such_package.*tml-bench\[voices\]"):
        voices.render("Hello.", "us-f-1")


def test_speech_that_begins_and_ends_with_its_clip_gets_its_pads() -> None:
    tone = np.sin(np.arange(8000, dtype=np.float32))
    clip = voices._padded(tone, voices.PAUSE_S)
    pad = round(voices.PAD_S * voices.RATE)
    assert len(clip) == pytest.approx(len(tone) + 2 * pad, abs=0.011 * voices.RATE)
    assert edges_s(clip) == pytest.approx((voices.PAD_S, voices.PAD_S), abs=0.003)
