"""The reference adapter that cannot listen and speak at once: what turn-taking alone reaches."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from tml_bench.adapter import MicroTurn, Output, SessionStart, SpokenWord, Transcript
from tml_bench.adapters.reference import Oracle, without_end
from tml_bench.adapters.reference.hearing import FRAME_S, voiced_frames
from tml_bench.adapters.reference.voice import Clip
from tml_bench.timebase import first_sample_at, sample_time_ns, seconds

PAUSE_S = 0.5
"""Between a line that is late and the one before; shorter where the plan has less."""


@dataclass
class _Line:
    """A line of the plan, in samples; ``start`` moves when it begins later than planned."""

    start: int
    length: int
    pause: int
    voice: Clip


class HalfDuplex(Oracle):
    """Knows what to say and when, but begins only once the user has been silent for `endpoint` seconds.

    A line begins at its time if the silence of the user's audio, by energy, has then lasted so long at a
    hand-over, else at the first hand-over at which it has; one that is over ``patience`` seconds late by then
    is dropped. It stops for good within a micro-turn of the user's voice. It calls no functions,
    and does not say what needs their results.
    """

    def __init__(
        self, endpoint: float = 0.3, patience: float = 3.0, audio_in: int = 16000, audio_out: int = 24000
    ) -> None:
        super().__init__(audio_in, audio_out)
        self.endpoint_s, self.patience_s = endpoint, patience

    def start(self, session: SessionStart) -> None:
        """Plan the session."""
        super().start(session)
        placed = sorted(self._lines, key=lambda line: line[0])
        most, ended = round(PAUSE_S * self.audio_out), 0
        self._unsaid: deque[_Line] = deque()
        for start, end, voice in placed:
            self._unsaid.append(_Line(start, end - start, min(most, max(0, start - ended)), voice))
            ended = end
        self._saying: _Line | None = None
        self._free = 0
        self._silent_s = 0.0

    def step(self, turn: MicroTurn) -> Output | None:
        """Say what is due in the micro-turn that begins at hand-over, if the user is silent."""
        if self._conversing is not None:
            return self._conversing.step(turn)
        self._listen(turn)
        begin = first_sample_at(turn.end_ns, self.audio_out)
        end = first_sample_at(turn.end_ns + self._tick_ns, self.audio_out)
        if self._silent_s < self.endpoint_s:
            if self._saying:
                self._saying, self._free = None, begin
            return None
        audio = np.zeros(end - begin, dtype=np.float32)
        words: list[SpokenWord] = []
        while line := self._saying or self._next(begin, end):
            a, b = max(line.start, begin), min(line.start + line.length, end)
            audio[a - begin : b - begin] = line.voice.audio[a - line.start : b - line.start]
            words += self._words(line, begin, b)
            self._free = line.start + line.length
            self._saying = line if self._free > end else None
            if self._saying:
                break
        audio = without_end(audio)
        if not audio.size:
            return None
        said = (Transcript(" ".join(w.text for w in words) + " ", tuple(words)),) if words else ()
        return Output(audio=audio, transcript=said)

    def _listen(self, turn: MicroTurn) -> None:
        """Measure how long the user has been silent at the micro-turn's end."""
        size = max(1, round(FRAME_S * self.audio_in))
        voiced = voiced_frames(turn.audio, size)
        before, heard = (0.0, (voiced[-1] + 1) * size) if voiced.size else (self._silent_s, 0)
        self._silent_s = before + (len(turn.audio) - heard) / self.audio_in

    def _next(self, begin: int, end: int) -> _Line | None:
        """The line that begins in a span of samples, moved to when it can; None if none does."""
        while self._unsaid and self._unsaid[0].start < end:
            line = self._unsaid[0]
            moved = max(line.start, begin, self._free + line.pause)
            if moved - line.start > self.patience_s * self.audio_out:
                self._unsaid.popleft()
            elif moved >= end:
                return None
            else:
                line.start = moved
                return self._unsaid.popleft()
        return None

    def _words(self, line: _Line, begin: int, end: int) -> list[SpokenWord]:
        """The words of a line that begin between two samples, the first of them the output's first."""
        shift = seconds(sample_time_ns(line.start - begin, self.audio_out))
        first, last = 0.0, (end - begin) / self.audio_out
        said_s = shift + line.length / self.audio_out
        moved = [(w.text, shift + w.start_s, min(shift + w.end_s, said_s)) for w in line.voice.words]
        return [SpokenWord(text, a, b) for text, a, b in moved if first <= a < last]
