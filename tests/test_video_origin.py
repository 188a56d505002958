"""Labels, camera, sound and annotations in seconds count from one instant, whatever the container."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from videos import Audio, constant, read_barcode, write_video

from tml_bench.adapter import VideoSpec
from tml_bench.media.audio import ClipReader
from tml_bench.media.scan import scan
from tml_bench.media.video import FrameReader, instant_ns, probe_video
from tml_bench.media.video_sound import VideoSound
from tml_bench.samples import Sample
from tml_bench.tasks._visual import duration_of
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.tasks.charades.task import Charades
from tml_bench.tasks.repcount_a.loader import RepetitionAnnotation, frame_times
from tml_bench.tasks.repcount_a.task import RepCountA
from tml_bench.timebase import NS, nanoseconds, seconds
from tml_bench.timeline import Segment, Timeline, Word, WordSource

RATE = 48000
FRAMES = 75
FPS = 25
LABELS = [0, 20, 20, 30, 30, 40, 40, 50]
"""Four repetitions by frame; they end at 0.8, 1.2, 1.6 and 2.0 s after the first frame."""


def bump(at_s: float) -> Audio:
    t = np.arange(2 * RATE) / RATE - at_s
    return (0.8 * np.exp(-0.5 * (t / 0.002) ** 2) * np.cos(2 * np.pi * 200 * t)).astype(np.float32)


PIECES = {
    "movflags": "dash+frag_keyframe+empty_moov+frag_discont",
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
}
CASES: dict[str, tuple[str, int, int | None, dict[str, str]]] = {
    "transport stream": ("x.ts", 1400, None, {}),
    "transport stream, sound from the start": ("x.ts", 1400, 1400, {}),
    "transport stream, sound later": ("x.ts", 1400, 1700, {}),
    "transport stream, picture later": ("x.ts", 1800, 1400, {}),
    "program stream": ("x.mpg", 0, None, {}),
    "plain mp4": ("x.mp4", 0, 0, {}),
    "mp4, picture later": ("x.mp4", 400, 0, {}),
    "mp4, all later by an edit list": ("x.mp4", 500, None, {}),
    "pieces of a live stream": ("x.mp4", 10_000, 10_000, PIECES),
    "matroska": ("x.mkv", 0, 0, {}),
    "matroska, cut out": ("x.mkv", 10_000, None, {}),
    "matroska, cut out, picture later": ("x.mkv", 10_400, 10_000, {}),
    "matroska, cut out, sound later": ("x.mkv", 10_000, 10_300, {}),
}
"""Ending, start of the picture and of the sound in milliseconds (None: none), options of the container."""
EMPTY_MS = {"mp4, all later by an edit list": 500}
"""Nothing is shown at first, and the file says so."""


def film(path: Path, case: str) -> Path:
    """A file as the case says it is, under the name ``path``."""
    name, picture_ms, sound_ms, options = CASES[case]
    made = write_video(
        path.with_name(name),
        constant(FRAMES, start_ms=picture_ms),
        codec="mpeg2video" if name.endswith("mpg") else "libx264",
        constant_fps=FPS if name.endswith("mpg") else 0,
        options={"bf": "0"},
        container_options=options,
        sound=None if sound_ms is None else ("aac" if name != "x.mkv" else "flac", bump(1.0), RATE, sound_ms),
    )
    return made.rename(path)


def first_shown_s(case: str) -> float:
    """When a player shows the first frame, by the case's own description."""
    _, picture_ms, sound_ms, _ = CASES[case]
    begins = min(picture_ms, picture_ms if sound_ms is None else sound_ms) - EMPTY_MS.get(case, 0)
    return (picture_ms - begins) / 1000


def repetitions(root: Path, case: str) -> Sample:
    columns = ",".join(f"L{k}" for k in range(1, len(LABELS) + 1))
    (root / "annotation").mkdir()
    (root / "annotation" / "test.csv").write_text(
        f"type,name,count,{columns}\nsquat,a.mp4,4,{','.join(map(str, LABELS))}\n"
    )
    (root / "video" / "test").mkdir(parents=True)
    film(root / "video" / "test" / "a.mp4", case)
    (sample,) = RepCountA().samples(root)
    assert sample.problem == ""
    return sample


def shown_at(sample: Sample, fps: int = 1000) -> dict[int, float]:
    """Session time at which the camera first shows each frame, by the barcode in the picture."""
    (video,) = sample.script.videos
    times: dict[int, float] = {}
    last = None
    with closing(FrameReader(video.path, VideoSpec(fps, 160), nanoseconds(video.at_s))) as reader:
        for frame in reader:
            if frame.pts_ns is not None and frame.image is not last:  # the same picture, held, says the same
                times.setdefault(read_barcode(frame.image), seconds(frame.t_ns))
                last = frame.image
    return times


@pytest.mark.parametrize("case", CASES)
def test_labels_by_frame_are_when_the_camera_shows_the_frame(tmp_path: Path, case: str) -> None:
    sample = repetitions(tmp_path, case)
    item = sample.reference.annotation
    assert isinstance(item, RepetitionAnnotation)
    seen = shown_at(sample)
    assert item.ends == pytest.approx([seen[frame] for frame in LABELS[1::2]], abs=0.0015)
    assert item.ends[0] - item.start_s == pytest.approx(first_shown_s(case) + 0.8, abs=0.025)


