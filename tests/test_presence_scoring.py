"""Each measure of Presence on both sides: what earns it, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs
from presence_timelines import TASK, first_call, sample, scored, timeline, turn_of, values

from tml_bench.questions import Verdict
from tml_bench.samples import IdealCall, Sample
from tml_bench.tasks.presence.annotation import BEHAVIOURS, CANCELS, CHANGES, CHATS, WAITS, expected_of
from tml_bench.tasks.presence.heard import numbers_of_three, says
from tml_bench.tasks.presence.rules import CONNECTED, WEAVING
from tml_bench.timeline import Timeline, WordSource


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_ideal_respondent_reaches_the_end_of_every_measure(behaviour: str, number: int) -> None:
    one = sample(behaviour, number)
    found = values(one, TASK.ideal(one))
    rates = {
        name: found[name]
        for name in ("handled", "acknowledged", "answered", "called", "result_right", "woven", "respected")
        if name in found
    }
    assert set(rates.values()) == {1.0}
    wrong = ("stale", "over_user", "repeated", "filler_share", "dead_air", "dead_air_total")
    assert {found[name] for name in wrong if name in found} == {0.0}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_silence_earns_nothing(behaviour: str) -> None:
    one = sample(behaviour, 5)
    found = values(one, timeline(one))
    assert {found.get(name, 0.0) for name in ("handled", "acknowledged", "answered", "called")} == {0.0}
    assert {found.get(name, 0.0) for name in ("result_right", "woven")} == {0.0}
    assert not {"stale", "respected", "repeated", "time_to_acknowledge", "result_latency"} & set(found)
    item = expected_of(one)
    spoken_s = item.turn_end_s - item.turn_start_s if item.turn_start_s and item.turn_end_s else 0.0
    end_s = item.turn_end_s if behaviour == CANCELS else item.length_s
    assert end_s is not None
    assert found["dead_air_total"] == pytest.approx(end_s - item.request_end_s - spoken_s)


@pytest.mark.parametrize(("number", "latency_s"), [(1, 2.0), (3, 5.0), (5, 10.0)])
def test_quiet_until_the_result_is_dead_air_of_its_latency(number: int, latency_s: float) -> None:
    one = sample(WAITS, number)
    item = expected_of(one)
    telling = item.item.call.telling
    heard = timeline(one, [(item.request_end_s + latency_s + 0.2, telling)], [first_call(one, 0.0)])
    found = values(one, heard)
    assert found["dead_air"] == found["dead_air_total"] == pytest.approx(latency_s)
    assert found["result_latency"] == pytest.approx(0.2)
    assert found["acknowledged"] == found["handled"] == float(latency_s < 3)


@pytest.mark.parametrize(
    ("after_s", "right"), [(-0.5, False), (-0.1, True), (0.3, True), (2.9, True), (3.1, False)]
)
def test_the_first_speech_after_the_request_acknowledges_it(after_s: float, right: bool) -> None:
    one = sample(WAITS, 5)
    found = values(one, timeline(one, [(expected_of(one).request_end_s + after_s, "On it.")]))
    assert found["acknowledged"] == float(right)
    assert found.get("time_to_acknowledge") == (None if after_s < -0.2 else pytest.approx(after_s))


def test_who_is_spoken_to_again_may_acknowledge_after_that() -> None:
    one = sample(CHATS, 1)
    _, end_s = turn_of(expected_of(one))
    assert values(one, timeline(one, [(end_s + 2.5, "Four.")]))["acknowledged"] == 1.0


def reply(one: Sample, text: str, after_s: float = 0.4, calls: bool = True) -> dict[str, float]:
    """Values where the reply to the user's turn is all that is said."""
    item = expected_of(one)
    _, end_s = turn_of(item)
    made = [first_call(one)] if calls else []
    if calls and item.item.then is not None:
        made.append(IdealCall(end_s + 0.4, item.item.then.tool, item.item.then.args))
    return values(one, timeline(one, [(end_s + after_s, text)], made))


