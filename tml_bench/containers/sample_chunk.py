"""Where the samples lie in an uncompressed audio file, what its header says of them, and what is there.

WAV (RIFF, RIFX, RF64, BW64, Sony's W64), AIFF, AU, CAF and NIST SPHERE state the number of bytes of samples
before them. Whoever writes into a pipe cannot know it: then it is 0 or about 2**31 or 2**32 (2**63 or 2**64
where sizes have 64 bits), which leaves the length *open*: the samples end where the file ends. Recorders that
are stopped leave a size that is too small, or 0. Then no chunk follows the stated end, and the samples go on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from tml_bench.errors import BadSampleError

_Order = Literal["little", "big"]
_NEAR = 4096
"""Sizes this near to 2**31 and the like are no sizes; writers take the header's bytes off, or round."""
_SOX_AIFF = 0x7F000000
_FORM_MOST = 65_536
"""Bytes of what is read to learn the form of the samples; a hundred are usual."""
_CHUNK = re.compile(rb"[\x20-\x7e]{4}\Z")
_SECOND = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"riff")
_KNOWN = (
    b"LIST", b"list", b"INFO", b"bext", b"cue ", b"smpl", b"inst", b"fact", b"PEAK", b"JUNK", b"junk",
    b"PAD ", b"FLLR", b"id3 ", b"ID3 ", b"iXML", b"axml", b"_PMX", b"cart", b"DISP", b"acid", b"plst",
    b"LGWV", b"afsp", b"ANNO", b"NAME", b"AUTH", b"(c) ", b"MARK", b"INST", b"COMT", b"APPL", b"CHAN",
    b"AESD", b"MIDI",
)  # fmt: skip
"""Chunks that follow samples; such a one may itself be cut off without a sample being lost."""
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"<?xml")
"""What programs append without a chunk round it."""


@dataclass(frozen=True, slots=True)
class SampleChunk:
    """The samples of an uncompressed file.

    Attributes:
        head: bytes to put before the samples so that libsndfile reads all that it is given; empty where there
            are none that would do.
        start: where in the file they begin.
        stated: how many bytes the header says they take; None where it leaves it open.
        there: how many bytes there are.
    """

    head: bytes
    start: int
    stated: int | None
    there: int


