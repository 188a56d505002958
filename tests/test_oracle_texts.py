"""The oracle says what a reference asks for, word for word."""

from __future__ import annotations

import pytest

from tml_bench.adapters.reference import Oracle
from tml_bench.adapters.reference.planned import Line, clip_saying
from tml_bench.errors import UserError
from tml_bench.samples import Reference, Utterance


def test_a_text_has_its_clip_and_no_text_the_clip_of_the_role() -> None:
    ideal = (Utterance(1.0, text="right"), Utterance(2.0, "backchannel"), Utterance(3.0, until_s=4.0))
    assert Oracle().plan(Reference(ideal=ideal)) == [
        Line(1.0, "backchannel"),
        Line(2.0, "backchannel"),
        Line(3.0, "answer", 4.0),
    ]


def test_case_and_punctuation_do_not_matter() -> None:
    assert clip_saying("RIGHT!") == "backchannel"


def test_an_unknown_text_is_an_error_that_says_which() -> None:
    with pytest.raises(UserError, match="no clip that says 'supercalifragilistic'"):
        Oracle().plan(Reference(ideal=(Utterance(1.0, text="supercalifragilistic"),)))
