"""Who is to blame when a service refuses: every live adapter against every way of refusing, over sockets."""

from __future__ import annotations

import asyncio
import http
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from fake_servers.pipecat import Frame
from live_driver import drive, micro_turns, run
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from wire_servers import READY

from tml_bench.adapter import (
    AccountError,
    InfrastructureError,
    LiveAdapter,
    ProtocolError,
    QuotaError,
    SampleRefusedError,
    SessionStart,
)
from tml_bench.adapters._refusal_tables import DASHSCOPE, GEMINI, OPENAI, OWN_SERVER, TABLES
from tml_bench.adapters._refusals import ReportedError, read_error, retry_after_s
from tml_bench.adapters.chat import ChatCompletions
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.moshi import Moshi, PersonaPlex
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.openai_realtime.dialects import DIALECTS
from tml_bench.adapters.pipecat import Pipecat
from tml_bench.adapters.twilio import Twilio
from tml_bench.adapters.wire import Wire
from tml_bench.plugins import adapter_class, adapter_names

Say = Callable[[ServerConnection], Awaitable[None]]

ADAPTERS: dict[str, Callable[[str], LiveAdapter]] = {
    **{f"openai-realtime {name}": lambda url, d=name: OpenAIRealtime(d, base_url=url) for name in DIALECTS},  # type: ignore[misc]
    "openai-live": lambda url: OpenAILive(base_url=url),
    "gemini-live": lambda url: GeminiLive(base_url=url),
    "moshi": Moshi,
    "personaplex": PersonaPlex,
    "pipecat": Pipecat,
    "twilio": Twilio,
    "wire": Wire,
    "chat": lambda url: ChatCompletions(base_url=url.replace("ws://", "http://"), silence_ms=40),
}
NO_CREDIT = {
    "error": {"type": "insufficient_quota", "code": "credit_balance_exhausted", "message": "no credit"}
}
BODIES: dict[str, dict[str, Any]] = {
    "openai-realtime qwen": {
        "code": "Arrearage",
        "message": "Access denied: your account is not in good standing.",
    },
    "gemini-live": {
        "error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Your prepay is used up."}
    },
}
"""How each service says that there is no credit, where it is not as OpenAI does."""


def test_every_live_adapter_is_here() -> None:
    names = [name for name in adapter_names() if issubclass(adapter_class(name), LiveAdapter)]
    assert {name.split()[0] for name in ADAPTERS} == set(names)


async def ending(adapter: LiveAdapter) -> Exception | None:
    try:
        await drive(
            adapter,
            micro_turns("..xxx" + "." * 40, adapter.audio_in),
            session=SessionStart("t/s", 20_000_000),
        )
    except Exception as error:
        return error
    return None


