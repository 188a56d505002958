"""What a judge decides about a request: arguments, the reply, and where in it the outcome is told.

The rubrics are worded anew from the benchmark's rules. The offline rules, version 1, decide what can be known
without knowing what words mean, and leave the rest without a verdict:

* *arguments*: every expected argument must be the same (`spoken_values.same`); one that is left out or
  differs makes the call wrong, one that cannot be compared leaves it undecided.
* *reply*: right if it says all the facts that the item lists, other than by saying the request back
  (`spoken_values.own_words`), and its words belong to the conversation (`spoken_values.recited`); undecided
  where it also says that something cannot be done, and where the item lists no facts.
* *key sentence*: the first sentence that completes a fact, or a number of the expected reply, which the user
  has not said, or any fact where the user has said all; undecided where the item lists none.
"""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate

import msgspec

from tml_bench.plain_text import plain
from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule
from tml_bench.tasks._common.speech import text_of
from tml_bench.tasks.fd_bench_v3.annotation import ExpectedCall, ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.spoken_values import own_words, pieces, recited, same, says
from tml_bench.timeline import Word

RIGHT, WRONG, NONE = "right", "wrong", "none"
MOST_SENTENCES = 12
"""A reply is told apart into so many sentences; the last holds the rest."""
PAUSE_S = 1.0
"""A longer pause ends a sentence, as a full stop does."""

ARGUMENTS = Rubric(
    name="fdb3-arguments",
    version=1,
    text="""\
A user asks a voice assistant for something, with slips and corrections, and the assistant calls a function.
You read the request, the function, the arguments that are expected and those that were given, both as JSON.
Decide whether the given arguments mean the same as the expected ones.

Compare only what is expected: further arguments do not matter. An expected value that begins with "$" stands
for a part of an earlier result that is not known here: any value of a plausible kind is right, and so is
none. Another way of writing a date, a number, a unit or an address, another name for the same thing, upper
case, underscores and plurals are the same value. A number may be up to five per cent off. Where the user
corrected themselves, only the last value is right.

Answer "right" if every expected argument is met and "wrong" if one is missing or means something else.
""",
    answers=(RIGHT, WRONG),
)

REPLY = Rubric(
    name="fdb3-reply",
    version=1,
    text="""\
A user asks a voice assistant for something, in one or more steps. You read the request, what a right reply
says, and all that the assistant said, as a transcript of speech. Decide whether the assistant did what was
asked for, by what it says.

Answer "wrong" if it says that it did something else, refuses, asks back instead of acting, contradicts the
right reply, or tells the outcome of only some of the steps. Answer "right" otherwise: wording, order, more
detail than needed, politeness and slips of the transcription do not matter.
""",
    answers=(RIGHT, WRONG),
)

KEY_SENTENCE = Rubric(
    name="fdb3-key-sentence",
    version=1,
    text="""\
A user asks a voice assistant for something. You read the request, what a right reply says, and what the
assistant said, in numbered sentences. Find the first sentence that gives the user what was asked for: a
result, or that it has been done. Sentences that only fill the time ("let me check", "one moment"), repeat
the request or say what is going to be done are not that.

Answer with the number of that sentence, or "none" if there is none.
""",
    answers=(NONE, *(str(n) for n in range(1, MOST_SENTENCES + 1))),
)

_REFUSES = re.compile(
    r"\b(?:can't|cannot|can not|couldn't|could not|unable|not able|didn't|did not|wasn't|failed|won't)\b"
)
RUBRICS = (ARGUMENTS, REPLY, KEY_SENTENCE)
REPLY_KEY, SENTENCE_KEY = "reply", "key sentence"


def arguments_key(expected: int, made: int) -> str:
    """The key of the question about an expected and a made call, by their places."""
    return f"arguments {expected}-{made}"


def arguments_question(
    item: ScenarioAnnotation, key: str, expected: ExpectedCall, given: Mapping[str, object]
) -> Question:
    """Are these the expected arguments?"""
    lines = (
        QuestionLine("request", item.request),
        QuestionLine("function", expected.function),
        QuestionLine("expected arguments", _json(expected.args)),
        QuestionLine("given arguments", _json(given)),
    )
    return Question(key, ARGUMENTS, lines)


def reply_question(item: ScenarioAnnotation, reply: str) -> Question:
    """Does the reply say that what was asked for was done?"""
    return Question(REPLY_KEY, REPLY, (*_expected(item), QuestionLine("reply", reply)), _hint(item))


