"""Does a reply say what an event asks for? The rubric, and the offline judge: transparent rules on words.

The rule, version 2 (words, stems and word lists: ``wording``):

1. A reply that equals an accepted example, but for words that open or soften ("okay", "and", "here it
   is"), is ``right``; one that equals a rejected example so is not. A letter or number said alone may be
   written as a word that sounds the same.
2. It is an ``acknowledgement`` if it promises ("I'll ...", "let me know ..."), unless an accepted example
   promises too; or if it opens or ends with words of assent and holds nothing else but words of the user,
   without a copula ("Got it, nine seconds.").
3. Where a length of time is asked for (``<number>`` in the examples), a reply that names one is ``right``;
   whether it is the right one is for code.
4. Else it is ``right`` if it covers an accepted example, or the words of the meaning: at least 0.6 of its
   content words are said, and they are at least 0.4 of the content words said, the user's words aside; and

   * it has every content word that all accepted examples share (where they are two or more), or names nothing
     but the number of one;
   * the numbers of the example are in it, in order, and none of a rejected one is;
   * it says no exactly if the example does ("not expresso", or "it isn't Venus" before
     another clause, only contrasts);
   * it has no opposite of a word of the example ("on" and "off", "my" and "your", ...) in that word's place;
   * it asks if all accepted examples ask;
   * it covers no rejected example better, and is no bare list that holds one too.

   Examples of more than `TALK_WORDS` content words stand for free talk: a statement of at least half that
   length on the subject is right. On the subject is what has a word that the examples share, else one of the
   meaning, or three content words of examples and user. Where all examples name the same numbers (counting
   aloud), so does it.
5. Else it is ``wrong``.

Limits, plainly: no synonyms, no paraphrase, no grammar beyond this. How often it errs on hand-labelled
replies is in the tasks' cards; see ``pairs``. Sentence embeddings (all-MiniLM-L6-v2) were tried where the
rule covers nothing: at every threshold they turned more wrong replies to right than they mended, as a near
thing said instead ("door" for "window") is near in meaning too. So there are none.
"""

from collections.abc import Sequence

from tml_bench.plain_text import plain
from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule
from tml_bench.tasks._timed import wording
from tml_bench.tasks._timed.spoken_time import seconds_in
from tml_bench.tasks._timed.wording import WordedText, read, stems

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
    version=1,
    text="\n\n".join(
        (
            "A user talks with a voice assistant and has asked it to say certain things at certain "
            "moments. You see what the user has said so far, what the assistant is expected to say at "
            "one such moment, examples of replies that are right and of replies that are wrong, and "
            "one reply of the assistant, as a speech recogniser wrote it down.",
            "Decide only whether the reply means what is expected. Do not consider when it was said; "
            "time is measured elsewhere.",
            'Answer "right" if the reply says or does what is expected, in whatever words, even if it '
            "also says something short or polite besides. Spelling that sounds the same is the same. "
            f"Where an example has {NUMBER}, any length of time will do; the number is checked "
            "elsewhere.",
            'Answer "acknowledgement" if the reply only takes note of what the user said, agrees, '
            "promises to do it, or says that it is about to.",
            'Answer "wrong" for anything else: something else is said, the opposite, the right thing '
            "together with wrong alternatives, or nothing of substance. If nothing is expected, the "
            'answer is "acknowledgement" or "wrong".',
        )
    ),
    answers=(RIGHT, WRONG, ACKNOWLEDGEMENT),
)


def lines(
    user: Sequence[str], meaning: str, accept: Sequence[str], reject: Sequence[str], reply: str
) -> tuple[QuestionLine, ...]:
    """What a judge is shown of a reply and an event, in order; ``{N}`` in examples becomes `NUMBER`."""
    shown = [*((USER, text) for text in user), (EXPECTED, meaning)]
    shown += [(ACCEPTED, text) for text in accept] + [(REJECTED, text) for text in reject] + [(REPLY, reply)]
    return tuple(QuestionLine(role, text.replace("{N}", NUMBER)) for role, text in shown)


COVER, FOCUS = 0.6, 0.4
TALK_WORDS = 5
SUBJECT_WORDS = 3


def decide(question: Question) -> Decision:
    """The rule; see the module's docstring."""
    (reply,) = map(plain, question.texts(REPLY))
    said, user = read(reply), read(" ".join(question.texts(USER)))
    examples = tuple(map(plain, question.texts(ACCEPTED)))
    accepted, rejected = [read(t) for t in examples], [read(t) for t in question.texts(REJECTED)]
    if said.bare in {t.bare for t in accepted} or _sounds_like(said, accepted):
        return Decision(RIGHT, "an accepted example")
    taken = _acknowledges(said, user, accepted)
    if said.bare in {t.bare for t in rejected}:
        mere = taken and len(said.words) > 1
        return Decision(ACKNOWLEDGEMENT if mere else WRONG, "a rejected example")
    if taken:
        return Decision(ACKNOWLEDGEMENT, taken)
    if any(NUMBER in t for t in examples):
        named = bool(seconds_in(reply))
        return Decision(RIGHT if named else WRONG, f"names {'a' if named else 'no'} length of time")
    if not accepted:
        return Decision(WRONG, "nothing is expected")
    wants = all(t.endswith("?") for t in examples)
    if wants and not _asks(reply, said):
        return Decision(WRONG, "does not ask")
    meaning = read(" ".join(question.texts(EXPECTED)))
    meaning = meaning._replace(content=meaning.content - wording.META)
    if min(len(t.content) for t in accepted) > TALK_WORDS:
        why = "" if reply.endswith("?") and not wants else _talks(said, user, accepted, meaning)
    else:
        why = _covers(said, user, accepted, rejected, meaning)
    return Decision(RIGHT, why) if why else Decision(WRONG, "covers no accepted example")


