"""FD-bench v1.5 on hand-written folders and timelines: loading with every flaw, scores by hand, averages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from msgspec import structs

from tml_bench.errors import BadSampleError, UserError
from tml_bench.outcome import Outcome
from tml_bench.perception import prosody
from tml_bench.questions import Question, QuestionLine, Verdict
from tml_bench.runs.selection import Selection
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.scoring.floors import baselines
from tml_bench.scoring.judging import score_all
from tml_bench.scoring.summary import RunFacts, Summary, summarise
from tml_bench.scoring.timelines import SampleOutcome
from tml_bench.task import Score, Value
from tml_bench.tasks.fd_bench_v15 import behaviour
from tml_bench.tasks.fd_bench_v15.behaviour import ANSWERS, MODEL, OVERLAP, USER, USER_CLEAN
from tml_bench.tasks.fd_bench_v15.loader import OFFICIAL_SIZES, SUBSETS, CleanAnnotation, OverlapAnnotation
from tml_bench.tasks.fd_bench_v15.task import FdBenchV15
from tml_bench.timeline import Segment, Timeline, Voice, Word, WordSource

TASK = FdBenchV15()
GOOD = {
    "context_text": "How do I grow tomatoes?",
    "current_turn_text": "Wait, what about peppers?",
    "timestamps": [7.0, 9.0],
}


def audio(path: Path, seconds: float = 20.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(int(seconds * 8000)), 8000)


def item(root: Path, subset: str = "user_interruption", number: str = "1", **changes: Any) -> Path:
    folder = root / subset / number
    audio(folder / "input.wav")
    audio(folder / "clean_input.wav")
    (folder / "metadata.json").write_text(json.dumps(GOOD | changes))
    return folder


def pair(root: Path) -> tuple[Sample, Sample]:
    first, second = TASK.samples(root)
    return first, second


# ---- loading


def test_an_item_is_a_sample_and_its_companion(tmp_path: Path) -> None:
    folder = item(tmp_path)
    sample, clean = pair(tmp_path)
    assert (sample.id, clean.id) == ("user_interruption-1", "user_interruption-1-clean")
    assert (sample.scored, clean.scored) == (True, False)
    assert (sample.companions, clean.companions) == ({"clean": clean.id}, {})
    assert [t.audio for t in sample.script.turns] == [folder / "input.wav"]
    assert [t.audio for t in clean.script.turns] == [folder / "clean_input.wav"]
    found = OverlapAnnotation(20.0, "How do I grow tomatoes?", "Wait, what about peppers?", (7.0, 9.0))
    assert sample.reference.annotation == found
    assert clean.reference.annotation == CleanAnnotation(20.0, found)
    assert (sample.problem, clean.problem, sample.notes, clean.notes) == ("", "", (), ())


def test_subsets_in_order_and_items_by_number(tmp_path: Path) -> None:
    for subset in ("background_speech", "user_interruption"):
        for number in ("10", "9", "2"):
            item(tmp_path / "v1_5", subset, number)
    (tmp_path / "v1_5" / "background_speech" / "notes").mkdir()
    assert [s.id for s in TASK.samples(tmp_path) if s.scored] == [
        f"{subset}-{n}" for subset in ("user_interruption", "background_speech") for n in (2, 9, 10)
    ]
    assert {s.subset for s in TASK.samples(tmp_path, ["background_speech"])} == {"background_speech"}
    assert len(list(TASK.samples(tmp_path / "v1_5" / "background_speech"))) == 6


def test_a_limit_counts_items_and_keeps_companions(tmp_path: Path) -> None:
    for number in ("1", "2", "3"):
        item(tmp_path, number=number)
    chosen = Selection(tmp_path, limit=2).of(TASK)
    assert [s.id for s in chosen] == [
        f"user_interruption-{n}{suffix}" for n in (1, 2) for suffix in ("", "-clean")
    ]


@pytest.mark.parametrize(
    ("make", "subsets", "says"),
    [
        (None, (), "no such folder"),
        ("other", (), "holds none of"),
        ("talking_to_other", (), "no samples"),
        ("talking_to_other/1", ("user_interruption",), "is not there"),
        ("talking_to_other/1", ("talking",), "unknown"),
    ],
)
def test_folders_that_cannot_be_used(
    tmp_path: Path, make: str | None, subsets: tuple[str, ...], says: str
) -> None:
    root = tmp_path / "data"
    if make:
        (root / make).mkdir(parents=True)
    with pytest.raises(UserError, match=says):
        list(TASK.samples(root, subsets))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty"),
        ("{", "not JSON"),
        ([GOOD], "Expected `object`, got `array`"),
        ({k: v for k, v in GOOD.items() if k != "timestamps"}, "timestamps: is missing"),
        (GOOD | {"timestamps": 7.0}, "timestamps: Expected `array`, got `float` (7.0)"),
        (GOOD | {"timestamps": [7.0, None]}, "timestamps[1]: Expected `float`, got `null`"),
        (GOOD | {"timestamps": [-1.0, 9.0]}, "timestamps[0]: Expected `float` >= 0.0 (-1.0)"),
        (GOOD | {"timestamps": [9.0, 9.0]}, "not after its start"),
        (GOOD | {"timestamps": [19.0, 21.0]}, "beyond the clip's end at 20 s"),
        (GOOD | {"context_timestamps": [3.0, 1.0]}, "context_timestamps: ends at"),
        (GOOD | {"context_text": ""}, "context_text: is empty"),
        (GOOD | {"current_turn_text": 3}, "current_turn_text: Expected `str`, got `int` (3)"),
        ({"timestamps": [7.0, 9.0]}, "context_text: is missing"),
        (GOOD | {"reply_text": None}, "reply_text: Expected `str`, got `null`"),
    ],
)
def test_broken_metadata_is_the_problem_of_both(tmp_path: Path, content: Any, says: str) -> None:
    folder = item(tmp_path)
    (folder / "metadata.json").write_text(content if isinstance(content, str) else json.dumps(content))
    item(tmp_path, number="2")
    first, clean, fine, fine_clean = TASK.samples(tmp_path)
    assert first.problem == clean.problem
    assert first.problem.startswith("user_interruption/1/metadata.json: ")
    assert says in first.problem
    assert "; " in first.problem
    assert (fine.problem, fine_clean.problem) == ("", "")
    assert (first.scored, clean.scored, first.companions) == (True, False, {"clean": clean.id})
    with pytest.raises(BadSampleError, match="metadata"):
        TASK.score(first, Timeline(1.0))


@pytest.mark.parametrize("name", ["input.wav", "clean_input.wav", "metadata.json"])
def test_a_missing_file_is_the_problem_of_both(tmp_path: Path, name: str) -> None:
    (item(tmp_path) / name).unlink()
    for sample in pair(tmp_path):
        assert f"{name}: the file is missing; unpack" in sample.problem


@pytest.mark.parametrize("name", ["input.json", "clean_input.json"])
def test_a_broken_transcript_of_the_user_is_a_problem(tmp_path: Path, name: str) -> None:
    (item(tmp_path) / name).write_text("{}")
    assert f"{name}: chunks: is missing" in pair(tmp_path)[0].problem


def test_lengths_that_differ_are_noted(tmp_path: Path) -> None:
    audio(item(tmp_path) / "clean_input.wav", 15.0)
    sample, clean = pair(tmp_path)
    assert sample.notes == ("input and clean_input differ in length",)
    assert clean.reference.annotation == CleanAnnotation(15.0, sample.reference.annotation)  # type: ignore[arg-type]


def test_references(tmp_path: Path) -> None:
    item(tmp_path, context_timestamps=[0.0, 3.0], reply_text="More sun.")
    audio(item(tmp_path, "user_backchannel") / "context.wav", 2.0)
    item(tmp_path, "talking_to_other")
    asked, asked_clean, nod, nod_clean, other, other_clean = TASK.samples(tmp_path)
    assert asked.reference.user_end_s == 9.0
    assert asked.reference.ideal == (Utterance(3.2, "talk", 7.2), Utterance(9.2, text="More sun."))
    assert (asked_clean.reference.user_end_s, asked_clean.reference.ideal) == (3.0, (Utterance(3.2, "talk"),))
    assert nod.reference.ideal == nod_clean.reference.ideal == (Utterance(2.2, "talk"),)
    # Nobody knows when the question ends.
    assert (other.reference.ideal, other_clean.reference.ideal) == ((), ())
    assert other_clean.reference.user_end_s is None


def test_official_sizes(tmp_path: Path) -> None:
    assert sum(max(sizes) for sizes in OFFICIAL_SIZES.values()) == 499
    for number in range(99):
        (tmp_path / "user_backchannel" / str(number)).mkdir(parents=True)
    assert TASK.dataset(tmp_path) == "official"
    (tmp_path / "user_backchannel" / "98").rmdir()
    assert TASK.dataset(tmp_path) == "official"
    (tmp_path / "user_backchannel" / "97").rmdir()
    assert TASK.dataset(tmp_path) == f"custom-{tmp_path.name}"


# ---- the question and the rule

ITEM = OverlapAnnotation(20.0, "How do I grow tomatoes?", "Wait, what about peppers?", (7.0, 9.0), (0.0, 3.0))
CLEAN_TEXT = "Tomatoes like rich soil and warm nights. Put the pots near a wall that keeps the heat."


def said(text: str, start: float, end: float) -> list[Word]:
    tokens = text.split()
    step = (end - start) / len(tokens)
    return [Word(w, start + k * step, start + (k + 1) * step) for k, w in enumerate(tokens)]


def heard(*spoken: tuple[str, float, float], **more: Any) -> Timeline:
    spans = tuple(Segment(a, b) for _, a, b in spoken)
    words = tuple(w for text, a, b in spoken for w in said(text, a, b))
    source = more.pop("word_source", WordSource.ADAPTER if words else WordSource.SILENT)
    return Timeline(20.0, spans, words, source, silero_unrounded=spans, **more)


CLEAN = heard((CLEAN_TEXT, 3.5, 15.0))


def with_overlap(*spoken: tuple[str, float, float]) -> Timeline:
    spans = (Segment(0.0, 3.0), Segment(7.0, 9.0))
    return heard(*spoken, user=Timeline(20.0, spans, silero_unrounded=spans), companions={"clean": CLEAN})


@pytest.mark.parametrize(
    ("spoken", "answer"),
    [
        # Stops, then takes up the peppers.
        ([("Tomatoes like rich", 3.5, 7.4), ("Peppers need more sun.", 9.7, 11.0)], "RESPOND"),
        ([("Tomatoes like rich", 3.5, 7.4), ("Sure. Pepper plants are easy.", 9.7, 11.0)], "RESPOND"),
        # Takes them up in the same breath.
        ([("Tomatoes like rich", 3.5, 7.0), ("peppers do too, by the way.", 7.2, 9.0)], "RESPOND"),
        # Goes on in one breath, beyond the overlap.
        ([(CLEAN_TEXT, 3.5, 15.0)], "RESUME"),
        # Stops, then goes on in other words than before.
        ([("Tomatoes like rich", 3.5, 7.4), ("So, rich soil, and pots near walls.", 9.7, 12.0)], "RESUME"),
        # Starts over.
        ([("Tomatoes like rich", 3.5, 7.4), (CLEAN_TEXT, 10.0, 18.0)], "RESUME"),
        ([("Tomatoes like", 3.5, 7.4), ("Sorry, could you repeat that?", 9.7, 11.0)], "UNCERTAIN"),
        ([("Tomatoes like", 3.5, 7.4), ("I didn't quite catch that.", 9.7, 11.0)], "UNCERTAIN"),
        ([("Tomatoes like", 3.5, 7.4), ("I can't hear you.", 9.7, 11.0)], "UNCERTAIN"),
        # Asks to repeat, and only then mentions them: the first new thing counts.
        ([("Tomatoes", 3.5, 7.4), ("Pardon? Was it peppers?", 9.7, 11.0)], "UNCERTAIN"),
        ([("Tomatoes", 3.5, 7.4), ("Peppers? Could you repeat that?", 9.7, 11.0)], "RESPOND"),
        # Ends within the overlap and says no more.
        ([("Tomatoes like rich soil and warm", 3.5, 8.0)], "UNKNOWN"),
        # Ends a little later than the overlap: nothing new, and not kept talking.
        ([("Tomatoes like rich soil and warm", 3.5, 9.9)], "UNKNOWN"),
        ([("Tomatoes like rich soil and warm", 3.5, 10.0)], "RESUME"),
        # Never spoke after the overlap began.
        ([("Tomatoes like rich soil", 3.5, 6.5)], "UNKNOWN"),
        ([], "UNKNOWN"),
        ([("Tomatoes like", 3.5, 7.4), ("My favourite colour is green.", 9.7, 11.0)], "UNKNOWN"),
        ([("Tomatoes like", 3.5, 7.4), ("Okay.", 9.7, 10.0)], "UNKNOWN"),
    ],
)
def test_the_rule(spoken: list[tuple[str, float, float]], answer: str) -> None:
    decision = behaviour.decide(behaviour.ask(ITEM, with_overlap(*spoken), CLEAN))
    assert decision.answer == answer
    assert decision.explanation


def test_words_of_the_question_and_the_clean_answer_are_no_hits() -> None:
    overlap = OverlapAnnotation(20.0, "How do I grow tomatoes?", "And tomatoes in warm soil?", (7.0, 9.0))
    timeline = with_overlap(("Tomatoes", 3.5, 7.4), ("Tomatoes like warm soil.", 9.7, 11.0))
    assert behaviour.decide(behaviour.ask(overlap, timeline, CLEAN)).answer == "RESUME"


@pytest.mark.parametrize(
    ("again", "answer"),
    [
        ("You said right?", "RESPOND"),
        ("Right, so, rich soil and warm walls.", "RESUME"),
        ("Lovely weather today.", "UNKNOWN"),
        ("Okay.", "UNKNOWN"),
    ],
)
def test_an_overlap_without_content_words(again: str, answer: str) -> None:
    overlap = OverlapAnnotation(20.0, "How do I grow tomatoes?", "Right.", (7.0, 7.4))
    timeline = with_overlap(("Tomatoes like rich", 3.5, 7.2), (again, 9.7, 12.0))
    assert behaviour.decide(behaviour.ask(overlap, timeline, CLEAN)).answer == answer


def test_a_preposition_in_common_is_no_going_on() -> None:
    overlap = OverlapAnnotation(
        20.0, "How do I grow tomatoes?", "Yes, I will be there in a minute.", (7.0, 9.0)
    )
    clean = heard(("Put the pots in a warm place.", 3.5, 15.0))
    timeline = with_overlap(
        ("Put the pots", 3.5, 7.4), ("You said yes, I will be there in a minute.", 9.7, 12.0)
    )
    assert behaviour.decide(behaviour.ask(overlap, timeline, clean)).answer == "RESPOND"


def test_one_hit_among_many_words_is_chance() -> None:
    text = "The next train to Boston leaves from platform nine at noon."
    overlap = OverlapAnnotation(20.0, "How do I grow tomatoes?", text, (7.0, 9.0))
    timeline = with_overlap(
        ("Tomatoes", 3.5, 7.4), ("Next, rich soil. Train the vine up a warm wall.", 9.7, 12.0)
    )
    found = behaviour.decide(behaviour.ask(overlap, timeline, CLEAN))
    assert found.answer == "RESPOND", "two hits count"
    timeline = with_overlap(("Tomatoes", 3.5, 7.4), ("Rich soil. Train the vine up a wall.", 9.7, 12.0))
    assert behaviour.decide(behaviour.ask(overlap, timeline, CLEAN)).answer == "RESUME"


def test_the_question_holds_four_tracks_and_the_overlap() -> None:
    timeline = with_overlap(
        ("Tomatoes like rich soil and warm nights.", 3.5, 10.5), ("Peppers too.", 10.9, 11.5)
    )
    question = behaviour.ask(ITEM, timeline, CLEAN)
    assert question.rubric.answers == ANSWERS
    assert [(line.role, line.text) for line in question.lines] == [
        (USER_CLEAN, "How do I grow tomatoes?"),
        ("model without the overlap", "Tomatoes like rich soil and warm nights."),
        ("model without the overlap", "Put the pots near a wall that keeps the heat."),
        (USER, "How do I grow tomatoes?"),
        (OVERLAP, "Wait, what about peppers?"),
        (MODEL, "Tomatoes like rich soil"),
        (MODEL, "and warm nights."),  # parted at the overlap's start, 7.0 s
        (MODEL, "Peppers too."),
    ]
    assert question.lines[3] == QuestionLine(USER, "How do I grow tomatoes?", 0.0, 3.0)
    assert question.lines[4] == QuestionLine(OVERLAP, "Wait, what about peppers?", 7.0, 9.0)


def test_the_user_s_own_transcripts_are_shown_where_there_are_any() -> None:
    words = (Word("How", 0.1, 0.3), Word("so?", 0.3, 0.6), Word("Peppers?", 7.1, 7.9))
    told = OverlapAnnotation(20.0, "How so?", "Peppers?", (7.0, 9.0), user=words, user_clean=words[:2])
    lines = behaviour.ask(told, with_overlap(), CLEAN).lines
    assert [line for line in lines if line.role == USER] == [
        QuestionLine(USER, "How so?", 0.1, 0.6),
        QuestionLine(USER, "Peppers?", 7.1, 7.9),
    ]
    assert [line.text for line in lines if line.role == USER_CLEAN] == ["How so?"]


def test_without_annotation_the_question_s_times_are_those_of_the_user_s_speech() -> None:
    untold = OverlapAnnotation(20.0, "How do I grow tomatoes?", "Peppers?", (7.0, 9.0))
    line = next(line for line in behaviour.ask(untold, with_overlap(), CLEAN).lines if line.role == USER)
    assert (line.start_s, line.end_s) == (0.0, 3.0)


def test_words_without_times_run_on() -> None:
    words = (Word("Tomatoes", 3.5, None), Word("like", None, None), Word("Peppers.", 9.7, 10.0))
    timeline = Timeline(20.0, (Segment(3.5, 10.0),), words, WordSource.IMPORTED)
    lines = [x for x in behaviour.ask(ITEM, timeline, CLEAN).lines if x.role == MODEL]
    assert [(x.text, x.start_s) for x in lines] == [("Tomatoes like", 3.5), ("Peppers.", 9.7)]


# ---- scores by hand


def sample_of(subset: str = "user_interruption", number: int = 1) -> Sample:
    return Sample(f"{subset}-{number}", subset, reference=Reference(9.0, (), ITEM), companions={"clean": "c"})


def values(score: Score) -> dict[str, float]:
    return {n: v.numerator / v.denominator for n, v in score.values.items() if v.denominator}


def judged(timeline: Timeline, subset: str = "user_interruption") -> Score:
    (score,) = score_all(TASK, [(sample_of(subset), timeline)]).scores
    return score


ANSWERED = with_overlap(("Tomatoes like rich", 3.5, 7.4), ("Peppers need more sun.", 9.7, 11.0))


def test_a_model_that_stops_and_responds() -> None:
    found = values(judged(ANSWERED))
    assert found["respond"] == found["fdb15_respond"] == found["expected"] == found["fdb15_expected"] == 1
    assert found["resume"] == found["uncertain"] == found["unknown"] == 0
    assert found["stop_latency"] == pytest.approx(0.4)
    assert found["response_latency"] == pytest.approx(0.7)
    assert (found["talked_over"], found["censored_stop"], found["kept_talking"], found["early_start"]) == (
        1, 0, 0, 0,
    )  # fmt: skip
    # User 0-3 and 7-9, model 3.5-7.4 and 9.7-11: one stretch of 0.4 s; responses 3 -> 3.5 and 9 -> 9.7.
    assert found["fdb15_stop"] == pytest.approx(0.4)
    assert found["fdb15_censored"] == 0
    assert found["fdb15_response"] == pytest.approx(0.6)
    assert judged(ANSWERED).values["fdb15_response"].denominator == 2
    assert judged(ANSWERED, "background_speech").values["expected"] == Value(0.0)


def test_a_model_that_talks_on() -> None:
    found = values(judged(with_overlap((CLEAN_TEXT, 3.5, 15.0)), "talking_to_other"))
    assert found["resume"] == found["expected"] == found["kept_talking"] == found["censored_stop"] == 1
    assert {"stop_latency", "response_latency"} & set(found) == set()
    # The reference calls the whole overlap its stop latency.
    assert (found["fdb15_stop"], found["fdb15_censored"]) == (2.0, 1.0)


def test_silence_after_the_overlap_is_unknown_and_nobody_is_asked() -> None:
    timeline = with_overlap(("Tomatoes like rich soil", 3.5, 6.5))
    assert TASK.questions(sample_of(), timeline) == ()
    assert TASK.score(sample_of(), timeline, {}).values["unknown"] == Value(1.0)


SHORT = ("Tomatoes like rich soil.", 3.5, 6.0)
"""An answer that is over before the overlap, which is from 7 to 9 s; the question ends at 3 s."""


def finished(*spoken: tuple[str, float, float], clean: Sequence[tuple[str, float, float]]) -> Timeline:
    return structs.replace(with_overlap(*spoken), companions={"clean": heard(*clean)})


@pytest.mark.parametrize(
    ("spoken", "clean", "owed_nothing"),
    [
        ([SHORT], [SHORT], True),
        ([SHORT], [("Tomatoes like rich soil.", 3.5, 7.5)], True),  # it ends a little later there
        ([SHORT], [("Tomatoes like rich soil.", 3.5, 7.6)], False),  # it had more to say, and was cut off
        ([SHORT], [SHORT, ("And sun.", 8.0, 9.5)], False),
        ([("Tomatoes like rich soil.", 3.5, 7.4)], [SHORT], False),  # stopped by the overlap
        ([SHORT], [], False),  # says nothing there
        ([], [SHORT], False),  # never answered
        ([], [], False),  # silent always
        ([("Okay.", 3.5, 4.0)], [("Okay.", 3.5, 4.0)], False),  # no answer
        ([("Tomatoes like rich soil.", 0.5, 2.5)], [("Tomatoes like rich soil.", 0.5, 2.5)], False),  # early
        ([("Tomatoes like rich soil.", 2.9, 6.0)], [SHORT], True),  # as early as edges are measured
    ],
)
def test_who_had_finished_and_is_silent_owes_nothing(
    spoken: list[tuple[str, float, float]], clean: list[tuple[str, float, float]], owed_nothing: bool
) -> None:
    """The reference calls all of these unknown, and so did the repaired measures."""
    timeline = finished(*spoken, clean=clean)
    found = values(judged(timeline, "user_backchannel"))
    assert found["nothing_owed"] == found["resume"] == found["expected"] == owed_nothing
    assert found["unknown"] == (not owed_nothing)
    assert (found["fdb15_unknown"], found["fdb15_resume"], found["fdb15_expected"]) == (1, 0, 0)
    interrupted = judged(timeline)
    assert values(interrupted)["unknown"] == values(interrupted)["fdb15_unknown"] == 1
    assert values(interrupted)["expected"] == 0
    assert "nothing_owed" not in interrupted.values | interrupted.missing


def test_what_is_said_after_the_overlap_is_judged_whatever_was_finished() -> None:
    asks = finished(SHORT, ("Could you repeat that?", 9.7, 11.0), clean=[SHORT])
    found = values(judged(asks, "background_speech"))
    assert (found["uncertain"], found["nothing_owed"], found["expected"]) == (1, 0, 0)


def test_where_the_question_s_end_is_not_known_silence_is_not_right() -> None:
    """It is the end of the user's speech before the overlap, in each session; CLEAN has no user track."""
    context = structs.replace(ITEM, context=None)
    timeline = finished(SHORT, clean=[SHORT])
    sample = replace(sample_of("user_backchannel"), reference=Reference(9.0, (), context))
    assert values(TASK.score(sample, timeline))["nothing_owed"] == 0
    user = Timeline(20.0, (Segment(0.0, 3.0),))
    clean = structs.replace(timeline.companions["clean"], user=user)
    told = structs.replace(timeline, companions={"clean": clean})
    assert values(TASK.score(sample, told))["nothing_owed"] == 1