def sentence_question(item: ScenarioAnnotation, said: Sequence[Sequence[Word]]) -> Question:
    """Which sentence of the reply says it first?"""
    lines = (QuestionLine(f"sentence {n}", text_of(words)) for n, words in enumerate(said, start=1))
    return Question(SENTENCE_KEY, KEY_SENTENCE, (*_expected(item), *lines), _hint(item))


def sentences(words: Sequence[Word]) -> tuple[tuple[Word, ...], ...]:
    """Words with a text, parted where a sentence ends and at pauses; `MOST_SENTENCES` at most."""
    found: list[list[Word]] = []
    before: Word | None = None
    for word in words:
        if not word.text.strip():
            continue
        if before is None or (_ends(before, word) and len(found) < MOST_SENTENCES):
            found.append([])
        found[-1].append(word)
        before = word
    return tuple(tuple(sentence) for sentence in found)


def _ends(before: Word, after: Word) -> bool:
    if before.text.strip().rstrip("\"')”’").endswith((".", "?", "!", "…")):
        return True
    return before.end_s is not None and after.start_s is not None and after.start_s - before.end_s > PAUSE_S


def decide_arguments(question: Question) -> Decision:
    """The offline rule for arguments."""
    ((request,), (wanted,), (given,)) = (
        question.texts(role) for role in ("request", "expected arguments", "given arguments")
    )
    expected, made = json.loads(wanted), json.loads(given)
    unknown = ""
    for name, value in expected.items():
        if name not in made:
            if isinstance(value, str) and value.startswith("$"):
                continue
            return Decision(WRONG, f"{name} is left out")
        found = same(value, made[name], request)
        if found is False:
            return Decision(WRONG, f"{name} is {made[name]!r}, not {value!r}")
        if found is None:
            unknown = unknown or f"rules cannot tell whether {name} {made[name]!r} is {value!r}"
    return Decision(None, unknown) if unknown else Decision(RIGHT, "all that is expected is there")


def decide_reply(question: Question) -> Decision:
    """The offline rule for replies."""
    facts = _facts(question)
    if not facts:
        return Decision(None, "only a language model or a person can judge this reply")
    (request,), (reply,) = question.texts("request"), question.texts("reply")
    own = own_words(reply, request)
    for fact in facts:
        if not _says(own, fact):
            return Decision(WRONG, f"does not say {fact!r}")
    conversation = (request, *question.texts("expected reply"), *facts)
    if recited(reply, *conversation) < 1:
        return Decision(WRONG, "speaks of other things")
    if _REFUSES.search(plain(reply)):
        return Decision(None, "rules cannot tell what it says that it cannot do")
    return Decision(RIGHT, "says all that is asked for")


def decide_sentence(question: Question) -> Decision:
    """The offline rule for the key sentence."""
    facts = _facts(question)
    if not facts:
        return Decision(None, "only a language model or a person can find the sentence")
    (request,), (answer,) = question.texts("request"), question.texts("expected reply")
    numbers = [piece for piece in pieces(answer) if re.search(r"\d", piece)]
    told = [fact for fact in (*facts, *numbers) if not _says(request, fact)] or facts
    texts = [line.text for line in question.lines if line.role.startswith("sentence ")]
    for number, text in enumerate(accumulate(texts, "{} {}".format), start=1):
        for fact in told:
            if _says(text, fact):
                return Decision(str(number), f"says {fact!r}")
    return Decision(NONE, f"does not say {told[0]!r}")


RULES = {
    ARGUMENTS.name: Rule(1, decide_arguments),
    REPLY.name: Rule(1, decide_reply),
    KEY_SENTENCE.name: Rule(1, decide_sentence),
}


def _expected(item: ScenarioAnnotation) -> tuple[QuestionLine, QuestionLine]:
    return QuestionLine("request", item.request), QuestionLine("expected reply", item.answer)


def _hint(item: ScenarioAnnotation) -> str:
    return msgspec.json.encode(item.facts).decode() if item.facts else ""


def _facts(question: Question) -> tuple[str, ...]:
    return msgspec.json.decode(question.hint, type=tuple[str, ...]) if question.hint else ()


def _says(text: str, fact: str) -> bool:
    return any(says(text, one) for one in fact.split("|"))


def _json(arguments: Mapping[str, object]) -> str:
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False)
