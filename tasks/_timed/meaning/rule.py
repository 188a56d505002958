"""Does a reply say what an event asks for? The rubric, and the offline judge: transparent rules on words.

The rule, version 3, works clause by clause (words: ``wording``; lists: ``word_lists``):

1. A reply that equals an accepted example is ``right``. Spellings, hyphens, compounds ("ta da", "tada"),
   words drawn out ("flaaash") and, in answers of up to six words that are no lists, words that sound the same
   are the same. A word that every example repeats must be repeated as often.
2. Where a length of time is asked for (``<number>`` in the examples), a reply that names one is right;
   whether it is the right one is for code. Talks of a length are not judged.
3. Where a number is asked for, numbers decide (``counted``): all that count are the accepted one. "Number
   two", "twice" and "that makes two" are two; of an equation its result counts; two numbers are a hedge.
   Time that is left counts not where time gone is asked for, nor how many of the user's things there are
   where a running count is.
4. Else the reply is cut into clauses (``clauses``). What follows a correction of oneself ("no wait", "I
   mean") replaces what came before it. A clause *gives* the answer if it is an accepted example once
   openings, frames ("I think you mean"), announcements of the time and tails are taken off (``frames``);
   or holds one with little else; or covers one in free words (``answers``): 0.6 of its content words, all
   that the examples share, the same numbers and negation, no opposite ("on" for "off"), no rejected
   example better. Where the very word is to be said there are no free words; a translation may differ in
   little words and endings.
5. A clause that mentions the answer and does not give it is held against it (``vetoes``): an offer or a
   question whether to say it, "not yet", a refusal, a promise, a plan ("smile at thirteen"), a denial (in six
   languages; "anything but"; "is wrong"), a report, a condition, a comment. What accepted examples do
   themselves is never held against.
6. The reply is right if a clause gives the answer, and after it none denies it; no rejected example
   stands beside it, unless it is taken back; it is no alternative ("A or B", "either"), unless each of
   them is accepted; and it is no bare list.
7. What is not right is an ``acknowledgement`` if it promises, or assents and adds nothing but words of
   the user; else ``wrong``. The difference moves no score.

Limits, plainly: few synonyms, no grammar beyond this. How often it errs on hand-labelled replies is in the
tasks' cards; see ``tools/timed_pairs.py``. Scores by it are provisional.
"""

from collections.abc import Sequence
from functools import lru_cache

from tml_bench.plain_text import plain
from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule
from tml_bench.tasks._timed.meaning import counted
from tml_bench.tasks._timed.meaning.answer_clauses import AnswerClauses
from tml_bench.tasks._timed.meaning.answers import ExpectedAnswer, expected_answer
from tml_bench.tasks._timed.meaning.clauses import Clause, clauses, last_word
from tml_bench.tasks._timed.meaning.frames import is_assent
from tml_bench.tasks._timed.meaning.vetoes import PROMISE
from tml_bench.tasks._timed.meaning.word_lists import ASKING, COPULA, FRAME, FUNCTION
from tml_bench.tasks._timed.meaning.wording import stems, undrawn

RIGHT, WRONG, ACKNOWLEDGEMENT = "right", "wrong", "acknowledgement"
USER, EXPECTED, REPLY = "user", "expected", "reply"
ACCEPTED, REJECTED = "accepted example", "rejected example"
"""Roles of the lines of a question."""
NOTHING = "nothing: the assistant should stay silent"
"""The expectation where no event is near."""
NUMBER = "<number>"
"""Stands in examples for a number that is checked by code."""

RUBRIC = Rubric(
    name="timed-meaning",
    version=2,
    text="\n\n".join(
        (
            "A user talks with a voice assistant and has asked it to say certain things at certain "
            "moments. You see what the user has said so far, what the assistant is expected to say at "
            "one such moment, examples of replies that are right and of replies that are wrong, and "
            "one reply of the assistant, as a speech recogniser wrote it down. The reply may be cut off: "
            "judge what is there, and do not guess how it went on.",
            "Decide only whether the reply means what is expected. Do not consider when it was said; "
            "time is measured elsewhere.",
            'Answer "right" if the reply says or does what is expected, in whatever words, even if it '
            "also says something short or polite besides, names the wrong thing only to deny it, or "
            "explains the answer. If the assistant corrects itself, what it says last counts. Spelling "
            f"that sounds the same is the same. Where an example has {NUMBER}, any length of time will "
            "do; the number is checked elsewhere.",
            'Answer "wrong" for anything else: something else is said, the opposite, or nothing of '
            "substance; the right thing as one of several alternatives, unless each of them is right; "
            "an offer or a question that only asks whether to say it, unless the examples that are right "
            "ask too; that it is not yet time; a refusal; or the right thing denied, in whatever language.",
            'Answer "acknowledgement" instead of "wrong" if the reply only takes note of what the user '
            "said, agrees, promises to do it, or says that it is about to. If nothing is expected, the "
            'answer is "acknowledgement" or "wrong".',
        )
    ),
    answers=(RIGHT, WRONG, ACKNOWLEDGEMENT),
)


def lines(
    user: Sequence[str], meaning: str, accept: Sequence[str], reject: Sequence[str], reply: str
) -> tuple[QuestionLine, ...]:
    """What a judge is shown of a reply and an event, in order; ``{N}`` in examples becomes `NUMBER`."""
    return (*_before_reply(tuple(user), meaning, tuple(accept), tuple(reject)), _line(REPLY, reply))


