"""Makes the user of a session."""

from __future__ import annotations

from concurrent.futures import Executor

from tml_bench.samples import Sample
from tml_bench.scenario import Scenario
from tml_bench.users.llm_user import LLM, language_model_user
from tml_bench.users.policy import UserPolicy
from tml_bench.users.settings import UserSettings
from tml_bench.users.simulated_user import SimulatedUser
from tml_bench.users.staged import StagedPolicy


def simulated_user(
    sample: Sample, user: UserSettings, seed: int, rates: tuple[int, ...], heard_rate: int,
    aside: Executor | None = None,
) -> SimulatedUser:  # fmt: skip
    """Who answers the model in a sample with a scenario; see `SimulatedUser` for ``rates`` and ``aside``.

    Raises:
        UserError: this user cannot play the scenario.
    """
    assert sample.scenario is not None
    scenario, policy = _played(sample.scenario, user, seed, aside is not None)
    return SimulatedUser(scenario, policy, user.voices(sample), seed, rates, heard_rate, aside, user.ears)


def _played(scenario: Scenario, user: UserSettings, seed: int, in_time: bool) -> tuple[Scenario, UserPolicy]:
    """The scenario, with the manners of who plays it, and what decides; ``in_time`` as on the wall clock."""
    if user.policy != LLM:
        return scenario, StagedPolicy(scenario, seed)
    model = language_model_user(user.spec)
    if in_time:
        model.warm_up()
    unhurried = model.unhurried(scenario)
    return unhurried, model.policy(unhurried, seed, user.replies(), user.busy)
