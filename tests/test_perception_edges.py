"""Edges of what is perceived: words said otherwise than given, and numbers with an "oh" that is none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tml_bench.adapters.reference.voice import clip
from tml_bench.media.audio import read_mono
from tml_bench.metrics.backchannel import windows_of
from tml_bench.perception import align as aligner
from tml_bench.perception.align import RATE, align
from tml_bench.perception.numbers import numbers_in
from tml_bench.tasks import timespeak
from tml_bench.tasks._timed.rendered import read_rendered

TIMESPEAK_SET = Path(timespeak.__file__).parent
with_asr = pytest.mark.skipif(importlib.util.find_spec("pocketsphinx") is None, reason="needs pocketsphinx")


@with_asr
def test_the_dictionary_s_ways_stay_possible_where_another_is_given() -> None:
    """Every word but two is given as a mere M; a word no dictionary has is given as it is said."""
    voice = clip("answer", 16000)
    tokens = [word.text for word in voice.words]
    phones = ["", *["M"] * 11, ""]
    tokens[3], phones[3] = "hxlp", "HH EH L P"
    words = align(voice.audio, tokens, phones)
    assert [word.text for word in words] == tokens
    for word, true in zip(words, voice.words, strict=True):
        assert word.start_s == pytest.approx(true.start_s, abs=0.05)


@with_asr
def test_what_was_aligned_before_decides_nothing() -> None:
    """The decoder is kept: it must know neither the noise nor the new words of other audio."""
    item = read_rendered(TIMESPEAK_SET)["ts-after-003"]
    (turn, *_), (audio, _) = item.turns, read_mono(TIMESPEAK_SET / item.audio, RATE)
    said = audio[round(turn.start_s * RATE) : round((turn.end_s + 0.25) * RATE)]
    tokens = [word.text for word in turn.words]
    tokens[1], phones = "hxlp", ["", "HH EH L P", *[""] * (len(tokens) - 2)]

    def both() -> tuple[object, object]:
        return align(said, [word.text for word in turn.words]), align(said, tokens, phones)

    aligner._decoder.cache_clear()
    first = both()
    aligner._decoder.cache_clear()
    noise = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32) * 0.3
    align(noise, ["hxlp", "there"])
    assert both() == first
    assert all(first)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("five oh three", (503,)),
        ("five oh one", (501,)),
        ("five o nine", (509,)),
        ("five oh dear", (5,)),
        ("five oh, three", (5, 3)),
        ("five, oh three", (5, 3)),
        ("well five oh, three", (5, 3)),
        ("five oh zero", (5, 0)),
        ("five oh ten", (5, 10)),
    ],
)
def test_an_oh_is_a_nought_between_two_digits_only(text: str, numbers: tuple[int, ...]) -> None:
    assert numbers_in(text) == numbers


def test_a_window_near_the_one_before_is_one_with_it_and_not_with_the_first() -> None:
    """Ten parts of 0.5 s; peaks in the first, and in two that lie half a second apart."""
    shares = [3.0, 0, 0, 0, 0, 0, 3.0, 0, 3.0, 0]
    assert windows_of(shares, 5.0) == ((0.0, 0.5), (3.0, 4.5))
    assert windows_of([3.0, 0, 3.0, 0, 0, 0, 3.0, 0, 0, 0], 10.0) == ((0.0, 1.0), (2.0, 3.0), (6.0, 7.0))
