from __future__ import annotations

import asyncio
import sys
from typing import Any

import numpy as np
import pytest
import sphn
from fake_servers.moshi import FakeMoshi
from hypothesis import given, strategies as st
from live_driver import Heard, drive, micro_turns, run
from wire_log import ReplaySocket, WireLog

from tml_bench.adapter import (
    InfrastructureError,
    Output,
    ProtocolError,
    ProviderEvent,
    SessionStart,
    ToolSpec,
)
from tml_bench.adapters import moshi
from tml_bench.adapters._media import Frames
from tml_bench.adapters.moshi import Moshi, PersonaPlex

TICK_MS = 200
GOLDEN_TURNS = micro_turns(".x....", 24000, {2: {"texts": ("hi",)}}, TICK_MS)


GOLDEN_SESSION = SessionStart("task/sample", TICK_MS * 1_000_000, 7, "Be kind.", (ToolSpec("add"),))
ADAPTERS = {"moshi": Moshi, "personaplex": PersonaPlex}


async def golden_session(name: str, url: str = "ws://127.0.0.1:1") -> Heard:
    return await drive(ADAPTERS[name](url), GOLDEN_TURNS, session=GOLDEN_SESSION, tick_ms=TICK_MS)


async def record_golden(name: str) -> None:
    """Write the golden log anew, from the fake server."""
    async with FakeMoshi(delay_ms=250, personaplex=name == "personaplex", think_s=0.1) as server:
        await golden_session(name, server.url)
        assert not server.violations, server.violations
        server.log.write(name)


class SameSpeech:
    """Whether two streams of audio messages sound the same; builds of Opus differ in the bytes."""

    def __init__(self) -> None:
        self._readers = [sphn.OpusStreamReader(24000) for _ in range(2)]

    def __call__(self, a: str | bytes, b: str | bytes) -> bool:
        if not (isinstance(a, bytes) and isinstance(b, bytes) and a[:5] == b[:5] == b"\x01OggS"):
            return False
        one, other = (r.append_bytes(m[1:]) for r, m in zip(self._readers, (a, b), strict=True))
        return one.shape == other.shape and bool(np.abs(one - other).max(initial=0) < 0.02)


async def against(server: FakeMoshi, pattern: str = "x......") -> Heard | Exception:
    adapter = PersonaPlex if server.personaplex else Moshi
    session = SessionStart("task/sample", 1, 7, "Be kind.", (ToolSpec("add"),))
    async with server:
        try:
            turns = micro_turns(pattern, 24000, tick_ms=TICK_MS)
            return await drive(adapter(server.url), turns, session=session, tick_ms=TICK_MS)
        except Exception as error:
            return error


def loud(heard: Heard) -> list[bool]:
    return [bool(np.abs(o.audio).max() > 0.1) for o in heard.outputs if o.audio is not None]


@pytest.mark.parametrize("name", ADAPTERS)
def test_golden_session_replays_message_by_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = WireLog.read(name)
    socket = ReplaySocket(log, SameSpeech())
    urls = []

    async def opened(url: str) -> ReplaySocket:
        urls.append(url)
        return socket

    monkeypatch.setattr(moshi, "open_socket", opened)
    (heard,) = run(golden_session(name))
    assert socket.left == 0
    # 6 micro-turns of 200 ms are 15 frames of 80 ms, and each is answered by one.
    assert [m[:1] for m in log.of("client")] == [b"\x01"] * 15
    assert sorted(m[:1] for m in log.of("server")) == [b"\x00", *[b"\x01"] * 15, b"\x02"]
    audio = [o.audio for o in heard.outputs if o.audio is not None]
    # The tone is two frames long; Opus' own delay and ringing touch the next two. Silence is left out.
    assert [a.shape for a in audio] in ([(1920,)] * 3, [(1920,)] * 4)
    assert loud(heard)[:2] == [True, True]
    assert [t.text for o in heard.outputs for t in o.transcript] == [" tone"]
    events = [e for _, e in heard.events if isinstance(e, ProviderEvent)]
    kinds = {b"\x00": "handshake", b"\x01": "audio", b"\x02": "text"}
    assert [e.type for e in events if not e.sent] == [kinds[m[:1]] for m in log.of("server")]  # type: ignore[index]
    assert sum(e.type == "audio" and e.sent for e in events) == 15
    told = [(e.type, e.body) for e in events if e.sent and e.type != "audio"]
    url, ignored = "ws://127.0.0.1:1", ("unsupported", {"texts": ["hi"]})
    if name == "moshi":
        assert urls == [url]
        assert told == [("unsupported", {"tools": ["add"], "instructions": "Be kind."}), ignored]
    else:
        assert urls == [f"{url}?voice_prompt=NATF2.pt&text_prompt=Be+kind."]
        query = {"voice_prompt": "NATF2.pt", "text_prompt": "Be kind."}
        assert told == [("unsupported", {"tools": ["add"]}), ("query", query), ignored]


