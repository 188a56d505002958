"""A perfect model in the forms in which services tell what they say: adapters, as ``forms.py:NAME``.

Each says the same audio as `Timed`; what differs is how its words are told.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from tml_bench.adapter import MicroTurn, Output, SessionStart, SpokenWord, Transcript
from tml_bench.adapters.cascade.mouth import say
from tml_bench.adapters.reference import Oracle, PlannedLine
from tml_bench.adapters.reference.voice import Clip
from tml_bench.timebase import first_sample_at, nanoseconds

VOICE = "us-m-1"
SLOWLY_S = 0.45
"""A word that is to take longer."""


class Timed(Oracle):
    """Words with times."""


class _Untimed(Oracle):
    """Pieces of the words, given when the words are said."""

    def start(self, session: SessionStart) -> None:
        super().start(session)
        self._due: deque[tuple[float, str]] = deque()

    def step(self, turn: MicroTurn) -> Output | None:
        output = super().step(turn) or Output()
        begin_s, end_s = turn.end_ns / 1e9, (turn.end_ns + self._tick_ns) / 1e9
        for piece in output.transcript:
            self._due.extend((begin_s + at, text) for at, text in self.pieces(piece.words))
        said = []
        while self._due and self._due[0][0] < end_s:
            said.append(Transcript(self._due.popleft()[1]))
        if output.audio is None and not said:
            return None
        return replace(output, transcript=tuple(said))

    @abstractmethod
    def pieces(self, words: tuple[SpokenWord, ...]) -> Iterable[tuple[float, str]]:
        """What is given of a reply, with the time in seconds from its output's first sample."""


class Sentences(_Untimed):
    """One text a reply, given with its first audio."""

    def pieces(self, words: tuple[SpokenWord, ...]) -> Iterable[tuple[float, str]]:
        return [(words[0].start_s, " ".join(word.text for word in words))]


class Words(_Untimed):
    """Words without spaces, as a Pipecat bot gives them."""

    def pieces(self, words: tuple[SpokenWord, ...]) -> Iterable[tuple[float, str]]:
        return [(word.start_s, word.text) for word in words]


class Deltas(_Untimed):
    """Parts of words that bring their spaces along, as tokens do, ahead of their audio."""

    def pieces(self, words: tuple[SpokenWord, ...]) -> Iterable[tuple[float, str]]:
        text = "".join(f" {word.text}" for word in words)
        return [(words[0].start_s, part) for part in re.findall(r"\s?\S{1,3}", text)]


class Silent(_Untimed):
    """Audio alone."""

    def pieces(self, words: tuple[SpokenWord, ...]) -> Iterable[tuple[float, str]]:
        return []


class _Spoken(Oracle):
    """Really says its texts, by a voice of the harness unless a clip says them; needs ``[voices]``.

    It takes as long as it takes, but for a text that is to be said slowly: its words are set apart.
    """

    def _placed(self, line: PlannedLine) -> tuple[int, int, Clip]:
        if not line.text:
            return super()._placed(line)
        start = first_sample_at(nanoseconds(line.at_s), self.audio_out)
        texts = line.text.split()
        step_s = (line.until_s - line.at_s) / len(texts) if line.until_s else 0.0
        parts = texts if step_s > SLOWLY_S else [line.text]
        words: list[SpokenWord] = []
        audio = np.zeros(round(step_s * len(texts) * self.audio_out) if len(parts) > 1 else 0, np.float32)
        for k, part in enumerate(parts):
            spoken, at = say(part, VOICE), round(k * step_s * self.audio_out)
            audio = np.pad(audio, (0, max(0, at + len(spoken.audio) - len(audio))))
            audio[at : at + len(spoken.audio)] += spoken.audio
            words += spoken.later(k * step_s).transcript.words
        return start, start + len(audio), Clip(line.text, tuple(words), audio)


class SpokenTimed(_Spoken, Timed):
    """`Timed` in a real voice."""


class SpokenSentences(Sentences, _Spoken):
    """`Sentences` in a real voice."""


class SpokenWords(Words, _Spoken):
    """`Words` in a real voice."""


class SpokenDeltas(Deltas, _Spoken):
    """`Deltas` in a real voice."""


class SpokenSilent(Silent, _Spoken):
    """Audio alone in a real voice."""
