"""Keys and the websocket that all live adapters share: who is to blame, and what is never told."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from live_driver import run
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from tml_bench.adapter import (
    AccountError,
    InfrastructureError,
    ProtocolError,
    QuotaError,
    SampleRefusedError,
)
from tml_bench.adapters._inbound import parse_object
from tml_bench.adapters._refusal_tables import OWN_SERVER
from tml_bench.adapters._socket import open_socket
from tml_bench.errors import UserError
from tml_bench.keys import optional_secret, secret
from tml_bench.redact import redacted, remember_secret

KEY = "planted-key-0123456789"


async def talk(
    handler: Callable[[ServerConnection], Awaitable[None]],
    client: Callable[[str], Awaitable[object]],
    **options: object,
) -> object:
    async with serve(handler, "127.0.0.1", 0, **options) as server:  # type: ignore[arg-type]
        scheme = "wss" if "ssl" in options else "ws"
        return await client(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/")


async def listen(url: str) -> list[str | bytes]:
    socket = await open_socket(url, headers={"Authorization": f"Bearer {KEY}"})
    try:
        return [message async for message in socket.messages()]
    finally:
        await socket.close()


async def idle(ws: ServerConnection) -> None:
    await ws.wait_closed()


def refusing(status: int, **headers: str) -> Callable[[ServerConnection, Request], Response]:
    def process(ws: ServerConnection, request: Request) -> Response:
        response = ws.respond(http.HTTPStatus(status), f"no: {request.headers.get('Authorization')}")
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    return process


@pytest.mark.parametrize(
    ("status", "headers", "error", "wait"),
    [
        (429, {"Retry_After": "3"}, QuotaError, 3.0),
        (429, {"Retry_After": "soon"}, QuotaError, None),
        (429, {"Retry_After": "inf"}, QuotaError, None),
        (429, {"Retry_After": "-3"}, QuotaError, 0.0),
        (503, {"Retry_After": "2"}, QuotaError, 2.0),
        (503, {}, InfrastructureError, None),
        (500, {}, InfrastructureError, None),
        (400, {}, SampleRefusedError, None),
        (401, {}, AccountError, None),
        (403, {}, AccountError, None),
        (404, {}, AccountError, None),
        (302, {"Location": "ws://127.0.0.1:1/"}, AccountError, None),
    ],
)
def test_refused_at_the_handshake(
    status: int, headers: dict[str, str], error: type[InfrastructureError], wait: float | None
) -> None:
    async def client(url: str) -> InfrastructureError:
        with pytest.raises(InfrastructureError) as caught:
            await open_socket(
                url, headers={"Authorization": f"Bearer {KEY}"}, refusals=replace(OWN_SERVER, key="THE_KEY")
            )
        return caught.value

    (raised,) = run(talk(idle, client, process_request=refusing(status, **headers)))
    assert type(raised) is error
    assert KEY not in str(raised)
    assert str(status) in str(raised)
    assert ("THE_KEY" in str(raised)) == (status in (401, 403))
    assert getattr(raised, "retry_after_s", None) == wait


def test_how_connections_end() -> None:
    async def done(ws: ServerConnection) -> None:
        await ws.send("one")
        await ws.send(b"two")

    async def quota(ws: ServerConnection) -> None:
        await ws.close(1000, "rate limit reached")

    async def inside(ws: ServerConnection) -> None:
        await ws.close(1011, f"failed for {KEY}"[:100])

    async def malformed(ws: ServerConnection) -> None:
        ws.transport.write(b"\x81\x02\xff\xff")
        await ws.wait_closed()

    async def opcode(ws: ServerConnection) -> None:
        ws.transport.write(b"\x8f\x00")
        await ws.wait_closed()

    async def large(ws: ServerConnection) -> None:
        await ws.send(b"x" * (4 * 2**20 + 1))

    told: list[str] = []
    remember_secret(KEY)

    async def result(handler: Callable[[ServerConnection], Awaitable[None]]) -> object:
        try:
            return await talk(handler, listen)
        except (InfrastructureError, ProtocolError) as error:
            told.append(str(error))
            return type(error)

    assert run(*(result(h) for h in (done, quota, inside, malformed, opcode, large))) == [
        ["one", b"two"],
        QuotaError,
        InfrastructureError,
        ProtocolError,
        ProtocolError,
        ProtocolError,
    ]
    assert any("[redacted]" in text for text in told)
    assert not any(KEY in text for text in told)


def test_a_server_that_says_nothing() -> None:
    async def client(url: str) -> None:
        socket = await open_socket(url)
        with pytest.raises(InfrastructureError, match=r"says nothing for 0\.05 s"):
            await socket.receive(0.05)
        await socket.close()

    run(talk(idle, client))


async def hung(ws: ServerConnection) -> None:
    ws.transport.pause_reading()
    await asyncio.sleep(1)
    ws.transport.abort()


def test_a_ping_is_answered_or_waits() -> None:
    async def client(url: str) -> None:
        socket = await open_socket(url)
        try:
            await asyncio.wait_for(socket.ping(), 5)
        finally:
            await socket.drop()

    run(talk(idle, client))
    with pytest.raises(InfrastructureError, match="broke"):
        run(talk(cut_off, client))


async def cut_off(ws: ServerConnection) -> None:
    ws.transport.pause_reading()
    await asyncio.sleep(0.05)
    ws.transport.abort()


@pytest.mark.parametrize("unsent", [0, 2**24])
def test_a_goodbye_without_an_answer(monkeypatch: pytest.MonkeyPatch, unsent: int) -> None:
    """What the kernel and the other side have not taken by then is told; closing again does nothing."""
    monkeypatch.setattr("tml_bench.adapters._socket.CLOSE_S", 0.2)

    async def client(url: str) -> str:
        socket = await open_socket(url, max_message=2**26)
        if unsent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(socket.send(bytes(unsent)), 0.1)
        with pytest.raises(InfrastructureError, match="does not answer the goodbye") as caught:
            await socket.close()
        await socket.close()
        return str(caught.value)

    (said,) = run(talk(hung, client, max_size=2**26))
    assert ("bytes wait" in str(said)) == bool(unsent)


def test_the_answer_to_a_goodbye_is_seen_behind_what_else_comes() -> None:
    async def flood(ws: ServerConnection) -> None:
        for _ in range(200):
            await ws.send(bytes(1000))
        await ws.wait_closed()

    async def vanish(ws: ServerConnection) -> None:
        await ws.wait_closed()
        ws.transport.abort()

    async def client(url: str) -> None:
        socket = await open_socket(url)
        await asyncio.sleep(0.05)
        await socket.close()

    run(talk(flood, client))
    run(talk(vanish, client))
    run(talk(cut_off, client))


def test_an_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    try:
        subprocess.run(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost "
            f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}".split(),
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def client(url: str) -> None:
        with pytest.raises(InfrastructureError, match="certificate verify failed"):
            await open_socket(url, headers={"Authorization": KEY})

    run(talk(idle, client, ssl=context))


@pytest.mark.parametrize("url", ["http://127.0.0.1", "nonsense", "", "ws://h:99999", "ws://[::1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UserError, match="not the address of a websocket"):
        asyncio.run(open_socket(url))


@pytest.mark.parametrize("message", ["", "{", "[1]", "5", b"\xff", "[" * 100_000])
def test_what_is_no_json_object(message: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_object(message)


def test_json_text_and_binary() -> None:
    assert parse_object(json.dumps({"a": 1})) == parse_object(b'{"a": 1}') == {"a": 1}


@pytest.fixture
def keys_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"# mine\nexport THE_KEY='{KEY}'\nOTHER = plain-other-key\n")
    path.chmod(0o600)
    monkeypatch.setenv("TML_BENCH_KEYS", str(path))
    for name in ("THE_KEY", "OTHER", "ABSENT"):
        monkeypatch.delenv(name, raising=False)
    return path


def test_keys_come_from_the_environment_then_from_the_file(
    keys_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert secret("ABSENT", "THE_KEY") == KEY
    assert secret("OTHER") == "plain-other-key"
    assert redacted(f"{KEY} and plain-other-key") == "[redacted] and [redacted]"
    monkeypatch.setenv("THE_KEY", "from-the-environment")
    assert secret("THE_KEY") == "from-the-environment"
    assert optional_secret("ABSENT") is None
    with pytest.raises(UserError, match="ABSENT or NEITHER is not set"):
        secret("ABSENT", "NEITHER")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_may_read_is_refused(keys_file: Path, mode: int) -> None:
    keys_file.chmod(mode)
    with pytest.raises(UserError, match="chmod 600"):
        secret("THE_KEY")


def test_a_file_of_keys_that_is_not_there(keys_file: Path) -> None:
    keys_file.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        secret("THE_KEY")
