"""Agreement coefficients on the examples of the literature, by hand, and where they are not defined."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tml_bench.metrics.confidence import wilson
from tml_bench.metrics.rater_agreement import (
    Coefficient,
    accuracy,
    accuracy_interval,
    cohen_kappa,
    coincidences,
    interval,
    nominal_alpha,
    ordinal_alpha,
    tables,
    weighted_kappa,
)

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), sections A to C.
BINARY = ("0100000010", "1110010000")
NOMINAL = ("aabbdcccedda", "babbbccceddd")
FOUR_OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "1233244125 1 .".replace(" ", ""))
# The data set "anxiety" of the R package irr (20 subjects, ratings 1 to 6 by the first two raters).
ANXIETY = (
    [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
    [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
)


def rated(raters: tuple[str, ...]) -> tuple[list[list[int]], int]:
    """Codes per unit, and the number of categories; a dot is a missing rating."""
    names = sorted(set("".join(raters)) - {"."})
    units = [[names.index(c) for c in unit if c != "."] for unit in zip(*raters, strict=True)]
    return units, len(names)


def of(coefficient: Coefficient, matrices: np.ndarray) -> float:
    return float(coefficient(matrices.sum(0)))


@pytest.mark.parametrize(
    ("raters", "coefficient", "value"),
    [
        (BINARY, nominal_alpha, 0.095),
        (NOMINAL, nominal_alpha, 0.692),
        (FOUR_OBSERVERS, nominal_alpha, 0.743),
        (FOUR_OBSERVERS, ordinal_alpha, 0.815),
    ],
)
def test_alpha_of_krippendorff_s_examples(
    raters: tuple[str, ...], coefficient: Coefficient, value: float
) -> None:
    assert of(coefficient, coincidences(*rated(raters))) == pytest.approx(value, abs=6e-4)


def test_the_coincidences_of_the_binary_example() -> None:
    assert coincidences(*rated(BINARY)).sum(0).tolist() == [[10, 4], [4, 2]]


@pytest.mark.parametrize(
    ("table", "coefficient", "value"),
    [
        # Both yes 20, both no 15, otherwise 5 and 10: (35 / 50 - .5) / (1 - .5).
        ([[20, 5], [10, 15]], cohen_kappa, 0.4),
        ([[20, 5], [10, 15]], accuracy, 0.7),
        # The same accuracy with other margins: (.6 - .54) / .46, and (.6 - .46) / .54.
        ([[45, 15], [25, 15]], cohen_kappa, 6 / 46),
        ([[25, 35], [5, 35]], cohen_kappa, 14 / 54),
        # Squared steps: observed 1 + 4 + 4, expected (9 + 60 + 4 + 10 + 40 + 15) / 10.
        ([[1, 1, 1], [0, 2, 0], [1, 0, 4]], weighted_kappa, 1 - 9 / 13.8),
    ],
)  # fmt: skip
def test_kappa_by_hand(table: list[list[int]], coefficient: Coefficient, value: float) -> None:
    assert float(coefficient(np.array(table, dtype=float))) == pytest.approx(value)


def test_kappa_of_the_anxiety_ratings_as_the_package_irr_gives_it() -> None:
    first, second = ([x - 1 for x in rater] for rater in ANXIETY)
    found = tables(first, second, 6)
    assert of(cohen_kappa, found) == pytest.approx(0.119, abs=6e-4)
    assert of(weighted_kappa, found) == pytest.approx(0.297, abs=6e-4)


def test_perfect_agreement_is_1_and_reversal_of_a_scale_is_minus_1() -> None:
    perfect = tables([0, 1, 2], [0, 1, 2], 3)
    assert [of(c, perfect) for c in (accuracy, cohen_kappa, weighted_kappa)] == [1, 1, 1]
    assert of(weighted_kappa, tables([0, 1, 2], [2, 1, 0], 3)) == pytest.approx(-1)
    units = [[0, 0], [1, 1], [2, 2]]
    assert [of(c, coincidences(units, 3)) for c in (nominal_alpha, ordinal_alpha)] == [1, 1]


@pytest.mark.parametrize("coefficient", [cohen_kappa, weighted_kappa, nominal_alpha, ordinal_alpha])
def test_without_variation_nothing_is_defined(coefficient: Coefficient) -> None:
    one_category = np.array([[5.0, 0.0], [0.0, 0.0]])
    assert np.isnan(coefficient(one_category))
    assert np.isnan(coefficient(np.zeros((2, 2))))


def test_empty_input() -> None:
    assert np.isnan(accuracy(np.zeros((2, 2))))
    assert tables([], [], 2).shape == (0, 2, 2)
    assert coincidences([], 3).shape == (0, 3, 3)
    assert interval(tables([], [], 2), accuracy) == "too few units (0, 16 needed)"


def test_units_with_one_rating_count_nothing() -> None:
    with_single = coincidences([[0, 1], [1], [], [1, 1, 1]], 2)
    assert with_single.sum((1, 2)).tolist() == [2, 0, 0, 3]
    assert with_single.sum(0).tolist() == [[0, 1], [1, 3]]


@pytest.mark.parametrize("codes", [[0, 2], [-1, 0]])
def test_codes_that_are_no_category_are_refused(codes: list[int]) -> None:
    with pytest.raises(ValueError, match="not one of 2 categories"):
        tables(codes, [0, 0], 2)
    with pytest.raises(ValueError, match="not one of 2 categories"):
        coincidences([codes], 2)
    with pytest.raises(ValueError, match="1 and 2 ratings"):
        tables([0], [0, 1], 2)
    with pytest.raises(ValueError, match="2 groups for 1 units"):
        interval(tables([0], [0], 2), accuracy, ["a", "b"])


RATINGS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30)


@given(RATINGS)
@settings(max_examples=60)
def test_who_comes_first_and_the_order_of_units_do_not_matter(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    there, back = tables(first, second, 4), tables(second, first, 4)
    for coefficient in (accuracy, cohen_kappa, weighted_kappa):
        assert of(coefficient, there) == pytest.approx(of(coefficient, back), nan_ok=True)
        assert of(coefficient, there) == pytest.approx(of(coefficient, there[::-1]), nan_ok=True)
        assert np.isnan(of(coefficient, there)) or of(coefficient, there) <= 1


@given(RATINGS)
@settings(max_examples=60)
def test_nominal_alpha_knows_no_order_and_ordinal_none_of_the_direction(pairs: list[tuple[int, int]]) -> None:
    units = [list(pair) for pair in pairs]
    alphas = {
        round(of(nominal_alpha, coincidences([[order[c] for c in u] for u in units], 4)), 9)
        for order in itertools.permutations(range(4))
    }
    assert len(alphas) == 1 or all(np.isnan(a) for a in alphas)
    reversed_scale = [[3 - c for c in unit] for unit in units]
    assert of(ordinal_alpha, coincidences(units, 4)) == pytest.approx(
        of(ordinal_alpha, coincidences(reversed_scale, 4)), nan_ok=True
    )


def test_the_interval_holds_the_value_and_shrinks_with_n() -> None:
    rng = np.random.default_rng(1)
    first = rng.integers(0, 2, 400)
    second = np.where(rng.random(400) < 0.8, first, 1 - first)
    found = tables(first.tolist(), second.tolist(), 2)
    many, few = interval(found, cohen_kappa), interval(found[:40], cohen_kappa)
    assert not isinstance(many, str)
    assert not isinstance(few, str)
    assert many[0] < of(cohen_kappa, found) < many[1] < 1
    assert many[1] - many[0] < few[1] - few[0]
    # Fleiss, Cohen, Everitt: the error of kappa; with equal margins 2 sqrt(p (1 - p) / n).
    assert many[1] - many[0] == pytest.approx(2 * 1.96 * 2 * (0.8 * 0.2 / 400) ** 0.5, rel=0.1)
    assert accuracy_interval(found) == wilson(of(accuracy, found), 400)


def test_units_of_one_group_are_one_unit() -> None:
    first = [0, 1] * 20
    second = [0, 1] * 10 + [1, 0] * 10
    found = tables(first, second, 2)
    alone, together = accuracy_interval(found), accuracy_interval(found, [k // 4 for k in range(40)])
    assert alone == wilson(0.5, 40)
    assert together == wilson(0.5, 10)  # all of a group agree
    assert accuracy_interval(found, [k // 20 for k in range(40)]) == "too few units (2, 5 needed)"
    wide, narrow = interval(found, cohen_kappa, [k // 2 for k in range(40)]), interval(found, cohen_kappa)
    assert not isinstance(wide, str)
    assert not isinstance(narrow, str)
    assert wide[1] - wide[0] > 1.2 * (narrow[1] - narrow[0])


def test_no_interval_of_few_units_or_without_a_disagreement() -> None:
    found = tables([0, 1, 0], [0, 1, 1], 2)
    assert interval(found, cohen_kappa) == "too few units (3, 16 needed)"
    assert accuracy_interval(found[:0]) == "too few units (0, 1 needed)"
    assert interval(tables([0, 1] * 10, [0, 1] * 10, 2), cohen_kappa) == "all units agree"
    one_no = tables([0] * 19 + [1], [0] * 20, 2)
    assert interval(one_no, cohen_kappa) == "it is not defined without one of the units"
    with pytest.raises(ValueError, match="2 groups for 3 units"):
        interval(found, cohen_kappa, ["a", "b"])
