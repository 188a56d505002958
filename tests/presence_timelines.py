"""Timelines of models that do Presence in one way or another, and how they are scored by rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from math import inf

from msgspec import structs

from tml_bench.judges.rules import RuleJudge
from tml_bench.metrics.presence import free_from
from tml_bench.plugins import load_task
from tml_bench.respondents import called
from tml_bench.samples import IdealCall, Sample
from tml_bench.task import Score
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks.presence.annotation import PresenceAnnotation, expected_of
from tml_bench.timeline import Timeline

TASK = load_task("presence")
JUDGE = RuleJudge(TASK.rules)
WORD_S = 0.3


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(TASK.samples())


def sample(behaviour: str, number: int = 1) -> Sample:
    """One of the six of a behaviour: 1 and 2 take two seconds, 3 and 4 five, 5 and 6 ten."""
    return next(s for s in samples() if s.id == f"{behaviour.replace('_', '-')}-{number}")


def timeline(
    given: Sample, said: Iterable[tuple[float, str]] = (), calls: Sequence[IdealCall] = ()
) -> Timeline:
    """Texts said at these times, 0.3 s a word, each cut off by the next, and calls."""
    item = expected_of(given)
    heard = speaking(item.length_s, _laid_out(list(said)))
    return structs.replace(heard, calls=called(given.script, calls))


def _laid_out(said: Sequence[tuple[float, str]]) -> Iterator[Speech]:
    following = [*(at_s for at_s, _ in said[1:]), inf]
    for (at_s, text), after_s in zip(said, following, strict=False):
        words = text.split()[: max(1, round(min(1e6, (after_s - at_s) / WORD_S - 1e-6)))]
        yield Speech(at_s, at_s + WORD_S * len(words), words)


def first_call(given: Sample, after_s: float = 0.4, cancelled_s: float | None = None) -> IdealCall:
    item = expected_of(given)
    return IdealCall(item.request_end_s + after_s, item.item.call.tool, item.item.call.args, cancelled_s)


def scored(given: Sample, heard: Timeline) -> Score:
    questions = TASK.questions(given, heard)
    answers = JUDGE.answer(questions)
    return TASK.score(given, heard, {q.key: a for q, a in zip(questions, answers, strict=True)})


def values(given: Sample, heard: Timeline) -> dict[str, float]:
    """Values of a score as ratios."""
    found = scored(given, heard).values
    return {name: v.numerator / v.denominator for name, v in found.items() if v.denominator}


def handled(play: Callable[[Sample], Timeline]) -> dict[str, float]:
    """The share handled of each behaviour."""
    found: dict[str, list[float]] = {}
    for one in samples():
        found.setdefault(one.subset, []).append(values(one, play(one))["handled"])
    return {behaviour: sum(own) / len(own) for behaviour, own in found.items()}


def turn_of(item: PresenceAnnotation) -> tuple[float, float]:
    """When the user speaks in the wait."""
    assert item.turn_start_s is not None
    assert item.turn_end_s is not None
    return item.turn_start_s, item.turn_end_s


def perfect(
    given: Sample, acknowledges: str, replies: dict[str, str], tells: str, call_s: float = 0.4
) -> Timeline:
    """A model that does all that is asked, in these words; it stops when the user speaks.

    ``{key}`` in a reply is what is asked for, ``{number}`` in ``tells`` the result's.
    """
    item = expected_of(given)
    wanted, then = item.item.wanted, item.item.then
    at_s = item.request_end_s + 0.4
    said = [(at_s, acknowledges)]
    free_s = at_s + WORD_S * len(acknowledges.split())
    calls = [first_call(given, call_s)]
    if item.item.turn is not None:
        start_s, end_s = turn_of(item)
        heard_words = int((start_s + 0.3 - at_s) / WORD_S)
        said = [(at_s, " ".join(acknowledges.split()[:heard_words]))]
        text = replies[item.item.behaviour].format(key=next(iter(item.item.keys), ""))
        said.append((end_s + 0.4, text))
        free_s = end_s + 0.4 + WORD_S * len(text.split())
        if wanted is not item.item.call:
            calls = [first_call(given, call_s, end_s + 0.2)]
        if then is not None:
            calls.append(IdealCall(end_s + call_s, then.tool, then.args))
    if wanted is not None:
        arrival_s = calls[-1].at_s + item.item.latency_s
        begins_s = max(free_from(arrival_s, item.talking) + 0.3, free_s + 0.1)
        said.append((begins_s, tells.format(number=wanted.fact)))
    return timeline(given, said, calls)
