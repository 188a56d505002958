"""Opening audio files that are whole; what is cut short or unfinished is told, not read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Literal

import soundfile

from tml_bench.errors import BadSampleError

_RATES = range(2000, 384_001)
_SIZE_UNKNOWN = 0x7FFFF000  # ffmpeg writes 0xFFFFFFFF, sox 0x7FFFF000, when the length is not known yet


def open_audio(path: Path) -> soundfile.SoundFile:
    """Open a file whose audio is all there.

    Raises:
        BadSampleError: it is missing, no audio, empty, unfinished or truncated.
    """
    if not path.is_file():
        raise BadSampleError(f"{path} does not exist or is not a file")
    if path.stat().st_size == 0:
        raise BadSampleError(f"{path} is empty (0 bytes)")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise BadSampleError(
            f"{path} is not audio that can be read ({error.error_string}); WAV, FLAC, OGG and MP3 can"
        ) from error
    try:
        _check(path, file)
    except BaseException:
        file.close()
        raise
    return file


def _check(path: Path, file: soundfile.SoundFile) -> None:
    check_rate(str(path), file.samplerate)
    promised = _riff_data_bytes(path)
    if promised is not None:
        size, there = promised
        if size > there:
            raise BadSampleError(f"{path} is truncated: it has {there} of the {size} bytes of audio promised")
        if size == 0 and there > 0:
            raise BadSampleError(
                f"{path} is unfinished: its header says 0 bytes of audio and {there} bytes follow; "
                f"rewrite it, for instance with `ffmpeg -i {path.name} whole.wav`"
            )
    if file.frames <= 0:
        raise BadSampleError(f"{path} holds no samples")
    # libsndfile believes a compressed file's header; only its last sample shows whether the rest is there.
    try:
        file.seek(file.frames - 1)
        whole = len(file.read(1)) == 1
        file.seek(0)
    except soundfile.LibsndfileError:
        whole = False
    if not whole:
        raise BadSampleError(f"{path} is truncated: it ends before sample {file.frames}, its last")


def check_rate(name: str, rate: int) -> None:
    """Refuse a rate in Hz outside what is read, with a BadSampleError that names ``name``."""
    if rate not in _RATES:
        raise BadSampleError(f"{name} has a rate of {rate} Hz, outside {_RATES.start}-{_RATES.stop - 1} Hz")


def _riff_data_bytes(path: Path) -> tuple[int, int] | None:
    """Bytes of audio promised and present in a RIFF WAVE file; None for other files or unknown sizes."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RIFX") or head[8:] != b"WAVE":
            return None
        size = _find_data_chunk(file, "little" if head[:4] == b"RIFF" else "big")
        if size is None or size >= _SIZE_UNKNOWN:
            return None
        return size, os.fstat(file.fileno()).st_size - file.tell()


def _find_data_chunk(file: BinaryIO, order: Literal["little", "big"]) -> int | None:
    """Move to the body of the ``data`` chunk and return the size its header states."""
    while len(header := file.read(8)) == 8:
        size = int.from_bytes(header[4:], order)
        if header[:4] == b"data":
            return size
        file.seek(size + size % 2, os.SEEK_CUR)
    return None
