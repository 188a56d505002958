"""The policy of rules: the scenario's lines, picked and withheld by what the model has said.

At each turn of the user, in this order:

1. a question for a fact that may be told, and was not, is answered; one for a fact of a later stage is put
   off;
2. where the model has said all that covers the goal the user is about, the next goal is told, or, after the
   last, the conversation is closed;
3. else the user says the same goal in other words, or that it knows no more, until it has no words or no
   patience left, and hangs up.

What is picked among several lines is drawn by the seed. No line is said twice, unless it was cut off.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tml_bench.errors import UserError
from tml_bench.scenario import Fact, Scenario
from tml_bench.timeline import UserAct
from tml_bench.users.matching import questions, says_all
from tml_bench.users.policy import HeardTurn, Prompted, UserMove

PROGRESS = (UserAct.GOAL, UserAct.ANSWER)
"""What the user says because the model got somewhere."""


def unpieced(line: str) -> str:
    """A line without its places to pause."""
    return " ".join(line.replace("/", " ").split())


class StagedPolicy:
    """Plays a scenario's lines; see the module.

    Raises:
        UserError: the scenario has a stage without lines.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        wordless = [stage.name for stage in scenario.stages if not stage.lines]
        if wordless:
            raise UserError(
                f"the scenario has no lines for {', '.join(wordless)}: only a language model can play it",
                "give --user llm:base_url=URL,model=NAME",
            )
        self._scenario = scenario
        self._seed = seed

    def next_move(self, turns: Sequence[HeardTurn], prompted: Prompted) -> UserMove:
        """What to say now; a function of the conversation and the seed."""
        said = [turn for turn in turns if turn.by_user]
        index = self._stage(turns)
        if not said:
            return self._goal(0, said)
        if len(said) >= self._scenario.turn_limit or self._tries(said) >= self._scenario.manners.tries:
            return self._hang_up(index)
        if prompted is not Prompted.SILENCE and (told := self._answer(turns, index)):
            return told
        if self._is_covered(turns, index) and prompted is not Prompted.SILENCE:
            last = index == len(self._scenario.stages) - 1
            return self._closing(index) if last else self._goal(index + 1, said)
        return self._again(index, said)

    def _stage(self, turns: Sequence[HeardTurn]) -> int:
        """The goal that the user is about: the last that it told to its end."""
        names = [stage.name for stage in self._scenario.stages]
        told = [names.index(turn.stage) for turn in turns if turn.by_user and turn.stage in names]
        return max(told, default=0)

    def _tries(self, said: Sequence[HeardTurn]) -> int:
        """How many turns in a row the user got nowhere."""
        since = 0
        for turn in said:
            since = 0 if turn.act in PROGRESS else since + 1
        return since

    def _is_covered(self, turns: Sequence[HeardTurn], index: int) -> bool:
        """Whether the model has said, since the user was about the goal, what covers it."""
        stage = self._scenario.stages[index]
        first = next(k for k, turn in enumerate(turns) if turn.by_user and turn.stage == stage.name)
        after = [turn.text for turn in turns[first:] if not turn.by_user]
        goal_told = any(t.by_user and t.stage == stage.name and not t.cut for t in turns)
        return goal_told and bool(after) and says_all(" ".join(after), stage.covered)

    def _answer(self, turns: Sequence[HeardTurn], index: int) -> UserMove | None:
        last = turns[-1]
        asked = [] if last.by_user else [f for f in self._scenario.facts if _asks(last.text, f)]
        told = {turn.text for turn in turns if turn.by_user}
        stage = self._scenario.stages[index].name
        for fact in asked:
            lines = [line for line in fact.lines if unpieced(line) not in told]
            if len(lines) < len(fact.lines):
                continue  # it has been told
            if self._may_tell(fact, index):
                return UserMove(self._pick(lines, fact.name), UserAct.ANSWER, stage)
            if deferrals := [one for one in self._scenario.deferrals if unpieced(one) not in told]:
                return UserMove(deferrals[0], UserAct.DEFER, stage)
        return None

    def _may_tell(self, fact: Fact, index: int) -> bool:
        names = [stage.name for stage in self._scenario.stages]
        return not fact.stage or names.index(fact.stage) <= index

    def _goal(self, index: int, said: Sequence[HeardTurn]) -> UserMove:
        stage = self._scenario.stages[index]
        return UserMove(self._pick(stage.lines, stage.name), UserAct.GOAL, stage.name)

    def _again(self, index: int, said: Sequence[HeardTurn]) -> UserMove:
        """The same goal in words that were not used yet; where there are none, the user gives up."""
        stage, texts = self._scenario.stages[index], [turn.text for turn in said if not turn.cut]
        whole = any(turn.stage == stage.name and not turn.cut for turn in said)
        words = (*stage.again, *stage.lines) if whole else stage.lines
        if fresh := [line for line in words if unpieced(line) not in texts]:
            return UserMove(fresh[0], UserAct.AGAIN, stage.name)
        if unknown := [line for line in self._scenario.unknown if unpieced(line) not in texts]:
            return UserMove(unknown[0], UserAct.DEFER, stage.name)
        return self._hang_up(index)

    def _closing(self, index: int) -> UserMove:
        return UserMove(self._scenario.closing, UserAct.CLOSING, self._scenario.stages[index].name, ends=True)

    def _hang_up(self, index: int) -> UserMove:
        name = self._scenario.stages[index].name
        return UserMove(self._scenario.hang_up, UserAct.HANG_UP, name, ends=True)

    def _pick(self, lines: Sequence[str], name: str) -> str:
        return random.Random(f"{self._seed}/line/{name}").choice(lines)


def _asks(text: str, fact: Fact) -> bool:
    return any(says_all(one, fact.asked) for one in questions(text))


def staged_lines(scenario: Scenario) -> list[str]:
    """All lines that the policy and the manners may say of a scenario, in pieces with ``/`` between them."""
    lines = [line for stage in scenario.stages for line in (*stage.lines, *stage.again)]
    lines += [line for fact in scenario.facts for line in fact.lines]
    lines += [*scenario.deferrals, *scenario.unknown, scenario.closing, scenario.hang_up]
    manners = scenario.manners
    lines += scenario.backchannels if manners.backchannel_s is not None else ()
    lines += scenario.asides if manners.aside else ()
    return [line for line in dict.fromkeys(lines) if line.strip()]
