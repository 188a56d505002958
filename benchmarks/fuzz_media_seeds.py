"""Small real sound and video files for `fuzz_media.py`, a third of a second each."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000
PICTURES, SIZE = 9, (64, 64)
"""With smaller pictures x265 overwrites memory that is not its own."""
Make = Callable[[Path], object]


def tone(rate: int = RATE, channels: int = 1) -> NDArray[np.float32]:
    """A third of a second of a tone, shape (n, channels)."""
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate // 3) / rate)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def sound(form: str, subtype: str, rate: int = RATE, channels: int = 1, endian: str = "FILE") -> Make:
    """Writes a file with libsndfile."""

    def make(path: Path) -> None:
        soundfile.write(path, tone(rate, channels), rate, subtype, endian, form)

    return make


def film(
    form: str, codec: str, sound_codec: str = "", options: dict[str, str] | None = None, title: str = ""
) -> Make:
    """Writes a file with FFmpeg: pictures, where ``codec`` is given, and sound, where ``sound_codec`` is."""

    def make(path: Path) -> None:
        with av.open(str(path), "w", format=form, container_options=options or {}) as container:
            container.metadata["title"] = title
            pictures = _pictures(container, codec) if codec else []
            pieces = _pieces(container, sound_codec) if sound_codec else []
            container.mux(pictures)
            container.mux(pieces)

    return make


def _pictures(container: av.container.OutputContainer, codec: str) -> list[av.Packet[av.VideoStream]]:
    stream = container.add_stream(codec, rate=25)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height = SIZE
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    stream.codec_context.gop_size = 4
    if codec == "libx265":
        stream.options = {"x265-params": "log-level=none"}
    packets = []
    for index in range(PICTURES):
        image = np.full((*SIZE[::-1], 3), 20 * index, np.uint8)
        image[: 3 * index, : 4 * index, 0] = 255
        packets += stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24"))
    return packets + stream.encode()


def _pieces(container: av.container.OutputContainer, codec: str) -> list[av.Packet[av.AudioStream]]:
    rate = 48_000
    stream = container.add_stream(codec, rate=rate, layout="mono")
    assert isinstance(stream, av.AudioStream)
    packets = []
    samples = tone(rate)
    for at in range(0, len(samples), 960):
        piece = av.AudioFrame.from_ndarray(samples[at : at + 960].T, format="flt", layout="mono")
        piece.sample_rate, piece.pts, piece.time_base = rate, at, Fraction(1, rate)
        packets += stream.encode(piece)
    return packets + stream.encode()


def made(*makes: Make) -> Callable[[], list[bytes]]:
    """What some writers write."""

    def seeds() -> list[bytes]:
        files = []
        with TemporaryDirectory() as folder:
            for make in makes:
                path = Path(folder, "seed")
                make(path)
                files.append(path.read_bytes())
        return files

    return seeds


FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
WAV = made(
    sound("WAV", "PCM_16"),
    sound("WAV", "PCM_U8", 8000, 2),
    sound("WAV", "FLOAT"),
    sound("WAV", "ULAW", 8000),
    sound("WAV", "IMA_ADPCM"),
    sound("WAV", "MS_ADPCM", channels=2),
    sound("WAV", "GSM610", 8000),
    sound("WAV", "G721_32", 8000),
    sound("WAV", "PCM_24", endian="BIG"),
    sound("WAVEX", "PCM_16", channels=4),
    sound("RF64", "PCM_16"),
)
UNCOMPRESSED = made(
    sound("W64", "PCM_16"),
    sound("W64", "IMA_ADPCM"),
    sound("AIFF", "PCM_16", channels=2),
    sound("AIFF", "IMA_ADPCM"),
    sound("AIFF", "GSM610"),
    sound("AIFF", "PCM_S8"),
    sound("AU", "ULAW", 8000),
    sound("AU", "G723_24", 8000),
    sound("CAF", "PCM_16"),
    sound("CAF", "ALAC_16"),
    sound("NIST", "PCM_16"),
)
FLAC = made(
    sound("FLAC", "PCM_16"),
    sound("FLAC", "PCM_24", channels=2),
    sound("FLAC", "PCM_S8", 8000),
    film("flac", "", "flac"),
)
MP3 = made(
    sound("MP3", "MPEG_LAYER_III"),
    sound("MP3", "MPEG_LAYER_III", 48_000, 2),
    sound("MP3", "MPEG_LAYER_III", 8000),
    film("mp3", "", "libmp3lame", title="a title"),
)
OGG = made(
    sound("OGG", "VORBIS"),
    sound("OGG", "VORBIS", 44_100, 2),
    sound("OGG", "OPUS"),
    sound("OGG", "OPUS", 48_000, 2),
    film("ogg", "", "libopus", title="a title"),
    film("ogg", "", "flac"),
)
M4A = made(
    film("mp4", "", "aac", title="a title"),
    film("mp4", "", "aac", FRAGMENTS),
    film("mp4", "", "alac"),
    film("adts", "", "aac"),
    film("webm", "", "libopus"),
    film("matroska", "", "flac"),
)
MP4 = made(
    film("mp4", "libx264", "aac", title="a title"),
    film("mp4", "mpeg4", "", FRAGMENTS),
    film("mov", "mjpeg", "pcm_s16le"),
    film("mp4", "libx265", "libopus"),
)
WEBM = made(
    film("webm", "libvpx", "libopus", title="a title"),
    film("webm", "libvpx-vp9", "libopus"),
    film("matroska", "libx264", "aac"),
    film("matroska", "ffv1", "flac"),
)
TS = made(
    film("mpegts", "libx264", "aac"),
    film("mpegts", "mpeg2video", "mp2"),
    film("mpegts", "libx264", "ac3"),
)
AVI = made(
    film("avi", "mpeg4", "libmp3lame"),
    film("avi", "mjpeg", "pcm_s16le"),
    film("flv", "flv1", "aac"),
)
