"""The client of the background model against a server of chat completions, and ``split`` as it is named."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fakes import run_session, sample_of

from tml_bench import events as ev
from tml_bench.adapter import (
    AccountError,
    InfrastructureError,
    LiveAdapter,
    MicroTurn,
    Output,
    QuotaError,
    StepAdapter,
    ToolCall,
    ToolSpec,
)
from tml_bench.adapters.split.background import BackgroundError, BackgroundReply, ChatBackground
from tml_bench.errors import UserError
from tml_bench.plugins import asked_model, fitting_class, make_adapter, parse_adapter_spec
from tml_bench.samples import UserText
from tml_bench.session.settings import Settings

HELLO = [{"role": "user", "content": "Hello."}]


class Completions(ThreadingHTTPServer):
    """Streams ``lines`` to each request; after the line ``WAIT`` it goes on once ``go_on`` is set."""

    daemon_threads = True
    WAIT = "wait"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lines: Sequence[str] = ()
        self.status = 200
        self.go_on = threading.Event()
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Completions

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()
        for line in self.server.lines:
            if line == Completions.WAIT:
                self.server.go_on.wait(10)
            else:
                self.wfile.write(f"{line}\n\n".encode())
                self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: ``asked`` says what was asked."""


@pytest.fixture
def server() -> Iterator[Completions]:
    made = Completions()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.go_on.set()
        made.shutdown()
        thread.join()
        made.server_close()


def delta(reason: str | None = None, **said: object) -> str:
    choice = {"index": 0, "delta": said, "finish_reason": reason}
    return "data: " + json.dumps({"model": "thinker-1", "choices": [choice]})


def answer(
    model: ChatBackground, tools: Sequence[ToolSpec] = (), came: Callable[[str], None] = lambda text: None
) -> BackgroundReply:
    return asyncio.run(model.answer(HELLO, tools, came))


def test_an_answer_is_read_as_it_is_written(server: Completions) -> None:
    counted = 'data: {"choices": [], "usage": {"completion_tokens": 3}}'
    server.lines = (
        ": a comment", delta(role="assistant", content=None), delta(reasoning_content="Hm."),
        delta(content="It is"), Completions.WAIT, delta(content=" blue."), delta("stop"), counted,
        "data: [DONE]",
    )  # fmt: skip
    pieces: list[tuple[str, bool]] = []

    def came(text: str) -> None:
        pieces.append((text, server.go_on.is_set()))
        server.go_on.set()  # only now the server goes on

    model = ChatBackground(server.url, "m", max_tokens=9, effort="low")
    reply = answer(model, came=came)
    assert pieces == [("It is", False), (" blue.", True)]
    assert reply == BackgroundReply("It is blue.", (), "thinker-1", {"completion_tokens": 3})
    assert model.name == "thinker-1"
    (asked,) = server.asked
    assert asked == {
        "model": "m", "messages": HELLO, "stream": True, "stream_options": {"include_usage": True},
        "max_completion_tokens": 9, "reasoning_effort": "low",
    }  # fmt: skip


def test_calls_come_in_pieces(server: Completions) -> None:
    one = {"index": 0, "id": "x", "function": {"name": "weather", "arguments": '{"ci'}}
    more = {"index": 0, "function": {"arguments": 'ty": "Oslo"}'}}
    two = {"index": 1, "function": {"name": "time", "arguments": ""}}
    server.lines = (*(delta(tool_calls=[part]) for part in (one, more, two)), delta("tool_calls"))
    tool = ToolSpec("weather", "Tells the weather.")
    pieces: list[str] = []
    reply = answer(ChatBackground(server.url), (tool,), pieces.append)
    assert pieces == [""], "it begins with a call"
    assert reply.calls == (ToolCall("x", "weather", {"city": "Oslo"}), ToolCall("call-1", "time", {}))
    assert server.asked[0]["tools"][0]["function"]["name"] == "weather"