@lru_cache(maxsize=4096)
def _before_reply(
    user: tuple[str, ...], meaning: str, accept: tuple[str, ...], reject: tuple[str, ...]
) -> tuple[QuestionLine, ...]:
    """All but the reply; remembered, as every utterance near an event is asked about with the same."""
    shown = [
        *((USER, text) for text in user),
        (EXPECTED, meaning),
        *((ACCEPTED, text) for text in accept),
        *((REJECTED, text) for text in reject),
    ]
    return tuple(_line(role, text) for role, text in shown)


def _line(role: str, text: str) -> QuestionLine:
    return QuestionLine(role, text.replace("{N}", NUMBER))


TALK_WORDS = 7
"""Examples of more words than this stand for free talk."""
TALK = (
    "by rules it cannot be known whether a talk keeps to its subject; use --judge openai:... or people "
    "(docs/judges.md)"
)


def decide(question: Question) -> Decision:
    """The rule; see the module's docstring."""
    return _decided(question.lines)


@lru_cache(maxsize=4096)
def _decided(shown: tuple[QuestionLine, ...]) -> Decision:
    """The rule; remembered, as the strategies behind floors say the same again and again."""
    question = Question("", RUBRIC, shown)
    (reply,) = map(plain, question.texts(REPLY))
    examples = tuple(map(plain, question.texts(ACCEPTED)))
    expected = expected_answer(
        question.texts(USER), question.texts(EXPECTED), examples, question.texts(REJECTED)
    )
    if not examples:
        return Decision(_not_right(expected, reply), "nothing is expected")
    if is_talk(expected):
        return Decision(None, TALK)
    why = _why_right(expected, examples, reply)
    return Decision(RIGHT, why) if why else Decision(_not_right(expected, reply), "gives no accepted answer")


RULE = Rule(3, decide)


def is_talk(expected: ExpectedAnswer) -> bool:
    """Whether free talk on a subject is asked for, which rules cannot judge."""
    if expected.meaning.words[:1] == ("translates",) or any(
        2 * len(t.numbers) > len(t.content) for t in expected.accepted
    ):
        return False
    return min(len(t.words) for t in expected.accepted) > TALK_WORDS


def _why_right(expected: ExpectedAnswer, examples: Sequence[str], reply: str) -> str:
    """Why a reply is right; empty when it is not."""
    said = clauses(undrawn(reply, {word for t in expected.accepted for word in t.words}))
    whole = tuple(word for clause in said for word in clause.words)
    if any(NUMBER in text for text in examples):
        return counted.why_length(expected, reply)
    if whole in expected.forms or (len(whole) == 1 and expected.exact(whole)):
        return "an accepted example"
    if not whole or whole in expected.rejected_forms:
        return ""
    if counted.targets(expected):
        return counted.why_number(expected, reply)
    if all(len(t.numbers) > 2 for t in expected.accepted):
        return counted.why_counted(expected, reply)
    return _why_given(expected, said)


def _why_given(expected: ExpectedAnswer, said: tuple[Clause, ...]) -> str:
    """Why clauses give an answer and nothing against it; empty when they do not."""
    said = last_word(said, frozenset(" ".join(form) for form in expected.forms))
    if not expected.said_often_enough(tuple(word for clause in said for word in clause.words)):
        return ""
    found = AnswerClauses(expected, said)
    if expected.asks and not _asks(said) and not found.verbatim:
        return ""
    if found.given and not found.against:
        return "gives an accepted answer"
    if found.against or not found.others:
        return ""
    joined = tuple(word for clause in found.others for word in clause.words)
    whole = Clause(joined, said[-1].end)
    mention = None if expected.rejects(joined) else expected.mention(joined)
    if mention is None or found.veto(whole, mention):
        return ""
    return "covers an accepted answer"


def _asks(said: Sequence[Clause]) -> bool:
    """Whether something is asked, by its mark or its first words."""
    firsts = (next((w for w in clause.words if w not in _BEFORE_A_QUESTION), "") for clause in said)
    return any(c.end == "?" for c in said) or any(first in ASKING for first in firsts)


_BEFORE_A_QUESTION = frozenset(
    (
        "okay",
        "ok",
        "and",
        "so",
        "oh",
        "well",
        "hey",
        "sorry",
        "hello",
        "hi",
        "now",
        "i",
        "wonder",
        "if",
        "wondering",
    )
)


def _not_right(expected: ExpectedAnswer, reply: str) -> str:
    """Whether a reply that is not right is a mere acknowledgement; this moves no score."""
    said = clauses(reply)
    words = tuple(word for clause in said for word in clause.words)
    if not words or (words in expected.rejected_forms and len(words) == 1):
        return WRONG
    if PROMISE.search(" ".join(words)) and "?" not in reply:
        return ACKNOWLEDGEMENT
    left = [c for c in said if not is_assent(c.words)]
    if len(left) == len(said):
        return WRONG
    content = {w for c in left for w in c.words if w not in FUNCTION and w not in FRAME}
    copula = COPULA & {w for c in left for w in c.words}
    return ACKNOWLEDGEMENT if not copula and stems(content) <= expected.user.stems else WRONG
