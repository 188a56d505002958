"""Acoustic models and features of the Hidden Markov Model Toolkit (HTK), as far as an aligner needs them.

Read are model files in HTK's text format with diagonal Gaussian mixtures, shared states and transition
matrices. Features are ``PLP_0_D_A_Z``: perceptual linear prediction of order 12 and the log gain, the mean of
the audio taken off, with their first and second differences (The HTK Book 3.4, sections 5.3-5.9 and 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import UserError

Array = NDArray[np.float64]

RATE = 11_025
STEP = 110
"""Samples from one frame to the next."""
WINDOW = 275
ORDER = 12
SIZE = 3 * (ORDER + 1)
_CHANNELS = 20
_LIFTER = 22
_EMPHASIS = 0.97
_COMPRESSION = 0.33
_POINTS = 512
_FULL_SCALE = 32_768


@dataclass(frozen=True, slots=True)
class State:
    """A mixture of Gaussians.

    Attributes:
        log_weights: shape (m,).
        means: shape (m, 39).
        precisions: one over the variances, shape (m, 39).
        constants: what each Gaussian's logarithm takes off beside the distance, doubled; shape (m,).
    """

    log_weights: Array
    means: Array
    precisions: Array
    constants: Array

    def log_likelihood(self, features: Array) -> Array:
        """Natural logarithm of the density for every frame of shape (n, 39); shape (n,)."""
        scaled = self.means * self.precisions
        distance = (
            (features**2) @ self.precisions.T - 2 * features @ scaled.T + (self.means * scaled).sum(axis=1)
        )
        each = self.log_weights - 0.5 * (self.constants + distance)
        return np.asarray(np.logaddexp.reduce(each, axis=1))


@dataclass(slots=True)
class Model:
    """A chain of states.

    Attributes:
        states: those that emit.
        transitions: probabilities of shape (states + 2, states + 2), from row to column; the first row is the
            entry, the last column the exit.
    """

    states: list[State] = field(default_factory=list)
    transitions: Array = field(default_factory=lambda: np.zeros((2, 2)))


def read_models(path: Path) -> dict[str, Model]:
    """Read a file of models.

    Returns:
        Models by name.

    Raises:
        UserError: the file cannot be read, or is not such a file.
    """
    try:
        words = iter(path.read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error})", "give HTK models in text format") from None
    models: dict[str, Model] = {}
    shared: dict[str, State] = {}
    model: Model | None = None
    sharing = ""
    try:
        for word in words:
            if word == "~h":
                model = models[_name(words)] = Model()
            elif word == "~s":
                sharing = _name(words)
                if model is not None:
                    model.states.append(shared[sharing])
            elif word == "<NUMMIXES>":
                state = _state(words, int(next(words)))
                if model is None:
                    shared[sharing] = state
                else:
                    model.states.append(state)
            elif word == "<TRANSP>" and model is not None:
                size = int(next(words))
                model.transitions = _numbers(words, size * size).reshape(size, size)
            elif word == "<ENDHMM>":
                model = None
    except (ValueError, KeyError, StopIteration) as error:
        raise UserError(f"{path}: not HTK models in text format ({error!r})", "give such a file") from None
    return models


def _name(words: Iterator[str]) -> str:
    return next(words).strip('"')


def _numbers(words: Iterator[str], count: int) -> Array:
    return np.array([float(next(words)) for _ in range(count)])


def _state(words: Iterator[str], mixtures: int) -> State:
    weights, means, precisions, constants = [], [], [], []
    for _ in range(mixtures):
        _expect(words, "<MIXTURE>")
        next(words)
        weights.append(float(next(words)))
        _expect(words, "<MEAN>")
        means.append(_numbers(words, int(next(words))))
        _expect(words, "<VARIANCE>")
        precisions.append(1.0 / _numbers(words, int(next(words))))
        _expect(words, "<GCONST>")
        constants.append(float(next(words)))
    return State(np.log(weights), np.array(means), np.array(precisions), np.array(constants))


def _expect(words: Iterator[str], what: str) -> None:
    if (found := next(words)) != what:
        raise ValueError(f"{found} where {what} should be")


def features(audio: Array) -> Array:
    """``PLP_0_D_A_Z`` of audio.

    Args:
        audio: shape (n,), mono at 11,025 Hz, full scale 1.

    Returns:
        Shape (frames, 39): 12 cepstra, log gain, their first and their second differences. Frame k is
        centred on sample 110 k + 137. Without rows when the audio is shorter than 275 samples.
    """
    if len(audio) < WINDOW:
        return np.zeros((0, SIZE))
    static = _cepstra(_linear_prediction(_auditory_spectrum(_power(audio * _FULL_SCALE))))
    first = _differences(static)
    return np.concatenate([static - static.mean(axis=0), first, _differences(first)], axis=1)


def _power(audio: Array) -> Array:
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::STEP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    previous = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    emphasised = (frames - _EMPHASIS * previous) * np.hamming(WINDOW)
    return np.asarray(np.abs(np.fft.rfft(emphasised, _POINTS)) ** 2)


def _auditory_spectrum(power: Array) -> Array:
    """Mel bands, weighted by equal loudness and compressed, the outermost twice; shape (n, channels + 2)."""
    edges = np.linspace(0.0, _mel(np.array(RATE / 2)), _CHANNELS + 2)
    mels = _mel(np.arange(_POINTS // 2 + 1) * RATE / _POINTS)
    rising = (mels - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - mels) / np.diff(edges)[1:, None]
    bank = np.clip(np.minimum(rising, falling), 0.0, None)
    squared = (700 * np.expm1(edges[1:-1] / 1127)) ** 2
    loudness = (squared / (squared + 1.6e5)) ** 2 * (squared + 1.44e6) / (squared + 9.61e6)
    bands = (np.maximum(power @ bank.T, 1.0) * loudness) ** _COMPRESSION
    return np.concatenate([bands[:, :1], bands, bands[:, -1:]], axis=1)


def _mel(hertz: Array) -> Array:
    return np.asarray(1127 * np.log1p(hertz / 700))


def _linear_prediction(spectrum: Array) -> tuple[Array, Array]:
    """Coefficients of shape (n, order + 1), the first 1, and the gain, by Levinson and Durbin's recursion."""
    last = spectrum.shape[1] - 1
    cosines = 2 * np.cos(np.pi / last * np.outer(np.arange(ORDER + 1), np.arange(last + 1)))
    cosines[:, [0, -1]] /= 2
    correlation = spectrum @ cosines.T / (2 * last)
    found = np.zeros_like(correlation)
    found[:, 0] = 1.0
    gain = correlation[:, 0].copy()
    for k in range(1, ORDER + 1):
        reflection = -(correlation[:, k:0:-1] * found[:, :k]).sum(axis=1) / gain
        found[:, 1 : k + 1] += reflection[:, None] * found[:, k - 1 :: -1][:, :k]
        gain = gain * (1 - reflection**2)
    return found, gain


def _cepstra(prediction: tuple[Array, Array]) -> Array:
    coefficients, gain = prediction
    cepstra = np.zeros_like(coefficients)
    for k in range(1, ORDER + 1):
        earlier = np.arange(1, k)
        mixed = ((k - earlier) * coefficients[:, earlier] * cepstra[:, k - earlier]).sum(axis=1)
        cepstra[:, k] = -coefficients[:, k] - mixed / k
    lifter = 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(1, ORDER + 1) / _LIFTER)
    return np.concatenate([cepstra[:, 1:] * lifter, np.log(gain)[:, None]], axis=1)


def _differences(values: Array) -> Array:
    """Slope over two frames to either side, the outermost frames repeated."""
    wide = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    count = len(values)
    slope = np.zeros_like(values)
    for k in (1, 2):
        slope += k * (wide[2 + k : 2 + k + count] - wide[2 - k : 2 - k + count])
    return slope / 10
