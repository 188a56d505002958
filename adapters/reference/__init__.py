"""Reference adapters with known right scores; they need no key and show what the harness measures.

Some are shown nothing and do one thing. Others say known words at planned times, exact to the sample: they
are shown what is expected (``privileged``), so they can speak at times no causal model could choose; that is
what makes them rulers for the harness.

``audio_in`` and ``audio_out`` are the rates of the user's audio and of their own in Hz.
"""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import MicroTurn, Output, SessionStart, SpokenWord, StepAdapter, Transcript
from tml_bench.adapters.reference.planned_calls import PlannedCalls
from tml_bench.adapters.reference.voice import Clip, clip, texts
from tml_bench.samples import IdealCall, Reference, Utterance
from tml_bench.timebase import NS, first_sample_at, nanoseconds, sample_time_ns, seconds

if TYPE_CHECKING:
    from tml_bench.adapters.reference.conversing import Stonewall

WORD_S = 0.3
"""How long a word takes that no clip says."""


class _ReferenceAdapter(StepAdapter):
    takes_history = True

    def __init__(self, audio_in: int = 16000, audio_out: int = 24000) -> None:
        self.audio_in, self.audio_out = audio_in, audio_out

    def start(self, session: SessionStart) -> None:
        self._tick_ns = session.tick_ns


class Silent(_ReferenceAdapter):
    """Never says anything."""

    def __init__(self, audio_in: int = 16000, audio_out: int = 16000) -> None:
        super().__init__(audio_in, audio_out)

    def step(self, turn: MicroTurn) -> Output | None:
        """Nothing."""
        return None


class Echo(_ReferenceAdapter):
    """Says back what the user said, one micro-turn later.

    Both sides' audio has ``rate`` Hz.
    """

    def __init__(self, rate: int = 16000) -> None:
        super().__init__(rate, rate)

    def step(self, turn: MicroTurn) -> Output | None:
        """The user's audio."""
        return Output(audio=turn.audio)


