"""Edges of a session: cues that time out, subtitles of no length, tools that fail, who is told of steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Scripted, run_session, sample_of, silence

from tml_bench.adapter import MicroTurn, Output
from tml_bench.errors import BadSampleError, UserError
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import AfterModelStops, Cue, IntoModelSpeech, Subtitle, UserTurn, UserVideo
from tml_bench.session.camera import place_videos
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession
from tml_bench.session.user import ModelSpeech, cue_time

RATE = 1000
ARMED_NS = 1000 * MS


def speech(*spans_ms: tuple[int, int]) -> ModelSpeech:
    heard = np.zeros(20_000, np.float32)
    for start, end in spans_ms:
        heard[start:end] = 0.5
    found = ModelSpeech(RATE)
    found.hear(heard)
    return found


@pytest.mark.parametrize(
    ("cue", "span_ms", "fires"),
    [
        (IntoModelSpeech(0.5, timeout_s=2.0), (2999, 6000), (3499, False)),
        (IntoModelSpeech(0.5, timeout_s=2.0), (3000, 6000), (3000, True)),  # begins as the time runs out
        (IntoModelSpeech(0.5, timeout_s=2.0), (1000, 6000), (1500, False)),  # as the user's turn ends
        (IntoModelSpeech(0.5, timeout_s=2.0), (999, 6000), (3000, True)),  # before it: no answer
        (AfterModelStops(0.4, timeout_s=2.0), (1500, 2600), (3000, False)),
        (AfterModelStops(0.4, timeout_s=2.0), (1500, 2601), (3000, True)),
        (AfterModelStops(0.4, timeout_s=2.0), (500, 1001), (1401, False)),
        (AfterModelStops(0.4, timeout_s=2.0), (500, 1000), (3000, True)),  # over when the turn ends
    ],
)
def test_a_cue_and_its_time_out_are_exact(
    cue: Cue, span_ms: tuple[int, int], fires: tuple[int, bool]
) -> None:
    """The user's turn before ended at 1 s."""
    at_ms, timed_out = fires
    assert cue_time(cue, ARMED_NS, at_ms * MS, speech(span_ms)) == (at_ms * MS, timed_out)
    assert cue_time(cue, ARMED_NS, at_ms * MS - 1, speech(span_ms)) is None


def test_a_subtitle_that_lasts_no_time_is_refused() -> None:
    video = UserVideo(Path("there is no such file"), subtitles=(Subtitle(1.0, 1.0, "x"),))
    with pytest.raises(BadSampleError, match=r"'x' lasts from 1\.0 to 1\.0 s"):
        place_videos((video,))


def test_whoever_watches_is_told_before_every_step(tmp_path: Path) -> None:
    told: list[str] = []

    class Telling(Scripted):
        def step(self, turn: MicroTurn) -> Output | None:
            told.append(f"step {turn.index}")
            return super().step(turn)

    sample, adapter, settings = sample_of(UserTurn(silence(0.6)), tail_s=0), Telling(), Settings()
    opened = opened_event("fake", sample, "fake", adapter, settings)
    with RecordingWriter(tmp_path / "r", opened, clock="simulated", compute="ideal") as writer:
        before = SimulatedSession(
            "fake", sample, adapter, settings, writer, before_step=lambda: told.append("before")
        )
        before.run()
        writer.close()
    assert told == ["before", "step 0", "before", "step 1"]


def test_a_line_that_is_no_event_is_named_by_its_number(tmp_path: Path) -> None:
    """The first line is 1."""
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(0.4)), tail_s=0), Scripted(), Settings())
    log = ran.recording.folder / "session.jsonl"
    first, second, *rest = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([first, second, b"no event\n", *rest]))
    with pytest.raises(UserError, match=r"session\.jsonl, line 3: "):
        list(Recording(ran.recording.folder, verify=False).events())
