"""Text as every offline rule compares it: one spelling for what a reader takes for the same.

Recognisers, services and people write the same words with other characters. `plain` gives them one form, and
nothing that is compared offline is normalised in another way:

* Letters: Unicode NFKD (full width, ligatures, circled and styled letters), case folded; accents on Latin
  letters are dropped, and letters such as ``æ`` and ``ø`` are written ``ae`` and ``o``. Marks of other
  scripts stay, composed (NFC).
* Digits of any script are ASCII digits; ``½`` is ``half``, ``3½`` is ``3 and a half``, other fractions are
  written ``1/4``; ``№`` is ``number``.
* Every apostrophe, single quotation mark, prime, grave and acute is ``'``, every double one ``"``, every
  hyphen, dash and minus sign ``-``, an ellipsis three full stops. Full stops, commas, question and
  exclamation marks of other scripts are the ASCII ones.
* Every kind of space is one space, with none at the ends. Soft hyphens, zero-width characters, joiners, marks
  of direction, variation selectors and enclosing marks are left out.

The result is the same for a text in NFC, NFD, NFKC or NFKD, except for fractions and ``№``, which the last
two lose ("3½" becomes "31⁄2"). `plain` of its own result is that result.
"""

import re
import unicodedata
from functools import lru_cache

_SINGLE = (
    "\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb"
    "\ua78c\u055a"
)
_DOUBLE = "\u201c\u201d\u201e\u201f\u2036\u00ab\u00bb\u02ee\u301d\u301e\u301f\u275d\u275e"
_DASHES = "\u2212\u2043\u2796\u02d7"
"""Besides those of the category of dashes, Pd."""
_ALONE = {
    "\u3002": ".", "\u0964": ".", "\u06d4": ".", "\u061f": "?", "\u061b": ";", "\u060c": ",", "\u3001": ",",
    "\u066b": ".", "\u066c": ",", "\u2044": "/", "\u2215": "/",
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "n",
}  # fmt: skip
_AS_ASCII = _ALONE | dict.fromkeys(_SINGLE, "'") | dict.fromkeys(_DOUBLE, '"') | dict.fromkeys(_DASHES, "-")
_FRACTION = re.compile("[\u00bc-\u00be\u2150-\u215f\u2189]")
_ACUTE = re.compile(" [\u0300\u0301\u0313\u0314]")
"""How NFKD writes an acute, a grave or a Greek breathing that stands alone."""


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """A text in the form in which it is compared; see the module's docstring. Empty for no text."""
    if not text.isascii():
        text = _in_ascii(text)
    return " ".join(text.lower().replace("`", "'").split())


def _in_ascii(text: str) -> str:
    """What has an ASCII form in it; the rest case folded and composed."""
    text = re.sub(r"(?<=\d)\s*\u00bd", " and a half", text).replace("\u00bd", " half ")
    text = _FRACTION.sub(lambda m: f" {unicodedata.normalize('NFKD', m[0])}", text)
    text = text.replace("\u2116", " number ")
    # Folding may give letters that decompose, and "\u03b1\u0345" a letter for a mark.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    text = _ACUTE.sub("'", text)
    kept: list[str] = []
    latin = False
    for c in text:
        kind = "" if c.isascii() else unicodedata.category(c)
        if not unicodedata.combining(c) and kind not in ("Mn", "Me", "Cf"):
            written = _AS_ASCII.get(c) or _by_kind(c, kind)
            latin = written.isascii()
            kept.append(written)
        elif kind == "Mn" and not latin and not _is_selector(c):
            kept.append(c)
    return unicodedata.normalize("NFC", "".join(kept))


def _by_kind(c: str, kind: str) -> str:
    if kind == "Nd":
        return str(unicodedata.decimal(c))
    return "-" if kind == "Pd" else " " if kind in ("Zs", "Zl", "Zp") else c


def _is_selector(c: str) -> bool:
    return "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef" or c == "\u034f"
