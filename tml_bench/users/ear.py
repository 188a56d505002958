"""What a simulated user hears: when the model speaks, frame by frame, and in which words.

Voice is found by the Silero network in frames of 32 ms, which hears through noise, breath and tones. A frame
is known `LOOKAHEAD_NS` after its end. Digital silence is not shown to the network once it has lasted for half
a second; what it then says differs from that of a network that saw it all, which does not matter here.

Words are those of the model's transcript as far as they were heard by then, by the same rules as in scoring
(``declared_times``, ``heard_text``). Where there are none, the sound is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.declared_times import DeclaredTimes
from tml_bench.heard_text import HeardTexts
from tml_bench.perception.silero import FADING, NEG_THRESHOLD, RATE, THRESHOLD
from tml_bench.perception.silero_network import FRAME, SileroNetwork
from tml_bench.timebase import NS, first_sample_at, sample_time_ns

LOOKAHEAD_NS = 1_000_000
"""A resampled frame needs the input up to so long after its end."""
KEPT_S = 90
"""So much of the model's sound is kept for recognition."""


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """A frame of what was heard: its first and last instant, when it is known, and whether there is voice."""

    start_ns: int
    end_ns: int
    known_ns: int
    voiced: bool


class Ear:
    """Hears the model at ``rate``."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._stream = None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, "float32", "QQ")
        self._network = SileroNetwork()
        self._rest = np.zeros(0, np.float32)
        self._frames = 0
        self._silent = FADING
        self._voiced = False
        self._kept: list[NDArray[np.float32]] = []
        self._kept_from = self._kept_samples = 0

    def hear(self, audio: NDArray[np.float32]) -> None:
        """Take the next stretch of heard audio, shape (n,)."""
        self._kept.append(np.array(audio))
        self._kept_samples += len(audio)
        while self._kept_samples - len(self._kept[0]) > KEPT_S * self._rate:
            gone = len(self._kept.pop(0))
            self._kept_from += gone
            self._kept_samples -= gone
        fresh = audio if self._stream is None else self._stream.resample_chunk(audio)
        self._rest = np.concatenate((self._rest, fresh))

    def frames(self, known_ns: int) -> list[HeardFrame]:
        """The next frames, as far as they are known at ``known_ns``."""
        first, most = self._frames, len(self._rest) // FRAME
        ends_ns = (sample_time_ns((first + k + 1) * FRAME, RATE) for k in range(most))
        known = [end_ns for end_ns in ends_ns if end_ns + LOOKAHEAD_NS <= known_ns]
        taken, self._rest = np.split(self._rest, [len(known) * FRAME])
        self._frames += len(known)
        starts_ns = (sample_time_ns((first + k) * FRAME, RATE) for k in range(len(known)))
        voiced = self._listen(taken.reshape(-1, FRAME))
        return [
            HeardFrame(start_ns, end_ns, end_ns + LOOKAHEAD_NS, voice)
            for start_ns, end_ns, voice in zip(starts_ns, known, voiced, strict=True)
        ]

    def _listen(self, frames: NDArray[np.float32]) -> list[bool]:
        """Whether there is voice in each of the next frames."""
        shown = []
        for sounding in map(np.any, frames):
            self._silent = 0 if sounding else self._silent + 1
            shown.append(self._silent <= FADING)
        probabilities = iter(self._network.probabilities(frames[shown]).tolist())
        voiced = []
        for is_shown in shown:
            least = NEG_THRESHOLD if self._voiced else THRESHOLD
            self._voiced = is_shown and next(probabilities) >= least
            voiced.append(self._voiced)
        return voiced

    def sound(self, start_ns: int, end_ns: int) -> NDArray[np.float32]:
        """What was heard between two instants, as far as it is kept, at 16 kHz; shape (n,)."""
        heard = np.concatenate(self._kept) if self._kept else np.zeros(0, np.float32)
        first, last = (first_sample_at(t, self._rate) - self._kept_from for t in (start_ns, end_ns))
        piece = heard[max(0, first) : max(0, last)]
        return np.asarray(soxr.resample(piece, self._rate, RATE), np.float32) if len(piece) else piece


class HeardWords:
    """The model's words as they are heard, from what it gave."""

    def __init__(self) -> None:
        self._events: list[ev.ModelAudio | ev.Flush | ev.ModelTranscript] = []
        self._over_ns = -1
        self._asked, self._heard = (0, -1), ""

    def note(self, event: ev.AnyEvent) -> None:
        """Take what the model gave."""
        if isinstance(event, ev.ModelAudio | ev.Flush | ev.ModelTranscript):
            self._events.append(event)
            ends = [word.end_ns for word in event.words] if isinstance(event, ev.ModelTranscript) else []
            ends += [event.end_ns] if isinstance(event, ev.ModelAudio) else []
            self._over_ns = max(self._over_ns, event.t_ns, *ends)

    def has_text(self, now_ns: int) -> bool:
        """Whether the model has given a transcript by then."""
        pieces = (event for event in self._events if isinstance(event, ev.ModelTranscript))
        return any(piece.text.strip() and piece.t_ns <= now_ns for piece in pieces)

    def text(self, now_ns: int) -> str:
        """All that was heard by then, in order; of what was given later nothing is known."""
        # Once all that was given is over, time changes nothing; a user who waits asks at every frame.
        asked = len(self._events), min(now_ns, self._over_ns)
        if asked != self._asked:
            self._asked, self._heard = asked, self._text(asked[1])
        return self._heard

    def _text(self, now_ns: int) -> str:
        declared, texts = DeclaredTimes(), HeardTexts()
        for event in self._events:
            if event.t_ns <= now_ns:
                for taken in declared.take(event):
                    texts.take(taken)
        found = [(word.start_ns / NS, word.text.strip()) for word in declared.words if word.end_ns <= now_ns]
        found += [(text.start_s, text.text) for text in texts.heard(now_ns)]
        return " ".join(text for _, text in sorted(found, key=lambda each: each[0]))

    def since(self, start_ns: int, now_ns: int) -> str:
        """The words with times that were heard from then on."""
        pieces = (e for e in self._events if isinstance(e, ev.ModelTranscript) and e.t_ns <= now_ns)
        words = (word for piece in pieces for word in piece.words)
        return " ".join(w.text for w in words if w.start_ns >= start_ns and w.end_ns <= now_ns)
