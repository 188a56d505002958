"""One form for texts that read the same, whatever characters they are written with."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from tml_bench.plain_text import plain

SAME = {
    "don't": ["don\u2019t", "don\u02bct", "don\uff07t", "don\u2018t", "don\u00b4t", "don`t", "DON\u2032T"],
    '"ten"': ["\u201cten\u201d", "\u00abten\u00bb", "\u201eten\u201c", "\uff02ten\uff02"],
    "twenty-one": [f"twenty{dash}one" for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\ufe63"],
    "flying office": ["\ufb02ying o\ufb03ce", "FLYING\u00a0OFFICE", " flying\u2009\u3000office\n"],
    "stop": ["\uff53\uff54\uff4f\uff50", "sto\u00adp", "s\u200bt\u200co\u200dp\ufeff", "\u200estop"],
    "cafe": ["caf\u00e9", "cafe\u0301", "CAF\u00c9"],
    "caesar": ["c\u00e6sar", "C\u00c6SAR"],
    "strasse": ["stra\u00dfe", "STRASSE", "stra\u1e9ee"],
    "12": ["\u0661\u0662", "\u0967\u0968", "\uff11\uff12", "\u06f1\u06f2", "\U0001d7cf\U0001d7d0"],
    "wait... ten": ["wait\u2026 ten", "wait... ten"],
    "why?": ["why\uff1f", "why\u061f"],
    "3 and a half": ["3\u00bd", "3 \u00bd"],
    "1/4": ["\u00bc", "1\u20444"],
    "number 6": ["\u2116 6", "\u21166"],
    "istanbul": ["\u0130stanbul", "\u0131stanbul"],
}  # fmt: skip


@pytest.mark.parametrize(("want", "written"), [(want, w) for want, many in SAME.items() for w in many])
def test_texts_that_read_the_same_are_the_same(want: str, written: str) -> None:
    assert plain(want) == want
    assert plain(written) == want


def test_marks_of_other_scripts_stay() -> None:
    assert plain("\u0439") != plain("\u0438")
    assert plain("\u0915\u093f") != plain("\u0915")


def test_nothing_is_nothing() -> None:
    assert plain("") == plain(" \u200b\u00ad\n") == ""


@given(st.text(max_size=20))
def test_once_is_enough(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@given(st.text(max_size=20))
def test_canonical_forms_are_the_same(text: str) -> None:
    assert (
        plain(unicodedata.normalize("NFC", text)) == plain(unicodedata.normalize("NFD", text)) == plain(text)
    )


def _keeps_its_meaning(text: str) -> bool:
    return not any("fraction" in unicodedata.decomposition(c) or c == "\u2116" for c in text)


@given(st.text(max_size=20).filter(_keeps_its_meaning), st.sampled_from(["NFKC", "NFKD"]))
def test_compatibility_forms_are_the_same(text: str, form: str) -> None:
    assert plain(unicodedata.normalize(form, text)) == plain(text)  # type: ignore[arg-type]


@given(st.text(max_size=20))
def test_nothing_is_left_that_is_to_be_left_out(text: str) -> None:
    found = plain(text)
    assert found == found.casefold() or not found.isascii()
    assert not any(unicodedata.category(c) in ("Cf", "Zs", "Pd") and not c.isascii() for c in found)
