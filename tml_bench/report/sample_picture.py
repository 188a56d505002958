"""One scored sample of a run as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import soundfile

from tml_bench import events as ev
from tml_bench.adapter import VideoSpec
from tml_bench.errors import UserError
from tml_bench.recording import Recording
from tml_bench.report.timeline_picture import Item, Still, timeline_picture
from tml_bench.runs.store import open_run
from tml_bench.samples import UserVideo
from tml_bench.scoring.summary_file import stored_verdicts
from tml_bench.scoring.timelines import recording_timeline
from tml_bench.session.camera import MAX_FPS, Camera, place_videos
from tml_bench.timebase import nanoseconds, seconds

STILL_SIDE = 160
"""Longer side of a frame in a picture, in pixels."""


def draw(folder: Path, out: Path) -> None:
    """Draw a recording of a run: frames, both waveforms, what was expected, perceived and scored.

    Args:
        folder: the recording, ``RUN/TASK/SAMPLE/ATTEMPT``.
        out: the picture, .png or .svg.

    Raises:
        UserError: the recording is not part of a run, or the run's data has changed.
        BadSampleError: the sample's video cannot be read.
    """
    recording = Recording(folder)
    run = open_run(folder.resolve().parents[2])
    sample = next((s for s in run.samples if s.id == recording.opened.sample), None)
    if sample is None:
        raise UserError(f"{run.path} has no sample {recording.opened.sample}", "give RUN/TASK/SAMPLE/ATTEMPT")
    timeline = recording_timeline(run, sample, "auto", folder)
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

    Returns:
        Time in seconds and frame, between 10 (wide) and 16 (upright) of them; none without videos.

    Raises:
        BadSampleError: a video cannot be read.
    """
    if not videos or not duration_s:
        return ()
    placed = place_videos(videos)
    count = min(16, max(10, round(18 * placed[0].info.height / placed[0].info.width)))
    spec = VideoSpec(min(MAX_FPS, 2 * count / duration_s), STILL_SIDE)
    with closing(Camera(placed, spec)) as camera:
        shown = camera.frames(nanoseconds(duration_s))
    return tuple((seconds(frame.t_ns), frame.image) for frame in shown[1::2])
