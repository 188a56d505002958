"""What may name a file or folder. One answer for every id, subset, run, and name in an archive.

A name is safe where it is one part of a path on every file system, and is seen as what it is:

* not empty, ``.`` or ``..``, no leading dot, which hides it, and no space or dot at the end;
* no separator or other sign that a system forbids (`_FORBIDDEN`), no control characters (NUL, line breaks),
  halves of pairs, marks of direction or characters that are not seen; the joiners of emoji and of scripts
  are seen by what they join;
* at most 255 bytes in UTF-8, ids `LONGEST_ID`: files are named after them with something before and after;
* no device of Windows (``CON``, ``nul.txt``).

Letters of every script, spaces within and emoji are fine. Two names that differ only in case, or in how the
same letters are composed, are one on some file systems (`folded`).
"""

import hashlib
import re
import unicodedata
from functools import lru_cache

LONGEST_NAME, LONGEST_ID = 255, 200
"""Most bytes of a name on file systems, and of an id."""
_USUAL = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?", re.I
)
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
_PLUGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PLUGIN_NAME = _PLUGIN.pattern
"""How a name of a task or adapter looks, which is typed and stands in names of runs; see `is_plugin_name`."""


def is_safe_name(text: str) -> bool:
    """Whether a text may be the name of a file or folder."""
    return not name_flaw(text)


def is_plugin_name(text: str) -> bool:
    """Whether a text may name a task or an adapter: a safe name that can be typed."""
    return _PLUGIN.fullmatch(text) is not None and is_safe_name(text)


@lru_cache(maxsize=1 << 14)
def name_flaw(text: str, longest: int = LONGEST_NAME) -> str:
    """Why a text is no safe name; empty where it is one."""
    if not text:
        return "it is empty"
    if text in (".", ".."):
        return "it is a step in a path"
    if size_flaw := _size_flaw(text, longest):
        return size_flaw
    if _DEVICE.fullmatch(text):
        return "it is a device of Windows"
    if _USUAL.fullmatch(text):
        return ""
    if found := _FORBIDDEN.search(text):
        return f"it holds {found[0]}"
    for c in text:
        if unicodedata.category(c) in _UNSEEN and c not in _JOINERS:
            return f"it holds the character U+{ord(c):04X}, which is not seen"
    if text[0] == ".":
        return "it begins with a dot"
    return "it begins or ends with a space or a dot" if text != text.strip() or text[-1] == "." else ""


def _size_flaw(text: str, longest: int) -> str:
    size = len(text.encode(errors="surrogatepass"))
    return f"it has {size} bytes, and a name at most {longest}" if size > longest else ""


def shown_name(text: str) -> str:
    """A text that is no safe name, as messages show it: escaped, quoted, 60 characters at most."""
    shown = repr(text)
    return shown if len(shown) <= 60 else f"{shown[:56]}...{shown[0]}"


def stand_in(text: str) -> str:
    """A safe name that stands for a text which is none, the same every time and another for another text."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40]
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain or 'unnamed'}-{digest}"


def folded(text: str) -> str:
    """Equal for names that are one where file systems fold case or compose letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
