"""The two tracks of a recording as the viewer gives them: as they are, or compressed for an export."""

from __future__ import annotations

import base64
from enum import StrEnum
from io import BytesIO
from pathlib import Path

import av
import soundfile

SIDES = ("user", "model")
LARGEST_TEXT = 1 << 26
"""Largest track in bytes that an export holds as text too: 15 minutes uncompressed are smaller, and the page
decodes no longer ones."""
_RATE = 48_000
"""Opus counts in this rate, whatever it was given."""
_FRAME = 960
_BITS_PER_S = 24_000


class TrackForm(StrEnum):
    """How tracks are given; the value is the ending of their addresses."""

    FLAC = "flac"
    """The recording's own files."""
    OPUS = "ogg"
    """Opus, a tenth of the size: what is heard is nearly the same, its bytes are not what was scored."""

    @property
    def names(self) -> tuple[str, ...]:
        """The last part of both tracks' addresses."""
        return tuple(f"{side}.{self}" for side in SIDES)

    def of(self, folder: Path, name: str) -> Path | bytes:
        """The track of a recording's folder by the last part of its address.

        Raises:
            soundfile.LibsndfileError: it is to be compressed and cannot be read.
        """
        path = folder / f"{name.removesuffix(f'.{self}')}.flac"
        return path if self is TrackForm.FLAC else _opus(path)

    def text(self, folder: Path, name: str) -> bytes:
        """The same as a JSON string in base64, for pages that may not fetch."""
        track = self.of(folder, name)
        content = track if isinstance(track, bytes) else track.read_bytes()
        return b'"' + base64.b64encode(content) + b'"'


def _opus(path: Path) -> bytes:
    """A mono track as Opus in Ogg, 24 kbit/s; the same bytes whenever it is asked for."""
    samples, rate = soundfile.read(path, dtype="float32")
    out = BytesIO()
    bitexact = {"fflags": "+bitexact", "serial_offset": "1"}  # else each file has a random number
    with av.open(out, "w", format="ogg", options=bitexact) as file:
        stream = file.add_stream("libopus", rate=_RATE, layout="mono")
        stream.bit_rate = _BITS_PER_S
        resampler = av.AudioResampler("flt", "mono", _RATE, frame_size=_FRAME)
        frame = av.AudioFrame.from_ndarray(samples[None], "flt", "mono")
        frame.sample_rate = rate
        for given in (frame, None):
            for resampled in resampler.resample(given):
                file.mux(stream.encode(resampled))
        file.mux(stream.encode(None))
    return out.getvalue()
