"""ProactiveVideoQA on files in the official format with every known flaw, and scores by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tml_bench.errors import BadSampleError, UserError
from tml_bench.outcome import Outcome
from tml_bench.questions import Question, Verdict
from tml_bench.samples import Reference, Sample, Subtitle, Utterance
from tml_bench.scoring.floors import baselines
from tml_bench.scoring.judging import score_all
from tml_bench.scoring.summary import RunFacts, summarise
from tml_bench.scoring.timelines import SampleOutcome
from tml_bench.task import Score
from tml_bench.tasks.proactive_video_qa.loader import ExpectedTurn, ProactiveAnnotation
from tml_bench.tasks.proactive_video_qa.scoring import covered
from tml_bench.tasks.proactive_video_qa.task import ProactiveVideoQA
from tml_bench.timeline import Segment, Timeline, Word, WordSource

TASK = ProactiveVideoQA()
QUESTION = "What does the person do?"
OMEGAS = ("pauc_000", "pauc_050", "pauc_100")


def item(key: str = "q1", **more: Any) -> dict[str, Any]:
    return {
        "video": "v.mp4",
        "question_id": key,
        "duration": 30.0,
        "conversation": [{"role": "user", "content": QUESTION, "time": 0}],
        "answer": [
            {"content": "She opens the door.", "reply_timespan": [5.0, 15.0], "related_timespan": [5.0, 9.0]}
        ],
        **more,
    }


def write(root: Path, category: str, *items: Any, video: bool = True) -> Path:
    folder = root / category
    (folder / "videos").mkdir(parents=True)
    (folder / "anno.json").write_text(json.dumps(list(items)))
    if video:
        (folder / "videos" / "v.mp4").write_bytes(b"only looked at when it is played")
    return root


def only(root: Path) -> Sample:
    (sample,) = TASK.samples(root)
    return sample


# ---- loading


def test_a_sample_in_the_official_layout(tmp_path: Path) -> None:
    sample = only(write(tmp_path, "WEB", item("a/b 1")))
    assert (sample.id, sample.subset, sample.unit, sample.problem) == ("WEB-a-b-1", "WEB", "WEB/v.mp4", "")
    (video,) = sample.script.videos
    assert sample.reference.annotation == ProactiveAnnotation(
        QUESTION, (ExpectedTurn("She opens the door.", (5.0, 15.0), 9.0),), video.at_s, 30.0
    )
    assert sample.reference.ideal == (Utterance(video.at_s + 5.0, text="She opens the door."),)
    assert (sample.script.texts[0].text if sample.script.texts else sample.script.turns[0].label) == QUESTION
    assert sample.script.tail_s >= 3


def test_categories_in_order_and_one_alone(tmp_path: Path) -> None:
    for name in ("VAD", "WEB", "TV"):
        write(tmp_path, name, item())
    assert [s.subset for s in TASK.samples(tmp_path)] == ["WEB", "TV", "VAD"]
    assert [s.id for s in TASK.samples(tmp_path, ["TV"])] == ["TV-q1"]
    assert [s.id for s in TASK.samples(tmp_path / "TV")] == ["TV-q1"]


def test_subtitles_last_until_the_next_and_at_most_four_seconds(tmp_path: Path) -> None:
    lines = [
        {"role": "user", "content": text, "time": t} for text, t in (("b", 8.0), ("a", 1.0), ("c", 10.0))
    ]
    sample = only(write(tmp_path, "TV", item(conversation=[item()["conversation"][0], *lines])))
    assert sample.script.videos[0].subtitles == (
        Subtitle(1.0, 5.0, "a"),
        Subtitle(8.0, 10.0, "b"),
        Subtitle(10.0, 14.0, "c"),
    )


def test_without_related_span_the_reply_span_relates(tmp_path: Path) -> None:
    sample = only(write(tmp_path, "VAD", item(answer=[{"content": "x y", "reply_timespan": [1, 2]}])))
    annotation = sample.reference.annotation
    assert isinstance(annotation, ProactiveAnnotation)
    assert annotation.turns == (ExpectedTurn("x y", (1.0, 2.0), 2.0),)


GOOD = item()["answer"][0]


@pytest.mark.parametrize(
    ("flaw", "says"),
    [
        ({"video": ""}, "video: is empty"),
        ({"video": "../../etc/x.mp4"}, "is not the name of a video"),
        ({"video": 3}, "video: Expected `str`, got `int` (3)"),
        ({"duration": "long"}, "duration: Expected `float | null`, got `str` ('long')"),
        ({"duration": True}, "duration: Expected `float | null`, got `bool`"),
        ({"duration": 10**400}, "duration: Number out of range"),
        ({"duration": 1_000_000}, "duration: Expected `float` <= 86400.0 (1000000)"),
        ({"conversation": []}, "conversation: Expected `array` of length >= 1"),
        ({"conversation": [{"role": "user"}]}, "conversation[0].content: is missing"),
        ({"conversation": [*item()["conversation"], {"content": "x"}]}, "conversation[1].time"),
        ({"answer": []}, "answer: Expected `array` of length >= 1"),
        ({"answer": None}, "answer: Expected `array`, got `null`"),
        ({"answer": ["x"]}, "answer[0]: Expected `object`, got `str` ('x')"),
        ({"answer": [{**GOOD, "content": " "}]}, "answer[0].content: is empty"),
        (
            {"answer": [{**GOOD, "content": "a \ud83d"}]},
            "answer[0].content: is empty, or holds half a character",
        ),
        (
            {"answer": [{**GOOD, "reply_timespan": 3}]},
            "answer[0].reply_timespan: Expected `array`, got `int` (3)",
        ),
        ({"answer": [{**GOOD, "reply_timespan": [5.0]}]}, "length 2, got 1 ([5.0])"),
        ({"answer": [{**GOOD, "reply_timespan": [9.0, 5.0]}]}, "ends at 5 s, not after its start"),
        ({"answer": [{**GOOD, "reply_timespan": [5.0, 5.0]}]}, "not after its start"),
        (
            {"answer": [{**GOOD, "reply_timespan": [float("nan"), 5.0]}]},
            "reply_timespan[0]: Expected `float` >= 0.0",
        ),
        (
            {"answer": [{**GOOD, "reply_timespan": [-1, 5.0]}]},
            "reply_timespan[0]: Expected `float` >= 0.0 (-1)",
        ),
        (
            {"answer": [{**GOOD, "related_timespan": [3.0]}]},
            "related_timespan: Expected `array` of at least length 2",
        ),
        ({"answer": [GOOD, {**GOOD, "reply_timespan": [1.0, 2.0]}]}, "begins before the one before"),
    ],
)
def test_broken_items_name_file_question_and_field(tmp_path: Path, flaw: dict[str, Any], says: str) -> None:
    write(tmp_path, "EGO", {**item(), **flaw}, item("fine"))
    broken, fine = TASK.samples(tmp_path)
    assert says in broken.problem
    assert broken.problem.startswith(("EGO/anno.json: q1, ", "EGO/anno.json: q1: "))
    assert broken.problem.endswith("correct it")
    assert fine.problem == ""


def test_missing_video_keeps_the_annotation(tmp_path: Path) -> None:
    sample = only(write(tmp_path, "WEB", item(), video=False))
    assert "videos/v.mp4: the video is missing" in sample.problem
    assert isinstance(sample.reference.annotation, ProactiveAnnotation)


def test_without_duration_the_video_is_probed(tmp_path: Path) -> None:
    assert "v.mp4 is not a video" in only(write(tmp_path, "WEB", item(duration=None))).problem


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "cannot be read"), ("{}", "not a list"), ("[]", "not a list"), ("[" * 5000, "cannot be read")],
)
def test_annotation_files_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "WEB", item())
    (tmp_path / "WEB" / "anno.json").write_text(text)
    with pytest.raises(UserError, match=says):
        list(TASK.samples(tmp_path))


def test_folders_and_ids_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no anno\.json"):
        TASK.samples(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        TASK.samples(tmp_path / "x")
    write(tmp_path, "WEB", item(), item())
    first, twice = TASK.samples(tmp_path)
    assert "q1, question_id: is that of items 0 and 1; the first is taken" in twice.problem
    assert first.reference.annotation is not None
    with pytest.raises(UserError, match="unknown"):
        TASK.samples(tmp_path, ["web"])
    with pytest.raises(UserError, match="is not there"):
        TASK.samples(tmp_path, ["EGO"])


def test_only_official_sizes_are_official(tmp_path: Path) -> None:
    assert TASK.dataset(write(tmp_path / "mine", "WEB", item())) == "custom-mine"


# ---- scoring

TURNS = (
    ExpectedTurn("She opens the door.", (5.0, 15.0), 9.0),
    ExpectedTurn("She sits down on the sofa.", (20.0, 28.0), 28.0),
)
SAMPLE = Sample("s", "WEB", reference=Reference(annotation=ProactiveAnnotation(QUESTION, TURNS, 10.0, 30.0)))


def heard(*said: tuple[float, str], length: float = 1.0, source: WordSource = WordSource.ADAPTER) -> Timeline:
    """Utterances at session times, their words laid evenly over ``length`` seconds."""
    words = []
    for at, text in said:
        pieces = text.split()
        step = length / max(len(pieces), 1)
        words += [Word(w, at + k * step, at + (k + 1) * step) for k, w in enumerate(pieces)]
    segments = tuple(Segment(at, at + length) for at, _ in said)
    return Timeline(45.0, segments, tuple(words), source)


def scored(sample: Sample, timeline: Timeline) -> Score:
    """Scored with the task's own rules as judge."""
    return score_all(TASK, [(sample, timeline)]).scores[0]


