"""One scored sample of a run as a picture."""

from __future__ import annotations

from pathlib import Path

import soundfile

from tml_bench.errors import UserError
from tml_bench.recording import Recording
from tml_bench.report.picture import timeline_picture
from tml_bench.runs.perceive import timeline_of
from tml_bench.runs.score import open_run


def draw(folder: Path, out: Path) -> None:
    """Draw a recording of a run: both waveforms, what was expected, perceived and scored.

    Args:
        folder: the recording, ``RUN/TASK/SAMPLE/ATTEMPT``.
        out: the picture, .png or .svg.

    Raises:
        UserError: the recording is not part of a run, or the run's data has changed.
    """
    recording = Recording(folder)
    run = open_run(folder.resolve().parents[2])
    sample = next((s for s in run.samples if s.id == recording.opened.sample), None)
    if sample is None:
        raise UserError(f"{run.path} has no sample {recording.opened.sample}", "give RUN/TASK/SAMPLE/ATTEMPT")
    cache = run.path / "timelines" / f"{sample.id}-{folder.resolve().name}.json"
    timeline = timeline_of(recording, cache, "auto")
    score = run.task.score(sample, timeline)
    timeline_picture(
        out,
        title=f"{run.file.config.task}/{sample.id} by {run.file.config.adapter}",
        user=soundfile.read(recording.user_path, dtype="int16"),
        model=soundfile.read(recording.model_path, dtype="int16"),
        marks=run.task.marks(sample),
        segments=timeline.segments,
        words=timeline.words,
        rows=score.rows,
    )
