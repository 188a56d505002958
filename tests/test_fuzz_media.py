"""What once ended, stopped or confused a reader of media is read or refused (`benchmarks/fuzz.py`)."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from fuzz_corpus import corpus, fuzzing, replay

from tml_bench.containers.ffmpeg import begins_empty
from tml_bench.containers.sample_chunk import find_samples
from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe
from tml_bench.media.video import probe_video
from tml_bench.plugins import load_task

HERE = Path(__file__).parent
MINI_V1 = HERE.parent / "tasks" / "fd_bench_v1" / "mini"


@pytest.fixture(scope="module")
def fuzz_media() -> ModuleType:
    return fuzzing("media")


@pytest.mark.parametrize("path", corpus("media"))
def test_what_was_found_is_read_or_refused(fuzz_media: ModuleType, path: Path) -> None:
    replay(fuzz_media, path)


@pytest.mark.parametrize(
    ("form", "pictures", "sound", "look"),
    [
        ("mp4", "mpeg4", "", probe_video),
        ("webm", "libvpx", "", probe_video),
        ("mp3", "", "libmp3lame", probe),
        ("ogg", "", "libopus", probe),
    ],
)
def test_a_latin_1_title_is_no_fault(
    fuzz_media: ModuleType,
    tmp_path: Path,
    form: str,
    pictures: str,
    sound: str,
    look: Callable[[Path], object],
) -> None:
    path = tmp_path / f"a.{form}"
    fuzz_media.seeds.film(form, pictures, sound, title="un titre ici")(path)
    data = path.read_bytes()
    assert b"un titre ici" in data or form == "mp3", "the title is there to be damaged"
    wrong = data.replace(b"un titre", b"un \xe9t\xe9 \xff").replace("un titre".encode("utf-16"), b"\xff" * 18)
    assert wrong != data
    path.write_bytes(fuzz_media.summed(wrong) if form == "ogg" else wrong)
    look(path)


def nested(name: bytes, depth: int) -> bytes:
    """An MP4 box within a box, and so on."""
    boxes = [(8 * (depth - k)).to_bytes(4, "big") + name for k in range(depth)]
    return b"".join(boxes)


def test_boxes_within_boxes_are_no_stack(fuzz_media: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    fuzz_media.seeds.film("mp4", "mpeg4", "")(path)
    data = path.read_bytes()
    size = int.from_bytes(data[data.index(b"moov") - 4 :][:4], "big")
    more = nested(b"trak", 3000)
    at = data.index(b"moov") - 4
    path.write_bytes(data[:at] + (size + len(more)).to_bytes(4, "big") + data[at + 4 : at + size] + more)
    assert not begins_empty(path)


@pytest.mark.parametrize("head", [b"a" * 65_000, b"sample_count -i " + b"9" * 60_000])
def test_a_header_of_text_takes_no_time(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.sph"
    path.write_bytes(b"NIST_1A\n   1024\n" + head)
    began = time.process_time()
    assert find_samples(path) is None
    assert time.process_time() - began < 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.mp4")
    path.write_bytes(b"\0" * 64)
    for look in (probe, probe_video):
        with pytest.raises(BadSampleError, match=r"udcff\.mp4 has a name that is not UTF-8.*rename it"):
            look(path)


def test_a_file_that_ends_its_decoder_is_its_samples_problem(fuzz_media: ModuleType, tmp_path: Path) -> None:
    for number in ("1", "2"):
        shutil.copytree(
            MINI_V1 / "candor_pause_handling" / number, tmp_path / "candor_pause_handling" / number
        )
    clip = tmp_path / "candor_pause_handling" / "1" / "input.flac"
    (crash,) = (HERE / "fuzz" / "media" / "ogg-summed").iterdir()
    clip.write_bytes(fuzz_media.summed(crash.read_bytes()))
    problems = [sample.problem for sample in load_task("fd-bench-v1").samples(tmp_path)]
    assert sorted(map(bool, problems)) == [False, True]
    # With libsndfile 1.2.2 "it ends the program that decodes it (signal 11)"; another may only refuse it.
    assert "input.flac" in "".join(problems)
