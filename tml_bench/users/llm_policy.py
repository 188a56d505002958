"""A language model decides what the user says; code decides which goal it is about, where it can know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

from tml_bench.errors import UserSideError
from tml_bench.scenario import Scenario, Stage
from tml_bench.timeline import UserAct
from tml_bench.users.llm_prompt import Progression, chat_messages
from tml_bench.users.matching import questions, says_all
from tml_bench.users.policy import HeardTurn, Prompted, UserMove
from tml_bench.users.spoken_reply import SpokenReply, spoken_reply
from tml_bench.users.staged import PROGRESS

AskModel = Callable[[Sequence[Mapping[str, str]], int], str]
"""The reply to the messages of a chat, with a seed."""
READINGS = 2
"""How often a model is asked, each time with another seed, for a reply that can be said."""


class LanguageModelPolicy:
    """Says what a language model replies.

    Whether a goal is met: where ``Stage.covered`` says what the model under test must have said, code looks
    for it in what was heard since the user first spoke of the goal; else the language model says so by
    ``[next]`` or ``[stay]``, and where it says neither, any answer will do. The user hangs up after
    ``Manners.tries`` turns in a row that got nowhere, or as many turns as it may take. The end phrase in a
    reply ends the conversation, as do goals that are all met.

    Args:
        scenario: who the user is.
        seed: the session's.
        ask: asks the language model; raises what `next_move` raises.
    """

    def __init__(self, scenario: Scenario, seed: int, ask: AskModel) -> None:
        self._scenario = scenario
        self._seed = seed
        self._ask = ask
        self._names = [stage.name for stage in scenario.stages]

    def next_move(self, turns: Sequence[HeardTurn], prompted: Prompted) -> UserMove:
        """As ``UserPolicy.next_move``; also raises `UserSideError` where no reply can be said."""
        standing = self._standing(turns, prompted)
        stuck = standing.tried >= self._scenario.manners.tries
        said = sum(turn.by_user for turn in turns)
        if said >= self._scenario.turn_limit or (stuck and standing.met is False):
            return self._hang_up(standing)
        reply = self._reply(chat_messages(self._scenario, turns, standing), standing)
        moves_on = standing.met is None and reply.moves_on is not False
        if stuck and standing.met is None and not moves_on and not reply.ends:
            return self._hang_up(standing)
        stage = standing.stage + moves_on
        if reply.ends or stage == len(self._names):
            text = reply.text if reply.ends else self._scenario.closing
            return UserMove(
                text, UserAct.CLOSING, self._names[min(standing.stage, len(self._names) - 1)], True
            )
        first = not any(turn.by_user and turn.stage == self._names[stage] for turn in turns)
        act = UserAct.GOAL if first else UserAct.ANSWER if standing.asked else UserAct.AGAIN
        return UserMove(self._pausing(reply.text), act, self._names[stage])

    def _standing(self, turns: Sequence[HeardTurn], prompted: Prompted) -> Progression:
        ours = [turn for turn in turns if turn.by_user and turn.stage in self._names]
        heard = [turn for turn in turns if not turn.by_user]
        asked = bool(turns) and not turns[-1].by_user and bool(questions(turns[-1].text))
        if not ours:
            return Progression(0, False, 0, asked, prompted, begins=True)
        stage = self._names.index(ours[-1].stage)
        begun = next(turn for turn in ours if turn.stage == ours[-1].stage)
        answers = " ".join(turn.text for turn in heard if turn.end_s > begun.start_s)
        told = any(turn.stage == begun.stage and not turn.cut for turn in ours)
        met = told and self._met(self._scenario.stages[stage], answers, answered=not turns[-1].by_user)
        return Progression(stage + (met is True), met, _tried(ours), asked, prompted)

    def _met(self, stage: Stage, answers: str, *, answered: bool) -> bool | None:
        if stage.covered:
            return says_all(answers, stage.covered)
        return None if answered else False

    def _reply(self, messages: Sequence[Mapping[str, str]], standing: Progression) -> SpokenReply:
        for reading in range(READINGS):
            raw = self._ask(messages, self._seed + reading)
            reply = spoken_reply(raw, self._scenario.end_phrase)
            # What closes before it began only repeats its instructions.
            if reply.text and not (reply.ends and standing.begins):
                return reply
        raise UserSideError(f"the user's language model gave nothing that can be said ({READINGS} times)")

    def _hang_up(self, standing: Progression) -> UserMove:
        return UserMove(self._scenario.hang_up, UserAct.HANG_UP, self._names[standing.stage], True)

    def _pausing(self, text: str) -> str:
        return text.replace(", ", ", / ") if self._scenario.manners.hesitation else text


def _tried(ours: Sequence[HeardTurn]) -> int:
    """How many turns in a row, up to the last, got nowhere."""
    nowhere = takewhile(lambda turn: turn.act not in PROGRESS, reversed(ours))
    return sum(1 for _ in nowhere)
