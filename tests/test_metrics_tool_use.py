"""The use of functions: known right answers, and what must hold for any calls."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics import tool_use
from tml_bench.metrics.tool_use import Right

NAMES = st.lists(st.sampled_from("abcd"), max_size=6)
VERDICTS = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(0, 5)), st.sampled_from([True, False, None])
)


def right_where(*pairs: tuple[int, int]) -> Right:
    """Right arguments for these pairs of an expected and a made call, wrong ones for all others."""
    return lambda i, j: (i, j) in pairs


@pytest.mark.parametrize(
    ("expected", "made", "found"),
    [
        ("", "", (1, 1, 1)),
        ("a", "", (1, 0, 0)),  # the reference's convention: nothing called, nothing called in vain
        ("", "a", (0, 1, 0)),
        ("a", "a", (1, 1, 1)),
        ("ab", "ba", (1, 1, 1)),  # in another order
        ("ab", "a", (1, 0.5, 2 / 3)),  # one missing
        ("a", "ab", (0.5, 1, 2 / 3)),  # one beside
        ("a", "aa", (0.5, 1, 2 / 3)),  # one twice
        ("aab", "abb", (2 / 3, 2 / 3, 2 / 3)),
        ("a", "b", (0, 0, 0)),
        ("a", "abcdefghijkl", (1 / 12, 1, 2 / 13)),  # calls everything
    ],
)
def test_selection_compares_names_as_multisets(
    expected: str, made: str, found: tuple[float, float, float]
) -> None:
    assert tool_use.selection(list(expected), list(made)) == pytest.approx(found)


@given(NAMES, NAMES, st.randoms())
def test_selection_is_symmetric_bounded_and_blind_to_order(
    expected: list[str], made: list[str], rng: random.Random
) -> None:
    found = tool_use.selection(expected, made)
    assert all(0 <= share <= 1 for share in found)
    assert found.f1 == pytest.approx(tool_use.selection(made, expected).f1)
    assert (found.f1 == 1) == (sorted(expected) == sorted(made))
    shuffled = rng.sample(made, len(made))
    assert tool_use.selection(expected, shuffled) == found
    if found.precision + found.recall:
        harmonic = 2 * found.precision * found.recall / (found.precision + found.recall)
        assert found.f1 == pytest.approx(harmonic)


@pytest.mark.parametrize(
    ("what", "expected", "made", "right", "first", "last", "passes"),
    [
        ("as expected", "ab", "ab", [(0, 0), (1, 1)], 1, 1, (True, True)),
        ("in another order", "ab", "ba", [(0, 1), (1, 0)], 1, 1, (True, True)),
        ("missing", "ab", "a", [(0, 0)], 0.5, 0.5, (False, False)),
        ("one beside", "a", "ab", [(0, 0)], 1, 1, (False, False)),
        ("wrong, then corrected", "a", "aa", [(0, 1)], 0, 1, (False, True)),
        ("right, then made wrong", "a", "aa", [(0, 0)], 1, 0, (False, False)),
        ("the same again", "a", "aa", [(0, 0), (0, 1)], 1, 1, (False, True)),
        ("wrong", "a", "a", [], 0, 0, (False, False)),
        ("nothing", "a", "", [], 0, 0, (False, False)),
        ("nothing expected", "", "", [], 1, 1, (True, True)),
        ("called for nothing", "", "a", [], 1, 1, (False, False)),
        ("two of a name", "aa", "aa", [(0, 0), (1, 1)], 1, 1, (True, True)),
        # the reference takes them in order, though the order does not matter to it otherwise
        ("two of a name, the other way round", "aa", "aa", [(0, 1), (1, 0)], 0, 1, (False, True)),
        ("two of a name after a slip", "aa", "aaa", [(0, 1), (1, 2)], 0, 1, (False, True)),
        ("two of a name, both the same", "aa", "aa", [(0, 0), (0, 1)], 0.5, 0.5, (False, False)),
    ],
)
def test_arguments_and_passing(
    what: str, expected: str, made: str, right: Sequence[tuple[int, int]], first: float, last: float,
    passes: tuple[bool, bool],
) -> None:  # fmt: skip
    calls, verdicts = (list(expected), list(made)), right_where(*right)
    assert tool_use.first_accuracy(*calls, verdicts) == first, what
    assert tool_use.last_accuracy(*calls, verdicts) == last, what
    found = tool_use.first_passes(*calls, verdicts), tool_use.last_passes(*calls, verdicts)
    assert found == passes, what


def test_what_is_not_decided_is_unknown_only_where_it_matters() -> None:
    two, undecided = ["a", "b"], {(0, 0): None, (1, 1): False}
    assert tool_use.first_accuracy(two, two, lambda i, j: undecided[i, j]) is None
    assert tool_use.last_accuracy(two, two, lambda i, j: undecided[i, j]) is None
    # one of two is wrong, whatever the other is
    assert tool_use.first_passes(two, two, lambda i, j: undecided[i, j]) is False
    assert tool_use.last_passes(two, two, lambda i, j: undecided[i, j]) is False
    for passes in (tool_use.first_passes, tool_use.last_passes):
        assert passes(["a"], ["a"], lambda i, j: None) is None
        assert passes(["a"], ["b"], lambda i, j: None) is False
    # only the first call is not decided: it has been corrected
    assert tool_use.last_passes(["a"], ["a", "a"], lambda i, j: None if j == 0 else True) is True


@given(NAMES, NAMES, VERDICTS)
def test_passing_both_ways_agrees_with_the_shares(
    expected: list[str], made: list[str], verdicts: dict[tuple[int, int], bool | None]
) -> None:
    def right(i: int, j: int) -> bool | None:
        return verdicts.get((i, j), False)

    shares = tool_use.first_accuracy(expected, made, right), tool_use.last_accuracy(expected, made, right)
    passes = tool_use.first_passes(expected, made, right), tool_use.last_passes(expected, made, right)
    assert all(share is None or 0 <= share <= 1 for share in shares)
    for share, passed in zip(shares, passes, strict=True):
        if passed:
            assert share == 1
    if passes[0]:
        assert passes[1], "what passes as in the reference passes"
    dropped = tool_use.corrected(expected, made)
    assert len(dropped) == sum(max(0, made.count(n) - expected.count(n)) for n in set(expected))
    counting = {j for places in tool_use.last_calls(expected, made) for j in places}
    assert not dropped & counting
    assert all(made[j] in expected and any(k > j for k in counting) for j in dropped)
    # every verdict that was missing may still fall either way, and nothing that was known changes
    for guess in (True, False):

        def decided(i: int, j: int, guess: bool = guess) -> bool:
            found = right(i, j)
            return guess if found is None else found

        for known, passing in zip(passes, (tool_use.first_passes, tool_use.last_passes), strict=True):
            assert known is None or passing(expected, made, decided) is known


@pytest.mark.parametrize(
    ("words", "end_s"),
    [
        ([], None),
        ([(0.0, 0.0)], None),  # the reference takes an end of 0 for none
        ([(0.5, 1.0), (1.2, 1.6)], 1.6),
        ([(0.5, 1.0), (3.0, 3.5)], 3.5),  # a gap of 2 s is none
        ([(0.5, 1.0), (3.01, 3.5), (7.0, 8.0)], 1.0),  # only the first longer one counts
    ],
)
def test_the_reference_takes_the_first_long_pause_for_the_users_end(
    words: list[tuple[float, float]], end_s: float | None
) -> None:
    assert tool_use.reference_user_end(words) == end_s


def test_an_early_agent_leaves_all_three_latencies_of_the_reference() -> None:
    early = tool_use.latencies(10.0, 9.5, 8.0, 12.0)
    assert early == (-0.5, -2.0, 2.0)
    assert tool_use.reference_latencies(early) == (None, None, None)
    patient = tool_use.latencies(10.0, 10.0, 8.0, 12.0)
    assert tool_use.reference_latencies(patient) == patient == (0.0, -2.0, 2.0)
    silent = tool_use.latencies(10.0, None, 11.0, None)
    assert silent == (None, 1.0, None)
    assert tool_use.reference_latencies(silent) == (None, None, None)


def test_statistics_are_those_of_the_reference() -> None:
    found = tool_use.latency_statistics([4.0, 1.0, 2.0, 3.0])
    assert found == (4, 2.5, pytest.approx(math.sqrt(5 / 3)), 1.0, 4.0, 3.0)
    assert tool_use.latency_statistics([2.0]) == (1, 2.0, None, 2.0, 2.0, 2.0)
    assert tool_use.latency_statistics([]) == (0, None, None, None, None, None)


def test_a_filler_comes_before_what_was_asked_for() -> None:
    assert [tool_use.has_filler(place) for place in (0, 1, None)] == [False, True, True]
