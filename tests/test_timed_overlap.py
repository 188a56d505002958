"""Where the user talks on, an answer must begin over the user's speech."""

from __future__ import annotations

import pytest
from timed_items import event, item, made
from timed_scores import heard, scored, values

from tml_bench.samples import Reference, Sample
from tml_bench.tasks._timed.expected import expected, expected_of, ideal
from tml_bench.tasks._timed.rendered import RenderedItem, RenderedTurn, RenderedWord

FAMILIES = ("code_switch", "delay_while_talking", "single_delay")


def sample(family: str, *words: tuple[str, float, float]) -> Sample:
    """The user talks until 7.2 s; "market" is due at the end of "mercado"."""
    cue = {"anchor": {"turn": "b", "word": "mercado"}, "window": {"kind": "cue", "w_s": 2.0}}
    one = made(
        item(
            family=family,
            turns=[
                {"id": "a", "text": "Translate.", "at_s": 0.5},
                {"id": "b", "text": " ".join(text for text, _, _ in words), "after": "a", "gap_s": 1.0},
            ],
            events=[event(meaning="says market", accept=["Market."], reject=["Shop."], after_s=0.0, **cue)],
        )
    )
    turns = (
        RenderedTurn("a", 0.5, 1.5, (RenderedWord("Translate.", 0.5, 1.5),)),
        RenderedTurn("b", words[0][1], words[-1][2], tuple(RenderedWord(*word) for word in words)),
    )
    found = expected(one, RenderedItem(one.id, "", "", "", 16000, words[-1][2], turns))
    return Sample(one.id, family, reference=Reference(words[-1][2], ideal(found), found))


TALK = (
    ("the", 3.0, 3.2), ("mercado", 3.3, 4.0), ("is", 4.15, 4.4), ("big", 4.4, 4.6), ("and", 5.4, 5.6),
    ("very", 5.6, 6.4), ("old", 6.4, 7.2),
)  # fmt: skip
"""With a pause from 4.6 to 5.4 s; the gap of 0.15 s after the cue is none."""


def test_where_the_user_speaks() -> None:
    found = expected_of(sample("code_switch", *TALK))
    assert found.talking == ((0.5, 1.5), (3.0, 4.6), (5.4, 7.2))
    assert found.due[0].target.at_s == 4.0


@pytest.mark.parametrize(
    ("onset_s", "over"),
    [
        (4.05, True),  # in a gap of 0.15 s
        (4.59, True),
        (4.61, False),  # the pause has begun
        (5.0, False),  # where a model answers that waits for 0.4 s of silence
        (5.09, False),
        (5.11, True),  # the user goes on within 0.3 s
        (5.8, True),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_half_duplex_answer_in_a_pause_earns_nothing(family: str, onset_s: float, over: bool) -> None:
    """In a single delay nobody need be spoken over."""
    earned = over or family == "single_delay"
    score = scored(sample(family, *TALK), heard((onset_s, "Market.")))
    found = values(score)
    assert (found["on_time"], found["acc_200"], found["events_on_time"]) == (earned, earned, earned)
    assert (found["meaning"], found["missed"], found["early"], found["late"]) == (1, 0, 0, 0)
    assert found.get("in_pause", 0) == (not earned)
    assert found["false_alarms_per_minute"] == 0
    (fate,) = {str(row["event"]) for row in score.rows if "Market." in str(row["event"])}
    assert fate == ("on time e1: Market." if earned else "not over the user's speech e1: Market.")


def test_after_the_users_last_word_it_is_too_late() -> None:
    cue_last = (*TALK[:1], ("so", 3.3, 4.0), ("mercado", 4.0, 4.6))
    one = sample("code_switch", *cue_last)
    assert values(scored(one, heard((4.5, "Market."))))["on_time"] == 1
    found = values(scored(one, heard((4.9, "Market."))))
    assert (found["on_time"], found["in_pause"]) == (0, 1)


def test_of_two_the_one_over_the_users_speech_is_matched() -> None:
    found = values(scored(sample("code_switch", *TALK), heard((4.7, "Market."), (5.8, "Market."))))
    assert (found["on_time"], found["in_pause"], found["repeated"]) == (0.5, 0, 0.5)


def test_an_answer_out_of_its_window_is_late_wherever_it_is() -> None:
    found = values(scored(sample("code_switch", *TALK), heard((7.5, "Market."))))
    assert (found["on_time"], found["late"], found["in_pause"]) == (0, 1, 0)
