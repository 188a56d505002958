"""Replies that must name a number: decided by the numbers said, not by words."""

import re
from collections.abc import Sequence
from itertools import pairwise

from tml_bench.tasks._timed.meaning.answers import ExpectedAnswer
from tml_bench.tasks._timed.meaning.clauses import Clause, clauses, last_word
from tml_bench.tasks._timed.meaning.frames import ANNOUNCEMENT
from tml_bench.tasks._timed.meaning.vetoes import Veto, announces_veto, veto_of
from tml_bench.tasks._timed.meaning.word_lists import COPULA, FRAME, FUNCTION, TIME_UNITS
from tml_bench.tasks._timed.meaning.word_match import opposed
from tml_bench.tasks._timed.meaning.wording import ANY_NUMBER, NUMBER_STEMS, NUMBER_WORDS, stem, stems, values
from tml_bench.tasks._timed.spoken_time import seconds_in

MOST_BESIDE = 3
"""As many content words unknown to the event may stand beside a number."""
_REASON = re.compile(
    r"^(?:because|since|as|if|when|from|after|given|so that|although|though|while|whereas|remember|"
    r"you (?:said|told|had))\b"
)
_OPERATION = re.compile(
    r"\b(?:times|plus|minus|divided|and|double|twice|half|quarter|of|by|take|from|less|add|multiplied|"
    r"over|at|each|packs|\w+s)\b"
)
_RESULT = re.compile(
    r"\b(?:is|are|makes?|equals?|comes? to|gives?|was|were|adds up to|be|means|leaves|totals?|become|"
    r"becomes)\b"
)
_OVER = re.compile(
    rf"\b(?:for|in|over|of|across|on|with|from) (?:(?:all|the|these|those|your|both) )*{ANY_NUMBER}\b"
)
_ABOUT = re.compile(r"give or take|or so|or thereabouts|more or less|\b(?:almost|nearly) ")
_HEARD_AS = {"too": "two", "to": "two", "for": "four", "fore": "four", "won": "one", "ate": "eight"}
_ALONE = re.compile(
    rf"((?:(?:that is|it is|that makes|number) )?)({'|'.join(_HEARD_AS)})((?: (?:so far|of them|in all))?)"
)
_SET_ASIDE = re.compile(r"\b(?:instead of|rather than|not|as opposed to|unlike)\b.*")


def targets(expected: ExpectedAnswer) -> frozenset[int]:
    """The numbers of which one must be named; empty where the event does not ask for one alone."""
    named = [t.numbers for t in expected.accepted]
    results = {n for n in named if len(n) == 1}
    if len(results) == 1 and all(n[-1:] in results for n in named):
        return frozenset(*results)
    if not named or any(len(n) != 1 for n in named):
        return frozenset()
    return frozenset(n for (n,) in named) if len(set(named)) == 1 or _alone(expected) else frozenset()


def _alone(expected: ExpectedAnswer) -> bool:
    """Whether the number alone is accepted."""
    return any(t.content <= NUMBER_STEMS | {"number"} for t in expected.accepted)


def _about_length(expected: ExpectedAnswer) -> bool:
    return any(TIME_UNITS & set(t.words) for t in expected.accepted)


def why_number(expected: ExpectedAnswer, reply: str) -> str:
    """Why a reply names the number that is asked for and no other; empty when it does not."""
    wanted = targets(expected)
    said = tuple(map(_as_number, last_word(clauses(reply), frozenset())))
    lengths = _about_length(expected)
    named: list[frozenset[int]] = []
    veto: Veto | None = None
    pending: Veto | None = None
    for clause in said:
        found = (
            values(_SET_ASIDE.sub("", clause.text) or clause.text)
            if not clause.text.startswith("not ")
            else ()
        )
        if not found or (
            not lengths and TIME_UNITS & set(clause.words) and ANNOUNCEMENT.fullmatch(clause.text)
        ):
            pending = announces_veto(clause) or pending
            continue
        if _of_another_thing(expected, clause, wanted) or _the_other_way(expected, clause):
            continue
        if veto_ := pending or _veto(expected, clause):
            if veto_ not in (Veto.DENIAL, Veto.REPORT, Veto.COMMENT, Veto.CONDITION) or wanted & set(found):
                veto = veto_
            continue
        counted = _counted(expected, clause, found, wanted)
        if counted:
            named.append(counted)
            if counted <= wanted:
                veto = None
    everything = frozenset().union(*named)
    right = bool(everything) and everything <= wanted and veto is None
    return "the number that is asked for" if right and _fits(expected, said) else ""


