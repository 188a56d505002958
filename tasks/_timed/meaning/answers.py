"""What an event accepts and rejects, and whether a clause gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tml_bench.tasks._timed.meaning.clauses import Clause
from tml_bench.tasks._timed.meaning.frames import is_polite, strippings
from tml_bench.tasks._timed.meaning.translations import translation_in
from tml_bench.tasks._timed.meaning.vetoes import Veto, veto_of
from tml_bench.tasks._timed.meaning.word_lists import (
    FRAME,
    FUNCTION,
    META,
    NO,
    PRAISE,
    TIME_UNITS,
)
from tml_bench.tasks._timed.meaning.word_match import (
    POINTING,
    Words,
    as_it_sounds,
    content_of,
    forms_of,
    in_order,
    is_stated,
    meant,
    opposed,
    place_of,
    swapped,
    without_article,
)
from tml_bench.tasks._timed.meaning.wording import NUMBER_WORDS, WordedText, of_words, read, stem, stems

_LEFT_OUT = frozenset(("are", "is", "do", "does", "did", "have"))
_ASKED = frozenset(("you", "anyone", "everyone"))
_COPULAS = frozenset((("it", "is"), ("that", "is"), ("you", "are"), ("all", "done")))
_ALONE = frozenset(("stop", "start", "begin", "rest", "pause", "breathe", "push", "pull", "jump", "switch"))
_SOFTENED = frozenset(("almost", "nearly", "barely", "soon", "hardly", "shortly"))
_AUXILIARY = frozenset(("not", "do", "did", "can", "am", "is", "are", "will"))
_PARTICLES = frozenset(("in", "up", "out", "on", "off", "down", "over", "away"))
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
        return frozenset(form for t in self.accepted for form in forms_of(t.words, self._said_itself))

    @cached_property
    def whole_forms(self) -> frozenset[Words]:
        """The accepted examples, also without words that may be left out where nothing else is said."""
        found = self.forms
        if self.meaning.words[:2] == ("says", "that"):
            found |= frozenset(form[2:] for form in found if form[:2] in _COPULAS and len(form) > 2)
        if self.meaning.words[:1] == ("tells",) and self._verb:
            found |= {(self._verb,)}
        if not self.asks:
            return found
        bare = {form[1:] for form in found if form[0] in _LEFT_OUT and len(form) > 2}
        bare |= {form[1:] for form in bare if form[0] == "you" and len(form) > 2}
        bare |= {tuple(w for w in form if w != "still") for form in bare if len(form) > 2}
        return found | frozenset(form for form in bare if form[0] in _ASKED or form[1:])

    @cached_property
    def rejected_forms(self) -> frozenset[Words]:
        """The same of the rejected ones, those aside that are accepted."""
        found = frozenset(form for t in self.rejected for form in forms_of(t.words, self._said_itself))
        return found - self.forms

    @cached_property
    def _verb(self) -> str:
        """What the user is told to do, where it is said in one word by an example: "stop"."""
        words = self.meaning.words
        verb = words[words.index("to") + 1] if "to" in words[:-1] else ""
        return verb if verb in _ALONE and any(t.words[0] == verb for t in self.accepted) else ""

    @cached_property
    def _said_itself(self) -> frozenset[str]:
        """Words of the meaning that are to be said, so that they are no opening of something else."""
        words = self.meaning.words
        return frozenset(words[1:]) if words[:1] == ("says",) and len(words) < 6 else frozenset()

    @cached_property
    def repeated(self) -> dict[str, int]:
        """Words that every accepted example says more than once, and how often at least."""
        often = {w: min(t.words.count(w) for t in self.accepted) for w in self.accepted[0].words}
        return {w: n for w, n in often.items() if n > 1 and w not in FUNCTION and w not in NUMBER_WORDS}

    @cached_property
    def about_time(self) -> bool:
        """Whether accepted examples name a length of time or hour."""
        return any(TIME_UNITS & set(t.words) or "at" in t.words for t in self.accepted)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The accepted forms with their words in one."""
        return frozenset(map("".join, self.forms))

    @cached_property
    def sounds(self) -> frozenset[Words]:
        """The accepted forms as they sound, those aside that sound like a rejected one."""
        return frozenset(map(as_it_sounds, self.forms)) - frozenset(map(as_it_sounds, self.rejected_forms))

    @cached_property
    def literal(self) -> bool:
        """Whether the very words are asked for: "says the word biscuit"."""
        words = list(self.meaning.words)
        if words[0] not in ("says", "gives"):
            return False
        while words and words[0] in _SAYING:
            words.pop(0)
        return any(
            "".join(words).startswith("".join(without_article(form)))
            for form in self.forms
            if without_article(form)
        )

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
            frozenset.intersection(*map(content_of, self.accepted)) if len(self.accepted) > 1 else frozenset()
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

    def said_often_enough(self, words: Words) -> bool:
        """Whether what is to be repeated is: one "bong" is not three."""
        joined = "".join(words)
        return all(joined.count(word) >= often for word, often in self.repeated.items())

    def exact(self, words: Words, listed: bool = False) -> bool:
        """Whether words are an accepted example, but for frames, spelling and, outside lists, sound."""
        if words in self.whole_forms or "".join(words) in self.keys:
            return True
        if self.denied_outright(words):
            return False
        left = strippings(words)
        if not left.isdisjoint(self.whole_forms) or any("".join(w) in self.keys for w in left):
            return True
        return not listed and any(as_it_sounds(w) in self.sounds for w in left if len(w) <= MOST_SOUNDING)

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
            if found := place_of(form, words):
                rest = words[: found[0]] + words[found[1] :]
                if self._in_focus(of_words(form), rest, found[0] == 0, words[found[1] :]):
                    return " ".join(words[slice(*found)])
        if (
            self.asks
            and not self.unknown(words)
            and any(in_order(f, words) for f in self.forms if len(f) > 1)
        ):
            return " ".join(words)
        return None if polite else self._covering(words)

    def names(self, words: Words) -> bool:
        """Whether words hold an answer, however much else they hold."""
        return any(place_of(form, words) for form in self.forms)

    def rejects(self, words: Words) -> bool:
        """Whether words are a rejected example, but for frames."""
        if not strippings(words).isdisjoint(self.rejected_forms):
            return True
        content = content_of(of_words(words))
        if NO & set(words):
            return False
        return content in map(content_of, self.rejected) and content not in map(content_of, self.accepted)

    def unknown(self, words: Words) -> frozenset[str]:
        """Stems of content words of neither user nor event."""
        content = {stem(w) for w in words if w not in FUNCTION and not w.isdigit()}
        return frozenset(content - self.known)

    def _in_focus(self, form: WordedText, rest: Words, opens: bool, follows: Words) -> bool:
        unknown = self.unknown(rest)
        if not content_of(form) - stems(FUNCTION) and not (opens and self.literal and len(form.words) > 1):
            return not {w for w in rest if w not in FUNCTION}
        if self.literal and follows and self._runs_on(form, follows):
            return False
        if self.literal:
            compound = unknown and not any(w in FUNCTION or w in FRAME for w in rest)
            return len(unknown) <= max(1, len(form.content) - 1) and not compound and len(rest) <= MOST_BESIDE
        return len(unknown) <= max(MOST_UNKNOWN, len(form.content))

    def _runs_on(self, form: WordedText, follows: Words) -> bool:
        """Whether the very word is the beginning of something else: "tap dancing", "zoom in"."""
        if form.words[-1] in _AUXILIARY and follows[0] not in FUNCTION:
            return True
        particle = follows[0] in _PARTICLES and follows[0] not in self.meaning.words and len(follows) == 1
        unknown = follows[0] not in _PARTICLES and bool(self.unknown(follows[:1]))
        return particle or unknown

    def _covering(self, words: Words) -> str | None:
        """The part of a clause that covers an accepted example in free words."""
        if self.foreign:
            return translation_in(self.accepted, self.known, words)
        said = [*meant(words), *self._pointed_at(words)]
        if any(not content_of(t) - _FUNCTION_STEMS for t in self.accepted):
            return None
        if not self.shared <= set(said) or self.denied_outright(words):
            return None
        best, found, no = 0.0, None, frozenset[str]()
        for t in (*self.accepted, self.meaning):
            content = content_of(t) - (stems(META) if t is self.meaning else frozenset())
            score = self._cover(content, said)
            if POINTING & set(t.words) and self.unknown(words):
                continue
            if self.literal and not (len(t.words) > 1 and in_order(t.words, words)):
                continue
            better = (score, len(content)) > (best, len(found or ()))
            if score and better and self._agrees(t, words):
                best, found, no = score, content, NO & set(t.words)
        if found is None or any(self._cover(content_of(t), said) > best for t in self.rejected):
            return None
        places = [k for k, s in enumerate(said[: len(words)]) if s in found or words[k] in no]
        return " ".join(words[places[0] : places[-1] + 1]) if places else None

    def _pointed_at(self, words: Words) -> frozenset[str]:
        """What "it" or "them" stands for where the user is told to do something with a thing."""
        words_ = self.meaning.words
        if words_[:1] != ("tells",) or not POINTING & set(words) or "to" not in words_:
            return frozenset()
        told = words_[words_.index("to") + 1 :]
        return content_of(of_words(told[1:])) - set(meant(told[:1])) if told[1:] else frozenset()

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
        if is_stated(self.meaning.words, words) or _SOFTENED & set(words) - {
            w for a in self.accepted for w in a.words
        }:
            return False
        if all(opposed(a.words, words) or swapped(a.words, words) for a in self.accepted):
            return False
        return in_order and not bad & set(said.numbers) and no[0] == no[1] and not opposed(t.words, words)


_FUNCTION_STEMS = stems(FUNCTION)


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
