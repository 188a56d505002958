"""Whether the values that a line of a simulated user names are those of its goals, and are told in time.

Each rule says in words what is wrong, and nothing where nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from tml_bench.plain_text import plain
from tml_bench.scenario import Fact, Stage
from tml_bench.timeline import UserAct
from tml_bench.users.line_context import BESIDES, LineContext, fact_texts, stage_texts
from tml_bench.users.said_values import (
    CLOCK,
    FUNCTION,
    NAME,
    NUMBER,
    SaidValue,
    holds,
    is_idiom,
    said_values,
    stems,
)

_CORRECTS = re.compile(
    r"\b(correct\w*|change\w*|instead|meant|mistake\w*|miscounted|wrong\w*|rather|mixed up|no wait)\b"
)
_EXCLUSIVE = frozenset(("side", "seat", "room"))
"""Classes of which a goal is never met by another member, whatever the model offers."""
_NEAR = 0.7
"""A line so like one of the scenario's says that line, with other words in it."""
_GROUP = 3
"""Digits that are a part of a longer number, said alone, as of a telephone."""
_DENIES = re.compile(
    r"\b(do not|don't|could not|couldn't|cannot|can't|would not) (really )?(know|say|tell|remember)\b"
    r"|\bno idea\b|\bnot sure\b"
)
_YES = re.compile(
    r"\b(yes|yeah|yep|right|correct|exactly|sure|indeed|of course|it is|that is|that's|please)\b"
)
_ASKS_BACK = re.compile(
    r"\b(pardon|excuse me|repeat|say that again|come again|do you mean|did you say|didn't (catch|hear|get)"
    r"|not understand|don't understand)\b"
)


def contradiction(c: LineContext) -> str:
    """Whether it says another value than its goal's, or one that nobody has named."""
    if c.line.act in BESIDES or c.is_scripted or not c.words_known:
        return ""
    said = [v for v in said_values(c.line.text) if not (v.negated or v.loose)]
    for found in (_unheard_of(c, said), _outdated(c, said), _chosen_wrong(c, said), _replaced(c)):
        for reason in found:
            return reason
    return ""


def early(c: LineContext) -> str:
    """Whether it says what only a later goal tells, which the model has not said."""
    if c.line.act in BESIDES or c.is_scripted or not c.words_known:
        return ""
    told = (c.model_text, *c.own_texts, *(line.text for line in c.before))
    for name, entries in _later(c):
        for entry in entries:
            if holds(c.line.text, entry, strictly=True) and not any(holds(text, entry) for text in told):
                return f"says {entry.split('|')[0]}, which belongs to {name}"
    later = [v for text in c.later_texts for v in said_values(text)]
    for v in said_values(c.line.text):
        meant = not (v.loose or is_idiom(v) or v.negated)
        if meant and not _is_known(v, c.known) and any(v.same(one) for one in later):
            return f"says {v.shown}, which belongs to a later goal"
    return ""


def wrong_answer(c: LineContext) -> str:
    """Whether it does not answer what the model has just asked for and the user may tell."""
    act, text = c.line.act, c.line.text
    if act not in (UserAct.ANSWER, UserAct.DEFER) or not c.words_known:
        return ""
    facts = [f for f in c.scenario.facts if c.may_tell(f)]
    asked = [f for f in facts if c.asked_for(f, in_order=act is UserAct.DEFER)]
    if act is UserAct.DEFER:
        told = [line.text for line in c.before]
        untold = [f for f in asked if not any(_answers(one, f) for one in told)]
        denied = _DENIES.search(plain(text)) and untold
        return f"does not know {untold[0].name}, which it does" if denied else ""
    # The goal at hand may be what was asked for in the same breath.
    goal = c.scenario.stages[c.stage].values if c.scenario.stages else ()
    answered = any(_answers(text, f) or _confirms(c, f) for f in asked) or (
        goal and all(holds(text, v) for v in goal)
    )
    if not asked or answered or _ASKS_BACK.search(plain(text)):
        return ""
    other = next((f.name for f in facts if f not in asked and f.values and _answers(text, f)), "")
    instead = f" but tells {other}" if other else ""
    return f"was asked for {asked[0].name}, and does not say it{instead}"


def _answers(text: str, fact: Fact) -> bool:
    if fact.values:
        return all(holds(text, entry) for entry in fact.values)
    return any(set(stems(text)) >= set(stems(line)) - FUNCTION for line in fact.lines) or not fact.lines


def _confirms(c: LineContext, fact: Fact) -> bool:
    """Whether it says yes to what the model has right."""
    offered = fact.values and all(holds(c.asked, entry) for entry in fact.values)
    chosen = re.search(r"\bor\b", plain(c.asked))
    return bool(offered and not chosen and _YES.search(plain(c.line.text)))


