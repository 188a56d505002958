"""Judges behind any interface that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, ...

Source: platform.openai.com/docs/api-reference/chat/create, ``response_format`` of type ``json_schema``.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec

from tml_bench.addresses import is_loopback, proxy_of, through, unusable_proxy
from tml_bench.errors import UserError
from tml_bench.judges.model_judge import Ask, CallError, Gate, ModelReply
from tml_bench.judges.prompt import PROMPT_VERSION, Prompt
from tml_bench.keys import key_for
from tml_bench.redact import plain

if TYPE_CHECKING:
    import openai

OPENAI = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
MOST_TOKENS = 2**53
"""Larger numbers are none of tokens, and databases cannot hold them."""


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Usage(msgspec.Struct):
    prompt_tokens: object = None
    completion_tokens: object = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: _Usage | None = None


_decode = msgspec.json.Decoder(_Completion)


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """A model behind chat completions, with the official client of the extra ``[openai]``.

    The key is read from ``OPENAI_API_KEY``; servers of your own need none. One on another machine that is
    spoken to without TLS is never told it: see ``keys.key_for``.

    Attributes:
        model: its name there.
        base_url: of the interface, up to ``/v1``. Not part of the judge's version, so that a cache made
            on one machine serves on another: give different models different names or tags.
        temperature: of its answers; None sends none, which some models demand.
        effort: reasoning effort (``none``, ``low``, ...); empty sends none.
        tag: tells apart what has one name (a quantisation, a revision); part of the version.
        timeout_s: longest time a reply may take.
    """

    model: str = "gpt-5.4-mini"
    base_url: str = OPENAI
    temperature: Annotated[float, msgspec.Meta(ge=0)] | None = 0.0
    effort: str = ""
    tag: str = ""
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 120.0

    def __post_init__(self) -> None:
        """Refuse an address that is not one of a web server."""
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(
                f"base_url {plain(self.base_url)!r} is not the address of a web server",
                "give http://... or https://..., up to /v1",
            )

    @property
    def kind(self) -> str:
        """``openai``: the interface, whoever serves it."""
        return "openai"

    @property
    def version(self) -> str:
        """Version of the prompt, and every setting that changes answers."""
        given = {"effort": self.effort, "tag": self.tag}
        settings = [f"prompt={PROMPT_VERSION}"]
        settings += [] if self.temperature is None else [f"temperature={self.temperature:g}"]
        return " ".join(settings + [f"{name}={value}" for name, value in given.items() if value])

    def obstacle(self) -> str:
        """Why it cannot be asked here: no client, or no key."""
        if importlib.util.find_spec("openai") is None:
            return "the official client is not installed: pip install 'tml-bench[openai]'"
        try:
            key = key_for(self.base_url, KEY)
        except UserError as error:
            return str(error)
        return f"{KEY} is not set" if self.base_url.startswith(OPENAI) and key is None else ""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Ask]:
        """Open the client and ask questions through it."""
        async with self.client() as client:
            yield _Client(self, client).ask

    @asynccontextmanager
    async def client(self) -> AsyncIterator[openai.AsyncOpenAI]:
        """Open the client; the client's own retries are off, for they would escape budget and pace."""
        import openai

        from tml_bench.judges.openai_http import BoundedHttpClient

        key = key_for(self.base_url, KEY)
        try:
            # The environment also names certificates; of this machine's servers it knows nothing but proxies.
            trusts = not is_loopback(self.base_url)
            http = BoundedHttpClient(trust_env=trusts, proxy=proxy_of(self.base_url))
        except (ValueError, ImportError) as error:
            raise unusable_proxy(self.base_url, error) from None
        async with openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=self.base_url,
            max_retries=0,
            timeout=self.timeout_s,
            http_client=http,
            default_headers={"Accept-Encoding": "identity"},
        ) as client:
            yield client

    async def complete(
        self, client: openai.AsyncOpenAI, messages: Sequence[Mapping[str, str]], **more: object
    ) -> ModelReply:
        """Complete a chat once, with ``more`` fields in the request.

        Raises:
            CallError: there is no reply.
            RefusedRequestError: the request itself is refused.
        """
        import openai

        request: dict[str, Any] = {"model": self.model, "messages": list(messages)}
        if self.temperature is not None:
            request["temperature"] = self.temperature
        if self.effort:
            request["reasoning_effort"] = self.effort
        try:
            async with asyncio.timeout(self.timeout_s):
                raw = await client.chat.completions.with_raw_response.create(**request | more)
        except (openai.APITimeoutError, TimeoutError):
            raise CallError(f"no reply in {self.timeout_s:g} s", again=True) from None
        except openai.APIConnectionError:
            raise CallError(f"the service cannot be reached{through(self.base_url)}", again=True) from None
        except openai.APIStatusError as error:
            raise _status(error) from None
        return _read(raw.content)