def _of_another_thing(expected: ExpectedAnswer, clause: Clause, wanted: frozenset[int]) -> bool:
    """Whether a number says how many of the user's things there are, where a running count is asked for."""
    if not {"count", "number"} & set(expected.meaning.words[:3]) or not wanted & set(values(clause.text)):
        return False
    words = clause.words
    if (
        not _about_length(expected)
        and any(a in NUMBER_WORDS and b in TIME_UNITS for a, b in pairwise(words))
        and not expected.exact(words)
    ):
        return True
    if not _about_length(expected) and _gone(words) is False and not expected.exact(words):
        return True
    places = [k for k, w in enumerate(words[:-1]) if w in NUMBER_WORDS and words[k + 1] not in NUMBER_WORDS]
    own = stems(("times", "mentions")) | expected.meaning.stems.union(*(t.stems for t in expected.accepted))
    after = {stem(words[k + 1]) for k in places if words[k + 1] not in FUNCTION and words[k + 1] not in FRAME}
    return bool(after) and not after & own and after <= expected.user.stems


def _the_other_way(expected: ExpectedAnswer, clause: Clause) -> bool:
    """Whether a clause says how much time is left where asked how much has gone, or the other way round."""
    ways = {_gone(t.words) for t in expected.accepted} - {None}
    way = _gone(clause.words)
    return _about_length(expected) and way is not None and len(ways) < 2 and way not in (ways or {True})


def _as_number(clause: Clause) -> Clause:
    """A clause with a number for a word that sounds the same where nothing else is said: "too so far"."""
    if not (alone := _ALONE.fullmatch(clause.text)):
        return clause
    return clause._replace(words=tuple(f"{alone[1]}{_HEARD_AS[alone[2]]}{alone[3]}".split()))


def _veto(expected: ExpectedAnswer, clause: Clause) -> Veto | None:
    if clause.words in expected.forms:
        return None
    if re.search(r"\bi (?:will|shall|am going to)\b", clause.text):
        return Veto.PROMISE
    veto = veto_of(clause, _number_part(clause), spared=expected.own_vetoes)
    return Veto.REPORT if _REASON.search(clause.text) else veto


def _number_part(clause: Clause) -> str:
    """From the first number word of a clause to its last."""
    places = [k for k, w in enumerate(clause.words) if w in NUMBER_WORDS]
    return " ".join(clause.words[places[0] : places[-1] + 1]) if places else ""


def _counted(
    expected: ExpectedAnswer, clause: Clause, found: Sequence[int], wanted: frozenset[int]
) -> frozenset[int]:
    """The numbers of a clause that count: of an equation its result, of operands alone none."""
    named = frozenset(found)
    if named <= wanted or "or" in clause.words:
        return named
    users = frozenset(expected.user.numbers)
    wrong = frozenset(n for t in expected.rejected for n in t.numbers) - wanted
    parts = [frozenset(values(part)) for part in _RESULT.split(clause.text)]
    parts = [part for part in parts if part]
    if len(parts) > 1:
        for result, others in ((parts[-1], parts[:-1]), (parts[0], parts[1:])):
            if result <= wanted and not frozenset().union(*others) & (wrong - users):
                return result
    over = _OVER.sub("", clause.text)
    if over != clause.text and frozenset(values(over)) <= wanted and named - wanted <= users - wrong:
        return frozenset(values(over))
    operands = named <= users - wrong and _OPERATION.search(clause.text)
    return frozenset() if operands else named


