"""Replies where the spans of expected turns overlap, touch, or begin a moment after the reply does."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.pauc import RatedReply, clean_up, pauc, within
from tml_bench.questions import Verdict
from tml_bench.samples import Reference, Sample
from tml_bench.task import Score
from tml_bench.tasks.proactive_video_qa.loader import ExpectedTurn, ProactiveAnnotation
from tml_bench.tasks.proactive_video_qa.scoring import ONSET_TOLERANCE_S
from tml_bench.tasks.proactive_video_qa.spans import ExpectedSpans, SortedTimes
from tml_bench.tasks.proactive_video_qa.task import ProactiveVideoQA
from tml_bench.timeline import Segment, Timeline, Word, WordSource

TASK = ProactiveVideoQA()
COVERED, WRONG = "3", "1"


def sample(*spans: tuple[float, float]) -> Sample:
    """A video of a minute from the session's start; everything relates to the whole of it."""
    turns = tuple(ExpectedTurn(f"turn {k}", span, 60.0) for k, span in enumerate(spans, 1))
    return Sample("s", "WEB", reference=Reference(annotation=ProactiveAnnotation("What?", turns, 0.0, 60.0)))


def heard(*said: tuple[float, float, str]) -> Timeline:
    segments = tuple(Segment(a, b) for a, b, _ in said)
    return Timeline(60.0, segments, tuple(Word(t, a, b) for a, b, t in said), WordSource.ADAPTER)


def keys(one: Sample, timeline: Timeline) -> list[str]:
    """The questions about onsets, such as "turn 1 reply 1"."""
    asked = [question.key for question in TASK.questions(one, timeline)]
    return [key.removeprefix("onset ") for key in asked if key.startswith("onset ")]


def scored(one: Sample, timeline: Timeline, answers: Mapping[str, str]) -> Score:
    """Scored with the answer of each question; others are covered."""
    verdicts = {q.key: Verdict(answers.get(q.key, COVERED)) for q in TASK.questions(one, timeline)}
    return TASK.score(one, timeline, verdicts)


def sums(score: Score, *names: str) -> list[tuple[float, float]]:
    return [(score.values[name].numerator, score.values[name].denominator) for name in names]


OVERLAP = sample((10.0, 20.0), (16.0, 26.0))


def test_a_reply_in_two_spans_is_a_reply_to_both_turns() -> None:
    one = heard((18.0, 18.5, "yes"))
    assert keys(OVERLAP, one) == ["turn 1 reply 1", "turn 2 reply 1"]
    score = scored(OVERLAP, one, {})
    # .5 until 8 s and 1 from there; .5 until 2 s and 1 from there.
    assert score.values["pauc_000"].numerator == pytest.approx(
        (0.5 * 8 + 2 * 2) / 20 + (0.5 * 2 + 2 * 8) / 20
    )
    assert sums(score, "answered", "out_of_span", "duplicates") == [(2, 2), (0, 1), (0, 0)]


def test_a_reply_in_two_spans_may_be_right_for_one_and_wrong_for_the_other() -> None:
    score = scored(OVERLAP, heard((18.0, 18.5, "yes")), {"onset turn 2 reply 1": WRONG})
    assert score.values["pauc_100"].numerator == pytest.approx(1.0 + 0.0)


def test_a_reply_before_or_after_the_overlap_is_one_turns_alone() -> None:
    assert keys(OVERLAP, heard((12.0, 12.5, "a"), (22.0, 22.5, "b"))) == ["turn 1 reply 1", "turn 2 reply 1"]
    assert keys(OVERLAP, heard((22.0, 22.5, "b"))) == ["turn 2 reply 1"]


def test_a_reply_repeated_in_the_overlap_is_one_per_turn_and_counted_once() -> None:
    """At 12 s for the first turn only, so that the one at 18 s is no repetition for the second."""
    one = heard((12.0, 12.5, "Yes."), (18.0, 18.5, "yes"))
    assert keys(OVERLAP, one) == ["turn 1 reply 1", "turn 2 reply 1"]
    score = scored(OVERLAP, one, {})
    assert sums(score, "duplicates", "answered") == [(1, 1), (2, 2)]
    assert score.values["pauc_000"].numerator == pytest.approx(
        (0.5 * 2 + 2 * 8) / 20 + (0.5 * 2 + 2 * 8) / 20
    )


