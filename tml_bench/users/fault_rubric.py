"""What a judge is asked about a simulated user: of each of its lines, whether its person could say it there.

It is asked of every task whose samples have a scenario, and only of sessions in which rules found no fault.
What a judge finds is added to what rules find, and takes nothing away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tml_bench.questions import Question, QuestionLine, Rubric, Verdicts
from tml_bench.scenario import Scenario
from tml_bench.timeline import Timeline
from tml_bench.users.faults import FaultKind, UserFault
from tml_bench.users.line_context import BESIDES, LineContext, contexts

FINE = "fine"
JUDGED = (
    FaultKind.CONTRADICTS,
    FaultKind.EARLY,
    FaultKind.REPEATS,
    FaultKind.WRONG_ANSWER,
    FaultKind.CHARACTER,
    FaultKind.ORDER,
)
"""What a judge may find; when somebody spoke, only code decides."""
USER_LINE = Rubric(
    name="simulated-user-line",
    version=1,
    text="""\
A program plays a person who talks with a voice assistant. The assistant is what a benchmark measures, \
and the program must not spoil the measurement. Decide whether the text with the role "line to judge" is \
something that this person could say at this point.

The person is described by the role "persona". Its goals are pursued one after the other: those it has \
come to have the role "goal now or before", those it must not mention yet the role "later goal". What it \
knows and may tell when asked has the role "fact", what it must not tell yet the role "later fact". The \
conversation so far has the roles "user" (the person) and "model" (the assistant), in the order in which \
they began.

Answer with the first of these that is true:
- contradicts: the line states or agrees to something that is not so by the goals now or before, or by \
the facts, or it makes up a number, time, name or choice where these give one.
- early: it tells something that only a later goal or later fact tells, and that the assistant has not \
said.
- repeats: the person has said the same before in nearly the same words, though the assistant has \
answered and has not asked to hear it again.
- wrong-answer: the assistant has just asked for something that the goals or facts give, and the line \
neither gives it, nor puts it off, nor asks what was meant.
- character: the line sounds like an assistant, a machine, a script or a stage direction, or offers to do \
what the assistant is there for.
- order: it turns to another goal or ends the conversation before the assistant has dealt with the goal \
at hand.
- fine: none of these.

It does not matter how polite, wordy, short or hesitant the line is, in what form it gives a number or a \
time, or whether it corrects itself on the way. Small talk is fine, and so is to confirm what the \
assistant has right or to take up what it offers where the goals leave that open. Where in doubt, the \
answer is fine.""",
    answers=(FINE, *(kind.value for kind in JUDGED)),
)
"""Asked of every line but backchannels and what is said to somebody else."""
_KEY = "user-line-"


def line_questions(scenario: Scenario, timeline: Timeline) -> tuple[Question, ...]:
    """What is asked about the lines of a session, one question a line; none where it said nothing."""
    return tuple(
        Question(f"{_KEY}{place}", USER_LINE, tuple(_texts(context)))
        for place, context in contexts(scenario, timeline)
        if context.line.act not in BESIDES
    )


def _texts(c: LineContext) -> Iterator[QuestionLine]:
    scenario = c.scenario
    yield QuestionLine("persona", scenario.persona)
    for place, stage in enumerate(scenario.stages):
        role = "goal now or before" if place <= c.stage else "later goal"
        yield QuestionLine(role, f"{stage.name}: {stage.goal}")
    for fact in scenario.facts:
        told = fact.lines[0].replace("/", " ") if fact.lines else ", ".join(fact.values)
        yield QuestionLine("fact" if c.may_tell(fact) else "later fact", f"{fact.name}: {told}")
    for said, line in zip(c.heard, c.before, strict=False):
        yield from _turn(said)
        yield QuestionLine("user", line.text, line.start_s, line.end_s)
    yield from _turn(c.asked)
    yield QuestionLine("line to judge", c.line.text, c.line.start_s, c.line.end_s)


def _turn(said: str) -> Iterable[QuestionLine]:
    return (QuestionLine("model", said),) if said else ()


def judged_faults(timeline: Timeline, verdicts: Verdicts, judge: str) -> tuple[UserFault, ...]:
    """What a judge found wrong, in the order of the lines; a question without an answer finds nothing."""
    found = []
    for place, line in enumerate(timeline.lines):
        verdict = verdicts.get(f"{_KEY}{place}")
        if verdict is not None and verdict.answer not in (None, FINE):
            reason = verdict.explanation or "the judge gives no reason"
            kind = FaultKind(verdict.answer)
            found.append(UserFault(place, line.start_s, line.text, kind, reason, judge))
    return tuple(found)
