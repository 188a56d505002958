"""From what the user said to a standing order: what is to be done each time the user says something."""

import re
from collections.abc import Callable

from tml_bench.adapters.cascade import plans
from tml_bench.adapters.cascade.phrases import reply

SPEAKER = r"(?:I|you hear me|you hear|he|she|they|someone|my \w+|the \w+)"
SAYS = r"(?:say|says|said|mention|mentions|use|uses|shout|shouts)?"
TERM = r"(?:the (?:word|phrase) )?[\"“]?(?P<word>[\w' -]+?)[\"”]?"
_WHEN = r"(?:when|whenever|every time|each time|any time|anytime|if)"
_ANSWER = r"(?:please |just )*(?:say|go|reply|answer|shout)\b"
_FILLERS = frozenset(("um", "umm", "uh", "er", "erm", "like", "you know", "well", "so"))
_COUNT = r"\b(?:count|number|total|how many|how often)\b"
_LANGUAGES = r"(?P<language>spanish|french|german|italian|foreign)"


def find(pattern: str, text: str) -> re.Match[str] | None:
    """The first place where a pattern fits, whatever the case."""
    return re.search(pattern, text, re.IGNORECASE)


def standing_order(text: str) -> plans.StandingOrder | None:
    """The order of one punctuated turn; None where none is given."""
    return next((order for rule in _RULES if (order := rule(text))), None)


def _on_words(text: str) -> plans.StandingOrder | None:
    pairs = [
        (term, said)
        for words, rest in (*_when_i_say(text), *_at_the_word(text), *_say_when(text))
        if (said := reply(f"say {rest}"))
        for term in _terms(words)
    ]
    unique = tuple(dict(pairs).items())
    if not unique:
        return None
    return plans.OnWord(*unique[0]) if len(unique) == 1 else plans.OnWords(unique)


def _when_i_say(text: str) -> list[tuple[str, str]]:
    """``Whenever I say pumpkin, you say boo``, again and again."""
    pattern = (
        rf"\b{_WHEN} {SPEAKER} {SAYS}\s*{TERM}(?:, (?:please |just )*(?:you )?|,? (?:and )?you ){_ANSWER}"
        r"(?P<rest>[^.!?;]*(?:\.(?=\S)[^.!?;]*)*)"
    )
    return [(found["word"], found["rest"]) for found in re.finditer(pattern, text, re.IGNORECASE)]


def _at_the_word(text: str) -> list[tuple[str, str]]:
    """``At the word thunder, you go boom``, ``for any um or uh, you say oops``."""
    pattern = (
        r"(?:^|[.!?;] |, )(?:and )?(?:at|on|for|any)(?: the words?| any| every| each)? "
        rf"(?P<words>[\w', -]+?),? (?:and )?you {_ANSWER}(?P<rest>[^.!?;]*)"
    )
    return [(found["words"], found["rest"]) for found in re.finditer(pattern, text, re.IGNORECASE)]


def _say_when(text: str) -> list[tuple[str, str]]:
    """``Say boo whenever I say pumpkin``, ``say filler for um and uh``, ``say filler every time I do it``."""
    found = find(rf"\bsay,? (?P<rest>[\w' ]+?),? {_WHEN} {SPEAKER} {SAYS}\s*{TERM}(?:[.,;!?]|$)", text)
    if found and not find(_COUNT, found["rest"]):
        return [(_named(found["word"], text), found["rest"])]
    fillers = find(r"\bsay,? (?P<rest>[\w' ]+?) (?:for|at) (?:every |any |each )?(?P<words>[\w', -]+)", text)
    if fillers and any(term in _FILLERS for term in _terms(fillers["words"])):
        return [(fillers["words"], fillers["rest"])]
    return []


