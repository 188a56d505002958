"""An answer counts if it is told soon after the onset; when it is told is measured beside."""

from __future__ import annotations

import pytest
from timed_items import event, item
from timed_scores import ELAPSED, heard, said_right, sample, scored, values

from tml_bench.questions import Verdict
from tml_bench.samples import Sample
from tml_bench.tasks._timed import scoring
from tml_bench.tasks._timed.expected import expected_of
from tml_bench.tasks._timed.meaning.rule import RIGHT, WRONG
from tml_bench.timeline import Segment, Timeline, Word, WordSource

DELAY = sample(item())
""""Lighthouse." is due at 9.75 s, give or take 0.7 s; the ideal reply takes 0.4 s."""


def stalled(
    answer_s: float,
    answer: str = "lighthouse.",
    onset_s: float = 9.75,
    source: WordSource = WordSource.ADAPTER,
) -> Timeline:
    """Speech without a pause, "so so so ..." until the answer begins, so long after the onset."""
    n = round(answer_s / 0.25)
    words = [Word("so", onset_s + 0.25 * k, onset_s + 0.25 * (k + 1)) for k in range(n)]
    at = onset_s + answer_s
    for k, text in enumerate(answer.split()):
        words.append(Word(text, at + 0.25 * k, at + 0.25 * (k + 1)))
    return Timeline(60.0, (Segment(onset_s, words[-1].end_s or 0.0),), tuple(words), source)


@pytest.mark.parametrize("source", [WordSource.ADAPTER, WordSource.PROPORTIONAL])
@pytest.mark.parametrize(
    ("stalled_s", "on_time"), [(0.0, 1), (1.0, 1), (2.0, 1), (2.25, 1), (2.5, 0), (4.5, 0), (10.0, 0)]
)
def test_a_lead_in_costs_nothing_and_stalling_everything(
    stalled_s: float, on_time: int, source: WordSource
) -> None:
    """4.5 s of stalling kept 91 of 100."""
    found = values(scored(DELAY, stalled(stalled_s, source=source)))
    assert (found["on_time"], found["acc_025"], found["missed"]) == (on_time, on_time, 1 - on_time)
    assert (found["meaning"], found["false_alarms_per_minute"]) == (1, 1 - on_time)
    assert found["answer_time"] == pytest.approx(stalled_s)
    assert found["onset_error"] == (pytest.approx(0.0) if on_time else None)


def test_the_whole_text_is_asked_about_only_where_it_is_another() -> None:
    (one,) = scoring.questions(DELAY, stalled(2.0))
    assert one.key == "0-e1"
    soon, whole = scoring.questions(DELAY, stalled(4.5))
    assert (soon.key, whole.key) == ("0-e1", "whole-0-e1")
    assert soon.texts("reply") == ("so so so so so so so so so so",)
    assert whole.texts("reply") == (" ".join(["so"] * 18 + ["lighthouse."]),)


def test_each_question_decides_its_own() -> None:
    timeline = stalled(4.5)
    for soon, whole, on_time, meaning in (
        (RIGHT, WRONG, 1, 1),
        (WRONG, RIGHT, 0, 1),
        (RIGHT, RIGHT, 1, 1),
        (WRONG, WRONG, 0, 0),
    ):
        verdicts = {"0-e1": Verdict(soon), "whole-0-e1": Verdict(whole)}
        sheet = scoring.score(DELAY, timeline, verdicts)
        assert (sheet.values["on_time"].numerator, sheet.values["meaning"].numerator) == (on_time, meaning)
    assert scoring.score(DELAY, timeline, {"0-e1": Verdict(RIGHT)}).missing["on_time"] == "not judged"


def test_an_utterance_whose_words_all_come_late_is_asked_about_as_a_whole() -> None:
    timeline = Timeline(60.0, (Segment(9.75, 14.0),), (Word("lighthouse", 13.0, 14.0),), WordSource.ADAPTER)
    (whole,) = scoring.questions(DELAY, timeline)
    assert whole.key == "whole-0-e1"
    found = values(scored(DELAY, timeline))
    assert (found["on_time"], found["meaning"], found["answer_time"]) == (0, 1, pytest.approx(3.25))


