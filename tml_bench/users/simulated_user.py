"""A user who answers: an ear, a policy, a voice and manners, on the session's clock.

The user goes through what it hears frame by frame (``ear``). What it does about a frame, it does at least its
reaction time after that frame is known; so the audio up to then does not depend on anything that is heard
later, nor on the length of micro-turns. It takes the turn once the model has been silent for its
``endpoint_s`` and a gap, which it foresees by its reaction time; what it says it asks its policy, and it says
nothing if the model goes on before it is too late. Where the policy takes its time on the wall clock, the
user speaks later, and a session in which it is late by more than `LATE_NS` is no session to score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.errors import HarnessLateError
from tml_bench.scenario import Scenario
from tml_bench.timebase import NS, nanoseconds
from tml_bench.timeline import UserAct
from tml_bench.users.ear import Ear, HeardFrame, HeardWords
from tml_bench.users.heard_talk import HeardTalk
from tml_bench.users.manners import DrawnManners
from tml_bench.users.matching import says
from tml_bench.users.policy import HeardTurn, Prompted, UserMove, UserPolicy
from tml_bench.users.recognising import recognised_words
from tml_bench.users.speaking import UserVoice
from tml_bench.users.staged import unpieced
from tml_bench.users.user_side import SessionEnd, UserSide
from tml_bench.users.voicing import FILLERS, VoiceStore, pieces, spoken_line

LATE_NS = 250_000_000
"""A user whose words are not ready so long after it was to speak makes the session invalid."""
LEAST_REACTION_S = 0.1
TEXT_WAIT_NS = NS
"""A transcript that has not come may come so much later than the end of its speech."""
PARTING_NS = NS
"""The session lasts so much longer after the user's last words."""
ASIDE_PAUSE_NS = 400_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Thought:
    """What the user means to say: what it heard before, the move, and the line as spoken."""

    heard: str
    move: UserMove
    audio: NDArray[np.float32]


@dataclass(slots=True)
class _Plan:
    """A turn that is to begin; one that ``waits`` is given up when the model goes on.

    ``text`` is all of the model's transcript that was heard when it was thought of.
    """

    start_ns: int
    prompted: Prompted
    thought: Future[_Thought]
    text: str
    waits: bool


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    start_ns: int
    end_ns: int
    interruptible: bool


