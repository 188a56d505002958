"""The offline judge under ways to say a reply, over every event of both item files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from timed_wrappers import KEEPING, TURNING, ReplyWrapper

from tml_bench.questions import Question
from tml_bench.tasks._timed.items import ItemEvent, TimedItem, load_items
from tml_bench.tasks._timed.meaning.rule import RUBRIC, RULE, lines
from tml_bench.tasks._timed.meaning.wording import words

TASKS = Path(__file__).parents[1] / "tasks"
MOST_FLIPS, MOST_FLIPS_OF_ONE = 0.03, 0.10
EVERY = 24
LONGEST_WRONG = 4
"""Words of a wrong reply that may be named as an alternative."""


@cache
def events() -> tuple[tuple[TimedItem, ItemEvent], ...]:
    """Different events that rules can judge, with their items."""
    found = {}
    for task in ("timespeak", "cuespeak"):
        for item in load_items(TASKS / task / "items.jsonl"):
            for event in item.events:
                if event.speech is None or item.family != "own_duration":
                    found.setdefault((item.family, event.accept, event.reject), (item, event))
    return tuple(found.values())


def judged_right(item: TimedItem, event: ItemEvent, reply: str) -> bool:
    shown = lines([turn.text for turn in item.turns], event.meaning, event.accept, event.reject, reply)
    return RULE.decide(Question("q", RUBRIC, shown)).answer == "right"


def fits(wrapper: ReplyWrapper, item: TimedItem, event: ItemEvent, reply: str) -> bool:
    """Whether a wrapper is natural around a reply."""
    if wrapper.families and item.family not in wrapper.families:
        return False
    if "econds" in wrapper.template or "ime" in wrapper.template:
        said = {word for text in event.accept for word in words(text)}
        if said & {"second", "seconds", "time", "left", "over", "halfway"}:
            return False
    if wrapper.commands:
        return event.meaning.startswith("tells the user to") and words(reply)[0] == words(event.meaning)[4]
    return not wrapper.language or wrapper.language in event.meaning


def replies(event: ItemEvent) -> Iterator[str]:
    """The first accepted reply, and another one."""
    yield from (text.replace("{N}", "12") for text in (event.accept[0], event.accept[-1]))


def flips(wrappers: tuple[ReplyWrapper, ...], right: bool) -> tuple[Counter[str], Counter[str], list[str]]:
    """Of every wrapper how often it was tried and gave another verdict than it should, and the texts."""
    tried, flipped, texts = Counter[str](), Counter[str](), list[str]()
    for place, (item, event) in enumerate(events()):
        wrong = next((t for t in event.reject if len(t.split()) <= LONGEST_WRONG), "")
        # Every wrapper meets many events, and every event many wrappers; all pairs would take too long.
        for wrapper in wrappers[place % EVERY :: EVERY]:
            if "{y}" in wrapper.template and not wrong:
                continue
            for reply in dict.fromkeys(replies(event)):
                if fits(wrapper, item, event, reply):
                    tried[wrapper.template] += 1
                    said = wrapper.wrap(reply, wrong)
                    if judged_right(item, event, said) != right:
                        flipped[wrapper.template] += 1
                        texts.append(f"{event.meaning} | {event.accept[:3]} | {said}")
    return tried, flipped, texts


def check_flips(tried: Counter[str], flipped: Counter[str], texts: list[str]) -> None:
    share = flipped.total() / tried.total()
    assert share < MOST_FLIPS, (share, flipped.most_common(8), texts[:20])
    worst = {
        name: n / tried[name] for name, n in flipped.items() if n > max(1, MOST_FLIPS_OF_ONE * tried[name])
    }
    assert not worst, (worst, texts[:20])


def test_there_are_enough_wrappers() -> None:
    assert len(KEEPING) >= 30
    assert len(TURNING) >= 15


def test_an_accepted_reply_stays_right_however_it_is_wrapped() -> None:
    check_flips(*flips(KEEPING, right=True))


def test_what_turns_a_reply_is_not_right() -> None:
    check_flips(*flips(TURNING, right=False))


def test_no_wrapper_turns_a_rejected_reply_right() -> None:
    tried = turned = 0
    texts = []
    for k, (item, event) in enumerate(events()):
        for wrapper in (KEEPING + TURNING)[k % EVERY :: EVERY]:
            for wrong in event.reject[k % 2 :: 2]:
                if "{y}" not in wrapper.template and fits(wrapper, item, event, wrong):
                    tried += 1
                    if judged_right(item, event, wrapper.wrap(wrong)):
                        turned += 1
                        texts.append(f"{event.meaning} | {wrapper.wrap(wrong)}")
    assert turned < MOST_FLIPS * tried, texts
