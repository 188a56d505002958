"""Where in what the user says there is something to react to, for each kind of standing order."""

import re
from collections.abc import Sequence
from functools import cache

from tml_bench.adapters.cascade import plans, sums
from tml_bench.adapters.cascade.lore import BELONGS, CAPITALS, ENGLISH
from tml_bench.adapters.cascade.phrases import sentence
from tml_bench.perception.align import spell
from tml_bench.plain_text import plain

_HESITATIONS = {"umm": "um", "uhm": "um", "erm": "um", "hmm": "um", "uhh": "uh", "er": "uh", "ah": "uh"}
"""Spellings of the same sound."""


def noticed(order: plans.StandingOrder, words: Sequence[str]) -> list[tuple[int, str]]:
    """What an order makes of words in lower case, without marks.

    Returns:
        In order, the index of the word at which it is known, ``len(words)`` if that takes one word more, and
        what is to be said; empty for a count.
    """
    match order:
        case plans.OnWord(term, text):
            return [(k, text) for k in places(term, words)]
        case plans.OnWords(replies):
            return sorted((k, text) for term, text in replies for k in places(term, words))
        case plans.CountWord(term):
            return [(k, "") for k in places(term, words)]
        case plans.TranslatePlan(language):
            known = _english(language)
            return [
                (k, sentence(known[key])) for k, word in enumerate(words) if (key := _spelt(word)) in known
            ]
        case plans.AssociatePlan(kind):
            return [(k, sentence(what)) for k, word in enumerate(words) if (what := _of(kind, word))]
        case plans.DoublePlan():
            return [(n.end, sentence(spell(2 * n.value))) for n in sums.numbers(words)]
        case plans.CheckSums():
            return [(k, sentence(spell(right))) for k, right in sums.slips(words)]
        case plans.CheckFacts():
            return _wrong_capitals(words)


def places(term: str, words: Sequence[str]) -> list[int]:
    """The index of the last word of each mention of a word or phrase."""
    wanted = [_HESITATIONS.get(word, word) for word in term.lower().split()]
    said = [_HESITATIONS.get(word, word) for word in words]
    n = len(wanted)
    return [k + n - 1 for k in range(len(said) - n + 1) if said[k : k + n] == wanted]


@cache
def _english(language: str) -> dict[str, str]:
    languages = [language] if language else ENGLISH
    return {_spelt(word): english for name in languages for word, english in ENGLISH[name].items()}


def _spelt(word: str) -> str:
    """As English ears may spell a foreign word: without accents, a long one without double letters."""
    word = plain(word)
    return re.sub(r"(.)\1", r"\1", word) if len(word) > 5 else word


def _of(kind: str, word: str) -> str:
    known = BELONGS[kind]
    return known.get(word) or known.get(word.removesuffix("s"), "")


def _wrong_capitals(words: Sequence[str]) -> list[tuple[int, str]]:
    """``X is the capital of Y`` where it is not."""
    found = []
    for k in places("is the capital of", words):
        if k + 1 < len(words) and k >= 4 and (capital := CAPITALS.get(words[k + 1])):
            said = " ".join(words[max(0, k - 3 - len(capital.split())) : k - 3])
            if said != capital.lower():
                found.append((k + 1, sentence(capital)))
    return found
