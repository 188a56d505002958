from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from fake_servers.twilio import FakeBot
from hypothesis import given, strategies as st
from live_driver import Heard, drive, micro_turns, run
from wire_log import ReplaySocket, WireLog

from tml_bench.adapter import (
    FlushReport,
    InfrastructureError,
    ProtocolError,
    QuotaError,
    SessionStart,
    ToolSpec,
)
from tml_bench.adapters import twilio
from tml_bench.adapters._media import from_mulaw, to_mulaw
from tml_bench.adapters.twilio import Twilio

SESSION = SessionStart("task/sample", 20_000_000, instructions="Be brief.", tools=(ToolSpec("add"),))
# The answer of 120 ms comes in at about tick 5 and is heard from there; the user barges in at tick 8, so that
# 60 ms have been heard and 60 ms are dropped. The answer after that is heard whole.
HEARD: dict[int, dict[str, object]] = {
    **{i: {"heard_ms": 20.0 * (i - 5)} for i in range(6, 9)},
    **{i: {"heard_ms": 60.0} for i in range(9, 16)},
    9: {"heard_ms": 60.0, "flushed": FlushReport(60.0, 60.0)},
    **{i: {"heard_ms": min(180.0, 60.0 + 20.0 * (i - 16))} for i in range(16, 30)},
}
GOLDEN_TURNS = micro_turns("xx......xx....................", 8000, HEARD)


async def golden_session(url: str = "ws://127.0.0.1:1") -> Heard:
    return await drive(Twilio(url), GOLDEN_TURNS, session=SESSION)


async def record_golden() -> None:
    """Write the golden log anew, from the fake server."""
    async with FakeBot(delay_ms=50, answer_ms=120) as server:
        await golden_session(server.url)
        await asyncio.sleep(0.1)
        server.log.write("twilio")


async def against(server: FakeBot, pattern: str = "xx" + "." * 30) -> Heard | Exception:
    async with server:
        try:
            return await drive(Twilio(server.url), micro_turns(pattern, 8000), session=SESSION)
        except Exception as error:
            return error


def test_golden_session_replays_message_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    log = WireLog.read("twilio")
    socket = ReplaySocket(log)

    async def opened(*_: object, **__: object) -> ReplaySocket:
        return socket

    monkeypatch.setattr(twilio, "open_socket", opened)
    (heard,) = run(golden_session())
    assert socket.left == 0
    sent = [json.loads(m) for m in log.of("client")]
    assert [m["event"] for m in sent[:2]] == ["connected", "start"]
    assert sent[1]["start"]["customParameters"] == {"instructions": "Be brief."}
    assert sent[-1]["event"] == "stop"
    assert sum(m["event"] == "media" for m in sent) == 30
    outputs = heard.outputs
    assert [o.audio.shape for o in outputs if o.audio is not None] == [(320,)] * 6
    assert [o.flush for o in outputs].count(True) == 1
    # The first mark comes back with the next micro-turn after the clear, the second when all was heard.
    marks = [(i, m["mark"]["name"]) for i, m in enumerate(sent) if m["event"] == "mark"]
    assert [name for _, name in marks] == ["answer-1", "answer-2"]
    media_before = [sum(m["event"] == "media" for m in sent[:i]) for i, _ in marks]
    assert media_before == [10, 23]


def test_sessions_with_the_fake_server() -> None:
    good = [FakeBot(answer_ms=400), FakeBot(["new"])]
    faults = ["shape", "not base64", "garbage", "huge", "quota", "hang"]
    results = run(
        against(good[0], "xx........xx......"),
        against(good[1]),
        *(against(FakeBot([step])) for step in faults),
    )
    for server, result in zip(good, results, strict=False):
        assert isinstance(result, Heard)
        assert (server.violations, server.stopped) == ([], True)
    assert good[0].marks[0] == "answer-1"
    assert "somethingNew" in results[1].said
    kinds = [type(result) for result in results[2:]]
    assert kinds == [ProtocolError] * 4 + [QuotaError, InfrastructureError]


def test_mulaw_is_that_of_g711() -> None:
    """Byte: complement of sign, exponent e (3 bits) and the 4 bits after the leading one of |x| + 132."""
    samples = np.arange(-32768, 32768)
    biased = np.minimum(np.abs(samples), 32635) + 132
    exponent = np.floor(np.log2(biased)).astype(int) - 7
    code = np.where(samples < 0, 0x80, 0) | exponent << 4 | biased >> exponent + 3 & 0x0F
    assert to_mulaw((samples / 32768).astype(np.float32)) == (~code & 0xFF).astype(np.uint8).tobytes()
    codes = ~np.arange(256) & 0xFF
    magnitude = ((codes & 0x0F) << 3 | 0x84) << (codes >> 4 & 7)
    decoded = np.where(codes & 0x80, 132 - magnitude, magnitude - 132)
    assert from_mulaw(bytes(range(256))).tolist() == decoded.tolist()
    assert from_mulaw(b"\xff\x00\x80").tolist() == [0, -32124, 32124]
    assert (to_mulaw(np.zeros(0, np.float32)), from_mulaw(b"").size) == (b"", 0)


@given(st.binary(max_size=100))
def test_mulaw_of_mulaw_is_itself(data: bytes) -> None:
    samples = from_mulaw(data)
    again = from_mulaw(to_mulaw((samples / 32768).astype(np.float32)))
    assert again.tolist() == samples.tolist()


if __name__ == "__main__":
    asyncio.run(record_golden())
