"""One scored sample of a run as a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.adapter import VideoSpec
from tml_bench.errors import UserError
from tml_bench.own_folder import own_place
from tml_bench.recording import Recording
from tml_bench.report.grids import plain
from tml_bench.runs.layout import run_of
from tml_bench.runs.store import open_run
from tml_bench.samples import UserVideo
from tml_bench.scoring.summary_file import stored_verdicts
from tml_bench.scoring.timelines import recording_timeline
from tml_bench.session.camera import MAX_FPS, Camera, place_videos
from tml_bench.task import Mark
from tml_bench.timebase import nanoseconds, seconds
from tml_bench.timeline import Segment, Word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


COLUMNS = 1500
"""Most columns of a waveform: more could not be seen."""
_WIDTH_IN, _DPI = 15.0, 110
_LEFT, _RIGHT = 0.06, 0.985
_WAVE_IN, _LINE_IN, _FRAME_IN, _MARGIN_IN = 1.1, 0.22, 1.5, 0.45
_CHAR_IN = 0.075
_USER, _MODEL, _EXPECTED, _SCORED = "#35618f", "#b0562c", "#6b5b95", "#2f6f4f"

Track = tuple[NDArray[np.generic], int]
Still = tuple[float, NDArray[np.uint8]]
"""A time in seconds and what the camera shows then, shape (height, width, 3), RGB."""
LINES = 5
"""Most lines of a lane; what needs more is drawn on the last one without its label."""
Item = tuple[float, float | None, str]
"""Start and end in seconds, the end None for an instant, and a label."""


@dataclass(frozen=True, slots=True)
class LaneBar:
    """An item from ``start_s`` to ``stop_s``, equal for an instant, on a line; 0 is the highest.

    Its label is empty where there is no room for it; ``leftwards`` it ends at ``stop_s``.
    """

    start_s: float
    stop_s: float
    line: int
    label: str
    leftwards: bool


def arrange(items: Sequence[Item], length_s: float, char_s: float) -> tuple[LaneBar, ...]:
    """Give every item, in any order, the highest line on which its label meets no other.

    A label that would reach beyond the right edge, at ``length_s``, is written to the left of its bar's end;
    ``char_s`` is the width of a character in seconds. One bar per item, sorted by start, end and label.
    """
    free = [float("-inf")] * LINES
    bars = []
    for start, end, label in sorted(items, key=lambda i: (i[0], i[0] if i[1] is None else i[1], i[2])):
        stop = start if end is None else end
        leftwards = start + char_s * len(label) > length_s
        first = stop - char_s * len(label) if leftwards else start
        line = next((k for k in range(LINES) if free[k] <= first), None)
        if line is None:
            bars.append(LaneBar(start, stop, LINES - 1, "", leftwards))
            continue
        free[line] = max(stop, first + char_s * (len(label) + 1))
        bars.append(LaneBar(start, stop, line, label, leftwards))
    return tuple(bars)


def timeline_picture(
    out: Path, *, title: str, user: Track, model: Track, stills: Sequence[Still] = (),
    asked: Sequence[Item] = (), marks: Sequence[Mark] = (), segments: Sequence[Segment] = (),
    words: Sequence[Word] = (), rows: Sequence[Mapping[str, str | float | None]] = (),
) -> None:  # fmt: skip
    """Draw one sample to a ``.png`` or ``.svg``; the same input gives the same bytes.

    All tracks share one clock. Waveforms are drawn as the envelope of at most 1,500 columns, so an hour
    costs no more ink than half a minute. Frames stand with their middle at their time. Words and labels
    that would overlap their neighbours go to another line, and from the fifth line on are drawn without
    text. Words and rows without times are not drawn.

    Tracks are samples of shape (n,), floats of full scale [-1, 1] or integers, and their rate in Hz.
    ``stills`` are equally spaced; without any, or without anything ``asked``, there is no lane for them.
    ``marks`` go through all tracks; ``rows`` are as in `tml_bench.task.Score.rows`, a single other number is
    in the label.

    Raises `UserError` for another ending.
    """
    kind = out.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise UserError(f"{out} is neither .png nor .svg", "Name a file with one of these endings")
    import matplotlib as mpl

    said: list[Item] = [(w.start_s, w.end_s, w.text) for w in words if w.start_s is not None]
    scored = _scored(rows)
    expected: list[Item] = [(s.start_s, s.end_s, s.label) for s in marks]
    ends = [len(user[0]) / user[1], len(model[0]) / model[1]]
    ends += [start if end is None else end for start, end, _ in (*asked, *said, *scored, *expected)]
    length = max(0.1, *ends)
    second_in = _WIDTH_IN * (_RIGHT - _LEFT) / length
    lanes = [arrange(items, length, _CHAR_IN / second_in) for items in (expected, asked, said, scored)]
    strip_in = [_strip_in(stills, second_in)] if stills else []
    asked_in = [_lane_in(lanes[1])] if asked else []
    heights = [*strip_in, _lane_in(lanes[0]), *asked_in, _WAVE_IN, _WAVE_IN, *map(_lane_in, lanes[2:])]

    with mpl.rc_context({"svg.hashsalt": "tml-bench", "font.size": 9, "axes.linewidth": 0.6}):
        figure, drawn = _figure(title, heights)
        places = iter(drawn)
        if stills:
            _strip(next(places), stills, heights[0] / second_in)
        _lane(next(places), lanes[0], "expected", _EXPECTED)
        if asked:
            _lane(next(places), lanes[1], "asked", _USER)
        above, below, spoken, counted = places
        _wave(above, user, "user", _USER)
        _wave(below, model, "model", _MODEL)
        for segment in segments:
            below.axvspan(segment.start_s, segment.end_s, color=_MODEL, alpha=0.15, linewidth=0)
        _lane(spoken, lanes[2], "words", _MODEL)
        _lane(counted, lanes[3], "scored", _SCORED)
        _through((above, below, spoken, counted), expected)
        counted.set_xlim(0, length)
        counted.set_xlabel("seconds")
        metadata: dict[str, Any] = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
        figure.savefig(out, format=kind, metadata=metadata)


def _figure(title: str, heights: Sequence[float]) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure with one plot above the other, of these heights in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = sum(heights) + 0.08 * len(heights) + 2 * _MARGIN_IN
    figure = Figure(figsize=(_WIDTH_IN, height), dpi=_DPI)
    FigureCanvasAgg(figure)
    drawn: Sequence[Axes] = figure.subplots(
        len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights, "hspace": 0.12}
    )
    margin = _MARGIN_IN / height
    figure.subplots_adjust(left=_LEFT, right=_RIGHT, top=1 - margin, bottom=margin)
    figure.suptitle(
        plain(title), x=_LEFT, y=1 - 0.3 * margin, ha="left", va="top", fontsize=12, parse_math=False
    )
    return figure, drawn


def _through(plots: Sequence[Axes], items: Sequence[Item]) -> None:
    """Draw instants and stretches through several plots."""
    for start, end, _ in items:
        for ax in plots:
            if end is None:
                ax.axvline(start, color=_EXPECTED, linewidth=1, linestyle="--")
            else:
                ax.axvspan(start, end, facecolor=_EXPECTED, alpha=0.12, linewidth=0)


def _scored(rows: Sequence[Mapping[str, str | float | None]]) -> list[Item]:
    """The rows that have a start."""
    return [
        (start, _seconds(row.get("end_s")), _row_label(row))
        for row in rows
        if (start := _seconds(row.get("start_s"))) is not None
    ]


def envelope(samples: NDArray[np.generic], columns: int = COLUMNS) -> tuple[NDArray[Any], NDArray[Any]]:
    """Lowest and highest sample of each of at most ``columns`` stretches of equal length.

    Of integers brought to full scale [-1, 1]; both of shape (min(n, columns),), empty for no samples.
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