class Judge:
    """Decides by a function of question, expected answer and replies; None is no answer.

    Attributes:
        calls: what it was given, in order.
    """

    id = "fake"

    def __init__(self, decide: Callable[[str, str, tuple[str, ...]], str | None]) -> None:
        self.decide = decide
        self.calls: list[tuple[str, str, tuple[str, ...]]] = []

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        found = []
        for asked in questions:
            (question,), (gold,) = asked.texts("question"), asked.texts("expected answer")
            self.calls.append((question, gold, asked.texts("reply")))
            answer = self.decide(*self.calls[-1])
            found.append(Verdict(answer, missing="" if answer else "HTTP 500"))
        return found


def numbers(score: Score) -> dict[str, float]:
    return {n: v.numerator / v.denominator for n, v in score.values.items() if v.denominator}


def paucs(timeline: Timeline, sample: Sample = SAMPLE) -> list[float]:
    found = numbers(scored(sample, timeline))
    return [found[name] for name in OMEGAS]


def test_silence_scores_25_exactly_at_every_omega() -> None:
    score = scored(SAMPLE, heard(source=WordSource.SILENT))
    assert [(score.values[n].numerator, score.values[n].denominator) for n in OMEGAS] == [(0.5, 2)] * 3
    assert paucs(heard(source=WordSource.SILENT)) == [0.25, 0.25, 0.25]
    assert numbers(score)["replies_per_minute"] == 0
    assert "duplicates" not in numbers(score)


