"""Makes the user of a session."""

from __future__ import annotations

from concurrent.futures import Executor

from tml_bench.samples import Sample
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
    policy = StagedPolicy(sample.scenario, seed)
    return SimulatedUser(
        sample.scenario, policy, user.voices(sample), seed, rates, heard_rate, aside, user.ears
    )