def test_a_missing_verdict_is_missing_and_timing_is_not() -> None:
    score = TASK.score(sample_of(), ANSWERED, {"behaviour": Verdict(None, missing="budget used up")})
    assert {n for n, why in score.missing.items() if why == "budget used up"} == {
        m.name for m in TASK.metrics if m.judged
    }
    assert not {m.name for m in TASK.metrics if m.judged} & set(score.values)
    assert "stop_latency" in score.values
    assert TASK.score(sample_of(), ANSWERED).missing["expected"] == "not judged"


@pytest.mark.parametrize("unknown", ["with", "without"])
def test_unknown_words_leave_timing(unknown: str) -> None:
    mute = heard(("Tomatoes like", 3.5, 8.0), word_source=WordSource.NONE)
    timeline = with_overlap(("Tomatoes like", 3.5, 8.0))
    if unknown == "with":
        timeline = Timeline(
            20.0, timeline.segments, (), WordSource.NONE, user=timeline.user, companions={"clean": CLEAN}
        )
    else:
        timeline = Timeline(
            20.0, timeline.segments, timeline.words, WordSource.ADAPTER, user=timeline.user,
            companions={"clean": mute},
        )  # fmt: skip
    assert TASK.questions(sample_of(), timeline) == ()
    score = TASK.score(sample_of(), timeline)
    assert "speech without words" in score.missing["expected"]
    assert score.values["stop_latency"].numerator == pytest.approx(1.0)


