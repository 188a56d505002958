"""Adapters that are shown nothing and do one thing."""

from __future__ import annotations

import numpy as np

from tml_bench.adapter import MicroTurn, Output, SessionStart, SpokenWord, StepAdapter, Transcript
from tml_bench.adapters.reference.voice import clip
from tml_bench.timebase import first_sample_at, sample_time_ns, seconds


class Silent(StepAdapter):
    """Never says anything.

    Args:
        audio_in: rate of the user's audio in Hz.
        audio_out: rate of its own audio in Hz.
    """

    takes_history = True

    def __init__(self, audio_in: int = 16000, audio_out: int = 16000) -> None:
        self.audio_in = audio_in
        self.audio_out = audio_out

    def step(self, turn: MicroTurn) -> Output | None:
        """Nothing."""
        return None


class Echo(StepAdapter):
    """Says back what the user said, one micro-turn later.

    Args:
        rate: rate of both sides' audio in Hz.
    """

    takes_history = True

    def __init__(self, rate: int = 16000) -> None:
        self.audio_in = rate
        self.audio_out = rate

    def step(self, turn: MicroTurn) -> Output | None:
        """The user's audio."""
        return Output(audio=turn.audio)


class AlwaysOn(StepAdapter):
    """Talks from the first micro-turn to the last and never stops.

    Args:
        audio_in: rate of the user's audio in Hz.
        audio_out: rate of its own audio in Hz.
    """

    takes_history = True

    def __init__(self, audio_in: int = 16000, audio_out: int = 24000) -> None:
        self.audio_in = audio_in
        self.audio_out = audio_out
        self._tick_ns = 0
        self._began = 0

    def warm_up(self) -> None:
        """Load the voice."""
        clip("talk", self.audio_out)

    def start(self, session: SessionStart) -> None:
        """Start over; it talks from the first hand-over on."""
        self._tick_ns = session.tick_ns
        self._began = first_sample_at(session.tick_ns, self.audio_out)

    def step(self, turn: MicroTurn) -> Output | None:
        """The next stretch of an endless talk."""
        voice = clip("talk", self.audio_out)
        begin = first_sample_at(turn.end_ns, self.audio_out) - self._began
        end = first_sample_at(turn.end_ns + self._tick_ns, self.audio_out) - self._began
        audio = np.take(voice.audio, np.arange(begin, end), mode="wrap")
        rounds = range(-(-begin // len(voice.audio)), -(-end // len(voice.audio)))
        pieces = []
        for number in rounds:
            shift = seconds(sample_time_ns(number * len(voice.audio) - begin, self.audio_out))
            words = tuple(SpokenWord(w.text, shift + w.start_s, shift + w.end_s) for w in voice.words)
            pieces.append(Transcript(voice.text + " ", words))
        return Output(audio=audio, transcript=tuple(pieces))
