"""Chat completions that judge, served from a thread; requests and replies are checked by openai's types."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

_REQUEST = TypeAdapter(CompletionCreateParamsNonStreaming)

Decide = Callable[[list[dict[str, Any]]], str]
"""From the texts to judge to the answer."""


def length_answer(texts: list[dict[str, Any]]) -> str:
    """``long`` for a last text of more than 10 characters, else ``short``."""
    return "long" if len(texts[-1]["text"]) > 10 else "short"


class FakeJudge:
    """Answers requests by a plan, then always well.

    Args:
        plan: one step per request: ``ok``, a status such as ``500``, ``429``, ``429 7`` (with Retry-After),
            ``quota``, ``denied``, ``no schema`` (400 to requests with one, else ``ok``), ``hang``, ``cut``,
            ``garbage``, ``shape``, ``empty``, ``refusal``, or ``say TEXT`` for a reply of these words.
        decide: gives the answers.
        takes_schema: False refuses every request with a JSON Schema.
        takes_s: before each reply, on the wall clock.
        reply: gives the words of replies from the requests, instead of judging.

    Attributes:
        requests: the bodies received.
        keys: the Authorization header of each.
    """

    def __init__(
        self,
        plan: Sequence[str] = (),
        decide: Decide = length_answer,
        *,
        takes_schema: bool = True,
        takes_s: float = 0.0,
        reply: Callable[[dict[str, Any]], str] | None = None,
    ) -> None:
        self.plan = list(plan)
        self.decide = decide
        self.takes_schema = takes_schema
        self.takes_s = takes_s
        self.reply = reply
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        assert self.problems == []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def judged(self) -> list[list[dict[str, Any]]]:
        """The texts of every request."""
        return [json.loads(r["messages"][1]["content"]) for r in self.requests]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    status, headers, reply = fake._serve(self.path, self.headers["authorization"], body)
                except Exception as error:  # told when the test ends: here nobody would see it
                    fake.problems.append(repr(error))
                    status, headers, reply = 404, {}, b"{}"
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply)))
                with suppress(ConnectionError):  # the client has gone
                    self.end_headers()
                    self.wfile.write(reply)

        return Handler

    def _serve(self, path: str, key: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        assert path == "/v1/chat/completions", path
        request = json.loads(body)
        # Sequences are validated lazily by pydantic; the dump makes it look at every message.
        _REQUEST.dump_json(_REQUEST.validate_python(request))
        with self._lock:
            self.requests.append(request)
            self.keys.append(key)
            step = self.plan.pop(0) if self.plan else "ok"
        self._over.wait(self.takes_s)
        if "response_format" in request and (step == "no schema" or not self.takes_schema):
            return _error(400, "response_format is not supported")
        word, _, rest = step.partition(" ")
        match word:
            case "hang":
                self._over.wait(30)
                return 0, {}, b""
            case "cut":
                return 0, {}, b""
            case "garbage":
                return 200, {}, b"\xff{"
            case "html":
                return 200, {"content-type": "text/html"}, b"<html>welcome</html>"
            case "shape":
                return 200, {}, b'{"choices": [{"message": 3}]}'
            case "empty":
                return 200, {}, b'{"choices": []}'
            case "quota":
                return _error(429, "You exceeded your current quota", code="insufficient_quota")
            case "denied":
                return _error(401, "Incorrect API key provided: sk-planted-planted-planted")
            case "429" if rest:
                status, headers, reply = _error(429, "slow down")
                return status, headers | {"retry-after": rest}, reply
            case "say":
                return 200, {}, _completion(request, rest)
            case "refusal":
                return 200, {}, _completion(request, None, refusal="I cannot help with that.")
            case _ if word.isdigit():
                return _error(int(word), f"status {word}")
        if self.reply is not None:
            return 200, {}, _completion(request, self.reply(request))
        texts = json.loads(request["messages"][1]["content"])
        verdict = {"explanation": f"judged {len(texts)} texts", "answer": self.decide(texts)}
        return 200, {}, _completion(request, json.dumps(verdict))


def _error(status: int, message: str, code: str = "") -> tuple[int, dict[str, str], bytes]:
    error = {"message": message, "type": "fake", "param": None, "code": code or None}
    return status, {}, json.dumps({"error": error}).encode()


def _completion(request: dict[str, Any], content: str | None, refusal: str | None = None) -> bytes:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    completion = {
        "id": "r1",
        "object": "chat.completion",
        "created": 0,
        "model": f"{request['model']}-2026-01-01",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    ChatCompletion.model_validate(completion)
    return json.dumps(completion).encode()