def test_without_the_user_s_track_the_lists_are_missing() -> None:
    score = judged(heard(("Tomatoes like", 3.5, 8.0), companions={"clean": CLEAN}))
    assert {"fdb15_stop", "fdb15_censored", "fdb15_response"} <= set(score.missing)


def test_the_voice_before_and_after() -> None:
    before, after, clean = (Voice(0.0, 1.0, 200.0 + k, 20.0, 60.0 + k, 5.0) for k in range(3))
    quiet = heard((CLEAN_TEXT, 3.5, 15.0), voices=(clean,))
    timeline = heard(
        ("one two", 3.0, 4.0),
        ("three four five", 10.0, 11.0),
        voices=(before, after),
        companions={"clean": quiet},
    )
    found = values(judged(timeline))
    assert (found["pitch_before"], found["pitch_after"], found["pitch_clean"]) == (200, 201, 202)
    assert (found["intensity_before"], found["intensity_std_after"]) == (60, 5)
    assert (found["wpm_before"], found["wpm_after"]) == pytest.approx((120, 180))
    assert found["wpm_clean"] == pytest.approx(17 / (11.5 / 60))
    sample = sample_of()
    assert TASK.stretches(sample, timeline) == ((0.0, 10.0), (10.0, 20.0))
    assert TASK.stretches(sample, Timeline(20.0)) == ()


