"""The background model: any server of chat completions, whose answers are read as they are written.

Source: platform.openai.com/docs/api-reference/chat-streaming: server-sent events, the last is ``[DONE]``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tml_bench.adapter import (
    Adapter,
    InfrastructureError,
    ProtocolError,
    SampleRefusedError,
    ToolCall,
    ToolSpec,
)
from tml_bench.adapters._inbound import of_known_shape, parse_object
from tml_bench.adapters._media import nested_tool, tool_call
from tml_bench.adapters._refusal_tables import OPENAI as OPENAI_REFUSALS, OWN_SERVER
from tml_bench.adapters._refusals import MAX_BODY
from tml_bench.adapters.cascade.language_models import LocalModel
from tml_bench.adapters.chat import JSON, OPENAI, bounded_body, new_client
from tml_bench.adapters.split.conversation import Message
from tml_bench.addresses import shown
from tml_bench.errors import UserError
from tml_bench.keys import key_for
from tml_bench.redact import plain, redacted

LOCAL = "local"
"""In place of an address: a model that this process serves itself."""
LOCAL_TOKENS = 120
"""Longest answer of such a model, which may never end it."""
MAX_ANSWER = 2**22
"""Longest stream taken, in bytes."""
_REFUSED = (400, 404, 413, 422)
"""Statuses that are about the request."""


class BackgroundError(Exception):
    """The background model was reached, and gave no answer that can be used: too late, refused, garbage."""


@dataclass(frozen=True, slots=True)
class BackgroundReply:
    """What the background model answered to one request.

    Attributes:
        text: its answer; may be empty.
        calls: functions it calls, with its own ids.
        model: what answered; empty where that is not known.
        usage: what the server counted, as it says it.
    """

    text: str
    calls: tuple[ToolCall, ...] = ()
    model: str = ""
    usage: Mapping[str, object] = field(default_factory=dict)


class BackgroundModel(Protocol):
    """What answers requests."""

    @property
    def name(self) -> str:
        """What it is, as far as it is known by now."""
        ...

    def load(self) -> None:
        """Make it ready to be asked; may take seconds."""
        ...

    async def answer(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], came: Callable[[str], None]
    ) -> BackgroundReply:
        """The answer to a conversation.

        ``came`` is told each piece of its text as it comes; an empty one where it begins with a call.

        Raises:
            BackgroundError: it gave none that can be used.
            InfrastructureError: it cannot be reached, or would refuse every request.
        """
        ...


def reported(front: Adapter, told: Mapping[str, str], background: BackgroundModel) -> dict[str, str]:
    """What an adapter of both reports: what the front does, what is told of it, and the background's name."""
    named = {"background": background.name} if background.name else {}
    return {**front.reported, **told, **named}


