"""A perfect model with a real voice: it says an accepted reply of every event of a timed task, in time.

English is spoken by the voice `us-f-1` of the extra ``voices``; German, Spanish, French and Italian by Pico
(``pico2wave`` of Debian's libttspico-utils); Portuguese by Kokoro in the style "pf_dora" (``pf_dora.npy``
holds its first 64 vectors, from kokoro-js 1.2.1, Apache-2.0) with the phonemes of Piper's espeak-ng. All are
cut at their first and last sound. Of the replies that an item accepts it says the
one of most words, at most `MOST_WORDS`, that ends early enough before the next and lasts at most `LONGEST_S`:
a phrase is easier to recognise than a word, and a perfect model may choose.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import soundfile
import soxr

from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter, Transcript
from tml_bench.errors import UserError
from tml_bench.synthesis import engines, speech
from tml_bench.tasks._timed.expected import DueEvent, TimedAnnotation, ideal
from tml_bench.timebase import first_sample_at, nanoseconds

RATE = 16_000
MOST_WORDS, LONGEST_S, APART_S, PAUSE_S = 6, 2.5, 0.2, 0.3
"""Most words and length of a reply, silence between two beyond the item's, longest pause within one."""
SLOWEST = 0.7
"""Below this pace the parts of a talk are said apart, at even distances."""
PICO = {"de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}


class SpokenOracle(StepAdapter):
    """Says what is expected, each reply to the sample at its time, with a transcript without word times."""

    audio_in = audio_out = RATE
    privileged = True

    def start(self, session: SessionStart) -> None:
        """Plan the session."""
        assert session.reference is not None
        item = session.reference.annotation
        assert isinstance(item, TimedAnnotation)
        self._tick_ns, self._until = session.tick_ns, 0
        self._lines = [
            (first_sample_at(nanoseconds(at), RATE), text, audio) for at, text, audio in lines(item)
        ]

    def step(self, turn: MicroTurn) -> list[Output]:
        """The replies that begin in the micro-turn after this, whole."""
        begin = first_sample_at(turn.end_ns, RATE)
        end = first_sample_at(turn.end_ns + self._tick_ns, RATE)
        said = []
        for start, text, audio in self._lines:
            if begin <= start < end:
                lead = np.zeros(max(0, start - max(begin, self._until)), np.float32)
                self._until = start + len(audio)
                said.append(Output(np.concatenate([lead, audio]), (Transcript(text),), item=f"at {start}"))
        return said


def lines(item: TimedAnnotation) -> list[tuple[float, str, speech.Samples]]:
    """When a perfect model says what, and how that sounds, in order."""
    onsets = [utterance.at_s for utterance in ideal(item)]
    rooms = [after - before - item.silence_s - APART_S for before, after in pairwise(onsets)]
    planned = zip(onsets, item.due, [*rooms, LONGEST_S], strict=False)  # silent controls have no onset
    return [(at, *_reply(due, room)) for at, due, room in planned]


def _reply(due: DueEvent, room_s: float) -> tuple[str, speech.Samples]:
    event = due.event
    number = "" if due.truth_s is None else str(max(1, round(due.truth_s)))
    texts = [text.replace("{N}", number) for text in event.accept]
    if event.speech:
        return _talk(texts, event.speech.seconds)
    longest_s = min(room_s, LONGEST_S)
    wordy = sorted((text for text in texts if len(text.split()) <= MOST_WORDS), key=lambda t: -len(t.split()))
    for text in wordy or texts:
        if len(audio := say(text, event.language)) <= longest_s * RATE:
            return text, audio
    shortest = min(texts, key=len)
    return shortest, say(shortest, event.language)


def _talk(texts: list[str], seconds: float) -> tuple[str, speech.Samples]:
    """The text that is nearest to so long, at the pace that makes it so."""
    text = min(texts, key=lambda t: abs(np.log(len(say(t)) / RATE / seconds)))
    pace = len(say(text)) / RATE / seconds
    if pace >= SLOWEST:
        return text, say(text, pace=pace)
    parts = re.split(r"(?<=[,.!?]) ", text)
    audio = np.zeros(round(seconds * RATE), np.float32)
    for k, part in enumerate(map(say, parts)):
        at = round(k * (len(audio) - len(say(parts[-1]))) / max(1, len(parts) - 1))
        audio[at : at + len(part)] += part[: len(audio) - at]
    return text, audio


@lru_cache(maxsize=4096)
def say(text: str, language: str = "en", pace: float = 1.0) -> speech.Samples:
    """A text as it sounds: shape (n,), float32 at `RATE`, without silence around it."""
    rate, raw = _voiced(text, language, pace)
    audio = soxr.resample(raw, rate, RATE, quality="HQ").astype(np.float32)
    return speech.level(speech.shorten_pauses(speech.trim(audio, RATE), RATE, PAUSE_S))


def _voiced(text: str, language: str, pace: float) -> tuple[int, speech.Samples]:
    if language == "en":
        return engines.speak("hibari", "heart", text, pace)
    return _kokoro(text) if language == "pt" else _pico(text, language)


def _pico(text: str, language: str) -> tuple[int, speech.Samples]:
    if language not in PICO:
        raise UserError(f"no voice speaks {language!r}", f"Pico speaks {', '.join(PICO)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["pico2wave", "-l", PICO[language], "-w", str(path), text], check=True)
        audio, rate = soundfile.read(path, dtype="float32")
    return rate, audio


def _kokoro(text: str) -> tuple[int, speech.Samples]:
    from piper.phonemize_espeak import EspeakPhonemizer

    phonemes = "".join(chain.from_iterable(EspeakPhonemizer().phonemize("pt-br", text)))
    styles = np.load(Path(__file__).with_name("pf_dora.npy"))
    return 24_000, engines.kokoro(phonemes.replace("tʃ", "ʧ").replace("dʒ", "ʤ"), styles)