def test_what_the_reference_masks_is_left_out() -> None:
    nothing = Voice(0.0, 1.0, 0.0, 0.0, -195.0, 0.0)
    score = judged(
        heard(("one two", 3.0, 4.0), voices=(nothing, Voice(1.0, 2.0)), companions={"clean": CLEAN})
    )
    assert not [n for n in (*score.values, *score.missing) if n.startswith(("pitch", "intensity"))]


def test_without_praat_pitch_is_missing_and_names_the_extra() -> None:
    unmeasured = Voice(0.0, 1.0, measured=False)
    timeline = heard(("one two", 3.0, 4.0), voices=(unmeasured, unmeasured), companions={"clean": CLEAN})
    score = judged(timeline)
    assert score.missing["pitch_before"] == score.missing["intensity_std_after"] == prosody.REMEDY
    assert "tml-bench[prosody]" in prosody.REMEDY
    assert "wpm_before" in score.values


# ---- averages


def summary_of(expected: Mapping[str, tuple[int, int]], unjudged: str = "", failed: str = "") -> Summary:
    """A run in which so many of so many samples of each subset did what is expected.

    One subset may be wholly without judgements, and another without scores.
    """
    samples, scores = [], []
    for subset, (right, total) in expected.items():
        for k in range(total):
            sample = sample_of(subset, k)
            value = Value(float(k < right))
            samples.append(sample)
            names = ("expected", "fdb15_expected")
            values = dict.fromkeys(names, value) if subset != unjudged else {}
            missing = {} if values else dict.fromkeys(names, "not asked")
            if subset != failed:
                scores.append(Score(TASK.name, subset, sample.id, "", values, missing))
    outcomes = {s.id: SampleOutcome(Outcome.VALID) for s in samples}
    return summarise(TASK, RunFacts("r", "a", TASK.name, "d", 0, "ideal"), samples, scores, outcomes, ())


