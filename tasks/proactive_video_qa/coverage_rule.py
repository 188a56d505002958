"""Does what was said so far cover the expected answer? A transparent rule, offline.

It is given the question, the gold answer of the turn, and the replies of this turn so far, oldest first, and
gives 0 (incorrect or irrelevant), 1 (partly covered) or 2 (covered).

`CoverageRule`, version 1 of the rule for the rubric ``pvqa-coverage``:
    * Content words: lower case, without function words, words of the question (unless nothing else is left
      of the answer), and endings (plural, -ing, -ed).
      Coverage is the share of the gold answer's content words that occur in the replies.
    * Numbers and colours of the gold answer must occur in the replies; numbers in words or digits.
    * Opposites: where the gold answer has one of "on, off", "in, out", "up, down", "open, close" and so on
      and not the other, the replies must not have only the other.
    * Polarity: the gold answer says no ("no", "not", "never", "without", "n't") exactly if the replies do.
    * 2: coverage >= 0.6 and all of these agree. 1: coverage >= 0.3 and they agree, or >= 0.6 and they do not.
      0: the rest, also with coverage 0 and no number in common.

Limits, plainly: it knows no synonyms ("car" is not "vehicle"), no paraphrase and no grammar ("the dog
bites the man" covers "the man bites the dog"), so it is stricter than a person on wording and laxer on
roles. It allows comparing systems on one set; its PAUC is not that of the paper, whose judge is GPT-4.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from tml_bench.perception.numbers import numbers_in
from tml_bench.tasks._common.words import content_words, negated, stem, words

COVERED, PARTLY = 0.6, 0.3
_OPPOSITES = (
    "on off", "in out", "up down", "open close", "left right", "start stop", "begin end", "before after",
    "fast slow", "more less", "first last", "inside outside", "above below", "enter leave", "push pull",
    "hot cold",
)  # fmt: skip
_COLOURS = words("red orange yellow green blue purple pink brown black white grey gray silver gold beige")


class CoverageRule:
    """The judge described in the module's docstring."""

    def __call__(self, question: str, gold: str, replies: Sequence[str]) -> int:
        """How well the replies cover the gold answer: 0, 1 or 2."""
        said = " ".join(replies)
        wanted = content_words(gold) - content_words(question) or content_words(gold) or words(gold)
        there = content_words(said) or words(said)
        coverage = len(wanted & there) / len(wanted) if wanted else 0.0
        needed, given = set(numbers_in(gold)), set(numbers_in(said))
        if coverage == 0 and not needed & given:
            return 0
        agree = (
            needed <= given
            and _COLOURS & words(gold) <= words(said)
            and negated(gold) == negated(said)
            and not opposed(gold, said)
        )
        if coverage >= COVERED:
            return 2 if agree else 1
        return 1 if coverage >= PARTLY and agree else 0


def opposed(gold: str, said: str) -> bool:
    """Whether a text says only the opposite of something in the gold answer."""
    a, b = words(gold), words(said)
    pairs = [tuple(stem(w) for w in pair.split()) for pair in _OPPOSITES]
    pairs += [(y, x) for x, y in pairs]
    return any(x in a and y not in a and y in b and x not in b for x, y in pairs)
