"""Which samples a run is made of, and those of two selections together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from tml_bench.runs.selection import Selection
from tml_bench.samples import Sample
from tml_bench.task import Task


class Parts:
    """Three samples of each part, one of which is only played when it is named; each has a companion."""

    subsets = ("a", "b", "rare")

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        for subset in subsets or ("a", "b"):
            for n in range(3):
                yield Sample(f"{subset}{n}", subset, companions={"clean": f"{subset}{n}-clean"})
            for n in range(3):
                yield Sample(f"{subset}{n}-clean", subset, scored=False)


TASK = cast(Task, Parts())


def scored(selection: Selection) -> str:
    samples = selection.of(TASK)
    found = [sample.id for sample in samples if sample.scored]
    assert [f"{name}-clean" for name in found] == [sample.id for sample in samples if not sample.scored]
    return " ".join(found)


def test_limits_count_what_is_scored() -> None:
    assert scored(Selection(subsets=("a",))) == "a0 a1 a2"
    assert scored(Selection(subsets=("b",), limit=2)) == "b0 b1"
    assert scored(Selection(subsets=("b",), limit=2, limits={"b": 1})) == "b0"
    whole = Selection(limit=1, limits={"b": 0}).of(TASK)
    assert [s.id for s in whole if s.scored] == ["a0", "b0", "b1", "b2"]


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        (Selection(), Selection(limit=1), Selection()),
        (Selection(limit=2), Selection(limit=1), Selection(limit=2)),
        (Selection(subsets=("b",)), Selection(subsets=("b",), limit=1), Selection(subsets=("b",))),
        (Selection(), Selection(subsets=("b",), limit=2), Selection()),
        (Selection(limit=1), Selection(subsets=("b",)), Selection(limits={"a": 1})),
        (Selection(limit=1), Selection(subsets=("b",), limit=2), Selection(limit=2, limits={"a": 1})),
        (Selection(limit=1, limits={"b": 2}), Selection(limits={"a": 1}), Selection(limits={"a": 1})),
        (Selection(subsets=("b",)), Selection(subsets=("a",)), Selection(subsets=("a", "b"))),
        (
            Selection(limit=1),
            Selection(subsets=("rare",), limit=3),
            Selection(subsets=("a", "b", "rare"), limit=3, limits={"a": 1, "b": 1}),
        ),
    ],
)
def test_two_selections_together_hold_the_samples_of_both(
    one: Selection, other: Selection, joined: Selection
) -> None:
    for both in (one.joined(other, TASK), other.joined(one, TASK)):
        assert {s.id for s in both.of(TASK)} == {s.id for side in (one, other) for s in side.of(TASK)}
        assert both.joined(one, TASK) == both.joined(other, TASK) == both == joined


def test_the_later_folder_counts() -> None:
    assert Selection(Path("here")).joined(Selection(Path("there")), TASK) == Selection(Path("there"))