@pytest.mark.parametrize(("declared_s", "answer_s"), [(5.0, 0.0), (9.9, 0.15), (15.0, 1.0)])
def test_no_word_is_said_outside_the_sound(declared_s: float, answer_s: float) -> None:
    """An utterance of a second was said within one, whatever its transcript declares."""
    word = Word("Lighthouse.", declared_s, declared_s + 0.4)
    found = values(scored(DELAY, Timeline(60.0, (Segment(9.75, 10.75),), (word,), WordSource.ADAPTER)))
    assert (found["on_time"], found["answer_time"]) == (1, pytest.approx(answer_s))


def test_hedging_later_than_soon_changes_nothing_and_sooner_is_judged() -> None:
    """Of a list of candidates, only what comes first can be right."""
    first = stalled(0.0, "lighthouse. " + "so " * 12 + "windmill.")
    last = stalled(0.0, "windmill. " + "so " * 12 + "lighthouse.")
    assert values(scored(DELAY, first))["on_time"] == 1
    assert values(scored(DELAY, last))["on_time"] == 0


def test_the_length_of_the_ideal_reply_is_given() -> None:
    """Six words take 1.8 s, so the last of them may begin 3.8 s after the onset."""
    text = "The big red lighthouse shines tonight."
    long = sample(item(events=[event(accept=[text], meaning="says the sentence")]))
    assert expected_of(long).due[0].reply_s == pytest.approx(1.8)
    assert values(scored(long, stalled(2.5, text)))["on_time"] == 1
    assert values(scored(long, stalled(4.0, text)))["on_time"] == 0


@pytest.mark.parametrize(
    ("stalled_s", "text", "on_time", "answer_s"),
    [
        (0.0, "About ten seconds.", 1, 0.25),
        (1.0, "About ten seconds.", 1, 1.25),
        (4.0, "About ten seconds.", 0, 4.25),
        (0.0, "Well, it was about ten seconds.", 1, 1.0),
        (0.0, "About twenty seconds.", 0, None),
    ],
)
def test_the_word_that_decides(stalled_s: float, text: str, on_time: int, answer_s: float | None) -> None:
    question_s = expected_of(ELAPSED).due[0].target.at_s
    found = values(scored(ELAPSED, stalled(stalled_s, text, onset_s=question_s)))
    assert found["on_time"] == on_time
    assert found["answer_time"] == (None if answer_s is None else pytest.approx(answer_s))


def test_an_answer_before_its_time_is_as_far_and_a_talk_has_none() -> None:
    assert values(scored(DELAY, heard((9.15, "Lighthouse."))))["answer_time"] == pytest.approx(0.6)
    talk = sample(
        item(
            family="own_duration",
            events=[
                event(
                    accept=["The sea is deep and blue, full of fish and salt, and moves with the moon."],
                    meaning="talks about the sea",
                    after_s=0.0,
                    window={"kind": "answer", "w_s": 3.0},
                    speech={"seconds": 8.0},
                )
            ],
        )
    )
    # The talk's lead-in of four seconds belongs to it.
    text = "the sea is deep and blue and full of fish and has waves and the moon."
    found = values(said_right(talk, stalled(4.0, text, onset_s=3.0)))
    assert (found["on_time"], found["meaning"], found["answer_time"]) == (1, 1, None)


def test_where_the_rule_finds_no_deciding_word_the_answer_time_is_not_known() -> None:
    timeline = heard((9.75, "The tower for ships."))
    sheet = scoring.score(DELAY, timeline, {"0-e1": Verdict(RIGHT)})
    assert sheet.values["on_time"].numerator == 1
    assert sheet.values["answer_time"].denominator == 0


def test_controls_have_no_events_on_time_and_items_no_quiet() -> None:
    def names(one: Sample) -> set[str]:
        return set(scored(one, heard()).values)

    control = sample(item(events=[]))
    assert {"on_time", "quiet"} <= names(control)
    assert {"on_time", "events_on_time", "answer_time"} <= names(DELAY)
    assert not {"events_on_time", "answer_time"} & names(control)
    assert "quiet" not in names(DELAY)
