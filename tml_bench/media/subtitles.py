"""Subtitles burned into pictures, in any script that a font here has.

The font is DejaVu Sans, which comes with matplotlib (Latin, Greek, Cyrillic, Arabic, Hebrew and more); for
what it lacks, the first font of the system that has every letter of the text. Letters that join or move are
shaped by libraqm; all other text is not, so that it looks the same on every machine.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

MARGIN = 0.03
"""Part of the picture's width left free at either side of the text, and of its height below it."""
MAX_HEIGHT = 0.5
"""Text that would take more of the picture's height is drawn smaller, down to ``MIN_SIZE``."""
SIZE = 1 / 16
"""Size of the font as part of the picture's smaller side; a capital letter has three quarters of it."""
MIN_SIZE = 11
"""Smallest size of the font, in pixels."""
MAX_TEXT = 5000
"""Most characters of a text; even a picture of 4K has no room for them."""
OUTLINE = 1 / 13
"""Width of the black outline as part of the font's size; at least a pixel."""


def subtitled(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """A copy of a picture with text over its lower part, white with a black outline, centred and wrapped.

    Args:
        image: shape (height, width, 3), uint8; the copy is read-only.
        text: of one direction of writing; line breaks are kept.

    Raises:
        BadSampleError: as ``check_drawable``.
    """
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    font, lines, direction = _laid_out(text, width, height)
    outline = max(1, round(font.size * OUTLINE))
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text(
        (width / 2, height - max(round(MARGIN * height), 2)),
        "\n".join(lines),
        fill="white",
        font=font,
        anchor="md",
        align="center",
        spacing=font.getmetrics()[1] - 2 * outline,  # Pillow adds it to the ascent and both outlines
        direction=direction,
        stroke_width=outline,
        stroke_fill="black",
    )
    drawn = np.asarray(picture)
    drawn.flags.writeable = False
    return drawn


def check_drawable(text: str) -> None:
    """Find the font for a text; the first time this takes a while.

    Raises:
        BadSampleError: it is longer than `MAX_TEXT`, no font here has all of its letters, or they must be
            shaped and libraqm is missing.
    """
    from PIL import features

    if len(text) > MAX_TEXT:
        raise BadSampleError(f"subtitle {text[:40]!r}... has {len(text)} characters, more than {MAX_TEXT}")
    text = unicodedata.normalize("NFC", text)
    _font_file(text)
    if _needs_shaping(text) and not features.check("raqm"):
        raise BadSampleError(
            f"subtitle {text!r} cannot be drawn: letters that join or run from the right need libraqm, which "
            "Pillow has only where FriBiDi is installed (Debian: libfribidi0)"
        )


def wrapped(text: str, room: float, length: Callable[[str], float]) -> Iterator[str]:
    """Lines of a text that fit into some room; a word too long for one is broken, though not before a mark.

    ``length`` measures the beginning of a line in the unit of ``room``. Line breaks are kept.
    """
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if length(longer) <= room:
                line = longer
                continue
            if line:
                yield line
            line = word
            while (fits := max(1, _fitting(line, room, length))) < len(line):
                while fits > 1 and unicodedata.category(line[fits]).startswith("M"):
                    fits -= 1
                yield line[:fits]
                line = line[fits:]
        if line:
            yield line


def _fitting(line: str, room: float, length: Callable[[str], float]) -> int:
    """How many letters from its first fit; hardly more than twice as many are looked at."""
    tried = 1
    while tried < len(line) and length(line[:tried]) <= room:
        tried *= 2
    letters = range(tried // 2 + 1, min(tried, len(line)) + 1)
    return tried // 2 + bisect_right(letters, room, key=lambda n: length(line[:n]))


@lru_cache(64)
def _laid_out(text: str, width: int, height: int) -> tuple[FreeTypeFont, tuple[str, ...], str | None]:
    """The font, the lines and the direction of a text in a picture; kept, for it stands on many frames."""
    from PIL import ImageFont

    check_drawable(text)
    text = unicodedata.normalize("NFC", text)
    layout, direction = ImageFont.Layout.BASIC, None
    if _needs_shaping(text):
        layout, direction = ImageFont.Layout.RAQM, _direction(text)
    size = max(MIN_SIZE, round(min(height, width) * SIZE))
    while True:
        font = ImageFont.truetype(_font_file(text), size, layout_engine=layout)
        lines = tuple(wrapped(text, width * (1 - 2 * MARGIN), font.getlength))
        if size == MIN_SIZE or sum(font.getmetrics()) * len(lines) <= MAX_HEIGHT * height:
            return font, lines, direction
        size -= 1


def _needs_shaping(text: str) -> bool:
    """Whether letters run from the right, or carry marks that no single letter has."""
    return any(
        unicodedata.bidirectional(c) in ("R", "AL") or unicodedata.category(c).startswith("M") for c in text
    )


def _direction(text: str) -> str:
    """That of its first letter that has one."""
    kinds = (unicodedata.bidirectional(c) for c in text)
    return "ltr" if next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") == "L" else "rtl"


@lru_cache(1024)
def _font_file(text: str) -> str:
    letters = frozenset(ord(c) for c in text if not c.isspace())
    file = next((font for font in _fonts() if letters <= _has(font)), None)
    if file is None:
        lacking = chr(min(letters - _has(next(_fonts()))))
        raise BadSampleError(
            f"subtitle {text!r} cannot be drawn: no font here has {lacking!r} and the rest; install one that "
            "has, such as Noto Sans (Debian: fonts-noto-core, fonts-noto-cjk)"
        )
    return file


def _fonts() -> Iterator[str]:
    """Font files: DejaVu Sans, then the system's, those of plain weight and those of Noto first."""
    import matplotlib as mpl

    yield str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))

    from matplotlib.font_manager import findSystemFonts

    names = sorted((Path(found) for found in findSystemFonts()), key=lambda path: (path.name, path))
    yield from map(str, sorted(names, key=lambda p: ("Regular" not in p.name, "NotoSans" not in p.name)))


@cache
def _has(font: str) -> frozenset[int]:
    """The characters that a font has; none where it cannot be read or scaled."""
    from matplotlib.ft2font import FT2Font

    try:
        face = FT2Font(font)
    except (OSError, RuntimeError):  # a broken font of the system is no fault of the sample
        return frozenset()
    return frozenset(face.get_charmap()) if face.scalable else frozenset()
