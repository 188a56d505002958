"""Numbers from speech: golden sentences, times, and what must not be taken for a number."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tml_bench.perception.number_tokens import BREATH_S
from tml_bench.perception.numbers import SpokenNumber, numbers_in, spoken_numbers
from tml_bench.timeline import Word

GOLDEN = {
    "twenty one": [21],
    "twenty-one": [21],
    "21": [21],
    "twenty-first": [21],
    "21st": [21],
    "the twenty-first of March": [21],
    "one two three": [1, 2, 3],
    "one, two, three": [1, 2, 3],
    "One. Two. Three.": [1, 2, 3],
    "1-2-3": [1, 2, 3],
    "1...2...3": [1, 2, 3],
    "1,2,3": [1, 2, 3],
    "nineteen twenty twenty one twenty two": [19, 20, 21, 22],
    "twenty twenty one": [20, 21],
    "Twenty. One.": [20, 1],
    "ninety nine one hundred one hundred one one hundred two": [99, 100, 101, 102],
    "hundred": [100],
    "a hundred and five": [105],
    "one hundred five": [105],
    "one hundred twenty third": [123],
    "one hundredth": [100],
    "one oh five": [105],
    "oh": [],
    "two thousand twenty six": [2026],
    "two thousand three hundred and four": [2304],
    "1,000": [1000],
    "zero": [0],
    "$5": [5],
    "50%": [50],
    "I counted twenty-three jumps": [23],
    "That was number 7!": [7],
    "first second third": [1, 2, 3],
    "one second please": [1],
    "wait a second": [],
    "ten seconds": [10],
    "3.5": [],
    "at 12:30": [],
    "minus -3": [],
    "h264 and mp4": [],
    "1234567": [],
    "٣": [3],
    "drei trois": [],
    "no one came": [],
    "one of them": [],
    "this one, then another one": [],
    "one by one": [],
    "one more rep": [],
    "five more": [5],
    "three to go": [3],
    "ten more seconds": [10],
    "the sixth one": [6],
    "the second one": [2],
    "the twenty first one": [21],
    "the 6th one": [6],
    "that one, this one, the last one, the next one": [],
    "the red one": [],
    "one of ten": [1, 10],
    "one at a time": [],
    "the number one": [1],
    "a dozen": [12],
    "half a dozen": [6],
    "two dozen eggs": [24],
    "1'000": [1000],
    "1 000": [1000],
    "100 101": [100, 101],
    "१२ and １３": [12, 13],
    "twenty–one": [21],
    "": [],
    "eight ate for four to two": [8, 4, 2],
    "I like to go for a run": [],
    "it went from two to three": [2, 3],
    "three for five": [3, 4, 5],
    "two three for": [2, 3, 4],
    "two three for you": [2, 3],
    "won two three": [1, 2, 3],
    "we won two three times": [2, 3],
    "six seven ate nine": [6, 7, 8, 9],
    "one to three": [1, 2, 3],
    "5 times 5": [5, 5],
}


@pytest.mark.parametrize("text", GOLDEN)
def test_golden(text: str) -> None:
    assert list(numbers_in(text)) == GOLDEN[text]


def timed(*words: tuple[str, float, float]) -> list[Word]:
    return [Word(*w) for w in words]


def test_times_are_those_of_the_first_and_the_last_word() -> None:
    words = timed(("Now", 0.0, 0.3), ("twenty", 1.0, 1.3), ("one,", 1.35, 1.6), ("two", 2.0, 2.2))
    assert spoken_numbers(words) == (SpokenNumber(21, 1.0, 1.6), SpokenNumber(2, 2.0, 2.2))


def test_counting_aloud_keeps_each_words_time() -> None:
    words = timed(("one", 0.0, 0.2), ("two", 0.3, 0.5), ("three", 0.6, 0.8))
    assert [(n.value, n.start_s) for n in spoken_numbers(words)] == [(1, 0.0), (2, 0.3), (3, 0.6)]


def test_a_pause_separates_numbers() -> None:
    gap = BREATH_S + 0.01
    assert [n.value for n in spoken_numbers(timed(("twenty", 0, 0.5), ("one", 0.5 + gap, 2)))] == [20, 1]
    assert [n.value for n in spoken_numbers(timed(("twenty", 0, 0.5), ("one", 0.5, 2)))] == [21]


def test_a_homophone_after_a_pause_ends_a_run() -> None:
    said = timed(("two", 0, 0.2), ("three", 0.3, 0.5), ("for", 0.6, 0.8), ("you", 1.5, 1.7))
    assert [n.value for n in spoken_numbers(said)] == [2, 3, 4]


def test_one_word_with_several_numbers_shares_its_time() -> None:
    (first, second) = spoken_numbers(timed(("1, 2.", 10.0, 15.0)))
    assert (first.start_s, first.end_s) == (10.0, 11.0)
    assert (second.start_s, second.end_s) == (13.0, 14.0)


def test_ordinals_are_marked() -> None:
    said = spoken_numbers(timed(("third", 0, 1), ("3rd", 1, 2), ("3", 2, 3)))
    assert [(n.value, n.ordinal) for n in said] == [(3, True), (3, True), (3, False)]


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
NAMES = (ONES + " seventeen eighteen nineteen").split()
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def spelt(n: int) -> str:
    if n < 20:
        return NAMES[n]
    if n < 100:
        return TENS[n // 10 - 2] + ("" if n % 10 == 0 else " " + NAMES[n % 10])
    if n < 1000:
        return NAMES[n // 100] + " hundred" + ("" if n % 100 == 0 else " " + spelt(n % 100))
    return spelt(n // 1000) + " thousand" + ("" if n % 1000 == 0 else " " + spelt(n % 1000))


@given(st.integers(0, 9999))
def test_every_number_in_words_and_digits(n: int) -> None:
    assert numbers_in(spelt(n)) == (n,)
    assert numbers_in(str(n)) == (n,)
    assert numbers_in(f"{n:,}") == (n,)


@given(st.lists(st.integers(0, 9999), max_size=8))
def test_numbers_apart_by_commas_stay_apart(numbers: list[int]) -> None:
    assert numbers_in(", ".join(spelt(n) for n in numbers)) == tuple(numbers)


def test_counting_to_150_without_a_break() -> None:
    assert numbers_in(" ".join(spelt(n) for n in range(1, 151))) == tuple(range(1, 151))


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_text_is_read_in_order_without_error(texts: list[str]) -> None:
    words = [Word(text, float(k), k + 0.5) for k, text in enumerate(texts)]
    found = spoken_numbers(words)
    onsets = [n.start_s for n in found if n.start_s is not None]
    assert onsets == sorted(onsets)
    assert all(n.value >= 0 for n in found)
