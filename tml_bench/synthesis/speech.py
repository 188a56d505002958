"""Synthetic speech for the audio that ships: voices, exact edges, pauses, level and word times.

Only the scripts that render shipped audio use this module (extras ``voices`` and ``speech``); a run never
synthesises speech. Everything here is deterministic on one machine. Neural voices are not promised to be
bit-exact across processors, which is why the rendered audio ships and not the promise.

**Edges.** The energy envelope is the root mean square over a centred 5 ms window. Speech starts at the first
sample and ends after the last sample whose envelope lies within 35 dB of the clip's highest. What lies
outside is cut off, so that a detector with a threshold a little lower (-38 or -40 dB is usual) finds the same
edges. A neural voice's own duration marks are not used: they miss the acoustics by 45 ms at the start and up
to 0.5 s at the end.

**Word times** are forced alignments by pocketsphinx of the known text, with the first word's start and the
last word's end set from the energy edges.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from tml_bench.synthesis import engines

Samples = NDArray[np.float32]

EDGE_DB = -35.0
"""Speech begins and ends where the envelope crosses this level relative to the clip's highest."""
ENVELOPE_S = 0.005
LEVEL_DBFS = -23.0
"""Root mean square of every rendered clip, relative to full scale."""
FADE_S = 0.001


@dataclass(frozen=True, slots=True)
class SynthesisVoice:
    """A speaker.

    Attributes:
        engine: ``hibari`` (US female "heart") or ``joe`` (US male, Piper).
        shift: factor on pitch and formants; speech rate is kept. 1 leaves the engine's own voice, a few
            per cent away from it is heard as another speaker.
        speed: factor on speech rate; 1 is the engine's own.
    """

    engine: str
    shift: float = 1.0
    speed: float = 1.0


def synthesise(text: str, voice: SynthesisVoice, rate: int) -> Samples:
    """Speak ``text``, trimmed to its energy edges and levelled.

    Returns:
        Shape (n,), float32, a whole number of milliseconds, ``LEVEL_DBFS`` root mean square. Sample 0 is the
        energy onset, the last sample the energy end.
    """
    engine_rate, raw = engines.speak(voice.engine, "", text, voice.speed / voice.shift)
    # Playing the samples `shift` times faster raises pitch and formants; the slower synthesis keeps the rate.
    resampled = soxr.resample(raw, engine_rate * voice.shift, rate, quality="HQ")
    return level(trim(resampled.astype(np.float32), rate))


def trim(samples: Samples, rate: int) -> Samples:
    """Cut to the energy edges, at a whole number of milliseconds, with 1 ms fades against clicks."""
    start, end = edges(samples, rate)
    millisecond = rate // 1000
    length = -(-(end - start) // millisecond) * millisecond
    cut = np.zeros(length, np.float32)
    cut[: end - start] = samples[start:end]
    fade = int(FADE_S * rate)
    ramp = np.linspace(0.0, 1.0, fade + 1, dtype=np.float32)[1:]
    cut[:fade] *= ramp
    cut[end - start - fade : end - start] *= ramp[::-1]
    return cut


def edges(samples: Samples, rate: int) -> tuple[int, int]:
    """First sample of speech and the one after its last, by energy. Raises ValueError without sound."""
    active = np.flatnonzero(loud(samples, rate))
    if active.size == 0:
        raise ValueError("no sound in the clip")
    return int(active[0]), int(active[-1]) + 1


def loud(samples: Samples, rate: int) -> NDArray[np.bool_]:
    """Which samples lie within 35 dB of the clip's highest envelope; all false for silence."""
    width = max(1, round(ENVELOPE_S * rate))
    power = np.convolve(samples.astype(np.float64) ** 2, np.full(width, 1.0 / width), mode="same")
    highest = float(power.max(initial=0.0))
    if highest <= 0.0:
        return np.zeros(len(samples), np.bool_)
    return np.asarray(power >= highest * 10.0 ** (EDGE_DB / 10.0), np.bool_)


def silences(samples: Samples, rate: int) -> list[tuple[int, int]]:
    """Stretches below the edge level between the first and the last sound, as sample ranges."""
    active = np.flatnonzero(loud(samples, rate))
    breaks = np.flatnonzero(np.diff(active) > 1)
    return [(int(active[i]) + 1, int(active[i + 1])) for i in breaks]


def shorten_pauses(samples: Samples, rate: int, longest_s: float) -> Samples:
    """Cut the middle out of every silence longer than ``longest_s``; its two edges stay as they are."""
    keep = np.ones(len(samples), np.bool_)
    half = int(longest_s * rate / 2)
    for start, end in silences(samples, rate):
        if end - start > 2 * half:
            keep[start + half : end - half] = False
    kept = samples[keep]
    millisecond = rate // 1000
    return kept[: len(kept) // millisecond * millisecond]


def level(samples: Samples) -> Samples:
    """Scale to ``LEVEL_DBFS`` root mean square."""
    rms = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
    return samples * np.float32(10.0 ** (LEVEL_DBFS / 20.0) / rms)


def write_flac(path: Path, samples: Samples, rate: int) -> None:
    """Write mono 16-bit FLAC, making the folder. Raises ValueError if a sample exceeds full scale."""
    if float(np.abs(samples).max(initial=0.0)) >= 1.0:
        raise ValueError(f"{path.name} would clip")
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, np.round(samples * 32767).astype(np.int16), rate, subtype="PCM_16", format="FLAC")


def write_json(path: Path, value: object) -> None:
    """Write JSON for people to read, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
