"""FD-bench v2's tasks are loaded whatever a file holds, and users made of them know what they are to know."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tml_bench.errors import UserError
from tml_bench.samples import Sample
from tml_bench.tasks.fd_bench_v2.annotation import GOALS, SPLITS, StagedGoals
from tml_bench.tasks.fd_bench_v2.loader import FILE, LONG_BUDGET_S, MINI, OWN_FILE, is_whole, load
from tml_bench.tasks.fd_bench_v2.pacing import FAST, SLOW
from tml_bench.tasks.fd_bench_v2.prompt_file import END_PHRASE

Tasks = dict[str, list[dict[str, Any]]]
CLASSES = {"Daily": ("ordering", "planning"), "Safety": ("privacy", "misinfo")}
WRITTEN = json.loads((MINI / OWN_FILE).read_text(encoding="utf-8"))["splits"]["Correction"]["tasks"][0]


def prompted(split: str, number: int) -> dict[str, Any]:
    """A task in the official layout, in words of our own."""
    kinds = CLASSES.get(split)
    kind = split.lower() if kinds is None else kinds[number % 2]
    return {
        "id": f"{split}.{number:03}" if kinds is None else f"{split}.{kind}.{number:03}",
        "split": split,
        "class_id": kind,
        "class_name": kind.capitalize(),
        "scenario_title": f"Task {number}",
        "examiner_system_prompt": "You speak with an assistant. Say little at a time.",
        "examiner_task_prompt": f"You want to buy {number} apples.\n- T1: ask for them\n- T4: confirm",
        "staged_reveal": {goal: f"Goal {goal} of task {number}." for goal in GOALS},
        "skills_tested": ["confirmation"],
        "allow_barge_in": True,
        "metrics_focus": ["TaskSuccess"],
    }


def official() -> Tasks:
    """All official tasks, as it were."""
    return {split: [prompted(split, number) for number in range(1, 51)] for split in SPLITS}


def written(folder: Path, tasks: Tasks, name: str = FILE) -> Path:
    """A folder with these tasks."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    splits = {split: {"classes": [], "tasks": found} for split, found in tasks.items()}
    path.write_text(
        json.dumps({"version": 6, "settings": {"turn_limit": 5}, "splits": splits}), encoding="utf-8"
    )
    return folder


def few(folder: Path, change: Callable[[dict[str, Any]], object], of_ours: bool = False) -> list[Sample]:
    """Two tasks, of which the first is changed, as loaded."""
    first = json.loads(json.dumps(WRITTEN)) if of_ours else prompted("Correction", 1)
    change(first)
    return list(load(written(folder, {"Correction": [first, prompted("Correction", 2)]}), ()))


@pytest.mark.parametrize("name", [FILE, f"v2/{FILE}"])
def test_all_official_tasks_are_loaded(tmp_path: Path, name: str) -> None:
    root = written(tmp_path, official(), name)
    found = list(load(root, ()))
    assert is_whole(root)
    assert Counter(sample.subset for sample in found) == dict.fromkeys(SPLITS, 50)
    assert [sample.id for sample in found[:2]] == ["Daily.planning.001", "Daily.ordering.002"]
    assert not any(sample.problem for sample in found)
    assert all(sample.unit == sample.id and not sample.script.turns for sample in found)
    assert [s.id for s in load(root, ["Safety"])] == [s.id for s in found[150:]]


def test_only_a_language_model_can_play_an_official_task(tmp_path: Path) -> None:
    sample = next(load(written(tmp_path, official()), ["EntityTracking"], FAST, LONG_BUDGET_S))
    user = sample.scenario
    assert user is not None
    assert [(stage.name, stage.goal, stage.lines) for stage in user.stages] == [
        (goal, f"Goal {goal} of task 1.", ()) for goal in GOALS
    ]
    system, task, ours = user.prompt.split("\n\n")
    assert (system, task.splitlines()[0]) == (
        "You speak with an assistant. Say little at a time.", "You want to buy 1 apples."
    )  # fmt: skip
    assert user.persona == "You want to buy 1 apples."
    assert END_PHRASE in ours
    assert (user.budget_s, user.manners, user.turn_limit, user.voiced) == (180.0, FAST, 8, None)
    expected = sample.reference.annotation
    assert isinstance(expected, StagedGoals)
    assert (expected.task, expected.split, expected.final, expected.stages) == (
        "EntityTracking.001", "EntityTracking", (), ()
    )  # fmt: skip
    assert not sample.reference.replies


def test_an_official_task_is_slow_unless_it_is_to_be_fast(tmp_path: Path) -> None:
    user = next(load(written(tmp_path, official()), ())).scenario
    assert user is not None
    assert (user.manners, user.budget_s) == (SLOW, 120.0)
    assert SLOW.barge_in_s is None
    assert FAST.yield_s is None
    assert (FAST.endpoint_s, FAST.endpoint_s < SLOW.endpoint_s) == (0.6, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda tasks: tasks["Daily"].pop(),
        lambda tasks: tasks.pop("Safety"),
        lambda tasks: tasks["Daily"].append(prompted("Daily", 51)),
        lambda tasks: tasks["Safety"][0].update(id="Safety.001"),
        lambda tasks: tasks["Correction"][0].update(id="Correction.value.001"),
        lambda tasks: tasks["Correction"][0].update(id="Correction.002"),
        lambda tasks: tasks["Daily"][3].pop("staged_reveal"),
    ],
)
def test_a_folder_that_is_not_the_whole_official_data(
    tmp_path: Path, change: Callable[[Tasks], object]
) -> None:
    tasks = official()
    change(tasks)
    assert not is_whole(written(tmp_path, tasks))


