"""Edges of what is perceived: words said otherwise than given, and numbers with an "oh" that is none."""

from __future__ import annotations

import importlib.util

import pytest

from tml_bench.adapters.reference.voice import clip
from tml_bench.metrics.backchannel import windows_of
from tml_bench.perception.align import align
from tml_bench.perception.numbers import numbers_in

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