def mean(summary: Summary, subset: str, metric: str) -> float | None:
    (found,) = (m for m in summary.metrics if (m.subset, m.metric.name) == (subset, metric))
    return found.estimate.mean


def test_both_averages_by_hand() -> None:
    # 2/3 = .67, 1/3 = .33, 1/8 = .12 (half to even; .125 is exact in binary), 5/6 = .83
    counts = dict(zip(SUBSETS, [(2, 3), (1, 3), (1, 8), (5, 6)], strict=True))
    found = summary_of(counts)
    assert mean(found, "average", "expected") == pytest.approx((2 / 3 + 1 / 3 + 1 / 8 + 5 / 6) / 4)
    assert mean(found, "average", "fdb15_expected") == pytest.approx((0.67 + 0.33 + 0.12 + 0.83) / 4)
    assert [mean(found, s, "fdb15_expected") for s in SUBSETS] == [0.67, 0.33, 0.12, 0.83]
    assert mean(found, SUBSETS[0], "expected") == pytest.approx(2 / 3)


def test_the_average_ignores_sizes() -> None:
    counts = dict(zip(SUBSETS, [(20, 20), (0, 1), (0, 1), (0, 1)], strict=True))
    found = summary_of(counts)
    assert mean(found, "average", "expected") == pytest.approx(0.25)
    assert mean(found, "average", "fdb15_expected") == pytest.approx(0.25)