class ChatBackground:
    """A model behind chat completions; needs the extra ``[chat]``.

    The key is read from ``OPENAI_API_KEY``; servers of your own need none.

    Args:
        address: of the interface, up to ``/v1``, or ``local`` (extra ``[local-llm]``).
        model: its name there; with ``local`` a GGUF file, SmolLM2-135M-Instruct if empty.
        timeout_s: longest time that one answer may take.
        max_tokens: longest answer; 0 leaves that to the server.
        effort: reasoning effort (``low``, ...); empty sends none.

    Raises:
        UserError: the address is none, a key is missing, or would go to another machine in clear.
    """

    def __init__(
        self, address: str, model: str = "", timeout_s: float = 60.0, max_tokens: int = 0, effort: str = ""
    ) -> None:
        self._local = LocalModel(model) if address == LOCAL else None
        if self._local is None and not address.startswith(("http://", "https://")):
            raise UserError(
                f"behind={redacted(address)!r} is not the address of a web server",
                "give http://... or https://..., up to /v1, or local",
            )
        official = address.startswith(OPENAI)
        key = None if self._local else key_for(address, "OPENAI_API_KEY", required=official)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._refusals = OPENAI_REFUSALS if official else OWN_SERVER
        self._base = address.rstrip("/")
        self._timeout_s = timeout_s
        self._options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        if self._local:
            self._options |= {"temperature": 0, "seed": 0, "max_tokens": max_tokens or LOCAL_TOKENS}
        else:
            self._options |= {"model": model} if model else {}
            self._options |= {"max_completion_tokens": max_tokens} if max_tokens else {}
        self._options |= {"reasoning_effort": effort} if effort else {}
        self._named = model

    @property
    def name(self) -> str:
        """As ``BackgroundModel.name``: a local model with its hash, else as the server names it."""
        return self._local.name if self._local else self._named

    def load(self) -> None:
        """As ``BackgroundModel.load``; starts the server of a local model.

        Raises:
            UserError: what it needs is not installed.
        """
        if self._local:
            self._base = f"{self._local.address}/v1"
        new_client(self._base, self._headers, self._timeout_s)

    async def answer(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], came: Callable[[str], None]
    ) -> BackgroundReply:
        """As ``BackgroundModel.answer``."""
        request = {**self._options, "messages": list(messages)}
        if tools:
            request["tools"] = [nested_tool(tool) for tool in tools]
        try:
            async with asyncio.timeout(self._timeout_s):
                with of_known_shape():
                    reply = await self._streamed(request, came)
        except TimeoutError:
            raise BackgroundError(f"no answer within {self._timeout_s:g} s") from None
        except ProtocolError as error:
            raise BackgroundError(f"an answer of unexpected shape: {plain(str(error), 200)}") from error
        self._named = reply.model or self._named
        return replace(reply, model=self.name)

    async def _streamed(self, request: Mapping[str, Any], came: Callable[[str], None]) -> BackgroundReply:
        import httpx

        url = f"{self._base}/chat/completions"
        written = WrittenAnswer()
        try:
            async with (
                new_client(url, self._headers, self._timeout_s) as client,
                client.stream("POST", url, content=json.dumps(request), headers=JSON) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise self._refused(url, response, await bounded_body(response, MAX_BODY))
                await _read(response.aiter_raw(), written, came)
        except httpx.TimeoutException:
            raise TimeoutError from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = plain(str(error)) or type(error).__name__
            raise InfrastructureError(f"{shown(url)} cannot be reached: {what}") from error
        return written.reply()

    def _refused(self, url: str, response: Any, body: bytes) -> Exception:
        error = self._refusals.answered(shown(url), response.status_code, response.headers, body)
        unknown = response.status_code in _REFUSED and type(error) is InfrastructureError
        return BackgroundError(str(error)) if unknown or isinstance(error, SampleRefusedError) else error


async def _read(pieces: AsyncIterator[bytes], written: WrittenAnswer, came: Callable[[str], None]) -> None:
    """Read server-sent events until nothing more is wanted; raises as ``WrittenAnswer.add``."""
    failure: Exception | None = None
    rest: list[bytes] = []
    left = MAX_ANSWER
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as reading:
            async for piece in pieces:
                *lines, last = piece.split(b"\n")
                if lines:
                    lines[0], rest = b"".join((*rest, lines[0])), []
                rest.append(last)
                left -= len(piece)
                try:
                    if left < 0:
                        raise BackgroundError(f"the answer is longer than {MAX_ANSWER} bytes")
                    for line in lines:
                        if (text := written.add_line(line.decode("utf-8", "replace"))) is not None:
                            came(text)
                except Exception as error:
                    failure = failure or error
                if failure or written.done:
                    # Leaving the loop would leave the client's generators open: what waits is cancelled.
                    reading.reschedule(0)
    if failure is not None:
        raise failure


class WrittenAnswer:
    """An answer that comes in pieces; ``done`` once the server has said that it is whole."""

    def __init__(self) -> None:
        self.done = False
        self._text: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._model = ""
        self._usage: Mapping[str, object] = {}
        self._begun = self._whole = False

    def add_line(self, line: str) -> str | None:
        """Take a line of the stream; as ``add``."""
        kind, _, data = line.partition(":")
        if kind != "data" or self.done:
            return None
        self.done = data.strip() == "[DONE]"
        return None if self.done else self.add(parse_object(data))

    def add(self, chunk: Mapping[str, Any]) -> str | None:
        """Take a piece; its text, empty for a call that comes first; None where it has neither.

        Raises:
            BackgroundError: the server says in it that it has failed.
            Exception: one that ``of_known_shape`` names, for another shape.
        """
        if chunk.get("error"):
            raise BackgroundError(f"the server fails: {plain(json.dumps(chunk['error']), 200)}")
        self._model = str(chunk.get("model") or self._model)
        self._usage = chunk.get("usage") or self._usage
        choices = chunk.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        self._whole = self._whole or bool(choices[0].get("finish_reason"))
        if text := delta.get("content"):
            self._text.append(str(text))
        for part in delta.get("tool_calls") or ():
            call = self._calls.setdefault(int(part.get("index", 0)), {"id": "", "name": "", "arguments": ""})
            function = part.get("function") or {}
            call["id"] = str(part.get("id") or call["id"])
            call["name"] += str(function.get("name") or "")
            call["arguments"] += str(function.get("arguments") or "")
        begins = not self._begun and bool(self._calls)
        self._begun = self._begun or bool(text or self._calls)
        return str(text) if text else "" if begins else None

    def reply(self) -> BackgroundReply:
        """The whole answer; a ``BackgroundError`` where its end has not come."""
        if not self._whole:
            raise BackgroundError("the answer breaks off")
        calls = tuple(
            tool_call(call["id"] or f"call-{place}", call["name"], call["arguments"])
            for place, call in sorted(self._calls.items())
        )
        return BackgroundReply("".join(self._text), calls, self._model, self._usage)
