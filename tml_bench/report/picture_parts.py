"""What all pictures of the board have in common: names, colours, texts that may hold anything, and files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from tml_bench.report.board import BoardCell
from tml_bench.report.grids import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00", "#6A3D9A")
"""Of M. Okabe and K. Ito, told apart by colour-blind readers; the pale yellow is replaced by a violet."""
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "h")
"""As many markers: no picture needs its colours to be read."""
GREY, INK = "#8a8a8a", "#222222"
WIDTH_IN, LINE_IN = 11.0, 0.17
"""Width of a picture, and height of a line of its caption."""
MOST_LETTERS = 30
"""Longer names lose their middle."""
DPI = 110
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""No date and no version: the same board gives the same bytes."""


def style(place: int) -> tuple[str, str]:
    """Colour and marker of the model at a place of the board; they come again after eight."""
    return COLOURS[place % len(COLOURS)], SHAPES[place % len(SHAPES)]


@contextmanager
def drawing() -> Iterator[None]:
    """Within it, pictures look alike on every machine."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "svg.hashsalt": "tml-bench",
                "svg.fonttype": "path",
                "pdf.fonttype": 42,
                "font.family": "DejaVu Sans",
                "font.size": 9,
                "axes.linewidth": 0.6,
                "axes.spines.top": False,
                "axes.spines.right": False,
            }
        )
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure that is known to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def files_of(figure: Figure, name: str) -> dict[str, bytes]:
    """What is in its files: PNG, SVG and PDF, with its fonts, by the files' names."""
    found: dict[str, bytes] = {}
    for kind, metadata in _METADATA.items():
        file = BytesIO()
        figure.savefig(file, format=kind, metadata=metadata)
        found[f"{name}.{kind}"] = _fewer_colours(file) if kind == "png" else file.getvalue()
    return found


def _fewer_colours(png: BytesIO) -> bytes:
    """Bring each pixel to the nearest of the drawn colours in 25 steps from white: a third of the bytes."""
    from PIL import Image, ImageColor

    inks = np.array([ImageColor.getrgb(ink) for ink in (*COLOURS, GREY, INK)])
    steps = np.arange(25)[:, None] / 24
    palette = np.concatenate([np.round(255 - (255 - ink) * steps) for ink in inks])
    with Image.open(png) as image:
        pixels = np.asarray(image.convert("RGB"))
    # One number a colour: rows of three would take seconds to sort.
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    found, of_pixel = np.unique(packed.ravel(), return_inverse=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.int64)
    nearest = ((colours[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1).astype(np.uint8)
    small = Image.fromarray(nearest[of_pixel].reshape(pixels.shape[:2]), "P")
    small.putpalette(palette.astype(np.uint8).tobytes())
    file = BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


def shown(text: str, most: int = MOST_LETTERS) -> str:
    """A text as it can be drawn: on one line, in letters of the font, without its middle if too long."""
    font = _font()
    known = "".join(c if font.get_char_index(ord(c)) else "\N{REPLACEMENT CHARACTER}" for c in plain(text))
    half = (most - 1) // 2
    return known if len(known) <= most else f"{known[: most - 1 - half]}…{known[-half:]}"


def shown_on_two_lines(text: str, letters: int) -> str:
    """A text as it can be drawn, broken behind a sign of its own where it is longer than a line."""
    known = shown(text, 2 * letters)
    if len(known) <= letters:
        return known
    place = max((k + 1 for k, c in enumerate(known[:letters]) if c in ",:/ "), default=letters)
    return f"{known[:place]}\n{shown(known[place:], letters)}"


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont("DejaVu Sans"))


def listed(texts: Iterable[str], most: int = 6) -> str:
    """Texts in a row; of very many, the first and how many more."""
    found = [shown(text, 60) for text in texts]
    rest = [f"and {len(found) - most} more"] if len(found) > most else []
    return ", ".join(found[:most] + rest)


def made(cells: Iterable[BoardCell | None]) -> str:
    """On what data and when the numbers were made, as a sentence; empty for nothing known."""
    facts = [dict(cell.made) for cell in cells if cell is not None]
    dates, data = (sorted({f[key] for f in facts if f.get(key)}) for key in ("date", "data"))
    found = ([f"Data: {listed(data)}."] if data else []) + (
        [f"Runs of {dates[0]}." if len(dates) == 1 else f"Runs of {dates[0]} to {dates[-1]}."]
        if dates
        else []
    )
    return " ".join(found)


def caption(sentences: Sequence[str]) -> str:
    """Sentences, each on lines of its own that fit under a picture."""
    letters = int(17 * WIDTH_IN)
    return "\n".join(line for text in sentences if text for line in textwrap.wrap(text, letters))


def write_under(figure: Figure, text: str) -> None:
    """Put a caption at the foot of a picture."""
    figure.text(0.015, 0.08 / figure.get_figheight(), text, fontsize=7.5, color=INK, parse_math=False)


def sentence(text: str) -> Figure:
    """What is said in the place of a picture where there is nothing to draw."""
    figure = new_figure(WIDTH_IN, 1.2)
    say(figure.add_subplot(), text, 120)
    return figure


def say(ax: Axes, text: str, letters: int = 46) -> None:
    """Where there is nothing to draw: a sentence instead of an empty plot."""
    ax.set_axis_off()
    ax.text(
        0.5, 0.5, textwrap.fill(text, letters), ha="center", va="center", transform=ax.transAxes,
        color=INK, parse_math=False,
    )  # fmt: skip
