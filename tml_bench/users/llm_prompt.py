"""What the language model that plays a user is told: who it is, where things stand, and what was said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tml_bench.redact import redacted
from tml_bench.scenario import Scenario
from tml_bench.users.policy import HeardTurn, Prompted
from tml_bench.users.staged import unpieced

_ROLE = "You play a caller in a spoken conversation with a voice assistant: {persona}"
_FORM = (
    "Answer with nothing but the words that you say aloud now, in one or two short sentences of plain "
    "English. Never speak for the assistant. Tell only what belongs to your goal now; what is not written "
    "here you do not know."
)
_GOAL = "Your goal now, {name}: {goal}"
_EXAMPLE = "You could say it like this: {line}"
_KNOWN = "If the assistant asks, you may tell:"
_FACT = "- {name}: {line}"
_JUDGE = (
    "First decide whether the assistant has done what you wanted in your goal now. If it has, begin your "
    "answer with [next] and {then}. If it has not, begin with [stay], and answer its question or ask again."
)
_THEN_GO_ON = "go on to your next goal, {name}: {goal}"
_THEN_CLOSE = "say goodbye, ending with these words: {end_phrase}"
_MOVED = "The assistant has done what you wanted so far; go on to this goal now."
_STAYS = "The assistant has not done it yet: answer its question, or ask again in other words."
_CLOSE = "The assistant has done all that you wanted. Thank it and end with these words: {end_phrase}"
_MAY_CLOSE = "Only when all is done, or nothing more can come of it, end with these words: {end_phrase}"
_OPENS = "Hello."
_SILENT = "The assistant says nothing."
_UNHEARD = "The assistant says something that you cannot make out."
_TALKING = "The assistant is still talking, and you break in."
_CUE = "Say this in your own words, as the caller: {goal}"
_AGAIN = "Answer, as the caller, or say this in other words: {goal}"
_CHOICE = "Begin with [next], and {then}. Or begin with [stay], as long as you do not have: {goal}"


@dataclass(frozen=True, slots=True)
class Progression:
    """Where a conversation stands when the user is to speak.

    Attributes:
        stage: number of the goal that is pursued now, as far as code knows; all of them once all are met.
        met: the goal of the turn before is met; None where the model is to say so.
        tried: so many turns in a row got nowhere.
        asked: the model's last turn ends in a question.
        prompted: what makes the user speak.
        begins: it has said nothing yet of what it wants.
    """

    stage: int
    met: bool | None
    tried: int
    asked: bool
    prompted: Prompted
    begins: bool = False


def chat_messages(
    scenario: Scenario, turns: Sequence[HeardTurn], standing: Progression
) -> list[dict[str, str]]:
    """The messages of a chat completion whose next ``assistant`` message is what the user says.

    Who is tested has the role ``user`` in it. Two messages in a row never have the same role.
    """
    system = "\n".join((scenario.prompt or _role(scenario), *_instructions(scenario, standing)))
    messages = [{"role": "system", "content": redacted(system)}]
    if not turns or turns[0].by_user:
        messages.append({"role": "user", "content": _OPENS})
    for turn in turns:
        _add(messages, "assistant" if turn.by_user else "user", _heard(turn))
    match standing.prompted:
        case Prompted.SILENCE:
            _add(messages, "user", _SILENT)
        case Prompted.BARGE_IN:
            _add(messages, "user", _TALKING)
        case _ if messages[-1]["role"] != "user":
            _add(messages, "user", _SILENT)
    # What is said last is what small models go by.
    messages[-1]["content"] += f"\n\n({redacted(_cue(scenario, standing))})"
    return messages


def _cue(scenario: Scenario, standing: Progression) -> str:
    if standing.stage == len(scenario.stages):
        return _CLOSE.format(end_phrase=scenario.end_phrase)
    goal = scenario.stages[standing.stage].goal
    if standing.met is None:
        return _CHOICE.format(then=_then(scenario, standing.stage), goal=goal)
    return (_CUE if standing.met or standing.begins else _AGAIN).format(goal=goal)


def _heard(turn: HeardTurn) -> str:
    text = redacted(unpieced(turn.text) if turn.by_user else turn.text.strip())
    return f"{text} ..." if turn.cut else text or _UNHEARD


def _add(messages: list[dict[str, str]], role: str, text: str) -> None:
    if messages[-1]["role"] == role:
        messages[-1]["content"] += f" {text}"
    else:
        messages.append({"role": role, "content": text})


def _role(scenario: Scenario) -> str:
    return _ROLE.format(persona=scenario.persona)


def _instructions(scenario: Scenario, standing: Progression) -> Iterator[str]:
    yield _FORM
    if standing.stage == len(scenario.stages):
        yield _CLOSE.format(end_phrase=scenario.end_phrase)
        return
    stage = scenario.stages[standing.stage]
    if standing.met:
        yield _MOVED
    yield _GOAL.format(name=stage.name, goal=stage.goal)
    if stage.lines:
        yield _EXAMPLE.format(line=unpieced(stage.lines[0]))
    names = [stage.name for stage in scenario.stages]
    known = [fact for fact in scenario.facts if not fact.stage or names.index(fact.stage) <= standing.stage]
    if known:
        yield _KNOWN
        yield from (_FACT.format(name=fact.name, line=unpieced(fact.lines[0])) for fact in known)
    if standing.begins:
        return
    if standing.met is None:
        yield _JUDGE.format(then=_then(scenario, standing.stage))
    elif not standing.met:
        yield _STAYS
    yield _MAY_CLOSE.format(end_phrase=scenario.end_phrase)


def _then(scenario: Scenario, stage: int) -> str:
    if stage + 1 == len(scenario.stages):
        return _THEN_CLOSE.format(end_phrase=scenario.end_phrase)
    following = scenario.stages[stage + 1]
    return _THEN_GO_ON.format(name=following.name, goal=following.goal)
