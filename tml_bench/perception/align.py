"""Word times by forced alignment: when each word of a known text is said.

Conventions: audio is mono float32 at 16 kHz; times are seconds from its first sample, on a 10 ms grid.

Pocketsphinx places the phones of a given text on the audio (``Decoder.set_align_text``, US English model).
Words come from its dictionary; digits are spelled out as cardinal numbers; any other word is pronounced
letter by letter, which is crude but keeps its place and about its length. Who knows better how a token is
said gives its phones. Tokens without a Latin letter or a digit are spread over the time between their
neighbours.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.number_words import ONES, TENS
from tml_bench.plain_text import plain
from tml_bench.timeline import Word

RATE = 16_000
_FRAME_S = 0.01
_BEAM = 1e-120  # the default, 1e-48, gives up on a text with one wrong word

# fmt: off
_LETTERS = {
    "a": "AH", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "OW", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K", "y": "Y", "z": "Z",
}
# fmt: on
_UNITS, _TENS = tuple(ONES), tuple(TENS)


def align(
    audio: NDArray[np.float32],
    tokens: Sequence[str],
    phones: Sequence[str] | None = None,
    *,
    least: int | None = None,
) -> tuple[Word, ...]:
    """Place tokens on the audio that says them.

    Args:
        audio: shape (n,).
        tokens: the text in order, split at spaces, punctuation kept.
        phones: how each token is said, in the phones of the CMU dictionary with spaces between, as in
            ``HH AH L OW``; the dictionary's own ways stay possible. Where empty, the rules above hold.
        least: how many tokens from the first on are wanted, if the rest may stay without a place; all unless
            given.

    Returns:
        One word per token (of those wanted), in order and inside the audio; empty when the text does not
        fit the audio or no token can be pronounced.
    """
    decoder = _decoder()
    spoken = [
        [_as_said(decoder, token, said)] if said else _pronounceable(decoder, token)
        for token, said in zip(tokens, phones or [""] * len(tokens), strict=True)
    ]
    text = " ".join(part for parts in spoken for part in parts)
    if not text or not audio.size:
        return ()
    decoder.set_align_text(text)
    decoder.reinit_feat()  # else it goes on with the noise that it knows of what was aligned before
    decoder.start_utt()
    decoder.process_raw((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return ()
    spans = [
        (entry.start_frame * _FRAME_S, (entry.end_frame + 1) * _FRAME_S)
        for entry in decoder.seg()
        if entry.word[0] not in "<["
    ]
    found = len(spans)
    if least is not None and len(spans) < sum(map(len, spoken)):
        # The last word found is stretched over what follows it.
        tokens, spoken, found = tokens[:least], spoken[:least], len(spans) - 1
    if found < sum(map(len, spoken)):
        return ()
    taken = iter(spans)
    placed = [[next(taken) for _ in parts] for parts in spoken]
    words = spread(tokens, [(p[0][0], p[-1][1]) if p else None for p in placed], 0.0, audio.size / RATE)
    return words[:least]


def spell(number: int) -> str:
    """A cardinal number in English words, 0 to 999 999; larger ones digit by digit."""
    if number < 20:
        return _UNITS[number]
    if number < 100:
        rest = number % 10
        return _TENS[number // 10 - 2] + (f" {_UNITS[rest]}" if rest else "")
    if number < 1_000_000:
        size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
        rest = number % size
        return f"{spell(number // size)} {name}" + (f" {spell(rest)}" if rest else "")
    return " ".join(_UNITS[int(digit)] for digit in str(number))


@lru_cache(maxsize=1)
def _decoder() -> Any:
    from pocketsphinx import Decoder

    return Decoder(samprate=RATE, lm=None, loglevel="FATAL", beam=_BEAM, pbeam=_BEAM, wbeam=_BEAM)


def _pronounceable(decoder: Any, token: str) -> list[str]:
    """The dictionary words that say a token; words the dictionary lacks are added to it."""
    latin = plain(token).encode("ascii", "ignore").decode()
    latin = re.sub(r"(?<=\d),(?=\d{3})", "", latin)
    words: list[str] = []
    for part in re.findall(r"\d+|[a-z']+", latin):
        words.extend(spell(int(part)).split() if part.isdigit() else [part.strip("'")])
    return [_known(decoder, word) for word in words if word]


def _known(decoder: Any, word: str) -> str:
    """A dictionary word for a word: its own, else another that says its letters.

    The word itself stays unknown: whether it is one must not hang on what was aligned before.
    """
    if decoder.lookup_word(word) is not None:
        return word
    name = f"{word}="
    if decoder.lookup_word(name) is None:
        decoder.add_word(name, " ".join(_LETTERS[letter] for letter in word if letter != "'"))
    return name


def _as_said(decoder: Any, token: str, phones: str) -> str:
    """A dictionary word for a token said this way or as the dictionary has it."""
    latin = re.sub(r"[^a-z']", "", plain(token))
    name = f"{latin}={phones.replace(' ', '.')}"
    if decoder.lookup_word(name) is None:
        ways = [phones]
        entry = latin
        while latin and (known := decoder.lookup_word(entry)):
            ways.append(known)
            entry = f"{latin}({len(ways)})"
        for k, way in enumerate(dict.fromkeys(ways), start=1):
            decoder.add_word(name if k == 1 else f"{name}({k})", way)
    return name


def spread(
    tokens: Sequence[str], spans: Sequence[tuple[float, float] | None], start_s: float, end_s: float
) -> tuple[Word, ...]:
    """Give tokens without a span equal parts of the time between the spans beside them, or start and end."""
    words: list[Word] = []
    k = 0
    while k < len(tokens):
        span = spans[k]
        if span is not None:
            words.append(Word(tokens[k], span[0], min(span[1], end_s)))
            k += 1
            continue
        until = next((j for j in range(k, len(tokens)) if spans[j] is not None), len(tokens))
        after = spans[until] if until < len(tokens) else None
        begin = words[-1].end_s if words and words[-1].end_s is not None else start_s
        end = after[0] if after else end_s
        edges = np.linspace(begin, max(begin, end), until - k + 1).tolist()
        words.extend(Word(tokens[k + i], edges[i], edges[i + 1]) for i in range(until - k))
        k = until
    return tuple(words)
