"""Clips read ahead by a thread: the same samples to the bit, whoever reads them, and little memory."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from fakes import MS, Scripted, sample_of, sixteen_bit, tone
from hypothesis import given, settings as how, strategies as st
from numpy.typing import NDArray

from tml_bench.adapter import Output
from tml_bench.adapters.wire import Wire
from tml_bench.errors import BadSampleError
from tml_bench.media.ahead import BlocksAhead, WorkAhead
from tml_bench.media.audio import ClipReader
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import At, Sample, UserTurn, Waveform
from tml_bench.session.exchange import Exchange
from tml_bench.session.live import LiveSession
from tml_bench.session.settings import Settings, opened_event

RATES = (8000, 11025, 16000, 24000, 44100, 48000)
Audio = NDArray[np.float32]


@pytest.fixture
def aside() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread


class Busy(Executor):
    """A thread that is so busy that it comes to nothing."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()


def read(clip: ClipReader, sizes: list[int]) -> Audio:
    """The whole clip in pieces of these sizes, over and over; then it is closed."""
    parts = []
    with clip:
        for size in itertools.cycle(sizes):
            parts.append(clip.read(size))
            if len(parts[-1]) < size:
                return np.concatenate(parts)
    raise AssertionError


def decoded(samples: Audio, source: int, target: int) -> Audio:
    """A clip in memory, resampled as it was before anything was read ahead: in blocks of 0.2 s."""
    if source == target:
        return samples
    stream = soxr.ResampleStream(source, target, 1, dtype="float32", quality="HQ")
    blocks = [samples[at : at + source // 5] for at in range(0, len(samples), source // 5)]
    done = [stream.resample_chunk(b, last=i == len(blocks) - 1) for i, b in enumerate(blocks)]
    return np.concatenate(done)


@pytest.mark.parametrize(("source", "target"), list(itertools.product(RATES, RATES)))
def test_what_is_read_ahead_is_the_decoded_clip_to_the_bit(
    tmp_path: Path, aside: Executor, source: int, target: int
) -> None:
    noise = sixteen_bit(round(2.63 * source))
    wanted = decoded(noise, source, target)
    path = tmp_path / "clip.flac"
    soundfile.write(path, noise, source, subtype="PCM_16")
    for clip in (path, Waveform(noise, source)):
        for thread in (aside, Busy(), None):
            reader = ClipReader(clip, target, thread)
            assert reader.length == len(wanted)
            assert np.array_equal(read(reader, [target // 5]), wanted)


@pytest.mark.parametrize("suffix", ["wav", "ogg", "mp3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_so_is_every_kind_of_file(tmp_path: Path, aside: Executor, suffix: str, channels: int) -> None:
    noise = np.stack([sixteen_bit(70_000, seed=c) for c in range(channels)], axis=1)
    soundfile.write(tmp_path / f"clip.{suffix}", noise, 22050)
    for target in (22050, 24000):
        alone = read(ClipReader(tmp_path / f"clip.{suffix}", target), [1_000_000])
        ahead = read(ClipReader(tmp_path / f"clip.{suffix}", target, aside), [4800])
        np.testing.assert_allclose(ahead, alone, rtol=0, atol=1e-6 if suffix == "mp3" else 0)


@given(sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=6), busy=st.booleans())
@how(deadline=None, max_examples=25)
def test_whatever_is_asked_for_at_a_time(sizes: list[int], busy: bool) -> None:
    wave = Waveform(sixteen_bit(50_000), 16000)
    wanted = decoded(wave.samples, 16000, 24000)
    with ThreadPoolExecutor(1) as thread:
        assert np.array_equal(read(ClipReader(wave, 24000, Busy() if busy else thread), sizes), wanted)


def test_a_broken_clip_is_told_when_its_place_comes(tmp_path: Path, aside: Executor) -> None:
    samples = np.zeros(40_000, np.float32)
    samples[30_000] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    with ClipReader(tmp_path / "a.wav", 16000, aside) as clip:
        clip.read(16000)
        with pytest.raises(BadSampleError, match=r"a\.wav .*30000 .1\.875 s"):
            clip.read(16000)
    samples[0] = np.nan
    soundfile.write(tmp_path / "b.wav", samples, 16000, subtype="FLOAT")
    with pytest.raises(BadSampleError, match=r"b\.wav .*sample 0 "):
        ClipReader(tmp_path / "b.wav", 16000, aside)


def test_work_ahead_is_done_once_and_by_who_is_first(aside: Executor) -> None:
    done: list[str] = []

    def work() -> str:
        done.append(threading.current_thread().name)
        return "result"

    assert WorkAhead(work, Busy()).result() == WorkAhead(work, None).result() == "result"
    assert done == [threading.current_thread().name] * 2
    early = WorkAhead(work, aside)
    aside.submit(int).result()
    assert early.result() == "result"
    assert len(done) == 3
    assert done[2] != done[0]


def test_what_is_dropped_in_the_middle_of_its_work_is_let_go_after_it(aside: Executor) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    over: list[object] = []

    def slow() -> str:
        begun.set()
        goes_on.wait()
        return "file"

    work = WorkAhead(slow, aside)
    begun.wait()
    work.drop(over.append)
    assert over == []
    goes_on.set()
    aside.submit(int).result()
    assert over == ["file"]
    WorkAhead(slow, Busy()).drop(over.append)
    WorkAhead(slow, None).drop(over.append)
    failed: WorkAhead[float] = WorkAhead(lambda: 1 / 0, aside)
    aside.submit(int).result()
    failed.drop(over.append)
    assert over == ["file", None, None, None]


def test_only_one_block_is_fetched_ahead(aside: Executor) -> None:
    fetched: list[int] = []

    def blocks() -> Iterator[int]:
        for k in range(5):
            fetched.append(k)
            yield k

    ahead = BlocksAhead(blocks(), aside)
    for k in range(5):
        aside.submit(int).result()
        assert fetched == list(range(k + 1 if k else 1))
        assert next(ahead) == k
    assert next(ahead, None) is None


def conversation(folder: Path, aside: Executor | None) -> dict[str, bytes]:
    """A recording's files: three clips of different rates, the second right behind the first."""
    clips = [(16000, 1.31), (44100, 2.2), (24000, 3.05)]
    turns = tuple(UserTurn(Waveform(sixteen_bit(round(s * rate)), rate), At(0.3)) for rate, s in clips[:2])
    path = folder.parent / "third.flac"
    soundfile.write(path, tone(clips[2][1], clips[2][0]), clips[2][0], subtype="PCM_16")
    example = sample_of(*turns, UserTurn(path, At(4.0)), tail_s=0.5)
    adapter = Scripted({3: Output(audio=tone(0.7, 24000))}, 16000, 24000)
    opened = opened_event("t", example, "a", adapter, Settings())
    with RecordingWriter(folder, opened, clock="wall", compute="live", encoder=aside) as writer:
        stage = Exchange(example, adapter, Settings(), writer, aside=aside)
        if aside is not None:
            stage.open_clips()
        index = 0
        while (turn := stage.advance(index)) is not None:
            output = adapter.step(turn)
            if output is not None:
                stage.emit(output, index, turn.end_ns)
            index += 1
        stage.finish()
        stage.close()
        stage.close()
        writer.close()
    heard = np.concatenate([turn.audio for turn in adapter.turns])
    files = {name: (folder / name).read_bytes() for name in ("session.jsonl", "user.flac", "model.flac")}
    return {**files, "sent": heard.tobytes()}


def test_recordings_are_the_same_to_the_byte(tmp_path: Path, aside: Executor) -> None:
    alone = conversation(tmp_path / "alone", None)
    assert conversation(tmp_path / "ahead", aside) == alone
    assert len(alone["sent"]) > 7 * 16000 * 4


def test_a_session_that_is_given_up_leaves_no_file_open(tmp_path: Path, aside: Executor) -> None:
    paths = [tmp_path / f"{k}.flac" for k in range(3)]
    for path in paths:
        soundfile.write(path, sixteen_bit(100_000), 16000, subtype="PCM_16")
    example = sample_of(*(UserTurn(path) for path in paths))
    adapter = Scripted({}, 16000, 24000)
    opened = opened_event("t", example, "a", adapter, Settings())
    before = open_files()
    with RecordingWriter(tmp_path / "r", opened, clock="wall", compute="live") as writer:
        for ticks in (0, 1, 8, 40):
            stage = Exchange(example, adapter, Settings(), writer, aside=aside)
            stage.open_clips()
            for index in range(ticks):
                stage.advance(index)
            stage.close()
        writer.abandon()
    aside.submit(int).result()
    assert open_files() == before


def test_nor_does_one_whose_clip_cannot_be_used(tmp_path: Path, aside: Executor) -> None:
    """At the rate of the recording it is read first, and at the model's then."""
    soundfile.write(tmp_path / "a.wav", np.full(48000, np.nan, np.float32), 16000, subtype="FLOAT")
    example, adapter = sample_of(UserTurn(tmp_path / "a.wav")), Wire("ws://127.0.0.1:1")
    opened = opened_event("t", example, "a", adapter, Settings())
    before = open_files()
    with RecordingWriter(tmp_path / "r", opened, clock="wall", compute="live") as writer:
        session = LiveSession("t", example, adapter, Settings(), writer, aside=aside)
        with pytest.raises(BadSampleError, match="not a finite number at sample 0"):
            session.open_clips()
        writer.abandon()
    aside.submit(int).result()
    assert open_files() == before


def open_files() -> int:
    """How many this process has; 0 where the system does not say."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


MEMORY = """
import os, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_media_ahead import long_session

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(1) as aside:
    sessions = [long_session(Path(scratch) / "warm", int(sys.argv[2]), aside)]
    before = resident_mb()
    sessions += [long_session(Path(scratch) / str(n), int(sys.argv[2]), aside) for n in range(20)]
    for index in range(45):
        for stage, _ in sessions:
            stage.advance(index)
        aside.submit(int).result()
    print((resident_mb() - before) / 20)
"""


def long_session(folder: Path, rate: int, aside: Executor) -> tuple[Exchange, RecordingWriter]:
    """A session of a minute in one file, for a model at 16 kHz."""
    path = folder.parent / "minute.flac"
    if not path.exists():
        soundfile.write(path, np.tile(sixteen_bit(rate), 60), rate, subtype="PCM_16")
    example: Sample = sample_of(UserTurn(path))
    adapter = Scripted({}, 16000, 24000)
    opened = opened_event("t", example, "a", adapter, Settings(tick_ns=200 * MS))
    writer = RecordingWriter(folder, opened, clock="wall", compute="live", encoder=aside)
    stage = Exchange(example, adapter, Settings(tick_ns=200 * MS), writer, aside=aside)
    stage.open_clips()
    return stage, writer


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read in /proc")
@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_session_takes_less_than_3_mb(rate: int) -> None:
    """Decoded, a minute took 13 MB at 16 and 27 MB at 48 kHz: twice at its own rate, once at another."""
    command = [sys.executable, "-P", "-c", MEMORY, str(Path(__file__).parent), str(rate)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert float(said) < 3.0
