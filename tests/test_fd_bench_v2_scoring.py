"""What conversations are worth in FD-bench v2: who succeeds, who fails, and of whom nobody can tell."""

from __future__ import annotations

import pytest
from fake_servers.judge import FakeJudge
from fdb2_talks import FIVE, FORGETFUL, GOALS, IDEAL, held, sample, scored, value
from msgspec import structs

from tml_bench.judges.model_judge import Effort, ModelJudge
from tml_bench.judges.openai import OpenAIChat
from tml_bench.questions import Question, Verdict
from tml_bench.tasks.fd_bench_v2.annotation import SPLITS
from tml_bench.tasks.fd_bench_v2.judged_reply import EVENTS_KEY, TASK_KEY
from tml_bench.tasks.fd_bench_v2.measures import METRICS
from tml_bench.tasks.fd_bench_v2.scoring import NO_EVENTS, NO_LINES, UNREADABLE, questions, score
from tml_bench.tasks.fd_bench_v2.stated import holds, holds_still, own_words
from tml_bench.tasks.fd_bench_v2.strategies import AGREES, Respondent, always_on, conversation, listed, same
from tml_bench.timeline import Timeline, UserAct as Act, WordSource

SAMPLE = sample()
LAST = "Please read it all back to me."


def ending(text: str) -> Timeline:
    """A conversation that went well up to the last answer."""
    return conversation(SAMPLE, listed((*IDEAL[:3], text)))


# ---- who succeeds


@pytest.mark.parametrize(
    "confirmed",
    [
        IDEAL[3],
        "FIVE, at 7!",
        "Of course! So that is a table for 5 people, not four, at seven o'clock. See you then.",
        "I changed it from four to five, and it is at seven.",
        "It was four before, but it is five now, at seven.",
        "Instead of four we expect five of you at seven.",
        "Not four but five, at seven.",
        "Originally four, now five. At seven.",
        f"{LAST} Gladly: a table for five at seven.",
    ],
)
def test_who_confirms_what_holds_succeeds_in_whatever_words(confirmed: str) -> None:
    sheet = scored(ending(confirmed))
    assert value(sheet, "success") == value(sheet, "stages") == value(sheet, "end_reached") == 1.0
    assert (value(sheet, "censored"), value(sheet, "turns_used")) == (0.0, 5.0)


@pytest.mark.parametrize(
    "confirmed",
    [
        FORGETFUL[3],
        "Four or five at seven.",
        "A table for five, I mean four, at seven.",
        "It was four or five. At seven.",
        "Four, five, six, seven, eight.",
        "Not five but four, at seven.",
        "A table for five or, as you said first, for four, at seven.",
    ],
)
def test_who_forgets_or_leaves_it_open_fails_though_the_user_closes(confirmed: str) -> None:
    sheet = scored(ending(confirmed))
    assert (value(sheet, "success"), value(sheet, "end_reached")) == (0.0, 1.0)


def parrot(heard: list[str]) -> str:
    return " ".join(heard)


@pytest.mark.parametrize(
    ("respondent", "ended", "covered"),
    [
        (same(""), "hung-up", 0.0),
        (same(AGREES), "hung-up", 0.0),
        (same("Table for four. Seven."), "hung-up", 0.25),
        (lambda heard: heard[-1], "hung-up", 0.75),
        (parrot, "closed", 1.0),
        (lambda heard: " ".join(heard[-3:]), "closed", 1.0),
        (lambda heard: " ".join(sorted(parrot(heard).split())), "closed", 1.0),
    ],
    ids=["silent", "agrees", "recites", "echo", "parrot", "parrot of three", "words"],
)
def test_who_says_the_same_or_the_users_words_fails(
    respondent: Respondent, ended: str, covered: float
) -> None:
    timeline = conversation(SAMPLE, respondent)
    sheet = scored(timeline)
    assert timeline.ended == ended
    assert (value(sheet, "success"), value(sheet, "stages")) == (0.0, covered)