def _strip_in(stills: Sequence[Still], second_in: float) -> float:
    """Height of the frames in inches: as wide as the time between them, but not higher than ``_FRAME_IN``."""
    times = [at for at, _ in stills]
    height, width = stills[0][1].shape[:2]
    room_in = (times[-1] - times[0]) / (len(times) - 1) * second_in if len(times) > 1 else _FRAME_IN
    return float(min(_FRAME_IN, 0.97 * room_in * height / width))


def _strip(ax: Axes, stills: Sequence[Still], high_s: float) -> None:
    """Frames with a tick at their time; ``high_s`` is how many seconds are as long as they are high."""
    for at, image in stills:
        half = high_s * image.shape[1] / image.shape[0] / 2
        ax.imshow(image, extent=(at - half, at + half, 0, 1), aspect="auto", interpolation="antialiased")
        ax.plot([at, at], [-0.09, -0.01], color="black", linewidth=0.8)
    ax.set_ylim(-0.09, 1)
    ax.spines["bottom"].set_visible(False)
    _name(ax, "camera")
    ax.tick_params(axis="x", length=0)


def _lane_in(bars: Sequence[LaneBar]) -> float:
    return _LINE_IN * (1.3 + max((bar.line for bar in bars), default=0))


def _lane(ax: Axes, bars: Sequence[LaneBar], name: str, colour: str) -> None:
    for bar in bars:
        ax.annotate(
            plain(bar.label), (bar.stop_s if bar.leftwards else bar.start_s, -bar.line),
            xytext=(-2 if bar.leftwards else 2, 2), textcoords="offset points", fontsize=8, va="bottom",
            ha="right" if bar.leftwards else "left", parse_math=False, annotation_clip=True,
        )  # fmt: skip
    if bars:
        ys, starts, stops = zip(*((-bar.line, bar.start_s, bar.stop_s) for bar in bars), strict=True)
        ax.hlines(ys, starts, stops, colors=colour, linewidth=2)
        ax.scatter(starts, ys, color=colour, marker="|", s=30, linewidths=1)
    ax.set_ylim(-max((bar.line for bar in bars), default=0) - 0.3, 1)
    _name(ax, name)