@asynccontextmanager
async def answering(status: int, headers: dict[str, str], body: bytes) -> AsyncIterator[str]:
    """A server that answers every request alike, a websocket's handshake too."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:")]
        await reader.readexactly(sum(length))
        lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0, limit=2**22)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


ANSWERS: dict[str, tuple[int, dict[str, str], type[Exception], float | None]] = {
    "400": (400, {}, SampleRefusedError, None),
    "401": (401, {}, AccountError, None),
    "402": (402, {}, AccountError, None),
    "403": (403, {}, AccountError, None),
    "404": (404, {}, AccountError, None),
    "413": (413, {}, SampleRefusedError, None),
    "429": (429, {}, QuotaError, None),
    "429 and wait": (429, {"Retry-After": "7"}, QuotaError, 7.0),
    "429 no credit": (429, {"Retry-After": "7"}, AccountError, None),
    "500": (500, {}, InfrastructureError, None),
    "502": (502, {}, InfrastructureError, None),
    "503": (503, {}, InfrastructureError, None),
    "503 and wait": (503, {"Retry-After": "9"}, QuotaError, 9.0),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_refused_by_status(name: str) -> None:
    async def refused(case: str) -> Exception | None:
        status, headers, *_ = ANSWERS[case]
        body = json.dumps(BODIES.get(name, NO_CREDIT)).encode() if "no credit" in case else b'{"error": "no"}'
        async with answering(status, headers, body) as url:
            return await ending(ADAPTERS[name](url))

    for case, error in zip(ANSWERS, run(*map(refused, ANSWERS)), strict=True):
        _, _, kind, wait = ANSWERS[case]
        assert type(error) is kind, (case, error)
        assert getattr(error, "retry_after_s", None) == wait, case
        assert not isinstance(error, AccountError) or error.remedy, case


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai-realtime ga", "OPENAI_API_KEY"),
        ("openai-realtime qwen", "DASHSCOPE_API_KEY"),
        ("openai-live", "OPENAI_API_KEY"),
        ("gemini-live", "GEMINI_API_KEY"),
        ("wire", "TML_BENCH_WIRE_TOKEN"),
    ],
)
def test_a_wrong_key_names_its_variable(name: str, variable: str) -> None:
    async def refused() -> Exception | None:
        async with answering(401, {}, b"") as url:
            return await ending(ADAPTERS[name](url))

    (error,) = run(refused())
    assert variable in str(error)


OPENAI_ERRORS: dict[str, dict[str, Any]] = {
    "no credit": {
        "type": "insufficient_quota",
        "code": "insufficient_quota",
        "message": "exceeded your current quota",
    },
    "limit": {"type": "requests", "code": "rate_limit_exceeded", "message": "Please try again in 1.5s."},
    "expired": {"type": "invalid_request_error", "code": "session_expired", "message": "maximum duration"},
    "unknown model": {"type": "invalid_request_error", "code": "model_not_found", "message": "no such model"},
    "server": {"type": "server_error", "code": None, "message": "The server had an error."},
}
QWEN_ERRORS = OPENAI_ERRORS | {
    "no credit": {"code": "Arrearage", "message": "Access denied."},
    "limit": {"code": "Throttling.AllocationQuota", "message": "Please try again in 1.5s."},
    "unknown model": {"code": "ModelNotFound", "message": "Model not exist."},
}
GEMINI_REASONS = {
    "no credit": "Your prepayment credits are depleted.",
    "limit": "You exceeded your current quota, check your plan and billing. Please retry in 1.5s.",
    "expired": "The input token count exceeds the maximum number of tokens allowed.",
    "unknown model": "models/x is not found for API version v1beta, or is not supported for bidi",
    "server": "Internal error encountered.",
}
TEXTS = {
    "no credit": "backend: insufficient_quota",
    "limit": "too many sessions; try again in 1.5s",
    "expired": "session expired",
    "unknown model": "backend: model 'x' does not exist",
    "server": "out of memory",
}
KINDS = {
    "no credit": AccountError, "limit": QuotaError, "expired": SampleRefusedError,
    "unknown model": AccountError, "server": InfrastructureError,
}  # fmt: skip
WIRE_CODES = {
    "no credit": "account", "limit": "busy", "expired": "sample", "unknown model": "account",
    "server": "unavailable",
}  # fmt: skip


async def tell(ws: ServerConnection, **message: Any) -> None:
    await ws.send(json.dumps(message))


def says_error(errors: dict[str, dict[str, Any]], case: str) -> Say:
    async def say(ws: ServerConnection) -> None:
        await tell(ws, type="error", event_id="e1", error=errors[case])
        if case == "server":  # one that leaves the session open
            await ws.close(1011, "going down")

    return say


def closes(reasons: dict[str, str], case: str) -> Say:
    async def say(ws: ServerConnection) -> None:
        await ws.close(1011, reasons[case])

    return say


def says_in_moshi(case: str) -> Say:
    return lambda ws: ws.send(b"\x05" + TEXTS[case].encode())


def says_in_rtvi(case: str) -> Say:
    data = {"label": "rtvi-ai", "type": "error", "data": {"error": TEXTS[case], "fatal": True}}
    return lambda ws: ws.send(Frame(message={"data": json.dumps(data)}).SerializeToString())


def says_in_wire(case: str) -> Say:
    return lambda ws: tell(ws, type="error", code=WIRE_CODES[case], message=TEXTS[case], retry_after_s=1.5)


async def nothing(ws: ServerConnection) -> None:
    """Such a service is open once its socket is."""


async def greets_openai(ws: ServerConnection) -> None:
    await tell(ws, type="session.created", session={})
    await ws.recv()
    await tell(ws, type="session.updated", session={})


async def greets_live(ws: ServerConnection) -> None:
    await ws.recv()
    await tell(ws, type="session.started", session={})


async def greets_gemini(ws: ServerConnection) -> None:
    await ws.recv()
    await tell(ws, setupComplete={})


async def greets_wire(ws: ServerConnection) -> None:
    await ws.recv()
    await tell(ws, **READY)


TALKS: dict[str, tuple[Say, Callable[[str], Say]]] = {
    "openai-realtime ga": (greets_openai, lambda case: says_error(OPENAI_ERRORS, case)),
    "openai-realtime s2s": (greets_openai, lambda case: says_error(OPENAI_ERRORS, case)),
    "openai-realtime sglang": (greets_openai, lambda case: says_error(OPENAI_ERRORS, case)),
    "openai-realtime qwen": (greets_openai, lambda case: says_error(QWEN_ERRORS, case)),
    "openai-live": (greets_live, lambda case: says_error(OPENAI_ERRORS, case)),
    "gemini-live": (greets_gemini, lambda case: closes(GEMINI_REASONS, case)),
    "moshi": (lambda ws: ws.send(b"\0"), says_in_moshi),
    "personaplex": (lambda ws: ws.send(b"\0"), says_in_moshi),
    "pipecat": (nothing, says_in_rtvi),
    "twilio": (nothing, lambda case: closes(TEXTS, case)),
    "wire": (greets_wire, says_in_wire),
}


@pytest.mark.parametrize("opened", [False, True], ids=["opening", "mid-session"])
@pytest.mark.parametrize("name", TALKS)
def test_refused_by_what_it_says(name: str, opened: bool) -> None:
    greet, said = TALKS[name]

    async def refused(case: str) -> Exception | None:
        async def serves(ws: ServerConnection) -> None:
            try:
                if opened:
                    await greet(ws)
                    await asyncio.sleep(0.05)
                await said(case)(ws)
                await ws.wait_closed()
            except ConnectionClosed:
                return

        async with serve(serves, "127.0.0.1", 0, close_timeout=0.1) as server:
            return await ending(ADAPTERS[name](f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"))

    for case, error in zip(KINDS, run(*map(refused, KINDS)), strict=True):
        assert type(error) is KINDS[case], (case, error)
        if isinstance(error, QuotaError):
            assert error.retry_after_s == 1.5


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("expired", SampleRefusedError),
        ("content", SampleRefusedError),
        ("connection_lost", InfrastructureError),
    ],
)
def test_how_openai_live_closes_a_session(reason: str, kind: type) -> None:
    with pytest.raises(InfrastructureError) as raised:
        OpenAILive(base_url="ws://h")._understood(json.dumps({"type": "session.closed", "reason": reason}))
    assert type(raised.value) is kind
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1008, "", InfrastructureError),
        (1009, "", SampleRefusedError),
        (1011, "internal error", InfrastructureError),
        (1013, "", QuotaError),
        (3000, "", AccountError),
        (4401, "", AccountError),
        (4000, "beta_api_shape_disabled: use GA", AccountError),
        (1000, "rate limit reached", QuotaError),
        (1000, "invalid_api_key", AccountError),
        (1007, "no such field", InfrastructureError),
    ],
)
def test_how_a_close_is_taken(code: int, reason: str, kind: type) -> None:
    async def closed() -> Exception | None:
        async def serves(ws: ServerConnection) -> None:
            await greets_openai(ws)
            await ws.close(code, reason)

        async with serve(serves, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return await ending(OpenAIRealtime(base_url=url))

    (error,) = run(closed())
    assert type(error) is kind, error


@pytest.mark.parametrize(
    ("body", "codes", "message", "wait"),
    [
        (b'{"error": {"code": "a", "type": "b", "message": "c"}}', ("a", "b"), "c", None),
        (b'[{"error": {"code": 403, "status": "S", "message": "c", "details": [{"reason": "R"}]}}]',
         ("403", "S", "R"), "c", None),
        (b'{"error": {"details": [{"retryDelay": "33.5s"}, {"retryDelay": "x"}, 5]}}', (), "", 33.5),
        (b'{"code": "Arrearage", "message": "c", "request_id": "1"}', ("Arrearage",), "c", None),
        (b'{"error": "model \'x\' not found"}', (), "model 'x' not found", None),
        (b'{"detail": "Not Found"}', (), "Not Found", None),
        (b"<html>Bad gateway", (), "<html>Bad gateway", None),
        (b"[]", (), "", None), (b"null", (), "", None), (b"5", (), "5", None),
        (b"[" * 100_000, (), "[" * 65536, None),
        (b"\xff", (), "\ufffd", None), (b"", (), "", None),
    ],
)  # fmt: skip
def test_what_an_error_says(body: bytes, codes: tuple[str, ...], message: str, wait: float | None) -> None:
    assert read_error(body) == ReportedError(message, codes, wait)


def test_a_time_to_wait_is_a_number_a_date_or_none() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 97 < (retry_after_s(soon) or 0) <= 100
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert [retry_after_s(x) for x in ("3", " 2.5 ", "-3")] == [3.0, 2.5, 0.0]
    assert [retry_after_s(x) for x in ("inf", "nan", "soon", "", None, "99, 99")] == [None] * 6


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("try again in 20ms", 0.02),
        ("Please try again in 6m0s.", 360.0),
        ("Please retry in 33.25s", 33.25),
        ("try again in 1h2m", 3720.0),
        ("try again later", None),
        ("try again in a while", None),
    ],
)
def test_a_time_to_wait_in_words(text: str, wait: float | None) -> None:
    error = OPENAI.error("it says", ReportedError(text, ("rate_limit_exceeded",)))
    assert isinstance(error, QuotaError)
    assert error.retry_after_s == wait


@pytest.mark.parametrize(
    ("table", "text", "kind"),
    [
        # The same words mean money at OpenAI and a minute's limit at Google, where a code says which.
        (OPENAI, "You exceeded your current quota, please check your plan and billing.", AccountError),
        (GEMINI, "You exceeded your current quota, please check your plan and billing.", QuotaError),
        (DASHSCOPE, "insufficient_quota", QuotaError),
        (GEMINI, "API key not valid. Please pass a valid API key.", AccountError),
        (GEMINI, "API key expired. Please renew the API key.", AccountError),
        (GEMINI, "Request contains an invalid argument.", SampleRefusedError),
        (GEMINI, "Requested entity was not found.", InfrastructureError),
        (OPENAI, "Request too large for gpt-realtime on tokens per min (TPM)", SampleRefusedError),
        (OWN_SERVER, "This model's maximum context length is 4096 tokens", SampleRefusedError),
        (OWN_SERVER, "The request took too long", InfrastructureError),
        (OWN_SERVER, "AuthenticationError at backend", AccountError),
        (OWN_SERVER, "no_insufficient_quota_here", QuotaError),
    ],
)  # fmt: skip
def test_what_a_text_means(table: Any, text: str, kind: type) -> None:
    assert type(table.error("it says", ReportedError(text))) is kind


def test_the_tables_are_sound() -> None:
    """Every rule can be reached, and says what to do where somebody has to do something."""
    for table in TABLES:
        for rule in (*table.rules, *table.statuses):
            assert rule.codes or rule.says
            assert issubclass(rule.error, InfrastructureError)
            assert rule.remedy if rule.error is AccountError else not rule.remedy
            rule.remedy.format(key="KEY")
        for at, rule in enumerate(table.rules):
            shadowed = {code for earlier in table.rules[:at] for code in earlier.codes}
            assert not rule.codes or set(rule.codes) - shadowed, (table.service, rule.what)


def test_a_refusal_holds_no_secret_and_one_line() -> None:
    said = read_error(b'{"error": {"message": "bad key sk-planted-planted-planted\\n\\u001b[31m"}}')
    text = str(OWN_SERVER.error("it says", said))
    assert "planted" not in text
    assert text.isprintable()


def test_an_error_for_what_is_no_service_s_fault_is_the_protocol_s() -> None:
    with pytest.raises(ProtocolError, match="the model answers oops: no"):
        Wire("ws://h")._understood(json.dumps({"type": "error", "code": "oops", "message": "no"}))
