"""The clauses of a reply, sorted by what they do for an answer."""

import re
from collections.abc import Sequence

from tml_bench.tasks._timed.meaning.answers import ExpectedAnswer
from tml_bench.tasks._timed.meaning.clauses import Clause
from tml_bench.tasks._timed.meaning.frames import is_polite
from tml_bench.tasks._timed.meaning.vetoes import (
    Veto,
    announces_veto,
    is_only_planned,
    is_planned,
    offers_to_ask,
    says_it_later,
    veto_of,
)
from tml_bench.tasks._timed.meaning.word_lists import ASKING, FRAME, FUNCTION, TIME_UNITS
from tml_bench.tasks._timed.meaning.wording import stems


class AnswerClauses:
    """The clauses of a reply, sorted by what they do for an answer.

    Attributes:
        given: clauses, or runs of them, that give it.
        verbatim: whether one is an example, but for frames.
        rejected: whether a rejected example stands beside it and is not taken back.
        against: why the reply is not right all the same; empty where nothing is against it.
        others: clauses that say something else, politeness aside.
    """

    def __init__(self, expected: ExpectedAnswer, said: tuple[Clause, ...]) -> None:
        self.expected = expected
        self.given: list[tuple[Clause, ...]] = []
        self.against = ""
        self.verbatim = False
        self.rejected = False
        self.others: list[Clause] = []
        strays: list[Clause] = []
        pending: Veto | None = None
        k = 0
        while k < len(said):
            clause = said[k]
            run = self._run(said, k)
            mention = None if run or expected.rejects(clause.words) else expected.mention(clause.words)
            if run or mention:
                end = k + max(run, 1)
                if not expected.about_time and self._planned(said[:k], said[end - 1], said[end:]):
                    pending = Veto.PROMISE
                own = self._of_run(said[k : k + run]) if run else self.veto(clause, mention or "")
                why = pending or own
                if said[end - 1].end == "?" and not expected.asks and _taken_back(said[end:]):
                    why = Veto.DENIAL
                if not why:
                    self.verbatim |= bool(run)
                    self.given.append(said[k : k + max(run, 1)])
                    self.against = ""
                elif not self.given or why in (Veto.DENIAL, Veto.NOT_YET):
                    self.against = why
                if said[k + max(run, 1) - 1].end in (".", "!") and not run:
                    pending = None
                k += max(run, 1)
                continue
            pending = self._other(clause, said[k + 1 : k + 2], strays) or pending
            k += 1
        if self.rejected:
            self.against = "a rejected example"
        elif not self.against and self.given:
            self.against = self._alternatives(said) or _listed(self.given, strays)

    def _planned(self, before: Sequence[Clause], clause: Clause, after: Sequence[Clause]) -> bool:
        """Whether a clause only takes note of what is to be said, and when."""
        then = clause.words[0] == "then" and any(TIME_UNITS & set(c.words) for c in before)
        return then or is_only_planned(clause, [c for c in after if not self.expected.names(c.words)])

    def _other(self, clause: Clause, following: Sequence[Clause], strays: list[Clause]) -> Veto | None:
        """Note a clause that gives no answer; the veto it casts over what follows."""
        expected = self.expected
        casts = announces_veto(clause)
        retracted = clause.end == "?" or any(c.words[0] in _RETRACTING for c in following)
        if expected.names(clause.words) and (
            why := self.veto(clause, "") or self.veto(clause, self._named(clause))
        ):
            if not self.given or why in (Veto.DENIAL, Veto.NOT_YET):
                self.against = why
        elif expected.rejects(clause.words) and not is_polite(clause.words):
            if not retracted or self.given:
                self.rejected = True
        elif not is_polite(clause.words):
            if self.given and says_it_later(clause):
                self.against = Veto.PROMISE
            self.others.append(clause)
            core = [w for w in clause.words if w not in FUNCTION and w not in FRAME]
            if (
                len(clause.words) <= 2
                and not _tells(expected.meaning.words)
                and core
                and len(expected.unknown(clause.words)) == len(core)
            ):
                strays.append(clause)
        elif stems(clause.words) & expected.shared:
            self.others.append(clause)
        return casts

    def _named(self, clause: Clause) -> str:
        """The form that a clause holds, as text."""
        text = f" {clause.text} "
        return next(
            (
                " ".join(f)
                for f in sorted(self.expected.forms, key=len, reverse=True)
                if f" {' '.join(f)} " in text
            ),
            "",
        )

    def _run(self, said: Sequence[Clause], k: int) -> int:
        """How many clauses from the k-th on are together an accepted example, but for frames."""
        for length in range(min(4, len(said) - k), 0, -1):
            words = tuple(word for clause in said[k : k + length] for word in clause.words)
            listed = said[k + length - 1].end == "," and len(said) > k + length
            if self.expected.exact(words, listed and not is_polite(said[k + length].words)):
                return length
        return 0

    def _of_run(self, run: Sequence[Clause]) -> Veto | None:
        text = " ".join(clause.text for clause in run)
        if self.expected.asks:
            return Veto.OFFER if offers_to_ask(run[0]) else None
        asked = run[-1].end == "?" and _WHETHER_IT_IS.match(text)
        return Veto.QUESTION if asked else None

    def veto(self, clause: Clause, mention: str) -> Veto | None:
        """What is held against a clause that mentions an answer."""
        expected = self.expected
        if expected.denied_outright(clause.words):
            return Veto.DENIAL
        if expected.asks and offers_to_ask(clause):
            return Veto.OFFER
        denies = all(t.negated for t in expected.accepted)
        why = veto_of(clause, mention, denies, expected.own_vetoes)
        if expected.asks and why in (Veto.OFFER, Veto.QUESTION):
            return None
        _, _, after = clause.text.partition(mention or clause.text)
        if not why and is_planned(after) and not expected.about_time:
            return Veto.PROMISE
        return why

    def _alternatives(self, said: Sequence[Clause]) -> str:
        """Whether the answer is one of several that are offered."""
        before = ""
        for clause in said:
            text = f" {clause.text} "
            if " either " in text or " between " in text:
                return "alternatives"
            pieces = text.split(" or ")
            if len(pieces) > 1 and not any(f" or {word} " in text for word in self.expected.after_or):
                first = pieces[0].strip() or before
                if not all(self._may_be_named(piece) for piece in (first, *pieces[1:])):
                    return "alternatives"
            before = clause.text
        return ""

    def _may_be_named(self, piece: str) -> bool:
        """Whether what stands beside "or" is an answer too, another question, or no alternative."""
        words = tuple(piece.split())
        if not words or self.expected.exact(words) or words[0] in _ELSE:
            return True
        threat = words[0] in _PRONOUNS and len(words) > 2 and not self.expected.rejects(words)
        return (threat and not _MAY_BE & set(words)) or (self.expected.asks and words[0] in ASKING)


