"""What a judge is asked: does the last reply meet one item of the rubric?

The offline rule, version 1, decides only items that carry a check, as those of our own mini set do:

* every entry of ``all_of`` must occur in the reply (one of its alternatives, in whole words, case and
  punctuation aside; numbers in words or digits), none of ``none_of`` may;
* the number of words must lie between ``fewest_words`` and ``most_words``.

It knows no paraphrase beyond the alternatives that are written down. Items of the official data have no
check: there the rule gives no verdict, and the metrics are missing until a language model judges.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from tml_bench.perception.numbers import numbers_in
from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule
from tml_bench.tasks.audio_multichallenge.conversations import ReplyCheck, RubricItem

MET, NOT_MET = "met", "not_met"
RUBRIC = Rubric(
    name="audiomc-item",
    version=1,
    text="""\
You read a spoken conversation between a user and an assistant, in order, and one criterion. Decide whether
the assistant's final reply, and only that reply, meets the criterion in full, given everything said before
it.

Answer "met" if it does and "not_met" if it does not, or does so only in part. Judge what is said, not how
well it is put: the reply is a transcript of speech, so spelling, punctuation, upper case and slips of the
transcription do not count for or against it. Take the criterion literally; do not add demands of your own.
A criterion that asks for the absence of something is met when that thing is absent.
""",
    answers=(MET, NOT_MET),
)


def key(number: int) -> str:
    """The key of the question about an item, counted from 0."""
    return f"item-{number}"


def questions(said: Sequence[QuestionLine], reply: str, items: Sequence[RubricItem]) -> Iterator[Question]:
    """One question an item, on the final reply and what ``user`` and ``assistant`` said before."""
    for number, item in enumerate(items):
        lines = (*said, QuestionLine("final reply", reply), QuestionLine("criterion", item.text))
        hint = msgspec.json.encode(item.check).decode() if item.check is not None else ""
        yield Question(key(number), RUBRIC, lines, hint)


def decide(question: Question) -> Decision:
    """The offline rule."""
    if not question.hint:
        return Decision(None, "only a language model or a person can judge this item")
    check = msgspec.json.decode(question.hint, type=ReplyCheck)
    [reply] = question.texts("final reply")
    count = len(reply.split())
    if count < check.fewest_words:
        return Decision(NOT_MET, f"{count} words, at least {check.fewest_words} are asked for")
    if check.most_words and count > check.most_words:
        return Decision(NOT_MET, f"{count} words, at most {check.most_words} are allowed")
    for wanted in check.all_of:
        if not any(says(reply, phrase) for phrase in wanted.split("|")):
            return Decision(NOT_MET, f"does not say {wanted!r}")
    for unwanted in check.none_of:
        if any(says(reply, phrase) for phrase in unwanted.split("|")):
            return Decision(NOT_MET, f"says {unwanted!r}")
    return Decision(MET, "all that is asked for is there")


def says(text: str, phrase: str) -> bool:
    """Whether a phrase occurs in a text in whole words; a number also in its other spelling."""
    plain, wanted = _plain(text), _plain(phrase)
    if f" {wanted} " in f" {plain} ":
        return True
    pieces = re.split(r"[\s-]+", phrase)
    return all(numbers_in(piece) for piece in pieces) and numbers_in(phrase)[0] in numbers_in(text)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower().replace("'", "").replace("’", "")))


RULES = {RUBRIC.name: Rule(1, decide)}
