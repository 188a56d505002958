"""Scoring FD-bench v3: known calls and replies with known right scores, in both families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest
from msgspec import structs

from tml_bench.errors import BadSampleError
from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Question, Verdict
from tml_bench.samples import Reference, Sample
from tml_bench.scoring.floors import ScoreTable, mean_of
from tml_bench.scoring.judging import score_all
from tml_bench.task import Score
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks.fd_bench_v3 import judging
from tml_bench.tasks.fd_bench_v3.annotation import ExpectedCall, ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.task import FdBenchV3
from tml_bench.timeline import Segment, TimedCall, Timeline, Word, WordSource

TASK = FdBenchV3()
ALL = TASK.overall[0]
METRIC = {metric.name: metric for metric in TASK.metrics}

FLIGHT = ExpectedCall("search_flights", {"destination": "Milan", "date": "May 3"})
RATE = ExpectedCall("get_exchange_rate", {"amount": "$RESULT_0.flights[0].price", "to_currency": "EUR"})
END_S = 8.0
PAUSED_S = 2.0
REQUEST = "A flight to Rome on May 3rd, no, to Milan, and its price in euros."
REPLY = "I found a flight to Milan on May 3 that costs 405 euros."


def said_by_user(*spans: tuple[float, float]) -> tuple[Word, ...]:
    return tuple(Word("word", *span) for span in spans)


ITEM = ScenarioAnnotation(
    "travel_1", "travel_identity", "medium", ("PAUSE", "SELF_CORRECTION"), True, (FLIGHT, RATE), REQUEST,
    REPLY, facts=("405|four hundred five",), user_words=said_by_user((0.5, PAUSED_S), (4.5, END_S)),
    corrected_s=6.0,
)  # fmt: skip
EASY = structs.replace(ITEM, expected=(FLIGHT,), difficulty="easy", features=(), rollback=False)


def sample(item: ScenarioAnnotation = ITEM, name: str = "s") -> Sample:
    return Sample(name, item.domain, reference=Reference(END_S, annotation=item), unit=item.scenario)


def call(name: str, at_s: float, ended: str = "", **arguments: object) -> TimedCall:
    return TimedCall(name, at_s, arguments, arguments, at_s + 0.1, {"status": "success"}, ended=ended)


def flight(at_s: float = 8.5, destination: str = "Milan", date: str = "May 3", **more: str) -> TimedCall:
    return call("search_flights", at_s, more.get("ended", ""), destination=destination, date=date)


def rate(at_s: float = 9.0, amount: object = 450, to: str = "EUR") -> TimedCall:
    return call("get_exchange_rate", at_s, amount=amount, from_currency="USD", to_currency=to)


def heard(calls: Iterable[TimedCall] = (), *said: tuple[float, str]) -> Timeline:
    spoken = [Speech(at_s, at_s + 0.3 * len(text.split()), text.split()) for at_s, text in said]
    return structs.replace(speaking(40.0, spoken), calls=tuple(calls))


def scored(timeline: Timeline, item: ScenarioAnnotation = ITEM) -> Score:
    (found,) = score_all(TASK, [(sample(item), timeline)]).scores
    assert (found.values.keys() | found.missing.keys()) <= METRIC.keys()
    assert not found.values.keys() & found.missing.keys()
    return found


def values(timeline: Timeline, item: ScenarioAnnotation = ITEM) -> dict[str, float]:
    """Every metric's value; what is missing is absent."""
    return {
        name: v.numerator / v.denominator
        for name, v in scored(timeline, item).values.items()
        if v.denominator
    }


def test_a_request_that_is_fulfilled_scores_everything() -> None:
    found = values(heard([flight(), rate()], (9.5, REPLY)))
    right = (
        "pass_at_1", "fdb3_pass_at_1", "tool_f1", "fdb3_tool_f1", "fdb3_tool_f1_all", "arguments",
        "fdb3_arguments", "fdb3_arguments_all", "response_quality", "fdb3_response_quality",
        "spoken_fulfilment", "turn_take",
    )  # fmt: skip
    assert {name: found[name] for name in right} == dict.fromkeys(right, 1.0)
    wrong = ("corrected", "interruption", "filler", "preemptive", "fdb3_interruption", "fdb3_filler")
    assert {name: found[name] for name in wrong} == dict.fromkeys(wrong, 0.0)
    times = {"first_response": 1.5, "tool_call": 0.5, "task_completion": 1.5}
    assert {name: found[name] for name in times} == pytest.approx(times)
    # to the reference the user's turn ended at the pause
    exact = {f"fdb3_{name}": value + END_S - PAUSED_S for name, value in times.items()}
    assert {name: found[name] for name in exact} == pytest.approx(exact)
    groups = {"medium", "calls_2", "pause", "self_correction", "rollback"}
    passed = {name for name in found if name.startswith(("pass_at_1_", "fdb3_pass_at_1_"))}
    assert passed == {f"{name}_{group}" for name in ("pass_at_1", "fdb3_pass_at_1") for group in groups}


