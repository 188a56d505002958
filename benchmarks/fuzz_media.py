"""Readers of sound, video and subtitles, for `fuzz.py`."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fuzz_media_seeds as seeds
import numpy as np
from fuzz import Target

from tml_bench.adapter import VideoSpec
from tml_bench.containers.sound_file import look_at
from tml_bench.errors import BadSampleError
from tml_bench.media.audio import ClipReader, probe, read_mono
from tml_bench.media.pauses import spoken_parts
from tml_bench.media.scan import scan_here
from tml_bench.media.subtitles import subtitled
from tml_bench.media.video import FrameReader, probe_video
from tml_bench.media.video_sound import VideoSound

PLAYED_S = 30
"""A session plays no more of what says that it is long."""
_number = itertools.count()


@contextmanager
def file_of(data: bytes) -> Iterator[Path]:
    """Bytes as a file of their own; results are kept by name."""
    path = Path(tempfile.gettempdir(), f"fuzz-media-{os.getpid()}-{next(_number)}")
    path.write_bytes(data)
    try:
        yield path
    finally:
        path.unlink()


def read_sound(data: bytes, *, here: bool = True) -> None:
    """Probes, plays and looks for pauses; looks at it ``here`` first, where an exception shows what it is."""
    with file_of(data) as path:
        if here:
            look_at(path)
        info = probe(path)
        with ClipReader(path, 16_000) as clip:
            for _ in range(PLAYED_S):
                clip.read(16_000)
        spoken_parts(path, 0.5)
        read_mono(path, info.rate)


def read_video(data: bytes) -> None:
    """Probes, shows and plays its sound."""
    with file_of(data) as path:
        scan_here(path)
        info = probe_video(path)
        frames = FrameReader(path, VideoSpec(fps=8, max_side=64))
        try:
            for k in range(8 * PLAYED_S):
                frames.at(k)
        finally:
            frames.close()
        if info.has_audio:
            with ClipReader(VideoSound(path), 16_000) as clip:
                for _ in range(PLAYED_S):
                    clip.read(16_000)


def read_subtitle(data: bytes) -> None:
    """Draws a text, as a JSON file may hold it, lone surrogates included."""
    text = data.decode("utf-8", "surrogatepass" if data.isascii() else "surrogateescape")
    subtitled(np.zeros((96, 128, 3), np.uint8), text)


def read_summed(data: bytes) -> None:
    """Reads Ogg with right checksums: else hardly anything that is damaged reaches a decoder.

    Some of it ends whoever looks at it.
    """
    read_sound(summed(data), here=False)


def summed(data: bytes) -> bytes:
    """Ogg with the checksum of each page that begins where one is expected (RFC 3533) made right."""
    out, at = bytearray(data), 0
    while out[at : at + 4] == b"OggS" and at + 27 <= len(out):
        count = out[at + 26]
        end = at + 27 + count + sum(out[at + 27 : at + 27 + count])
        out[at + 22 : at + 26] = bytes(4)
        out[at + 22 : at + 26] = _crc(bytes(out[at:end])).to_bytes(4, "little")
        at = end
    return bytes(out[: len(data)])


def _crc(page: bytes) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[value >> 24 ^ byte]
    return value


def _row(value: int) -> int:
    for _ in range(8):
        value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if value >> 31 else 0)
    return value


_TABLE = [_row(byte << 24) for byte in range(256)]

TEXTS = ["Hello there.\nSecond line", "שלום עולם", "مرحبا 12", "naïve café — 😀", "a" * 300, "x\u0301y\u0302"]
DOCUMENTED = (BadSampleError,)
TARGETS = [
    Target("wav", seeds.WAV, read_sound, DOCUMENTED),
    Target("uncompressed", seeds.UNCOMPRESSED, read_sound, DOCUMENTED),
    Target("flac", seeds.FLAC, read_sound, DOCUMENTED),
    Target("mp3", seeds.MP3, read_sound, DOCUMENTED),
    Target("ogg", seeds.OGG, read_sound, DOCUMENTED),
    Target("ogg-summed", seeds.OGG, read_summed, DOCUMENTED),
    Target("m4a", seeds.M4A, read_sound, DOCUMENTED),
    Target("mp4", seeds.MP4, read_video, DOCUMENTED),
    Target("webm", seeds.WEBM, read_video, DOCUMENTED),
    Target("ts", seeds.TS, read_video, DOCUMENTED),
    Target("avi", seeds.AVI, read_video, DOCUMENTED),
    Target("subtitles", lambda: [text.encode() for text in TEXTS], read_subtitle, DOCUMENTED, text=True),
]