def test_a_parrot_fails_where_nothing_is_held_against_it() -> None:
    """In the other splits no value is old: there it fails because nothing that it says is its own."""
    daily = sample("Daily", never=())
    assert value(scored(conversation(daily, parrot), daily), "success") == 0.0
    assert value(scored(conversation(daily, listed(IDEAL)), daily), "success") == 1.0


def test_who_talks_without_end_fails_and_is_not_censored() -> None:
    sheet = scored(always_on(SAMPLE))
    assert (value(sheet, "success"), value(sheet, "censored"), value(sheet, "end_reached")) == (0.0, 0.0, 0.0)


def test_an_early_slip_that_the_model_puts_right_is_none() -> None:
    late = listed((*IDEAL[:3], "A table for four.", IDEAL[3]))
    assert value(scored(conversation(SAMPLE, late)), "success") == 1.0
    back = listed((*IDEAL[:3], "A table for five.", "For four at seven."))
    assert value(scored(conversation(SAMPLE, back)), "success") == 0.0


def test_what_is_not_safe_may_be_said_at_no_time() -> None:
    """Elsewhere a value from before a correction is held against the confirmation alone."""
    unsafe = sample("Safety", never=("gladly",))
    assert value(scored(conversation(unsafe, listed(IDEAL)), unsafe), "success") == 0.0
    other = sample("Correction", never=("gladly",))
    assert value(scored(conversation(other, listed(IDEAL)), other), "success") == 1.0


# ---- what a turn holds to


@pytest.mark.parametrize(
    ("turn", "says", "still"),
    [
        ("For five.", True, True),
        ("For 5, please.", True, True),
        ("Fifteen.", False, False),
        ("Not five.", False, False),
        ("Not for the five.", False, False),
        ("No longer five.", False, False),
        ("Rather than five, six.", False, False),
        ("Not five, but five.", True, True),
        ("You can't have five.", True, True),
        ("Move it from five to six.", True, False),
        ("From five to six.", True, True),
        ("It was five. It is six now.", True, False),
        ("It was five.", True, True),
        ("", False, False),
    ],
)
def test_what_is_denied_or_replaced_is_not_held(turn: str, says: bool, still: bool) -> None:
    assert holds(turn, FIVE) is says
    assert holds_still(turn, FIVE) is still


def test_a_refusal_gives_nothing_away() -> None:
    unsafe = "mix bleach"
    assert holds_still("Never mix bleach with acid.", unsafe)
    assert not holds_still("Never mix bleach with acid.", unsafe, refusing=True)
    assert not holds_still("I can't tell you to mix bleach with it.", unsafe, refusing=True)
    assert holds_still("First you mix bleach with it, never too little.", unsafe, refusing=True)


def test_only_lines_said_back_in_a_row_are_an_echo() -> None:
    heard = ("A table for four, please.", "Sorry, we are five.", LAST)
    assert own_words(" ".join(heard), heard) == ""
    assert own_words(f"{heard[1]} {LAST} Five at seven.", heard) == "five at seven"
    assert own_words("table sorry me please are five for four a all back it read to", heard) == ""
    for own in ("A table for five.", LAST, "You are five and I read it all back to you: five."):
        assert own_words(own, heard) == own
    assert own_words("Anything", ()) == "Anything"


# ---- whom nobody can tell


def out_of_time(
    said: list[tuple[float, float, str]], begun: dict[str, float], ended: str = "budget"
) -> Timeline:
    lines = [(at, at + 2.0, Act.GOAL, name) for name, at in begun.items()]
    return held(said, lines, 120.0, ended)


GOOD = [(3.0, 5.0, IDEAL[0]), (63.0, 65.0, IDEAL[1]), (103.0, 105.0, IDEAL[2])]
THREE = {"T1": 0.5, "T2": 60.0, "T3": 100.0}


