"""Nothing changes under a version: the wording of rubrics, and what metrics make of known recordings."""

from __future__ import annotations

import pytest
import versions

from tml_bench.plugins import load_task, task_names

RECORDED = versions.recorded()


def test_no_rubric_and_no_prompt_has_changed_under_its_version() -> None:
    assert versions.differences(versions.rubrics(), RECORDED["rubrics"]) == []


@pytest.mark.parametrize("name", task_names())
def test_no_metric_scores_otherwise_under_its_version(name: str) -> None:
    found = versions.metrics(load_task(name))
    assert versions.differences(found, RECORDED["metrics"]) == []
    missing = [k for k, v in found.items() if not v.keys() <= RECORDED["metrics"].get(k, {}).keys()]
    assert missing == [], "run .venv/bin/python tests/versions.py"


def test_no_event_of_turn_taking_is_another_under_its_version() -> None:
    found = versions.interaction()
    assert versions.differences(found, RECORDED["interaction"]) == []
    assert all(RECORDED["interaction"][name].keys() >= known.keys() for name, known in found.items())


def test_every_rubric_is_recorded() -> None:
    known = {(name, version) for name, found in RECORDED["rubrics"].items() for version in found}
    now = {(name, version) for name, found in versions.rubrics().items() for version in found}
    assert now <= known, "run .venv/bin/python tests/versions.py"


@pytest.mark.parametrize("name", task_names())
def test_the_headline_has_values_to_compare(name: str) -> None:
    task = load_task(name)
    prefix = f"{name} {task.dataset(None)} "
    wanted = {m.name for m in task.metrics if m.name in task.headline or m.name in ("fdb_rating", "pauc_050")}
    assert [m for m in wanted if not max(RECORDED["metrics"][prefix + m].values())[0]] == []


def test_a_change_is_noticed() -> None:
    assert versions.differences({"r": {"1": "abc"}}, {"r": {"1": "abd"}}) == ["r has changed under version 1"]
    assert versions.differences({"r": {"2": "abc"}}, {"r": {"1": "abd"}}) == []
    assert versions.differences({"m": {"1": [3.0, 1.0, 3.0, 5.0]}}, {"m": {"1": [3.0, 1.0, 3.0, 5.1]}}) != []
    assert versions.differences({"m": {"1": [3.0, 1.0]}}, {"m": {"1": [3.0, 1.0 + 1e-9]}}) == []