def test_the_ideal_scores_100_at_every_omega() -> None:
    assert paucs(TASK.ideal(SAMPLE)) == pytest.approx([1.0, 1.0, 1.0])
    found = numbers(scored(SAMPLE, TASK.ideal(SAMPLE)))
    assert (found["answered"], found["out_of_span"]) == (1.0, 0.0)
    assert found["pauc_end_000"] < 1.0
    assert found["pauc_end_100"] == pytest.approx(1.0)


def test_right_at_the_middle_of_one_of_two() -> None:
    assert paucs(heard((20.0, "She opens the door."))) == pytest.approx(
        [(0.625 + 0.25) / 2, (0.8125 + 0.25) / 2, (1.0 + 0.25) / 2]
    )


def test_the_end_family_uses_the_utterances_end() -> None:
    # The utterance ends where the span is half over.
    found = numbers(scored(SAMPLE, heard((19.0, "She opens the door."))))
    assert found["pauc_end_000"] == pytest.approx((0.625 + 0.25) / 2)
    assert found["pauc_000"] == pytest.approx((0.7 + 0.25) / 2)


def test_an_onset_just_before_the_span_is_at_its_opening() -> None:
    assert paucs(heard((14.95, "She opens the door.")))[0] == pytest.approx((1.0 + 0.25) / 2)
    assert paucs(heard((14.8, "She opens the door.")))[0] == 0.25


def test_speech_before_the_video_is_no_reply() -> None:
    early = Sample(
        "s",
        "WEB",
        reference=Reference(
            annotation=ProactiveAnnotation(QUESTION, (ExpectedTurn("Okay.", (0.0, 5.0), 5.0),), 10.0, 30.0)
        ),
    )
    found = scored(early, heard((8.0, "Okay.")))
    assert paucs(heard((8.0, "Okay.")), early) == [0.25] * 3
    assert found.values["out_of_span"].denominator == 0


def test_replies_are_split_at_silences_of_0_8_seconds() -> None:
    def parts(gap: float) -> float:
        second = 20.0 + 1.0 + gap
        return (
            scored(SAMPLE, heard((20.0, "She opens"), (second, "the door.")))
            .values["out_of_span"]
            .denominator
        )

    assert parts(0.79) == 1
    assert parts(0.81) == 2


