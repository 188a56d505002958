"""What somebody else's code raised: in one line with its place, and whole; without secrets in either."""

import linecache
import os
import re
from traceback import format_exception, walk_tb
from types import FrameType

from tml_bench.errors import UserError
from tml_bench.redact import BLANK, redacted

LONGEST = 400
"""Most characters told of an error; its traceback has the rest."""
LONGEST_SOURCE = 120
"""Most characters shown of the line that raised."""
_OTHERS = ("tml_bench.adapters.", "tml_bench.tasks.")
_SECRET_TEXT = re.compile(
    r"""(\b\w*(?:api_?key|authorization|secret|token|password|credential)\w*"""
    r"""(?:["']\s*:|["']?\s*(?::\s*\w+\s*)?=)\s*[bfru]{0,2})(["']).*?\2""",
    re.IGNORECASE,
)
"""A text under a telling name: in an assignment, an argument or an entry of a dictionary."""


def in_one_line(error: BaseException) -> str:
    """An error for a reason: ``ValueError: no voice (my_model.py:12: return self.voices[k])``.

    The place is the last one in the folder of the code that the harness called; there is none where the
    harness itself raised, and a `UserError` needs none.
    """
    if isinstance(error, UserError):
        return _line(str(error), LONGEST)
    place = _place(error)
    told = _line(f"{type(error).__name__}: {error}", LONGEST)
    return f"{told} ({place})" if place else told


def whole(error: BaseException) -> str:
    """The traceback, with what caused the error."""
    return _blanked("".join(format_exception(error)))


def _line(text: str, longest: int) -> str:
    """A stranger's text as one line; secrets go first, or one cut in two would not be seen to be one."""
    printable = "".join(c if c.isprintable() else " " for c in _blanked(text))
    return printable if len(printable) <= longest else f"{printable[:longest]} ..."


def _blanked(text: str) -> str:
    return _SECRET_TEXT.sub(rf"\1\2{BLANK}\2", redacted(text))


def _place(error: BaseException) -> str:
    frames = list(walk_tb(error.__traceback__))
    while frames and _is_harness(frames[0][0]):
        del frames[0]
    if not frames:
        return ""
    folder = os.path.dirname(frames[0][0].f_code.co_filename)
    frame, number = [(f, n) for f, n in frames if _lies_in(f, folder)][-1]
    file = frame.f_code.co_filename
    source = _line(linecache.getline(file, number, frame.f_globals).strip(), LONGEST_SOURCE)
    return f"{os.path.basename(file)}:{number}" + (f": {source}" if source else "")


def _is_harness(frame: FrameType) -> bool:
    """Whether it is ours, or the import system's on our behalf."""
    module = str(frame.f_globals.get("__name__", ""))
    ours = module.startswith("tml_bench.") and not module.startswith(_OTHERS)
    return ours or module.partition(".")[0] in ("importlib", "contextlib")


def _lies_in(frame: FrameType, folder: str) -> bool:
    place = os.path.dirname(frame.f_code.co_filename)
    below = place.removeprefix(folder)
    return place == folder or (place != below and below.startswith(os.sep) and "site-packages" not in below)