@pytest.mark.parametrize("case", CASES)
def test_who_counts_what_is_seen_is_right(tmp_path: Path, case: str) -> None:
    # Labels of a transport stream were late by its start, 1.4 s: "four", said when it is seen, came before
    # the penultimate repetition was over, and off-by-one was 0.
    sample = repetitions(tmp_path, case)
    seen = shown_at(sample)
    words = tuple(
        Word(str(k), seen[frame] + 0.05, seen[frame] + 0.25) for k, frame in enumerate(LABELS[1::2], start=1)
    )
    speech = tuple(Segment(word.start_s, word.end_s) for word in words)
    score = RepCountA().score(sample, Timeline(20.0, speech, words, WordSource.ADAPTER))
    found = {name: value.numerator / value.denominator for name, value in score.values.items()}
    assert (found["obo"], found["mae"], found["counted"]) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("case", CASES)
def test_annotations_in_seconds_count_from_there_too(tmp_path: Path, case: str) -> None:
    (tmp_path / "videos").mkdir()
    path = film(tmp_path / "videos" / "A.mp4", case)
    first_s = first_shown_s(case)
    (tmp_path / "charades_sta_test.txt").write_text(
        f"A {first_s + 1:.2f} {first_s + 2:.2f}##a person sits.\n"
    )
    (sample,) = Charades().samples(tmp_path)
    item = sample.reference.annotation
    assert isinstance(item, MomentAnnotation)
    seen = shown_at(sample)
    assert (item.start_s, item.end_s) == pytest.approx((seen[25], seen[50]), abs=0.025)
    assert item.length_s == duration_of(path) == probe_video(path).duration_s
    assert item.length_s == pytest.approx(first_s + FRAMES / FPS, abs=0.03)


@pytest.mark.parametrize(
    "case", [case for case, (_, _, sound_ms, _) in CASES.items() if sound_ms is not None]
)
def test_sound_keeps_its_distance_from_the_picture(tmp_path: Path, case: str) -> None:
    _, picture_ms, sound_ms, _ = CASES[case]
    assert sound_ms is not None
    path = film(tmp_path / "a.mp4", case)
    with ClipReader(VideoSound(path), RATE) as clip:
        heard_s = int(np.argmax(clip.read(clip.length))) / RATE
    expected = 1.0 + (sound_ms - picture_ms) / 1000
    assert heard_s - probe_video(path).first_s == pytest.approx(expected, abs=0.025)


@pytest.mark.parametrize(
    "options", [{"bf": "0"}, {"bf": "3"}, {"bf": "3", "x264-params": "open-gop=1:keyint=25"}]
)
def test_a_stream_cut_between_key_frames_begins_with_the_first_that_can_be_shown(
    tmp_path: Path, options: dict[str, str]
) -> None:
    made = write_video(tmp_path / "x.ts", constant(120, start_ms=1400), options=options)
    raw = made.read_bytes()
    path = tmp_path / "a.mp4"
    path.write_bytes(raw[188 * (len(raw) // 188 // 5) :])
    shown = cv2.VideoCapture(str(path))
    counted = []
    while (taken := shown.read())[0]:
        counted.append(read_barcode(taken[1]))
    # It was refused as damaged "up to 0.000 s".
    with closing(FrameReader(path, VideoSpec(FPS, 160))) as reader:
        assert [read_barcode(frame.image) for frame in reader] == counted
    assert counted[0] == 25
    assert frame_times(path) == pytest.approx([k / FPS for k in range(len(counted))], abs=1e-3)


def test_time_stamps_really_begin_elsewhere(tmp_path: Path) -> None:
    starts = {}
    for case, (name, picture_ms, sound_ms, _) in CASES.items():
        with av.open(str(film(tmp_path / "a.mp4", case))) as container:
            starts[case] = (container.start_time or 0) / 1e6
        begins_ms = picture_ms if sound_ms is None else min(picture_ms, sound_ms)
        assert name == "x.mpg" or starts[case] == pytest.approx(begins_ms / 1000, abs=0.05)
    assert starts["program stream"] > 0.4


def test_what_an_edit_list_cuts_away_is_not_shown(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", constant(FRAMES, start_ms=-400), options={"bf": "0"})
    with closing(FrameReader(path, VideoSpec(FPS, 160))) as reader:
        shown = [read_barcode(frame.image) for frame in reader]
    times = scan(path).video.times_ns()
    first = int(np.searchsorted(times, 0))
    assert shown[0] == (FRAMES - len(times)) + first
    assert times[-1] == instant_ns(FRAMES - 11, FPS) == round(2.56 * NS)


def test_a_wrong_duration_in_the_header_moves_nothing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", constant(FRAMES), options={"bf": "0"})
    raw = bytearray(path.read_bytes())
    at = raw.index(b"mvhd") + 4 + 16
    assert int.from_bytes(raw[at : at + 4], "big") == 3000
    raw[at : at + 4] = (1000).to_bytes(4, "big")
    path.write_bytes(raw)
    assert duration_of(path) == pytest.approx(3.0)