@pytest.mark.parametrize(
    ("behaviour", "text", "right"),
    [
        ("asks_progress", "Still looking.", 1.0),
        ("asks_progress", "Hmm, let me see.", 0.0),
        ("asks_progress", "The weather is nice.", 0.0),
        ("adds_constraint", "Sure.", 1.0),
        ("adds_constraint", "Breakfast, got it.", 1.0),
        ("adds_constraint", "I'm sorry, I can't do that.", 0.0),
        ("adds_constraint", "Um, well.", 0.0),
        ("changes_mind", "Lamps, then.", 1.0),
        ("changes_mind", "Hmm.", 0.0),
        ("cancels", "No worries, I've stopped.", 1.0),
        ("cancels", "Hmm, let me see.", 0.0),
        ("chats", "That makes green.", 1.0),
        ("chats", "Okay, one moment.", 0.0),
        ("chats", "That makes purple.", 0.0),
    ],
)
def test_a_reply_fits_what_the_user_said(behaviour: str, text: str, right: float) -> None:
    assert reply(sample(behaviour, 6), text)["answered"] == right


def test_a_reply_is_right_only_in_time_and_with_the_call_that_it_promises() -> None:
    one, chat = sample("changes_mind", 5), sample(CHATS, 5)
    assert reply(one, "Okay, Oslo.")["answered"] == 1.0
    assert reply(one, "Okay, Oslo.", calls=False)["answered"] == 0.0
    assert reply(one, "Okay, Oslo.", after_s=3.2)["answered"] == 0.0
    assert reply(chat, "Eight.", calls=False)["answered"] == 1.0
    assert reply(chat, "Eight.", after_s=-1.0)["answered"] == 0.0
    assert reply(chat, "Eight.", after_s=0.7)["reply_latency"] == pytest.approx(0.7)


def told(one: Sample, text: str, after_s: float = 0.3, calls: int = 1) -> dict[str, float]:
    """Values where the result is told so long after it is there."""
    item = expected_of(one)
    made = [first_call(one, 0.4)] * calls
    said = [
        (item.request_end_s + 0.3, "On it."),
        (item.request_end_s + 0.4 + item.item.latency_s + after_s, text),
    ]
    return values(one, timeline(one, said, made))


def test_a_result_is_told_right_in_time_and_after_it_was_there() -> None:
    one = sample(WAITS, 3)
    fact = expected_of(one).item.call.fact
    right = told(one, f"It is {fact}.")
    assert (right["result_right"], right["woven"], right["handled"]) == (1.0, 1.0, 1.0)
    assert right["result_latency"] == pytest.approx(0.3)
    late = told(one, f"It is {fact}.", 6.5)
    assert (late["result_right"], late["woven"], late["handled"]) == (1.0, 0.0, 0.0)
    guessed = told(one, f"It is {fact}.", -2.0)
    assert (guessed["result_right"], guessed["woven"]) == (0.0, 0.0)
    other = told(one, f"It is {fact + 1}.")
    assert (other["result_right"], other["handled"]) == (0.0, 0.0)
    many = told(one, f"It is {fact} or {fact - 1} or {fact + 1} or {fact + 2}.")
    assert (many["result_right"], many["woven"], many["handled"]) == (0.0, 1.0, 0.0)
    uncalled = told(one, f"It is {fact}.", calls=0)
    assert (uncalled["result_right"], uncalled["called"]) == (0.0, 0.0)


def test_who_calls_for_everything_has_not_called() -> None:
    one = sample(WAITS, 3)
    telling = expected_of(one).item.call.telling
    assert [told(one, telling, calls=n)["called"] for n in (1, 2, 3)] == [1.0, 1.0, 0.0]
    assert told(one, telling, calls=3)["handled"] == 0.0


def test_a_result_over_the_user_is_not_woven_in() -> None:
    one = sample("asks_progress", 2)
    item = expected_of(one)
    start_s, end_s = turn_of(item)
    call = first_call(one, 0.0)
    during = values(one, timeline(one, [(end_s - 0.21, item.item.call.telling)], [call]))
    assert start_s < item.request_end_s + 2.0 < end_s - 0.21
    assert (during["over_user"], during["woven"], during["handled"]) == (1.0, 0.0, 0.0)
    after = values(one, timeline(one, [(end_s + 0.1, item.item.call.telling)], [call]))
    assert (after["over_user"], after["woven"], after["handled"]) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize("behaviour", [CHANGES, CANCELS])