def test_arguments_that_are_no_json_are_the_models_fault_and_passed_on(server: Completions) -> None:
    server.lines = (delta(tool_calls=[{"function": {"name": "f", "arguments": "{"}}]), delta("stop"))
    assert answer(ChatBackground(server.url)).calls == (ToolCall("call-0", "f", unreadable="{"),)


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ((delta(content="It is"),), "breaks off"),
        (("data: {",), "unexpected shape"),
        (('data: {"choices": [7]}',), "unexpected shape"),
        (('data: {"error": {"message": "out of memory"}}',), "out of memory"),
        (("data: " + "x" * (2**22 + 1),), "longer than"),
    ],
)
def test_garbage_is_the_background_models_fault(
    server: Completions, lines: tuple[str, ...], what: str
) -> None:
    server.lines = lines
    with pytest.raises(BackgroundError, match=what):
        answer(ChatBackground(server.url))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BackgroundError),
        (401, AccountError),
        (429, QuotaError),
        (500, InfrastructureError),
    ],
)
def test_what_a_refusal_means(server: Completions, status: int, error: type[Exception]) -> None:
    server.status, server.lines = status, ('{"error": {"message": "no"}}',)
    with pytest.raises(error) as raised:
        answer(ChatBackground(server.url))
    assert type(raised.value) is error


def test_a_server_that_is_too_slow_or_away(server: Completions) -> None:
    server.lines = (Completions.WAIT,)
    with pytest.raises(BackgroundError, match=r"no answer within 0\.05 s"):
        answer(ChatBackground(server.url, timeout_s=0.05))
    with pytest.raises(InfrastructureError, match="cannot be reached"):
        answer(ChatBackground("http://127.0.0.1:1/v1"))


class Forwards(StepAdapter):
    """A front that hands each text on, and writes the answer."""

    def __init__(self, rate: int = 8000, word: str = "") -> None:
        self.audio_out, self._word = rate, word

    def step(self, turn: MicroTurn) -> Output | None:
        asked = tuple(ToolCall(text, "ask_background", {"request": text}) for text in turn.texts)
        said = [str(result.output) for result in turn.tool_results]
        return Output(tool_calls=asked, text=self._word.join(said), compute_s=0.0)


def test_an_adapter_is_named_in_an_option(server: Completions, tmp_path: Path) -> None:
    server.lines = (delta(content="Blue."), delta("stop"))
    text = f"split:front={__file__}:Forwards:8000%2Cword=-,behind={server.url}"
    spec = parse_adapter_spec(text)
    adapter = make_adapter(spec)
    assert isinstance(adapter, StepAdapter)
    assert issubclass(fitting_class(spec), StepAdapter)
    adapter.warm_up()
    assert adapter.audio_out == 8000
    assert adapter.reported["background"] == "thinker-1"
    assert adapter.reported["front"].startswith(f"{__file__}:Forwards:8000,word=- ")
    example = sample_of(tail_s=20.0, texts=(UserText(0.1, "What colour?"),))
    ran = run_session(tmp_path / "r", example, adapter, Settings())
    assert [e.text for e in ran.of(ev.ModelText)] == ["{'answer': 'Blue.'}"]
    assert [e.type for e in ran.of(ev.ProviderMessage)] == [
        "split.request",
        "split.first_token",
        "split.answer",
        "split.given",
    ]


def test_it_is_of_the_kind_that_its_front_is(server: Completions) -> None:
    live = parse_adapter_spec(f"split:front=wire:ws://localhost:1,behind={server.url},behind_model=big")
    assert issubclass(fitting_class(live), LiveAdapter)
    assert isinstance(make_adapter(live), LiveAdapter)
    assert fitting_class(parse_adapter_spec("split:front=oracle,behind=local")).privileged
    assert fitting_class(parse_adapter_spec("split:front=chat,behind=local")).takes_history
    priced = parse_adapter_spec("split:front=openai-realtime:model=gpt-realtime,behind=local")
    assert asked_model(priced) == "gpt-realtime", "and not what is in the background"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("front=nobody,behind=http://x/v1", "there is no adapter 'nobody'"),
        ("front=silent,behind=x", "not the address of a web server"),
        ("front=silent,behind=http://127.0.0.1:1/v1,tools=both", "tools=both is nobody"),
        ("front=silent", "missing a required argument"),
    ],
)
def test_what_cannot_be_made_is_told(options: str, what: str) -> None:
    with pytest.raises(UserError, match=what):
        make_adapter(parse_adapter_spec(f"split:{options}"))
