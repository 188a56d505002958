"""cascade: a real local voice agent of the usual kind, to show what one can and cannot do.

Voice activity detection (Silero) cuts the user's turns out, Whisper reads them, rules of English make a
plan of them, and a local voice speaks. It is half-duplex: it gets the turn only once the user has been silent
for a while, and while it speaks it does nothing but stop when it is interrupted. What it was asked to do at
a time it does at that time, on its own clock, unless the user is just speaking.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter
from tml_bench.adapters._media import Frames
from tml_bench.adapters.cascade import mouth
from tml_bench.adapters.cascade.dialogue import DueSpeech, RecognisedTurn, SpokenDialogue
from tml_bench.adapters.cascade.plans import TalkPlan
from tml_bench.perception import align, asr
from tml_bench.perception.silero import FRAME, FRAME_S, NEG_THRESHOLD, RATE, THRESHOLD, load_network

BARGE_IN_S = 0.2
"""The agent stops once so much speech of the user has come while it speaks."""
LEAD_S = 0.3
"""Audio kept from before a turn's first frame of speech, and after its last."""


@dataclass(frozen=True, slots=True)
class SpeechBetweenSilences:
    """What was heard between two silences, shape (n,), 16 kHz, with `LEAD_S` around it if there is that much.

    ``first_s`` is the session time of the first sample; from ``start_s`` to ``end_s`` it is speech.
    """

    audio: NDArray[np.float32]
    first_s: float
    start_s: float
    end_s: float


class Ears:
    """Follows the user's audio by Silero VAD, in frames of 32 ms.

    A frame of probability 0.5 starts speech, which goes on while the probability stays above 0.35; a turn
    ends when ``silence_s`` have passed without speech. While one goes on it is ``speaking``, so far for
    ``voiced_s``; ``last_voice_s`` is the session time at which speech last ended, 0 before any.
    """

    def __init__(self, silence_s: float) -> None:
        self._network = load_network()
        self._silence_s = silence_s
        self._whole = Frames(FRAME)
        self._kept: list[NDArray[np.float32]] = []
        self._frames = 0
        self._voice = self.speaking = False
        self._start_s = self.voiced_s = self.last_voice_s = 0.0

    def feed(self, audio: NDArray[np.float32]) -> list[SpeechBetweenSilences]:
        """Take the next samples, shape (n,), 16 kHz; returns the turns that ended in them."""
        ended = (self._frame(frame) for frame in self._whole.push(audio))
        return [turn for turn in ended if turn is not None]

    def _forget(self) -> None:
        self._kept = self._kept[-round(LEAD_S / FRAME_S) :]

    def _frame(self, frame: NDArray[np.float32]) -> SpeechBetweenSilences | None:
        probability = self._network(frame)
        self._voice = probability >= (NEG_THRESHOLD if self._voice else THRESHOLD)
        self._kept.append(frame)
        self._frames += 1
        now_s = self._frames * FRAME_S
        if self._voice:
            if not self.speaking:
                self.speaking, self.voiced_s, self._start_s = True, 0.0, now_s - FRAME_S
            self.voiced_s += FRAME_S
            self.last_voice_s = now_s
            return None
        if not self.speaking:
            self._forget()
            return None
        return self._ended(now_s) if now_s - self.last_voice_s >= self._silence_s - 1e-9 else None

    def _ended(self, now_s: float) -> SpeechBetweenSilences:
        audio = np.concatenate(self._kept)
        first_s = now_s - len(audio) / RATE
        until = round((self.last_voice_s + LEAD_S - first_s) * RATE)
        self.speaking = False
        self._forget()
        return SpeechBetweenSilences(audio[:until], first_s, self._start_s, self.last_voice_s)


class Cascade(StepAdapter):
    """A half-duplex voice agent: VAD, recognition, rules, synthesis; all local (extras voices, speech).

    Args:
        silence_ms: silence that ends the user's turn.
        voice: its voice, a name of ``tml_bench.synthesis.voices``.
        whisper: recognition model, a folder or a name on the hub; the pinned tiny.en unless said.
    """

    audio_in = 16_000
    audio_out = mouth.OUT_RATE

    def __init__(self, silence_ms: int = 700, voice: str = "us-f-1", whisper: str = "") -> None:
        self.silence_ms = silence_ms
        self.voice = voice
        self.whisper = whisper or None

    def warm_up(self) -> None:
        """Load recognition, alignment and the voice."""
        mouth.warm_up(self.voice)
        hello = mouth.say("Hello there.", self.voice)
        self._hear(SpeechBetweenSilences(hello.audio, 0.0, 0.0, hello.seconds))

    def start(self, session: SessionStart) -> None:
        """Forget the session before."""
        self._ears = Ears(self.silence_ms / 1000)
        self._dialogue = SpokenDialogue()
        self._tick_s = session.tick_ns / 1e9
        self._speaks_until_s = 0.0

    def step(self, turn: MicroTurn) -> Output | None:
        """Listen, and speak when something is due and nobody speaks."""
        now_s = turn.end_ns / 1e9
        was_speaking = turn.start_ns / 1e9 < self._speaks_until_s
        ended = self._ears.feed(turn.audio)
        if was_speaking:
            return self._interrupted(now_s)
        for user in ended:
            self._dialogue.hear(self._hear(user))
        if self._ears.speaking:
            return None
        due = self._dialogue.take(now_s + self._tick_s, self._ears.last_voice_s)
        return self._say(due, now_s) if due else None

    def _interrupted(self, now_s: float) -> Output | None:
        """Stop for the user; what the user said while the agent spoke is not listened to."""
        if not self._ears.speaking or self._ears.voiced_s < BARGE_IN_S:
            return None
        self._speaks_until_s = now_s
        return Output(flush=True)

    def _say(self, due: DueSpeech, now_s: float) -> Output:
        said = (
            mouth.talk(due.say.seconds, due.say.topic, self.voice)
            if isinstance(due.say, TalkPlan)
            else mouth.say(due.say, self.voice)
        )
        # Audio can only be given at a tick: the rest of the way to the due time is silence.
        said = said.later(max(0.0, due.at_s - now_s))
        self._speaks_until_s = now_s + said.seconds
        return Output(audio=said.audio, transcript=(said.transcript,))

    def _hear(self, user: SpeechBetweenSilences) -> RecognisedTurn:
        text = asr.transcribe(user.audio, self.whisper)
        words = align.align(user.audio, text.split()) if text else ()
        ends = [(w.text, user.first_s + (w.end_s or 0.0)) for w in words]
        ends = ends or [(token, user.end_s) for token in text.split()]
        return RecognisedTurn(text, ends, user.start_s, user.end_s)
