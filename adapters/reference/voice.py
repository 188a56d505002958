"""The voice of the reference adapters: shipped clips with known words, at any rate."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import SpokenWord
from tml_bench.media.audio import read_mono
from tml_bench.perception.align import spell

FOLDER = Path(__file__).parent / "voice"
HIGHEST = 40
"""Numbers from 1 to this have a clip."""


class _Entry(msgspec.Struct, frozen=True):
    text: str
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of speech whose first sample is its onset and whose last is its end.

    The words' times count from the first sample; the audio is float32 of shape (n,).
    """

    text: str
    words: tuple[SpokenWord, ...]
    audio: NDArray[np.float32]


def number_name(number: int) -> str:
    """The clip that says a number from 1 to ``HIGHEST``, such as ``twenty-one``."""
    return spell(number).replace(" ", "-")


def texts() -> dict[str, str]:
    """What each clip says, by its name."""
    return {name: entry.text for name, entry in _entries().items()}


@cache
def _entries() -> dict[str, _Entry]:
    return msgspec.json.decode((FOLDER / "clips.json").read_bytes(), type=dict[str, _Entry])


@cache
def clip(name: str, rate: int) -> Clip:
    """The clip of that name (``answer``, ``talk``, ``twenty-one``, ...) at a rate in Hz."""
    entry = _entries()[name]
    audio, _ = read_mono(FOLDER / f"{name}.flac", rate)
    audio.flags.writeable = False
    return Clip(entry.text, entry.words, audio)