def test_every_reply_beyond_the_first_of_a_turn_could_be_a_duplicate() -> None:
    one = heard((17.0, 17.4, "a"), (18.5, 18.9, "b"), (19.9, 20.3, "b"))
    assert sums(scored(OVERLAP, one, {}), "duplicates", "out_of_span") == [(2, 4), (0, 3)]


TOUCH = sample((10.0, 20.0), (20.0, 30.0))


def test_an_instant_where_two_spans_touch_is_in_both() -> None:
    assert keys(TOUCH, heard((20.0, 20.5, "yes"))) == ["turn 1 reply 1", "turn 2 reply 1"]


@pytest.mark.parametrize(
    ("onset_s", "turns"),
    [
        (19.95, ["turn 1 reply 1"]),  # the first span holds it, so it stays there
        (9.95, ["turn 1 reply 1"]),
        (9.9, ["turn 1 reply 1"]),
        (9.89, []),
        (30.0, ["turn 2 reply 1"]),
        (30.01, []),
    ],
)
def test_an_onset_a_moment_before_a_span_is_in_it_unless_another_holds_it(
    onset_s: float, turns: list[str]
) -> None:
    assert keys(TOUCH, heard((onset_s, onset_s + 0.5, "yes"))) == turns


def test_a_tenth_of_a_second_before_a_span_is_near_enough() -> None:
    """From the video's first instant to 0.1 s there is no rounding."""
    assert keys(sample((0.1, 20.0)), heard((0.0, 0.5, "yes"))) == ["turn 1 reply 1"]


def test_an_onset_just_after_a_short_span_stays_outside() -> None:
    assert keys(sample((10.0, 10.5)), heard((10.8, 11.0, "yes"))) == []


def test_rows_have_the_session_s_times() -> None:
    """The video begins at 10 s; the reply is wrong for the first turn and covers the second."""
    spans = enumerate(((5.0, 15.0), (8.0, 18.0)), 1)
    turns = tuple(ExpectedTurn(f"turn {k}", span, 60.0) for k, span in spans)
    expected = ProactiveAnnotation("What?", turns, 10.0, 40.0)
    late = Sample("s", "WEB", reference=Reference(annotation=expected))
    score = scored(late, heard((19.0, 20.0, "yes")), {"onset turn 1 reply 1": WRONG})
    assert score.rows == (
        {"event": "reply: yes", "start_s": 19.0, "end_s": 20.0},
        {"event": "turn 1", "start_s": 15.0, "end_s": 25.0},
        {"event": "turn 1 judged", "start_s": 19.0, "end_s": None, "score": 0.0},
        {"event": "turn 2", "start_s": 18.0, "end_s": 28.0},
        {"event": "turn 2 judged", "start_s": 19.0, "end_s": None, "score": 2.0},
    )


def test_an_onset_moved_to_the_opening_counts_from_there() -> None:
    score = scored(TOUCH, heard((9.95, 10.5, "yes")), {})
    assert score.values["pauc_000"].numerator == pytest.approx(1.0 + 0.25)
    assert sums(score, "out_of_span") == [(0, 1)]


def test_an_onset_before_two_openings_is_moved_to_the_first() -> None:
    """Both spans open within a tenth of a second after it; the first opening is in one of them only."""
    near = sample((10.02, 20.0), (10.06, 22.0))
    assert keys(near, heard((9.97, 10.5, "yes"))) == ["turn 1 reply 1"]


def test_turns_that_share_a_span_share_their_replies() -> None:
    same = sample((10.0, 20.0), (10.0, 20.0))
    score = scored(same, heard((10.0, 10.5, "yes")), {})
    assert sums(score, "pauc_000", "answered") == [(pytest.approx(2.0), 2), (2, 2)]


# ---- the measure's own edges


@pytest.mark.parametrize(("at_s", "inside"), [(9.999, False), (10.0, True), (20.0, True), (20.001, False)])
def test_a_span_holds_both_its_ends(at_s: float, inside: bool) -> None:
    assert within(at_s, (10.0, 20.0)) is inside
    # Wrong at an end: nothing at the start, and .5 / 2 all along at the end.
    expected = {10.0: 0.0, 20.0: 0.25}.get(at_s, 0.25)
    assert pauc([RatedReply(at_s, 0)], (10.0, 20.0), 0.0) == pytest.approx(expected)


def test_the_clean_up_keeps_what_is_as_good_and_what_relates() -> None:
    """At the related span's very end a reply relates; after it, one that scores as much stays."""
    first, at_end, equal, worse = (
        RatedReply(11.0, 2),
        RatedReply(15.0, 1),
        RatedReply(16.0, 1),
        RatedReply(17.0, 0),
    )
    assert clean_up([worse, equal, at_end, first], 15.0) == [first, at_end, equal]
    assert clean_up([equal, worse], 15.0) == [equal, worse]
    assert clean_up([worse], 15.0) == [worse]