def find_samples(path: Path) -> SampleChunk | None:
    """Look through a file's chunks; None for files of another kind.

    Raises:
        BadSampleError: it holds no samples, or a second recording behind the first.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        begin = after_id3(file)
        file.seek(begin)
        mark = file.read(16)
        if mark[:8] == b"NIST_1A\n":
            return _nist(file, begin, size)
        if mark[:4] in (b".snd", b"dns."):
            return _au(file, begin, size)
        if mark[:4] == b"caff":
            return _caf(path, file, begin, size)
        if mark[:4] == b"FORM" and mark[8:12] in (b"AIFF", b"AIFC"):
            return _aiff(path, file, begin, size)
        if mark[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and mark[8:12] == b"WAVE":
            return _wave(path, file, begin, size)
        if mark == _W64_RIFF:
            return _w64(path, file, begin, size)
    return None


def after_id3(file: BinaryIO) -> int:
    """Where a file goes on behind the ID3v2 tags that it begins with; 0 without."""
    at = 0
    while True:
        file.seek(at)
        tag = file.read(10)
        if len(tag) < 10 or tag[:3] != b"ID3" or max(tag[6:10]) > 127:
            return at
        length = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        at += 10 + length + (10 if tag[5] & 0x10 else 0)


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    start: int
    size: int


def _chunks(file: BinaryIO, at: int, order: _Order, body: bytes) -> Iterator[_Chunk]:
    """Chunks from ``at`` up to the one named ``body``, which is the last."""
    while True:
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            return
        chunk = _Chunk(header[:4], at + 8, int.from_bytes(header[4:], order))
        yield chunk
        if chunk.name == body:
            return
        at = chunk.start + chunk.size
        if chunk.size % 2 and not _forgotten_pad(file, at):
            at += 1


def _forgotten_pad(file: BinaryIO, at: int) -> bool:
    """Whether the byte that makes a chunk of odd size even was left out: the next name stands at once."""
    file.seek(at)
    return file.read(4) in (b"data", b"fmt ", b"SSND", b"COMM", *_KNOWN)


def _wave(path: Path, file: BinaryIO, begin: int, size: int) -> SampleChunk:
    file.seek(begin)
    kind = file.read(4)
    order: _Order = "big" if kind == b"RIFX" else "little"
    form, long_size, last = b"", None, None
    for last in _chunks(file, begin + 12, order, b"data"):
        file.seek(last.start)
        if last.name == b"fmt ":
            form = file.read(min(last.size, _FORM_MOST))
        if last.name == b"ds64":
            long_size = int.from_bytes(file.read(24)[8:16], "little")
    if last is None or last.name != b"data" or not form:
        raise BadSampleError(f"{path} is not audio that can be read: it ends before its samples")
    stated: int | None = last.size
    if kind in (b"RF64", b"BW64") and last.size == 0xFFFFFFFF:
        stated = long_size if long_size and not _open(long_size) else None
    elif _open(last.size):
        stated = None
    head = _wave_head(b"RIFX" if kind == b"RIFX" else b"RIFF", order, form)
    return _judged(path, file, SampleChunk(head, last.start, stated, size - last.start), order)


def _wave_head(kind: bytes, order: _Order, form: bytes) -> bytes:
    unknown = b"\xff" * 4
    return kind + unknown + b"WAVEfmt " + len(form).to_bytes(4, order) + form + b"data" + unknown


_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")


def _w64(path: Path, file: BinaryIO, begin: int, size: int) -> SampleChunk:
    """Chunks with names of 16 bytes and sizes of 8, which count the header's 24, at multiples of 8."""
    at, form = begin + 40, b""
    while True:
        file.seek(min(at, size))
        header = file.read(24)
        if len(header) < 24:
            raise BadSampleError(f"{path} is not audio that can be read: it ends before its samples")
        length = int.from_bytes(header[16:], "little")
        if header[:16] == b"data" + _W64_TAIL:
            break
        if header[:16] == b"fmt " + _W64_TAIL:
            form = file.read(min(max(0, length - 24), _FORM_MOST))
        at += max(24, length + -length % 8)
    stated = None if _open(length) or length <= 24 else length - 24
    chunk = SampleChunk(_wave_head(b"RIFF", "little", form), at + 24, stated, size - at - 24)
    # What follows has names of 16 bytes: all of this format end alike.
    file.seek(min(chunk.start + (stated or 0) + -(stated or 0) % 8, size))
    follows = file.read(16)[4:] == _W64_TAIL
    return chunk if not follows else SampleChunk(chunk.head, chunk.start, stated, stated or chunk.there)


