"""What ships: items without twins, evenly spread, the audio they were rendered to, and scores that are known.

The offline judge agrees with every example of every item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
from timed_items import shifted
from timed_review import SIZES, near_duplicates
from understanding import UnderstandingJudge

from tml_bench.metrics.event_matching import TOLERANCES_S
from tml_bench.plugins import load_task
from tml_bench.questions import Question
from tml_bench.samples import Sample, Utterance
from tml_bench.scoring.floors import baselines
from tml_bench.scoring.judging import score_all
from tml_bench.tasks._timed.expected import expected_of
from tml_bench.tasks._timed.items import CONTROLLED, CUESPEAK, TIMESPEAK, VOICES, TimedItem, load_items
from tml_bench.tasks._timed.meaning_rule import RIGHT, RUBRIC, RULE, lines
from tml_bench.tasks._timed.measures import tolerance_name
from tml_bench.tasks._timed.render import VERSION
from tml_bench.tasks._timed.rendered import read_rendering
from tml_bench.tasks._timed.strategies import spoken
from tml_bench.tasks._timed.validate import doubts
from tml_bench.timeline import Timeline

FAMILIES = {"timespeak": TIMESPEAK, "cuespeak": CUESPEAK}
TASKS = tuple(FAMILIES)


def home(task: str) -> Path:
    return Path(str(resources.files(f"tml_bench.tasks.{task}")))


@cache
def shipped(task: str) -> tuple[TimedItem, ...]:
    return load_items(home(task) / "items.jsonl")


def replies(item: TimedItem) -> Iterator[tuple[str, str, bool]]:
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
        assert all(i.events for i in mine) or family in CONTROLLED


@pytest.mark.parametrize("task", TASKS)
def test_a_new_rendering_has_the_version_of_what_ships(task: str) -> None:
    assert read_rendering(home(task)).version == VERSION


@pytest.mark.parametrize("task", TASKS)
def test_nothing_is_doubtful_and_no_two_are_the_same(task: str) -> None:
    items = shipped(task)
    assert [text for item in items for text in doubts(item)] == []
    assert near_duplicates(items) == []
    assert {item.task for item in items} == {{"timespeak": "ts", "cuespeak": "cs"}[task]}


@pytest.mark.parametrize("task", TASKS)
def test_the_offline_judge_agrees_with_every_example(task: str) -> None:
    judged = [item for item in shipped(task) if item.family not in load_task(task).beyond_rules]
    wrong = [(i.id, *found) for i in judged for found in replies(i) if not found[2]]
    assert wrong == []


# ---- the audio


@cache
def samples(name: str) -> tuple[Sample, ...]:
    return tuple(load_task(name).samples())


@pytest.mark.parametrize("name", [*TASKS, *(f"{task}-test" for task in TASKS)])
def test_every_item_has_the_audio_it_was_rendered_to(name: str) -> None:
    found = samples(name)
    assert len(found) == SIZES["test" if name.endswith("-test") else "dev"]
    assert [s.problem for s in found if s.problem] == []
    assert load_task(name).dataset(None).partition("-")[0] in SIZES


def test_the_audio_is_small() -> None:
    files = [p for task in TASKS for p in (home(task) / "audio").rglob("*") if p.is_file()]
    assert len(files) == 2 * sum(SIZES.values())
    assert sum(p.stat().st_size for p in files) < 30_000_000


# ---- respondents with known scores


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("shift", [-2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0])
def test_the_shifted_oracle_follows_windows_and_curve_exactly(task: str, shift: float) -> None:
    pairs = [(s, shifted(s, shift)) for s in samples(task) if s.reference.ideal]
    for (sample, _), score in zip(
        pairs, score_all(load_task(task), pairs, UnderstandingJudge()).scores, strict=True
    ):
        item = expected_of(sample)
        due = item.due
        onsets = [u.at_s + shift for u in sample.reference.ideal]
        placed = [(d, at) for d, at in zip(due, onsets, strict=True) if item.may_begin(at)]
        hits = sum(d.target.holds(at) for d, at in placed)
        assert score.values["on_time"].numerator == pytest.approx(hits / len(due)), sample.id
        for tau in TOLERANCES_S:
            near = sum(d.target.holds_within(at, tau) for d, at in placed)
            value = score.values[tolerance_name(tau)].numerator
            assert value == pytest.approx(near / len(due)), (sample.id, tau)


@pytest.mark.parametrize("task", TASKS)
def test_floors_leave_room_in_every_family(task: str) -> None:
    for one in baselines(load_task(task), samples(task), UnderstandingJudge(), ("on_time",)):
        controls = [not s.reference.ideal for s in samples(task) if s.subset == one.subset]
        assert one.ceiling == 1
        assert one.blind["always-on"] == 0
        if controls:
            assert one.blind["silent"] == pytest.approx(sum(controls) / len(controls))
            assert one.floor is not None
            # Four items a family, and the luckiest of hundreds of strategies.
            assert one.floor <= 0.8


@pytest.mark.parametrize("task", TASKS)
def test_a_polite_perfect_model_is_perfect(task: str) -> None:
    """It says "Sure, I can help with that." after every turn that leaves room for it: 60 and 46 before."""
    pairs = [(s, polite(s)) for s in samples(task)]
    scores = score_all(load_task(task), pairs, UnderstandingJudge()).scores
    for (sample, _), score in zip(pairs, scores, strict=True):
        item = expected_of(sample)
        if all(item.may_begin(said.at_s) for said in sample.reference.ideal):
            assert score.values["on_time"].numerator == pytest.approx(1.0), (sample.id, score.rows)
        assert score.values["acknowledged"].numerator or item.due, sample.id
    assert sum(score.values["acknowledged"].numerator for score in scores) > 20


def polite(sample: Sample) -> Timeline:
    """The ideal respondent, who also takes note of every turn where that stays apart from what is due."""
    item = expected_of(sample)
    told = list(sample.reference.ideal)
    apart_s = 0.5
    for turn in item.turns:
        taken = Utterance(turn.end_s + 0.3, until_s=turn.end_s + 1.8, text="Sure, I can help with that.")
        ends = [(u.at_s - apart_s, (u.until_s or u.at_s) + apart_s) for u in told]
        inside = any(due.target.holds(taken.at_s) for due in item.due)
        if not inside and all(taken.at_s + 1.5 < start or end < taken.at_s for start, end in ends):
            told.append(taken)
    return spoken(item, sorted(told, key=lambda u: u.at_s))