class AlwaysOn(_ReferenceAdapter):
    """Talks from the first micro-turn to the last and never stops."""

    def warm_up(self) -> None:
        """Load the voice."""
        clip("talk", self.audio_out)

    def start(self, session: SessionStart) -> None:
        """Start over; it talks from the first hand-over on."""
        super().start(session)
        self._began = first_sample_at(session.tick_ns, self.audio_out)

    def step(self, turn: MicroTurn) -> Output | None:
        """The next stretch of an endless talk."""
        voice = clip("talk", self.audio_out)
        begin = first_sample_at(turn.end_ns, self.audio_out) - self._began
        end = first_sample_at(turn.end_ns + self._tick_ns, self.audio_out) - self._began
        audio = _endless(voice.audio, begin, end)
        rounds = range(-(-begin // len(voice.audio)), -(-end // len(voice.audio)))
        pieces = []
        for number in rounds:
            shift = seconds(sample_time_ns(number * len(voice.audio) - begin, self.audio_out))
            words = tuple(SpokenWord(w.text, shift + w.start_s, shift + w.end_s) for w in voice.words)
            pieces.append(Transcript(voice.text + " ", words))
        return Output(audio=audio, transcript=tuple(pieces))


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """Something to say: a voice clip from ``at_s`` on the session clock, cut off at ``until_s`` if any.

    A ``text`` stands for the clip's own words, spread over the whole line; the clip then is the sound of
    speech and no more, repeated until ``until_s``. It is said no sooner than the results of the calls that it
    ``needs``, by their place in the plan, are there.
    """

    at_s: float
    clip: str = "answer"
    until_s: float | None = None
    text: str = ""
    needs: tuple[int, ...] = ()


@cache
def _clips_by_text() -> dict[str, str]:
    return {_plain(text): name for name, text in texts().items()}


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def clip_saying(text: str) -> str | None:
    """Name of the clip that says a text, case and punctuation aside; None when there is none."""
    return _clips_by_text().get(_plain(text))


def stretch(text: str, length: int, rate: int) -> Clip:
    """Talk of that many samples whose transcript is the text."""
    pieces = text.split()
    step = length / rate / len(pieces)
    words = tuple(SpokenWord(word, k * step, (k + 1) * step) for k, word in enumerate(pieces))
    return Clip(text, words, _endless(clip("talk", rate).audio, 0, length))


def _endless(audio: NDArray[np.float32], begin: int, end: int) -> NDArray[np.float32]:
    """Samples ``begin`` to ``end`` of a clip that is repeated, shape (end - begin,)."""
    first = begin % len(audio)
    once = audio[first : first + end - begin]
    if len(once) == end - begin:
        return once.copy()
    return np.take(audio, np.arange(begin, end), mode="wrap")


def without_end(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Audio, shape (n,), without the zeros that it ends in."""
    (sounding,) = audio.nonzero()
    return audio[: sounding[-1] + 1 if sounding.size else 0]


class PlannedSpeaker(_ReferenceAdapter):
    """Says the lines of a plan, each to the sample at its time.

    Nothing can be said before the first hand-over. A line that begins earlier is not moved: what of it lies
    after the hand-over is said, with the words that end there or later.
    """

    privileged = True

    @abstractmethod
    def plan(self, reference: Reference) -> list[PlannedLine]:
        """What to say in a session with that reference."""

    def planned_calls(self, reference: Reference) -> Sequence[IdealCall]:
        """Which functions to call; by default none."""
        return ()

    def warm_up(self) -> None:
        """Load the voice."""
        for name in ("answer", "backchannel"):
            clip(name, self.audio_out)

    def start(self, session: SessionStart) -> None:
        """Plan the session."""
        super().start(session)
        assert session.reference is not None
        plan = self.plan(session.reference)
        self._lines = [self._placed(line) for line in plan if not line.needs]
        self._unplaced = [line for line in plan if line.needs]
        self._calls = PlannedCalls(self.planned_calls(session.reference))

    def _placed(self, line: PlannedLine) -> tuple[int, int, Clip]:
        start = first_sample_at(nanoseconds(line.at_s), self.audio_out)
        until = None if line.until_s is None else first_sample_at(nanoseconds(line.until_s), self.audio_out)
        if line.text:
            end = until or start + round(WORD_S * len(line.text.split()) * self.audio_out)
            return start, end, stretch(line.text, end - start, self.audio_out)
        voice = clip(line.clip, self.audio_out)
        end = start + len(voice.audio)
        return start, end if until is None else min(end, until), voice

    def step(self, turn: MicroTurn) -> Output | None:
        """Say what falls into the micro-turn that begins at hand-over, and make and cancel calls."""
        self._calls.take(turn)
        self._place_lines(turn)
        begin = first_sample_at(turn.end_ns, self.audio_out)
        end = first_sample_at(turn.end_ns + self._tick_ns, self.audio_out)
        said = [line for line in self._lines if max(line[0], begin) < min(line[1], end)]
        audio = np.zeros(end - begin if said else 0, dtype=np.float32)
        transcript: list[Transcript] = []
        for start, stop, voice in said:
            a, b = max(start, begin), min(stop, end)
            audio[a - begin : b - begin] += voice.audio[a - start : b - start]
            if begin <= start or turn.index == 0:
                transcript.append(self._transcript(voice, start - begin, stop - start))
        audio = without_end(audio)
        calls, cancelled = self._calls.due(turn), self._calls.cancelled(turn)
        if audio.size:
            return Output(audio, tuple(transcript), tool_calls=calls, cancelled_calls=cancelled)
        return Output(tool_calls=calls, cancelled_calls=cancelled) if calls or cancelled else None

    def _place_lines(self, turn: MicroTurn) -> None:
        """Place the lines whose calls have come back, no sooner than now."""
        if not self._unplaced:
            return
        ready = [line for line in self._unplaced if self._calls.have(line.needs)]
        self._unplaced = [line for line in self._unplaced if line not in ready]
        self._lines += [self._placed(replace(line, at_s=max(line.at_s, turn.end_ns / NS))) for line in ready]

    def _transcript(self, voice: Clip, offset: int, length: int) -> Transcript:
        """The words of a line that begins so many samples into the output, or before it, and is cut off."""
        shift = seconds(sample_time_ns(offset, self.audio_out))
        said_s = length / self.audio_out
        words = tuple(
            SpokenWord(w.text, max(0.0, shift + w.start_s), shift + min(w.end_s, said_s))
            for w in voice.words
            if w.start_s < said_s and shift + w.end_s > 0
        )
        return Transcript(" ".join(w.text for w in words) + " ", words)


class Oracle(PlannedSpeaker):
    """Does exactly what is expected: the ceiling.

    It does it ``shift_ms`` later than expected; negative is earlier. With a user who answers it is
    `cooperative`.
    """

    endpoint_s = 0.6
    """Silence of a user who answers, after which it takes the turn."""

    def __init__(self, audio_in: int = 16000, audio_out: int = 24000, shift_ms: float = 0) -> None:
        super().__init__(audio_in, audio_out)
        self.shift_s = shift_ms / 1000

    def start(self, session: SessionStart) -> None:
        """Plan the session, or begin the conversation."""
        super().start(session)
        self._conversing: Stonewall | None = None
        if session.reference is not None and session.reference.replies:
            from tml_bench.adapters.reference.conversing import Cooperative

            endpoint_s = max(0.0, self.endpoint_s + self.shift_s)
            self._conversing = Cooperative(endpoint_s, audio_in=self.audio_in, audio_out=self.audio_out)
            self._conversing.start(session)

    def step(self, turn: MicroTurn) -> Output | None:
        """Say and do what is planned, or what the conversation asks for."""
        return super().step(turn) if self._conversing is None else self._conversing.step(turn)

    def plan(self, reference: Reference) -> list[PlannedLine]:
        """The ideal utterances, each with the clip that says its text, or else of its role.

        A text that no clip says has the sound of other speech and the right transcript: it is right by the
        adapter's own words, and not by what a recogniser hears. What a shift moves before the session's start
        is left out.
        """
        lines = (self._line(utterance) for utterance in reference.ideal)
        return [line for line in lines if line.at_s >= 0]

    def _line(self, utterance: Utterance) -> PlannedLine:
        at_s = utterance.at_s + self.shift_s
        until_s = None if utterance.until_s is None else utterance.until_s + self.shift_s
        if not utterance.text:
            return PlannedLine(at_s, utterance.role, until_s, needs=utterance.needs)
        name = clip_saying(utterance.text)
        return PlannedLine(at_s, name or "talk", until_s, "" if name else utterance.text, utterance.needs)

    def planned_calls(self, reference: Reference) -> Sequence[IdealCall]:
        """The ideal calls, shifted likewise."""
        return [replace(call, at_s=call.at_s + self.shift_s) for call in reference.calls]


class Delayed(PlannedSpeaker):
    """Answers exactly ``ms`` milliseconds after the user's turn ends."""

    def __init__(self, ms: float = 700, audio_in: int = 16000, audio_out: int = 24000) -> None:
        super().__init__(audio_in, audio_out)
        self.ms = ms

    def plan(self, reference: Reference) -> list[PlannedLine]:
        """One answer; none where there is no turn to answer."""
        end_s = reference.user_end_s
        return [] if end_s is None else [PlannedLine(end_s + self.ms / 1000)]


class Early(Delayed):
    """Answers exactly ``ms`` milliseconds before the user's turn ends."""

    def __init__(self, ms: float = 500, audio_in: int = 16000, audio_out: int = 24000) -> None:
        super().__init__(-ms, audio_in, audio_out)