def _terms(words: str) -> list[str]:
    """Terms of a list; what only describes one, and one under a condition, is left out."""
    terms = [term.strip(" '\"“”").lower() for term in re.split(r",| or | and ", words)]
    other = r"\b(?:when|if|unless|only|wrong|mistake)\b|^(?:a|an|any|one|it|that) "
    return [term for term in terms if term and not find(other, term)]


def _named(term: str, text: str) -> str:
    """A term, or for ``whenever I do it`` the word that the user says too often; empty if there is none."""
    back = re.fullmatch(r"(?:do|say|use)?\s*(?:it|that|so|do)", term.strip(), re.IGNORECASE)
    return _habit(text) if back else term.strip().lower()


def _habit(text: str) -> str:
    """A word that the user says too often."""
    found = find(
        rf"\b(?:say|use|saying|using|overuse)\s+{TERM} (?:too|so|way too) (?:often|much|many times)", text
    )
    return found["word"].lower() if found else ""


def _count_word(text: str) -> plans.StandingOrder | None:
    found = find(
        r"\b(?:count|tell me|keep track of|say)\b.*?"
        rf"\b(?:how many times|how often|every time|each time|whenever) I {SAYS}\s*{TERM}"
        r"(?:[,.;!?]|$| and\b)",
        text,
    ) or find(
        rf"\b{_WHEN} I {SAYS}\s*{TERM}, (?:please |just )*(?:tell|give|say|call|announce)\b[^.]*?{_COUNT}",
        text,
    )
    if found and find(_COUNT, text) and (term := _named(found["word"], text)):
        return plans.CountWord(term)
    asked = find(rf"\b(?:say|tell|give|call)\b[^.]*?{_COUNT}[^.]*?\b(?:{_WHEN}|as)\b", text)
    return plans.CountWord(habit) if asked and (habit := _habit(text)) else None


def _translate(text: str) -> plans.StandingOrder | None:
    foreign = find(rf"\b{_LANGUAGES}\b", text)
    if not foreign or find(rf"\binto {_LANGUAGES}\b", text):
        return None
    if not find(r"\b(?:in|into|the|to) english\b|\btranslate\b", text):
        return None
    asked = find(rf"\b{_LANGUAGES} (?:word|phrase|expression)", text) or foreign
    language = asked["language"].lower()
    return plans.TranslatePlan("" if language == "foreign" else language)


def _associate(text: str) -> plans.StandingOrder | None:
    if not find(rf"\b(?:{_WHEN}|any|every|each)\b", text):
        return None
    kinds = (
        ("capital", r"\bcapitals?\b", r"\bcountr(?:y|ies)\b"),
        ("country", r"\bcountr(?:y|ies)\b", r"\b(?:city|cities|towns?)\b"),
        ("grown animal", r"\b(?:grown|adult|parent)", r"\b(?:baby|young) animals?\b"),
        ("young animal", r"\b(?:baby|young)\b", r"\banimals?\b"),
        ("colour", r"\bcolou?rs?\b", r"\bfruits?\b"),
        ("sound", r"\b(?:sounds?|noises?)\b", r"\banimals?\b"),
    )
    for kind, asked, of in kinds:
        if find(asked, text) and find(of, text):
            return plans.AssociatePlan(kind)
    return None


def _numbers(text: str) -> plans.StandingOrder | None:
    if find(r"\bdoubles?\b", text) and find(r"\bnumbers?\b", text):
        return plans.DoublePlan()
    if not find(r"\b(?:wrong|wrongly|mistakes?|slips?|errors?|incorrect|off)\b", text):
        return None
    if find(
        r"\b(?:sums?|maths?|arithmetic|add|halve|halving|doubl\w+|count|multipl\w+|calculat\w+|totals?|figures?"
        r"|numbers?|amounts?)\b",
        text,
    ):
        return plans.CheckSums()
    return plans.CheckFacts() if find(r"\bfacts?\b", text) else None


_RULES: tuple[Callable[[str], plans.StandingOrder | None], ...] = (
    _translate, _associate, _numbers, _count_word, _on_words,
)  # fmt: skip
