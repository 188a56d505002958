"""The network of Silero VAD 6.2.3 (https://github.com/snakers4/silero-vad, MIT), computed with numpy.

Its weights are in ``silero_vad_16k.npz``, as its authors published them; ``tools/silero_weights.py`` takes
them out of their file. All that does not depend on the frame before is computed for many frames at once,
which makes it five times as fast as a frame at a time, and a frame of digital zeros costs its recurrent step
alone.
Matrices this small gain nothing from threads, which only keep other processors busy, so it runs on one.
Probabilities are those of the authors' own runtime to 1e-5.

For each frame of 512 samples and the 64 before it: magnitudes of four spectra of 256 samples, 128 apart; four
convolutions; an LSTM of 128 cells that goes on from frame to frame; a probability.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float32]

NETWORK = "silero-vad 6.2.3 in numpy 1"
"""Name and version of the network and of how it is computed."""
FRAME = 512
_CONTEXT = 64
_SEEN = _CONTEXT + FRAME + _CONTEXT
_WINDOW = 256
_HOP = 128
_SPECTRA = 4
_BINS = _WINDOW // 2 + 1
_CELLS = 128
_GATES = 4 * _CELLS
_MOST_FRAMES = 128
_AT_ONCE = 16
"""Frames whose spectra are in memory at a time: what is larger is taken from the system anew each time."""
REMEMBERED = 1024
"""So many frames (33 s) of zeros at the beginning of a track are remembered, in 1 MB."""
_LOCK = Lock()


class _Layers(NamedTuple):
    """Weights as they are used.

    Matrices are applied from the right. Gates are input, forget, cell, output; those that end in a sigmoid
    are halved, as a sigmoid is half a hyperbolic tangent of the half and a half.
    """

    window: Floats
    convolutions: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    into_gates: Floats
    gate_bias: Floats
    recurrent: Floats
    out: Floats
    out_bias: np.float32


@cache
def _layers() -> _Layers:
    with files(__package__).joinpath("silero_vad_16k.npz").open("rb") as file, np.load(file) as stored:
        named = {name: stored[name] for name in stored.files}
    # From (out, in, tap) to (tap, in, out).
    taps = [named[f"encoder.{k}.weight"].transpose(2, 1, 0) for k in range(4)]
    # The third layer has two inputs and one output, the fourth one and one: their other taps meet padding.
    used = (taps[0], taps[1], taps[2][1:], taps[3][1:2])
    halved = np.ones(_GATES, np.float32)
    halved[: 2 * _CELLS] = halved[3 * _CELLS :] = 0.5
    return _Layers(
        window=np.hanning(_WINDOW + 1)[:_WINDOW].astype(np.float32),
        convolutions=tuple(np.ascontiguousarray(each.reshape(-1, each.shape[2])) for each in used),
        biases=tuple(named[f"encoder.{k}.bias"] for k in range(4)),
        into_gates=np.ascontiguousarray(named["lstm.weight_ih"].T * halved),
        gate_bias=(named["lstm.bias_ih"] + named["lstm.bias_hh"]) * halved,
        recurrent=np.ascontiguousarray(named["lstm.weight_hh"].T * halved),
        out=named["out.weight"],
        out_bias=named["out.bias"][0],
    )


class _Memory:
    """The LSTM, which goes on from frame to frame: what it holds after the last one, shapes (128,)."""

    def __init__(self) -> None:
        self.hidden = np.zeros(_CELLS, np.float32)
        self.cell = np.zeros(_CELLS, np.float32)

    def take(self, gates: Floats, states: Floats, cells: Floats) -> None:
        """From what frames give to the gates, shape (n, 512), to what is held after each, (n, 128)."""
        hidden, cell, recurrent = self.hidden, self.cell, _layers().recurrent
        active, opened = np.empty((2, _GATES), np.float32)
        new = active[2 * _CELLS : 3 * _CELLS]
        added, kept, _, shown = np.split(opened, 4)
        fresh = np.empty(_CELLS, np.float32)
        half = np.array(0.5, np.float32)  # a plain number is converted each time
        for given, state, held in zip(gates, states, cells, strict=True):
            np.dot(hidden, recurrent, out=active)
            np.add(active, given, out=active)
            np.tanh(active, out=active)
            np.multiply(active, half, out=opened)
            np.add(opened, half, out=opened)
            np.multiply(kept, cell, out=held)
            np.multiply(added, new, out=fresh)
            np.add(held, fresh, out=held)
            np.tanh(held, out=fresh)
            np.multiply(shown, fresh, out=state)
            hidden, cell = state, held
        self.hidden, self.cell = hidden.copy(), cell.copy()


class _Silence:
    """What the LSTM holds after each of a track's first frames while they are digital zeros.

    Most tracks of a model begin so; each of those frames is gone through once, for all of them.
    """

    def __init__(self) -> None:
        self._memory = _Memory()
        self._known = 0
        self._states, self._cells = np.empty((2, REMEMBERED, _CELLS), np.float32)

    def held(self, first: int, end: int) -> tuple[Floats, Floats]:
        """After frames ``first`` to ``end`` of the track, shapes (end - first, 128); at most `REMEMBERED`."""
        if end > self._known:
            missing = slice(self._known, end)
            gates = np.broadcast_to(_silent_gates(), (end - self._known, _GATES))
            self._memory.take(gates, self._states[missing], self._cells[missing])
            self._known = end
        return self._states[first:end], self._cells[first:end]


class SileroNetwork:
    """Speech probabilities of one track, whose frames come in order from its first sample.

    A frame is 512 samples at 16 kHz, float32 in [-1, 1]; a probability is in [0, 1].
    """

    def __init__(self) -> None:
        self._layers = _layers()
        self._context = np.zeros(_CONTEXT, np.float32)
        self._memory = _Memory()
        self._silent: int | None = 0
        """So many frames of digital zeros, remembered ones, the track has had and nothing else; else None."""

    def copy(self) -> Self:
        """One that has had the same frames, and goes on by itself."""
        other = copy(self)
        other._memory = copy(self._memory)  # whose arrays are replaced, never changed
        return other

    def __call__(self, frame: Floats) -> float:
        """Probability of the next frame, shape (512,)."""
        return float(self.probabilities(frame[np.newaxis])[0])

    def probabilities(self, frames: Floats) -> Floats:
        """Probabilities of the next frames, shapes (n, 512) and (n,); none for no frames."""
        parts = [frames[at : at + _MOST_FRAMES] for at in range(0, len(frames), _MOST_FRAMES)]
        with _one_thread():
            return np.concatenate([np.zeros(0, np.float32), *map(self._next, parts)])

    def silence(self, frames: int) -> Floats:
        """Probabilities of so many frames of digital zeros after at least one such frame, shape (frames,)."""
        silent = np.broadcast_to(_silent_gates(), (_MOST_FRAMES, _GATES))
        parts = [silent[: frames - at] for at in range(0, frames, _MOST_FRAMES)]
        with _one_thread():
            found = (self._recur(gates, len(gates)) for gates in parts)
            return np.concatenate([np.zeros(0, np.float32), *found])

    def _next(self, frames: Floats) -> Floats:
        seen = np.empty((len(frames), _SEEN), np.float32)
        seen[:, _CONTEXT:-_CONTEXT] = frames
        seen[0, :_CONTEXT] = self._context
        seen[1:, :_CONTEXT] = frames[:-1, -_CONTEXT:]
        # Beyond its end a frame is mirrored.
        seen[:, -_CONTEXT:] = frames[:, -2 : -_CONTEXT - 2 : -1]
        self._context = frames[-1, -_CONTEXT:].copy()
        sounding = seen.any(axis=1)
        if sounding.all():
            return self._recur(_gates(self._layers, seen), 0)
        gates = np.tile(_silent_gates(), (len(frames), 1))
        if not sounding.any():
            return self._recur(gates, len(frames))
        gates[sounding] = _gates(self._layers, seen[sounding])
        return self._recur(gates, int(sounding.argmax()))

    def _recur(self, gates: Floats, silent: int) -> Floats:
        """From what is given to the gates, shape (n, 512), to probabilities, (n,).

        The first ``silent`` frames are digital zeros.
        """
        states, cells = np.empty((2, len(gates), _CELLS), np.float32)
        known = self._remember(states, cells, silent)
        self._memory.take(gates[known:], states[known:], cells[known:])
        out = np.maximum(states, 0) @ self._layers.out + self._layers.out_bias
        half = np.float32(0.5)
        probabilities: Floats = np.tanh(out * half) * half + half
        return probabilities

    def _remember(self, states: Floats, cells: Floats, silent: int) -> int:
        """Go through the next frames, of which the first ``silent`` are zeros, as far as they are remembered.

        Returns:
            How many those are.
        """
        if self._silent is None:
            return 0
        first, end = self._silent, min(self._silent + silent, REMEMBERED)
        known = end - first
        if known:
            states[:known], cells[:known] = _silence().held(first, end)
            self._memory.hidden, self._memory.cell = states[known - 1], cells[known - 1]
        self._silent = end if known == len(states) else None
        return known


def _gates(layers: _Layers, seen: Floats) -> Floats:
    """What frames with the samples about them, shape (n, 640), give to the gates, shape (n, 512)."""
    n = len(seen)
    windows = sliding_window_view(seen, _WINDOW, axis=1)[:, ::_HOP]
    spectra = np.zeros((n, _SPECTRA + 2, _BINS), np.float32)
    for at in range(0, n, _AT_ONCE):
        piece = slice(at, at + _AT_ONCE)
        np.abs(np.fft.rfft(windows[piece] * layers.window), out=spectra[piece, 1:-1])
    width = layers.convolutions[0].shape[1]
    first = np.zeros((n, _SPECTRA + 1, width), np.float32)
    first[:, 1:] = _layer(layers, 0, _near(spectra, range(_SPECTRA))).reshape(n, _SPECTRA, width)
    # Every second of the four, each with both neighbours, of which the first has but one.
    second = _layer(layers, 1, _near(first, (0, 2))).reshape(n, -1)
    gates: Floats = _layer(layers, 3, _layer(layers, 2, second)) @ layers.into_gates + layers.gate_bias
    return gates


def _near(values: Floats, starts: Sequence[int]) -> Floats:
    """Three after each other from each start, as rows: shapes (n, times, width), (n * starts, 3 * width)."""
    n, _, width = values.shape
    near = np.empty((n, len(starts), 3 * width), np.float32)
    for k, start in enumerate(starts):
        near[:, k] = values[:, start : start + 3].reshape(n, -1)
    return near.reshape(n * len(starts), -1)


def _layer(layers: _Layers, k: int, values: Floats) -> Floats:
    active: Floats = values @ layers.convolutions[k]
    active += layers.biases[k]
    return np.maximum(active, 0, out=active)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices are multiplied on one thread, in one place at a time: how many there were before is known."""
    with _LOCK, _threads().limit(limits=1, user_api="blas"):
        yield


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _silent_gates() -> Floats:
    """What a frame of digital zeros after zeros gives to the gates, shape (512,)."""
    gates: Floats = _gates(_layers(), np.zeros((1, _SEEN), np.float32)).reshape(-1)
    return gates


@cache
def _silence() -> _Silence:
    return _Silence()
