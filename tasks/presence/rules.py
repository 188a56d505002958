"""What judges are asked about Presence, and the offline rules, which know numbers and few words.

* ``presence-reply``: is what the user says meanwhile answered? By the rule it is if the reply has a word that
  answers the question or names the new wish, or else one of assent (for a wish), of the state of the work
  (for "how is it going?", which the result answers too) or of calling off. A refusal is none.
* ``presence-result``: is the result told right? By the rule it is if its number is said, and not more than
  `MOST_OTHERS` other numbers of its kind.
* ``presence-weaving``: does the telling connect to the conversation? Rules cannot know.
"""

# ruff: noqa: SIM905 -- word lists read better as text

import msgspec

from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule
from tml_bench.tasks._timed.meaning.wording import words
from tml_bench.tasks.presence.annotation import ADDS, ASKS, CANCELS, CHANGES, CHATS
from tml_bench.tasks.presence.heard import HeardPresence, numbers_of_three, says

RIGHT, WRONG = "right", "wrong"
CONNECTED, ABRUPT = "connected", "abrupt"
REPLY, RESULT, WEAVING = "reply", "result", "weaving"
"""Keys of the questions."""
MOST_OTHERS = 2

REPLY_RUBRIC = Rubric(
    name="presence-reply",
    version=1,
    text="\n\n".join(
        (
            "A user has asked a voice assistant for something that takes a while to look up. While the "
            "assistant waits for it, the user says something else. You see the request, what the user says "
            "meanwhile, what a right reply does, and what the assistant says next, as a speech recogniser "
            "wrote it down. It may be cut off.",
            "Decide only whether what the user said meanwhile is answered, in whatever words and however "
            "briefly or politely. When it was said, and whether the work is done, is measured elsewhere.",
            'Answer "right" if the reply does what a right reply does, even if it says other things too. '
            'Answer "wrong" if it ignores what the user said, only fills the time, refuses, or answers '
            "something else.",
        )
    ),
    answers=(RIGHT, WRONG),
)
RESULT_RUBRIC = Rubric(
    name="presence-result",
    version=1,
    text="\n\n".join(
        (
            "A user has asked a voice assistant for something that is looked up. You see the request, what "
            "the user said while waiting, if anything, what was found, and everything the assistant said "
            "once it was there, as a speech recogniser wrote it down.",
            'Answer "right" if the assistant tells the user what was found, in whatever words, and the '
            'number is the right one. Answer "wrong" if it is not told, if the number is another, or if it '
            "is one of many numbers of which the user cannot know which is meant.",
        )
    ),
    answers=(RIGHT, WRONG),
)
WEAVING_RUBRIC = Rubric(
    name="presence-weaving",
    version=1,
    text="\n\n".join(
        (
            "A user has asked a voice assistant for something that is looked up, and may have spoken of "
            "something else since. You see what was said up to the result, in order, and how the assistant "
            "then tells it.",
            'Answer "connected" if a listener knows at once what the result belongs to and is led over to it '
            "as a considerate speaker would: after a break or another subject by a word that says so, or by "
            'naming the thing itself. Answer "abrupt" if it comes without any link: in the middle of '
            "another thought, as a bare number, or as if nothing else had been said.",
        )
    ),
    answers=(CONNECTED, ABRUPT),
)
RUBRICS = (REPLY_RUBRIC, RESULT_RUBRIC, WEAVING_RUBRIC)
DOES = {
    ASKS: "says how the work stands, or tells its result",
    ADDS: "takes the further wish up",
    CHANGES: "takes up that something else is wanted",
    CANCELS: "takes up that it is no longer wanted",
}

_NO = frozenset("cannot unable refuse".split())
_ASSENT = frozenset(
    (
        "okay ok alright right sure yes yeah yep yup absolutely certainly definitely course fine good great "
        "perfect got gotcha understood noted roger done will happy gladly changing changed switching "
        "switched adding added updating updated instead only then problem"
    ).split()
)
_STATE = frozenset(
    (
        "still yet almost nearly soon shortly working looking searching checking waiting running loading "
        "counting finding trying fetching pulling progress underway done finished here moment second seconds "
        "minute minutes while long longer halfway far coming closer patience"
    ).split()
)
_DROPPED = frozenset(
    (
        "cancelled canceled cancel cancelling canceling stop stopped stopping dropped drop dropping forget "
        "forgotten leave left scrap scrapped scrapping mind worry worries skip skipped abort aborted off "
        "calling called glad enjoy"
    ).split()
)
_FITTING = {
    ASKS: _STATE,
    ADDS: _ASSENT,
    CHANGES: _ASSENT,
    CANCELS: _ASSENT | _DROPPED,
    CHATS: frozenset[str](),
}


