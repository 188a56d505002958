"""The reference's rules: every number here was worked out by hand from its description."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.spatial.distance import jensenshannon

from tml_bench.metrics.fdb_reference import (
    UndefinedInReferenceError,
    backchannel_frequency,
    backchannel_jsd,
    clipped_latency,
    pause_tor,
    turn_tor,
    vad_backchannels,
)


@pytest.mark.parametrize(
    ("words", "tor"),
    [
        ([], 0),
        ([(2.0, 2.5)], 0),
        ([(0.0, 0.3), (0.4, 0.6), (0.7, 0.999)], 0),  # three words in 0.999 s
        ([(0.0, 0.3), (0.4, 0.6), (0.7, 1.0)], 1),  # the span reaches 1.0 s
        ([(3.0, 4.0)], 1),  # one word of exactly 1 s
        ([(0.0, 0.05), (0.05, 0.1), (0.1, 0.15), (0.15, 0.2)], 1),  # four words in 0.2 s
        ([(1.0, 1.4), (4.0, 4.4), (8.0, 8.4)], 1),  # three "yeah" far apart
        ([(0.0, None), (0.5, 0.9)], 0),  # only the last end matters
    ],
)
def test_transcript_takeover(words: list[tuple[float, float | None]], tor: int) -> None:
    assert pause_tor(words) == tor
    assert turn_tor(words) == tor


def test_null_end_of_the_last_word() -> None:
    assert pause_tor([(0.0, 0.2), (0.999, None)]) == 0
    assert pause_tor([(0.0, 0.2), (1.0, None)]) == 1
    with pytest.raises(UndefinedInReferenceError, match="last word has no end"):
        turn_tor([(0.0, 0.2), (1.0, None)])


@pytest.mark.parametrize("rule", [pause_tor, turn_tor])
def test_null_start_of_the_first_word(rule: object) -> None:
    with pytest.raises(UndefinedInReferenceError, match="first word has no start"):
        rule([(None, 0.2), (1.0, 2.0)])  # type: ignore[operator]


def test_latency_is_clipped() -> None:
    assert clipped_latency([(3.5, 4.0), (4.0, 6.0)], 2.0) == 1.5
    assert clipped_latency([(1.0, 4.0)], 2.0) == 0.0
    with pytest.raises(UndefinedInReferenceError):
        clipped_latency([], 2.0)


@pytest.mark.parametrize(
    ("segments", "words", "tor", "predictions"),
    [
        ([], [], 0, 0),
        ([(1.0, 1.5)], [(1.1, 1.4)], 0, 1),
        ([(1.0, 2.0)], [], 1, 1),  # d < 1 is strict
        ([(0.4, 1.4)], [], 0, 1),  # 0.9999999999999999 in float64
        ([(1.0, 1.5)], [(1.0, 1.1), (1.1, 1.2), (1.2, 1.3)], 1, 1),  # three words
        ([(1.0, 3.4), (5.0, 5.5)], [], 0, 2),  # a takeover, then a "yeah": the last one decides
        ([(1.0, 1.5), (5.0, 7.0)], [], 1, 2),
        ([(1.0, 4.0), (5.0, 5.5)], [], 0, 2),  # exactly 3 s is not longer than 3 s
        ([(1.4, 4.4), (5.0, 5.5)], [], 1, 0),  # 3.0000000000000004 is: scan ends
        ([(1.0, 1.5), (2.0, 6.0), (7.0, 7.5)], [], 1, 1),
    ],
)
def test_vad_rule(
    segments: list[tuple[float, float]], words: list[tuple[float, float]], tor: int, predictions: int
) -> None:
    found = vad_backchannels(segments, words)
    assert (found.tor, len(found.predictions)) == (tor, predictions)
    assert found.predictions == tuple(segments[:predictions])
    assert vad_backchannels(segments, None) == (None, found.predictions)


@pytest.mark.parametrize(
    ("word", "counts"),
    [
        ((1.1, 1.4), True),
        ((0.9, 1.1), True),  # reaches in
        ((1.4, 1.6), True),  # reaches out
        ((0.5, 2.0), True),  # covers
        ((1.5, 1.7), True),  # begins at the end
        ((0.8, 1.0), False),  # ends at the start
        ((1.6, 1.7), False),
        ((None, 1.2), False),
        ((1.2, None), False),  # null end within: skipped
        ((1.5, None), True),  # null end at the segment's end: taken as a point
        ((1.6, None), False),
    ],
)
def test_words_of_a_segment(word: tuple[float | None, float | None], counts: bool) -> None:
    two = [(1.1, 1.2), (1.2, 1.3)]
    assert vad_backchannels([(1.0, 1.5)], [*two, word]).tor == counts


def test_frequency_counts_every_prediction() -> None:
    assert backchannel_frequency([(0, 0.5), (2.0, 4.5)], 20.0) == 0.1
    assert backchannel_frequency([], 20.0) == 0
    with pytest.raises(UndefinedInReferenceError):
        backchannel_frequency([], 0.0)


def test_jsd_without_prediction_is_one() -> None:
    assert backchannel_jsd([], 10.0, [0.5, 0.5]) == 1.0


def test_jsd_by_hand() -> None:
    # T = 0.4 s: int(0.4/0.2)+1 = 3 bins; a prediction in bin 0 only, (0, 0.1).
    # p = (1,0,0), q = (1/2,1/2,0), m = (3/4,1/4,0):
    # (ln(4/3) + (ln(2/3) + ln 2)/2) / 2, and its root.
    expected = math.sqrt((math.log(4 / 3) + (math.log(2 / 3) + math.log(2)) / 2) / 2)
    assert backchannel_jsd([(0.0, 0.1)], 0.4, [0.5, 0.5, 0.0]) == pytest.approx(expected, abs=1e-6)


def test_jsd_bins_divide_in_float64() -> None:
    # int(0.6/0.2) is 2, int(0.8/0.2) is 4: the segment fills bins 2, 3 and 4 of int(1.0/0.2)+1 = 6.
    assert backchannel_jsd([(0.6, 0.8)], 1.0, [0, 0, 1, 1, 1, 0]) == pytest.approx(0.0, abs=1e-4)


def test_jsd_of_disjoint_is_root_ln_2() -> None:
    found = backchannel_jsd([(0.0, 0.1)], 1.0, [0, 0, 0, 0, 0, 1.0])
    assert found == pytest.approx(math.sqrt(math.log(2)), abs=1e-4)


def test_jsd_needs_something_on_the_grid() -> None:
    with pytest.raises(UndefinedInReferenceError, match="vanishes"):
        backchannel_jsd([(0.0, 0.1)], 0.2, [0.0, 1.0, 0.0])


SEGMENTS = st.lists(
    st.tuples(st.integers(0, 190), st.integers(1, 30)).map(lambda t: (t[0] / 10, (t[0] + t[1]) / 10)),
    min_size=1,
    max_size=6,
)


@given(SEGMENTS, st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=120), st.floats(1.0, 20.0))
def test_jsd_agrees_with_scipy(
    segments: list[tuple[float, float]], distribution: list[float], duration: float
) -> None:
    h = np.zeros(int(duration / 0.2) + 1)
    for start, end in segments:
        for i in range(int(start / 0.2), int(end / 0.2) + 1):
            if i < len(h):
                h[i] += 1
    h = (h + 1e-10) / (h + 1e-10).sum()
    g = np.interp(np.linspace(0, 1, len(h)), np.linspace(0, 1, len(distribution)), distribution)
    expected = jensenshannon(h, g)
    found = backchannel_jsd(segments, duration, distribution)
    # Near 0 the root of rounding noise is about 1e-8.
    assert found == pytest.approx(float(np.nan_to_num(expected)), abs=1e-6)
