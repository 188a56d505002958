"""Lengths of time in replies, read by hand."""

from __future__ import annotations

import pytest

from tml_bench.tasks._timed.spoken_time import seconds_in


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("About twelve seconds.", (12,)),
        ("12s", (12,)),
        ("It was 9.5 seconds", (9.5,)),
        ("nine and a half seconds", (9.5,)),
        ("nine point five seconds", (9.5,)),
        ("Nine or ten seconds, I'd say.", (9, 10)),
        ("9-10 seconds", (9, 10)),
        ("between nine and ten seconds", (9, 10)),
        ("twenty-one seconds", (21,)),
        ("a minute", (60,)),
        ("half a minute", (30,)),
        ("a minute and a half", (90,)),
        ("one minute and a half", (90,)),
        ("two minutes", (120,)),
        ("a minute and ten seconds", (70,)),
        ("1 minute 5 seconds", (65,)),
        ("You put 2 eggs in 14 seconds ago", (14,)),
        ("Ten, I think.", (10,)),
        ("10 seconds. No, 12 seconds.", (10, 12)),
        ("Ten more seconds.", (10,)),
        ("one more minute", (60,)),
        ("9\u00bd seconds", (9.5,)),
        ("1\u00bd minutes", (90,)),
        ("9\u201310 seconds", (9, 10)),
        ("\u0661\u0662 seconds", (12,)),
        ("the sixth one, 12 seconds ago", (12,)),
        ("A while.", ()),
        ("The first one won.", ()),
        ("I only heard one knock.", ()),
        ("Longer than the first.", ()),
        ("Number two.", ()),
        ("One.", (1,)),
        ("The second one took 12 seconds.", (12,)),
        ("Just a second", ()),
        ("", ()),
    ],
)
def test_seconds(text: str, seconds: tuple[float, ...]) -> None:
    assert seconds_in(text) == seconds
