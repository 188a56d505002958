"""What servers of chat completions may answer, for `fuzz_messages.py`: an answer a line.

A line is an object of ``status``, ``headers`` and ``body``, or ``events`` of a stream; what is no such object
is a body of its own. The last answer is given again for whatever is asked beyond it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from fuzz import Target
from fuzz_services import Answer, ScriptedService, answering
from fuzz_sessions import PLACE, REFUSED, check_told, play_live, play_steps

from tml_bench.adapter import MicroTurn, Output, StepAdapter, ToolCall
from tml_bench.adapters.cascade.assistant import spoken_sentences
from tml_bench.adapters.cascade.language_models import ServedModel
from tml_bench.adapters.chat import ChatCompletions
from tml_bench.adapters.split.background import ChatBackground
from tml_bench.adapters.split.relay import ASK
from tml_bench.adapters.split.stepped import StepSplit
from tml_bench.containers import apart
from tml_bench.errors import UserAwayError, UserError
from tml_bench.judges.cache import JudgeCache
from tml_bench.judges.model_judge import Effort, ModelJudge
from tml_bench.judges.openai import OpenAIChat
from tml_bench.questions import Question, QuestionLine, Rubric
from tml_bench.users.llm_user import ServedReplies, SpokenReplies
from tml_bench.users.reply_cache import ReplyCache
from tml_bench.users.spoken_reply import LONGEST_READ, spoken_reply

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
BASE = "http://127.0.0.1:1/v1"
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}
CALL = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Lima"}'}}
REFUSAL = {
    "status": 429,
    "headers": {"retry-after": "2"},
    "body": {"error": {"message": "Rate limit: try again in 1m2s", "type": "requests", "code": "rate"}},
}


def answers_of(data: bytes) -> list[Answer]:
    """The answers of an input."""
    return [_answer(line) for line in data.split(b"\n") if line]


def _answer(line: bytes) -> Answer:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not {"body", "events"} & told.keys():
        return 200, [], line
    status = told.get("status", 200)
    status = status if isinstance(status, int) and 200 <= status <= 599 else 200
    given = told.get("headers")
    headers = [
        (_header(name), _header(value)) for name, value in (given if isinstance(given, dict) else {}).items()
    ]
    if isinstance(events := told.get("events"), list):
        body = "".join(f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in events)
    else:
        found = told.get("body")
        body = found if isinstance(found, str) else json.dumps(found)
    return status, headers, body.encode("utf-8", "surrogatepass")


def _header(value: object) -> bytes:
    return str(value)[:1000].encode("latin-1", "replace").replace(b"\r", b" ").replace(b"\n", b" ")


def lines(*answers: Any) -> bytes:
    """Answers as an input."""
    return b"\n".join(json.dumps(answer).encode() for answer in answers)


def completion(**message: Any) -> dict[str, Any]:
    """A chat completion as an answer."""
    said = {"role": "assistant", "content": None, "refusal": None, **message}
    body = {"id": "r", "object": "chat.completion", "model": "m", "usage": USAGE}
    return {"status": 200, "body": {**body, "choices": [{"index": 0, "message": said}]}}


def served(use: Callable[[], object]) -> Callable[[bytes], object]:
    """Reads an input by asking whoever answers so."""

    def read(data: bytes) -> object:
        waiting = answers_of(data) or [(200, [], b"")]
        # Damaged media are another group's.
        with (
            patch.object(apart._beside, "is_here", True),
            answering(lambda: waiting.pop(0) if len(waiting) > 1 else waiting[0]),
        ):
            return use()

    return read


async def _no_pause(seconds: float) -> None:
    await asyncio.sleep(0)


def judged() -> object:
    """A closed and a free question, and their verdicts in a cache."""
    closed = Rubric("length", 1, "Long or short?", ("short", "long"))
    free = Rubric("free", 1, "How many?", (), example='{"count": 1}')
    asked = [Question(r.name, r, (QuestionLine("model", "text"),)) for r in (closed, free)]
    with TemporaryDirectory(prefix="tml-fuzz-", dir=PLACE) as folder:
        cache = JudgeCache(Path(folder) / "judge.sqlite")
        judge = ModelJudge(OpenAIChat("m", BASE), cache, effort=Effort(1, tries=2), sleep=_no_pause)
        try:
            verdicts = judge.answer(asked)
        finally:
            judge.close()
    for verdict in verdicts:
        check_told(verdict.missing + verdict.model)
        (str(verdict.answer) + verdict.explanation + verdict.raw).encode()
    return verdicts


def replied() -> object:
    """A simulated user's next words."""
    with TemporaryDirectory(prefix="tml-fuzz-", dir=PLACE) as folder:
        cache = ReplyCache(Path(folder))
        replies = ServedReplies(OpenAIChat("m", BASE), SpokenReplies(), cache, sleep=_no_pause)
        try:
            raw = replies.ask([{"role": "user", "content": "Hello."}], 0)
        except (UserAwayError, UserError) as error:
            check_told(str(error))
            raise
        reply = spoken_reply(raw, "goodbye then")
    check_told(reply.text, 2 * LONGEST_READ)
    return reply


