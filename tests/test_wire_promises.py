"""What the protocol page promises of the harness's socket, as a server sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import run_session, sample_of, silence
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from wire_servers import greet, serving

from tml_bench.adapters.wire import WireLockstep
from tml_bench.adapters.wire.session import TOKEN
from tml_bench.samples import UserTurn
from tml_bench.session.settings import Settings


class Witness:
    """A lockstep server that remembers how each session went."""

    def __init__(self) -> None:
        self.headers: list[Headers] = []
        self.types: list[list[str]] = []
        self.codes: list[int | None] = []

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.headers.append(socket.request.headers)
        types: list[str] = ["hello"]
        self.types.append(types)
        await greet(socket)
        try:
            while True:
                data = await socket.recv()
                message = {"type": "media"} if isinstance(data, bytes) else json.loads(data)
                types.append(message["type"])
                if message["type"] == "tick":
                    await socket.send(json.dumps({"type": "tick_done", "n": message["n"]}))
        except ConnectionClosed as closed:
            self.codes.append(None if closed.rcvd is None else closed.rcvd.code)


def played(tmp_path: Path) -> Witness:
    witness = Witness()
    with serving(witness.handle) as url:
        adapter = WireLockstep(url)
        adapter.warm_up()
        run_session(tmp_path / "r", sample_of(UserTurn(silence(0.3)), tail_s=0.3), adapter, Settings())
    return witness


def test_a_probe_asks_and_leaves_and_a_session_ends_with_1000(tmp_path: Path) -> None:
    witness = played(tmp_path)
    assert witness.types == [["hello"], ["hello", *["media", "tick"] * 2]]
    assert witness.codes == [1000, 1000]


def test_compression_is_not_offered_and_a_token_is_sent_only_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    for headers in played(tmp_path / "without").headers:
        assert "Sec-WebSocket-Extensions" not in headers
        assert "Authorization" not in headers
    monkeypatch.setenv(TOKEN, "a-token-for-tests")
    assert {h["Authorization"] for h in played(tmp_path / "with").headers} == {"Bearer a-token-for-tests"}
