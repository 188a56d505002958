"""What stood behind a line of a simulated user: its goals so far, and what was said before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tml_bench.plain_text import plain
from tml_bench.scenario import Fact, Scenario, Stage
from tml_bench.timeline import Timeline, UserAct, UserLine, WordSource
from tml_bench.users.matching import questions, says_all
from tml_bench.users.said_values import SaidValue, holds, said_values
from tml_bench.users.staged import unpieced

BESIDES = frozenset((UserAct.BACKCHANNEL, UserAct.ASIDE))
"""What is said besides the conversation."""


@dataclass(frozen=True)
class LineContext:
    """A line in its conversation.

    Attributes:
        scenario: what the user wants and knows.
        line: what it says.
        stage: place of the goal that it is about, from 0.
        reached: the furthest place reached before it; -1 at the beginning.
        before: the user's earlier lines, backchannels and asides left out.
        heard: all that the model said before, by the user's lines: what came before each of these, and
            before this line. One longer than ``before``.
        timeline: the whole session.
    """

    scenario: Scenario
    line: UserLine
    stage: int
    reached: int
    before: tuple[UserLine, ...]
    heard: tuple[str, ...]
    timeline: Timeline

    @property
    def asked(self) -> str:
        """What the model said since the user's line before."""
        return self.heard[-1]

    @property
    def words_known(self) -> bool:
        """Whether it is known what the model said."""
        return self.timeline.word_source is not WordSource.NONE

    @cached_property
    def model_text(self) -> str:
        """All that the model said before."""
        return " . ".join(self.heard)

    @property
    def so_far(self) -> tuple[Stage, ...]:
        """The goals up to the one that it is about."""
        return self.scenario.stages[: self.stage + 1]

    def may_tell(self, fact: Fact) -> bool:
        """Whether a fact may be told by now."""
        return not fact.stage or fact.stage in {stage.name for stage in self.so_far}

    @cached_property
    def own_texts(self) -> tuple[str, ...]:
        """All of the scenario that the user may say by now."""
        s = self.scenario
        loose = s.closing, s.hang_up, *s.deferrals, *s.unknown
        facts = [text for fact in s.facts if self.may_tell(fact) for text in fact_texts(fact)]
        return (*loose, *(text for stage in self.so_far for text in stage_texts(stage)), *facts)

    @property
    def is_scripted(self) -> bool:
        """Whether it is, word for word, a line that the scenario has for this place."""
        s, stage = self.scenario, self.scenario.stages[self.stage : self.stage + 1]
        lines = [one for now in stage for one in (*now.lines, *now.again)]
        lines += [one for fact in s.facts if self.may_tell(fact) for one in fact.lines]
        lines += [s.closing, s.hang_up, *s.deferrals, *s.unknown]
        return unpieced(self.line.text) in map(unpieced, lines)

    @cached_property
    def later_texts(self) -> tuple[str, ...]:
        """All of it that may only be said later."""
        stages = self.scenario.stages[self.stage + 1 :]
        facts = [f for f in self.scenario.facts if not self.may_tell(f)]
        return (
            *(t for stage in stages for t in stage_texts(stage)), *(t for f in facts for t in fact_texts(f))
        )  # fmt: skip

    @cached_property
    def known(self) -> tuple[SaidValue, ...]:
        """All values that the user may name: its own so far, those it has named, and what the model said.

        Of its persona and its prompt, which may tell the whole story, those that no later goal tells.
        """
        said = (line.text for line in self.before)
        texts = *self.own_texts, *said, self.model_text
        later = [v for text in self.later_texts for v in said_values(text)]
        story = [v for text in (self.scenario.persona, self.scenario.prompt) for v in said_values(text)]
        free = (v for v in story if not any(v.same(one) for one in later))
        return (*(v for text in texts for v in said_values(text)), *free)

    def asked_for(self, fact: Fact, *, in_order: bool) -> bool:
        """Whether the model has just asked for a fact.

        A question is a sentence with a question mark, or the last one. ``in_order`` words of an alternative
        must stand together, as the scenario has them.
        """
        sentences = _questions(self.asked) if fact.asked else []
        found = any(all(_asks(one, entry, in_order) for entry in fact.asked) for one in sentences)
        return found or any(says_all(one, fact.asked) for one in questions(self.asked) if fact.asked)


def _asks(sentence: str, entry: str, in_order: bool) -> bool:
    if in_order:
        return holds(sentence, entry)
    return any(all(holds(sentence, word) for word in one.split()) for one in entry.split("|"))


def _questions(text: str) -> list[str]:
    found = [s for s in re.findall(r"[^.?!]+[.?!]*", plain(text)) if s.strip()]
    return [s for s in found[:-1] if "?" in s] + found[-1:]


def stage_texts(stage: Stage) -> tuple[str, ...]:
    """All texts of a goal that its user says."""
    return (stage.goal, *stage.lines, *stage.again, *(v for e in stage.values for v in e.split("|")))


def fact_texts(fact: Fact) -> tuple[str, ...]:
    """All texts of a fact that its user says."""
    return (*fact.lines, *(v for entry in fact.values for v in entry.split("|")))


def contexts(scenario: Scenario, timeline: Timeline) -> Iterator[tuple[int, LineContext]]:
    """Every line of a session in order, with its place among the lines."""
    places = {stage.name: k for k, stage in enumerate(scenario.stages)}
    before: list[UserLine] = []
    heard: list[str] = []
    stage, reached, since = 0, -1, 0.0
    for place, line in enumerate(timeline.lines):
        stage = places.get(line.stage, stage)
        spoken = (*heard, _said(timeline, since, line.start_s))
        yield place, LineContext(scenario, line, stage, reached, tuple(before), spoken, timeline)
        if line.act not in BESIDES:
            before.append(line)
            heard.append(spoken[-1])
            since, reached = line.start_s, max(reached, stage)


def _said(timeline: Timeline, since: float, until: float) -> str:
    words: Sequence[str] = [w.text for w in timeline.words if w.start_s is None or since <= w.start_s < until]
    return " ".join(words)
