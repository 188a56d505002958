"""Values of arguments: which are the same, which differ, what rules cannot tell, and what a text says."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tml_bench.tasks.fd_bench_v3.spoken_values import (
    SpokenDate,
    dates,
    own_words,
    pieces,
    recited,
    same,
    says,
)

REQUEST = "A flight to Rome, no wait, Milan, on May 3rd, paid from checking, oh no, savings."


@pytest.mark.parametrize(
    ("expected", "actual", "right"),
    [
        ("Milan", "milan", True),
        ("Milan", "Rome", False),  # the request names both
        ("Milan", "Milano", None),
        ("Milan", "Malpensa", None),
        ("savings", "savings account", True),
        ("savings", "checking account", False),
        ("May 3", "May 3rd, 2026", True),
        ("May 3", "2026-05-03", True),
        ("May 3", "5/3", True),
        ("2026-05-03", "the third of May", True),
        ("2026-05-03", "May 3, 2027", False),
        ("May 3", "the fourth of May", False),
        ("May 3", "next Friday", None),
        ("driver_license", "driver's license", True),
        ("driver_license", "drivers licence", True),
        ("driver_license", "driving licence", True),
        ("Lisbon", "Lisbon, Portugal", None),  # more exact, or another
        (1200, 1250, True),
        (1200, 1300, False),
        (1200, "$1,200", True),
        (1200, "twelve hundred", True),
        (1200, "a lot", None),
        ("1200", 1200, True),
        (2, 2.0, True),
        (2, 3, False),
        ("EUR", "euros", True),
        ("EUR", "USD", False),
        ("driving", "by car", True),
        ("cycling", "walking", False),
        ("44179", "4 4 1 7 9", True),
        ("44179", "44178", False),  # an identifier, not an amount
        ("ORD-4821", "4821", True),
        ("ORD-4821", "INV-4821", None),
        ("12 Main Street", "12 Main St.", True),
        ("12 Main Street", "14 Main Street", False),
        ("wireless headphones", "headphones, wireless", True),
        ("New York", "NYC", None),
        ("$RESULT_0.flights[0].price", 450, True),
        ("$RESULT_0.flights[0].price", 0, True),
        ("$RESULT_0.flights[0].flight_id", "", False),
        ("$RESULT_0.flights[0].flight_id", None, False),
        ("Milan", None, False),
        (True, "true", True),
        (True, False, None),
        (["a"], ["a"], True),
        (["a"], ["b"], None),
    ],
)
def test_known_values(expected: object, actual: object, right: bool | None) -> None:
    assert same(expected, actual, REQUEST) is right


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("I booked B seven eight nine for you.", "B789", True),
        ("It is four hundred and fifty dollars.", 450, True),
        ("It is $450.", "450", True),
        ("It is $1,450.", 450, False),
        ("about twelve hundred dollars", 1200.0, True),
        ("ninety-nine dollars and ninety-nine cents", 99.99, True),
        ("2900 dollars, 25 minutes", 2900, True),
        ("on the third of May", "May 3", True),
        ("on May 30", "May 3", False),
        ("your driver's license", "driver_license", True),
        ("220 euros", "EUR", True),
        ("lounge access at airports", "airport lounge access", True),
        ("from savings", "checking", False),
        ("order 4 4 1 7 9", "44179", True),
        ("order 4 4 1 7", "44179", False),
        ("", "44179", False),
        ("anything", "", False),
    ],
)
def test_what_a_text_says(text: str, value: object, said: bool) -> None:
    assert says(text, value) is said


def test_dates_in_all_their_forms() -> None:
    text = "May 3 or 5/4 or 2026-05-05, the 6th of May 2027, 12 june, the twenty-first of March"
    assert dates(text) == (
        SpokenDate(5, 3), SpokenDate(5, 4), SpokenDate(5, 5, 2026), SpokenDate(5, 6, 2027), SpokenDate(6, 12),
        SpokenDate(3, 21),
    )  # fmt: skip
    assert dates("May I have 3 of them, or 17/40?") == ()


def test_an_echo_has_no_words_of_its_own_and_a_confirmation_has() -> None:
    assert own_words(REQUEST, REQUEST) == ""
    assert own_words(f"You said: {REQUEST} It costs 450.", REQUEST).split()[-2:] == ["costs", "450"]
    confirmed = "Sure, a flight to Milan on May 3rd, paid from savings, is booked."
    assert own_words(confirmed, REQUEST) == confirmed
    assert own_words(confirmed, "") == confirmed


def test_a_recital_counts_less_the_less_of_it_belongs() -> None:
    assert recited("Milan", REQUEST) == recited("", REQUEST) == 1
    assert recited("Okay, great, thank you, a flight to Milan it is.", REQUEST) == 1
    assert recited("Milan Paris Oslo Bergen Riga Turku Tartu Genoa Lyon Nice Bonn Graz", REQUEST) < 0.5


TEXTS = st.text(alphabet="abc 129.,/$-'_", max_size=20)


@given(TEXTS, TEXTS)
def test_whatever_the_values_are(a: str, b: str) -> None:
    assert same(a, a, REQUEST) is not False or a.startswith("$")
    if not a.startswith("$") and not b.startswith("$"):
        assert same(a, b, REQUEST) == same(b, a, REQUEST)
    if pieces(a):
        assert says(f"so {a} then", a)
    assert 0 <= recited(a, b) <= 1


@given(st.floats(1, 1e6), st.floats(0.5, 1.5))
def test_numbers_are_the_same_within_five_per_cent(expected: float, share: float) -> None:
    if abs(abs(share - 1) - 0.05) > 1e-6:
        assert same(expected, expected * share) is (abs(share - 1) < 0.05)
