"""From the phonemes of the voices (misaki's alphabet) to the phones of the CMU dictionary.

The aligner's acoustic model knows 39 phones of US English; each sound becomes the nearest of them. Vowels
that British English has more of fall together (``ɒ`` and ``ɑː`` both become AA), which costs an alignment
little.
"""

from __future__ import annotations

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


def cmu(phonemes: str) -> str:
    """Phones with spaces between, as in ``HH AH L OW``; empty when nothing is said.

    Stress, length, punctuation and unknown signs are left out; ER takes in an ``ɹ`` after it.
    """
    phones = " ".join(_CMU[sign] for sign in phonemes if sign in _CMU)
    return phones.replace("ER R", "ER")
