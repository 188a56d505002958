from __future__ import annotations

import asyncio

import numpy as np
import pytest
from fake_servers.moshi import FakeMoshi
from hypothesis import given
from hypothesis import strategies as st
from live_driver import Heard, drive, micro_turns, run
from wire_log import ReplaySocket, WireLog

from tml_bench.adapter import InfrastructureError, ProtocolError, ProviderEvent, SessionStart, ToolSpec
from tml_bench.adapters import moshi
from tml_bench.adapters._pcm import Frames
from tml_bench.adapters.moshi import Moshi, PersonaPlex

TICK_MS = 200
GOLDEN_TURNS = micro_turns(".x....", 24000, {2: {"texts": ("hi",)}}, TICK_MS)


async def golden_session(url: str = "ws://127.0.0.1:1") -> Heard:
    return await drive(Moshi(url), GOLDEN_TURNS, tick_ms=TICK_MS)


async def record_golden() -> None:
    """Write the golden log anew, from the fake server."""
    async with FakeMoshi(delay_ms=250) as server:
        await golden_session(server.url)
        server.log.write("moshi")


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


def test_golden_session_replays_message_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    log = WireLog.read("moshi")
    socket = ReplaySocket(log, lambda a, b: a[:5] == b[:5] == b"\x01OggS")

    async def opened(*_: object, **__: object) -> ReplaySocket:
        return socket

    monkeypatch.setattr(moshi, "open_socket", opened)
    (heard,) = run(golden_session())
    assert socket.left == 0
    # 6 micro-turns of 200 ms are 15 frames of 80 ms, and each is answered by one.
    assert [m[:1] for m in log.of("client")] == [b"\x01"] * 15
    assert heard.said[0] == "handshake"
    assert sum(m[:1] == b"\x01" for m in log.of("server")) == 15
    audio = [o.audio for o in heard.outputs if o.audio is not None]
    # The tone is two frames long; Opus' own delay and ringing touch the next two. Silence is left out.
    assert [a.shape for a in audio] in ([(1920,)] * 3, [(1920,)] * 4)
    assert loud(heard)[:2] == [True, True]
    assert [t.text for o in heard.outputs for t in o.transcript] == [" tone"]
    unsupported = [
        e.body for _, e in heard.events if isinstance(e, ProviderEvent) and e.type == "unsupported"
    ]
    assert unsupported == [{"texts": ["hi"]}]


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
    assert plex.query == {"voice_prompt": ["NATF2.pt"], "text_prompt": ["Be kind."], "seed": ["7"]}
    assert isinstance(spoken, Heard)
    assert any(loud(spoken))
    kinds = [type(result) for result in results[5:]]
    assert kinds[0] is InfrastructureError
    assert kinds[1:5] == [ProtocolError] * 4
    assert all(issubclass(kind, InfrastructureError) for kind in kinds[5:])


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
    asyncio.run(record_golden())
