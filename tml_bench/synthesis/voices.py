"""The voices that items are spoken in, by names that stay: ``render("Say hello.", "us-f-1")``.

A clip is mono at 16 kHz. Speech begins ``PAD_S`` into it and ends ``PAD_S`` before its end; begin and end are
where the energy comes within 35 dB of the clip's highest (``speech.edges``). The pads hold what the engine
itself gave there, so that a weak first or last consonant is not cut off, faded to silence at the ends.
Silences are cut to at most ``PAUSE_S``, or ``TALKED_ON_S`` where nobody is to be let in. The root mean square
of the active speech is ``speech.LEVEL_DBFS``.

A name is accent, sex and a number; which engine and speaker stand behind it is part of the data's version.
"""

from dataclasses import dataclass

import numpy as np
import soxr

from tml_bench.errors import UserError
from tml_bench.samples import Waveform
from tml_bench.synthesis import engines, speech

RATE = 16_000
PAD_S = 0.05
PAUSE_S, TALKED_ON_S = 0.5, 0.12
PACES = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who stands behind a name: an engine's speaker, and the licence of voice and engine."""

    engine: str
    speaker: str
    description: str
    licence: str


_KOKORO = "Apache-2.0 (Kokoro-82M)"
VOICES: dict[str, Speaker] = {
    "us-f-1": Speaker("hibari", "heart", "US English, female", "Apache-2.0 (hibari-tts)"),
    "us-f-2": Speaker("kokoro", "af_bella", "US English, female", _KOKORO),
    "us-m-1": Speaker("kokoro", "am_michael", "US English, male", _KOKORO),
    "us-m-2": Speaker("joe", "joe", "US English, male", "CC0 (en_US-joe-medium), spoken by Piper (GPL-3.0)"),
    "gb-f-1": Speaker("kokoro", "bf_emma", "British English, female", _KOKORO),
    "gb-f-2": Speaker("kokoro", "bf_isabella", "British English, female", _KOKORO),
    "gb-m-1": Speaker("kokoro", "bm_george", "British English, male", _KOKORO),
    "gb-m-2": Speaker("kokoro", "bm_lewis", "British English, male", _KOKORO),
}


def render(text: str, voice: str, pace: float = 1.0, longest_pause_s: float = PAUSE_S) -> Waveform:
    """Say a text.

    Args:
        text: English, numbers in digits or words, punctuation kept.
        voice: a name in ``VOICES``.
        pace: factor on speech rate, 0.5 to 2; 1 is the voice's own. Between 0.8 and 1.25 the clip's length
            follows it to within 15 %.
        longest_pause_s: longer silences are cut to this.

    Returns:
        A clip as described above.

    Raises:
        UserError: the voice or the pace is unknown, the text has nothing to say, or the extra ``voices`` is
            not installed.
    """
    speaker = VOICES.get(voice)
    if speaker is None:
        raise UserError(f"there is no voice {voice!r}", f"choose from {', '.join(VOICES)}")
    if not PACES[0] <= pace <= PACES[1]:
        raise UserError(f"pace {pace:g} is outside {PACES[0]:g} to {PACES[1]:g}", "1 is the voice's own")
    if not any(map(str.isalnum, text)):
        raise UserError(f"there is nothing to say in {text!r}", "give it a word")
    rate, raw = engines.speak(speaker.engine, speaker.speaker, text, pace)
    audio = soxr.resample(raw, rate, RATE, quality="HQ").astype(np.float32)
    return Waveform(_levelled(_padded(audio, longest_pause_s)), RATE)


def missing(voice: str) -> str:
    """What the extra lacks here for a voice, as a sentence; empty when it can speak."""
    return engines.missing(VOICES[voice].engine)


def _padded(audio: speech.Samples, longest_pause_s: float) -> speech.Samples:
    """The speech with its pads, long pauses cut; a whole number of milliseconds."""
    pad = round(PAD_S * RATE)
    audio = np.pad(audio, 2 * pad)  # the envelope rises before a first loud sample
    start, end = speech.edges(audio, RATE)
    clip = speech.shorten_pauses(audio[start - pad : end + pad], RATE, longest_pause_s)
    # Full strength beside the speech, whose edge would otherwise move, then down to silence.
    fade = np.minimum(np.linspace(0.0, 1.25, pad, endpoint=False, dtype=np.float32), 1.0)
    clip[:pad] *= fade
    clip[-pad:] *= fade[::-1]
    return clip


def _levelled(audio: speech.Samples) -> speech.Samples:
    active = audio[speech.loud(audio, RATE)].astype(np.float64)
    gain = 10.0 ** (speech.LEVEL_DBFS / 20.0) / float(np.sqrt(np.mean(active**2)))
    return audio * np.float32(min(gain, 0.99 / float(np.abs(audio).max())))
