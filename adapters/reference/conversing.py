"""Reference adapters that converse with a user who answers: by plain rules, at times that are known.

They hear by energy, and no words: a turn of the user is over once there has been no voice for ``endpoint``
seconds. What they do, they do at a hand-over, so an answer begins at the first one that is ``endpoint``
seconds after the user's voice, to the sample. A sound shorter than ``SHORTEST_S`` is none.

Nothing tells them what a turn of the user means. Three rules keep the answers in step with it:

- the user's voice within ``RESUMED_S`` of an answer's onset is the turn that goes on (a pause, or words to
  somebody else before it): the answer stops at once and is given when the turn is over;
- a sound over an answer that is shorter than ``backchannel`` seconds asks for nothing and stops nothing;
- an answer that was cut off by more is given once more, and counts as given then.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tml_bench.adapter import MicroTurn, Output, SessionStart, SpokenWord, StepAdapter, Transcript
from tml_bench.adapters.reference import WORD_S, clip_saying, stretch
from tml_bench.adapters.reference.hearing import TurnsByEnergy
from tml_bench.adapters.reference.voice import Clip, clip
from tml_bench.samples import Reference
from tml_bench.timebase import first_sample_at, sample_time_ns, seconds

ENDPOINT_S = 0.6
BACKCHANNEL_S = 0.8
RESUMED_S = 1.0
SHORTEST_S = 0.1


@dataclass(slots=True)
class _Answer:
    """What is being said: from a sample of the adapter's own audio, and second of the user's, on.

    ``answers``: it is said after the user's turn, and not into it.
    """

    start: int
    start_s: float
    voice: Clip
    answers: bool

    @property
    def end(self) -> int:
        return self.start + len(self.voice.audio)


class Stonewall(StepAdapter):
    """Answers every turn of the user with the same words: it says that it can help, and never does.

    It waits for ``endpoint`` seconds of silence, and stops, if it ``yields``, when the user talks over it.
    """

    takes_history = True
    usual_clip = "answer"
    """What is said where no other answers are known: an offer of help."""

    def __init__(
        self,
        endpoint: float = ENDPOINT_S,
        yields: bool = True,
        backchannel: float = BACKCHANNEL_S,
        audio_in: int = 16000,
        audio_out: int = 24000,
    ) -> None:
        self.endpoint_s, self.yields, self.backchannel_s = endpoint, yields, backchannel
        self.audio_in, self.audio_out = audio_in, audio_out

    def warm_up(self) -> None:
        """Load the voice."""
        for name in (self.usual_clip, "talk"):
            clip(name, self.audio_out)

    def replies(self, reference: Reference | None) -> Sequence[str]:
        """What to answer to each turn in order, the last to all that follow; none for the usual clip."""
        return ()

    def start(self, session: SessionStart) -> None:
        """Begin a conversation."""
        self._tick_ns = session.tick_ns
        texts = self.replies(session.reference)
        self._voices = [self._voice(text) for text in texts] or [clip(self.usual_clip, self.audio_out)]
        self._turns = TurnsByEnergy(self.audio_in)
        self._answer: _Answer | None = None
        self._given = self._cuts = 0
        self._talked_s = 0.0
        self._owes = False

    def _voice(self, text: str) -> Clip:
        name = clip_saying(text)
        if name:
            return clip(name, self.audio_out)
        return stretch(text, round(WORD_S * len(text.split()) * self.audio_out), self.audio_out)

    def step(self, turn: MicroTurn) -> Output | None:
        """Take the turn or give it back at the hand-over, and say what falls into the next micro-turn."""
        self._turns.hear(turn.audio)
        begin = first_sample_at(turn.end_ns, self.audio_out)
        self._finish(begin)
        self._decide(begin)
        return self._said(begin, first_sample_at(turn.end_ns + self._tick_ns, self.audio_out))

    def _finish(self, begin: int) -> None:
        """Be done with an answer that has been said to its end."""
        if self._answer is not None and self._answer.end <= begin:
            self._talked_s = self._answer.end / self.audio_out
            if self._answer.answers:
                self._give()
            self._answer = None

    def _give(self) -> None:
        """Take an answer for given: the next turn gets the next one."""
        self._given, self._cuts = self._given + 1, 0

    def _decide(self, begin: int) -> None:
        began_s = self._turns.began_s
        if began_s is None:
            return
        if self._answer is not None:
            self._listen_while_talking(self._answer, began_s)
        elif self._turns.silent_s >= self.endpoint_s:
            if self._wants_answer(began_s):
                self._begin(begin, answers=True)
            self._turns.close()

    def _wants_answer(self, began_s: float) -> bool:
        least_s = self.backchannel_s if began_s < self._talked_s else SHORTEST_S
        return self._owes or self._turns.lasted_s >= least_s

    def _begin(self, begin: int, *, answers: bool) -> None:
        voice = self._voices[min(self._given, len(self._voices) - 1)]
        self._answer = _Answer(begin, self._turns.now_s, voice, answers)
        self._owes = False

    def _listen_while_talking(self, answer: _Answer, began_s: float) -> None:
        """What to do about the user's voice over an answer."""
        long = self._turns.lasted_s >= self.backchannel_s
        over = self._turns.silent_s >= self.endpoint_s
        if began_s < answer.start_s:
            if over:
                answer.answers = True
                self._turns.close()
        elif self.yields and began_s - answer.start_s < RESUMED_S:
            self._answer, self._owes = None, True
        elif self.yields and long:
            self._answer = None
            self._cuts += 1
            if self._cuts > 1:
                self._give()
        elif over and not long:
            self._turns.close()

    def _said(self, begin: int, end: int) -> Output | None:
        """The part of the answer between two samples, with the words that begin in it."""
        answer = self._answer
        if answer is None:
            return None
        audio = answer.voice.audio[begin - answer.start : end - answer.start]
        words = self._words(answer.voice, answer.start, begin, end)
        said = (Transcript(" ".join(w.text for w in words) + " ", words),) if words else ()
        return Output(audio, said)

    def _words(self, voice: Clip, start: int, begin: int, end: int) -> tuple[SpokenWord, ...]:
        """The words of a clip from one sample on that begin between two others, by the first of these."""
        shift = seconds(sample_time_ns(start - begin, self.audio_out))
        return tuple(
            SpokenWord(w.text, max(0.0, shift + w.start_s), shift + w.end_s)
            for w in voice.words
            if begin <= start + round(w.start_s * self.audio_out) < end
        )