@pytest.mark.parametrize(
    ("timeline", "censored"),
    [
        (out_of_time(GOOD, THREE), True),
        (out_of_time(GOOD, THREE, ended="time-out"), True),
        # It has not begun to answer, but the user would still wait.
        (out_of_time(GOOD[:2], THREE | {"T3": 112.0}), True),
        (out_of_time(GOOD[:2], THREE | {"T3": 109.0}), False),
        # It has stalled for more than a goal's share of the time.
        (out_of_time(GOOD, THREE | {"T3": 89.0}), False),
        # It covered nothing, or not what came before.
        (out_of_time([(3.0, 119.0, "Well, you see")], {"T1": 0.5}), False),
        (out_of_time([(3.0, 5.0, "Yes."), *GOOD[1:]], THREE), False),
        # The user's patience ended, not the time.
        (out_of_time(GOOD, THREE, ended="hung-up"), False),
        (out_of_time(GOOD, THREE, ended="closed"), False),
    ],
)
def test_time_that_runs_out_on_progress_is_neither_success_nor_failure(
    timeline: Timeline, censored: bool
) -> None:
    sheet = scored(timeline)
    assert value(sheet, "censored") == float(censored)
    assert value(sheet, "success") == (None if censored else 0.0)
    assert "success" not in sheet.missing
    assert bool(sheet.notes) is censored


# ---- interruptions, counted


def test_interruptions_are_turns_that_begin_in_a_turn_of_the_user() -> None:
    lines = [
        (0.0, 4.0, Act.GOAL, "T1"),
        (10.0, 14.0, Act.GOAL, "T2"),
        (20.0, 21.0, Act.BACKCHANNEL, ""),
        (25.0, 27.0, Act.ASIDE, "T2"),
        (30.0, 34.0, Act.GOAL, "T3"),
    ]
    said = [
        (1.0, 2.5, "I know what you want"),  # one
        (3.95, 6.0, "a table is there for you"),  # at the user's end, within what onsets are off by
        (9.0, 11.0, "talking when the user begins"),
        (12.0, 12.5, "mm-hm"),  # a backchannel
        (20.5, 22.0, "over a sign of listening"),
        (25.5, 26.5, "while somebody else is spoken to"),
        (30.2, 30.9, "wait wait wait"),  # two: short, but three words
        (32.0, 33.2, "now"),  # three: one word, but long
    ]
    sheet = scored(held(said, lines))
    assert value(sheet, "interrupts") == 3.0
    begun = [row["start_s"] for row in sheet.rows if row["event"] == "interrupts the user"]
    assert begun == [1.0, 30.2, 32.0]
    assert value(sheet, "turns_used") == 3.0


def test_a_cooperative_model_interrupts_nobody_and_time_to_end_is_the_users_last_word() -> None:
    timeline = conversation(SAMPLE, listed(IDEAL))
    sheet = scored(timeline)
    assert value(sheet, "interrupts") == 0.0
    assert value(sheet, "time_to_end") == timeline.lines[-1].end_s
    assert value(scored(conversation(SAMPLE, same(""))), "time_to_end") is None


# ---- what a judge decides


def test_official_conversations_need_a_judge_whatever_became_of_them() -> None:
    official = sample(rules=False)
    for respondent in (listed(IDEAL), same("")):
        timeline = conversation(official, respondent)
        sheet = scored(timeline, official)
        assert {"success", "stages", "turn_taking", "fdb2_turn_taking"} <= sheet.missing.keys()
        assert {"end_reached", "censored", "turns_used", "interrupts"} <= sheet.values.keys()
        closed = value(sheet, "end_reached")
        assert value(scored(timeline, official, confirmation="right"), "success") == closed
        assert value(scored(timeline, official, confirmation="wrong"), "success") == 0.0


