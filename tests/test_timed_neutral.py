"""An acknowledgement is neutral where it is soon and short, and right for no event."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from timed_items import event, item, made, place

from tml_bench.questions import Verdict
from tml_bench.samples import Reference, Sample
from tml_bench.tasks._timed.expected import expected, expected_of, ideal
from tml_bench.tasks._timed.meaning_rule import ACKNOWLEDGEMENT, RIGHT, WRONG
from tml_bench.tasks._timed.rendered import RenderedItem
from tml_bench.tasks._timed.scoring import questions, score
from tml_bench.timeline import Segment, Timeline, Word, WordSource


def sample(*after_s: float) -> Sample:
    """Asked from 0.5 to 2.75 s; events are due so long after."""
    events = [
        event(id=f"e{k}", after_s=after, window={"kind": "scheduled", "d_s": after})
        for k, after in enumerate(after_s, 1)
    ]
    one = made(item(events=events))
    turns = place(one)
    found = expected(one, RenderedItem(one.id, "", "", "", 16000, turns[-1].end_s, turns))
    return Sample(one.id, one.family, reference=Reference(turns[-1].end_s, ideal(found), found))


TWO = sample(2.0, 4.0)
"""Due at 4.75 and 6.75 s, give or take half a second: within reach from 1.25 and from 3.25 s on."""
ONE = sample(7.0)
"""Due at 9.75 s, within reach from 6.05 s on."""
NONE = sample()


def scored(
    one: Sample, answers: Mapping[str, str], *said: float, length_s: float = 0.4
) -> dict[str, float | None]:
    """Scored with the answers a judge gave, by question; the utterances begin when they are said to."""
    segments = tuple(Segment(at, at + length_s) for at in said)
    words = tuple(Word("word", at, at + length_s) for at in said)
    timeline = Timeline(60.0, segments, words, WordSource.ADAPTER if said else WordSource.SILENT)
    assert {question.key for question in questions(one, timeline)} == set(answers)
    found = score(one, timeline, {key: Verdict(answer) for key, answer in answers.items()})
    return {n: v.numerator / v.denominator if v.denominator else None for n, v in found.values.items()}


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        (ACKNOWLEDGEMENT, ACKNOWLEDGEMENT, "neutral"),
        (ACKNOWLEDGEMENT, WRONG, "neutral"),
        (WRONG, ACKNOWLEDGEMENT, "neutral"),
        (WRONG, WRONG, "alarm"),
        (ACKNOWLEDGEMENT, RIGHT, "early"),
        (RIGHT, ACKNOWLEDGEMENT, "early"),
        (RIGHT, WRONG, "early"),
    ],
)
def test_what_is_right_for_some_event_is_no_acknowledgement(first: str, second: str, counts: str) -> None:
    """At 3.5 s, 0.75 s after the user's turn, near both events and before the window of either."""
    assert [d.target.opens_s for d in expected_of(TWO).due] == pytest.approx([4.25, 6.25])
    found = scored(TWO, {"0-e1": first, "0-e2": second}, 3.5)
    assert found["acknowledged"] == (counts == "neutral")
    assert found["early"] == (0.5 if counts == "early" else 0)
    assert found["meaning"] == (0.5 if counts == "early" else 0)
    assert found["false_alarms_per_minute"] == (counts == "alarm")


def test_an_acknowledgement_is_taken_out_and_the_others_keep_their_events() -> None:
    answers = {
        "0-e1": ACKNOWLEDGEMENT,
        "0-e2": WRONG,
        "1-e1": RIGHT,
        "1-e2": WRONG,
        "2-e1": WRONG,
        "2-e2": RIGHT,
    }
    found = scored(TWO, answers, 3.5, 4.75, 6.75)
    assert (found["on_time"], found["timed_f1"], found["acknowledged"]) == (1.0, 1.0, 1.0)
    assert found["onset_error"] == pytest.approx(0.0)


@pytest.mark.parametrize(("answer", "quiet"), [(ACKNOWLEDGEMENT, 1.0), (WRONG, 0.0), (RIGHT, 0.0)])
def test_where_nothing_is_expected_only_an_acknowledgement_is_as_good_as_silence(
    answer: str, quiet: float
) -> None:
    found = scored(NONE, {"0-none": answer}, 3.0)
    assert (found["on_time"], found["acknowledged"]) == (quiet, quiet)
    assert found["false_alarms_per_minute"] == 1 - quiet
    assert found["repeated"] == (None if quiet else 0.0)


def test_right_for_nothing_is_not_right_for_the_event_to_come() -> None:
    """A judge that finds a reply right where nothing is expected has said nothing of the event at 9.75 s."""
    found = scored(ONE, {"0-none": RIGHT}, 3.0)
    assert (found["on_time"], found["meaning"], found["missed"]) == (0, 0, 1)
    assert (found["false_alarms_per_minute"], found["acknowledged"]) == (1, 0)


@pytest.mark.parametrize(
    ("at_s", "length_s", "asked"),
    [
        (2.56, 0.4, True),  # less than 0.2 s before the turn's end
        (2.54, 0.4, False),
        (5.75, 0.2, True),  # 3 s after it
        (5.76, 0.2, False),
        (3.0, 5.0, True),
        (3.0, 5.01, False),
    ],
)
def test_an_acknowledgement_comes_soon_after_a_turn_and_is_short(
    at_s: float, length_s: float, asked: bool
) -> None:
    """Where it does not, nobody is asked and it counts as said."""
    found = scored(ONE, {"0-none": ACKNOWLEDGEMENT} if asked else {}, at_s, length_s=length_s)
    assert (found["acknowledged"], found["false_alarms_per_minute"]) == (asked, not asked)


def test_a_late_acknowledgement_counts_as_said_even_where_the_judge_sees_one() -> None:
    """At 6.1 s it is near the event, so the judge is asked; 3.35 s after the turn it is not neutral."""
    found = scored(ONE, {"0-e1": ACKNOWLEDGEMENT}, 6.1)
    assert (found["acknowledged"], found["false_alarms_per_minute"]) == (0, 1)
