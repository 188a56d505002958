"""Whoever does all that is asked is right whatever their manners, and no cheat is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs
from presence_timelines import TASK, first_call, handled, perfect, samples, timeline, turn_of, values

from tml_bench.samples import IdealCall, Sample
from tml_bench.tasks.presence.annotation import BEHAVIOURS, expected_of
from tml_bench.tasks.presence.world import CITIES, ITEMS, TITLES
from tml_bench.timeline import Timeline

MANNERS = {
    "terse": (
        "Sure.",
        {
            "asks_progress": "Almost.",
            "adds_constraint": "Sure.",
            "changes_mind": "Okay.",
            "cancels": "Okay.",
            "chats": "{key}.",
        },
        "{number}.",
    ),
    "wordy": (
        "Certainly, with the greatest of pleasure, I am looking that up for you, please bear with me.",
        {
            "asks_progress": "Thank you for asking, I am afraid that I am still waiting for their answer.",
            "adds_constraint": "Of course, no trouble at all, I will make sure of it: {key}, as you wish.",
            "changes_mind": "Not a problem in the least, {key} it shall be, let me start over for you.",
            "cancels": "No worries whatsoever, please consider it cancelled, and have a lovely day.",
            "chats": "Ha, what a nice question! If I am not mistaken, that would be {key}.",
        },
        "Thank you for your patience. I have found it, and what you were asking for is {number}, which I "
        "hope helps.",
    ),
    "other fillers": (
        "Righto, gimme a tick.",
        {
            "asks_progress": "Ooh, bear with me, it is nearly here.",
            "adds_constraint": "Righto, erm, {key}, got you.",
            "changes_mind": "Oops, sure, {key} then.",
            "cancels": "Righto, dropping it.",
            "chats": "Erm, well, {key}, methinks.",
        },
        "Aha, so, erm, that would be {number}.",
    ),
}


@pytest.mark.parametrize("call_s", [0.2, 1.0])
@pytest.mark.parametrize("manners", MANNERS)
def test_who_does_all_that_is_asked_is_right_in_any_words(manners: str, call_s: float) -> None:
    assert handled(lambda one: perfect(one, *MANNERS[manners], call_s)) == dict.fromkeys(BEHAVIOURS, 1.0)


def everything(one: Sample) -> list[IdealCall]:
    """Calls for all that may be wanted, at the request's end."""
    at_s = expected_of(one).request_end_s + 0.4
    calls = [IdealCall(at_s, "cheapest_flight", {"city": city}) for city in CITIES]
    calls += [IdealCall(at_s, "find_book", {"title": title}) for title in TITLES]
    calls += [IdealCall(at_s, "stock_count", {"item": item}) for item in ITEMS]
    calls += [IdealCall(at_s, "find_parcel", {"parcel": n}) for n in range(10, 100)]
    wanted = [entry for entry in (expected_of(one).item.call, expected_of(one).item.then) if entry]
    return [*calls, *(IdealCall(at_s, entry.tool, entry.args) for entry in wanted)]


def calls_everything(one: Sample) -> Timeline:
    """Asks for everything at once and does the rest well."""
    found = perfect(one, *MANNERS["terse"])
    return structs.replace(found, calls=timeline(one, (), everything(one)).calls)


def tells_everything(one: Sample) -> Timeline:
    """Makes the right call, and then says every number there is."""
    facts = " ".join(str(expected_of(other).item.call.fact) for other in samples())
    acknowledges, replies, _ = MANNERS["terse"]
    return perfect(one, acknowledges, replies, facts + " {number}")


def guesses(one: Sample) -> Timeline:
    """Never calls, and knows the numbers all the same."""
    return structs.replace(perfect(one, *MANNERS["terse"]), calls=())


def talks_on(one: Sample) -> Timeline:
    """Talks from the first moment to the last, and says the number as soon as it is there."""
    item = expected_of(one)
    calls = [first_call(one)]
    ready_s = calls[0].at_s + item.item.latency_s + 0.2
    fact = "" if item.item.wanted is None else f"{item.item.wanted.fact}, "
    words = [f"word{k}" for k in range(int(ready_s / 0.4))]
    after = [f"more{k}" for k in range(100)]
    return timeline(one, [(0.0, " ".join([*words, fact, *after]))], calls)


def same_sentence(one: Sample) -> Timeline:
    """Calls, says the same to everything, and tells what comes, wanted or not."""
    item = expected_of(one)
    call = first_call(one)
    ends = [end_s for _, end_s in item.talking]
    said = [(end_s + 0.4, "Okay, working on it.") for end_s in ends]
    said.append((call.at_s + item.item.latency_s + 2.5, item.item.call.telling))
    return timeline(one, sorted(said), [call])


@pytest.mark.parametrize("cheat", [calls_everything, guesses, talks_on])
def test_a_cheat_earns_nothing(cheat: Callable[[Sample], Timeline]) -> None:
    assert handled(cheat) == dict.fromkeys(BEHAVIOURS, 0.0)


def test_saying_every_number_tells_nothing() -> None:
    found = handled(tells_everything)
    assert found.pop("cancels") == 1.0, "there is nothing to tell"
    assert set(found.values()) == {0.0}


def test_the_same_sentence_is_no_answer_to_what_wants_one() -> None:
    found = handled(same_sentence)
    assert {found[name] for name in ("chats", "adds_constraint", "changes_mind", "cancels")} == {0.0}


def test_strategies_without_work_earn_nothing_on_any_sample() -> None:
    for one in samples():
        blind = list(TASK.blind(one).values())
        blind += [strategy(one) for strategy in TASK.family(samples()).values()]
        assert {values(one, heard)["handled"] for heard in blind} == {0.0}


def test_who_talks_over_the_user_to_tell_the_result_has_not_woven_it_in() -> None:
    def rude(one: Sample) -> Timeline:
        item = expected_of(one)
        if item.item.turn is None or item.item.latency_s != 2:
            return timeline(one)
        start_s, _ = turn_of(item)
        call = IdealCall(start_s - 1.7, item.item.call.tool, item.item.call.args)
        return timeline(one, [(start_s + 0.4, item.item.call.telling)], [call])

    assert set(handled(rude).values()) == {0.0}