class _Client:
    """One connection; where a JSON Schema is refused and the request without succeeds, no more are sent."""

    def __init__(self, settings: OpenAIChat, client: openai.AsyncOpenAI) -> None:
        self._settings = settings
        self._client = client
        self._takes_schema: bool | None = None

    async def ask(self, prompt: Prompt, gate: Gate) -> ModelReply:
        """Ask once, or twice where the schema is refused; raises `CallError` where there is no reply."""
        if prompt.schema and self._takes_schema is not False:
            try:
                reply = await self._once(prompt, gate, schema=True)
            except RefusedRequestError as refused:
                if self._takes_schema:
                    raise CallError(str(refused)) from None
            else:
                self._takes_schema = True
                return reply
        try:
            reply = await self._once(prompt, gate, schema=False)
        except RefusedRequestError as refused:
            raise CallError(str(refused)) from None
        if prompt.schema and self._takes_schema is None:
            self._takes_schema = False
        return reply

    async def _once(self, prompt: Prompt, gate: Gate, *, schema: bool) -> ModelReply:
        await gate()
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        more: dict[str, object] = {}
        if schema:
            named = {"name": "verdict", "strict": True, "schema": prompt.schema}
            more["response_format"] = {"type": "json_schema", "json_schema": named}
        return await self._settings.complete(self._client, messages, **more)


class RefusedRequestError(Exception):
    """The request itself is refused: HTTP 400 or 422."""


def _status(error: openai.APIStatusError) -> CallError | RefusedRequestError:
    status, said = error.status_code, plain(_said(error))
    if status in (400, 422):
        return RefusedRequestError(f"HTTP {status}: {said}")
    if status == 429 and error.code == "insufficient_quota":
        return CallError(f"HTTP 429: {said}", final=True)
    if status in (408, 409, 429) or status >= 500:
        return CallError(f"HTTP {status}", again=True, wait_s=_retry_after(error))
    return CallError(f"HTTP {status}: {said}", final=status in (401, 403, 404))


def _said(error: openai.APIStatusError) -> str:
    """The service's own words where it sends the usual object, else the client's."""
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return message if isinstance(message, str) else error.message


def _retry_after(error: openai.APIStatusError) -> float:
    """Seconds the service asks to wait; 0 where it does not say so in seconds."""
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return 0.0
    return seconds if seconds > 0 else 0.0


def _read(body: bytes) -> ModelReply:
    try:
        said = _decode.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CallError("the service's answer is no chat completion", again=True) from None
    if not said.choices:
        raise CallError("the service answers without a choice", again=True)
    message, usage = said.choices[0].message, said.usage or _Usage()
    text = message.content or message.refusal or ""
    counted = _count(usage.prompt_tokens), _count(usage.completion_tokens)
    return ModelReply(text, plain(said.model or ""), *counted)


def _count(told: object) -> int:
    """A number of tokens; 0 for what is none."""
    return told if type(told) is int and 0 <= told <= MOST_TOKENS else 0
