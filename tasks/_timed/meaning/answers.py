"""What an event accepts and rejects, and whether a clause gives it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tml_bench.tasks._timed.meaning.clauses import Clause
from tml_bench.tasks._timed.meaning.frames import is_polite, strippings
from tml_bench.tasks._timed.meaning.translations import translation
from tml_bench.tasks._timed.meaning.vetoes import Veto, veto_of
from tml_bench.tasks._timed.meaning.word_lists import (
    FRAME,
    FUNCTION,
    HOMOPHONES,
    META,
    NAMES,
    NO,
    OPPOSITES,
    PRAISE,
    SYNONYMS,
)
from tml_bench.tasks._timed.meaning.wording import WordedText, of_words, read, stem, stems

_LEAD = re.compile(
    r"^(?:(?:okay|ok|and|so|oh|well|now|here it is|alright|right|yes|hey|then|please|just|sorry|no) )+(?=\w)"
)
_TRAIL = re.compile(r"(?<=\w)(?: (?:now|please|then))+$")
_ARTICLES = frozenset(("a", "an", "the"))
_FRAME_STEMS = stems(FRAME) | stems(PRAISE)
_SAYING = (
    "says", "gives", "say", "the", "english", "word", "number", "right", "form", "saying", "plural", "count",
)  # fmt: skip
COVER = 0.6
"""Share of the content words of an example that must be said where wording is free."""
MOST_UNKNOWN = 3
"""As many content words of neither user nor event a clause may hold beside a free answer."""
MOST_SOUNDING = 6
"""An accepted example of as many words may be written as words that sound the same."""
MOST_BESIDE = 8
"""As many words a clause may hold beside the very word that is asked for."""

Words = tuple[str, ...]


@dataclass(frozen=True)
class ExpectedAnswer:
    """An event as the rule sees it.

    Attributes:
        user: what the user has said.
        meaning: what is expected, in words.
        accepted: examples that are right.
        rejected: examples that are wrong.
        asks: whether all accepted examples ask.
    """

    user: WordedText
    meaning: WordedText
    accepted: tuple[WordedText, ...]
    rejected: tuple[WordedText, ...]
    asks: bool

    @cached_property
    def forms(self) -> frozenset[Words]:
        """The accepted examples as words, with and without words that open or soften."""
        return frozenset(form for t in self.accepted for form in _forms(t.words))

    @cached_property
    def rejected_forms(self) -> frozenset[Words]:
        """The same of the rejected ones, those aside that are accepted."""
        return frozenset(form for t in self.rejected for form in _forms(t.words)) - self.forms

    @cached_property
    def keys(self) -> frozenset[str]:
        """The accepted forms with their words in one."""
        return frozenset(map("".join, self.forms))

    @cached_property
    def sounds(self) -> frozenset[Words]:
        """The accepted forms as they sound, those aside that sound like a rejected one."""
        return frozenset(map(_sound, self.forms)) - frozenset(map(_sound, self.rejected_forms))

    @cached_property
    def literal(self) -> bool:
        """Whether the very words are asked for: "says the word biscuit"."""
        words = list(self.meaning.words)
        if words[0] not in ("says", "gives"):
            return False
        while words and words[0] in _SAYING:
            words.pop(0)
        return any("".join(words).startswith("".join(_free(form))) for form in self.forms if _free(form))

    @cached_property
    def foreign(self) -> bool:
        """Whether a reply in another language is asked for."""
        return self.meaning.words[:1] == ("translates",) and "english" not in self.meaning.words

    @cached_property
    def own_vetoes(self) -> frozenset[Veto]:
        """What would be held against an accepted example."""
        own = (veto_of(Clause(t.words, "")) for t in self.accepted)
        return frozenset(veto for veto in own if veto) - {Veto.DENIAL}

    @cached_property
    def shared(self) -> frozenset[str]:
        """The content words of all accepted examples; none where there is but one."""
        return (
            frozenset.intersection(*map(_content, self.accepted)) if len(self.accepted) > 1 else frozenset()
        )

    @cached_property
    def known(self) -> frozenset[str]:
        """Stems that are no surprise in a reply."""
        own = (t.content for t in (self.user, self.meaning, *self.accepted))
        return frozenset().union(*own) | _FRAME_STEMS | stems(META)

    @cached_property
    def after_or(self) -> frozenset[str]:
        """Words that follow "or" in accepted examples."""
        return frozenset(b for t in self.accepted for a, b in pairwise(t.words) if a == "or")

    def exact(self, words: Words) -> bool:
        """Whether words are an accepted example, but for frames, spelling and sound."""
        if words in self.forms or "".join(words) in self.keys:
            return True
        if self.denied_outright(words):
            return False
        left = strippings(words)
        if not left.isdisjoint(self.forms) or any("".join(w) in self.keys for w in left):
            return True
        return any(_sound(w) in self.sounds for w in left if len(w) <= MOST_SOUNDING)

    def denied_outright(self, words: Words) -> bool:
        """Whether a text opens with "no" and the very word: "no jackpot" where jackpot is to be said."""
        return (
            (self.literal or self.foreign)
            and words[:1] == ("no",)
            and any(words[1 : 1 + len(f)] == f for f in self.forms)
        )

    def mention(self, words: Words) -> str | None:
        """The part of a clause that gives an answer, as text; None where none does."""
        polite = not self.asks and is_polite(words)
        for form in sorted(self.forms, key=len, reverse=True):
            if polite and len(form) == 1:
                continue
            if found := _contiguous(form, words):
                rest = words[: found[0]] + words[found[1] :]
                if self._in_focus(of_words(form), rest):
                    return " ".join(words[slice(*found)])
        if (
            self.asks
            and not self.unknown(words)
            and any(_in_order(f, words) for f in self.forms if len(f) > 1)
        ):
            return " ".join(words)
        return None if polite else self._covering(words)

    def names(self, words: Words) -> bool:
        """Whether words hold an answer, however much else they hold."""
        return any(_contiguous(form, words) for form in self.forms)

    def rejects(self, words: Words) -> bool:
        """Whether words are a rejected example, but for frames."""
        if not strippings(words).isdisjoint(self.rejected_forms):
            return True
        content = _content(of_words(words))
        if NO & set(words):
            return False
        return content in map(_content, self.rejected) and content not in map(_content, self.accepted)

    def unknown(self, words: Words) -> frozenset[str]:
        """Stems of content words of neither user nor event."""
        content = {stem(w) for w in words if w not in FUNCTION and not w.isdigit()}
        return frozenset(content - self.known)

    def _in_focus(self, form: WordedText, rest: Words) -> bool:
        unknown = self.unknown(rest)
        if not _content(form) - stems(FUNCTION):
            return not {w for w in rest if w not in FUNCTION}
        if self.literal:
            compound = unknown and not any(w in FUNCTION or w in FRAME for w in rest)
            return len(unknown) <= max(1, len(form.content) - 1) and not compound and len(rest) <= MOST_BESIDE
        return len(unknown) <= max(MOST_UNKNOWN, len(form.content))

    def _covering(self, words: Words) -> str | None:
        """The part of a clause that covers an accepted example in free words."""
        if self.foreign:
            return translation(self.accepted, self.known, words)
        said = [*_meant(words), *self._pointed_at(words)]
        if any(not _content(t) - _FUNCTION_STEMS for t in self.accepted):
            return None
        if not self.shared <= set(said) or self.denied_outright(words):
            return None
        best, found, no = 0.0, None, frozenset[str]()
        for t in (*self.accepted, self.meaning):
            content = _content(t) - (stems(META) if t is self.meaning else frozenset())
            score = self._cover(content, said)
            if _POINTING & set(t.words) and self.unknown(words):
                continue
            if self.literal and not (len(t.words) > 1 and _in_order(t.words, words)):
                continue
            if score > best and self._agrees(t, words):
                best, found, no = score, content, NO & set(t.words)
        if found is None or any(self._cover(_content(t), said) > best for t in self.rejected):
            return None
        places = [k for k, s in enumerate(said[: len(words)]) if s in found or words[k] in no]
        return " ".join(words[places[0] : places[-1] + 1]) if places else None

    def _pointed_at(self, words: Words) -> frozenset[str]:
        """What "it" or "them" stands for where the user is told to do something with a thing."""
        told = self.meaning.words[:1] == ("tells",) and _POINTING & set(words)
        return self.shared - set(_meant(self.accepted[0].words[:1])) if told else frozenset()

    def _cover(self, content: frozenset[str], said: Sequence[str]) -> float:
        """Share of content words said, where enough are and little else is; else 0."""
        common = content & set(said)
        real = {s for s in common if s not in _FUNCTION_STEMS}
        if not real or len(common) < (1.0 if self.literal else COVER) * len(content):
            return 0.0
        beside = frozenset(said) - content - self.known - _FUNCTION_STEMS
        most = 1 if self.literal else max(2, len(common))
        return len(common) / len(content) if len(beside) <= most else 0.0

    def _agrees(self, t: WordedText, words: Words) -> bool:
        """Whether numbers, negation and opposites are those of an example."""
        said = of_words(words)
        fine = {n for a in self.accepted for n in a.numbers}
        bad = {n for r in self.rejected for n in r.numbers} - fine
        following = iter(said.numbers)
        in_order = all(n in following for n in t.numbers)
        no = bool(set(words) & NO), bool(set(t.words) & NO)
        if all(opposed(a.words, words) or _swapped(a.words, words) for a in self.accepted):
            return False
        return in_order and not bad & set(said.numbers) and no[0] == no[1] and not opposed(t.words, words)


_FUNCTION_STEMS = stems(FUNCTION)


def _forms(words: Words) -> set[Words]:
    """Words with and without those that open or soften."""
    text = " ".join(words)
    texts = (
        text,
        _TRAIL.sub("", text),
        _LEAD.sub("", text, count=1),
        _TRAIL.sub("", _LEAD.sub("", text, count=1)),
    )
    return {form for t in texts for form in (tuple(t.split()), _free(tuple(t.split()))) if form}


def _free(words: Words) -> Words:
    return words[1:] if len(words) > 1 and words[0] in _ARTICLES else words


def _sound(words: Words) -> Words:
    return tuple(HOMOPHONES.get(w, w) for w in words)


def _meant(words: Words) -> list[str]:
    """Stems, one for all that mean the same."""
    return [stem(SYNONYMS.get(w, SYNONYMS.get(stem(w), w))) for w in words]


def _content(t: WordedText) -> frozenset[str]:
    content = [w for w in t.words if w not in FUNCTION]
    return frozenset(_meant(tuple(content or t.words)))


def _contiguous(form: Words, words: Words) -> tuple[int, int] | None:
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


_POINTING = frozenset(("it", "them", "those", "these"))
_THINGS = frozenset(["the", "your", "that", "this", "those", "these", "them", "my"])


def _in_order(wanted: Words, said: Words) -> bool:
    """Whether words are said in their order; names may stand anywhere."""
    following = iter(w for w in said if w not in NAMES)
    names = NAMES & set(wanted)
    return names <= set(said) and all(w in following for w in wanted if w not in NAMES)


_FIRST, _SECOND = frozenset(("i", "we", "my", "our")), frozenset(("you", "your"))


def _swapped(example: Words, said: Words) -> bool:
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


def _asking(meaning: Sequence[str], accepted: Sequence[str]) -> bool:
    question = [t.rstrip().endswith("?") for t in accepted]
    return bool(question) and (all(question) or (any(question) and " ".join(meaning).startswith("asks")))


def expected_answer(
    user: Sequence[str], meaning: Sequence[str], accepted: Sequence[str], rejected: Sequence[str]
) -> ExpectedAnswer:
    """An event from the texts of a question."""
    return ExpectedAnswer(
        read(" ".join(user)),
        read(" ".join(meaning)),
        tuple(map(read, accepted)),
        tuple(map(read, rejected)),
        _asking(meaning, accepted),
    )
