"""What the user has said so far, while the user goes on: words on which two looks in a row agree.

Recognition of a sound that breaks off is wrong about its last words, and right about the others. So a word
counts once two successive looks give it in the same place (local agreement); it is never taken back, and what
is known is given to the recogniser as the beginning of the next look.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapters.duplex.window import RATE, WindowReader

LEAD_S = 0.3
"""Sound kept from before the first frame of speech."""
_LONGEST_S, _KEPT_S = 4.0, 2.0
_LOOP = 5
"""So many words that come again within a window are the recogniser going round in circles."""


@dataclass(frozen=True, slots=True)
class AgreedWord:
    """A word that the user has said, as written, and the session time of its end."""

    text: str
    end_s: float


class RunningWords:
    """Reads the user's speech as it goes on, by a window of at most some 5 s.

    ``unsure`` is what the last look gave beyond the words that count.
    """

    def __init__(self, reader: WindowReader) -> None:
        self._reader = reader
        self._sound = np.zeros(0, np.float32)
        self._first = 0
        self._said: list[AgreedWord] = []
        self.unsure: list[str] = []

    def feed(self, audio: NDArray[np.float32], speaking: bool) -> None:
        """Take the next samples, shape (n,), 16 kHz; while nobody speaks only `LEAD_S` are kept."""
        self._sound = np.concatenate([self._sound, audio])
        if not speaking:
            self._drop(len(self._sound) - round(LEAD_S * RATE))

    def look(self, timed: bool = True) -> list[AgreedWord]:
        """Recognise what was said since; returns the words that count from now on.

        Unless they are to be ``timed``, their ends may be those of the sound.
        """
        heard = self._heard()
        agreed = self._counted(heard, _same(heard, self.unsure), timed or self._is_long())
        self._shorten()
        return agreed

    def finish(self, timed: bool = True) -> list[AgreedWord]:
        """The user has paused: all words of a last look count."""
        heard = self._heard()
        agreed = self._counted(heard, len(heard), timed)
        self._said, self.unsure = [], []
        self._drop(len(self._sound) - round(LEAD_S * RATE))
        return agreed

    def _heard(self) -> list[str]:
        said = [word.text for word in self._said]
        new = self._reader.read(self._sound, said)
        return new[: _before_a_loop([*said, *new], len(said)) - len(said)]

    def _counted(self, heard: list[str], count: int, timed: bool) -> list[AgreedWord]:
        self.unsure = heard[count:]
        known = len(self._said)
        words = [word.text for word in self._said] + heard[:count]
        if count == len(heard) > 0:  # the mark after a last word is a guess
            words[-1] = words[-1].rstrip(".,;:!?")
        seconds = len(self._sound) / RATE
        if timed and words:
            ends = self._reader.ends([*words, *self.unsure])[: len(words)]
        else:
            ends = [word.end_s - self._first / RATE for word in self._said] + [seconds] * count
        self._said = [
            AgreedWord(text, self._first / RATE + min(end, seconds))
            for text, end in zip(words, ends, strict=True)
        ]
        return self._said[known:]

    def _is_long(self) -> bool:
        return len(self._sound) > _LONGEST_S * RATE

    def _shorten(self) -> None:
        """Let go of what is long known, at the end of a word."""
        if not self._is_long():
            return
        seconds = len(self._sound) / RATE
        cut_s = self._first / RATE + seconds - _KEPT_S
        past = [word for word in self._said if word.end_s <= cut_s]
        if past:
            self._said = self._said[len(past) :]
            self._drop(round(past[-1].end_s * RATE) - self._first)
        elif seconds > 2 * _LONGEST_S:  # nothing can be made of it
            self._said, self.unsure = [], []
            self._drop(round(cut_s * RATE) - self._first)

    def _drop(self, samples: int) -> None:
        if samples > 0:
            self._sound = self._sound[samples:]
            self._first += samples


def _same(words: Sequence[str], others: Sequence[str]) -> int:
    """How many words from the first on are the same, whatever their case and marks."""
    count = 0
    for word, other in zip(words, others, strict=False):
        if bare(word) != bare(other):
            break
        count += 1
    return count


def _before_a_loop(words: Sequence[str], at: int) -> int:
    """How many words there are before a run of `_LOOP` from ``at`` on that was there before."""
    runs = [tuple(map(bare, words[k : k + _LOOP])) for k in range(len(words) - _LOOP + 1)]
    return next((k for k in range(at, len(runs)) if runs[k] in runs[:k]), len(words))


def bare(word: str) -> str:
    """A word in lower case, without the marks around it."""
    return re.sub(r"^\W+|\W+$", "", word.lower())
