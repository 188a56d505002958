"""Between the front and the background model: who is handed what, with no clock and no connection of its own.

Whoever drives it says what time it is, sends the requests in ``asked``, gives up those in ``given_up``, and
puts ``told`` into the record. What is recorded of a request ``N``, times in seconds:

* ``split.request``: what is asked, and the conversation that goes with it;
* ``split.first_token``: the answer's first word has come, or the first function is called;
* ``split.calls``, ``split.results``: functions that the background model calls, and what they gave;
* ``split.answer``, ``split.failed``, ``split.cancelled``: how it ended; ``after_s`` from the request on,
  ``background_s`` of it the background model's own time, the rest that of functions;
* ``split.given``: the front was handed what came of it, ``handed_s`` on the session clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tml_bench.adapter import (
    MicroTurn,
    Output,
    ProviderEvent,
    SampleRefusedError,
    SessionStart,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from tml_bench.adapters.split.background import BackgroundReply
from tml_bench.adapters.split.conversation import Message, SplitConversation, written_call, written_result
from tml_bench.timebase import NS

ASK = "ask_background"
"""The function that the front is offered."""
MOST_OPEN = 8
"""Requests that may be open at a time."""
MOST_ROUNDS = 8
"""Times that the background model may call functions before it must answer."""
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_CALL = "background-"
"""Calls of the background model have ids that begin so."""


@dataclass(eq=False)
class BackgroundRequest:
    """One request of the front's that the background model works on.

    Attributes:
        number: 1, 2, ... in the session.
        call_id: of the front's call.
        asked_ns: when the front asked, in nanoseconds.
        began_ns: when the background model was last handed something.
        messages: what it is handed: the conversation, the request, its calls and their results.
        background_ns: how long it has worked so far.
        rounds: how often it has called functions.
        begun: it has begun to answer.
        handed: the front was handed sentences of the answer.
        unsaid: what is written of the next one.
        awaited: its calls without a result, by the ids they have in the session.
    """

    number: int
    call_id: str
    asked_ns: int
    began_ns: int
    messages: list[Message]
    background_ns: int = 0
    rounds: int = 0
    begun: bool = False
    handed: bool = False
    unsaid: str = ""
    awaited: dict[str, str] = field(default_factory=dict)


class BackgroundRelay:
    """One session of a front and a background model.

    Args:
        session: as the adapter is told.
        behind: the task's functions are the background model's, and not the front's.
        sentences: the front is handed an answer sentence by sentence, each as a result of the same call.

    Attributes:
        front: the session as the front is told.
        tools: functions of the background model.
        asked: requests to send to the background model now.
        given_up: requests that it need not answer any more.
        told: events for the record, and calls of the background model.
        trouble: why the background model could not be reached the last time; empty when it could.

    Raises:
        SampleRefusedError: the task has a function ``ask_background`` of its own.
    """

    def __init__(self, session: SessionStart, *, behind: bool, sentences: bool = False) -> None:
        if any(tool.name == ASK for tool in session.tools):
            raise SampleRefusedError(f"the task has a function {ASK} of its own")
        self.tools = session.tools if behind else ()
        left = () if behind else session.tools
        self.front = replace(session, tools=(_offer(self.tools), *left))
        self.asked: list[BackgroundRequest] = []
        self.given_up: list[BackgroundRequest] = []
        self.told: list[Output | ProviderEvent] = []
        self.trouble = ""
        self._conversation = SplitConversation(session, left)
        self._errands: list[BackgroundRequest] = []
        self._answers: list[tuple[int, ToolResult]] = []
        self._asks = self._calls = 0
        self._sentences = sentences

    def hand_over(self, turn: MicroTurn, at_ns: int) -> MicroTurn:
        """The micro-turn as the front gets it: with answers, without results that are not its own."""
        for text in turn.texts:
            self._conversation.say(text)
        results = [result for result in turn.tool_results if not self._returned(result, at_ns)]
        for result in results:
            self._conversation.result(result)
        answers, self._answers = self._answers, []
        for number, _ in answers:
            self._tell("given", {"ask": number, "handed_s": turn.end_ns / NS}, sent=True)
        if not answers and len(results) == len(turn.tool_results):
            return turn
        return replace(turn, tool_results=(*results, *(answer for _, answer in answers)))

    def hear(self, event: ProviderEvent) -> None:
        """Take what the front's service tells; some tell what the user said."""
        self._conversation.hear(event)

    def take(self, output: Output, at_ns: int) -> Output:
        """What the front gives, without what is asked of the background model."""
        calls = tuple(call for call in output.tool_calls if call.name != ASK)
        given_up = [e for e in self._errands if e.call_id in output.cancelled_calls]
        if len(calls) == len(output.tool_calls) and not given_up:
            self._conversation.take(output)
            return output
        others = tuple(i for i in output.cancelled_calls if all(e.call_id != i for e in given_up))
        passed = replace(output, tool_calls=calls, cancelled_calls=others)
        self._conversation.take(passed)
        for errand in given_up:
            self._cancel(errand, at_ns)
        for call in output.tool_calls:
            if call.name == ASK:
                self._ask(call, at_ns)
        return passed

    def wrote(self, errand: BackgroundRequest, text: str, at_ns: int) -> None:
        """A piece of an answer has come; an empty one where the background model calls first."""
        if errand not in self._errands:
            return
        if not errand.begun:
            errand.begun = True
            self._tell("first_token", _since(errand, at_ns))
        if self._sentences:
            *whole, errand.unsaid = _SENTENCES.split(errand.unsaid + text)
            self._hand(errand, *whole)

    def replied(self, errand: BackgroundRequest, reply: BackgroundReply, at_ns: int) -> None:
        """The background model has answered, or calls functions."""
        if errand not in self._errands:
            return
        self.trouble = ""
        errand.background_ns += at_ns - errand.began_ns
        if not reply.calls:
            said = {"answer": errand.unsaid, "more": False} if errand.handed else {"answer": reply.text}
            more = {"answer": reply.text, "model": reply.model, "usage": reply.usage}
            self._end(errand, ToolResult(errand.call_id, ASK, said), "answer", at_ns, more)
        elif not self.tools:
            self._fail(errand, "it calls functions, and has none", at_ns)
        elif errand.rounds >= MOST_ROUNDS:
            self._fail(errand, f"it calls functions more than {MOST_ROUNDS} times", at_ns)
        else:
            self._call(errand, reply, at_ns)

    def failed(
        self, errand: BackgroundRequest, reason: str, at_ns: int, *, unreachable: bool = False
    ) -> None:
        """The background model gives no answer; ``unreachable`` where that is no fault of the model's."""
        if errand in self._errands:
            self.trouble = f"the background model: {reason}" if unreachable else ""
            errand.background_ns += at_ns - errand.began_ns
            self._fail(errand, reason, at_ns)

    def _ask(self, call: ToolCall, at_ns: int) -> None:
        request = call.arguments.get("request")
        self._asks += 1
        wrong = "" if isinstance(request, str) and request.strip() else "request must be a text"
        if not wrong and len(self._errands) >= MOST_OPEN:
            wrong = f"{MOST_OPEN} requests are open"
        messages = [] if wrong else self._conversation.messages(str(request))
        errand = BackgroundRequest(self._asks, call.call_id, at_ns, at_ns, messages)
        self._errands.append(errand)
        body = {"ask": errand.number, "request": request, "messages": list(messages)}
        self._tell("request", body, sent=True)
        if wrong:
            self._fail(errand, wrong, at_ns)
        else:
            self.asked.append(errand)

    def _call(self, errand: BackgroundRequest, reply: BackgroundReply, at_ns: int) -> None:
        """Pass the background model's calls on, under ids that no other call of the session has."""
        self._hand(errand, errand.unsaid)
        errand.unsaid = ""
        errand.rounds += 1
        written = [written_call(call) for call in reply.calls]
        errand.messages.append({"role": "assistant", "content": reply.text, "tool_calls": written})
        calls = []
        for call in reply.calls:
            self._calls += 1
            ours = f"{_CALL}{self._calls}"
            errand.awaited[ours] = call.call_id
            calls.append(replace(call, call_id=ours))
        names = [call.name for call in calls]
        self._tell("calls", {**_since(errand, at_ns), "calls": names})
        self.told.append(Output(tool_calls=tuple(calls)))

    def _returned(self, result: ToolResult, at_ns: int) -> bool:
        """Whether it is of a call of the background model's, which goes on once all have come."""
        errand = next((e for e in self._errands if result.call_id in e.awaited), None)
        if errand is None:
            return result.call_id.startswith(_CALL)
        theirs = errand.awaited.pop(result.call_id)
        errand.messages.append(written_result(theirs, result))
        if not errand.awaited:
            errand.began_ns = at_ns
            self._tell("results", _since(errand, at_ns), sent=True)
            self.asked.append(errand)
        return True

    def _hand(self, errand: BackgroundRequest, *sentences: str) -> None:
        """Hand the front what is whole of an answer of which more may come."""
        for text in filter(str.strip, sentences):
            errand.handed = True
            part = ToolResult(errand.call_id, ASK, {"answer": text, "more": True})
            self._answers.append((errand.number, part))

    def _fail(self, errand: BackgroundRequest, reason: str, at_ns: int) -> None:
        output = f"the background model gives no answer: {reason}"
        result = ToolResult(errand.call_id, ASK, output, is_error=True)
        self._end(errand, result, "failed", at_ns, {"reason": reason})

    def _end(
        self, errand: BackgroundRequest, result: ToolResult, how: str, at_ns: int, more: Mapping[str, object]
    ) -> None:
        self._errands.remove(errand)
        self._answers.append((errand.number, result))
        self._tell(how, {**_times(errand, at_ns), **{name: value for name, value in more.items() if value}})

    def _cancel(self, errand: BackgroundRequest, at_ns: int) -> None:
        self._errands.remove(errand)
        self._answers = [answer for answer in self._answers if answer[0] != errand.number]
        waits = bool(errand.awaited)
        errand.background_ns += 0 if waits else at_ns - errand.began_ns
        self._tell("cancelled", _times(errand, at_ns), sent=True)
        if waits:
            self.told.append(Output(cancelled_calls=tuple(errand.awaited)))
        self.given_up.append(errand)

    def _tell(self, what: str, body: dict[str, object], *, sent: bool = False) -> None:
        self.told.append(ProviderEvent(f"split.{what}", body, sent))


def _since(errand: BackgroundRequest, at_ns: int) -> dict[str, object]:
    return {"ask": errand.number, "after_s": (at_ns - errand.asked_ns) / NS}


def _times(errand: BackgroundRequest, at_ns: int) -> dict[str, object]:
    return {**_since(errand, at_ns), "background_s": errand.background_ns / NS}


def _offer(tools: Sequence[ToolSpec]) -> ToolSpec:
    """The function by which the front asks."""
    able = f" It can use these functions, you cannot: {', '.join(t.name for t in tools)}." if tools else ""
    return ToolSpec(
        ASK,
        "Asks a slower and more capable assistant in the background, which is shown the whole conversation: "
        f"to think, to plan, to look up, to act.{able} Its answer comes later, as the result of this "
        "function. Go on talking with the user meanwhile, and tell the answer when it fits.",
        {
            "type": "object",
            "properties": {"request": {"type": "string", "description": "what is to be answered or done"}},
            "required": ["request"],
        },
    )