def _aiff(path: Path, file: BinaryIO, begin: int, size: int) -> SampleChunk:
    common, last = None, None
    for last in _chunks(file, begin + 12, "big", b"SSND"):
        if last.name == b"COMM":
            common = last
    if last is None or last.name != b"SSND" or common is None:
        raise BadSampleError(f"{path} is not audio that can be read: it ends before its samples")
    file.seek(last.start)
    start = last.start + 8 + int.from_bytes(file.read(4), "big")
    stated = None if _open(last.size) or last.size <= 8 else last.size - (start - last.start)
    if start > size or (stated is not None and stated < 0):
        raise BadSampleError(f"{path} is not audio that can be read: its samples begin behind their end")
    chunk = _judged(path, file, SampleChunk(b"", start, stated, size - start), "big")
    file.seek(common.start)
    fields = file.read(min(common.size, _FORM_MOST))
    frame = int.from_bytes(fields[:2], "big") * ((int.from_bytes(fields[6:8], "big") + 7) // 8)
    frames = chunk.there // max(1, frame) if fields[18:22] in (b"", *_AIFF_PLAIN) else 0x7FFFFFFF
    fields = fields[:2] + min(frames, 0xFFFFFFFF).to_bytes(4, "big") + fields[6:]
    file.seek(begin + 8)
    kind, length = file.read(4), min(chunk.there, 0xFFFFFF00)
    version = b"FVER" + (4).to_bytes(4, "big") + b"\xa2\x80\x51\x40" if kind == b"AIFC" else b""
    body = kind + version + b"COMM" + len(fields).to_bytes(4, "big") + fields + b"\0" * (len(fields) % 2)
    body += b"SSND" + (length + 8).to_bytes(4, "big") + b"\0" * 8
    head = b"FORM" + min(len(body) + length, 0xFFFFFFFF).to_bytes(4, "big") + body
    return SampleChunk(head, start, chunk.stated, chunk.there)


_AIFF_PLAIN = (
    b"NONE",
    b"twos",
    b"sowt",
    b"fl32",
    b"FL32",
    b"fl64",
    b"FL64",
    b"in24",
    b"in32",
    b"42ni",
    b"23ni",
)


def _au(file: BinaryIO, begin: int, size: int) -> SampleChunk:
    file.seek(begin)
    fields = file.read(24)
    order: _Order = "big" if fields[:4] == b".snd" else "little"
    start = begin + int.from_bytes(fields[4:8], order)
    stated = int.from_bytes(fields[8:12], order)
    head = fields[:4] + (24).to_bytes(4, order) + b"\xff" * 4 + fields[12:]
    return SampleChunk(head, start, None if _open(stated) else stated, size - start)


def _caf(path: Path, file: BinaryIO, begin: int, size: int) -> SampleChunk:
    """Chunks with sizes of 8 bytes; that of the samples begins with the number of edits."""
    at = begin + 8
    while True:
        file.seek(min(at, size))
        header = file.read(12)
        length = int.from_bytes(header[4:], "big")
        if len(header) < 12:
            raise BadSampleError(f"{path} is not audio that can be read: it ends before its samples")
        if header[:4] == b"data":
            break
        at += 12 + length
    start = at + 16
    stated = None if _open(length) or length < 4 else length - 4
    there = max(0, size - start)
    file.seek(min(start + (stated or 0), size))
    if stated is not None and file.read(4) in _CAF_CHUNKS:
        there = stated
    file.seek(begin)
    before = file.read(at - begin)
    return SampleChunk(before + b"data" + (there + 4).to_bytes(8, "big") + b"\0" * 4, start, stated, there)


_CAF_CHUNKS = (
    b"free",
    b"info",
    b"pakt",
    b"strg",
    b"mark",
    b"regn",
    b"edct",
    b"uuid",
    b"umid",
    b"ovvw",
    b"midi",
)


def _nist(file: BinaryIO, begin: int, size: int) -> SampleChunk | None:
    file.seek(begin)
    head = file.read(_FORM_MOST)
    fields = dict(re.findall(rb"^(\w{1,64}) -i (\d{1,18})\b", head, re.MULTILINE))
    length = re.match(rb"NIST_1A\n\s{0,16}(\d{1,18})\n", head)
    if not length or b"sample_count" not in fields:
        return None
    start = begin + int(length[1])
    # Companded samples may go without a width.
    width = int(fields.get(b"sample_n_bytes", 1)) * int(fields.get(b"channel_count", 1))
    return SampleChunk(b"", start, int(fields[b"sample_count"]) * width, size - start)


def _open(size: int) -> bool:
    """Whether a stated size is what writers put where they do not know it, other than 0."""
    powers = (2**31, 2**32, 2**63, 2**64)
    return size == _SOX_AIFF or any(abs(size - power) <= _NEAR for power in powers)


def _judged(path: Path, file: BinaryIO, chunk: SampleChunk, order: _Order) -> SampleChunk:
    """The chunk with what is there of samples: no more than stated where something else follows them."""
    if chunk.stated is None or chunk.stated > chunk.there or chunk.stated == chunk.there:
        return chunk
    end = chunk.start + chunk.stated
    if any(_followed(path, file, at, order) for at in {end, end + chunk.stated % 2}):
        return SampleChunk(chunk.head, chunk.start, chunk.stated, chunk.stated)
    return chunk


def _followed(path: Path, file: BinaryIO, at: int, order: _Order) -> bool:
    """Whether what stands at the stated end of the samples and fills the rest of the file is none of them."""
    size = os.fstat(file.fileno()).st_size
    file.seek(at)
    rest = file.read(4096)
    if not rest.strip(b"\0") and size - at <= len(rest):
        return True
    if rest.startswith(_TAGS) or rest[:4] in _KNOWN:
        return True
    while at + 8 <= size:
        file.seek(at)
        header = file.read(8)
        if header[:4] in _SECOND:
            raise BadSampleError(
                f"{path} holds a second recording behind the first, which players leave out; "
                "take them apart, or join them with a program for sound"
            )
        length = int.from_bytes(header[4:], order)
        if not _CHUNK.match(header[:4]) or at + 8 + length > size:
            return False
        at += 8 + length + length % 2
    return True
