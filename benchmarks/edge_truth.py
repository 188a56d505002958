"""Speech whose edges are known: clips of many voices, and the ordinary sounds that surround them.

A clip's edges are those of T50: the first and the last 2 ms whose RMS is within 50 dB of its loudest 2 ms.
It is cut there, so that all of its sound, and nothing else, lies between two known samples of a track. Where
a voice hisses by itself (flite, recordings), the edges are where it rises above that.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tml_bench.media.audio import read_mono
from tml_bench.synthesis import engines, voices

Samples = NDArray[np.float64]

RATE = 24_000
LEVELS_DBFS = (-15.0, -26.0, -40.0)
TEXTS = (
    "Four.",
    "Yes, please.",
    "Stop.",
    "Seventy six.",
    "Okay.",
    "Fish is what they have today.",
    "Hello there, how are you?",
    "The house is on the left.",
    "What time does the train leave?",
    "She sells fresh oysters.",
    "That is enough, thanks.",
    "Half past five, I think.",
    "Please wait a moment while I look it up.",
    "Violet thought it was a joke.",
)
HELD_OUT_TEXTS = (
    "Nine.",
    "Of course.",
    "Look up.",
    "Twenty eight.",
    "Who is it?",
    "Five hundred fish swam past.",
    "Thank you, that sounds perfect.",
    "My sister lives in Bath.",
    "Where did you put the keys?",
    "Just after half past twelve.",
    "He coughed and then laughed.",
    "Let me think about this.",
    "Every morning I walk to the market.",
    "Shall we start with the first page?",
)
"""What the rules were never fitted to."""
ESPEAK = ("en-us", "en-gb+f3", "en-us+m7", "en-gb-scotland+f5")
HELD_OUT_ESPEAK = ("en-us+f2", "en-gb+m3", "en-gb-x-rp+f4", "en-us+m1")
FLITE = ("slt", "rms", "awb", "kal16")
_POPS = "gb-f-2"
"""Its engine ends every text with a soft pop, 0.1 s after the speech, at which T50 would cut."""
_T50 = 10 ** (-50 / 20)
_FLITE = 10 ** (-42 / 20)
"""What flite says lies in a hiss 50 to 60 dB below its peak."""


class Clip(NamedTuple):
    """Speech cut at its edges, at ``RATE``, whose it is, and what its engine or recording has around it."""

    speaker: str
    samples: Samples
    lead: Samples
    tail: Samples

    def at(self, dbfs: float) -> Clip:
        """The same with this RMS, or softer where it would pass full scale."""
        gain = min(10 ** (dbfs / 20) / rms(self.samples), 0.95 / np.abs(self.samples).max())
        return Clip(self.speaker, self.samples * gain, self.lead * gain, self.tail * gain)


def speakers(held_out: bool = False) -> list[str]:
    """The voices of the extra ``voices``, then those of the commands espeak-ng and flite, where they are."""
    variants = HELD_OUT_ESPEAK if held_out else ESPEAK
    own = [voice for voice in voices.VOICES if voice != _POPS and not voices.missing(voice)]
    espeak = [f"espeak-ng {v}" for v in variants if shutil.which("espeak-ng")]
    flite = [f"flite {v}" for v in FLITE if shutil.which("flite")]
    return own + espeak + flite


def synthetic(folder: Path, held_out: bool = False) -> list[Clip]:
    """All texts by all speakers, kept in ``folder`` once they are made."""
    clips = []
    for speaker in speakers(held_out):
        for number, text in enumerate(HELD_OUT_TEXTS if held_out else TEXTS, 100 * held_out):
            path = folder / f"{speaker.replace(' ', '_')}-{number:02}.wav"
            if not path.exists():
                samples, rate = say(text, speaker)
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, samples, rate, subtype="FLOAT")
            clips.append(trimmed(speaker, read_mono(path, RATE)[0], _own(speaker)))
    return clips


def _own(speaker: str) -> float:
    return _FLITE if speaker.startswith("flite") else _T50


def say(text: str, speaker: str) -> tuple[NDArray[np.float32], int]:
    """A text as the engine gives it, with its rate."""
    engine, _, variant = speaker.partition(" ")
    if not variant:
        known = voices.VOICES[speaker]
        rate, samples = engines.speak(known.engine, known.speaker, text)
        return samples, rate
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        command = {
            "espeak-ng": ["espeak-ng", "-v", variant, "-w", str(path), text],
            "flite": ["flite", "-voice", variant, "-t", text, "-o", str(path)],
        }
        subprocess.run(command[engine], check=True)
        return read_mono(path)


def recorded(folder: Path, seconds: float = 6.0) -> list[Clip]:
    """Recorded speech: stretches of at most ``seconds`` that begin and end in a pause of 150 ms and more.

    A folder below ``folder`` is a speaker. A pause is where 10 ms stay 40 dB below the file's loudest. A
    stretch is cut at T50, or 6 dB above the recording's own noise, its quietest 10 ms in a hundred, if that
    is more.
    """
    clips: list[Clip] = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".wav", ".flac", ".ogg")):
        samples = read_mono(path, RATE)[0].astype(float)
        clips += _phrases(path.parent.name, samples, seconds)
    return clips


def _phrases(speaker: str, samples: Samples, seconds: float) -> Iterator[Clip]:
    level = envelope(samples, RATE // 100)[:: RATE // 100]
    floor = float(np.percentile(level, 1))
    quiet = level < max(level.max() / 100, 2 * floor)
    changes = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]])))
    pauses = [(a, b) for a, b in zip(changes[::2], changes[1::2], strict=True) if b - a >= 15]
    for (_, start), (end, _) in pairwise(pauses):
        if 40 <= end - start <= 100 * seconds:
            # To where either pause is quietest: what comes before may ring on, or be followed by a breath.
            first = (start - 15 + int(np.argmin(level[start - 15 : start]))) * RATE // 100
            last = (end + int(np.argmin(level[end : end + 15]))) * RATE // 100
            part = samples[first:last]
            yield trimmed(speaker, part, max(_T50, 2 * floor / envelope(part, RATE // 500).max()))


def trimmed(speaker: str, samples: NDArray[np.float32] | Samples, share: float = _T50) -> Clip:
    """A clip cut where its 2 ms envelope first and last passes a share of its highest."""
    exact = samples.astype(np.float64)
    level = envelope(exact, RATE // 500)
    loud = np.flatnonzero(level >= level.max() * share)
    start, end = loud[0], loud[-1] + 1
    return Clip(speaker, exact[start:end], exact[:start], exact[end:])


def envelope(samples: Samples, width: int) -> Samples:
    """RMS over ``width`` samples around each."""
    power = np.cumsum(np.concatenate([[0.0], samples**2]))
    first = np.clip(np.arange(samples.size) - width // 2, 0, samples.size)
    last = np.clip(first + width, 0, samples.size)
    level: Samples = np.sqrt(np.maximum(power[last] - power[first], 0) / width)
    return level


def rms(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(samples**2)))


def levelled(samples: Samples, dbfs: float) -> Samples:
    """The same with this RMS."""
    return samples * (10 ** (dbfs / 20) / rms(samples))


def white(n: int, random: np.random.Generator) -> Samples:
    """White noise of RMS 1."""
    return random.standard_normal(n)


def coloured(n: int, random: np.random.Generator, exponent: float, low: float = 20.0) -> Samples:
    """Noise of RMS 1 whose power falls with frequency to this exponent above ``low`` Hz, with none below."""
    size = 1 << n.bit_length()
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    shape = np.where(hertz >= low, np.maximum(hertz, low) ** (-exponent / 2), 0.0)
    return levelled(np.fft.irfft(np.fft.rfft(white(size, random)) * shape)[:n], 0.0)


def buzz(n: int, random: np.random.Generator) -> Samples:
    """Mains: 50 or 60 Hz and its harmonics to 2 kHz, falling with their number, of random phase; RMS 1."""
    mains = random.choice([50, 60])
    seconds = np.arange(n) / RATE
    parts = [
        np.sin(2 * np.pi * (mains * k * seconds + random.random())) / k for k in range(1, 2000 // mains + 1)
    ]
    return levelled(np.sum(parts, axis=0), 0.0)


def babble(n: int, random: np.random.Generator, clips: list[Clip], speaker: str) -> Samples:
    """Eight other voices that talk without a pause; RMS 1."""
    others = [clip for clip in clips if clip.speaker != speaker]
    total = np.zeros(n)
    for _ in range(8):
        talk = np.empty(0)
        while talk.size < n + RATE:
            talk = np.concatenate([talk, levelled(others[random.integers(len(others))].samples, 0.0)])
        start = random.integers(RATE)
        total += talk[start : start + n]
    return levelled(total, 0.0)


def reverberant(samples: Samples, random: np.random.Generator, rt60_s: float = 0.8) -> Samples:
    """A clip in a room: direct sound, and 6 dB below it noise that decays by 60 dB in ``rt60_s``."""
    seconds = np.arange(round(1.5 * rt60_s * RATE)) / RATE
    tail = white(seconds.size, random) * 10 ** (-3 * seconds / rt60_s)
    tail *= 0.5 / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    n = samples.size + tail.size - 1
    size = 1 << n.bit_length()
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size))[:n]


def breath(n: int, random: np.random.Generator) -> Samples:
    """A breath of ``n`` samples: noise about 400 to 4000 Hz that swells and fades; RMS 1."""
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    shape = 1 / (1 + (400 / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / 4000) ** 4)
    return levelled(np.fft.irfft(np.fft.rfft(white(n, random)) * shape, n) * np.hanning(n + 2)[1:-1], 0.0)


def hum(n: int, random: np.random.Generator) -> Samples:
    """A voice that has not opened yet: harmonics of 90 to 220 Hz, falling by 12 dB an octave; RMS 1."""
    pitch = random.uniform(90, 220)
    seconds = np.arange(n) / RATE
    parts = [np.sin(2 * np.pi * k * pitch * seconds + k) / k**2 for k in range(1, 9)]
    return levelled(np.sum(parts, axis=0), 0.0)


def write(path: Path, samples: Samples, rate: int = RATE) -> None:
    """Store a track in 16 bits, as a recording holds it, at any rate."""
    if rate != RATE:
        samples = soxr.resample(samples, RATE, rate)
    soundfile.write(path, samples, rate, subtype="PCM_16")