def test_duplicates_and_replies_out_of_span() -> None:
    said = [(15.5, "The door"), (18.0, "the DOOR!"), (21.0, "She opens it"), (27.0, "Nothing"), (28.9, "Hm")]
    found = scored(SAMPLE, heard(*said, length=0.5)).values
    assert (found["duplicates"].numerator, found["duplicates"].denominator) == (1, 2)
    assert (found["out_of_span"].numerator, found["out_of_span"].denominator) == (2, 5)
    assert found["replies_per_minute"].numerator / found["replies_per_minute"].denominator == 10.0
    assert (found["answered"].numerator, found["answered"].denominator) == (1, 2)


def test_the_judge_is_given_question_gold_and_the_replies_of_this_turn_so_far() -> None:
    judge = Judge(lambda question, gold, replies: "1" if replies[-1] == "um" else "2")
    said = heard((16.0, "um"), (19.0, "one"), (22.0, "one"), (31.0, "two"), length=0.5)
    ((score,), judged, *_) = score_all(TASK, [(SAMPLE, said)], judge)
    golds = [t.content for t in TURNS]
    by_onset = [
        (QUESTION, golds[0], ("um",)),
        (QUESTION, golds[0], ("um", "one")),
        (QUESTION, golds[1], ("two",)),
    ]
    assert judge.calls == by_onset * 2  # by the replies' ends the same ones are in the spans
    assert [j.question.key for j in judged[:3]] == [
        "onset turn 1 reply 1",
        "onset turn 1 reply 2",
        "onset turn 2 reply 1",
    ]
    # .5 until 1 s, 0 until 4 s, 1 to the end of the first span; .5 for 1 s of the second.
    by_hand = ((0.5 * 1 + 0 * 3 + 6) / 20 + (0.5 * 1 + 7) / 16) / 2
    assert numbers(score)["pauc_000"] == pytest.approx(by_hand)


def test_questions_by_onset_and_by_end_are_the_same_where_the_replies_are() -> None:
    asked = TASK.questions(SAMPLE, heard((16.0, "um"), (31.0, "two"), length=0.5))
    assert len(asked) == 4
    assert len({q.identity for q in asked}) == 2
    assert all(line.start_s is None and line.end_s is None for q in asked for line in q.lines)


def test_a_verdict_that_is_missing_makes_its_family_missing() -> None:
    # By its end the last reply is out of the span, so that family does not need the verdict on it.
    judge = Judge(lambda question, gold, replies: None if replies[-1] == "late" else "3")
    ((score,), *_) = score_all(TASK, [(SAMPLE, heard((16.0, "one"), (24.5, "late")))], judge)
    assert score.missing == dict.fromkeys(OMEGAS, "HTTP 500")
    # By its end at 17 s the first is right 2 s into the first span; the second span is silent.
    assert numbers(score)["pauc_end_000"] == pytest.approx(((0.5 * 2 + 2 * 8) / 20 + 0.25) / 2)
    assert set(numbers(score)) >= {"out_of_span", "replies_per_minute", "answered"}


def test_without_verdicts_nothing_is_made_up() -> None:
    score = TASK.score(SAMPLE, heard((16.0, "one")))
    assert score.missing["pauc_050"] == score.missing["pauc_end_050"] == "not judged"


def test_the_clean_up_reaches_the_score() -> None:
    judge = Judge(lambda question, gold, replies: "3" if len(replies) == 1 else "1")
    one = Sample(
        "s", "WEB", reference=Reference(annotation=ProactiveAnnotation(QUESTION, TURNS[:1], 10.0, 30.0))
    )
    ((score,), *_) = score_all(TASK, [(one, heard((16.0, "a"), (23.0, "b")))], judge)
    assert numbers(score)["pauc_100"] == 1.0


def test_noise_without_words_is_no_reply() -> None:
    noise = Timeline(
        45.0, (Segment(16.0, 16.4), Segment(20.0, 21.0)), (Word("door", 20.1, 20.6),), WordSource.ASR
    )
    assert scored(SAMPLE, noise).values["out_of_span"].denominator == 1


def test_unknown_words_are_missing_and_not_wrong() -> None:
    score = scored(SAMPLE, heard((15.0, "x"), source=WordSource.NONE))
    assert score.values == {}
    assert set(score.missing) == {m.name for m in TASK.metrics}


def test_a_sample_with_a_problem_cannot_be_scored() -> None:
    with pytest.raises(BadSampleError, match="lost"):
        TASK.score(Sample("s", "WEB", problem="lost"), heard())