def _row_label(row: Mapping[str, str | float | None]) -> str:
    values = [(k, v) for k, v in row.items() if k not in ("start_s", "end_s") and isinstance(v, (int, float))]
    event = str(row.get("event", ""))
    if len(values) != 1:
        return event
    key, value = values[0]
    return f"{event}: {value:+.2f} s" if key.endswith("_s") else f"{event}: {value:g}"


def _seconds(value: str | float | None) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


STILL_SIDE = 160
"""Longer side of a frame in a picture, in pixels."""


def draw(folder: Path, out: Path) -> None:
    """Draw a recording, ``RUN/TASK/SAMPLE/ATTEMPT``: frames, waveforms, what was expected, heard and scored.

    Raises `UserError` where it is not part of a run, or the run's data has changed, and `BadSampleError`
    where the sample's video cannot be read.
    """
    recording = Recording(folder)
    place, named = folder.resolve(), Path(os.path.abspath(folder))
    if (above := run_of(named)) is not None:
        own_place(above, *named.relative_to(above).parts)
    run = open_run(run_of(place) or place.parents[2])
    sample = next((s for s in run.samples if s.id == recording.opened.sample), None)
    if sample is None:
        raise UserError(f"{run.path} has no sample {recording.opened.sample}", "give RUN/TASK/SAMPLE/ATTEMPT")
    timeline = recording_timeline(run, sample, None, folder)
    score = run.task.score(sample, timeline, stored_verdicts(run.path, sample.id))
    timeline_picture(
        out,
        title=f"{run.file.config.task}/{sample.id} by {run.file.config.adapter}",
        user=soundfile.read(recording.user_path, dtype="int16"),
        model=soundfile.read(recording.model_path, dtype="int16"),
        stills=stills(sample.script.videos, recording.duration_s),
        asked=[*questions(recording)],
        marks=run.task.marks(sample),
        segments=timeline.segments,
        words=timeline.words,
        rows=score.rows,
    )


def questions(recording: Recording) -> Iterator[Item]:
    """What the user says, where the script has it in words, and what they write."""
    for event in recording.events():
        if isinstance(event, ev.UserTurnStarted) and event.label:
            yield seconds(event.t_ns), seconds(event.end_ns), event.label
        elif isinstance(event, ev.UserTextSent):
            yield seconds(event.t_ns), None, event.text


def stills(videos: Sequence[UserVideo], duration_s: float) -> tuple[Still, ...]:
    """What the user's camera shows in the middles of equal parts of a session that lasts ``duration_s``.

    Between 10 (wide) and 16 (upright) frames, none without videos; raises `BadSampleError` for unreadable
    ones.
    """
    if not videos or not duration_s:
        return ()
    placed = place_videos(videos)
    count = min(16, max(10, round(18 * placed[0].info.height / placed[0].info.width)))
    spec = VideoSpec(min(MAX_FPS, 2 * count / duration_s), STILL_SIDE)
    with closing(Camera(placed, spec)) as camera:
        shown = camera.frames(nanoseconds(duration_s))
    return tuple((seconds(frame.t_ns), frame.image) for frame in shown[1::2])
