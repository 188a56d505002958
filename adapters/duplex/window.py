"""Whisper on a few seconds of sound that goes on: what was said after the words that are already known.

Whisper is trained on 30 s. Only the seconds there are, and one of silence, are shown to it, which costs a
tenth; the silence keeps it from going on by itself where the sound breaks off.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tml_bench.perception import asr

RATE = 16_000
_SILENCE_S = 1.0
_FRAME_S = 0.02
_TOKENS_PER_S = 6


class WindowReader(Protocol):
    """Reads a window of sound that begins with known words."""

    def read(self, sound: NDArray[np.float32], said: Sequence[str]) -> list[str]:
        """The words of ``sound`` (shape (n,), 16 kHz) after ``said``, with which it begins; may be none."""
        ...

    def ends(self, words: Sequence[str]) -> list[float]:
        """When each of all the words ended, in seconds of the sound that was read last, never falling."""
        ...


class WhisperWindow:
    """Greedy Whisper on one thread, so that what it costs is the same on a busy machine.

    Args:
        name: a model as `asr.chosen_model` gives it.

    Raises:
        UserError: the extra ``speech`` is not installed, or the model cannot be loaded.
    """

    def __init__(self, name: str) -> None:
        from faster_whisper.tokenizer import Tokenizer

        whisper = asr.load_model(name, threads=1)
        self._whisper, self._features = whisper.model, whisper.feature_extractor
        self._tokens: Any = Tokenizer(
            whisper.hf_tokenizer, self._whisper.is_multilingual, task="transcribe", language="en"
        )
        self._encoded: Any = None
        self._frames = 0

    def read(self, sound: NDArray[np.float32], said: Sequence[str]) -> list[str]:
        """The words after those said, greedily, at most six tokens a second of the sound."""
        import ctranslate2

        heard = np.concatenate([sound, np.zeros(round(_SILENCE_S * RATE), np.float32)])
        features = self._features(heard, padding=0)
        self._frames = features.shape[1] // 2 * 2
        features = np.ascontiguousarray(features[None, :, : self._frames].astype(np.float32))
        self._encoded = self._whisper.encode(ctranslate2.StorageView.from_array(features))
        known = self._encode(said)
        start = [*self._tokens.sot_sequence, self._tokens.no_timestamps]
        most = len(known) + 4 + round(_TOKENS_PER_S * len(sound) / RATE)
        # CTranslate2 gives no more than half of max_length, the known words included.
        (result,) = self._whisper.generate(
            self._encoded, [start + known], beam_size=1, max_length=2 * max(most, len(start + known))
        )
        new = result.sequences_ids[0][len(known) :]
        return _words(self._tokens.decode([token for token in new if token < self._tokens.eot]), bool(said))

    def ends(self, words: Sequence[str]) -> list[float]:
        """Ends by the model's attention, which are some 0.1 s late."""
        tokens = [self._encode([word]) for word in words]
        (aligned,) = self._whisper.align(
            self._encoded,
            list(self._tokens.sot_sequence),
            [[token for pieces in tokens for token in pieces]],
            self._frames,
            median_filter_width=7,
        )
        last: dict[int, int] = dict(aligned.alignments)
        ends, count, end = [], 0, 0.0
        for pieces in tokens:
            count += len(pieces)
            end = max(end, last.get(count - 1, 0) * _FRAME_S)
            ends.append(end)
        return ends

    def _encode(self, words: Sequence[str]) -> list[int]:
        return list(self._tokens.encode("".join(f" {word}" for word in words)))


def _words(text: str, goes_on: bool) -> list[str]:
    """The words of a continuation; what ends the last known word, a mark or letters, is left out."""
    words = text.split()
    if goes_on and words and not text[:1].isspace():
        words = words[1:]
    return [word for word in words if any(map(str.isalnum, word))]