def test_what_is_no_longer_wanted_is_not_told(behaviour: str) -> None:
    one = sample(behaviour, 3)
    item = expected_of(one)
    _, end_s = turn_of(item)
    cancelled, running = first_call(one, cancelled_s=end_s + 0.2), first_call(one)
    reply = (end_s + 0.4, item.item.reply)
    old = (end_s + 4.0, f"It was {item.item.call.fact}.")

    def of(call: IdealCall, *more: tuple[float, str]) -> tuple[float, float]:
        found = values(one, timeline(one, [reply, *more], [call]))
        return found["stale"], found["respected"]

    assert of(running, old) == (1.0, 0.0)
    assert of(running) == of(cancelled) == (0.0, 1.0)
    assert of(cancelled, old) == (1.0, 1.0)
    never = values(one, timeline(one, [reply, old]))
    assert not {"stale", "respected"} & set(never)
    late = values(one, timeline(one, [reply, old], [replace(running, at_s=end_s + 1.0)]))
    assert (late["stale"], late.get("respected")) == (1.0, None)


def test_cancelling_is_handled_only_where_something_was_begun() -> None:
    one = sample(CANCELS, 3)
    _, end_s = turn_of(expected_of(one))
    said = [(expected_of(one).request_end_s + 0.3, "On it."), (end_s + 0.4, "Okay, I have stopped.")]
    assert values(one, timeline(one, said, [first_call(one)]))["handled"] == 1.0
    assert values(one, timeline(one, said))["handled"] == 0.0
    late = replace(first_call(one), at_s=end_s + 1.0)
    assert values(one, timeline(one, said, [late]))["handled"] == 0.0


def waiting(*texts: str) -> dict[str, float]:
    """Values where these are said in a wait of ten seconds, and then the result."""
    one = sample(WAITS, 5)
    item = expected_of(one)
    said = [(item.request_end_s + 0.3 + 2.4 * k, text) for k, text in enumerate(texts)]
    end = (item.request_end_s + 10.6, item.item.call.telling)
    return values(one, timeline(one, [*said, end], [first_call(one)]))


def test_fillers_are_told_from_what_says_something_and_repeating_costs() -> None:
    varied = waiting("On it.", "Still looking.", "Almost there.", "Nearly done.")
    assert (varied["repeated"], varied["filler_share"], varied["handled"]) == (0.0, 0.0, 1.0)
    twice = waiting("Hold on please.", "Hold on please.", "Nearly done.")
    assert (twice["repeated"], twice["filler_share"], twice["handled"]) == (0.0, 3 / 8, 1.0)
    thrice = waiting("Hold on please.", "Hold on please.", "Hold on please.")
    assert (thrice["repeated"], thrice["filler_share"], thrice["handled"]) == (1.0, 2 / 3, 0.0)
    unknown = waiting("Tum tee tum.", "Tum tee tum.", "Tum tee tum.")
    assert (unknown["repeated"], unknown["handled"]) == (1.0, 0.0)


def test_unknown_words_are_missing_and_times_are_still_known() -> None:
    one = sample("changes_mind", 3)
    ideal = TASK.ideal(one)
    wordless = structs.replace(ideal, words=(), word_source=WordSource.NONE)
    found = scored(one, wordless)
    assert {"handled", "answered", "result_right", "stale", "repeated"} <= set(found.missing)
    assert {"acknowledged", "called", "dead_air", "reply_latency"} <= set(found.values)
    assert TASK.questions(one, wordless) == ()


def test_how_a_result_connects_only_judges_know() -> None:
    one = sample(CHATS, 3)
    ideal = TASK.ideal(one)
    assert "connects" in scored(one, ideal).missing
    verdicts = {WEAVING: Verdict(CONNECTED), "reply": Verdict("right"), "result": Verdict("right")}
    assert TASK.score(one, ideal, verdicts).values["connects"].numerator == 1.0


def test_what_a_judge_did_not_answer_is_missing_unless_it_does_not_matter() -> None:
    one = sample(CHATS, 3)
    ideal = TASK.ideal(one)
    silent: dict[str, Verdict] = {"result": Verdict("right")}
    unknown = TASK.score(one, ideal, silent)
    assert {"handled", "answered"} <= set(unknown.missing)
    lost: Timeline = structs.replace(ideal, calls=())
    assert TASK.score(one, lost, silent).values["handled"].numerator == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "It is 384.", "three hundred and eighty-four", "Three Hundred Eighty Four!", "three eighty-four",
        "three eight four", "€384", "that's 384 euros", "3-84", "locker 384, on the left",
    ],
)  # fmt: skip
def test_a_number_is_found_however_it_is_said(text: str) -> None:
    assert says(text, 384)
    assert numbers_of_three(text) == {384}


@pytest.mark.parametrize("text", ["", "It is 385.", "eighty four", "3 or 84", "1384", "four eighty three"])
def test_another_number_is_not_taken_for_it(text: str) -> None:
    assert not says(text, 384)