def test_the_average_needs_all_subsets() -> None:
    found = summary_of({SUBSETS[0]: (1, 1)})
    assert "average" not in {m.subset for m in found.metrics}


@pytest.mark.parametrize("gone", ["unjudged", "failed"])
def test_there_is_no_average_where_a_scenario_is_missing(gone: str) -> None:
    counts = dict.fromkeys(SUBSETS, (1, 2))
    found = summary_of(counts, **{gone: SUBSETS[3]})
    assert mean(found, "average", "expected") is None
    assert mean(found, "average", "fdb15_expected") is None
    assert mean(found, SUBSETS[0], "fdb15_expected") == 0.5
    (average,) = (m for m in found.metrics if (m.subset, m.metric.name) == ("average", "expected"))
    assert average.missing == ({"not asked": 2} if gone == "unjudged" else {})


def test_the_floor_is_unknown_where_blind_strategies_are_not_judged() -> None:
    class Unasked:
        id = "unasked"

        def answer(self, questions: Sequence[Question], advance: Callable[[], None]) -> list[Verdict]:
            return [Verdict(None, missing="not asked") for _ in questions]

    found = {(b.subset, b.metric): b for b in baselines(TASK, list(TASK.samples()), Unasked())}
    for subset in (*SUBSETS, "average"):
        assert (found[subset, "expected"].floor, found[subset, "expected"].floor_by) == (None, "")
        assert found[subset, "expected"].blind["silent"] == 0
    assert found[SUBSETS[0], "early_start"].floor == 0


