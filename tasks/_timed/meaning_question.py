"""What a judge is shown about one reply and one event."""

from __future__ import annotations

from collections.abc import Sequence

from tml_bench.questions import QuestionLine
from tml_bench.tasks._timed.meaning_rule import ACCEPTED, EXPECTED, NUMBER, REJECTED, REPLY, USER


def lines(
    user: Sequence[str], meaning: str, accept: Sequence[str], reject: Sequence[str], reply: str
) -> tuple[QuestionLine, ...]:
    """The texts, in order; ``{N}`` in examples becomes `judge.NUMBER`.

    Args:
        user: what the user has said so far, turn by turn.
        meaning: what is expected.
        accept: accepted examples.
        reject: rejected examples.
        reply: what was said.
    """
    shown = [*((USER, text) for text in user), (EXPECTED, meaning)]
    shown += [(ACCEPTED, text) for text in accept] + [(REJECTED, text) for text in reject] + [(REPLY, reply)]
    return tuple(QuestionLine(role, text.replace("{N}", NUMBER)) for role, text in shown)
