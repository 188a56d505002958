"""Word times of rendered clips: forced alignments by pocketsphinx of the known text (extra ``speech``).

The first word's start and the last word's end are the clip's own, which is trimmed to its energy edges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soxr

from tml_bench.synthesis.speech import Samples
from tml_bench.timeline import Word


def align(samples: Samples, rate: int, text: str) -> list[Word]:
    """When each word of ``text`` is said in a trimmed clip.

    Returns:
        One word per whitespace-separated token, punctuation kept, times in seconds rounded to 1 ms; the first
        starts at 0, the last ends with the clip, each starts after the one before and none overlap.

    Raises:
        ValueError: the aligner did not find every word, or its times are implausible (a word shorter than
            30 ms or longer than 1.5 s).
    """
    from pocketsphinx import Decoder

    tokens = text.split()
    plain = [token.strip(".,?!").lower() for token in tokens]
    # The aligner drops a short last word unless it meets silence it recognises around the speech: 0.6 s of
    # noise at -60 dBFS (digital zeros have no spectrum).
    pad = 0.6
    speech = soxr.resample(np.pad(samples, int(pad * rate)), rate, 16000)
    speech = speech + np.random.default_rng(0).normal(0.0, 1e-3, len(speech))
    decoder = Decoder(samprate=16000, loglevel="FATAL", lm=None)
    decoder.set_align_text(" ".join(plain))
    decoder.start_utt()
    decoder.process_raw((np.clip(speech, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    found = [s for s in decoder.seg() or () if not s.word.startswith(("<", "[", "+"))]
    if [s.word.split("(")[0] for s in found] != plain:
        raise ValueError(f"alignment found {[s.word for s in found]}, expected {plain}")
    bounds = [[s.start_frame / 100 - pad, (s.end_frame + 1) / 100 - pad] for s in found]
    bounds[0][0], bounds[-1][1] = 0.0, len(samples) / rate
    words = [Word(t, round(a, 3), round(b, 3)) for t, (a, b) in zip(tokens, bounds, strict=True)]
    _check(words)
    return words


def shifted(words: Sequence[Word], by_s: float) -> list[Word]:
    """The same words ``by_s`` seconds later."""
    return [
        Word(w.text, round((w.start_s or 0.0) + by_s, 3), round((w.end_s or 0.0) + by_s, 3)) for w in words
    ]


def _check(words: Sequence[Word]) -> None:
    last_end = 0.0
    for word in words:
        start, end = word.start_s or 0.0, word.end_s or 0.0
        if start < last_end - 1e-9 or not 0.029 <= end - start <= 1.5:
            raise ValueError(f"implausible alignment of {word.text!r}: {start} to {end} s")
        last_end = end
