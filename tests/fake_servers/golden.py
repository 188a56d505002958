"""Golden sessions of the OpenAI-shaped adapters: wire logs of the fake servers, and what they mean.

``python golden.py [DIALECT ...]`` runs a session of each against its fake server and writes
``tests/golden/openai-realtime-DIALECT.jsonl``: a user's turn that is answered, one that interrupts the answer
and is answered with a function call, and the answer to its result; without functions, with speech. Lines of
the service hold what the adapter made of them when it was recorded, to be read by a person before they are
committed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tml_bench.adapter import LiveAdapter, ModelEvent, Output
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.openai_realtime.dialects import DIALECTS
from tml_bench.recording_writer import RecordingWriter
from tml_bench.redact import kept
from tml_bench.samples import At, IntoModelSpeech, Reference, Sample, Script, Tool, UserTurn, Waveform
from tml_bench.session.live import LiveSession
from tml_bench.session.settings import Settings, opened_event

GOLDEN = Path(__file__).parent.parent / "golden"


def meaning(events: Iterable[ModelEvent]) -> list[str]:
    """Outputs in a line each: ``audio 480 item_1``, ``says Hello item_1``, ``calls f {...}``, ``flush``."""
    lines = []
    for event in events:
        if isinstance(event, Output):
            lines += ["flush"] if event.flush else []
            lines += [f"audio {len(event.audio)} {event.item}".strip()] if event.audio is not None else []
            lines += [f"says {piece.text} {event.item}".strip() for piece in event.transcript]
            lines += [f"writes {event.text}"] if event.text else []
            lines += [f"calls {call.name} {json.dumps(call.arguments)}" for call in event.tool_calls]
    return lines


def golden_path(name: str) -> Path:
    return GOLDEN / f"{name}.jsonl"


def read_golden(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in golden_path(name).read_text().splitlines()]


def replay(adapter: OpenAIRealtime | OpenAILive, lines: list[dict[str, Any]]) -> list[list[str]]:
    """What the adapter makes of each message of the service, without a socket."""
    said = [json.dumps(line["message"]) for line in lines if line["from"] == "service"]
    return [meaning(adapter.understand(message)) for message in said]


def two_turns(tools: bool) -> Sample:
    from fakes import tone

    user = Waveform(tone(0.3, 16000), 16000)
    tool = Tool("weather", "of a city", {"type": "object"}, lambda given: {"sunny": given}, latency_s=0.1)
    script = Script(
        turns=(UserTurn(user, At(0.1)), UserTurn(user, IntoModelSpeech(0.1))),
        tail_s=1.5,
        instructions="Be brief.",
        tools=(tool,) if tools else (),
    )
    return Sample("golden", "all", script, Reference())


async def run_live(adapter: LiveAdapter, sample: Sample, folder: Path, tick_ms: int = 100) -> None:
    settings = Settings(tick_ns=tick_ms * 1_000_000)
    opened = opened_event("fake", sample, "fake", adapter, settings)
    with RecordingWriter(folder, opened, clock="wall", compute="ideal") as writer:
        try:
            await LiveSession("fake", sample, adapter, settings, writer).run()
        finally:
            writer.close()


def written(log: list[tuple[bool, int, dict[str, Any]]], adapter: OpenAIRealtime | OpenAILive) -> str:
    lines = []
    for sent, t_ns, message in log:
        ms = (t_ns - log[0][1]) // 1_000_000
        line: dict[str, Any] = {"from": "service" if sent else "client", "ms": ms}
        line["message"] = message if sent else kept(message)
        if sent:
            line["means"] = meaning(adapter.understand(json.dumps(message)))
        lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"


async def record(dialect: str) -> None:
    from fake_servers.openai_realtime import Answer, Call, FakeRealtime

    call = Answer(calls=(Call("call_1", "weather", '{"city": "Lima"}'),))
    slow = DIALECTS[dialect].unit_ms > 0
    speech = Answer(ms=200 if slow else 400, piece_ms=20, every_ms=200 if slow else 15, paced=True)
    answers = [speech, call, Answer(ms=40, piece_ms=20, text="It is sunny.")]
    tools = DIALECTS[dialect].tools
    async with FakeRealtime(dialect, answers if tools else [speech]) as server:
        with tempfile.TemporaryDirectory() as folder:
            adapter = OpenAIRealtime(dialect, base_url=server.url)
            await run_live(adapter, two_turns(tools), Path(folder) / "r")
        assert not server.problems, server.problems
        text = written(server.sessions[0].log, OpenAIRealtime(dialect, base_url=server.url))
        golden_path(f"openai-realtime-{dialect}").write_text(text)


async def record_live() -> None:
    from fake_servers.openai_live import FakeLive
    from fake_servers.openai_realtime import Answer, Call

    call = Answer(calls=(Call("call_1", "weather", '{"city": "Lima"}'),))
    async with FakeLive([Answer(ms=200), call, Answer(ms=200, text="It is sunny.")]) as server:
        with tempfile.TemporaryDirectory() as folder:
            adapter = OpenAILive(base_url=server.url, rate=16000)
            await run_live(adapter, two_turns(True), Path(folder) / "r")
        assert not server.problems, server.problems
        text = written(server.sessions[0].log, OpenAILive(base_url=server.url, rate=16000))
        golden_path("openai-live").write_text(text)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    for name in sys.argv[1:] or [*DIALECTS, "live"]:
        asyncio.run(record_live() if name == "live" else record(name))