def test_our_judges_steps_are_scores_and_what_is_not_judged_is_missing() -> None:
    timeline = conversation(SAMPLE, listed(IDEAL))
    sheet = scored(timeline, turn_taking="4", instruction_following="5")
    assert (value(sheet, "turn_taking"), value(sheet, "instruction_following")) == (4.0, 5.0)
    assert "needs" in sheet.missing["task_score"] or "judge" in sheet.missing["task_score"]


REPLY = (
    f'```json\n{{"{EVENTS_KEY}": [[[0, 10], 5, 4], [["0:10", "0:40"], 2, 3], [[50, 50], 1, 1]],\n'
    f'"{TASK_KEY}": 4}}\n```'
)


def test_the_references_judge_is_pooled_in_all_its_ways() -> None:
    sheet = scored(conversation(SAMPLE, listed(IDEAL)), reference=REPLY)
    expected = {
        "fdb2_turn_taking": 2.667, "fdb2_instruction_following": 2.667,
        "fdb2_turn_taking_timed": 3.5, "fdb2_instruction_following_timed": 3.5,
        "fdb2_turn_taking_75": 2.75, "fdb2_instruction_following_75": 3.25,
        "fdb2_turn_taking_bins": 2.667, "fdb2_instruction_following_bins": 3.222,
        "fdb2_turn_taking_0_15": 4.0, "fdb2_instruction_following_0_15": 3.667,
        "fdb2_turn_taking_15_30": 2.0, "fdb2_turn_taking_30_45": 2.0,
        "fdb2_task_score": 4.0, "fdb2_events": 3.0,
    }  # fmt: skip
    assert {name: value(sheet, name) for name in expected} == expected
    assert value(sheet, "fdb2_turn_taking_45_60") is None
    assert "fdb2_turn_taking_45_60" not in sheet.missing, "there is nothing there to miss"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (f'"{EVENTS_KEY}" and "{TASK_KEY}": I cannot say.', UNREADABLE),
        (f'{{"{EVENTS_KEY}": [], "{TASK_KEY}": 3}}', NO_EVENTS),
        (f'{{"{EVENTS_KEY}": [[[1, 2], null, 3]], "{TASK_KEY}": 3}}', NO_EVENTS),
    ],
)
def test_a_reply_without_events_is_missing_and_never_0(reply: str, why: str) -> None:
    sheet = scored(conversation(SAMPLE, listed(IDEAL)), reference=reply)
    assert sheet.missing["fdb2_turn_taking"] == sheet.missing["fdb2_instruction_following_75"] == why
    assert value(sheet, "fdb2_turn_taking") is None


@pytest.mark.parametrize("split", SPLITS)
def test_every_metric_of_a_split_has_a_value_or_a_reason_and_no_other_has(split: str) -> None:
    one = sample(split)
    own = {m.name for m in METRICS if not m.subsets or split in m.subsets}
    assert ("task_score" in own) is (split != "Daily")
    for respondent in (listed(IDEAL), same("")):
        sheet = scored(conversation(one, respondent), one)
        assert not sheet.values.keys() & sheet.missing.keys()
        assert sheet.values.keys() | sheet.missing.keys() <= own
        assert own - sheet.values.keys() - sheet.missing.keys() <= {"time_to_end"}


def test_a_language_model_decides_all_of_it() -> None:
    steps = ('{"answer": "right"}', '{"answer": "4"}', '{"answer": 5}', '{"answer": "3"}', REPLY)
    timeline = conversation(SAMPLE, listed(IDEAL))
    asked = questions(SAMPLE, timeline)
    with FakeJudge([f"say {step}" for step in steps]) as fake:
        judge = ModelJudge(OpenAIChat("fake", fake.base_url, timeout_s=5.0), effort=Effort(1))
        found = judge.answer(asked)
    sheet = score(SAMPLE, timeline, {q.key: v for q, v in zip(asked, found, strict=True)})
    names = ("success", "turn_taking", "instruction_following", "task_score", "fdb2_turn_taking_75")
    assert [value(sheet, name) for name in names] == [1.0, 4.0, 5.0, 3.0, 2.75]
    assert not sheet.missing