class Cooperative(Stonewall):
    """Answers every turn of the user with what is expected, one answer a turn, the last again and again.

    It waits for ``endpoint`` seconds of silence, and stops, if it ``yields``, when the user talks over it.
    Where no answers are expected, it offers help.
    """

    privileged = True

    def replies(self, reference: Reference | None) -> Sequence[str]:
        """The expected ones."""
        return () if reference is None else reference.replies


class Forgetful(Cooperative):
    """As `cooperative`, but what the user has corrected is lost on it, where there is such a thing."""

    def replies(self, reference: Reference | None) -> Sequence[str]:
        """Those that have lost the correction; where there is none, the expected ones."""
        return (reference.forgotten if reference else ()) or super().replies(reference)


class Interrupter(Cooperative):
    """As `cooperative`, but begins to speak ``after`` seconds into every turn of the user that lasts as long.

    It does so at the first hand-over from then on at which the user is speaking, once a turn, and does not
    stop. What it said is its answer if it outlasts the turn; else it answers once more at the turn's end.
    """

    def __init__(
        self,
        after: float = 1.5,
        endpoint: float = ENDPOINT_S,
        yields: bool = True,
        backchannel: float = BACKCHANNEL_S,
        audio_in: int = 16000,
        audio_out: int = 24000,
    ) -> None:
        super().__init__(endpoint, yields, backchannel, audio_in, audio_out)
        self.after_s = after

    def start(self, session: SessionStart) -> None:
        """Begin a conversation."""
        super().start(session)
        self._interrupted_s: float | None = None

    def _decide(self, begin: int) -> None:
        turns, began_s = self._turns, self._turns.began_s
        late = began_s is not None and turns.age_s >= self.after_s
        if late and self._answer is None and turns.silent_s == 0 and began_s != self._interrupted_s:
            self._interrupted_s = began_s
            self._begin(begin, answers=False)
            return
        super()._decide(begin)

    def _wants_answer(self, began_s: float) -> bool:
        if began_s == self._interrupted_s and self._talked_s >= self._turns.ended_s:
            self._give()
            return False
        return super()._wants_answer(began_s)


class Talker(Stonewall):
    """Waits for the end of the user's first turn, and then talks on and on and never yields.

    The turn is over after ``endpoint`` seconds of silence.
    """

    usual_clip = "talk"

    def __init__(self, endpoint: float = ENDPOINT_S, audio_in: int = 16000, audio_out: int = 24000) -> None:
        super().__init__(endpoint, False, audio_in=audio_in, audio_out=audio_out)

    def _finish(self, begin: int) -> None:
        """It never does."""

    def _said(self, begin: int, end: int) -> Output | None:
        """The next stretch of an endless talk."""
        answer = self._answer
        if answer is None:
            return None
        start, length = answer.start, len(answer.voice.audio)
        audio = np.take(answer.voice.audio, np.arange(begin - start, end - start), mode="wrap")
        rounds = range((begin - start) // length, (end - 1 - start) // length + 1)
        words = [w for k in rounds for w in self._words(answer.voice, start + k * length, begin, end)]
        said = (Transcript(" ".join(w.text for w in words) + " ", tuple(words)),) if words else ()
        return Output(audio, said)
