"""A length of time that is named is right within a share of it, or within a second if that is more."""

from __future__ import annotations

import pytest
from timed_items import event, item, made, place

from tml_bench.questions import Verdict
from tml_bench.samples import Reference, Sample
from tml_bench.tasks._timed.expected import expected, expected_of, ideal
from tml_bench.tasks._timed.meaning.rule import RIGHT
from tml_bench.tasks._timed.rendered import RenderedItem
from tml_bench.tasks._timed.scoring import questions, score
from tml_bench.timeline import Segment, Timeline, Word, WordSource


def asked(seconds: float) -> Sample:
    """Two words, so many seconds, and a question about them that lasts a second."""
    fields = item(
        family="elapsed_time",
        turns=[
            {"id": "a", "text": "Start now.", "at_s": 0.5},
            {"id": "b", "text": "How long was that?", "after": "a", "gap_s": seconds},
        ],
        events=[
            event(
                accept=["{N} seconds."],
                anchor={"turn": "b"},
                after_s=0.0,
                window={"kind": "answer", "w_s": 3.0},
                number={"from": {"turn": "a", "edge": "end"}, "to": {"turn": "b", "edge": "start"}},
            )
        ],
    )
    one = made(fields)
    turns = place(one)
    found = expected(one, RenderedItem(one.id, "", "", "", 16000, turns[-1].end_s, turns))
    return Sample(one.id, one.family, reference=Reference(turns[-1].end_s, ideal(found), found))


@pytest.mark.parametrize(
    ("seconds", "text", "right", "error"),
    [
        # Of 3 s the share of 0.15 is less than the second that is always allowed.
        (3.0, "two seconds", True, 1.0),
        (3.0, "four seconds", True, 1.0),
        (3.0, "one second", False, 2.0),
        (3.0, "five seconds", False, 2.0),
        (20.0, "seventeen seconds", True, 3.0),
        (20.0, "twenty three seconds", True, 3.0),
        (20.0, "sixteen seconds", False, 4.0),
        (20.0, "twenty four seconds", False, 4.0),
    ],
)
def test_how_far_off_a_number_may_be(seconds: float, text: str, right: bool, error: float) -> None:
    one = asked(seconds)
    (due,) = expected_of(one).due
    assert due.truth_s == pytest.approx(seconds)
    at_s = due.target.at_s + 0.2
    words = tuple(Word(w, at_s, at_s + 0.4) for w in text.split())
    timeline = Timeline(60.0, (Segment(at_s, at_s + 0.4),), words, WordSource.ADAPTER)
    verdicts = {question.key: Verdict(RIGHT) for question in questions(one, timeline)}
    found = score(one, timeline, verdicts).values
    assert (found["on_time"].numerator, found["meaning"].numerator) == (right, right)
    assert found["number_error"].numerator == pytest.approx(error)
