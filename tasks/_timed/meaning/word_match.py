"""How the words of an answer are found among those of a reply: forms, sound, order, opposites."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from tml_bench.tasks._timed.meaning.word_lists import (
    FUNCTION,
    HOMOPHONES,
    NAMES,
    OPPOSITES,
    SYNONYMS,
)
from tml_bench.tasks._timed.meaning.wording import WordedText, stem

Words = tuple[str, ...]
_LEAD = re.compile(
    r"^(?:(?:okay|ok|and|so|oh|well|now|here it is|alright|right|yes|hey|then|please|just|sorry|no) )+(?=\w)"
)
_TRAIL = re.compile(r"(?<=\w)(?: (?:now|please|then))+$")
_ARTICLES = frozenset(("a", "an", "the"))


def forms_of(words: Words, kept: Collection[str] = ()) -> set[Words]:
    """Words with and without those that open or soften, unless these are to be kept."""
    text = " ".join(words)
    opening, trailing = _LEAD.match(text), _TRAIL.search(text)
    begins = opening.end() if opening and not set(opening[0].split()) & set(kept) else 0
    ends = trailing.start() if trailing and not set(trailing[0].split()) & set(kept) else len(text)
    texts = {text[a:b] for a in (0, begins) for b in (ends, len(text))}
    return {form for t in texts for form in (tuple(t.split()), without_article(tuple(t.split()))) if form}


def without_article(words: Words) -> Words:
    """Words without an article before them."""
    return words[1:] if len(words) > 1 and words[0] in _ARTICLES else words


def as_it_sounds(words: Words) -> Words:
    """One word for all that sound the same."""
    return tuple(HOMOPHONES.get(w, w) for w in words)


def meant(words: Words) -> list[str]:
    """Stems, one for all that mean the same."""
    return [stem(SYNONYMS.get(w, SYNONYMS.get(stem(w), w))) for w in words]


def content_of(t: WordedText) -> frozenset[str]:
    """Stems of the words that carry meaning, one for all that mean the same; all words where none does."""
    content = [w for w in t.words if w not in FUNCTION]
    return frozenset(meant(tuple(content or t.words)))


def place_of(form: Words, words: Words) -> tuple[int, int] | None:
    """Where words hold a form, articles aside; "it" may be a thing with its article."""
    wanted = [w for w in form if w not in _ARTICLES] or list(form)
    for start in range(len(words)):
        at = start
        for want in wanted:
            while (
                at < len(words)
                and words[at] in _ARTICLES
                and want != "it"
                and want not in _ARTICLES
                and at > start
            ):
                at += 1
            if at < len(words) and words[at] == want:
                at += 1
            elif want == "it" and len(wanted) > 1 and at + 1 < len(words) and words[at] in _THINGS:
                at += 1 if words[at] in ("them", "that", "this") else 2
            else:
                break
        else:
            return start, at
    return None


POINTING = frozenset(("it", "them", "those", "these"))
"""Words that stand for a thing named before."""
_THINGS = frozenset(["the", "your", "that", "this", "those", "these", "them", "my"])


def in_order(wanted: Words, said: Words) -> bool:
    """Whether words are said in their order; names may stand anywhere."""
    following = iter(w for w in said if w not in NAMES)
    names = NAMES & set(wanted)
    return names <= set(said) and all(w in following for w in wanted if w not in NAMES)


_FIRST, _SECOND = frozenset(("i", "we", "my", "our")), frozenset(("you", "your"))


def swapped(example: Words, said: Words) -> bool:
    """Whether one is about the speaker and the other about the one spoken to: "you can not hear me"."""
    persons = [next((w in _FIRST for w in text if w in _FIRST | _SECOND), None) for text in (example, said)]
    return None not in persons and persons[0] != persons[1]


def opposed(example: Sequence[str], said: Sequence[str]) -> bool:
    """Whether the example has one side of a pair of opposites and what was said only the other."""
    a_words, b_words = frozenset(example), frozenset(said)
    return any(
        a & a_words and not b & a_words and b & b_words and not a & b_words
        for pair in OPPOSITES
        for a, b in (pair, pair[::-1])
    )


def is_stated(meaning: Words, said: Words) -> bool:
    """Whether what the user is to do is said to be done: "the paper is loaded"."""
    if meaning[:1] != ("tells",) or "to" not in meaning[:-1]:
        return False
    verb = stem(meaning[meaning.index("to") + 1])
    done = {b for a, b in pairwise(said) if a in ("is", "are", "was", "were", "been") and b.endswith("ed")}
    return any(stem(word) == verb for word in done)
