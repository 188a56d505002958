"""The mini set of FD-bench v2 with the agents that converse: what each comes to is known beforehand.

A few conversations are held here; all sixteen, with all agents, are a run of three minutes:
``tml-bench run --task fd-bench-v2 --adapter cooperative --adapter forgetful ...``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from fakes import run_session

from tml_bench.adapter import StepAdapter
from tml_bench.adapters.reference.conversing import Cooperative, Forgetful, Interrupter, Stonewall
from tml_bench.judges.rules import RuleJudge
from tml_bench.perception.recordings import timeline_of
from tml_bench.plugins import load_task
from tml_bench.samples import Sample
from tml_bench.session.settings import Settings
from tml_bench.task import Score, Task
from tml_bench.timeline import Timeline, UserAct

SPOKEN = (UserAct.ASIDE, UserAct.BACKCHANNEL)
Held = tuple[Timeline, dict[str, float]]
Hold = Callable[[StepAdapter, str], Held]


@cache
def task() -> Task:
    return load_task("fd-bench-v2")


@cache
def samples() -> dict[str, Sample]:
    return {sample.id.removeprefix("mini-"): sample for sample in task().samples()}


@pytest.fixture
def hold(tmp_path: Path) -> Hold:
    """Holds a conversation and scores it by rules: what was perceived, and the values that are known."""

    def held(agent: StepAdapter, name: str) -> Held:
        sample = samples()[name]
        folder = tmp_path / f"{type(agent).__name__}-{name}"
        session = run_session(folder, sample, agent, Settings())
        timeline = timeline_of(session.recording.facts, tmp_path / f"{folder.name}.json", "transcript")
        questions = task().questions(sample, timeline)
        answers = RuleJudge(task().rules).answer(questions)
        verdicts = {question.key: answer for question, answer in zip(questions, answers, strict=True)}
        score: Score = task().score(sample, timeline, verdicts)
        return timeline, {name: value.numerator for name, value in score.values.items()}

    return held


@pytest.mark.parametrize("name", ["daily-4", "correction-2", "tracking-1", "safety-2"])
def test_a_cooperative_agent_reaches_everything(hold: Hold, name: str) -> None:
    """Also where the user breaks in, or talks to somebody else first."""
    timeline, values = hold(Cooperative(), name)
    assert (values["success"], values["stages"], timeline.ended) == (1.0, 1.0, "closed")


def test_only_corrections_can_be_forgotten() -> None:
    assert {name for name, s in samples().items() if s.reference.forgotten} == {
        f"correction-{k}" for k in (1, 2, 3, 4)
    }


@pytest.mark.parametrize("name", ["correction-1"])
def test_a_forgetful_agent_fails_where_something_was_corrected(hold: Hold, name: str) -> None:
    assert hold(Forgetful(), name)[1]["success"] == 0.0


@pytest.mark.parametrize("name", ["daily-2", "safety-1"])
def test_a_stonewall_is_hung_up_on(hold: Hold, name: str) -> None:
    timeline, values = hold(Stonewall(), name)
    assert (values["success"], timeline.ended) == (0.0, "hung-up")


def test_no_user_gets_to_its_end_whatever_is_said() -> None:
    scenarios = [sample.scenario for sample in samples().values()]
    assert all(any(stage.covered for stage in s.stages) for s in scenarios if s is not None)


@pytest.mark.parametrize("name", ["correction-3"])
def test_interruptions_are_counted_to_one(hold: Hold, name: str) -> None:
    agent = Interrupter(after=1.0)
    timeline, values = hold(agent, name)
    turns = [line for line in timeline.lines if line.act not in SPOKEN]
    long = [line for line in turns if line.end_s - line.start_s > agent.after_s + 0.4]
    assert values["interrupts"] == len(long) > 3