class _ReplyHint(msgspec.Struct, frozen=True):
    behaviour: str
    keys: tuple[str, ...]
    fact: int | None


def _reply_rule(question: Question) -> Decision:
    hint = msgspec.json.decode(question.hint, type=_ReplyHint)
    (reply,) = question.texts("reply")
    said = frozenset(words(reply))
    wish = hint.behaviour in (ADDS, CHANGES, CANCELS)
    if said & frozenset(hint.keys):
        return Decision(RIGHT, "names what is asked for")
    if wish and (said & _NO or "can not" in " ".join(words(reply))):
        return Decision(WRONG, "refuses")
    if said & _FITTING[hint.behaviour]:
        return Decision(RIGHT, "has a word that fits")
    if hint.behaviour != CHATS and hint.fact is not None and says(reply, hint.fact):
        return Decision(RIGHT, "tells the result")
    return Decision(WRONG, "has no word that fits")


def _result_rule(question: Question) -> Decision:
    fact = int(question.hint)
    (reply,) = question.texts("reply")
    if not says(reply, fact):
        return Decision(WRONG, "does not say the number")
    if len(numbers_of_three(reply) - {fact}) > MOST_OTHERS:
        return Decision(WRONG, "says it among many numbers")
    return Decision(RIGHT, "says the number")


def _weaving_rule(question: Question) -> Decision:
    return Decision(
        None, "by rules it cannot be known how a result connects; use --judge openai:... or people"
    )


RULES = {
    REPLY_RUBRIC.name: Rule(1, _reply_rule),
    RESULT_RUBRIC.name: Rule(1, _result_rule),
    WEAVING_RUBRIC.name: Rule(1, _weaving_rule),
}


def questions_about(heard: HeardPresence) -> tuple[Question, ...]:
    """What must be decided about a recording: about a reply, a result and its telling that there are."""
    found = (_reply_question(heard), _result_question(heard), _weaving_question(heard))
    return tuple(question for question in found if question is not None)


def _reply_question(heard: HeardPresence) -> Question | None:
    item = heard.item
    if item.turn is None or not heard.reply:
        return None
    does = DOES.get(item.behaviour) or f"answers the question: {' or '.join(item.keys)}"
    wanted = item.wanted.fact if item.wanted else None
    hint = msgspec.json.encode(_ReplyHint(item.behaviour, item.keys, wanted)).decode()
    asked = (*_user(heard), QuestionLine("right reply", does), QuestionLine("reply", heard.reply))
    return Question(REPLY, REPLY_RUBRIC, asked, hint)


def _result_question(heard: HeardPresence) -> Question | None:
    wanted = heard.item.wanted
    if wanted is None or not heard.since_arrival:
        return None
    reply = " ".join(word.text.strip() for word in heard.since_arrival)
    found = QuestionLine("found", msgspec.json.encode(wanted.result, order="sorted").decode())
    asked = (*_user(heard), found, QuestionLine("reply", reply))
    return Question(RESULT, RESULT_RUBRIC, asked, str(wanted.fact))


def _weaving_question(heard: HeardPresence) -> Question | None:
    if heard.told_s is None:
        return None
    before = [w.text.strip() for w in heard.words if (w.start_s or 0.0) < heard.told_s]
    telling = [w.text.strip() for w in heard.words if (w.start_s or 0.0) >= heard.told_s]
    asked = (
        *_user(heard),
        QuestionLine("said before", " ".join(before)),
        QuestionLine("telling", " ".join(telling)),
    )
    return Question(WEAVING, WEAVING_RUBRIC, asked)


def _user(heard: HeardPresence) -> tuple[QuestionLine, ...]:
    item = heard.item
    request = QuestionLine("request", item.request.text)
    return (request,) if item.turn is None else (request, QuestionLine("user meanwhile", item.turn.text))
