from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st
from videos import read_barcode, write_video

from tml_bench.errors import UserError
from tml_bench.report.sample_picture import LINES, arrange, envelope, stills, timeline_picture
from tml_bench.samples import UserVideo
from tml_bench.task import Mark
from tml_bench.timeline import Segment, Word


def test_envelope_by_hand() -> None:
    low, high = envelope(np.array([0.1, -0.2, 0.3, 0.0, 0.5, -0.6]), 3)
    assert low.tolist() == [-0.2, 0.0, -0.6]
    assert high.tolist() == [0.1, 0.3, 0.5]


def test_envelope_keeps_a_single_click_in_an_hour() -> None:
    hour = np.zeros(3600 * 16000, dtype=np.int16)
    hour[1_800 * 16000] = 32767
    low, high = envelope(hour)
    assert len(high) == 1500
    assert high.max() == 32767 / 32768
    assert np.flatnonzero(high).tolist() == [750]
    assert low.min() == 0


def test_envelope_of_few_or_no_samples() -> None:
    assert [len(x) for x in envelope(np.zeros(0))] == [0, 0]
    assert [len(x) for x in envelope(np.zeros(7))] == [7, 7]


def draw(out: Path) -> bytes:
    rng = np.random.default_rng(0)
    timeline_picture(
        out,
        title="a $broken_ <title>",
        user=(rng.normal(0, 0.1, 16000).astype(np.float32), 16000),
        model=(np.zeros(24000, dtype=np.int16), 24000),
        stills=[(0.25, np.full((90, 120, 3), 255, np.uint8)), (0.75, np.zeros((90, 120, 3), np.uint8))],
        asked=[(0.0, 0.3, "What is $this$?")],
        marks=[Mark(0.2, 0.4, "pause"), Mark(0.6, None, "user end")],
        segments=[Segment(0.7, 0.9)],
        words=[Word("Yes,", 0.7, 0.8), Word("$x$", 0.8, None), Word("lost", None, None)],
        rows=[{"event": "response", "start_s": 0.7, "end_s": 0.9}, {"event": "none", "start_s": None}],
    )
    return out.read_bytes()


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_picture_is_the_same_bytes_each_time(tmp_path: Path, kind: str) -> None:
    first = draw(tmp_path / f"a.{kind}")
    assert first == draw(tmp_path / f"b.{kind}")
    assert first.startswith(b"\x89PNG" if kind == "png" else b"<?xml")


def test_picture_of_nothing(tmp_path: Path) -> None:
    timeline_picture(tmp_path / "x.png", title="", user=(np.zeros(0), 16000), model=(np.zeros(0), 24000))
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.pdf"):
        draw(tmp_path / "x.pdf")


def test_labels_that_would_meet_go_to_the_next_line() -> None:
    bars = arrange(
        [(5.0, None, "five"), (0.0, 4.0, "long"), (1.0, 2.0, "in it"), (9.0, 9.5, "edge")], 10, 0.5
    )
    assert [(b.label, b.line, b.leftwards) for b in bars] == [
        ("long", 0, False),
        ("in it", 1, False),
        ("five", 0, False),
        ("edge", 0, True),
    ]


spans = st.tuples(st.floats(0, 50), st.floats(0, 10) | st.none(), st.text("ab", max_size=9))


@given(st.lists(spans, max_size=40))
def test_labels_never_overlap_and_no_bar_is_lost(found: list[tuple[float, float | None, str]]) -> None:
    items = [(start, None if size is None else start + size, label) for start, size, label in found]
    bars = arrange(items, 60, 0.4)
    assert sorted((b.start_s, b.stop_s) for b in bars) == sorted(
        (s, s if e is None else e) for s, e, _ in items
    )
    for line in range(LINES):
        edges = [
            (b.stop_s - 0.4 * len(b.label), b.stop_s)
            if b.leftwards
            else (b.start_s, b.start_s + 0.4 * len(b.label))
            for b in bars
            if b.label and b.line == line
        ]
        assert all(last <= first for (_, last), (first, _) in itertools.pairwise(edges))


def test_frames_stand_at_their_times(tmp_path: Path) -> None:
    """The white frame in the middle of eight seconds is drawn there, above everything else."""
    frames = [(k + 0.5, np.full((90, 120, 3), 255 * (k == 4), np.uint8)) for k in range(8)]
    timeline_picture(
        tmp_path / "x.png", title="", user=(np.zeros(8000), 1000), model=(np.zeros(8000), 1000), stills=frames
    )
    image = cv2.imread(str(tmp_path / "x.png"))
    assert image is not None
    row = image[100].mean(axis=1)
    left, right = 0.06 * image.shape[1], 0.985 * image.shape[1]
    columns = [round(left + (right - left) * (k + 0.5) / 8) for k in range(8)]
    assert [bool(row[column] > 128) for column in columns] == [k == 4 for k in range(8)]


def test_stills_are_what_the_camera_shows_and_black_elsewhere(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", range(0, 4000, 100))
    shown = stills([UserVideo(tmp_path / "clip.mp4", at_s=3.0)], 10.0)
    assert [at for at, _ in shown] == pytest.approx([(k + 0.5) * 10 / 11 for k in range(11)])
    assert [image.shape for _, image in shown] == [(96, 160, 3)] * 11
    for at, image in shown:
        if 3 <= at < 7:
            assert read_barcode(image) == int((at - 3) * 10)
        else:
            assert image.max() == 0


def test_no_video_no_stills() -> None:
    assert stills([], 10.0) == ()
