"""Faults of a simulated user, found in what was said in a session, so that none is blamed on the model.

Rules decide from the scenario, the user's lines and what was heard of the model. A session with one faulty
line has no score. What only understanding can find, a judge is asked (`tml_bench.users.fault_rubric`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from tml_bench.scenario import Scenario
from tml_bench.timeline import Timeline
from tml_bench.users.fault_character import out_of_character
from tml_bench.users.fault_course import repetition, talks_over, wrong_order
from tml_bench.users.fault_values import contradiction, early, wrong_answer
from tml_bench.users.line_context import LineContext, contexts

FAULT_RULES = "rules 1"
"""Name and version of the rules: raised whenever what they find changes."""


class FaultKind(StrEnum):
    """What a line of a simulated user has done wrong."""

    CONTRADICTS = "contradicts"
    """It says another value than its goal's, or one that nobody has named."""
    EARLY = "early"
    """It tells what only a later goal tells."""
    REPEATS = "repeats"
    """It says what it has said before."""
    WRONG_ANSWER = "wrong-answer"
    """It does not answer the question that it was asked."""
    CHARACTER = "character"
    """It speaks as an assistant, or of its part."""
    OVER = "over"
    """It talks over the model without being told to."""
    ORDER = "order"
    """It leaves a goal too soon, or leaves one out, or ends too soon."""


RULES: dict[FaultKind, Callable[[LineContext], str]] = {
    FaultKind.CONTRADICTS: contradiction,
    FaultKind.EARLY: early,
    FaultKind.REPEATS: repetition,
    FaultKind.WRONG_ANSWER: wrong_answer,
    FaultKind.CHARACTER: out_of_character,
    FaultKind.OVER: talks_over,
    FaultKind.ORDER: wrong_order,
}
"""What finds each kind, with the reason; empty for none."""


class UserFault(msgspec.Struct, frozen=True):
    """A fault of a simulated user.

    Attributes:
        line: place of the line among those of the session, from 0.
        at_s: when it begins, seconds on the session clock.
        text: the line.
        kind: what is wrong.
        reason: why, in words.
        by: who found it: `FAULT_RULES`, or a judge's id.
    """

    line: int
    at_s: float
    text: str
    kind: FaultKind
    reason: str
    by: str = FAULT_RULES


def user_faults(scenario: Scenario, timeline: Timeline) -> tuple[UserFault, ...]:
    """The faults of a session's user in order, each line with every kind once; none where it said nothing.

    Where there is speech of the model but no words of it are known, what depends on them is not judged.
    """
    found = []
    for place, context in contexts(scenario, timeline):
        for kind, rule in RULES.items():
            if reason := rule(context):
                line = context.line
                found.append(UserFault(place, line.start_s, line.text, kind, reason))
    return tuple(found)
