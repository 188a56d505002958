"""duplex: a small local voice agent that listens while it talks and talks while the user does.

It is the cascade with other ears: the same rules of English, the same plans and the same voice. While the
user speaks, the running turn is recognised over and over, and a word on which two looks in a row agree is
acted upon at once. What falls due is said when it is due, whoever speaks. The agent goes on listening while
it speaks, and stops only when the user takes the floor.
"""

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter
from tml_bench.adapters.cascade import mouth
from tml_bench.adapters.cascade.dialogue import DueSpeech, RecognisedTurn
from tml_bench.adapters.cascade.language import understand
from tml_bench.adapters.cascade.plans import StopPlan, TalkPlan
from tml_bench.adapters.duplex.dialogue import ListeningDialogue
from tml_bench.adapters.duplex.running import LEAD_S, AgreedWord, RunningWords, bare
from tml_bench.adapters.duplex.voice_activity import VoiceActivity
from tml_bench.adapters.duplex.window import RATE, WhisperWindow, WindowReader
from tml_bench.perception import align, asr

PAUSE_S = 0.3
"""Silence after which what was said so far is understood, provisionally."""
WHOLE_S = 15.0
"""A turn of at most this length is read again as a whole at its end, for the wording of requests."""
TAKEOVER_WORDS = 3
"""So many words of the user over the agent's talk take the floor; `stop` does by itself."""
IDLE_LOOKS = 3
"""Looks are so many times rarer while there is no order to follow and no talk to be interrupted."""
BEHIND_S = 1.0
"""Looks are left out while the agent has computed for so much longer than the session lasts."""
_BACKCHANNELS = frozenset(
    (
        "yeah", "yes", "yep", "mm", "mhm", "mm-hm", "uh-huh", "okay", "ok", "right", "sure", "oh", "wow",
        "really", "i", "see",
    )
)  # fmt: skip


@dataclass(slots=True)
class RunningTurn:
    """A turn of the user that goes on; times of the session."""

    start_s: float
    words: list[AgreedWord] = field(default_factory=list)

    def recognised(self, end_s: float) -> RecognisedTurn:
        """As it was recognised while it ran."""
        words = [(word.text, word.end_s) for word in self.words]
        return RecognisedTurn(" ".join(text for text, _ in words), words, self.start_s, end_s)


