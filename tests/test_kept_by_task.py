"""What every adapter needs again is kept within bounds, that of the tasks at hand first."""

from __future__ import annotations

from hypothesis import given, strategies as st

from tml_bench.kept_by_task import KeptByTask


def test_within_a_task_what_came_first_is_kept() -> None:
    kept = KeptByTask[str, str](10)
    kept.turn_to("task")
    for key, size in (("a", 6), ("b", 5), ("c", 4)):
        kept.keep(key, key.upper(), size)
    assert [kept.get(key) for key in "abc"] == ["A", None, "C"]
    assert (kept.bytes, kept.has_room(0), kept.has_room(1)) == (10, True, False)


def test_room_is_made_by_the_task_that_was_left_longest_ago() -> None:
    kept = KeptByTask[str, str](9)
    for task in ("one", "two", "one", "three"):
        kept.turn_to(task)
        kept.keep(task, task.upper(), 3)
    kept.turn_to("four")
    kept.keep("four", "FOUR", 2)
    assert [kept.get(task) for task in ("one", "two", "three", "four")] == ["ONE", None, "THREE", "FOUR"]


def test_what_another_task_needed_is_found() -> None:
    kept = KeptByTask[str, int](9)
    kept.turn_to("one")
    kept.keep("shared", 1, 9)
    kept.turn_to("two")
    assert kept.get("shared") == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.integers(0, 12))))
def test_never_more_is_kept_than_there_is_room(steps: list[tuple[str, int, int]]) -> None:
    kept, sizes = KeptByTask[int, int](20), {}
    for number, (task, size, asked) in enumerate(steps):
        kept.turn_to(task)
        room = kept.has_room(size)
        kept.keep(number, number, size)
        sizes[number] = size
        assert (kept.get(number) == number) is room
        assert kept.get(asked) in (None, asked)
        assert kept.bytes == sum(size for number, size in sizes.items() if kept.get(number) is not None)
        assert kept.bytes <= 20
