"""Clips that are decoded once play as they do from their files, and memory stays bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tml_bench.media.audio import ClipReader, ReplayedWaveform
from tml_bench.runs.decoded_clips import DecodedClips
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform

RATE = 24_000


def sample(*clips: Path | Waveform) -> Sample:
    return Sample("a", "all", Script(tuple(map(UserTurn, clips)), tail_s=0.0), Reference())


def clip(path: Path, seconds: float = 1.0, rate: int = RATE, channels: int = 1) -> Path:
    noise = np.random.default_rng(len(path.name)).uniform(-0.5, 0.5, (round(seconds * rate), channels))
    soundfile.write(path, noise, rate)
    return path


def played(audio: Path | Waveform, rate: int) -> np.ndarray:
    with ClipReader(audio, rate) as reader:
        return np.concatenate([reader.read(777) for _ in range(reader.length // 777 + 1)])


@pytest.mark.parametrize("rate", [RATE, 16_000])
@pytest.mark.parametrize("name", ["a.ogg", "a.flac", "a.wav"])
def test_they_play_the_same(tmp_path: Path, name: str, rate: int) -> None:
    path = clip(tmp_path / name, 5.3, channels=2)
    (turn,) = DecodedClips().decoded("task", sample(path)).script.turns
    assert isinstance(turn.audio, Waveform)
    np.testing.assert_array_equal(played(turn.audio, rate), played(path, rate))


def test_a_clip_is_decoded_once_and_again_where_its_file_changed(tmp_path: Path) -> None:
    path, clips = clip(tmp_path / "a.wav"), DecodedClips()
    (first,), (again,) = (clips.decoded("task", sample(path)).script.turns for _ in range(2))
    assert first.audio is again.audio
    clip(path, 2.0)
    (changed,) = clips.decoded("task", sample(path)).script.turns
    assert isinstance(changed.audio, Waveform)
    assert changed.audio.samples.size == 2 * RATE


def test_what_does_not_fit_stays_a_file(tmp_path: Path) -> None:
    paths = [clip(tmp_path / f"{n}.wav") for n in range(3)]
    clips = DecodedClips(most_bytes=2 * 2 * 4 * RATE)
    for _ in range(2):
        kept = [turn.audio for turn in clips.decoded("task", sample(*paths)).script.turns]
        assert [isinstance(audio, Waveform) for audio in kept] == [True, True, False]
    long = clip(tmp_path / "long.wav", 61.0, 2000)
    assert DecodedClips().decoded("task", sample(long)).script.turns[0].audio == long


def test_what_cannot_be_read_stays_a_file_and_a_waveform_a_waveform(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    waveform = Waveform(np.zeros(100, np.float32), RATE)
    given = sample(broken, tmp_path / "missing.wav", waveform)
    assert DecodedClips().decoded("task", given) == given


def test_a_clip_is_resampled_once_for_each_rate(tmp_path: Path) -> None:
    path, clips = clip(tmp_path / "a.wav"), DecodedClips()
    heard = []
    for _ in range(2):
        (turn,) = clips.decoded("task", sample(path)).script.turns
        assert isinstance(turn.audio, ReplayedWaveform)
        heard.append([turn.audio.at(rate) for rate in (8000, 16_000)])
    assert [audio.size for audio in heard[0]] == [8000, 16_000]
    assert all(a is b for a, b in zip(*heard, strict=True))


def test_tasks_that_alternate_do_not_forget_their_clips(tmp_path: Path) -> None:
    clips, paths = DecodedClips(), {task: clip(tmp_path / f"{task}.wav") for task in "ab"}
    heard = [clips.decoded(task, sample(paths[task])).script.turns[0].audio for task in "abab"]
    assert all(a is b for a, b in zip(heard[:2], heard[2:], strict=True))
