"""The items that ship: complete, valid, no twins, spread evenly; the judge agrees with their examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

import pytest

from tml_bench.judges.contract import Question
from tml_bench.tasks.timed.asking import lines
from tml_bench.tasks.timed.items import CONTROLLED, CUESPEAK, SIZES, TIMESPEAK, VOICES, Item, load_items
from tml_bench.tasks.timed.judge import RIGHT, RUBRIC, RULE
from tml_bench.tasks.timed.validate import doubts, near_duplicates

FAMILIES = {"timespeak": TIMESPEAK, "cuespeak": CUESPEAK}
TASKS = tuple(FAMILIES)


@cache
def shipped(task: str) -> tuple[Item, ...]:
    return load_items(Path(str(resources.files(f"tml_bench.tasks.{task}"))) / "items.jsonl")


def replies(item: Item) -> Iterator[tuple[str, str, bool]]:
    for event in item.events:
        user = [turn.text for turn in item.turns]
        for right, texts in ((True, event.accept), (False, event.reject)):
            for text in texts:
                shown = lines(user, event.meaning, event.accept, event.reject, text.replace("{N}", "12"))
                answer = RULE.decide(Question("q", RUBRIC, shown)).answer
                yield event.id, text, (answer == RIGHT) == right


@pytest.mark.parametrize("task", TASKS)
def test_splits_families_and_voices(task: str) -> None:
    items = shipped(task)
    assert Counter(i.split for i in items) == SIZES
    for family in FAMILIES[task]:
        mine = [i for i in items if i.family == family]
        assert 26 <= len(mine) <= 28
        assert 4 <= sum(i.split == "dev" for i in mine) <= 5
        voices = Counter(i.voice for i in mine)
        assert set(voices) == set(VOICES)
        assert max(voices.values()) - min(voices.values()) <= 2
        assert any(not i.events for i in mine) == (family in CONTROLLED)


@pytest.mark.parametrize("task", TASKS)
def test_nothing_is_doubtful_and_no_two_are_the_same(task: str) -> None:
    items = shipped(task)
    assert [text for item in items for text in doubts(item)] == []
    assert near_duplicates(items) == []
    assert {item.task for item in items} == {{"timespeak": "ts", "cuespeak": "cs"}[task]}


@pytest.mark.parametrize("task", TASKS)
def test_the_offline_judge_agrees_with_every_example(task: str) -> None:
    wrong = [(i.id, *found) for i in shipped(task) for found in replies(i) if not found[2]]
    assert wrong == []
