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

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float32]

NETWORK = "silero-vad 6.2.3 in numpy 1"
"""Name and version of the network and of how it is computed."""
FRAME = 512
_CONTEXT = 64
_WINDOW = 256
_HOP = 128
_SPECTRA = 4
_BINS = _WINDOW // 2 + 1
_CELLS = 128
_GATES = 4 * _CELLS
_MOST_FRAMES = 128
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


class SileroNetwork:
    """Speech probabilities of one track, whose frames come in order from its first sample.

    A frame is 512 samples at 16 kHz, float32 in [-1, 1]; a probability is in [0, 1].
    """

    def __init__(self) -> None:
        self._layers = _layers()
        self._context = np.zeros(_CONTEXT, np.float32)
        self._hidden = np.zeros(_CELLS, np.float32)
        self._cell = np.zeros(_CELLS, np.float32)

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
            return np.concatenate([np.zeros(0, np.float32), *map(self._recur, parts)])

    def _next(self, frames: Floats) -> Floats:
        seen = np.empty((len(frames), _CONTEXT + FRAME), np.float32)
        seen[:, _CONTEXT:] = frames
        seen[0, :_CONTEXT] = self._context
        seen[1:, :_CONTEXT] = frames[:-1, -_CONTEXT:]
        self._context = frames[-1, -_CONTEXT:].copy()
        sounding = seen.any(axis=1)
        if sounding.all():
            gates = _gates(self._layers, seen)
        else:
            gates = np.tile(_silent_gates(), (len(frames), 1))
            if sounding.any():
                gates[sounding] = _gates(self._layers, seen[sounding])
        return self._recur(gates)

    def _recur(self, gates: Floats) -> Floats:
        """The LSTM over frames: from what is given to the gates, shape (n, 512), to probabilities, (n,)."""
        states = np.empty((len(gates), _CELLS), np.float32)
        hidden, cell, recurrent = self._hidden, self._cell, self._layers.recurrent
        active = np.empty(_GATES, np.float32)
        new = active[2 * _CELLS : 3 * _CELLS]
        half = np.float32(0.5)
        for at, given in enumerate(gates):
            np.dot(hidden, recurrent, out=active)
            np.add(active, given, out=active)
            np.tanh(active, out=active)
            opened = active * half + half
            cell = opened[_CELLS : 2 * _CELLS] * cell + opened[:_CELLS] * new
            hidden = opened[3 * _CELLS :] * np.tanh(cell)
            states[at] = hidden
        self._hidden, self._cell = hidden, cell
        out = np.maximum(states, 0) @ self._layers.out + self._layers.out_bias
        probabilities: Floats = np.tanh(out * half) * half + half
        return probabilities


def _gates(layers: _Layers, seen: Floats) -> Floats:
    """What frames with the samples before them, shape (n, 576), give to the gates, shape (n, 512)."""
    n = len(seen)
    # Beyond its end a frame is mirrored.
    padded = np.concatenate([seen, seen[:, -2 : -_CONTEXT - 2 : -1]], axis=1)
    windows = sliding_window_view(padded, _WINDOW, axis=1)[:, ::_HOP] * layers.window
    spectra = np.zeros((n, _SPECTRA + 2, _BINS), np.float32)
    spectra[:, 1:-1] = np.abs(np.fft.rfft(windows, axis=2))
    near = sliding_window_view(spectra.reshape(n, -1), 3 * _BINS, axis=1)[:, ::_BINS]
    width = layers.convolutions[0].shape[1]
    first = np.zeros((n, _SPECTRA + 1, width), np.float32)
    first[:, 1:] = _layer(layers, 0, near.reshape(n * _SPECTRA, -1)).reshape(n, _SPECTRA, width)
    # Every second of the four, each with both neighbours, of which the first has but one.
    near = np.stack([first[:, 0:3].reshape(n, -1), first[:, 2:5].reshape(n, -1)], axis=1)
    second = _layer(layers, 1, near.reshape(n * 2, -1)).reshape(n, -1)
    gates: Floats = _layer(layers, 3, _layer(layers, 2, second)) @ layers.into_gates + layers.gate_bias
    return gates


def _layer(layers: _Layers, k: int, values: Floats) -> Floats:
    active: Floats = np.maximum(values @ layers.convolutions[k] + layers.biases[k], 0)
    return active


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
    gates: Floats = _gates(_layers(), np.zeros((1, _CONTEXT + FRAME), np.float32)).reshape(-1)
    return gates
