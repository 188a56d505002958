"""When each word of a rendered clip is said: forced alignment, with edges of energy where there are any.

The aligner (``perception.align``) is told how the voice says each word, so that names, numbers and foreign
words need no dictionary. Its times lie on a 10 ms grid. Where the clip is silent for 150 ms or more at a word
boundary, the word before ends where the silence begins and the word after starts where it ends, by the
energy (``speech.edges`` has the rule); so do the first word's start and the last word's end.

A silence of 70 to 150 ms is a short pause or the closure of a stop consonant, and the aligner gives it to the
word before. The word before ends where it begins, unless that word ends in a stop whose burst has not been
heard yet; the word after starts where it ends, unless that word begins with a stop, whose closure it is.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tml_bench.perception.align import RATE, align
from tml_bench.synthesis import engines, speech

SILENCE_S = 0.15
"""A silence at least so long at a boundary sets the times beside it."""
SHORT_SILENCE_S = 0.07
"""So does one of at least this length, as far as it is not the closure of a stop."""
REACH_S = 0.06
"""How far from a boundary the aligner may have put it for a silence to count as being there."""
_SHORTEST_S = 0.03
_STOPS = frozenset(("P", "T", "K", "B", "D", "G", "CH", "JH"))
_CLOSURE_S = 0.02
_BURST_S = 0.1
"""A closure of at least the one, not more than the other before a silence: between them lies a burst."""
_LEAD_S = 0.5
_FRAME_CENTRE_S = 0.0128
"""The aligner names a frame by its first sample; what it judges is a window of 25.6 ms from there on."""

# The aligner's acoustic model knows 39 phones of US English; each sound of the voices (misaki's alphabet)
# becomes the nearest. Vowels that British English has more of fall together, which costs little.
# fmt: off
_CMU = {
    "A": "EY", "I": "AY", "O": "OW", "Q": "OW", "W": "AW", "Y": "OY", "ᵊ": "AH", "a": "AE", "ɑ": "AA",
    "ɒ": "AA", "æ": "AE", "ɐ": "AH", "ɔ": "AO", "ə": "AH", "ɚ": "ER", "ɛ": "EH", "ɜ": "ER", "e": "EY",
    "ɪ": "IH", "ᵻ": "IH", "ɨ": "IH", "i": "IY", "y": "UW", "u": "UW", "ʊ": "UH", "o": "OW", "ʌ": "AH",
    "ø": "ER", "œ": "ER", "b": "B", "d": "D", "f": "F", "h": "HH", "j": "Y", "k": "K", "l": "L", "m": "M",
    "n": "N", "p": "P", "s": "S", "t": "T", "v": "V", "w": "W", "x": "HH", "z": "Z", "ɡ": "G", "ŋ": "NG",
    "ɹ": "R", "r": "R", "ʁ": "R", "ɾ": "D", "T": "D", "ʔ": "T", "ʃ": "SH", "ʒ": "ZH", "ʤ": "JH", "ʧ": "CH",
    "θ": "TH", "ð": "DH", "ç": "HH", "χ": "HH", "β": "V", "ɲ": "N Y", "ʎ": "L Y", "ʦ": "T S", "ʣ": "D Z",
}
# fmt: on


def word_times(audio: speech.Samples, text: str, british: bool = False) -> list[tuple[str, float, float]]:
    """Find the words of a text in the clip that says it.

    Args:
        audio: shape (n,), mono at 16 kHz, all of the text and nothing else; silence around it is allowed.
        text: as given to the voice. A word is a token between spaces that has a letter or a digit.
        british: the voice's accent.

    Returns:
        For every word: the token with its punctuation, start and end in seconds from the clip's first sample.
        In order, not overlapping, each longer than 0.

    Raises:
        ValueError: the clip is silent, the text has no word, or the two do not fit.
        UserError: the extras ``voices`` and ``speech`` are not installed.
    """
    tokens = [token for token in text.split() if any(map(str.isalnum, token))]
    start, end = (sample / RATE for sample in speech.edges(audio, RATE))
    phones = said_phones(text, british)
    bounds = _aligned(audio, tokens, phones)
    if not bounds:
        raise ValueError(f"the clip does not say {text!r}")
    bounds[0][0], bounds[-1][1] = start, end
    silences = [(a / RATE, b / RATE) for a, b in speech.silences(audio, RATE)]
    _snap(bounds, silences)
    _snap_short(bounds, silences, [said.split() for said in phones])
    times = [(token, round(a, 3), round(b, 3)) for token, (a, b) in zip(tokens, bounds, strict=True)]
    for k, (token, a, b) in enumerate(times):
        if b - a < 0.01 or (k and a < times[k - 1][2]):
            raise ValueError(f"impossible times of {token!r} in {text!r}: {a} to {b} s")
    return times


def said_phones(text: str, british: bool) -> list[str]:
    """How each word is said, in CMU phones with spaces between. Raises UserError as `engines.phonemes`."""
    said = engines.phonemes(text, british)
    return [
        cmu(phonemes)
        for token, phonemes in zip(text.split(), said, strict=True)
        if any(map(str.isalnum, token))
    ]


def cmu(phonemes: str) -> str:
    """Phones with spaces between, as in ``HH AH L OW``; empty when nothing is said.

    Stress, length, punctuation and unknown signs are left out; ER takes in an ``ɹ`` after it.
    """
    phones = " ".join(_CMU[sign] for sign in phonemes if sign in _CMU)
    return phones.replace("ER R", "ER")


def _aligned(audio: speech.Samples, tokens: Sequence[str], phones: Sequence[str]) -> list[list[float]]:
    """Start and end of each token in seconds; empty when the aligner does not get through."""
    placed = align(_in_room(audio), tokens, phones)
    if not placed:
        # It sometimes stretches a late word to the end and leaves out short ones after it. When the same is
        # said once more, that happens to the second time.
        twice = _in_room(np.pad(audio, (0, round(_LEAD_S * RATE))), again=audio)
        placed = align(twice, [*tokens, *tokens], [*phones, *phones], least=len(tokens))
    shift = _FRAME_CENTRE_S - _LEAD_S
    return [[(w.start_s or 0.0) + shift, (w.end_s or 0.0) + shift] for w in placed]


def _in_room(audio: speech.Samples, again: speech.Samples | None = None) -> speech.Samples:
    """Clips with silence around them that has a spectrum, which the aligner needs: -60 dBFS noise."""
    both = audio if again is None else np.concatenate([audio, again])
    lead = round(_LEAD_S * RATE)
    noise = np.random.default_rng(0).normal(0.0, 1e-3, len(both) + 2 * lead)
    return (np.pad(both, lead) + noise).astype(np.float32)


def _snap(bounds: list[list[float]], silences: Sequence[tuple[float, float]]) -> None:
    for before, after in pairwise(bounds):
        near = [(a, b) for a, b in _between(before, after, silences) if b - a >= SILENCE_S]
        if near:
            before[1], after[0] = max(near, key=lambda silence: silence[1] - silence[0])


def _snap_short(
    bounds: list[list[float]], silences: Sequence[tuple[float, float]], phones: Sequence[Sequence[str]]
) -> None:
    for k, (before, after) in enumerate(pairwise(bounds)):
        near = [(a, b) for a, b in _between(before, after, silences) if SHORT_SILENCE_S <= b - a < SILENCE_S]
        if not near or after[0] - before[1] >= SILENCE_S:
            continue
        start, end = near[-1]
        if _STOPS.intersection(phones[k][-1:]) and not _after_burst(start, silences):
            continue
        before[1] = start
        after[0] = max(start, after[0]) if _STOPS.intersection(phones[k + 1][:1]) else end


def _between(
    before: Sequence[float], after: Sequence[float], silences: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """The silences at the boundary of two words that leave something of either."""
    return [
        (a, b)
        for a, b in silences
        if b > before[1] - REACH_S
        and a < after[0] + REACH_S
        and a >= before[0] + _SHORTEST_S
        and b <= after[1] - _SHORTEST_S
    ]


def _after_burst(start: float, silences: Sequence[tuple[float, float]]) -> bool:
    """Whether a closure ends shortly before: what is heard between is the burst of a stop."""
    return any(b <= start <= b + _BURST_S and b - a >= _CLOSURE_S for a, b in silences)
