"""What is found of tracks that begin alike is what going through them gives, and is gone through once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from tml_bench.perception import prefix_cache
from tml_bench.perception.prefix_cache import HeardBlocks, PrefixCache, TrackListener
from tml_bench.perception.silero_network import FRAME

SIZE = 5 * FRAME
Block = tuple[NDArray[np.float32], NDArray[np.bool_]]


def block(seed: int) -> Block:
    """Digital silence for 0, else noise that is still in places; 3 and 4 differ in these places alone."""
    rng = np.random.default_rng(min(seed, 3))
    sound = rng.normal(0, 0.1, SIZE).astype(np.float32) if seed else np.zeros(SIZE, np.float32)
    still = np.full(SIZE, seed == 0)
    still[(seed - 1) * 100 : seed * 100] = True
    return sound, still


BLOCKS = [block(seed) for seed in range(5)]
TRACKS = st.lists(st.tuples(st.lists(st.integers(0, 4), max_size=5), st.integers(0, SIZE - 1)), max_size=6)


def blocks_of(names: list[int], rest: int) -> list[Block]:
    """A track of whole blocks and a part of one."""
    parts = [(BLOCKS[1][0][:rest], BLOCKS[1][1][:rest])] if rest else []
    return [BLOCKS[name] for name in names] + parts


def values(heard: HeardBlocks) -> list[NDArray[np.generic]]:
    return [heard.probabilities.values(), *heard.levels.values()]


@settings(max_examples=40, deadline=None)
@given(TRACKS, st.integers(1, 8))
def test_what_is_found_is_what_going_through_a_track_gives(
    tracks: list[tuple[list[int], int]], most: int
) -> None:
    known = PrefixCache(most)
    for names, rest in tracks:
        listener, alone = TrackListener(known), HeardBlocks()
        for sound, still in blocks_of(names, rest):
            listener.add(sound, still)
            alone.add(sound, still)
        for found, expected in zip(values(listener.heard()), values(alone), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many samples were gone through, block by block."""
    sizes: list[int] = []
    add = HeardBlocks.add

    def counted(self: HeardBlocks, sound: NDArray[np.float32], still: NDArray[np.bool_]) -> None:
        sizes.append(len(sound))
        add(self, sound, still)

    monkeypatch.setattr(prefix_cache.HeardBlocks, "add", counted)
    return sizes


def listen(known: PrefixCache, *names: int) -> None:
    listener = TrackListener(known)
    for name in names:
        listener.add(*BLOCKS[name])
    values(listener.heard())


def test_the_third_track_that_begins_alike_is_gone_through_where_it_differs_alone(heard: list[int]) -> None:
    known = PrefixCache()
    gone_through = []
    for track in ((0, 1, 2, 3), (0, 1, 2, 4), (0, 1, 2, 4), (0, 1, 2, 3), (0, 2, 1), (0, 2, 1)):
        listen(known, *track)
        gone_through.append(len(heard))
        heard.clear()
    # A first one leaves its beginning up to what sounds, a second all of it.
    assert gone_through == [4, 2, 0, 1, 2, 1]


def test_silence_is_gone_through_once(heard: list[int]) -> None:
    known = PrefixCache()
    listen(known, 0, 0, 0)
    listen(known, 0, 0, 0, 0)
    listen(known, 0, 0)
    assert len(heard) == 4


def test_what_was_used_longest_ago_is_forgotten(heard: list[int]) -> None:
    known = PrefixCache(2)
    for name in (1, 2, 1, 3, 1, 2):
        listen(known, name)
    assert len(heard) == 4  # 1, 2, 3, and 2 again


def test_nobody_changes_what_is_known() -> None:
    known = PrefixCache()
    sound, still = (part.copy() for part in BLOCKS[1])
    for _ in range(3):
        listener = TrackListener(known)
        listener.add(sound, still)
        heard = listener.heard()
        heard.add(*BLOCKS[2])
        values(heard)
    sound[:] = 0
    listener = TrackListener(known)
    listener.add(*BLOCKS[1])
    alone = HeardBlocks()
    alone.add(*BLOCKS[1])
    for found, expected in zip(values(listener.heard()), values(alone), strict=True):
        np.testing.assert_array_equal(found, expected)