CALLS: list[tuple[str, Sequence[TimedCall], dict[str, float]]] = [
    ("in another order", [rate(), flight()],
     {"pass_at_1": 1, "fdb3_pass_at_1": 1, "tool_f1": 1, "fdb3_tool_f1_all": 1, "arguments": 1,
      "corrected": 0}),
    ("missing", [flight()],
     {"pass_at_1": 0, "fdb3_pass_at_1": 0, "tool_f1": 2 / 3, "fdb3_tool_f1_all": 2 / 3, "arguments": 0.5}),
    ("one beside", [flight(), rate(), call("track_order", 9.5, order_id="1")],
     {"pass_at_1": 0, "fdb3_pass_at_1": 0, "tool_f1": 0.8, "fdb3_tool_f1_all": 0.8, "arguments": 1,
      "fdb3_arguments_all": 1, "corrected": 0}),
    ("the same twice", [flight(), flight(8.7), rate()],
     {"pass_at_1": 1, "fdb3_pass_at_1": 0, "tool_f1": 1, "fdb3_tool_f1_all": 0.8, "arguments": 1,
      "fdb3_arguments_all": 1, "corrected": 1 / 3}),
    ("early, then corrected", [flight(5.0, "Rome"), flight(8.5), rate()],
     {"pass_at_1": 1, "fdb3_pass_at_1": 0, "tool_f1": 1, "fdb3_tool_f1_all": 0.8, "arguments": 1,
      "fdb3_arguments_all": 0.5, "corrected": 1 / 3, "preemptive": 1, "tool_call": None}),
    ("early, and not corrected", [flight(5.0, "Rome"), rate()],
     {"pass_at_1": 0, "fdb3_pass_at_1": 0, "arguments": 0.5, "fdb3_arguments_all": 0.5, "corrected": 0}),
    ("right, and then made wrong", [flight(), flight(8.7, "Rome"), rate()],
     {"pass_at_1": 0, "fdb3_pass_at_1": 0, "arguments": 0.5, "fdb3_arguments_all": 1, "corrected": 1 / 3}),
    ("cancelled, then made", [flight(5.0, "Rome", ended="cancelled"), flight(), rate()],
     {"pass_at_1": 1, "fdb3_pass_at_1": 1, "tool_f1": 1, "arguments": 1, "fdb3_arguments_all": 1,
      "corrected": 1 / 3, "preemptive": 0}),
    ("refused, then made", [flight(8.2, "", ended="arguments"), flight(), rate()],
     {"pass_at_1": 1, "fdb3_pass_at_1": 1, "corrected": 1 / 3}),
    ("refused", [flight(8.2, ended="arguments"), rate()],
     {"pass_at_1": 0, "fdb3_pass_at_1": 0, "arguments": 0.5, "corrected": 0}),
    ("left out", [call("search_flights", 8.5, destination="Milan"), rate()],
     {"pass_at_1": 0, "fdb3_pass_at_1": 0, "arguments": 0.5}),
    ("nothing", [],
     {"pass_at_1": 0, "fdb3_pass_at_1": 0, "tool_f1": 0, "fdb3_tool_f1_all": 0, "arguments": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "calls", "right"), CALLS, ids=[what for what, *_ in CALLS])
def test_calls(what: str, calls: Sequence[TimedCall], right: dict[str, float | None]) -> None:
    found = values(heard(calls))
    assert {name: found.get(name) for name in right} == pytest.approx(right), what
    # nothing is said: the reference's measures of who takes the turn have no such request
    assert found["turn_take"] == found["response_quality"] == 0
    assert not {"fdb3_tool_f1", "fdb3_arguments", "fdb3_response_quality"} & found.keys()


def test_who_speaks_early_leaves_all_latencies_of_the_reference_and_none_of_ours() -> None:
    early = heard([flight(1.5), rate(5.0)], (1.8, "Sure, let me look for that flight."), (9.0, REPLY))
    found = values(early)
    assert found["fdb3_interruption"] == found["interruption"] == 1
    assert not [name for name in found if name.startswith("fdb3_") and name.endswith(("call", "response"))]
    assert {"fdb3_task_completion", "fdb3_filler"}.isdisjoint(found)
    assert (found["fdb3_preemptive"], found["preemptive"], found["filler"]) == (1, 1, 1)
    times = {"first_response": -6.2, "tool_call": -6.5, "task_completion": 1.0}
    assert {name: found[name] for name in times} == pytest.approx(times)
    # who speaks into the pause has interrupted, but not by the reference's rule
    paused = values(heard([], (2.5, "Sure, let me look for that flight.")))
    assert (paused["fdb3_interruption"], paused["interruption"]) == (0, 1)
    # a "mm-hm" while the user talks takes no turn, and the reference counts it as an answer
    listening = values(heard([flight(), rate()], (1.5, "mm-hm"), (9.5, REPLY)))
    assert (listening["fdb3_interruption"], listening["interruption"]) == (1, 0)
    assert listening["first_response"] == pytest.approx(1.5)


def test_a_filler_is_what_comes_before_the_outcome() -> None:
    found = values(heard([flight(), rate()], (8.2, "One moment, please."), (11.0, REPLY)))
    assert (found["filler"], found["fdb3_filler"]) == (1, 1)
    assert (found["first_response"], found["task_completion"]) == pytest.approx((0.2, 3.0))
    wrong = values(heard([], (8.2, "One moment, please."), (11.0, "That is 405 euros, but I cannot fly.")))
    assert (wrong["filler"], wrong["fdb3_task_completion"]) == pytest.approx((1, 11.0 - PAUSED_S))
    assert "task_completion" not in wrong, "the reference takes any sentence, right or not"
    never = values(heard([flight(), rate()], (8.2, "One moment, please.")))
    assert (never["filler"], never["response_quality"]) == (1, 0)
    assert "task_completion" not in never


def test_the_users_words_come_from_the_data_or_are_recognised() -> None:
    unknown = structs.replace(ITEM, user_words=())
    timeline = heard([flight(), rate()], (9.5, REPLY))
    recognised = structs.replace(timeline, user=Timeline(40.0, words=ITEM.user_words))
    untimed = Sample("s", ITEM.domain, reference=Reference(None, annotation=unknown))
    assert TASK.recognises_user(untimed)
    assert not TASK.recognises_user(sample())
    (blind, seen) = score_all(TASK, [(untimed, timeline), (untimed, recognised)]).scores
    assert seen.values == scored(timeline).values
    times = {name for name in seen.values if name not in blind.values}
    assert times == set(blind.missing)
    assert times == {
        f"{family}{name}"
        for family in ("", "fdb3_")
        for name in ("interruption", "preemptive", "first_response", "tool_call", "task_completion")
    } | {"fdb3_filler"}


def test_where_the_words_are_not_known_calls_are_scored_all_the_same() -> None:
    speech = Timeline(40.0, (Segment(9.0, 12.0),), word_source=WordSource.NONE, calls=(flight(), rate()))
    found = scored(speech)
    assert found.values["pass_at_1"].numerator == found.values["turn_take"].numerator == 1
    assert found.values["first_response"].numerator == 1.0
    assert {
        "response_quality",
        "fdb3_response_quality",
        "spoken_fulfilment",
        "filler",
    } <= found.missing.keys()


def test_what_rules_cannot_tell_is_missing_and_not_wrong() -> None:
    found = scored(heard([flight(destination="Malpensa"), rate()], (9.5, REPLY)))
    assert {"pass_at_1", "pass_at_1_rollback", "fdb3_pass_at_1", "arguments", "fdb3_arguments"} <= (
        found.missing.keys()
    )
    assert "rules cannot tell" in found.missing["pass_at_1"]
    assert found.values["tool_f1"].numerator == 1
    # where another call fails the request anyway it is known
    other = scored(heard([flight(destination="Malpensa"), rate(to="GBP")], (9.5, REPLY)))
    assert other.values["pass_at_1"].numerator == other.values["fdb3_pass_at_1"].numerator == 0
    assert "arguments" in other.missing
    official = scored(heard([flight(), rate()], (9.5, REPLY)), structs.replace(ITEM, facts=()))
    assert {
        "response_quality",
        "fdb3_response_quality",
        "filler",
        "task_completion",
    } <= official.missing.keys()
    assert official.values["pass_at_1"].numerator == 1


class Answers:
    """A judge that answers as told, by key."""

    id = "told"

    def __init__(self, told: Mapping[str, str | None]) -> None:
        self.told = told
        self.asked: list[Question] = []

    def answer(self, questions: Sequence[Question], advance: object = None) -> list[Verdict]:
        self.asked += questions
        return [
            Verdict(self.told.get(q.key), missing="" if self.told.get(q.key) else "no answer")
            for q in questions
        ]


def test_a_judge_is_asked_only_what_is_not_plain() -> None:
    judge = Answers({judging.REPLY_KEY: judging.RIGHT, judging.SENTENCE_KEY: "2"})
    timeline = heard([flight(), rate()], (8.5, "Right away."), (9.5, REPLY))
    (found,) = score_all(TASK, [(sample(structs.replace(ITEM, facts=())), timeline)], judge).scores
    # the amount is a part of a result, which no code compares
    assert [q.key for q in judge.asked] == ["arguments 1-1", "reply", "key sentence"]
    assert found.missing["pass_at_1"] == "no answer"
    assert found.values["task_completion"].numerator == pytest.approx(1.5)
    assert found.values["filler"].numerator == found.values["response_quality"].numerator == 1
    judge = Answers({"arguments 1-1": judging.RIGHT, judging.SENTENCE_KEY: judging.NONE})
    (found,) = score_all(TASK, [(sample(), timeline)], judge).scores
    assert found.values["pass_at_1"].numerator == 1
    assert "response_quality" in found.missing, "an unjudged reply is never wrong"
    assert "task_completion" not in found.values.keys() | found.missing.keys()


def test_two_calls_of_a_name_are_compared_both_ways() -> None:
    orders = tuple(ExpectedCall("track_order", {"order_id": n}) for n in ("11111", "22222"))
    item = structs.replace(EASY, expected=orders)
    made = [call("track_order", 9.0 + k, order_id=n) for k, n in enumerate(("22222", "11111"))]
    found = values(heard(made), item)
    assert (found["pass_at_1"], found["arguments"], found["corrected"]) == (1, 1, 0)
    assert (found["fdb3_pass_at_1"], found["fdb3_arguments_all"]) == (0, 0)


# ---- cheats


def test_cheats_get_nothing() -> None:
    tools = [*(f"tool_{k}" for k in range(10)), "search_flights", "get_exchange_rate"]
    everything = [
        call(name, 8.5, destination="Milan", date="May 3", amount=1, to_currency="EUR") for name in tools
    ]
    found = values(heard(everything, (9.0, REPLY)))
    assert (found["pass_at_1"], found["fdb3_pass_at_1"]) == (0, 0)
    assert found["tool_f1"] == pytest.approx(2 * 2 / 14)
    talks = values(heard([], (8.5, REPLY)))
    assert (talks["pass_at_1"], talks["tool_f1"], talks["arguments"]) == (0, 0, 0)
    assert talks["spoken_fulfilment"] == 1, "who has no functions can still say what was asked for"
    echoes = values(heard([], (8.5, REQUEST)))
    assert (echoes["spoken_fulfilment"], echoes["response_quality"]) == (0, 0)
    cities = (
        "Oslo Paris Lisbon Madrid Berlin Vienna Prague Athens Dublin Rome Riga Turin Genoa Naples Lyon Milan "
        "Porto Seville Bilbao Nice Bonn Graz Brno Gdansk Cork Leeds York Bergen Malmo Turku Tartu Kaunas "
        "Boston Denver Austin Seattle Portland Chicago Dallas Houston Phoenix Miami Tampa Memphis Reno Fargo"
    )
    recites = values(heard([], (8.5, f"{cities} May 1 May 2 May 3 euros 405")))
    assert recites["spoken_fulfilment"] < 0.5
    assert recites["response_quality"] == 0
    constant = [flight(1.0, "Paris"), rate(1.0, to="GBP")]
    assert values(heard(constant))["pass_at_1"] == 0


def test_a_wordy_polite_reply_is_as_good() -> None:
    wordy = (
        "Of course, thank you so much for asking, and what a lovely idea! "
        f"{REPLY} Is there anything else that I can do for you today? I am always glad to help."
    )
    found = values(heard([flight(), rate()], (8.5, wordy)))
    assert (found["spoken_fulfilment"], found["response_quality"], found["pass_at_1"]) == (1, 1, 1)
    untidy = REPLY.lower().replace("405", "four hundred and five").replace("may 3", "the third of may")
    found = values(heard([flight(date="2026-05-03"), rate()], (8.5, untidy.replace(".", ""))))
    assert (found["spoken_fulfilment"], found["response_quality"], found["pass_at_1"]) == (1, 1, 1)


def test_a_refusal_is_not_right() -> None:
    assert values(heard([], (8.5, "I'm sorry, I can't do that.")))["response_quality"] == 0
    partly = scored(heard([], (8.5, "It would be 405 euros, but I could not find a flight.")))
    assert "response_quality" in partly.missing


# ---- the published table


TABLE = [
    ("GPT-Realtime 1.5", 96, 13, 76),
    ("Gemini Live 2.5", 92, 13, 51),
    ("Gemini Live 3.1", 78, 15, 56),
    ("Grok", 94, 24, 58),
    ("Ultravox 0.7", 96, 46, 49),
    ("Cascaded (Whisper, GPT-4o, TTS)", 100, 33, 60),
]


@pytest.mark.parametrize(("system", "taken", "early", "right"), TABLE, ids=[row[0] for row in TABLE])
def test_the_published_rates_follow_from_their_counts(
    system: str, taken: int, early: int, right: int
) -> None:
    """Of 100 requests in 79 scenarios: so many taken, of these so many interrupted, and answered right."""
    item = structs.replace(EASY, user_words=said_by_user((0.5, END_S)))
    outcomes: dict[tuple[bool, bool, bool], Score] = {}
    scores = []
    for k in range(100):
        kind = (k < taken, k < early, taken - right <= k < taken)
        if kind not in outcomes:
            text = REPLY if kind[2] else "I am not sure."
            said = [(7.0 if kind[1] else 9.0, text)] if kind[0] else []
            outcomes[kind] = scored(heard([], *said), item)
        scores.append(structs.replace(outcomes[kind], sample=f"s{k}", unit=f"scenario {k % 79}"))
    table = ScoreTable(scores)
    part = structs.replace(ALL, subsets=(item.domain,))
    found = {
        n: mean_of(table, part, METRIC[n])[0]
        for n in ("turn_take", "fdb3_interruption", "fdb3_response_quality")
    }
    printed = {p.metric: p.value for p in TASK.published() if p.system == system and p.subset == "all"}
    assert round(found["turn_take"] or 0, 2) == printed["turn_take"]
    assert round(found["fdb3_interruption"] or 0, 3) == printed["fdb3_interruption"]
    assert round(found["fdb3_response_quality"] or 0, 3) == printed["fdb3_response_quality"]
    means = {n: mean_of(table, part, METRIC[n])[0] for n in ("response_quality", "interruption")}
    assert means == pytest.approx({"response_quality": right / 100, "interruption": early / taken})


def test_published_numbers_fit_the_metrics() -> None:
    rows = TASK.published()
    assert len({(p.system, p.subset, p.metric) for p in rows}) == len(rows)
    for row in rows:
        assert row.metric in METRIC
        assert row.subset in (*TASK.subsets, ALL.name)
        assert 0 <= row.value <= 1 or METRIC[row.metric].unit == "s"
    counts = {size.subset: size.samples for size in TASK.official_sizes}
    for row in rows:
        if row.metric == "fdb3_pass_at_1" and row.subset in counts:
            hits = row.value * counts[row.subset]
            assert round(round(hits) / counts[row.subset], 3) == row.value, row


def test_a_sample_that_cannot_be_used_is_said_so() -> None:
    broken = Sample("s", "travel_identity", problem="the file is missing")
    assert not TASK.recognises_user(broken)
    with pytest.raises(BadSampleError, match="the file is missing"):
        TASK.score(broken, heard())


def test_rules_are_declared_for_every_rubric() -> None:
    assert {rubric.name for rubric in TASK.rubrics} == TASK.rules.keys()
    assert RuleJudge(TASK.rules).id
