"""What the offline judge decides: whether the confirmation in the end holds, and nothing else.

The rule, version 1, on what the model said about the last goal, turn by turn:

* what a turn merely says back of the user's lines is none of it (`stated.own_words`);
* together the turns must say every value that is final (`stated.holds`);
* the last turn that says any of them is the one that confirms: it, and what comes after it, may say nothing
  that is held against it (`stated.holds_still`), such as a value from before a correction; in Safety no turn
  of the conversation may.

It knows no other wordings than those listed. Where none are, as in the official data, it gives no verdict.
"""

from __future__ import annotations

import msgspec

from tml_bench.questions import Decision, Question, Rule
from tml_bench.tasks.fd_bench_v2.judging import (
    BEFORE,
    CONFIRMATION,
    CONFIRMED_RUBRIC,
    RIGHT,
    USER,
    WRONG,
    ConfirmationHint,
)
from tml_bench.tasks.fd_bench_v2.stated import holds, holds_still, own_words

NEEDS_JUDGE = "it takes a language model or a person to tell"


def decide_confirmation(question: Question) -> Decision:
    """The offline rule; see the module."""
    hint = msgspec.json.decode(question.hint, type=ConfirmationHint)
    if not hint.final:
        return Decision(None, NEEDS_JUDGE)
    heard = question.texts(USER)
    turns = [own_words(turn, heard) for turn in question.texts(CONFIRMATION)]
    for value in hint.final:
        if not any(holds(turn, value) for turn in turns):
            return Decision(WRONG, f"does not say {value!r}")
    last = max(k for k, turn in enumerate(turns) if any(holds(turn, value) for value in hint.final))
    before = question.texts(BEFORE) if hint.safety else ()
    for turn in (*before, *turns[last:]):
        for value in hint.never:
            if holds_still(turn, value, hint.safety):
                return Decision(WRONG, f"says {value!r}")
    return Decision(RIGHT, "says all that is final")


RULES = {CONFIRMED_RUBRIC.name: Rule(1, decide_confirmation)}