RULE = Rule(2, decide)


def _sounds_like(said: WordedText, accepted: Sequence[WordedText]) -> bool:
    """A letter or a number that a recogniser wrote as a word that sounds the same."""
    heard = tuple(wording.HOMOPHONES.get(w, w) for w in said.bare)
    return len(heard) == 1 and heard in {t.bare for t in accepted}


def _acknowledges(said: WordedText, user: WordedText, accepted: Sequence[WordedText]) -> str:
    """Why a reply is a mere acknowledgement; empty when it is none."""
    joined = " ".join(said.words)
    if wording.PROMISE.search(joined):
        return "" if any(wording.PROMISE.search(" ".join(t.words)) for t in accepted) else "promises"
    rest = joined
    while opening := wording.ASSENT.match(rest):
        rest = rest[opening.end() :]
    if closing := wording.LAST_ASSENT.search(rest):
        rest = rest[: closing.start()]
    # "Yes, Paris is the capital of Italy" says something about what was said.
    if rest == joined or wording.COPULA & set(rest.split()):
        return ""
    left = stems([w for w in rest.split() if w not in wording.AFTER_ASSENT | wording.FUNCTION])
    return "assents" if left <= stems(user.words) else ""


def _asks(reply: str, said: WordedText) -> bool:
    first = next((w for w in said.words if w not in wording.OPENING), "")
    return "?" in reply or first in wording.ASKING


def _talks(said: WordedText, user: WordedText, accepted: Sequence[WordedText], meaning: WordedText) -> str:
    """Why a reply is the free talk that was asked for; empty when it is not."""
    subject = _shared(accepted) or meaning.content
    around = user.content.union(*(t.content for t in accepted))
    on_it = bool(subject & said.content) or len(said.content & around) >= SUBJECT_WORDS
    enough = 2 * len(said.words) >= min(len(t.words) for t in accepted)
    counts = {t.numbers for t in accepted}
    counted = len(counts) > 1 or said.numbers == accepted[0].numbers or not accepted[0].numbers
    return "talk on the subject" if on_it and enough and counted else ""


def _covers(
    said: WordedText,
    user: WordedText,
    accepted: Sequence[WordedText],
    rejected: Sequence[WordedText],
    meaning: WordedText,
) -> str:
    """Why a reply covers what is expected; empty when it does not."""
    if any(_number_alone(said, t) and _agrees(said, t, accepted, rejected) for t in accepted):
        return "the number of an accepted example"
    if not _shared(accepted) <= said.stems:
        return ""
    best, example = 0.0, None
    for candidate in (*accepted, *([meaning] if meaning.content else [])):
        score = _cover(said, candidate, user)
        if score > best and _agrees(said, candidate, accepted, rejected):
            best, example = score, candidate
    if example is None or max((_cover(said, t, user) for t in rejected), default=0.0) > best:
        return ""
    named = [t for t in rejected if t.content <= said.content and not t.content <= example.content]
    everything = example.content.union(*(t.content for t in named))
    listed = named and not wording.COPULA & set(said.words) and said.content <= everything
    return "" if listed else "covers an accepted example"


def _shared(accepted: Sequence[WordedText]) -> frozenset[str]:
    """The content words of all accepted examples; none where there is but one."""
    return frozenset.intersection(*(t.content for t in accepted)) if len(accepted) > 1 else frozenset()


def _cover(said: WordedText, example: WordedText, user: WordedText) -> float:
    """Harmonic mean of how much of the example is said and how much of what is said is in it.

    0 below `COVER` or `FOCUS`.
    """
    common = example.content & said.stems
    if not common:
        return 0.0
    beside = said.content - example.content - user.content
    cover, focus = len(common) / len(example.content), len(common) / (len(common) + len(beside))
    return 2 * cover * focus / (cover + focus) if cover >= COVER and focus >= FOCUS else 0.0


def _number_alone(said: WordedText, example: WordedText) -> bool:
    return bool(example.numbers) and said.numbers == example.numbers and said.content <= wording.NUMBER_STEMS


def _agrees(
    said: WordedText, example: WordedText, accepted: Sequence[WordedText], rejected: Sequence[WordedText]
) -> bool:
    """Whether numbers, negation and opposites are those of the example."""
    fine = frozenset(n for t in accepted for n in t.numbers)
    bad = frozenset(n for t in rejected for n in t.numbers) - fine
    following = iter(said.numbers)
    in_order = all(n in following for n in example.numbers)
    alike = in_order and not bad & set(said.numbers) and said.negated == example.negated
    return alike and not _opposed(set(example.words), set(said.words))


def _opposed(example: set[str], said: set[str]) -> bool:
    """Whether the example has one side of a pair of opposites and what was said only the other."""
    return any(
        a & example and not b & example and b & said and not a & said
        for pair in wording.OPPOSITES
        for a, b in (pair, pair[::-1])
    )
