"""Each thing that can be wrong with a scenario is told, with its remedy; one that is whole passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from answering import NAME, SCENARIO, STAGES, conversation

from tml_bench.conformance.scenario_flaws import scenario_flaws
from tml_bench.samples import Sample, Script, UserText
from tml_bench.scenario import Manners

EARLY = replace(STAGES[0], again=("Two pizzas, please.",))
BROKEN = {
    "has no stages": {"stages": ()},
    "two stages are called T1": {"stages": (STAGES[0], STAGES[0])},
    "names the stage T9": {"facts": (replace(NAME, stage="T9"),)},
    "silent_at names the stage T9": {"manners": Manners(silent_at=("T9",))},
    "the closing does not say": {"closing": "Goodbye."},
    "'In a minute.' is written twice": {"deferrals": ("In a minute.", "In / a minute.")},
    "'Two pizzas, please.' tells 'two' too early": {"stages": (EARLY, *STAGES[1:])},
}


def told(sample: Sample) -> list[str]:
    found = list(scenario_flaws(sample))
    assert all(remedy for _, remedy in found)
    return [what for what, _ in found]


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_told(what: str) -> None:
    broken = Sample("s", "all", scenario=replace(SCENARIO, **BROKEN[what]))
    assert any(what in flaw for flaw in told(broken))


def test_a_whole_one_passes(tmp_path: Path) -> None:
    whole = conversation(tmp_path)
    assert told(whole) == []
    assert told(replace(whole, scenario=None)) == []
    assert "turns" in told(replace(whole, script=Script(texts=(UserText(0.0, "Hi"),))))[0]


def test_a_line_that_is_not_spoken_is_told(tmp_path: Path) -> None:
    whole = conversation(tmp_path)
    assert whole.scenario is not None
    flaws = told(replace(whole, scenario=replace(whole.scenario, deferrals=("Not yet.",))))
    assert "'Not yet.' is not spoken" in flaws[0]