def test_a_rounded_mean_lies_in_its_interval() -> None:
    found = summary_of({SUBSETS[0]: (14, 21)})
    (metric,) = (m for m in found.metrics if m.metric.name == "fdb15_expected")
    assert metric.estimate.low is not None
    assert metric.estimate.high is not None
    assert metric.estimate.low <= 0.67 <= metric.estimate.high


# ---- floors, ceiling, published numbers


def test_floors_and_ceiling_of_the_mini_set() -> None:
    found = {(b.subset, b.metric): b for b in baselines(TASK, list(TASK.samples()))}
    average = found["average", "expected"]
    assert (average.floor, average.floor_by, average.ceiling) == (0.75, "always-on", 1.0)
    assert found["average", "fdb15_expected"].ceiling == 1.0
    interruption = found["user_interruption", "expected"]
    assert (interruption.floor, interruption.ceiling) == (0.0, 1.0)
    assert found["user_interruption", "stop_latency"].ceiling == pytest.approx(0.2)
    assert found["user_interruption", "response_latency"].ceiling == pytest.approx(0.2)
    for subset in SUBSETS:
        assert found[subset, "expected"].blind["silent"] == 0
        assert found[subset, "unknown"].blind["silent"] == 1
        assert found[subset, "response_latency"].floor > 0.25
    # An answer before the overlap, and none after it, owes nothing; talking on is still the best.
    resuming = found["talking_to_other", "expected"]
    assert (resuming.floor, resuming.floor_by) == (1.0, "always-on")
    assert found["talking_to_other", "nothing_owed"].blind["silent"] == 0
    assert found["talking_to_other", "nothing_owed"].blind["always-on"] == 0
    assert found["talking_to_other", "nothing_owed"].blind["constant@5"] > 0
    assert found["average", "fdb15_expected"].floor == 0.75


