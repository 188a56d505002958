"""What ships: items without twins, evenly spread, the audio they were rendered to, and scores that are known.

The offline judge agrees with every example of every item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import pairwise
from math import inf
from pathlib import Path

import pytest
from timed_items import shifted
from timed_review import SIZES, near_duplicates
from understanding import UnderstandingJudge

from tml_bench.metrics.event_matching import EPSILON_S, TOLERANCES_S
from tml_bench.plugins import load_task
from tml_bench.questions import Question
from tml_bench.samples import Sample, Utterance
from tml_bench.scoring.floors import baselines
from tml_bench.scoring.judging import score_all
from tml_bench.tasks._timed.expected import expected_of
from tml_bench.tasks._timed.items import CONTROLLED, CUESPEAK, TIMESPEAK, VOICES, TimedItem, load_items
from tml_bench.tasks._timed.meaning.rule import RIGHT, RUBRIC, RULE, lines
from tml_bench.tasks._timed.measures import tolerance_name
from tml_bench.tasks._timed.render import PREFIXES, VERSION
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
    assert Counter(i.split for i in items) == SIZES[PREFIXES[task]]
    for family in FAMILIES[task]:
        mine = [i for i in items if i.family == family]
        assert 26 <= len(mine) <= 36
        assert 4 <= sum(i.split == "dev" for i in mine) <= 7
        voices = Counter(i.voice for i in mine)
        assert set(voices) == set(VOICES)
        assert max(voices.values()) - min(voices.values()) <= 2
        assert all(i.events for i in mine) or family in CONTROLLED


@pytest.mark.parametrize("task", TASKS)
def test_both_splits_have_the_same_share_of_silent_controls(task: str) -> None:
    items = shipped(task)
    shares = [
        sum(not i.events for i in mine) / len(mine)
        for split in ("dev", "test")
        for mine in [[i for i in items if i.split == split]]
    ]
    assert shares[0] == pytest.approx(shares[1], abs=0.015)
    assert min(shares) > 0.08


def test_timespeak_has_long_delays_and_items_that_ask_for_nothing_to_be_said() -> None:
    items = shipped("timespeak")
    assert sum(not i.events for i in items) >= 20
    assert sum(any(60 <= e.after_s <= 120 for e in i.events) for i in items) >= 20


def test_counts_and_first_cues_of_cuespeak_are_spread() -> None:
    events = Counter(len(i.events) for i in shipped("cuespeak") if i.events)
    assert set(events) == {1, 2, 3, 4, 5}
    assert max(events.values()) <= 0.4 * events.total()
    firsts = []
    for name in ("cuespeak", "cuespeak-test"):
        for item in map(expected_of, samples(name)):
            if item.due:
                begins = next(t for t in item.turns[::-1] if t.start_s < item.due[0].target.at_s).start_s
                firsts.append(item.due[0].target.at_s - begins)
    thirds = Counter(min(int(first // 5), 2) for first in firsts)
    assert min(thirds[k] for k in range(3)) >= 0.22 * len(firsts)
    assert max(firsts) < 20


@pytest.mark.parametrize("task", TASKS)
def test_windows_are_apart_and_the_user_talks_on_through_them(task: str) -> None:
    """Else a reply to one event could earn the next, and who waits for the end of a turn could be on time."""
    for sample in (*samples(task), *samples(f"{task}-test")):
        item = expected_of(sample)
        for before, after in pairwise(item.due):
            assert before.target.closes_s <= after.target.opens_s + EPSILON_S, sample.id
        for due in item.due if item.item.talked_on else ():
            (turn,) = (t for t in item.turns if t.start_s < due.target.at_s <= t.end_s + EPSILON_S)
            assert turn.end_s >= due.target.closes_s + 0.3, (sample.id, due.event.id)


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
    task, _, split = name.partition("-")
    assert len(found) == SIZES[PREFIXES[task]][split or "dev"]
    assert [s.problem for s in found if s.problem] == []
    assert load_task(name).dataset(None) == f"{split or 'dev'}-{VERSION}"


def test_the_audio_is_small() -> None:
    files = [p for task in TASKS for p in (home(task) / "audio").rglob("*") if p.is_file()]
    assert len(files) == sum(size for sizes in SIZES.values() for size in sizes.values())
    assert sum(p.stat().st_size for p in files) < 36_000_000


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
        apart_s = min((b.target.at_s - a.target.at_s for a, b in pairwise(due)), default=inf)
        # Where replies are alike, one that is early for an event may be late for the event before.
        for tau in (tau for tau in TOLERANCES_S if tau < apart_s - abs(shift)):
            near = sum(d.target.holds_within(at, tau) for d, at in placed)
            value = score.values[tolerance_name(tau)].numerator
            assert value == pytest.approx(near / len(due)), (sample.id, tau)


@pytest.mark.parametrize("task", TASKS)
def test_floors_leave_room_in_every_family(task: str) -> None:
    for one in baselines(load_task(task), samples(task), UnderstandingJudge(), only=("on_time",)):
        controls = [not s.reference.ideal for s in samples(task) if s.subset == one.subset]
        assert one.ceiling == 1
        assert one.blind["always-on"] == 0
        if controls:
            assert one.blind["silent"] == pytest.approx(sum(controls) / len(controls))
            assert one.floor is not None
            # Some five items a family, and the luckiest of hundreds of strategies.
            assert one.floor <= 0.6 + 1e-9


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
