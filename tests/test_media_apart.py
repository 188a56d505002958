"""Files are looked at in another process: what ends, stops or fills it costs only that file."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from videos import constant, write_video

from tml_bench.containers import apart as module, sound_file
from tml_bench.containers.apart import apart, is_shipped, looking_here
from tml_bench.containers.limits import check_channels, check_length
from tml_bench.errors import BadSampleError
from tml_bench.media import audio
from tml_bench.media.audio import probe, read_mono
from tml_bench.media.pauses import spoken_parts
from tml_bench.media.trial import unplayable
from tml_bench.samples import Message, Reference, Sample, Script, UserTurn, UserVideo
from tml_bench.tasks import fd_bench_v2

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")


def whose(path: Path) -> int:
    return os.getpid()


def crash(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(path: Path) -> None:
    while True:
        pass


def sleep(path: Path) -> None:
    time.sleep(60)


def fill(path: Path) -> int:
    return len(bytes(2 << 30))


def refuse(path: Path) -> None:
    raise BadSampleError(f"{path} is refused")


def stumble(path: Path) -> None:
    raise ZeroDivisionError("its rate is 0")


def killed_once(path: Path) -> str:
    """Ends its process as a system without memory would, the first time."""
    if path.read_text() == "again":
        return "looked at"
    path.write_text("again")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    path.write_text("")
    return path


def test_one_process_looks_at_all_files(file: Path) -> None:
    first = apart(whose, file)
    assert first != os.getpid()
    assert apart(whose, file) == first


def test_what_it_ships_it_looks_at_itself() -> None:
    shipped = next(Path(fd_bench_v2.__file__).parent.rglob("*.ogg"))
    assert apart(whose, shipped) == os.getpid()


def test_a_process_that_may_end_looks_itself(file: Path) -> None:
    with looking_here():
        assert apart(whose, file) == os.getpid()
    assert apart(whose, file) != os.getpid()


def test_a_link_or_a_way_out_of_the_package_is_not_shipped(tmp_path: Path) -> None:
    inside = Path(fd_bench_v2.__file__).parent
    link = tmp_path / "task.py"
    link.symlink_to(inside / "task.py")
    assert is_shipped(link)
    assert not is_shipped(inside / ".." / ".." / ".." / "stranger.wav")


def test_a_crash_costs_only_the_file(file: Path) -> None:
    first = apart(whose, file)
    with pytest.raises(BadSampleError, match=r"a\.wav cannot be read: it ends .*signal 11.*; leave it out"):
        apart(crash, file)
    assert apart(whose, file) != first


@pytest.mark.parametrize(("look", "patience"), [(hang, 600.0), (sleep, 1.0)])
def test_so_does_one_that_never_ends(
    file: Path, look: object, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_S", 0.1)
    monkeypatch.setattr(module, "_PATIENCE", patience)
    with pytest.raises(BadSampleError, match="takes longer than"):
        apart(look, file)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
def test_and_one_that_takes_all_memory(file: Path) -> None:
    with pytest.raises(BadSampleError, match="within 1 GB of memory"):
        apart(fill, file)


def test_every_error_is_the_documented_one(file: Path) -> None:
    with pytest.raises(BadSampleError, match=r"a\.wav is refused$"):
        apart(refuse, file)
    with pytest.raises(BadSampleError, match=r"a\.wav cannot be read \(ZeroDivisionError: its rate is 0\)"):
        apart(stumble, file)


def test_what_somebody_else_ended_is_looked_at_again(file: Path) -> None:
    assert apart(killed_once, file) == "looked at"


def test_a_forked_child_has_a_process_of_its_own(file: Path) -> None:
    ours = apart(whose, file)
    child = os.fork()
    if child == 0:
        os._exit(apart(whose, file) == ours)
    assert os.waitpid(child, 0)[1] == 0
    assert apart(whose, file) == ours


def test_a_few_bytes_are_not_decoded_into_all_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(20 * 8000, np.int16), 8000)
    whole = read_mono(path)[0]
    monkeypatch.setattr(audio, "WHOLE_MOST", whole.size)
    assert np.array_equal(read_mono(path)[0], whole)
    monkeypatch.setattr(audio, "WHOLE_MOST", whole.size - 1)
    with pytest.raises(BadSampleError, match=r"long\.flac lasts 0 minutes at 8000 Hz, too long"):
        read_mono(path)
    assert spoken_parts(path, 0.5) == ()


def test_lengths_and_channels_have_limits(tmp_path: Path) -> None:
    path = tmp_path / "many.wav"
    soundfile.write(path, np.zeros((10, 65), np.int16), 8000)
    with pytest.raises(BadSampleError, match=r"many\.wav has 65 channels; 1 to 64 can be read"):
        probe(path)
    with pytest.raises(BadSampleError, match="a has 0 channels"):
        check_channels("a", 0)
    check_length("a", 24 * 3600)
    for seconds in (24 * 3600 + 1, float("nan")):
        with pytest.raises(BadSampleError, match=r"a lasts .* more than 24 h; cut it"):
            check_length("a", seconds)


def test_many_channels_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 6)).astype(np.float32)
    soundfile.write(path, samples, 8000, "FLOAT")
    monkeypatch.setattr(sound_file, "PIECE", 6 * 300)
    assert np.array_equal(read_mono(path)[0], samples.mean(axis=1))


def sample_with(clip: Path, video: Path) -> Sample:
    script = Script((UserTurn(clip),), videos=(UserVideo(video),), history=(Message("user", "", clip),))
    return Sample("s", "x", script, Reference())


def test_a_trial_plays_everything_to_its_end(tmp_path: Path) -> None:
    clip = tmp_path / "a.flac"
    soundfile.write(clip, np.random.default_rng(0).integers(-999, 999, 30_000).astype(np.int16), 8000)
    sound = ("aac", np.zeros(48_000, np.float32), 48_000, 0)
    video = write_video(tmp_path / "a.mp4", constant(50), sound=sound)
    assert unplayable(sample_with(clip, video)) == ""
    damaged = write_video(tmp_path / "b.mkv", constant(100), codec="mpeg4")
    raw = bytearray(damaged.read_bytes())
    with av.open(str(damaged)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for pos, size in packets[26:75]:
        at = raw.index(b"\x00\x00\x01\xb6", pos)
        raw[at : pos + size] = b"\xff" * (pos + size - at)
    damaged.write_bytes(raw)
    assert "b.mkv is damaged: its frames up to" in unplayable(sample_with(clip, damaged))