def test_sessions_with_the_fake_server() -> None:
    oddities = ["control", "metadata", "ping", "unknown"]
    faults = ["error", "no utf-8", "no opus", "text frame", "empty", "hang", "quota"]
    plex = FakeMoshi(personaplex=True, think_s=0.2)
    results = run(
        against(FakeMoshi([oddities[0]])),
        *(against(FakeMoshi([step])) for step in oddities[1:]),
        against(plex),
        *(against(FakeMoshi([step])) for step in faults),
    )
    for step, heard in zip(oddities, results[:4], strict=True):
        assert isinstance(heard, Heard)
        assert step.replace("unknown", "kind-42") in heard.said
    spoken = results[4]
    assert plex.violations == []
    assert plex.query == {"voice_prompt": ["NATF2.pt"], "text_prompt": ["Be kind."]}
    assert isinstance(spoken, Heard)
    assert any(loud(spoken))
    kinds = [type(result) for result in results[5:]]
    assert kinds[0] is InfrastructureError
    assert kinds[1:5] == [ProtocolError] * 4
    assert all(issubclass(kind, InfrastructureError) for kind in kinds[5:])


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({}, ""),
        ({"voice": "NATM1.pt", "prompt": "", "query": "?a=1"}, ""),
        ({"seed": True}, "takes no seed"),
        ({"voice": "NATF9.pt"}, "may lack the voice 'NATF9.pt'"),
        ({"voice": ""}, "may lack the voice ''"),
    ],
)
def test_personaplex_against_the_rules_of_nvidia_s_handler(options: dict[str, Any], hint: str) -> None:
    """A seed was always sent, at which their handler drops the connection: no session was ever opened."""

    async def session() -> str:
        query = options.pop("query", "")
        async with FakeMoshi(personaplex=True) as server:
            model = PersonaPlex(server.url + query, **options)
            try:
                await model.connect(SessionStart("task/sample", 1, 7))
            except InfrastructureError as error:
                return str(error)
            finally:
                await model.close()
            return "; ".join(server.violations)

    (told,) = run(session())
    assert hint in told
    assert bool(told) == bool(hint)
    assert ("seed" in told) == ("seed" in options)


def test_a_seed_is_given_to_a_server_that_takes_it() -> None:
    async def session() -> dict[str, list[str]]:
        async with FakeMoshi(personaplex=True, takes_seed=True) as server:
            model = PersonaPlex(server.url, seed=True)
            await model.connect(SessionStart("task/sample", 1, 7))
            await model.close()
            return server.query

    (query,) = run(session())
    assert query["seed"] == ["7"]


@pytest.mark.parametrize("spelt", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_character_may_be_split_between_pieces(spelt: bool, size: int) -> None:
    text = "It\u2019s \u2581caf\u00e9 \U0001f99c"
    data = text.encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    if spelt:
        pieces = [f"<0x{byte:02X}>".encode() for byte in data]
    server = Moshi()
    outputs = [e for p in pieces for e in server.understand(b"\x02" + p) if isinstance(e, Output)]
    said = "".join(piece.text for o in outputs for piece in o.transcript)
    assert said == text.replace("\u2581", " ")


def test_bytes_that_a_model_spells_out_wrong_cost_no_session() -> None:
    server = Moshi()
    spelt = [e for p in (b"<0xFF>", b"<0x41>") for e in server.understand(b"\x02" + p)]
    said = [piece.text for o in spelt if isinstance(o, Output) for piece in o.transcript]
    assert said == ["\ufffd", "A"]


def test_a_server_that_does_not_shake_hands() -> None:
    class Rude(FakeMoshi):
        async def tell(self, message: str | bytes) -> None:
            await super().tell(b"\x02hello" if message == b"\x00" else message)

    (result,) = run(against(Rude()))
    assert isinstance(result, ProtocolError)
    assert "handshake" in str(result)


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 30))
def test_frames_lose_and_reorder_nothing(sizes: list[int], size: int) -> None:
    samples = np.arange(sum(sizes), dtype=np.float32)
    frames = Frames(size)
    given_back = [f for piece in np.split(samples, np.cumsum(sizes)) for f in frames.push(piece)]
    assert all(frame.shape == (size,) for frame in given_back)
    whole = len(samples) // size * size
    assert np.concatenate([*given_back, np.zeros(0)]).tolist() == samples[:whole].tolist()


if __name__ == "__main__":
    for each in sys.argv[1:] or ADAPTERS:
        asyncio.run(record_golden(each))