def _later(c: LineContext) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from ((stage.name, stage.values) for stage in c.scenario.stages[c.stage + 1 :])
    yield from ((f"{f.stage}: {f.name}", f.values) for f in c.scenario.facts if not c.may_tell(f))


def _is_known(value: SaidValue, known: Iterable[SaidValue]) -> bool:
    """Whether a value was named, a number also in parts, or as a part of a longer one."""
    left = set(value.parts)
    for one in known:
        if value.same(one):
            return True
        if one.kind == value.kind == NUMBER:
            left -= one.readings | one.parts
            if any(len(r) >= _GROUP and r in whole for r in value.readings for whole in one.readings):
                return True
    return bool(value.parts) and not left


def _unheard_of(c: LineContext, said: Iterable[SaidValue]) -> Iterator[str]:
    """Values that neither the scenario nor the model has, of a kind of which the scenario has others."""
    own = [v for text in c.own_texts for v in said_values(text)]
    later = [v for text in c.later_texts for v in said_values(text)]
    nouns = {v.noun for v in own}
    for v in said:
        others = [one.shown for one in own if one.kind == v.kind and not one.loose]
        idle = is_idiom(v) and v.noun not in nouns
        if others and not idle and not _is_known(v, c.known) and not any(v.same(one) for one in later):
            yield f"says {v.shown}, which nobody has named; its own is {_listed(others)}"


def _outdated(c: LineContext, said: list[SaidValue]) -> Iterator[str]:
    """Values of its own that a later goal has corrected, and others where a goal has only one."""
    current: dict[str, list[SaidValue]] = {}
    old: list[tuple[str, SaidValue]] = []
    for stage in c.so_far:
        texts = stage_texts(stage)
        corrects = any(_CORRECTS.search(plain(text)) for text in texts)
        for slot, found in _slots(v for text in texts for v in said_values(text) if not v.negated).items():
            if corrects:
                old += ((slot, v) for v in current.pop(slot, ()) if not any(v.same(one) for one in found))
            current[slot] = current.get(slot, []) + found
    for slot, found in _slots(said).items():
        right = current.get(slot, [])
        if not right or any(v.same(one) for v in found for one in right):
            continue
        for v in found:
            was = any(slot == at and v.same(one) for at, one in old)
            asserts = c.line.act in (UserAct.GOAL, UserAct.AGAIN) and v.noun not in ("", CLOCK)
            if was or slot in _EXCLUSIVE or asserts:
                said_here = f"{v.shown} {v.noun}".rstrip()
                yield f"says {said_here}, where its goal has {_listed(r.shown for r in right)}"


def _slots(values: Iterable[SaidValue]) -> dict[str, list[SaidValue]]:
    """Values by what they are the value of: numbers by what they count, others by their class."""
    found: dict[str, list[SaidValue]] = {}
    for v in values:
        slot = f"{NUMBER} {v.noun}" if v.kind == NUMBER and v.noun else v.kind
        if slot not in (NUMBER, NAME):
            found.setdefault(slot, []).append(v)
    return found


def _chosen_wrong(c: LineContext, said: list[SaidValue]) -> Iterator[str]:
    """Of two values that the model offers, the one that is not its own."""
    if not re.search(r"\bor\b", plain(c.asked)):
        return
    offered = said_values(c.asked)
    own = [v for text in c.own_texts for v in said_values(text)]
    right = [v for v in offered if not v.loose and any(v.same(one) for one in own)]
    for v in said:
        rivals = [r.shown for r in right if r.kind == v.kind]
        taken = any(v.same(one) for one in offered) and not any(v.same(one) for one in own)
        if rivals and taken and not any(holds(c.line.text, rival) for rival in rivals):
            yield f"chooses {v.shown}, where its goal has {_listed(rivals)}"


def _replaced(c: LineContext) -> Iterator[str]:
    """A line of the scenario with another word where that names a value."""
    text = c.line.text
    said = stems(text)
    known = {word for one in (*c.own_texts, c.model_text) for word in stems(one)} | FUNCTION
    for entries, lines in _lines_with_values(c):
        missing = [entry for entry in entries if not holds(text, entry)]
        for line in lines if missing else ():
            match = SequenceMatcher(None, stems(line), said, autojunk=False)
            for kind, a, b, x, y in match.get_opcodes() if match.ratio() >= _NEAR else ():
                lost, new = " ".join(stems(line)[a:b]), said[x:y]
                entry = next((e for e in missing if holds(lost, e)), "")
                if kind == "replace" and entry and not known.issuperset(new):
                    yield f"says {' '.join(new)}, where its goal has {lost}"


def _lines_with_values(c: LineContext) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    stage: Stage | None = c.scenario.stages[c.stage] if c.scenario.stages else None
    if stage is not None:
        yield stage.values, (*stage.lines, *stage.again)
    yield from ((f.values, fact_texts(f)) for f in c.scenario.facts if c.may_tell(f))


def _listed(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
