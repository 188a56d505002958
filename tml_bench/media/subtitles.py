"""Text burned into pictures."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError

MARGIN = 0.03
"""Part of the picture's width left free at either side of the text, and of its height below it."""
MAX_HEIGHT = 0.5
"""Text that would take more of the picture's height is drawn smaller, down to ``MIN_CAPITAL``."""
CAPITAL = 1 / 22
"""Height of a capital letter as part of the picture's smaller side."""
MIN_CAPITAL = 8
"""Height in pixels of the smallest capital letter drawn."""
_PUNCTUATION = str.maketrans("‘’‚“”„–—−", "'''\"\"\"---") | {ord("…"): "...", ord("ß"): "ss"}


def subtitled(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """A copy of a picture with text over its lower part, white with a black outline, centred and wrapped.

    Args:
        image: shape (height, width, 3), uint8.
        text: Latin letters with or without accents (which are left out); line breaks are kept.

    Returns:
        The same shape, read-only.

    Raises:
        BadSampleError: a character cannot be drawn.
    """
    import cv2

    height, width = image.shape[:2]
    plain = drawable(text)
    capital = max(MIN_CAPITAL, round(min(height, width) * CAPITAL))
    lines = list(wrapped(plain, width, capital))
    while capital > MIN_CAPITAL and _pitch(capital) * len(lines) > MAX_HEIGHT * height:
        capital -= 1
        lines = list(wrapped(plain, width, capital))
    scale, thickness = _font(capital)
    ink = np.zeros((height, width), dtype=np.uint8)
    # The lowest line's descenders, about a third of a capital, stay inside.
    baseline = height - max(round(MARGIN * height), 2) - capital // 3
    for number, line in enumerate(reversed(lines)):
        x = max(0, (width - _length(line, capital)) // 2)
        at = (x, baseline - number * _pitch(capital))
        cv2.putText(ink, line, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
    reach = 2 * max(1, capital // 8) + 1
    outline = cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    mixed = image * (1 - outline[..., None] / np.float32(255)) + ink[..., None]
    drawn: NDArray[np.uint8] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    drawn.flags.writeable = False
    return drawn


def drawable(text: str) -> str:
    """The text in the letters that can be drawn, which are those of ASCII.

    Raises:
        BadSampleError: a character has no counterpart there.
    """
    bare = "".join(
        c for c in unicodedata.normalize("NFKD", text.translate(_PUNCTUATION)) if not unicodedata.combining(c)
    )
    for character in bare:
        if character != "\n" and not " " <= character <= "~":
            raise BadSampleError(f"subtitle {text!r}: {character!r} cannot be drawn, only Latin letters can")
    return bare


def wrapped(text: str, width: int, capital: int) -> Iterator[str]:
    """Lines of a text that fit into a picture of some width; a word too long for a line is broken.

    Args:
        text: what ``drawable`` gives.
        width: of the picture in pixels.
        capital: height of a capital letter in pixels.
    """
    room = width * (1 - 2 * MARGIN)
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if _length(longer, capital) <= room:
                line = longer
                continue
            if line:
                yield line
            line = word
            while _length(line, capital) > room and len(line) > 1:
                lengths = partial(_beginning, line, capital)
                fits = max(1, bisect_right(range(1, len(line)), room, key=lengths))
                yield line[:fits]
                line = line[fits:]
        if line:
            yield line


def _beginning(line: str, capital: int, letters: int) -> int:
    return _length(line[:letters], capital)


def _font(capital: int) -> tuple[float, int]:
    import cv2

    thickness = max(1, round(capital / 9))
    return cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, capital, thickness), thickness


def _pitch(capital: int) -> int:
    return round(1.8 * capital)


def _length(line: str, capital: int) -> int:
    import cv2

    scale, thickness = _font(capital)
    return int(cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)[0][0])