def test_blind_strategies() -> None:
    blind = {name: numbers(scored(SAMPLE, line)) for name, line in TASK.blind(SAMPLE).items()}
    assert [blind["silent"][n] for n in OMEGAS] == [0.25] * 3
    assert blind["always-reply"]["replies_per_minute"] == 32.0
    assert blind["always-reply"]["duplicates"] == 1.0
    assert set(blind) == {"silent", "always-reply", "question back"}


def test_marks() -> None:
    assert [(m.start_s, m.end_s, m.label) for m in TASK.marks(SAMPLE)] == [
        (10.0, 40.0, "video"),
        (15.0, 25.0, "reply 1"),
        (30.0, 38.0, "reply 2"),
    ]


def test_both_averages_of_the_published_table() -> None:
    rows = {(p.system, p.subset): p.value for p in TASK.published() if p.metric == "pauc_050"}
    assert rows["GPT-4.1", "mean of categories"] == pytest.approx(0.534, abs=6e-4)
    assert rows["GPT-4.1", "all turns"] == pytest.approx(0.554, abs=6e-4)
    assert rows["MMDuet", "mean of categories"] == pytest.approx(0.334, abs=6e-4)
    assert rows["MMDuet", "all turns"] == pytest.approx(0.392, abs=6e-4)


def test_reports_give_both_averages() -> None:
    two = (ExpectedTurn("a door", (1.0, 2.0), 2.0), ExpectedTurn("a dog", (3.0, 4.0), 4.0))
    turns = {"WEB": two, "EGO": two[:1], "TV": two[:1], "VAD": two[:1]}
    samples = [
        Sample(c, c, reference=Reference(annotation=ProactiveAnnotation(QUESTION, t, 0.0, 10.0)))
        for c, t in turns.items()
    ]
    # WEB is answered perfectly, the others are silent.
    scores = [scored(s, TASK.ideal(s) if s.id == "WEB" else heard(source=WordSource.SILENT)) for s in samples]
    facts = RunFacts("run", "fake", TASK.name, "mini", 200_000_000, "ideal")
    outcomes = {s.id: SampleOutcome(Outcome.VALID) for s in samples}
    whole = summarise(TASK, facts, samples, scores, outcomes, baselines(TASK, samples))
    found = {m.subset: m for m in whole.metrics if m.metric.name == "pauc_050"}
    assert list(found) == ["mean of categories", "all turns", "WEB", "EGO", "TV", "VAD"]
    assert found["mean of categories"].estimate.mean == pytest.approx((1 + 3 * 0.25) / 4)
    assert found["all turns"].estimate.mean == pytest.approx((2 + 3 * 0.25) / 5)
    assert found["mean of categories"].baseline.floor_by == "silent"
    assert found["mean of categories"].baseline.floor == pytest.approx(0.25)
    assert found["all turns"].baseline.ceiling == pytest.approx(1.0)
    one = summarise(TASK, facts, samples[:1], scores[:1], outcomes)
    assert {m.subset for m in one.metrics} == {"WEB"}


# ---- the judge by rules

JUDGE = covered


@pytest.mark.parametrize(
    ("gold", "said", "score"),
    [
        ("She opens the door.", ["She is opening the door now"], 2),
        ("She opens the door.", ["The door"], 1),
        ("She opens the door.", ["A dog barks"], 0),
        ("She opens the door.", ["The door", "is opened"], 2),
        ("She opens the door.", ["She does not open the door"], 1),
        ("She opens the door.", ["She closes the door"], 0),
        ("The lamp turns on.", ["The lamp turns off"], 1),
        ("The lamp turns on.", ["The lamp turns on"], 2),
        ("Two dogs run past.", ["2 dogs run past"], 2),
        ("Two dogs run past.", ["Three dogs run past"], 1),
        ("Two.", ["two"], 2),
        ("No.", ["No."], 2),
        ("A red ball rolls in.", ["A blue ball rolls in."], 1),
        ("The car stops.", ["The vehicle halts"], 0),
    ],
)
def test_judge(gold: str, said: list[str], score: int) -> None:
    assert JUDGE("What is seen?", gold, said) == score


@given(st.text(min_size=1).filter(lambda t: any(c.isalnum() for c in t)), st.text(max_size=20))
def test_the_gold_answer_covers_itself(gold: str, question: str) -> None:
    assert JUDGE(question, gold, [gold]) == 2
    assert JUDGE(question, gold, [""]) in (0, 1, 2)
