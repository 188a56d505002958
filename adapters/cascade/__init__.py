"""cascade: a real local voice agent of the usual kind, to show what one can and cannot do.

Voice activity detection (Silero) and an endpointer cut the user's turns out, Whisper reads them, rules of
English make a plan of them or a language model answers, and a local voice speaks. It is half-duplex: it gets
the turn only once the endpointer takes the user's for ended, and while it speaks it does nothing but stop
when it is interrupted, to listen to that turn. What it was asked to do at a time it does at that time, on its
own clock, unless the user is just speaking.
"""

from collections.abc import Iterable, Sequence

from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter
from tml_bench.adapters.cascade import mouth, parts
from tml_bench.adapters.cascade.assistant import AssistantDialogue
from tml_bench.adapters.cascade.dialogue import Dialogue, DueSpeech, RecognisedTurn, SpokenDialogue
from tml_bench.adapters.cascade.ears import Ears, SpeechBetweenSilences
from tml_bench.adapters.cascade.plans import TalkPlan
from tml_bench.perception import align, asr

BARGE_IN_S = 0.2
"""The agent stops once so much speech of the user has come while it speaks."""
OUT_PER_MS = mouth.OUT_RATE // 1000


class Cascade(StepAdapter):
    """A half-duplex voice agent of exchangeable parts: VAD, recognition, a brain, synthesis; all local.

    Needs the extras voices and speech.

    Args:
        silence_ms: silence that ends the user's turn.
        voice: its voice, a name of ``tml_bench.synthesis.voices``.
        whisper: recognition model, a folder or a name on the hub; the pinned tiny.en unless said.
        endpoint: what ends the user's turn: ``vad:500`` (silence in ms) or ``smart-turn``; else silence_ms.
        recognition: ``tiny``, ``base``, or what whisper may be.
        brain: ``rules`` of English, or ``llm``, a language model.
        model: the language model: a GGUF file, or its name at base_url; else SmolLM2-135M-Instruct.
        base_url: of a server of chat completions, up to ``/v1``.
        timeout_s: longest silence of that server.
    """

    audio_in = 16_000
    audio_out = mouth.OUT_RATE

    def __init__(
        self, silence_ms: int = parts.SILENCE_MS, voice: str = "us-f-1", whisper: str = "",
        endpoint: str = "", recognition: str = "", brain: str = "rules", model: str = "",
        base_url: str = "", timeout_s: float = 60.0,
    ) -> None:  # fmt: skip
        self.voice = voice
        self._endpointer = parts.endpointer(str(endpoint), silence_ms)
        self._whisper = parts.whisper_model(recognition, whisper)
        self._model = parts.language_model(brain, str(model), base_url, timeout_s)

    def warm_up(self) -> None:
        """Load all parts and use each once.

        Raises:
            UserError: what a part needs is not installed.
            InfrastructureError: the language model is at a server that is away.
        """
        mouth.warm_up(self.voice)
        hello = mouth.say("Hello there.", self.voice)
        self._hear(SpeechBetweenSilences(hello.audio, 0.0, 0.0, hello.seconds, hello.seconds))
        self._endpointer.warm_up()
        if self._model:
            self._model.ask([{"role": "user", "content": "Hello there."}])
        self.reported = parts.described(self._endpointer, self._whisper, self._model, self.voice)

    def start(self, session: SessionStart) -> None:
        """Forget the session before."""
        self._ears = Ears(self._endpointer)
        self._dialogue: Dialogue = (
            AssistantDialogue(self._model, session.instructions) if self._model else SpokenDialogue()
        )
        self._tick_s = session.tick_ns / 1e9
        self._given = self._unheard = self._reply = 0

    def step(self, turn: MicroTurn) -> Output | None:
        """Listen, and speak when something is due and nobody speaks."""
        now_s = turn.end_ns / 1e9
        was_speaking = self._unheard > 0
        heard = round(turn.heard_ms * OUT_PER_MS)
        self._given = max(self._given, heard)  # a flush comes a little late where compute is charged
        self._unheard = self._given - heard
        ended = self._ears.feed(turn.audio)
        if was_speaking:
            if self._is_interrupted(ended):
                return self._give_way(ended, heard)
        else:
            self._listen(ended)
        if self._ears.speaking:
            return None
        if text := self._dialogue.follow_up():
            return self._say(DueSpeech(now_s, text), now_s)
        if was_speaking:
            return None
        due = self._dialogue.take(now_s + self._tick_s, self._ears.last_voice_s)
        if due is None:
            return None
        self._reply = 0
        return self._say(due, now_s)

    def _is_interrupted(self, ended: Sequence[SpeechBetweenSilences]) -> bool:
        """Whether so much was said that the agent stops; less is no turn, and not listened to."""
        under_way = self._ears.voiced_s if self._ears.speaking else 0.0
        return max([under_way, *(user.voiced_s for user in ended)]) >= BARGE_IN_S

    def _give_way(self, ended: Sequence[SpeechBetweenSilences], heard: int) -> Output:
        self._dialogue.interrupted(1 - self._unheard / max(1, self._reply))
        self._given, self._unheard = heard, 0
        self._listen(ended)
        return Output(flush=True)

    def _listen(self, ended: Iterable[SpeechBetweenSilences]) -> None:
        for user in ended:
            self._dialogue.hear(self._hear(user))

    def _say(self, due: DueSpeech, now_s: float) -> Output:
        said = (
            mouth.talk(due.say.seconds, due.say.topic, self.voice)
            if isinstance(due.say, TalkPlan)
            else mouth.say(due.say, self.voice)
        )
        # Audio can only be given at a tick: the rest of the way to the due time is silence.
        said = said.later(max(0.0, due.at_s - now_s))
        self._given += len(said.audio)
        self._reply += len(said.audio)
        self._unheard += len(said.audio)
        return Output(audio=said.audio, transcript=(said.transcript,))

    def _hear(self, user: SpeechBetweenSilences) -> RecognisedTurn:
        text = asr.transcribe(user.audio, self._whisper)
        words = align.align(user.audio, text.split()) if text else ()
        ends = [(w.text, user.first_s + (w.end_s or 0.0)) for w in words]
        ends = ends or [(token, user.end_s) for token in text.split()]
        return RecognisedTurn(text, ends, user.start_s, user.end_s)
