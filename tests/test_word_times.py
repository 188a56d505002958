"""Word times of rendered clips. The truth is made by laying clips at known times."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest

from tml_bench.perception.align import align
from tml_bench.synthesis import engines, voices, word_times as word_times_module
from tml_bench.synthesis.word_times import cmu, word_times

needs_speech = pytest.mark.skipif(
    bool(engines.missing("hibari")) or find_spec("pocketsphinx") is None,
    reason="needs the extras voices and speech",
)


@needs_speech
def test_words_between_pauses_are_where_they_were_laid() -> None:
    laid = {"Lighthouse.": 0.3, "Mercado!": 1.9, "1969.": 3.4, "Bahnhof,": 5.3, "neighbour": 6.9}
    audio = np.zeros(8 * voices.RATE, np.float32)
    ends = []
    for text, at_s in laid.items():
        clip = voices.render(text, "us-f-1").samples
        start = round((at_s - voices.PAD_S) * voices.RATE)
        audio[start : start + len(clip)] += clip
        ends.append(start / voices.RATE + len(clip) / voices.RATE - voices.PAD_S)
    found = word_times(audio, " ".join(laid))
    assert [word for word, _, _ in found] == list(laid)
    assert [start for _, start, _ in found] == pytest.approx(list(laid.values()), abs=0.03)
    assert [end for _, _, end in found] == pytest.approx(ends, abs=0.03)


@needs_speech
def test_words_run_on_in_a_sentence_and_dashes_are_none() -> None:
    text = "Please wait ten seconds – and then say, lights out."
    clip = voices.render(text, "us-f-1").samples
    found = word_times(clip, text)
    assert [word for word, _, _ in found] == [word for word in text.split() if word != "–"]
    assert found[0][1] == pytest.approx(voices.PAD_S, abs=0.003)
    assert found[-1][2] == pytest.approx(len(clip) / voices.RATE - voices.PAD_S, abs=0.003)
    assert all(a < b for _, a, b in found)
    assert all(before[2] <= after[1] for before, after in pairwise(found))


@needs_speech
def test_a_short_last_word_that_the_aligner_leaves_out_is_found() -> None:
    text = "Help me quiz my nephew. If I mention an animal, tell us whether it can fly, just yes or no."
    clip = voices.render(text, "us-f-1").samples
    tokens = text.split()
    lead = np.random.default_rng(0).normal(0.0, 1e-3, len(clip) + 16000).astype(np.float32)
    in_room = np.pad(clip, 8000) + lead
    assert not align(in_room, tokens, [cmu(said) for said in engines.phonemes(text, False)])
    found = word_times(clip, text)
    assert [word for word, _, _ in found] == tokens
    word, start, end = found[-1]
    assert word == "no."
    assert 0.1 < end - start < 0.5


@needs_speech
def test_only_the_first_words_are_given_when_no_more_are_wanted() -> None:
    clip = np.pad(voices.render("One, two, three.", "us-f-1").samples, 8000)
    clip += np.random.default_rng(0).normal(0.0, 1e-3, len(clip)).astype(np.float32)
    tokens = ["one", "two", "three"]
    assert align(clip, tokens, least=2) == align(clip, tokens)[:2]
    assert len(align(clip, tokens, least=2)) == 2


SHORT = (1.0, 1.1)
"""A silence of 100 ms, which the aligner gives to the word before."""


@pytest.mark.parametrize(
    ("last", "first", "silences", "expected"),
    [
        pytest.param("M", "AH", [SHORT], (1.0, 1.1), id="a pause"),
        pytest.param("M", "K", [SHORT], (1.0, 1.1), id="the closure of the word after, as aligned"),
        pytest.param("K", "AH", [SHORT], (1.1, 1.1), id="the closure of the word before"),
        pytest.param("K", "AH", [(0.9, 0.95), SHORT], (1.0, 1.1), id="a pause after the burst of a stop"),
        pytest.param("K", "AH", [(0.7, 0.75), SHORT], (1.1, 1.1), id="a silence too early to be its closure"),
        pytest.param("M", "AH", [(1.03, 1.09)], (1.1, 1.1), id="too short to tell"),
        pytest.param("M", "AH", [(0.7, 0.8)], (1.1, 1.1), id="inside the word before"),
        pytest.param("M", "AH", [], (1.1, 1.1), id="none"),
    ],
)
def test_short_silences_at_a_boundary(
    last: str, first: str, silences: list[tuple[float, float]], expected: tuple[float, float]
) -> None:
    bounds = [[0.5, 1.1], [1.1, 1.6]]
    phones = [["AH", last], [first, "N"]]
    word_times_module._snap_short(bounds, silences, phones)
    assert bounds == [[0.5, expected[0]], [expected[1], 1.6]]


@needs_speech
def test_a_clip_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no sound"):
        word_times(np.zeros(16000, np.float32), "Hello.")


@pytest.mark.parametrize(
    ("said", "phones"),
    [("həlˈO.", "HH AH L OW"), ("bˈɜɹdz!", "B ER D Z"), ("nˌɪə", "N IH AH"), ("…", ""), ("kˈɑː", "K AA")],
)
def test_phonemes_become_phones(said: str, phones: str) -> None:
    assert cmu(said) == phones
