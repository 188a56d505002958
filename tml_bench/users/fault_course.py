"""Whether a line of a simulated user comes when it should: not again, not too soon, not over the model.

Each rule says in words what is wrong, and nothing where nothing is.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

from tml_bench.plain_text import plain
from tml_bench.scenario import Stage
from tml_bench.timeline import UserAct
from tml_bench.users.line_context import BESIDES, LineContext
from tml_bench.users.policy import Prompted
from tml_bench.users.said_values import CLASSES, FUNCTION, holds, said_values, stems

TOLERANCE_S = 0.3
"""A micro-turn, and how far an edge of speech may be off."""
_EMPTY_WORDS = (
    "um uh er hm hmm oh ah well so okay ok sorry hi hello hey yeah actually then great good thank just"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_AGREES_WORDS = "right exactly correct sure fine perfect lovely true goodbye bye all"
_AGREES = frozenset(_AGREES_WORDS.split())
_SAME_WORDS, _SAME_ORDER = 0.85, 0.75
_SPELT_ALIKE = 0.75
_SHORT = {
    "'s": " is",
    "'re": " are",
    "'ll": " will",
    "'ve": " have",
    "'d": " would",
    "'m": " am",
    "n't": " not",
}
_ASKS_AGAIN = re.compile(
    r"\b(repeat|pardon|come again|say that|did you say|one more time|sorry\?|hello\?|again(,? please|\?)"
    r"|(say|tell|give|read)\b[^.?!]*\bagain"
    r"|(did not|didn't|do not|don't|could not|couldn't|cannot|can't|not) (hear|catch|get|understand)\b)"
)


def repetition(c: LineContext) -> str:
    """Whether it has said so before, though it was not asked to and the model's words have changed."""
    said = _words(c.line.text)
    if c.line.act in BESIDES or len(said) < 3 or _ASKS_AGAIN.search(plain(c.asked)):
        return ""
    if not set(said) - FUNCTION - _AGREES or _answers_again(c):
        return ""
    for place, line in enumerate(c.before):
        provoked = _alike(stems(c.heard[place]), stems(c.asked)) or c.heard[place] == c.asked
        # A scenario's own lines say the same on purpose, each in other words.
        again = _words(line.text) == said if c.is_scripted else _says_again(line.text, c.line.text)
        if again and not line.cut and not provoked:
            return f"was said at {line.start_s:.1f} s: {line.text}"
    return ""


def _says_again(first: str, second: str) -> bool:
    return _alike(_words(first), _words(second)) and _same_values(first, second)


def _answers_again(c: LineContext) -> bool:
    facts = [f for f in c.scenario.facts if f.values and all(holds(c.line.text, v) for v in f.values)]
    return any(c.asked_for(fact, in_order=False) for fact in facts)


def _words(text: str) -> tuple[str, ...]:
    """The words of a line, written in full, without those that say nothing."""
    text = plain(text)
    for short, full in _SHORT.items():
        text = re.sub(rf"{short}\b", full, text)
    return tuple(word for word in stems(text) if word not in _EMPTY)


def _alike(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    if not first or not second:
        return False
    common = (Counter(first) & Counter(second)).total()
    if 2 * common < _SAME_WORDS * (len(first) + len(second)):
        return False
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= _SAME_ORDER


def _same_values(first: str, second: str) -> bool:
    one, two = ([v for v in said_values(text) if not v.loose] for text in (first, second))
    return all(any(a.same(b) for b in two) for a in one) and all(any(a.same(b) for b in one) for a in two)


def wrong_order(c: LineContext) -> str:
    """Whether it leaves a goal before it is covered, leaves one out, goes back to one, or ends too soon."""
    stages, act = c.scenario.stages, c.line.act
    if act in BESIDES or act is UserAct.DEFER or not stages or not c.words_known:
        return ""
    if act is UserAct.HANG_UP:
        return _hangs_up_early(c)
    if act is UserAct.CLOSING or holds(c.line.text, c.scenario.end_phrase):
        if c.reached < len(stages) - 1:
            return f"ends the conversation before {stages[c.reached + 1].name}"
        open_one = next((stage for stage in stages if not _covered(c, stage)), None)
        return f"ends the conversation before {open_one.name} is covered" if open_one else ""
    if c.stage < c.reached and act is not UserAct.ANSWER:
        return f"goes back to {stages[c.stage].name} after {stages[c.reached].name}"
    if c.stage > c.reached + 1:
        return f"goes on to {stages[c.stage].name} before {stages[c.reached + 1].name}"
    if c.stage > c.reached >= 0 and not _covered(c, stages[c.reached]):
        return f"goes on to {stages[c.stage].name} before {stages[c.reached].name} is covered"
    return ""


def _covered(c: LineContext, stage: Stage) -> bool:
    """Whether the model has said all that covers a goal, or what sounds so; any words where all will do."""
    if not stage.covered:
        first = next((k for k, line in enumerate(c.before) if line.stage == stage.name), 0)
        return any(c.heard[first + 1 :])
    return all(holds(c.model_text, entry) or _sounds_said(c.model_text, entry) for entry in stage.covered)


def _sounds_said(text: str, entry: str) -> bool:
    """Whether a name is said that is spelt a little differently, as recognition does."""
    wanted = [w for one in entry.split("|") for w in stems(one) if len(w) > 3 and not w.isdigit()]
    heard = {word for word in stems(text) if word not in CLASSES}
    return any(
        SequenceMatcher(None, word, other, autojunk=False).ratio() >= _SPELT_ALIKE
        for word in wanted
        if word not in CLASSES
        for other in heard
    )


def _hangs_up_early(c: LineContext) -> str:
    stage = c.scenario.stages[c.stage]
    tries = c.scenario.manners.tries
    # One who has no other words gives up sooner.
    least = min(tries, 1 + len(stage.again)) if stage.lines else tries
    tried = sum(line.stage == c.line.stage for line in c.before)
    if tried >= least or len(c.before) >= c.scenario.turn_limit - 1:
        return ""
    return f"hangs up after {tried} turns, where it has patience for {least}"


def talks_over(c: LineContext) -> str:
    """Whether it begins while the model is heard to speak, which neither its manners nor its act allow."""
    line, manners = c.line, c.scenario.manners
    if line.act in BESIDES or line.why == Prompted.BARGE_IN:
        return ""
    since = c.before[-1].start_s if c.before else 0.0
    spoken = [s for s in c.timeline.segments if s.end_s > since and s.start_s < line.start_s]
    if not spoken or line.start_s > spoken[-1].end_s - TOLERANCE_S:
        return ""
    into = line.start_s - spoken[-1].start_s
    if into <= manners.reaction_s + TOLERANCE_S:
        return ""
    told = manners.barge_in_s is not None and line.start_s - spoken[0].start_s >= manners.barge_in_s
    if told or any(holds(c.asked, word) for word in manners.barge_in_on):
        return ""
    return f"begins {into:.1f} s into the model's speech"