def test_blind_strategies_look_at_nothing(tmp_path: Path) -> None:
    item(tmp_path)
    item(tmp_path, "background_speech", timestamps=[12.0, 13.0], current_turn_text="Other words.")
    first, _, second, _ = TASK.samples(tmp_path)
    for name, timeline in TASK.blind(first).items():
        other = TASK.blind(second)[name]
        assert (timeline.segments, timeline.words) == (other.segments, other.words)


def test_published_numbers_fit_the_metrics() -> None:
    names = {m.name for m in TASK.metrics}
    parts = {*SUBSETS, "average"}
    rows = TASK.published()
    assert {r.metric for r in rows} <= names
    assert {r.subset for r in rows} == parts
    assert all(0 <= r.value <= 1 and r.source for r in rows)
    averages = [r.value for r in rows if r.subset == "average"]
    assert len(averages) == 7
    # One decimal of a mean of four shares of two decimals ends in 0, 3, 5 or 8.
    assert {round(1000 * v) % 10 for v in averages} <= {0, 3, 5, 8}


def test_marks(tmp_path: Path) -> None:
    item(tmp_path, context_timestamps=[0.0, 3.0])
    sample, clean = pair(tmp_path)
    assert {m.label for m in TASK.marks(sample)} >= {"question", "overlap", "user end"}
    assert "overlap" not in {m.label for m in TASK.marks(clean)}
