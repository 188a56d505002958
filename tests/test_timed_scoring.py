"""Scores computed by hand: right and on time, wrong and on time, right and late, and everything else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st
from timed_items import event, item, shifted
from timed_scores import ELAPSED, heard, said_right, sample, scored, values

from tml_bench.errors import BadSampleError
from tml_bench.metrics.event_matching import TOLERANCES_S
from tml_bench.questions import Verdict
from tml_bench.samples import Sample
from tml_bench.tasks._common.speech import stretches
from tml_bench.tasks._timed import scoring
from tml_bench.tasks._timed.expected import TimedAnnotation, expected_of
from tml_bench.tasks._timed.items import CUESPEAK, TIMESPEAK
from tml_bench.tasks._timed.measures import metrics, names, tolerance_name
from tml_bench.tasks.timespeak.task import TimeSpeak
from tml_bench.timeline import Segment, Timeline, Word, WordSource

CURVE = [tolerance_name(tau) for tau in TOLERANCES_S]


DELAY = sample(item())
"""Asked from 0.5 to 2.75 s; "lighthouse" is due at 9.75 s, give or take 0.7 s."""


def test_the_item_is_as_the_comments_say() -> None:
    (due,) = expected_of(DELAY).due
    assert due.target[:3] == pytest.approx((9.75, 9.05, 10.45))
    assert expected_of(DELAY).length_s == pytest.approx(14.75)


def test_right_and_on_time() -> None:
    found = values(scored(DELAY, heard((9.95, "Lighthouse."))))
    assert found["on_time"] == found["timed_f1"] == found["meaning"] == 1
    assert [found[name] for name in CURVE] == [1, 1, 1, 1, 1]
    assert found["onset_error"] == found["signed_onset_error"] == pytest.approx(0.2)
    assert found["false_alarms_per_minute"] == found["repeated"] == found["acknowledged"] == 0
    assert not {"number_error", "duration_error", "stopped", "quiet"} & set(found)


ALARM = {"false_alarms_per_minute": 1}
FATES: list[tuple[tuple[tuple[float, str], ...], dict[str, float | None]]] = [
    # The same onset with the wrong meaning, or without words, earns nothing.
    (((9.95, "Seven seconds are over."),), {"on_time": 0, "acc_300": 0, "missed": 1} | ALARM),
    (((9.95, ""),), {"on_time": 0, "missed": 1} | ALARM),
    # The right meaning outside the window earns nothing.
    (
        ((8.95, "Lighthouse."),),
        {"on_time": 0, "early": 1, "late": 0, "acc_050": 0, "acc_100": 1, "meaning": 1},
    ),
    (((10.55, "Lighthouse."),), {"on_time": 0, "early": 0, "late": 1, "acc_050": 0, "acc_100": 1}),
    (
        ((10.55, "Lighthouse."),),
        {"signed_onset_error": 0.8, "onset_error": 0.8, "meaning": 1},
    ),
    (((13.55, "Lighthouse."),), {"on_time": 0, "late": 0, "missed": 1} | ALARM),
    # Who speaks twice gets half; the other one is a repetition and a false alarm.
    (
        ((8.0, "Lighthouse."), (9.75, "Lighthouse.")),
        {"on_time": 0.5, "timed_f1": 2 / 3, "repeated": 0.5} | ALARM,
    ),
    # Silence misses, and nothing else.
    ((), {"on_time": 0, "timed_f1": 0, "missed": 1, "false_alarms_per_minute": 0}),
    ((), {"repeated": None, "onset_error": None}),
    # An acknowledgement right after the instruction is neutral ...
    (((3.2, "Sure, I will."), (9.75, "Lighthouse.")), {"on_time": 1, "timed_f1": 1, "acknowledged": 1}),
    # ... but not one that comes out of the blue.
    (((6.5, "Sure, I will."), (9.75, "Lighthouse.")), {"on_time": 0.5, "acknowledged": 0} | ALARM),
]


@pytest.mark.parametrize(("said", "expected_values"), FATES)
def test_what_is_said_and_what_it_earns(
    said: tuple[tuple[float, str], ...], expected_values: Mapping[str, float | None]
) -> None:
    found = values(scored(DELAY, heard(*said)))
    for name, value in expected_values.items():
        assert found[name] == (None if value is None else pytest.approx(value)), name


def test_a_long_promise_is_no_short_acknowledgement() -> None:
    found = values(scored(DELAY, heard((3.2, "Sure, I will."), (9.75, "Lighthouse."), length_s=5.1)))
    assert found["acknowledged"] == 0
    assert found["false_alarms_per_minute"] == 1


# ---- silent controls


CONTROL = sample(item(id="cs-sum-002", family="arithmetic_slip", events=[]))


@pytest.mark.parametrize(
    ("said", "quiet"),
    [
        ((), 1),
        (((3.0, "Okay."),), 1),
        (((3.0, "Lighthouse."),), 1),
        (((3.0, ""),), 1),
        (((3.0, "Okay."), (4.5, "I am listening.")), 0),
        (((9.0, "Okay."),), 0),
    ],
)
def test_silent_controls(said: tuple[tuple[float, str], ...], quiet: int) -> None:
    score = scored(CONTROL, heard(*said))
    assert values(score)["on_time"] == values(score)["quiet"] == quiet
    assert "missed" not in score.values
    assert "acc_025" not in score.values
    assert "quiet" not in scored(DELAY, heard()).values


# ---- series, and the order to stop


def series(n: int, period: float, **more: object) -> Sample:
    beats = [
        event(id=f"e{k}", accept=["Tick."], reject=["Tock."], meaning="says tick", after_s=k * period,
              window={"kind": "scheduled", "period_s": period})
        for k in range(1, n + 1)
    ]  # fmt: skip
    turns = [
        {"id": "a", "text": "Say tick again and again.", "at_s": 0.0},
        {"id": "b", "text": "Stop.", "after": "a", "gap_s": (n + 0.3) * period},
    ]
    quiet = [{"turn": "b", "edge": "end"}]
    return sample(item(family="periodic_until_stop", turns=turns, events=beats, quiet_after=quiet, **more))


def test_beats_said_every_second_stay_apart() -> None:
    one = series(4, 1.0)
    assert expected_of(one).silence_s == 0.25
    beats = [(1.25 + k, "Tick.") for k in range(1, 5)]
    found = values(scored(one, heard(*beats, length_s=0.7)))
    assert found["on_time"] == found["stopped"] == 1


def test_going_on_after_stop_is_seen_and_costs() -> None:
    one = series(3, 4.0)
    # Said at 5.25, 9.25 and 13.25; told to stop until 14.7; from 16.7 on nothing more may be said.
    assert expected_of(one).quiet_from == (pytest.approx(16.7),)
    beats = [(1.25 + 4 * k, "Tick.") for k in range(1, 5)]
    assert values(scored(one, heard(*beats[:3])))["stopped"] == 1
    found = values(scored(one, heard(*beats)))
    assert found["stopped"] == 0
    assert found["on_time"] == 3 / 4
    polite = heard(*beats[:3], (15.5, "Okay."))
    assert values(scored(one, polite))["stopped"] == 1


# ---- numbers and lengths


@pytest.mark.parametrize(
    ("text", "earned", "error"),
    [
        ("About ten seconds.", 1, 0),
        ("About eleven and a half seconds.", 1, 1.5),
        ("About twelve seconds.", 0, 2),
        ("Nine or ten seconds.", 1, 1),
        ("Ten seconds, or twenty seconds.", 0, 10),
        ("A while.", 0, None),
    ],
)
def test_elapsed_time_is_checked_by_code(text: str, earned: int, error: float | None) -> None:
    assert expected_of(ELAPSED).due[0].truth_s == pytest.approx(10.0)
    found = values(scored(ELAPSED, heard((12.5, text))))
    assert (found["on_time"], found["meaning"]) == (earned, earned)
    assert found["number_error"] == (None if error is None else pytest.approx(error))


def test_an_answer_before_the_question_ends_earns_nothing() -> None:
    assert values(scored(ELAPSED, heard((11.9, "Ten seconds."))))["on_time"] == 0
    assert values(scored(ELAPSED, heard((11.9, "Ten seconds."))))["acc_300"] == 0


TALK = sample(
    item(
        family="own_duration",
        turns=[{"id": "a", "text": "Talk about the sea for fifteen seconds.", "at_s": 0.0}],
        events=[
            event(
                meaning="talks about the sea",
                accept=["The sea is deep and blue, full of fish and salt, and it moves with the moon."],
                reject=["I can talk about the sea."],
                after_s=0.0,
                window={"kind": "answer", "w_s": 3.0},
                speech={"seconds": 15.0},
            )
        ],
        tail_s=30.0,
    )
)


@pytest.mark.parametrize(("length", "earned"), [(15.0, 1), (12.0, 1), (18.0, 1), (11.9, 0), (18.1, 0)])
def test_the_length_of_a_talk(length: float, earned: int) -> None:
    text = "The sea is deep and blue, full of fish and salt, and it moves with the moon."
    half = (length - 1.4) / 2
    pieces = text.split()
    words = tuple(Word(w, 3.0 + 0.2 * k, 3.2 + 0.2 * k) for k, w in enumerate(pieces))
    # A pause of 1.4 s belongs to the talk.
    segments = (Segment(3.0, 3.0 + half), Segment(3.0 + half + 1.4, 3.0 + length))
    found = values(said_right(TALK, Timeline(60.0, segments, words, WordSource.ADAPTER)))
    assert found["on_time"] == earned
    assert found["duration_error"] == pytest.approx(abs(length - 15.0))
    assert found["meaning"] == 1


# ---- what cannot be known


def test_speech_without_words_is_missing_not_zero() -> None:
    score = scored(DELAY, Timeline(20.0, (Segment(9.0, 9.5),), (), WordSource.NONE))
    assert score.values == {}
    assert set(score.missing) == set(names("single_delay", events=True))
    silent = scored(CONTROL, Timeline(20.0, (Segment(9.0, 9.5),), (), WordSource.NONE))
    assert set(silent.missing) == set(names("arithmetic_slip", events=False))
    assert "quiet" in silent.missing
    assert not {"missed", "acc_025", "events_on_time"} & set(silent.missing)
    assert "quiet" not in score.missing


def test_a_missing_verdict_is_missing_not_zero() -> None:
    timeline = heard((9.95, "Lighthouse."))
    assert scoring.score(DELAY, timeline, {}).missing["on_time"] == "not judged"
    (question,) = scoring.questions(DELAY, timeline)
    lost = {question.key: Verdict(None, missing="the judge was out")}
    assert scoring.score(DELAY, timeline, lost).missing["on_time"] == "the judge was out"


def test_a_sample_of_another_task_is_refused() -> None:
    with pytest.raises(BadSampleError, match="its annotation is not of this task"):
        scoring.questions(Sample("x", "y"), heard())


# ---- questions


def test_questions_show_what_was_said_so_far_and_no_times() -> None:
    (question,) = scoring.questions(DELAY, heard((9.95, "Lighthouse.")))
    assert question.texts("user") == ("Could you say the word lighthouse in seven seconds?",)
    assert question.texts("expected") == ("says the word lighthouse",)
    assert question.texts("accepted example") == ("Lighthouse.", "Okay, lighthouse!")
    assert question.texts("reply") == ("Lighthouse.",)
    assert all(line.start_s is None and line.end_s is None for line in question.lines)
    (number,) = scoring.questions(ELAPSED, heard((12.5, "Ten seconds.")))
    assert number.texts("accepted example") == ("About <number> seconds.", "<number> seconds.")


def test_only_what_may_count_is_asked() -> None:
    assert scoring.questions(DELAY, heard((5.9, "Lighthouse."), (13.6, "Lighthouse."))) == ()
    (near,) = scoring.questions(DELAY, heard((6.1, "Lighthouse.")))
    assert near.key == "0-e1"
    assert scoring.questions(DELAY, heard((3.0, "Okay."))) == ()
    assert scoring.questions(CONTROL, heard((3.0, "Okay."))) == ()


# ---- utterances


def words(*said: tuple[str, float, float]) -> tuple[Word, ...]:
    return tuple(Word(*w) for w in said)


def test_pauses_within_an_utterance_belong_to_it() -> None:
    timeline = Timeline(
        9.0,
        (Segment(1.0, 1.5), Segment(1.9, 2.4), Segment(3.0, 3.4)),
        words(("Oh,", 1.0, 1.5), ("flip", 1.9, 2.1), ("them.", 2.1, 2.4), ("Now.", 3.0, 3.4)),
        WordSource.ADAPTER,
    )
    assert [(u.start_s, u.end_s, u.text) for u in stretches(timeline, 0.5)] == [
        (1.0, 2.4, "Oh, flip them."),
        (3.0, 3.4, "Now."),
    ]


def test_declared_word_times_cut_nothing() -> None:
    """A transcript sent at the end with invented times took speech apart where it liked."""
    said = words(("Three.", 1.0, 1.4), ("Two.", 2.0, 2.4), ("One.", 3.0, 3.4))
    for source in (WordSource.ADAPTER, WordSource.PROPORTIONAL):
        timeline = Timeline(9.0, (Segment(1.0, 3.4),), said, source)
        (found,) = stretches(timeline, 0.5)
        assert (found.start_s, found.end_s, found.text) == (1.0, 3.4, "Three. Two. One.")


def test_speech_without_a_word_is_an_utterance() -> None:
    assert [u.text for u in stretches(Timeline(5.0, (Segment(1.0, 1.5),)), 0.5)] == [""]
    assert stretches(Timeline(5.0), 0.5) == ()


# ---- respondents with known behaviour


@pytest.mark.parametrize("one", [DELAY, CONTROL, ELAPSED, TALK, series(4, 1.0), series(3, 4.0)])
def test_the_ideal_respondent_gets_everything_and_blind_ones_do_not(one: Sample) -> None:
    judged = said_right if one is TALK else scored
    assert values(judged(one, TimeSpeak().ideal(one)))["on_time"] == 1
    blind = TimeSpeak().blind(one)
    assert values(scored(one, blind["silent"]))["on_time"] == (one is CONTROL)
    assert values(scored(one, blind["always-on"]))["on_time"] == 0
    assert len(blind) >= 13


@pytest.mark.parametrize("one", [DELAY, ELAPSED, series(3, 10.0)])
@pytest.mark.parametrize("shift", [-2.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0])
def test_a_shift_follows_the_windows(one: Sample, shift: float) -> None:
    found = values(scored(one, shifted(one, shift)))
    due = expected_of(one).due
    onsets = [u.at_s + shift for u in one.reference.ideal]
    pairs = list(zip(due, onsets, strict=True))
    assert found["on_time"] == sum(d.target.holds(at) for d, at in pairs) / len(due)
    for name, tau in zip(CURVE, TOLERANCES_S, strict=True):
        assert found[name] == sum(d.target.holds_within(at, tau) for d, at in pairs) / len(due)


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["Tick.", "Tock.", "Okay.", ""])), max_size=8))
def test_every_event_and_every_utterance_has_one_fate(said: list[tuple[int, str]]) -> None:
    one = series(3, 4.0)
    onsets = sorted({at for at, _ in said})
    texts = dict(said)
    score = scored(one, heard(*((float(at), texts[at]) for at in onsets)))
    found = {name: value.numerator for name, value in score.values.items()}
    hits = found["timed_f1"] / 2
    assert hits + found["early"] + found["late"] + found["missed"] == 3
    counted = score.values["timed_f1"].denominator - 3
    alarms = found["false_alarms_per_minute"]
    assert counted == hits + found["early"] + found["late"] + alarms
    assert found["repeated"] <= alarms
    assert found["on_time"] == hits / max(3, counted)
    assert 0 <= found["acc_025"] <= found["acc_050"] <= found["acc_100"] <= found["acc_300"] <= 1


def test_metrics_apply_where_items_have_what_they_measure() -> None:
    where = {m.name: m.subsets for m in (*metrics(TIMESPEAK), *metrics(CUESPEAK))}
    assert where["stopped"] == ("periodic_until_stop",)
    assert where["number_error"] == ("elapsed_time",)
    assert where["duration_error"] == ("schedule", "own_duration")
    assert where["in_pause"] == CUESPEAK
    assert {m.name for m in metrics(TIMESPEAK)} >= {m.name for m in metrics(CUESPEAK)}
    assert {m.name: m.subsets for m in metrics(TIMESPEAK)}["in_pause"] == ("delay_while_talking",)


def test_the_annotation_has_a_stable_text() -> None:
    annotation = DELAY.reference.annotation
    assert isinstance(annotation, TimedAnnotation)
    assert repr(annotation) == repr(expected_of(sample(item())))


@given(
    st.lists(st.floats(0.0, 20.0), min_size=1, max_size=6),
    st.lists(st.tuples(st.floats(0.0, 20.0), st.floats(0.0, 2.0)), max_size=12),
)
def test_utterances_are_in_order_whatever_the_words_times_are(
    starts: list[float], spoken: list[tuple[float, float]]
) -> None:
    segments = tuple(Segment(a, a + 0.5) for a in sorted(starts))
    words = tuple(Word("word", a, a + length) for a, length in spoken)
    found = stretches(Timeline(30.0, segments, words, WordSource.ADAPTER), 0.5)
    assert [u.start_s for u in found] == sorted(u.start_s for u in found)
    assert all(u.start_s <= u.end_s for u in found)