def test_other_folders_are_not_official_either(tmp_path: Path) -> None:
    assert not is_whole(tmp_path)
    assert not is_whole(MINI)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("id", "a/b", "id: 'a/b' has other characters"),
        ("id", 7, "id: Expected `str`, got `int`"),
        ("id", "Correction.002", ""),
        ("split", "Daily", "split: 'Daily' stands among those of Correction"),
        ("scenario_title", "", "scenario_title: is empty"),
        ("class_id", None, "class_id: Expected `str`, got `null`"),
        ("staged_reveal", {"T1": "a", "T2": "b", "T3": "c"}, "staged_reveal.T4: is missing"),
        ("staged_reveal", dict.fromkeys((*GOALS, "T5"), "a"), "unknown field `T5`"),
        ("staged_reveal", dict.fromkeys(GOALS, " "), "staged_reveal.T1: is empty"),
        ("examiner_task_prompt", None, "examiner_task_prompt is missing"),
        ("examiner_system_prompt", ["a"], "examiner_system_prompt: Expected `str | null`, got `array`"),
        ("skills_tested", "all", "skills_tested: Expected `array`, got `str`"),
        ("allow_barge_in", "yes", "allow_barge_in: Expected `bool`, got `str`"),
    ],
)
def test_a_broken_task_costs_itself(tmp_path: Path, field: str, value: object, what: str) -> None:
    first, second = few(tmp_path, lambda task: task.update({field: value}))
    broken, good = (second, first) if value == "Correction.002" else (first, second)
    assert not good.problem
    assert (broken.scenario, broken.subset) == (None, "Correction")
    assert FILE in broken.problem
    assert (what or "Correction.002, id: another task has it too") in broken.problem


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda user: user.pop("persona"), "user.persona: is missing"),
        (lambda user: user.update(voice="fr-f-1"), "user: voice: there is no 'fr-f-1', only us-f-1,"),
        (lambda user: user.update(closing="Goodbye."), f"user: closing: does not end with '{END_PHRASE}'"),
        (lambda user: user.update(forgotten=["a"]), "user: forgotten: has 1 answers, not one for each goal"),
        (lambda user: user.update(replies=["a"]), "user.replies: Expected `array` of length 4, got 1"),
        (lambda user: user.update(lines=[]), "user: Object contains unknown field `lines`"),
        (lambda user: user["stages"].pop("T3"), "user.stages.T3: is missing"),
        (
            lambda user: user["stages"]["T2"].update(lines=[]),
            "user.stages.T2.lines: Expected `array` of length",
        ),
        (lambda user: user["facts"][0].update(stage="T9"), "user.facts[0].stage: Invalid enum value 'T9'"),
        (lambda user: user.update(manners={"aside": 2}), "user.manners.aside: Expected `float` <= 1.0"),
        (
            lambda user: user.update(manners={"speed": 2}),
            "user.manners: Object contains unknown field `speed`",
        ),
        (lambda user: user.update(manners={"silent_at": ["end"]}), "user.manners.silent_at[0]: Invalid enum"),
    ],
)
def test_a_broken_user_costs_its_task(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], what: str
) -> None:
    broken, good = few(tmp_path, lambda task: change(task["user"]), of_ours=True)
    assert not good.problem
    assert f"mini-correction-1, {what}" in broken.problem


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "Input data was truncated"),
        ("{", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "missing required field `splits`"),
        ('{"splits": {"Daily": {}}}', "missing required field `tasks`"),
        ('{"splits": {"Daily": {"tasks": {}}}}', "Expected `array`, got `object`"),
        ('{"splits": {"Dayly": {"tasks": []}}}', "splits.Dayly: there is no such split"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        load(tmp_path, ())
    assert str(tmp_path / FILE) in error.value.problem
    assert what in error.value.problem
    assert not is_whole(tmp_path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        load(tmp_path / "none", ())
    with pytest.raises(UserError, match=f"holds no {FILE}"):
        load(tmp_path, ())
    root = written(tmp_path, {"Daily": [prompted("Daily", 1)]})
    with pytest.raises(UserError, match="subset Safety is not there"):
        load(root, ["Safety"])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON, data=st.data())
def test_any_value_anywhere_costs_one_task_at_most(
    tmp_path: Path, value: object, data: st.DataObject
) -> None:
    def put(task: dict[str, Any]) -> None:
        here: Any = task
        while True:
            key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
            if not here[key] or not isinstance(here[key], dict | list) or data.draw(st.booleans()):
                here[key] = value
                return
            here = here[key]

    first, second = few(tmp_path, put, of_ours=data.draw(st.booleans()))
    assert (second.id, second.problem) == ("Correction.002", "")
    assert (first.scenario is None) == bool(first.problem)
    assert first.problem == "" or FILE in first.problem
