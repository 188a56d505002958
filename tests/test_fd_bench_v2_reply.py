"""Replies of the reference's judge, in all the forms in which they come."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.judged_events import JudgedEvent as E
from tml_bench.tasks.fd_bench_v2.judged_reply import EVENTS_KEY, TASK_KEY, JudgedReply, read_reply

TWO = (E(8.08, 29.68, 1, 1), E(30.0, 41.5, 4, 5))


def reply(events: str, task: str = "3") -> str:
    return f'{{"{EVENTS_KEY}": {events}, "{TASK_KEY}": {task}}}'


PLAIN = reply("[[[8.08, 29.68], 1, 1], [[30, 41.5], 4, 5]]")


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f"Here it is:\n```json\n{PLAIN}\n```\nAll done.",
        f"```\n{PLAIN}```",
        reply("[[{8.08, 29.68}, 1, 1], [{30, 41.5}, 4, 5]]"),
        reply(
            '[[{"start_time": 8.08, "end_time": 29.68}, 1, 1], [{"start_time": 30, "end_time": 41.5}, 4, 5]]'
        ),
        reply('[[["0:08.08", "0:29.68"], 1, 1], [["0:30", "0:41.5"], 4, 5]]'.replace("41.5", "41.50")),
        reply("[[[0:08.08, 0:29.68], 1, 1], [[0:30, 0:41.50], 4, 5]]"),
        reply('[[[8.08, 29.68], "1", "1.0"], [[30, 41.5], 4.9, 5]]'),
        reply("[[[8.08], [29.68], 1, 1], [[30], [41.5], 4, 5]]"),
        reply("[[[[8.08], [29.68]], 1, 1], [[[30], [41.5]], 4, 5]]"),
        # As the reference's own example writes it, which is no JSON.
        reply("[[[8.08],[29.68]]: 1, 1], [[[30],[41.5]]: 4, 5]"),
        f'"{EVENTS_KEY}": [8.08, 29.68]: 1, 1\n[30, 41.5]: 4, 5\n"{TASK_KEY}": 3',
        f"{EVENTS_KEY}:\n- [0:08.08, 0:29.68]: 1, 1\n- [[30, 41.5]]: 4, 5\n\nTask-Specific Score: 3",
    ],
)
def test_two_events_and_a_task_score(text: str) -> None:
    assert read_reply(text) == JudgedReply(TWO, 3)


def test_minutes_are_sixty_seconds() -> None:
    assert read_reply(reply("[[[1:05, 2:00], 3, 3]]")) == JudgedReply((E(65.0, 120.0, 3, 3),), 3)


def test_an_item_with_several_intervals_is_several_events() -> None:
    three = tuple(E(a, a + 1.0, 4, 2) for a in (1.0, 5.0, 9.0))
    for text in (
        reply("[[[[1, 2], [5, 6], [9, 10]], 4, 2]]"),
        reply("[[[1, 2], [5, 6], [9, 10], 4, 2]]"),
        "[1, 2], [5, 6], [9, 10]: 4, 2\nTask-specific score: 3",
    ):
        assert read_reply(text) == JudgedReply(three, 3)


@pytest.mark.parametrize(
    ("given_score", "right"),
    [("4.9", 4), ('"2"', 2), ("0", 0), ("null", None), ('"null"', None), ("7", None), ("-1", None)],
)
def test_scores_are_cut_to_whole_numbers_of_the_scale(given_score: str, right: int | None) -> None:
    found = read_reply(reply("[[[1, 2], 5, 5]]", given_score))
    assert found == JudgedReply((E(1.0, 2.0, 5, 5),), right)
    events = read_reply(reply(f"[[[1, 2], {given_score}, 5]]"))
    assert events == JudgedReply((E(1.0, 2.0, right, 5),), 3)


def test_the_last_task_score_wins() -> None:
    text = f'{PLAIN}\nOn reflection, "{TASK_KEY}": 5'
    assert read_reply(text) == JudgedReply(TWO, 5)
    assert read_reply('{"Task-specific score": 2, "Task-specific score": 4}') == JudgedReply((), 4)


def test_no_events_are_no_events_and_not_a_reply_that_cannot_be_read() -> None:
    assert read_reply(reply("[]")) == JudgedReply((), 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot judge this.",
        "{}",
        reply("[]", "null"),
        "[1, 2]",
        '{"answer": "good"}',
        "```json\n```",
        "[" * 3000,
    ],
)
def test_what_holds_neither_cannot_be_read(text: str) -> None:
    assert read_reply(text) is None


SCORE = st.one_of(st.none(), st.integers(0, 5))
EVENTS = st.lists(st.tuples(st.floats(0, 120), st.floats(0, 120), SCORE, SCORE), max_size=6)


@given(EVENTS, SCORE, st.booleans())
def test_clean_json_is_read_as_it_stands(
    events: list[tuple[float, float, int | None, int | None]], task: int | None, fenced: bool
) -> None:
    rows = [(round(a, 2), round(b, 2), c, d) for a, b, c, d in events]
    text = json.dumps({EVENTS_KEY: [[[a, b], c, d] for a, b, c, d in rows], TASK_KEY: task}, indent=1)
    found = read_reply(f"```json\n{text}\n```" if fenced else text)
    wanted = JudgedReply(tuple(E(*row) for row in rows), task)
    assert found == (wanted if rows or task is not None else None)


@given(st.text(alphabet='[]{}",:0123456789. nul\n`', max_size=200))
def test_nothing_breaks_it(text: str) -> None:
    read_reply(text)
