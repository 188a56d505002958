"""The agent's voice, with words and times, and talk of a given length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import starmap

import numpy as np
import soxr
from numpy.typing import NDArray

from tml_bench.adapter import SpokenWord, Transcript
from tml_bench.synthesis.voices import PAD_S, RATE, render
from tml_bench.synthesis.word_times import word_times

OUT_RATE = 24_000
_PAUSE_S = 0.25
_TALK = (
    "Well, there is a lot to say about {topic}.",
    "The first thing I would mention is how much there is to notice, once you take your time.",
    "Most people walk past it every day and never look twice.",
    "I like to begin with the small details, because they tell you the most.",
    "Then I step back and look at the whole of it.",
    "Some of it is older than anyone remembers, and some of it changes every week.",
    "My favourite part is the way it looks different in the morning and in the evening.",
    "If you ask three people, you will hear three different stories.",
    "And each of them will be right in a way.",
    "It is also a fine excuse to sit down with a cup of tea and talk.",
    "People have written whole books on the subject, and they are still not done.",
    "So take your time, and look again tomorrow.",
)


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """Something the agent says: audio of shape (n,), float32, 24 kHz, and its words with times."""

    audio: NDArray[np.float32]
    transcript: Transcript

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.audio) / OUT_RATE

    def later(self, by_s: float) -> SpokenClip:
        """After so many seconds of silence."""
        audio = np.concatenate([np.zeros(round(by_s * OUT_RATE), np.float32), self.audio])
        words = tuple(SpokenWord(w.text, w.start_s + by_s, w.end_s + by_s) for w in self.transcript.words)
        return SpokenClip(audio, Transcript(self.transcript.text, words))


@lru_cache(maxsize=256)
def say(text: str, voice: str) -> SpokenClip:
    """Speak a text.

    Its first sound is the first sample. Its words' times are forced alignments where the text can be aligned;
    otherwise it has none and is left to recognition.

    Raises:
        UserError: the extras ``voices`` and ``speech`` are not installed.
    """
    clip = render(text, voice).samples
    spoken = clip[round(PAD_S * RATE) :]
    try:
        words = tuple(starmap(SpokenWord, word_times(spoken, text, voice.startswith("gb"))))
    except ValueError:  # a text that cannot be aligned is still said
        words = ()
    audio = soxr.resample(spoken, RATE, OUT_RATE).astype(np.float32)
    return SpokenClip(audio, Transcript(text, words))


def warm_up(voice: str) -> None:
    """Load the voice, and render what talk is made of; errors as `say`."""
    for text in _TALK:
        say(text.format(topic="that"), voice)


@lru_cache(maxsize=32)
def talk(seconds: float, topic: str, voice: str) -> SpokenClip:
    """Talk for about so long: whole sentences, as many as come nearest to it."""
    said = say(_TALK[0].format(topic=topic or "that"), voice)
    count = 1
    while True:
        following = say(_TALK[1 + (count - 1) % (len(_TALK) - 1)], voice).later(_PAUSE_S)
        if said.seconds + following.seconds / 2 > seconds:
            return said
        said = _joined(said, following)
        count += 1


def _joined(first: SpokenClip, then: SpokenClip) -> SpokenClip:
    moved = then.later(first.seconds).transcript
    text = f"{first.transcript.text} {moved.text}"
    words = first.transcript.words + moved.words
    return SpokenClip(np.concatenate([first.audio, then.audio]), Transcript(text, words))
