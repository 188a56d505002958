"""From audio to a timeline, and the cache that must never lie nor fail."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from tml_bench.errors import BadSampleError, UserError
from tml_bench.heard_text import HeardText
from tml_bench.media.audio import read_mono
from tml_bench.perception.perceive import cache_key, cached, perceive, perceiver_id
from tml_bench.perception.recordings import timeline_of
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.samples import Waveform
from tml_bench.timeline import Segment, Timeline, Word, WordSource

VOICE = Path(__file__).parents[1] / "adapters" / "reference" / "voice"
LINE = Timeline(3.0, (Segment(1.0, 2.0),), (Word("hi", 1.0, None),), WordSource.IMPORTED, (), "p")


def data() -> Path:
    folder = Path(os.environ.get("TML_BENCH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "fd-bench-examples").is_dir():
        pytest.skip(f"the public Full-Duplex-Bench examples are not in {folder}")
    return folder / "fd-bench-examples"


def test_a_recording_becomes_a_timeline(tmp_path: Path) -> None:
    clip, rate = read_mono(VOICE / "answer.flac")
    gap = np.zeros(2 * rate, np.float32)
    soundfile.write(tmp_path / "a.flac", np.concatenate([gap, clip, gap]), rate)
    line = perceive(
        tmp_path / "a.flac", untimed=(HeardText("Okay, I can help you", 0.0, 60.0),), words="transcript"
    )
    assert line.duration_s == pytest.approx(4 + clip.size / rate, abs=1e-3)
    for found, tolerance in ((line.segments, 0.05), (line.silero_segments, 0.15)):
        assert found[0].start_s == pytest.approx(2.0, abs=tolerance)
        assert found[-1].end_s == pytest.approx(2 + clip.size / rate, abs=tolerance)
    assert line.word_source == WordSource.PROPORTIONAL
    assert [w.text for w in line.words] == ["Okay,", "I", "can", "help", "you"]
    assert line.perceiver == perceiver_id("transcript")


def test_perceiving_again_after_something_else_gives_the_same() -> None:
    first = perceive(VOICE / "answer.flac")
    perceive(VOICE / "backchannel.flac")
    assert perceive(VOICE / "answer.flac") == first


def test_a_silent_track(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(48000), 24000)
    line = perceive(tmp_path / "a.wav", untimed=(HeardText("I said something", 0.0, 2.0),))
    assert line == Timeline(2.0, perceiver=perceiver_id())
    assert line.word_source == WordSource.SILENT


@pytest.mark.parametrize(("speaks", "times"), [(False, 1), (True, 2)])
def test_of_models_only_silence_is_remembered(tmp_path: Path, speaks: bool, times: int) -> None:
    audio = Waveform(*read_mono(VOICE / "answer.flac")) if speaks else Waveform(np.zeros(48000), 24000)
    track = AudioTrack(Path("model.flac"), f"digest of one that {speaks=}")
    facts = SessionFacts(track, track, None, (), (), ())
    opened: list[Path] = []

    def sounds(path: Path) -> Waveform:
        opened.append(path)
        return audio

    for name in ("a", "b"):
        line = timeline_of(facts, tmp_path / f"{name}.json", "transcript", sounds=sounds)
        assert bool(line.segments) is speaks
        assert (tmp_path / f"{name}.json").is_file()
    assert len(opened) == times


def test_broken_audio_and_unknown_modes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSampleError, match="does not exist"):
        perceive(tmp_path / "no.wav")
    with pytest.raises(UserError, match="auto, transcript, asr"):
        perceiver_id("magic")  # type: ignore[arg-type]


def test_segments_agree_with_the_examples_own_word_times() -> None:
    """The turn-taking example's transcript (word times on an 80 ms grid) starts and ends with our speech."""
    folder = data() / "smooth_turn_taking_example" / "1"
    chunks = msgspec.json.decode((folder / "output.json").read_bytes())["chunks"]
    line = perceive(folder / "output.wav", words="transcript")
    assert line.segments[0].start_s == pytest.approx(chunks[0]["timestamp"][0], abs=0.2)
    assert line.segments[-1].end_s == pytest.approx(chunks[-1]["timestamp"][1], abs=0.2)


def test_the_key_holds_everything_that_decides_the_result() -> None:
    a, b = "a" * 64, "b" * 64
    keys = [
        cache_key(a),
        cache_key(b),
        cache_key(a, untimed=(HeardText("x", 0.0, 1.0),)),
        cache_key(a, timed=(Word("x", 0.0, 1.0),)),
        cache_key(a, imported=(Word("x", 0.0, 1.0),)),
        cache_key(a, imported=()),
        cache_key(a, words="transcript"),
    ]
    assert len(set(keys)) == len(keys)
    assert cache_key(a) == keys[0]


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Timeline:
        self.calls += 1
        return LINE


def test_the_cache_computes_once_per_key(tmp_path: Path) -> None:
    path, compute = tmp_path / "deep" / "line.json", Counter()
    assert [cached(path, key, compute) for key in ("k", "k", "other", "other")] == [LINE] * 4
    assert compute.calls == 2
    assert [entry.name for entry in path.parent.iterdir()] == ["line.json"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"key": "k"}', b"[1, 2]", b'{"key": "k", "timeline": 3}', b"\xff\xfe\x00"]
)
def test_a_torn_or_foreign_cache_file_is_computed_again(tmp_path: Path, content: bytes) -> None:
    path, compute = tmp_path / "line.json", Counter()
    path.write_bytes(content)
    assert [cached(path, "k", compute), cached(path, "k", compute)] == [LINE, LINE]
    assert compute.calls == 1


def test_every_cut_of_a_cache_file_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "line.json"
    cached(path, "k", Counter())
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert cached(path, "k", Counter()) == LINE


def test_what_fails_is_not_cached(tmp_path: Path) -> None:
    def fail() -> Timeline:
        raise BadSampleError("broken")

    with pytest.raises(BadSampleError):
        cached(tmp_path / "line.json", "k", fail)
    assert not list(tmp_path.iterdir())