class SimulatedUser(UserSide):
    """Plays a scenario; see the module.

    ``rates`` are those at which its audio is wanted, ``heard_rate`` the model's. ``aside`` thinks beside the
    session, on the wall clock, and is shut down with it; None thinks at once. ``ears`` is ``auto`` for the
    transcript's words where there are any, ``asr`` for recognised ones.
    """

    def __init__(
        self, scenario: Scenario, policy: UserPolicy, store: VoiceStore, seed: int, rates: tuple[int, ...],
        heard_rate: int, aside: Executor | None = None, ears: str = "auto",
    ) -> None:  # fmt: skip
        self._scenario = scenario
        self._policy = policy
        self._store = store
        self._manners = DrawnManners(scenario.manners, seed)
        self._reaction_ns = nanoseconds(max(scenario.manners.reaction_s, LEAST_REACTION_S))
        self._readiness_ns = self._reaction_ns + nanoseconds(scenario.manners.thinking_s)
        self._endpoint_ns = nanoseconds(scenario.manners.endpoint_s)
        self._aside = aside
        self._recognises = ears == "asr"
        self._voice = UserVoice(rates)
        self._ear, self._words = Ear(heard_rate), HeardWords()
        self._talk = HeardTalk(self._endpoint_ns)
        self._turns: list[HeardTurn] = []
        self._taken = 0
        self._heard_text = ""
        self._line: _Line | None = None
        self._free_ns = self._listened_ns = 0
        self._plan: _Plan | None = None
        self._silent_at = set(scenario.manners.silent_at)
        self._aside_at = -1
        self._end: SessionEnd | None = None

    def hear(self, heard: NDArray[np.float32]) -> None:
        """Take the next stretch of heard audio."""
        self._ear.hear(heard)

    def note(self, event: ev.AnyEvent) -> None:
        """Take what the model gave."""
        self._words.note(event)

    def render(self, rate: int, end_ns: int) -> NDArray[np.float32]:
        """The user's audio."""
        return self._voice.render(rate, end_ns)

    def texts(self, end_ns: int) -> list[tuple[int, str]]:
        """None: it speaks."""
        return []

    def open_clips(self) -> None:
        """Have spoken what is said in a hurry: on the wall clock nothing may be synthesised on the spot."""
        manners = self._scenario.manners
        # The first loads the voice, where it is not there: whatever is said then is synthesised.
        lines = [self._scenario.closing, *(self._scenario.asides if manners.aside else ())]
        lines += self._scenario.backchannels if manners.backchannel_s is not None else ()
        lines += FILLERS if manners.hesitation else ()
        for piece in (piece for line in lines for piece in pieces(line)):
            self._store.say(self._scenario.voice, piece)

    def close(self) -> None:
        """Wait for no more thoughts: no file stays open."""
        if self._aside is not None:
            self._aside.shutdown(wait=False, cancel_futures=True)

    def end(self, known_ns: int) -> SessionEnd | None:
        """After its last words, or when its time is over."""
        budget = SessionEnd(nanoseconds(self._scenario.budget_s), "budget")
        end = min(self._end, budget) if self._end else budget
        return end if end.t_ns <= known_ns else None

    def schedule(self, known_ns: int) -> Iterator[ev.UserTurnStarted | ev.UserTurnCut]:
        """Go through what was heard, and speak."""
        for frame in self._ear.frames(known_ns):
            yield from self._speak(frame.known_ns)
            if self._end is None:
                yield from self._consider(frame)
        yield from self._speak(known_ns)

    def _consider(self, frame: HeardFrame) -> Iterator[ev.UserTurnStarted | ev.UserTurnCut]:
        now_ns = frame.known_ns
        if self._talk.hear(frame, self._free_ns):
            self._listened_ns = frame.start_ns
        if self._line is not None and now_ns < self._line.end_ns:
            yield from self._give_way(now_ns)
            return
        if self._plan is not None:
            if self._plan.waits and frame.voiced and now_ns + self._reaction_ns <= self._plan.start_ns:
                self._plan = None
            return
        self._plan = self._next_plan(now_ns)
        if self._plan is None and self._is_to_acknowledge(now_ns):
            self._listened_ns = now_ns
            yield self._aside_line(
                now_ns + self._reaction_ns, self._scenario.backchannels, UserAct.BACKCHANNEL, "listening"
            )

    def _next_plan(self, now_ns: int) -> _Plan | None:
        manners, gap_ns = self._manners.declared, self._manners.gap_ns(self._taken)
        if self._talk.is_answer:
            if self._is_to_barge_in(now_ns):
                return self._planned(now_ns + self._readiness_ns, Prompted.BARGE_IN, now_ns)
            silent_ns = now_ns - self._talk.until_ns
            if silent_ns < self._endpoint_ns - self._reaction_ns or not self._has_words(now_ns, silent_ns):
                return None
            start_ns = self._talk.until_ns + self._endpoint_ns + gap_ns
            return self._planned(max(start_ns, now_ns + self._reaction_ns), Prompted.ANSWERED, now_ns)
        last_ns = max(self._free_ns, self._talk.until_ns)
        if not self._turns and now_ns - last_ns >= self._endpoint_ns:
            return self._planned(now_ns + max(gap_ns, self._reaction_ns), Prompted.OPENING, now_ns)
        if self._turns and now_ns - last_ns >= nanoseconds(manners.patience_s):
            return self._planned(now_ns + self._readiness_ns, Prompted.SILENCE, now_ns)
        return None

    def _is_to_barge_in(self, now_ns: int) -> bool:
        manners = self._manners.declared
        if self._talk.until_ns < now_ns - self._endpoint_ns:
            return False
        since_ns = max(self._talk.answer_from_ns, self._talk.from_ns)
        if manners.barge_in_s is not None and now_ns - since_ns >= nanoseconds(manners.barge_in_s):
            return True
        wrong = self._wrong_words()
        heard = self._words.since(since_ns, now_ns) if wrong else ""
        return bool(heard) and any(says(heard, words) for words in wrong)

    def _wrong_words(self) -> list[str]:
        """Words on which the user begins to talk, but for what it told itself in the stage that it is in."""
        stage = next((turn.stage for turn in reversed(self._turns) if turn.stage), "")
        told = [value for one in self._scenario.stages if one.name == stage for value in one.values]
        own = {word for value in told for word in value.split("|")}
        return [words for words in self._manners.declared.barge_in_on if own.isdisjoint(words.split("|"))]

    def _has_words(self, now_ns: int, silent_ns: int) -> bool:
        """Whether it is known what the model said; where it gives transcripts, one may still come."""
        waited = silent_ns >= self._endpoint_ns + TEXT_WAIT_NS
        return waited or not self._words.has_text(now_ns) or bool(self._fresh(self._words.text(now_ns)))

    def _fresh(self, text: str) -> str:
        """What of a transcript was not heard yet when the user took its last turn."""
        known, words = self._heard_text.split(), text.split()
        same = next((k for k, pair in enumerate(zip(known, words, strict=False)) if pair[0] != pair[1]), None)
        return " ".join(words[min(len(known), len(words)) if same is None else same :])

    def _is_to_acknowledge(self, now_ns: int) -> bool:
        every_s = self._manners.declared.backchannel_s
        talking = self._talk.is_answer and self._talk.until_ns >= now_ns - self._reaction_ns
        talking = talking and now_ns >= self._voice.quiet_ns
        return every_s is not None and talking and now_ns - self._listened_ns >= nanoseconds(every_s)

    def _planned(self, start_ns: int, prompted: Prompted, now_ns: int) -> _Plan:
        silent = prompted in (Prompted.SILENCE, Prompted.OPENING)
        whole = self._words.text(now_ns)
        text = "" if silent or self._recognises else self._fresh(whole)
        recognise = prompted is Prompted.ANSWERED and not text
        sound = self._ear.sound(self._talk.answer_from_ns, now_ns) if recognise else np.zeros(0, np.float32)
        span_s = self._talk.answer_from_ns / NS, self._talk.until_ns / NS
        turns, number = tuple(self._turns), self._taken

        def think() -> _Thought:
            heard = recognised_words(sound) if recognise else text
            said = () if silent else (HeardTurn(False, heard, *span_s),)
            move = self._policy.next_move((*turns, *said), prompted)
            return _Thought(heard, move, self._spoken(move, number))

        waits = prompted is not Prompted.BARGE_IN
        return _Plan(start_ns, prompted, self._begun(think), whole, waits)

    def _begun(self, work: Callable[[], T]) -> Future[T]:
        if self._aside is not None:
            return self._aside.submit(work)
        done: Future[T] = Future()
        done.set_result(work())
        return done

    def _speak(self, now_ns: int) -> Iterator[ev.UserTurnStarted]:
        """Begin the turn that is due by now."""
        plan = self._plan
        if plan is None or plan.start_ns > now_ns:
            return
        if not plan.thought.done():
            if now_ns - plan.start_ns > LATE_NS:
                late_s = LATE_NS / NS
                raise HarnessLateError(f"user late: its words were not ready {late_s:g} s after their time")
            return
        thought = plan.thought.result()
        start_ns = max(plan.start_ns, self._voice.earliest_ns)
        if thought.move.act is UserAct.GOAL and thought.move.stage in self._silent_at:
            self._silent_at.discard(thought.move.stage)
            plan.start_ns = start_ns + nanoseconds(self._manners.declared.patience_s)
            return
        if self._scenario.asides and self._aside_at != self._taken and self._manners.has_aside(self._taken):
            self._aside_at = self._taken
            event = self._aside_line(start_ns, self._scenario.asides, UserAct.ASIDE, "somebody else")
            yield event
            plan.start_ns = event.end_ns + ASIDE_PAUSE_NS
            return
        self._plan = None
        yield from self._take_turn(start_ns, plan, thought)

    def _take_turn(self, start_ns: int, plan: _Plan, thought: _Thought) -> Iterator[ev.UserTurnStarted]:
        move = thought.move
        self._heard_text = plan.text
        if plan.prompted in (Prompted.ANSWERED, Prompted.BARGE_IN):
            span_s = self._talk.answer_from_ns / NS, self._talk.until_ns / NS
            self._turns.append(HeardTurn(False, thought.heard, *span_s))
        end_ns = start_ns
        if len(thought.audio):
            event = self._voice.say(start_ns, move, plan.prompted.value, thought.audio)
            end_ns = event.end_ns
            self._line = _Line(event.turn, start_ns, end_ns, not move.ends)
            span_s = start_ns / NS, end_ns / NS
            self._turns.append(HeardTurn(True, unpieced(move.text), *span_s, move.act, move.stage))
            self._taken += 1
            yield event
        self._free_ns = end_ns
        self._talk.was_answered()
        if move.ends:
            hung_up = move.act is UserAct.HANG_UP
            self._end = SessionEnd(end_ns + PARTING_NS, "hung-up" if hung_up else "closed")

    def _aside_line(self, start_ns: int, lines: Sequence[str], act: UserAct, why: str) -> ev.UserTurnStarted:
        """Say the next of some lines that are no turn."""
        number = self._voice.lines
        move = UserMove(lines[number % len(lines)], act)
        return self._voice.say(start_ns, move, why, self._spoken(move, -1 - number))

    def _spoken(self, move: UserMove, number: int) -> NDArray[np.float32]:
        draw = self._manners.draw("pause", number)
        return spoken_line(self._store, self._scenario.voice, move.text, self._scenario.manners, draw)

    def _give_way(self, now_ns: int) -> Iterator[ev.UserTurnCut]:
        """Stop, once the model has talked into the user's turn for longer than the user lets it."""
        line, yield_s = self._line, self._manners.declared.yield_s
        if line is None or yield_s is None or not line.interruptible:
            return
        since_ns = max(self._talk.from_ns, line.start_ns)
        talking = self._talk.until_ns >= max(now_ns - self._reaction_ns, line.start_ns + 1)
        stop_ns = now_ns + self._reaction_ns
        if not talking or self._talk.until_ns - since_ns < nanoseconds(yield_s) or stop_ns >= line.end_ns:
            return
        self._line = None
        self._free_ns = stop_ns
        self._turns[-1] = replace(self._turns[-1], end_s=stop_ns / NS, cut=True)
        yield self._voice.stop(line.number, stop_ns)