def _taken_back(following: Sequence[Clause]) -> bool:
    """Whether a question is answered with no."""
    return bool(following) and following[0].words[0] in ("no", "nope", "nein", "non", "nao")


def _tells(meaning: Sequence[str]) -> bool:
    """Whether something is told or asked in free words, so that more may be said with it."""
    return meaning[0] in ("tells", "asks", "reminds", "prompts") or meaning[:2] == ("says", "that")


_WHETHER_IT_IS = re.compile(
    r"(?:is|was|are|were|could|has|have|does|did) (?:it|that|this|the|your|he|she|they|everyone)\b"
)
_RETRACTING = frozenset(("no", "nope", "actually", "rather", "wrong", "not", "sorry"))
_ELSE = frozenset(("so", "else", "thereabouts", "something", "whatever", "not"))
_PRONOUNS = frozenset(("it", "you", "they", "we"))
"""What follows "or" where it names no alternative: "ten or so", "breathe or you will faint"."""
_MAY_BE = frozenset(("could", "may", "might", "maybe", "perhaps", "possibly"))


def _listed(given: Sequence[Sequence[Clause]], strays: Sequence[Clause]) -> str:
    """Whether the answer stands in a bare list with others."""
    near = any(run[-1].end == "," or run[-1].end == "" for run in given) or any(c.end == "," for c in strays)
    return "a list" if len(strays) > 1 or (strays and near) else ""
