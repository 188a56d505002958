"""One sample as a picture: what was sent, what was heard, what was expected and what was scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import UserError
from tml_bench.perception.timeline import Segment, Word
from tml_bench.report.layout import plain
from tml_bench.task import Mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 1500
"""Most columns of a waveform: more could not be seen."""
_WIDTH_IN, _DPI = 15.0, 110
_LEFT, _RIGHT = 0.06, 0.985
_CHAR_IN = 0.075
_USER, _MODEL, _EXPECTED = "#35618f", "#b0562c", "#6b5b95"

Track = tuple[NDArray[np.generic], int]


def timeline_picture(
    out: Path,
    *,
    title: str,
    user: Track,
    model: Track,
    marks: Sequence[Mark] = (),
    segments: Sequence[Segment] = (),
    words: Sequence[Word] = (),
    rows: Sequence[Mapping[str, str | float | None]] = (),
) -> None:
    """Draw one sample; the same input gives the same bytes.

    All tracks share one clock. Waveforms are drawn as the envelope of at most 1,500 columns, so an hour
    costs no more ink than half a minute. Words and labels that would overlap their neighbours go to another
    line, and from the fifth line on are drawn without text.

    Args:
        out: the file to write, ``.png`` or ``.svg``.
        title: stands above.
        user: samples of shape (n,) and their rate in Hz; integers or floats, full scale [-1, 1] for floats.
        model: the same for what was heard of the model.
        marks: annotations, drawn through all tracks.
        segments: the model's speech as perceived.
        words: the model's words; those without times are not drawn.
        rows: what was scored: mappings with ``event``, ``start_s`` and ``end_s``, as in
            `tml_bench.task.Score.rows`; those without ``start_s`` are not drawn.

    Raises:
        UserError: the file name ends with neither ``.png`` nor ``.svg``.
    """
    kind = out.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise UserError(f"{out} is neither .png nor .svg", "Name a file with one of these endings")
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    timed = [(w.start_s, w.end_s, w.text) for w in words if w.start_s is not None]
    scored = [
        (s, _seconds(r.get("end_s")), str(r.get("event", ""))) for r in rows if (s := _start(r)) is not None
    ]
    expected = [(s.start_s, s.end_s, s.label) for s in marks]
    ends = [len(user[0]) / user[1], len(model[0]) / model[1]]
    ends += [end if end is not None else start for start, end, _ in (*timed, *scored, *expected)]
    length = max(0.1, *ends)

    with mpl.rc_context({"svg.hashsalt": "tml-bench", "font.size": 9, "axes.linewidth": 0.6}):
        figure = Figure(figsize=(_WIDTH_IN, 6.2), dpi=_DPI)
        FigureCanvasAgg(figure)
        axes: Sequence[Axes] = figure.subplots(
            5, 1, sharex=True, gridspec_kw={"height_ratios": [0.8, 1.6, 1.6, 1, 1.2], "hspace": 0.08}
        )
        figure.subplots_adjust(left=_LEFT, right=_RIGHT, top=0.93, bottom=0.08)
        figure.suptitle(plain(title), x=_LEFT, ha="left", fontsize=12, parse_math=False)
        notes, above, below, said, counted = axes
        _wave(above, user, "user", _USER)
        _wave(below, model, "model", _MODEL)
        for segment in segments:
            below.axvspan(segment.start_s, segment.end_s, color=_MODEL, alpha=0.15, linewidth=0)
        _lane(notes, expected, "expected", _EXPECTED, length)
        _lane(said, timed, "words", _MODEL, length)
        _lane(counted, scored, "scored", "#2f6f4f", length)
        for start, end, _ in expected:
            for ax in axes[1:]:
                if end is None:
                    ax.axvline(start, color=_EXPECTED, linewidth=1, linestyle="--")
                else:
                    ax.axvspan(start, end, facecolor=_EXPECTED, alpha=0.12, linewidth=0)
        counted.set_xlim(0, length)
        counted.set_xlabel("seconds")
        metadata: dict[str, Any] = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
        figure.savefig(out, format=kind, metadata=metadata)


def envelope(samples: NDArray[np.generic], columns: int = COLUMNS) -> tuple[NDArray[Any], NDArray[Any]]:
    """Lowest and highest sample of each of at most ``columns`` stretches of equal length.

    Args:
        samples: shape (n,); integers are brought to full scale [-1, 1].
        columns: most stretches, at least 1.

    Returns:
        Two arrays of shape (min(n, columns),), both empty for no samples.
    """
    if not len(samples):
        return np.zeros(0), np.zeros(0)
    full = 2.0 ** (8 * samples.dtype.itemsize - 1) if samples.dtype.kind == "i" else 1.0
    edges = np.linspace(0, len(samples), min(len(samples), columns), endpoint=False).astype(np.int64)
    low: NDArray[Any] = np.minimum.reduceat(samples, edges)
    high: NDArray[Any] = np.maximum.reduceat(samples, edges)
    return low / full, high / full


def _wave(ax: Axes, track: Track, name: str, colour: str) -> None:
    samples, rate = track
    low, high = envelope(samples)
    times = np.linspace(0, len(samples) / rate, len(low), endpoint=False)
    ax.fill_between(times, low, high, color=colour, linewidth=0.4)
    peak = max(0.05, float(np.abs(low).max(initial=0)), float(np.abs(high).max(initial=0)))
    ax.set_ylim(-1.1 * peak, 1.1 * peak)
    _name(ax, name)


def _name(ax: Axes, name: str) -> None:
    ax.set_yticks([])
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.tick_params(axis="x", length=2)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _lane(
    ax: Axes, items: Sequence[tuple[float, float | None, str]], name: str, colour: str, length: float
) -> None:
    """Bars with labels, on as many lines as needed, five at most."""
    lines = 5
    per_char = _CHAR_IN * length / (_WIDTH_IN * (_RIGHT - _LEFT))
    free = [float("-inf")] * lines
    bars: list[tuple[int, float, float]] = []
    for start, end, label in sorted(items, key=lambda i: (i[0], i[1] if i[1] is not None else i[0], i[2])):
        stop = start if end is None else end
        # A label at the right edge is written to the left of its start, or it would be cut off.
        leftwards = start + per_char * len(label) > length
        first = stop - per_char * len(label) if leftwards else start
        last = max(stop, first + per_char * (len(label) + 1))
        line = next((k for k in range(lines) if free[k] <= first), None)
        y = lines - 1 - (lines - 1 if line is None else line)
        bars.append((y, start, stop))
        if line is not None:
            free[line] = last
            ax.text(
                stop if leftwards else start, y + 0.12, plain(label), fontsize=8, va="bottom",
                ha="right" if leftwards else "left", parse_math=False, clip_on=True,
            )  # fmt: skip
    if bars:
        ys, starts, stops = zip(*bars, strict=True)
        ax.hlines(ys, starts, stops, colors=colour, linewidth=2)
        ax.scatter(starts, ys, color=colour, marker="|", s=30, linewidths=1)
    ax.set_ylim(-0.4, lines + 0.25)
    _name(ax, name)


def _start(row: Mapping[str, str | float | None]) -> float | None:
    return _seconds(row.get("start_s"))


def _seconds(value: str | float | None) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