def test_without_a_related_span_nothing_is_cleaned_up() -> None:
    """A good reply at the span's very start, and a bad one that takes it back."""
    replies = [RatedReply(10.0, 2), RatedReply(15.0, 0)]
    assert pauc(replies, (10.0, 20.0), 1.0) == 0.0
    assert pauc(replies, (10.0, 20.0), 1.0, related_end_s=12.0) == 1.0


@pytest.mark.parametrize("omega", [-0.001, 1.001])
def test_omega_is_a_share(omega: float) -> None:
    with pytest.raises(ValueError, match="omega"):
        pauc([], (10.0, 20.0), omega)


def test_the_ideal_speaks_just_after_an_edge_that_two_spans_share() -> None:
    """At the edge itself the second answer, wrong for the first turn, was also a reply to the first."""
    touching = sample((10.0, 20.0), (20.0, 24.0))
    ideal = TASK.ideal(touching)
    assert [segment.start_s for segment in ideal.segments] == [10.0, 20.05]
    assert keys(touching, ideal) == ["turn 1 reply 1", "turn 2 reply 1"]
    ceiling = scored(touching, ideal, {}).values["pauc_050"].numerator
    assert ceiling == pytest.approx(1.0 + 1.0 - 0.5 * 0.05 * 1.5 / 8, abs=1e-9)
    at_once = heard((10.0, 11.0, "turn 1"), (20.0, 21.0, "turn 2"))
    assert keys(touching, at_once) == ["turn 1 reply 1", "turn 1 reply 2", "turn 2 reply 1"]
    assert scored(touching, at_once, {"onset turn 1 reply 2": WRONG}).values["pauc_100"].numerator == 1.0
    for by_s in (-0.1, -0.05, 0.05, 0.1):
        moved = heard(
            *((s.start_s + by_s, s.end_s + by_s, f"turn {k}") for k, s in enumerate(ideal.segments, 1))
        )
        wrong = dict.fromkeys(("onset turn 1 reply 2",), WRONG)
        assert scored(touching, moved, wrong).values["pauc_050"].numerator <= ceiling + 0.01
    apart = TASK.ideal(sample((10.0, 20.0), (20.1, 24.0)))
    assert [segment.start_s for segment in apart.segments] == [10.0, 20.1]


GRID = st.integers(0, 40).map(lambda k: k / 20)
"""Times that meet: on edges, and within the tolerance of each other."""


@given(st.lists(st.tuples(GRID, GRID), max_size=8), st.lists(GRID, max_size=12))
def test_spans_are_what_comparing_each_with_each_finds(
    spans: list[tuple[float, float]], times: list[float]
) -> None:
    known, sorted_times = ExpectedSpans(spans), SortedTimes(times)
    for span in spans:
        assert sorted_times.inside(span) == [k for k, at in enumerate(times) if within(at, span)]
        assert sorted_times.count(span) == sum(within(at, span) for at in times)
    for at in times:
        soon = (start for start, _ in spans if 0 < start - at <= ONSET_TOLERANCE_S)
        assert known.opening_after(at, ONSET_TOLERANCE_S) == next(soon, None)
        assert known.hold(at) == any(within(at, span) for span in spans)
        assert known.held_before(at) == any(span[0] < at and within(at, span) for span in spans)


def test_what_a_long_video_costs_does_not_grow_with_its_square() -> None:
    """Calls of functions of a strategy that replies all the time, where there are spans all the time."""

    def calls(length: int) -> int:
        turns = tuple(ExpectedTurn(f"turn {k}", (k, k + 5.0), k + 5.0) for k in range(0, length, 10))
        asked = ProactiveAnnotation("What?", turns, 0.0, length)
        long = Sample("s", "EGO", reference=Reference(annotation=asked))
        count = 0

        def called(*_: object) -> None:
            nonlocal count
            count += 1

        before = sys.getprofile()
        sys.setprofile(called)
        try:
            for timeline in (TASK.blind(long)["always-reply"], TASK.ideal(long)):
                answers = {q.key: Verdict(COVERED) for q in TASK.questions(long, timeline)}
                TASK.score(long, timeline, answers)
        finally:
            sys.setprofile(before)
        return count

    calls(100)
    small, large = calls(400), calls(800)
    assert large < 2.1 * small
