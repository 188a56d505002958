"""Where a key may go, and through which proxy a service is reached."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tml_bench import addresses
from tml_bench.adapter import InfrastructureError
from tml_bench.adapters._socket import open_socket
from tml_bench.adapters.chat import ChatCompletions, new_client, post_json
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.wire import Wire, WireLockstep
from tml_bench.addresses import check_private, is_loopback, proxy_of, shown
from tml_bench.errors import UserError
from tml_bench.judges.model_judge import CallError
from tml_bench.judges.openai import OpenAIChat
from tml_bench.judges.prompt import Prompt
from tml_bench.keys import key_for

KEY = "sk-proj-Ab3De5Gh7Jk9Mn1Pq"
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "WSS_PROXY", "WS_PROXY", "SOCKS_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.lower, VARIABLES), addresses.PLAIN_KEYS, "TML_BENCH_KEYS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "url",
    [
        "ws://localhost", "ws://LOCALHOST:80/v1", "http://localhost.:8/", "wss://a.b.localhost/x?y=z",
        "http://127.0.0.1:8000/v1", "ws://127.255.3.4", "ws://[::1]:9/",
    ],
)  # fmt: skip
def test_this_machine(url: str) -> None:
    assert is_loopback(url)
    check_private(url)


@pytest.mark.parametrize(
    "url",
    [
        "ws://localhost.evil.com", "ws://127.0.0.1@evil.com", "ws://localhost:80@evil.com/", "ws://evil.com#@localhost",
        "http://127.0.0.1.evil.com", "http://2130706433/", "http://0x7f.1", "http://127.1", "ws://0.0.0.0",
        "http://evil.com\\@localhost", "http://localhost\\@evil.com", "ws://evillocalhost", "ws://[::ffff:1.2.3.4]",
        "ws://", "", "ws://[::1", "http://10.0.0.1", "http://evil.com/localhost", "http://evil.com?localhost",
    ],
)  # fmt: skip
def test_another_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_loopback(url)
    with pytest.raises(UserError, match="without TLS, where others can read it"):
        check_private(url)
    monkeypatch.setenv("TML_BENCH_PLAIN_KEYS", "1")
    check_private(url)


def test_over_tls_a_key_goes_anywhere() -> None:
    check_private("https://api.example")
    check_private("WSS://api.example")


SENDERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "openai-realtime": ("OPENAI_API_KEY", lambda at: OpenAIRealtime(base_url=f"ws://{at}/v1")),
    "openai-realtime, http": ("OPENAI_API_KEY", lambda at: OpenAIRealtime(base_url=f"http://{at}/v1")),
    "qwen": ("DASHSCOPE_API_KEY", lambda at: OpenAIRealtime("qwen", base_url=f"ws://{at}/v1")),
    "openai-live": ("OPENAI_API_KEY", lambda at: OpenAILive(base_url=f"ws://{at}/v1")),
    "gemini-live": ("GEMINI_API_KEY", lambda at: GeminiLive(base_url=f"ws://{at}")),
    "chat": ("OPENAI_API_KEY", lambda at: ChatCompletions(base_url=f"http://{at}/v1")),
    "wire": ("TML_BENCH_WIRE_TOKEN", lambda at: Wire(f"ws://{at}")),
    "wire-lockstep": ("TML_BENCH_WIRE_TOKEN", lambda at: WireLockstep(f"ws://{at}")),
}


@pytest.mark.parametrize(("variable", "made"), SENDERS.values(), ids=SENDERS)
def test_no_adapter_sends_a_key_in_clear(
    variable: str, made: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOOGLE_API_KEY", *(named for named, _ in SENDERS.values())):
        monkeypatch.delenv(name, raising=False)
    made("gpu.example:8000")  # there is no key
    monkeypatch.setenv(variable, KEY)
    made("127.0.0.1:8000")
    with pytest.raises(UserError, match=r"would go to gpu\.example:8000 without TLS") as raised:
        made("gpu.example:8000")
    assert "TML_BENCH_PLAIN_KEYS=1" in raised.value.remedy
    assert KEY not in str(raised.value)
    monkeypatch.setenv("TML_BENCH_PLAIN_KEYS", "1")
    made("gpu.example:8000")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("ws://bot.example/ws", {"Authorization": KEY}),
        ("ws://bot.example/ws?token=swordfish-1", {}),
        ("ws://me:swordfish-1@bot.example/ws", {}),
    ],
)
def test_no_socket_is_opened_that_would_tell_a_secret(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"would go to bot\.example without TLS") as raised:
        asyncio.run(open_socket(url, headers=headers))
    assert "swordfish" not in str(raised.value)
    with pytest.raises(UserError, match="without TLS"):
        new_client(url.replace("ws://", "http://"), headers, 1.0)


def test_a_key_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY_OF_MINE", raising=False)
    assert key_for("https://api.example", "A_KEY_OF_MINE") is None
    with pytest.raises(UserError, match="A_KEY_OF_MINE is not set"):
        key_for("https://api.example", "A_KEY_OF_MINE", required=True)
    monkeypatch.setenv("A_KEY_OF_MINE", KEY)
    assert key_for("https://api.example", "A_KEY_OF_MINE", required=True) == KEY


def test_which_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_of("wss://api.example/v1") is None
    monkeypatch.setenv("ALL_PROXY", "proxy.example:3128")
    assert {proxy_of(f"{scheme}://api.example") for scheme in ("ws", "wss", "http", "https")} == {
        "http://proxy.example:3128"
    }
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret-word@secure.example:1")
    monkeypatch.setenv("HTTP_PROXY", "http://plain.example:2")
    assert proxy_of("wss://api.example") == proxy_of("https://api.example") == proxy_of("ws://api.example")
    assert proxy_of("http://api.example") == "http://plain.example:2"
    assert shown("wss://api.example/v1?key=swordfish-1") == (
        "wss://api.example/v1?key=[redacted] (through the proxy http://secure.example:1)"
    )
    assert proxy_of("wss://127.0.0.1:1") is proxy_of("http://localhost") is proxy_of("ws://[::1]:5") is None
    monkeypatch.setenv("NO_PROXY", "api.example,.inside.example")
    assert proxy_of("wss://api.example/v1") is proxy_of("http://a.inside.example:80") is None
    assert proxy_of("https://other.example") is not None


class FakeProxy:
    """Takes ``CONNECT``: leads every name to one port of this machine, or refuses with a status."""

    def __init__(self, port: int = 0, status: str = "200 OK") -> None:
        self._to = port
        self._status = status
        self.asked: list[str] = []
        self.told: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.splitlines()[0])
        self.told += [
            base64.b64decode(line.split()[-1]).decode()
            for line in head.splitlines()
            if line.lower().startswith("proxy-authorization")
        ]
        writer.write(f"HTTP/1.1 {self._status}\r\n\r\n".encode())
        if self._to and self._status.startswith("200"):
            other, back = await asyncio.open_connection("127.0.0.1", self._to)
            await asyncio.gather(self._pass(reader, back), self._pass(other, writer))
        writer.close()

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while data := await source.read(2**16):
            to.write(data)
            await to.drain()
        to.close()


@asynccontextmanager
async def proxied(proxy: FakeProxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:k9-Zu4-Tq7-Wm2@{place}")
        monkeypatch.setenv("HTTP_PROXY", f"http://me:k9-Zu4-Tq7-Wm2@{place}")
        yield f"(through the proxy http://{place})"


async def greet(ws: ServerConnection) -> None:
    await ws.send("hello")


def test_a_socket_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serve(greet, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            proxy = FakeProxy(port)
            async with proxied(proxy, monkeypatch) as told:
                socket = await open_socket("ws://service.example:81/v1")
                assert await socket.receive() == "hello"
                assert [message async for message in socket.messages()] == []
                with pytest.raises(InfrastructureError) as closed:
                    await socket.send("more")
                await socket.close()
                assert told in str(closed.value)
                assert proxy.asked == ["CONNECT service.example:81 HTTP/1.1"]
                assert proxy.told == ["me:k9-Zu4-Tq7-Wm2"]
                here = await open_socket(f"ws://127.0.0.1:{port}/v1")  # never for this machine
                assert await here.receive() == "hello"
                await here.close()
                assert len(proxy.asked) == 1

    asyncio.run(main())


def test_a_proxy_that_refuses_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> list[str]:
        told = []
        proxy = FakeProxy(status="407 Proxy Authentication Required")
        async with proxied(proxy, monkeypatch) as name:
            with pytest.raises(InfrastructureError) as socket:
                await open_socket("ws://service.example:81/v1")
            async with new_client("https://service.example/v1", {}, 5.0) as client:
                with pytest.raises(InfrastructureError) as http:
                    await post_json(client, "https://service.example/v1", {})
            told = [str(socket.value), str(http.value)]
            assert all(name in text and "407" in text for text in told)
        async with new_client("https://service.example/v1", {}, 5.0) as client:
            with pytest.raises(InfrastructureError, match="through the proxy") as gone:
                await post_json(client, "https://service.example/v1", {})
        return [*told, str(gone.value)]

    assert not [text for text in asyncio.run(main()) if "k9-Zu4-Tq7-Wm2" in text]


@pytest.mark.parametrize(
    "proxy", ["socks5://me:k9-Zu4-Tq7-Wm2@p.example:1", "ftp://me:k9-Zu4-Tq7-Wm2@p.example"]
)
def test_a_proxy_that_cannot_be_used(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(
        UserError, match=r"the proxy .*p\.example.* (cannot be used|needs a package)"
    ) as socket:
        asyncio.run(open_socket("wss://service.example/v1"))
    with pytest.raises(UserError, match=r"the proxy .*p\.example") as http:
        new_client("https://service.example/v1", {}, 5.0)
    assert "k9-Zu4-Tq7-Wm2" not in f"{socket.value} {http.value}"


def test_a_judge_asks_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    proxy = FakeProxy(status="403 Forbidden")

    async def ask(url: str) -> None:
        async with OpenAIChat(base_url=url).connect() as question:
            with pytest.raises(CallError, match="through the proxy"):
                await question(Prompt("s", "u", {}), no_gate)

    async def no_gate() -> None:
        """There is no budget."""

    async def main() -> None:
        async with proxied(proxy, monkeypatch):
            await ask("https://gpu.example/v1")

    asyncio.run(main())
    assert proxy.asked == ["CONNECT gpu.example:443 HTTP/1.1"]
    assert proxy.told == ["me:k9-Zu4-Tq7-Wm2"]
