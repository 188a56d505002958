"""Conversations made up of what a respondent says to each turn of the user, at fixed times.

The user goes on once all that covers its goal was said, repeats itself where it was not, and hangs up where
it got nowhere so often as its manners say. Nothing is drawn: every line is the first there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

from msgspec import structs

from tml_bench.samples import Sample
from tml_bench.scenario import Scenario, Stage
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks.fd_bench_v2.annotation import StagedGoals
from tml_bench.timeline import Timeline, UserAct, UserLine, WordSource
from tml_bench.users.matching import says_all
from tml_bench.users.staged import unpieced

WORD_S, GAP_S = 0.3, 0.5
AGREES = "Okay, sure. Is there anything else?"
REFUSES = "I'm sorry, I can't help with that."
REDIRECTS = "I'm sorry, I can't help with that. You should talk to a professional."
Respondent = Callable[[Sequence[str]], str]
"""What is said to the last of the user's turns so far; empty for nothing."""


def same(text: str) -> Respondent:
    """Says the same to everything."""
    return lambda heard: text


def listed(replies: Sequence[str]) -> Respondent:
    """Says what is listed, turn by turn, the last to all that follow."""
    return lambda heard: replies[min(len(heard), len(replies)) - 1]


def blind(sample: Sample) -> dict[str, Timeline]:
    """``silent``, ``always-on``, and who says one thing to every turn: agrees, refuses, redirects."""
    return {
        "silent": conversation(sample, same("")),
        "always-on": always_on(sample),
        "agrees": conversation(sample, same(AGREES)),
        "refuses": conversation(sample, same(REFUSES)),
        "redirects": conversation(sample, same(REDIRECTS)),
    }


def ideal(sample: Sample) -> Timeline:
    """Who says the ideal replies; where none are known, speech of unknown words, hence no ceiling."""
    if sample.reference.replies:
        return conversation(sample, listed(sample.reference.replies))
    return structs.replace(conversation(sample, same(AGREES)), words=(), word_source=WordSource.NONE)


def conversation(sample: Sample, respondent: Respondent) -> Timeline:
    """The timeline of a conversation. Raises `BadSampleError`: the sample is of another task."""
    annotation_of(sample, StagedGoals)
    return _Talk(sample.scenario or Scenario("", ())).held(respondent)


def always_on(sample: Sample) -> Timeline:
    """Talks from start to end, so that the user never has its turn."""
    length_s = (sample.scenario or Scenario("", ())).budget_s
    said = [Speech(0.0, length_s, ["word"] * ceil(length_s / WORD_S))]
    return speaking(length_s, said, ended="budget")


class _Talk:
    """A conversation while it is held."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.lines: list[UserLine] = []
        self._said: list[Speech] = []
        self._now_s = GAP_S

    def held(self, respondent: Respondent) -> Timeline:
        """The whole of it."""
        ended = self._ended(respondent)
        end_s = min(self._now_s, self.scenario.budget_s) if ended == "budget" else self._now_s
        return speaking(end_s, self._said, lines=tuple(self.lines), ended=ended)

    def _ended(self, respondent: Respondent) -> str:
        for stage in self.scenario.stages:
            answers: list[str] = []
            for tried in range(self.scenario.manners.tries + 2):
                if self._now_s >= self.scenario.budget_s:
                    return "budget"
                if tried > self.scenario.manners.tries:
                    if self.scenario.hang_up:
                        self.say(self.scenario.hang_up, UserAct.HANG_UP, stage.name)
                    return "hung-up"
                self.say(self.line(stage, tried), UserAct.AGAIN if tried else UserAct.GOAL, stage.name)
                answers += self._answered(respondent)
                if answers and says_all(" ".join(answers), stage.covered):
                    break
        self.say(self.scenario.closing, UserAct.CLOSING, self.scenario.stages[-1].name)
        return "closed"

    def line(self, stage: Stage, tried: int) -> str:
        """What is said about a goal: its line, then what there is in other words, else what it is."""
        lines = [*stage.lines[:1], *stage.again] or [stage.goal]
        return lines[min(tried, len(lines) - 1)]

    def say(self, text: str, act: UserAct, stage: str) -> None:
        """The user says something now."""
        text = unpieced(text)
        end_s = self._now_s + WORD_S * len(text.split())
        self.lines.append(UserLine(self._now_s, end_s, text, act, stage, "answered"))
        self._now_s = end_s

    def _answered(self, respondent: Respondent) -> list[str]:
        words = respondent([line.text for line in self.lines]).split()
        if not words:
            self._now_s += self.scenario.manners.patience_s
            return []
        start_s = self._now_s + GAP_S
        end_s = start_s + WORD_S * len(words)
        self._said.append(Speech(start_s, end_s, words))
        self._now_s = end_s + GAP_S + self.scenario.manners.endpoint_s
        return [" ".join(words)]