class Duplex(StepAdapter):
    """A full-duplex voice agent: running recognition, rules, synthesis; all local (extras voices, speech).

    Args:
        silence_ms: silence that ends the user's turn.
        look_ms: how often the running turn is recognised; sooner where an order may be met.
        voice: its voice, a name of ``tml_bench.synthesis.voices``.
        whisper: recognition model, a folder or a name on the hub; the pinned tiny.en unless said.
    """

    audio_in = RATE
    audio_out = mouth.OUT_RATE

    def __init__(
        self, silence_ms: int = 700, look_ms: int = 400, voice: str = "us-f-1", whisper: str = ""
    ) -> None:
        self.silence_s = silence_ms / 1000
        self.look_s = look_ms / 1000
        self.voice = voice
        self.whisper = whisper or None
        self._reader: WindowReader | None = None

    def warm_up(self) -> None:
        """Load recognition, alignment and the voice, and say what they are."""
        mouth.warm_up(self.voice)
        hello = mouth.say("Hello there.", self.voice).audio
        running = RunningWords(self.reader())
        running.feed(hello, True)
        running.finish()
        self.read_again(hello, 0.0)
        self.reported = {"model": f"{asr.recogniser_id(self.whisper)} + voice {self.voice}"}

    def reader(self) -> WindowReader:
        """Its running recognition, loaded once."""
        if self._reader is None:
            self._reader = WhisperWindow(asr.chosen_model(self.whisper))
        return self._reader

    def ears(self) -> VoiceActivity:
        """What tells speech from silence, for a new session."""
        return VoiceActivity(PAUSE_S)

    def start(self, session: SessionStart) -> None:
        """Forget the session before."""
        self._ears = self.ears()
        self._running = RunningWords(self.reader())
        self._dialogue = ListeningDialogue()
        self._tick_s = session.tick_ns / 1e9
        self._turn: RunningTurn | None = None
        self._sound = np.zeros(0, np.float32)
        self._looked_s = self._speaks_until_s = self._behind_s = 0.0
        self._over_talk: list[AgreedWord] | None = None

    def step(self, turn: MicroTurn) -> Output | None:
        """Listen, act upon what was said, and speak when something is due."""
        began_s = time.process_time()
        now_s = turn.end_ns / 1e9
        self._listen(turn, now_s)
        output = self._stop(now_s) if self._interrupted(now_s) else self._speak(now_s)
        spent_s = time.process_time() - began_s
        self._behind_s = max(0.0, self._behind_s + spent_s - self._tick_s)
        return output

    def _listen(self, turn: MicroTurn, now_s: float) -> None:
        paused = self._ears.feed(turn.audio)
        speaking = self._ears.speaking
        self._sound = np.concatenate([self._sound, turn.audio])[-round((WHOLE_S + 2.0) * RATE) :]
        self._running.feed(turn.audio, speaking or paused)
        if (speaking or paused) and self._turn is None:
            self._turn = RunningTurn(self._ears.since_s)
        if self._turn is None:
            return
        timed = self._dialogue.waits_for_a_time()
        words = self._running.finish(timed) if paused else self._look(now_s, timed) if speaking else []
        self._turn.words += words
        self._dialogue.follow(words, now_s, paused)
        if self._over_talk is not None:
            self._over_talk += words
        end_s = self._ears.last_voice_s
        if paused:
            self._dialogue.pause(self._turn.recognised(end_s))
        if not speaking and now_s - end_s >= self.silence_s - 1e-9:
            self._dialogue.hear(self._whole(self._turn, end_s, now_s))
            self._turn = None

    def _look(self, now_s: float, timed: bool) -> list[AgreedWord]:
        eager = self._dialogue.waits() or self._over_talk is not None
        every_s = self.look_s if eager else IDLE_LOOKS * self.look_s
        due = now_s - self._looked_s >= every_s - 1e-9
        if self._behind_s > BEHIND_S or not (due or self._dialogue.waits_for(self._running.unsure)):
            return []
        self._looked_s = now_s
        return self._running.look(timed)

    def _whole(self, turn: RunningTurn, end_s: float, now_s: float) -> RecognisedTurn:
        """A turn that has ended: short ones are read again, with all that was said in view."""
        if end_s - turn.start_s > WHOLE_S or self._dialogue.begun():
            return turn.recognised(end_s)
        first_s = max(turn.start_s - LEAD_S, now_s - len(self._sound) / RATE)
        count = round((now_s - first_s) * RATE)
        text, words = self.read_again(self._sound[len(self._sound) - count :], first_s)
        return RecognisedTurn(text, words or [(token, end_s) for token in text.split()], turn.start_s, end_s)

    def read_again(self, sound: NDArray[np.float32], first_s: float) -> tuple[str, list[tuple[str, float]]]:
        """The text of a whole turn (shape (n,), 16 kHz) and, where it fits, its words with session ends."""
        text = asr.transcribe(sound, self.whisper)
        aligned = align.align(sound, text.split()) if text else ()
        return text, [(word.text, first_s + (word.end_s or 0.0)) for word in aligned]

    def _interrupted(self, now_s: float) -> bool:
        """Whether the user has taken the floor from the agent's talk."""
        if self._over_talk is None or now_s >= self._speaks_until_s:
            self._over_talk = None
            return False
        words = [word.text for word in self._over_talk]
        taken = [word for word in map(bare, words) if word not in _BACKCHANNELS]
        return len(taken) >= TAKEOVER_WORDS or isinstance(understand(" ".join(words)), StopPlan)

    def _stop(self, now_s: float) -> Output:
        self._speaks_until_s = now_s
        self._over_talk = None
        return Output(flush=True)

    def _speak(self, now_s: float) -> Output | None:
        if now_s < self._speaks_until_s:
            return None
        silent_since_s = now_s if self._ears.speaking else self._ears.last_voice_s
        due = self._dialogue.take(now_s + self._tick_s, silent_since_s)
        return self._say(due, now_s) if due else None

    def _say(self, due: DueSpeech, now_s: float) -> Output:
        if isinstance(due.say, TalkPlan):
            said = mouth.talk(due.say.seconds, due.say.topic, self.voice)
            self._over_talk = []
        else:
            said = mouth.say(due.say, self.voice)
            self._over_talk = None
        # Audio can only be given at a tick: the rest of the way to the due time is silence.
        said = said.later(max(0.0, due.at_s - now_s))
        self._speaks_until_s = now_s + said.seconds
        return Output(audio=said.audio, transcript=(said.transcript,))
