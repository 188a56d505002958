"""Pieces of English: numbers, lengths of time, and what is to be said."""

import re

from tml_bench.number_words import ONES, TENS
from tml_bench.perception.numbers import numbers_in

_WORD = "|".join(sorted([*ONES, *TENS, "hundred"], key=len, reverse=True))
NUMBER = rf"(?:\d+(?:\.\d+)?|(?:{_WORD})(?:[ -](?:{_WORD}))*)"
_UNIT = r"(?:whole |full |more )?(?:seconds?|secs?|minutes?)"
LENGTH = rf"(?:half a minute|a minute and a half|an? (?:second|minute)|{NUMBER}[ -]{_UNIT})"
"""A length of time, as in ``ten seconds`` or ``half a minute``."""
ABOUT = r"(?:about |around |roughly |exactly |just |only |at least |another |precisely |for )*"

# Where the words that are to be said end: a sentence's end, or what says when to say them.
_END = re.compile(
    rf"""[.?!;]
    | ,?\s+(?:in|after|every|within|at|for|from|with)\s+{ABOUT}{LENGTH}\b
    | ,?\s+{LENGTH}\s+(?:from\ now|later|after|before|apart)\b
    | ,?\s+(?:until|whenever|every\ time|each\ time|any\ time|as\ soon\ as|once\ I|after\ I)\b
    | ,\s*(?:and\ then|then|but|so|when|if|starting|beginning|please|okay|ok)\b
    | ,\s*(?:would|will|could|can)\ you\b
    | ,?\s+(?:once\ every|right\ away|right\ now|immediately)\b
    | \s+please\s*$
    | \s+for\s+(?:me|us)\b
    | ,\s*and\s+(?:then|after|stop|keep|carry|I)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED = re.compile(r"[\"“”]([^\"“”]+)[\"“”]")
_SAY = re.compile(
    r"\b(?:say|saying|shout|yell|announce|whisper|call out|prompt (?:me|us) with)\b"
    r"(?:\s+to\s+(?:me|us))?[\s,:]+(?:just\s+)?(?:the\s+(?:words?|phrase)\s+)?(?P<what>.+)",
    re.IGNORECASE,
)
_WHOM = r"(?:me|us|him|her|them|everyone|everybody)"
_TELL_TO = re.compile(
    rf"\b(?:tell|remind)\s+{_WHOM}\s+(?:(?:it's|it\s+is)\s+time\s+)?to\s+(?P<what>.+)", re.IGNORECASE
)
_ASK_IF = re.compile(rf"\bask\s+(?:{_WHOM}\s+)?(?:if|whether)\s+(?P<what>.+)", re.IGNORECASE)
_ASKING = re.compile(r"\basking\s+(?P<what>(?:who|what|where|when|why|how)\b.+)", re.IGNORECASE)
_ASK = re.compile(rf"\bask\s+{_WHOM}\s+(?P<what>.+)", re.IGNORECASE)
_TELL = re.compile(
    rf"\b(?:tell|let)\s+{_WHOM}\s+(?:know\s+)?(?:that\s+)?(?!(?:know|when|once|how|about)\b)(?P<what>.+)",
    re.IGNORECASE,
)
_TURNED = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "i'm": "you're",
    "i've": "you've", "i'll": "you'll", "i'd": "you'd", "am": "are", "you": "I", "your": "my",
    "you're": "I'm", "you've": "I've", "you'll": "I'll", "yourself": "myself",
}  # fmt: skip
_QUESTION = {
    "you're ": "are you ", "you are ": "are you ", "you've ": "have you ", "you can ": "can you ",
    "you ": "do you ",
}  # fmt: skip


def number(text: str) -> float:
    """The first number of a text that has one, in digits or words."""
    if found := re.search(r"\d+(?:\.\d+)?", text):
        return float(found[0])
    return float(numbers_in(text)[0])


def seconds(text: str) -> float:
    """A `LENGTH` in seconds."""
    text = text.lower()
    if text == "half a minute":
        return 30.0
    if text == "a minute and a half":
        return 90.0
    amount = 1.0 if text.startswith(("a ", "an ")) else number(text)
    return amount * (60.0 if "minute" in text else 1.0)


def lengths(text: str) -> list[float]:
    """All lengths of time in a text, in seconds."""
    return [seconds(found) for found in re.findall(LENGTH, text, re.IGNORECASE)]


def reply(text: str) -> str:
    """What an instruction wants to be said, as a sentence; empty when it does not say.

    ``say banana`` is "Banana.", ``tell me to flip it`` "Flip it.", ``ask me if I'm there`` "Are you there?",
    ``tell me you can hear me`` "I can hear you.".
    """
    if (quoted := _QUOTED.search(text)) and re.search(r"\b(?:say|shout|tell|ask)\b", text, re.IGNORECASE):
        return sentence(quoted[1])
    for pattern, turn in (
        (_ASK_IF, _question),
        (_SAY, str),
        (_TELL_TO, _turned),
        (_ASKING, lambda what: what + "?"),
        (_ASK, lambda what: _turned(what) + "?"),
        (_TELL, _turned),
    ):
        if (found := pattern.search(text)) and (what := until_end(found["what"])):
            return sentence(turn(what))
    return ""


def until_end(text: str) -> str:
    """A text up to where what is to be said ends."""
    text = f" {text.lstrip()}"
    end = _END.search(text)
    return (text[: end.start()] if end else text).strip(" ,:")


def sentence(text: str) -> str:
    """With a capital and a full stop, if it has no mark of its own."""
    text = text.strip(" ,:;")
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")


def _turned(text: str) -> str:
    words = [_TURNED.get(word.lower(), word) for word in text.split()]
    return " ".join("I" if word == "i" else word for word in words)


def _question(text: str) -> str:
    turned = _turned(text)
    for statement, question in _QUESTION.items():
        if turned.lower().startswith(statement):
            return question + turned[len(statement) :] + "?"
    return turned + "?"
