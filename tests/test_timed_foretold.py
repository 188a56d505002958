"""Who tells answers to cues that are still to come earns nothing by it."""

from __future__ import annotations

import pytest
from timed_items import event, item
from timed_scores import heard, said_right, sample, values

from tml_bench.samples import Sample
from tml_bench.tasks._timed.expected import expected_of

TALK = (
    "so we walked past treize old boats in the sun this morning and then my uncle counted trois more of them "
    "beside the cheval who was eating apples all day long"
)


def words(family: str = "code_switch", window: str = "cue", third: str = "Horse.") -> Sample:
    """Thirteen, then three, then horse, each due when its word is said, and no sooner known."""
    events = [
        event(
            id=f"e{k}",
            meaning=f"says {replies[0]}",
            accept=replies,
            reject=["Boat."],
            anchor={"turn": "b", "word": cue},
            after_s=0.0,
            window={"kind": "cue", "w_s": 2.0} if window == "cue" else {"kind": "scheduled", "d_s": 9.0},
        )
        for k, (cue, replies) in enumerate(
            (("treize", ["Thirteen.", "Ten and three."]), ("trois", ["Three."]), ("cheval", [third]))
        )
    ]
    turns = [
        {"id": "a", "text": "Tell me the English words.", "at_s": 0.5},
        {"id": "b", "text": TALK, "after": "a", "gap_s": 1.0},
    ]
    return sample(item(family=family, turns=turns, events=events))


def on_time(one: Sample, *texts: str) -> float | None:
    """Of a judge who finds everything right, 0.2 s after each event is due."""
    due = expected_of(one).due
    said = ((d.target.at_s + 0.2, text) for d, text in zip(due, texts, strict=True) if text)
    return values(said_right(one, heard(*said)))["on_time"]


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        (("Thirteen.", "Three.", "Horse."), 1),
        (("Thirteen. Three. Horse.", "Thirteen. Three. Horse.", "Thirteen. Three. Horse."), 1 / 3),
        (("Thirteen, the horse.", "Three.", "Horse."), 2 / 3),
        (("Thirteen, horses.", "Three.", "Horse."), 1),  # another word
        (("Ten and three.", "Three.", "Horse."), 1),  # "three" is part of what is right here
        (("Thirteen.", "Three, and before that thirteen.", "Three. Horse."), 1),  # what is past is known
        (("Thirteen. Boat.", "Three.", "Horse."), 1),  # wrong answers are the judge's part
    ],
)
def test_answers_to_later_cues(texts: tuple[str, ...], share: float) -> None:
    assert on_time(words(), *texts) == pytest.approx(share)


def test_what_the_user_says_may_be_repeated() -> None:
    """The user says "apples" themselves."""
    assert on_time(words(third="Apples."), "Thirteen, not apples.", "Three.", "Apples.") == 1


def test_politeness_foretells_nothing() -> None:
    """Where a later answer is "Sorry.", an earlier one may begin with it."""
    assert on_time(words(third="Sorry."), "Sorry to cut in, thirteen.", "Three.", "Sorry.") == 1


def test_what_is_due_at_a_time_is_known_before() -> None:
    """Who is told to say three things at three times may announce the next."""
    one = words("schedule", "scheduled")
    assert on_time(one, "Thirteen, and then the horse.", "Three.", "Horse.") == 1


def test_it_was_said_right_all_the_same() -> None:
    """It is right at any time, and earns no event."""
    one = words()
    found = values(said_right(one, heard((expected_of(one).due[0].target.at_s + 0.2, "Thirteen. Horse."))))
    assert (found["on_time"], found["meaning"], found["missed"]) == (0, pytest.approx(1 / 3), 1)