def _fits(expected: ExpectedAnswer, said: Sequence[Clause]) -> bool:
    """Whether the unit and what is said of the number fit, and little else is said with it."""
    words = tuple(w for clause in said for w in clause.words)
    units = {w.rstrip("s") for w in words if w in TIME_UNITS}
    accepted = [t.words for t in expected.accepted]
    wanted = {w.rstrip("s") for form in accepted for w in form if w in TIME_UNITS}
    if wanted and units and not units & wanted:
        return False
    if all(opposed(form, words) for form in accepted if not set(form) <= set(words)) and not any(
        set(form) <= set(words) for form in accepted
    ):
        return False
    shared = frozenset() if _alone(expected) else expected.shared - NUMBER_STEMS
    beside = frozenset(w for c in said for w in expected.unknown(c.words)) - NUMBER_STEMS
    if beside and not shared <= stems(words):
        return False
    shortest = min(
        (c for c in said if values(c.text)), key=lambda c: len(expected.unknown(c.words) - NUMBER_STEMS)
    )
    return len(expected.unknown(shortest.words) - NUMBER_STEMS) <= MOST_BESIDE


def _gone(words: Sequence[str]) -> bool | None:
    """Whether a length of time is said to be over (true) or left (false); None where neither is said."""
    if set(words) & {"left", "remaining", "remain", "more"} or "to go" in " ".join(words):
        return False
    return True if set(words) & {"gone", "passed", "elapsed", "past", "up", "over"} else None


def why_length(expected: ExpectedAnswer, reply: str) -> str:
    """Why a reply names a length of time, whichever; empty when none is named, or only asked or promised."""
    whole = Clause(tuple(word for clause in clauses(reply) for word in clause.words), "")
    number = _number_part(whole)
    if number and tuple(whole.text.replace(number, "number", 1).split()) in expected.forms:
        return "an accepted example"
    pending: Veto | None = None
    for clause in clauses(
        re.sub(r"give or take|or so|or thereabouts|more or less|\b(?:almost|nearly) ", "", reply)
    ):
        if not seconds_in(clause.text):
            pending = announces_veto(clause) or pending
            if re.search(r"\b(?:either|or)\b", clause.text):
                return ""
            continue
        sides = [side.strip() for side in clause.text.split(" or ")]
        offered = any(side and not values(side) for side in sides) and len(sides) > 1
        veto = pending or veto_of(clause, _number_part(clause), spared=_spared(clause))
        asked = clause.end == "?" and set(clause.words) & COPULA
        if offered or asked or clause.words[0] in ("or", "either") or veto:
            return ""
        return "names a length of time"
    return ""


_TOLD = re.compile(r"\b(?:for|after|about|there|that)(?: (?:just|exactly|around|over|almost|roughly))*$")


def _spared(clause: Clause) -> frozenset[Veto]:
    """What is not held against a length: that something stopped, or was said or thought, so long (ago)."""
    before, _, after = clause.text.partition(_number_part(clause) or "minute")
    if _DENIED_LENGTH.search(before) or re.search(r"\b(?:wrong|incorrect|false|not)\b", after):
        return frozenset((Veto.COMMENT,))
    told = _TOLD.search(before.strip()) or " ago" in after
    return frozenset((Veto.COMMENT, Veto.DENIAL, *((Veto.REPORT,) if told else ())))


_DENIED_LENGTH = re.compile(
    r"\b(?:not|never|no|(?:more|less|longer|shorter|other) than|anything but|except)\b"
)


def why_counted(expected: ExpectedAnswer, reply: str) -> str:
    """Why a reply counts aloud as asked, with what else is asked for; empty when it does not."""
    said = [c for c in clauses(reply) if not (TIME_UNITS & set(c.words) and ANNOUNCEMENT.fullmatch(c.text))]
    words = tuple(w for clause in said for w in clause.words)
    named = values(" ".join(words))
    if any(announces_veto(c) or veto_of(c, _number_part(c)) in _AGAINST or "or" in c.words for c in said):
        return ""
    for t in expected.accepted:
        if t.numbers == named and t.content - NUMBER_STEMS <= stems(words):
            return "counts as asked"
    return ""


_AGAINST = (Veto.OFFER, Veto.PROMISE, Veto.REFUSAL, Veto.NOT_YET, Veto.DENIAL)