def answered() -> object:
    """A language model's answer, as the cascade says it."""
    model = ServedModel(BASE, "m", 5.0)
    try:
        said = spoken_sentences(model.ask([{"role": "user", "content": "Hello."}]))
    except REFUSED as error:
        check_told(str(error))
        raise
    check_told(" ".join(said))
    return said


class Asking(StepAdapter):
    """Asks the background model at once."""

    audio_in = audio_out = 16000

    def step(self, turn: MicroTurn) -> Output | None:
        """Ask once."""
        call = ToolCall("a", ASK, {"request": "What is it?"})
        return Output(tool_calls=(call,)) if turn.index == 1 else None


def asked_behind() -> object:
    """A session whose front asks a background model, which has the functions."""
    return play_steps(StepSplit(Asking(), ChatBackground(BASE), behind=True, sentences=True))


def chatted() -> object:
    """A session of whole turns."""
    return play_live(ChatCompletions(base_url=BASE, silence_ms=40), lambda: ScriptedService(()))


def chat_seeds() -> list[bytes]:
    """The log of a session, and a refusal."""
    logged = [json.loads(line)["answer"] for line in (GOLDEN / "chat.jsonl").read_text().splitlines()]
    told = [{"status": 200, "body": answer} for answer in logged]
    return [lines(*told), lines(told[1]), lines(completion(content="Hi."), REFUSAL), lines(REFUSAL)]


def judge_seeds() -> list[bytes]:
    """Verdicts in all forms."""
    fenced = '<think>{"answer": "long"}</think>```json\n{"explanation": "why", "answer": "short"}\n```'
    return [
        lines(completion(content='{"explanation": "why", "answer": "long"}')),
        lines(completion(content=fenced), completion(content='{"count": 3}')),
        lines(REFUSAL, completion(refusal="no")),
        lines({**REFUSAL, "status": 400}, {**REFUSAL, "status": 401}),
    ]


def text_seeds() -> list[bytes]:
    """A user's or an assistant's words."""
    said = "[next] (laughs) *waves* Caller: I need 2 tickets, please. <b>Now</b>\nAssistant: goodbye then."
    return [lines(completion(content=said)), lines(REFUSAL, completion(content="Goodbye then."))]


def stream_seeds() -> list[bytes]:
    """An answer in pieces, one that calls, and one that fails."""

    def chunk(done: bool = False, **delta: Any) -> dict[str, Any]:
        return {"model": "m", "choices": [{"delta": delta, "finish_reason": "stop" if done else None}]}

    hello = {"status": 200, "events": [chunk(content="Hello. "), chunk(True, content="x"), "[DONE]"]}
    call = {"index": 0, **CALL}
    calls = {"events": [chunk(tool_calls=[call]), chunk(True, tool_calls=[{"index": 0}]), {"usage": USAGE}]}
    fails = {"events": [chunk(content="a"), {"error": {"message": "out of memory"}}]}
    return [lines(hello, calls, hello), lines(hello, calls), lines(hello, fails), lines(hello, REFUSAL)]


HTTP_TARGETS: list[Target] = [
    Target("chat", chat_seeds, served(chatted), REFUSED, text=True),
    Target("background", stream_seeds, served(asked_behind), REFUSED, text=True),
    Target("cascade-model", text_seeds, served(answered), REFUSED, text=True),
    Target("judge", judge_seeds, served(judged), (), text=True),
    Target("user-model", text_seeds, served(replied), (UserAwayError, UserError), text=True),
]