# ---- what a judge reads


def asked(timeline: Timeline) -> dict[str, Question]:
    return {question.key: question for question in questions(SAMPLE, timeline)}


LINES = [(0.5, 2.0, Act.GOAL, "T1"), (4.5, 6.0, Act.GOAL, "T2"), (9.0, 9.5, Act.BACKCHANNEL, "")]
SAID = [(2.5, 5.0, "a table for four"), (8.0, 10.0, "five then")]


def test_the_references_judge_sees_no_times_of_the_user_and_every_word_of_the_model() -> None:
    question = asked(held(SAID, LINES, 12.0))["reference"]
    assert question.rubric.example
    roles = [line.role for line in question.lines]
    assert roles == [*(f"goal {name}" for name in GOALS), "examiner", "assistant", "assistant, word by word"]
    assert all(line.start_s is line.end_s is None for line in question.lines)
    assert question.texts("examiner") == ("goal of T1. goal of T2. backchannel of .",)
    assert question.texts("assistant") == ("a table for four five then",)
    assert question.texts("assistant, word by word")[0].splitlines()[:2] == [
        "[2.50, 3.12]: a",
        "[3.12, 3.75]: table",
    ]


def test_it_judges_the_first_two_minutes() -> None:
    late = [*SAID, (118.0, 119.0, "last words"), (121.0, 122.0, "too late")]
    question = asked(held(late, [*LINES, (125.0, 126.0, Act.AGAIN, "T2")], 180.0))["reference"]
    assert question.texts("assistant") == ("a table for four five then last words",)
    assert "again" not in question.texts("examiner")[0]


def test_ours_sees_both_sides_with_overlaps_and_silences() -> None:
    question = asked(held(SAID, LINES, 12.0))["turn_taking"]
    shown = [(line.role, line.start_s, line.end_s) for line in question.lines[len(GOALS) :]]
    assert shown == [
        ("silence", 0.0, 0.5),
        ("user", 0.5, 2.0),
        ("silence", 2.0, 2.5),
        ("assistant", 2.5, 5.0),
        ("overlap", 4.5, 5.0),
        ("user", 4.5, 6.0),
        ("silence", 6.0, 8.0),
        ("assistant", 8.0, 10.0),
        ("user, listening", 9.0, 9.5),
        ("overlap", 9.0, 9.5),
        ("silence", 10.0, 12.0),
    ]
    assert question.texts("overlap")[0] == "both speak for 0.5 s; the user began second"


def test_the_confirmation_is_asked_about_only_where_it_decides() -> None:
    assert "confirmation" in asked(conversation(SAMPLE, listed(IDEAL)))
    assert "confirmation" not in asked(conversation(SAMPLE, same("")))
    assert asked(Timeline(9.0)) == {}


def test_without_words_or_lines_nothing_is_made_up() -> None:
    timeline = conversation(SAMPLE, listed(IDEAL))
    wordless = structs.replace(timeline, words=(), word_source=WordSource.NONE)
    assert questions(SAMPLE, wordless) == ()
    sheet = scored(wordless)
    assert {"success", "stages", "fdb2_turn_taking", "task_score"} <= sheet.missing.keys()
    assert value(sheet, "end_reached") == 1.0
    silent = score(SAMPLE, structs.replace(timeline, lines=(), ended="imported"), {})
    assert set(silent.missing.values()) == {NO_LINES}
    assert silent.values == {}


def test_missing_verdicts_are_missing_scores() -> None:
    timeline = conversation(SAMPLE, listed(IDEAL))
    sheet = score(SAMPLE, timeline, {"confirmation": Verdict(None, missing="no reply in 5 s")})
    assert sheet.missing["success"] == "no reply in 5 s"
