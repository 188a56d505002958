"""A service shows a key back, whole, cut or encoded, in all that it says: no file has a piece of it."""

from __future__ import annotations

import json
import random
import string
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from fakes import attempts_of, forget_secrets, session_of, write_data
from websockets.asyncio.server import ServerConnection
from wire_servers import greet, serving, until_tick

from tml_bench.cli import main

KEY = "".join(random.Random(3).choices(string.ascii_letters + string.digits + "-_", k=30))
CUTS = [KEY[:n] for n in range(1, len(KEY) + 1)] + [KEY[n:] for n in range(1, len(KEY))]
MASKED = f"Incorrect API key provided: {KEY[:11]}...{KEY[-8:]}. You can find your keys at"


def shown() -> Iterator[dict[str, object]]:
    """Messages that show the key, cut at every place, between two, and encoded."""
    for n, cut in enumerate(CUTS):
        yield {"type": "transcript", "item": n + 1, "text": f"so {cut}"}
        yield {"type": "text", "text": f"{cut} it is"}
    for n in range(1, len(KEY)):
        yield {"type": "transcript", "item": 100 + n, "text": KEY[:n]}
        yield {"type": "transcript", "item": 100 + n, "text": KEY[n:]}
    for at in range(0, len(KEY), 3):
        yield {"type": "transcript", "item": 200, "text": KEY[at : at + 3]}
    word = {"text": KEY[3:17], "start_s": 0.0, "end_s": 0.1}
    yield {"type": "transcript", "item": 201, "text": KEY[3:17], "words": [word]}
    arguments = {
        f"a{KEY[:9]}": [KEY[4:], b64encode(KEY.encode()).decode()],
        "url": f"http://h/?k={quote(KEY)}",
    }
    yield {"type": "tool_call", "call_id": KEY[:20], "name": KEY[7:], "arguments": arguments}
    yield {
        "type": f"x.{KEY[:9]}",
        "a": {KEY[5:]: "\\u00" + KEY[:7]},
        "padded": "x " * 9990 + KEY,
        "cuts": CUTS,
    }


async def show(socket: ServerConnection) -> None:
    """Serve the protocol; what else is said depends on the session."""
    head = socket.request.headers if socket.request else {}
    assert head.get("Authorization") == f"Bearer {KEY}"
    session = (await greet(socket, model=f"m-{KEY[:9]}", version=KEY[6:]))["session_id"]
    while True:
        tick = await until_tick(socket)
        if tick["n"] == 5:
            if session == session_of("fd-bench-v1", "candor_turn_taking-1"):
                await socket.send(json.dumps({"type": "error", "code": KEY[:8], "message": MASKED}))
            elif session == session_of("fd-bench-v1", "candor_turn_taking-2"):
                await socket.close(1011, f"no session for {KEY[:11]}**{KEY[11:]} or {KEY[:21]}")
            elif session == session_of("fd-bench-v1", "synthetic_user_interruption-1"):
                await socket.send("x" * 70 + KEY)
            elif session == session_of("fd-bench-v1", "synthetic_user_interruption-2"):
                await socket.send(json.dumps({"type": "transcript", "item": KEY, "text": ""}))
            else:
                for message in shown():
                    await socket.send(json.dumps(message))
        await socket.send(json.dumps({"type": "tick_done", "n": tick["n"]}))


def pieces_in(text: str) -> list[str]:
    """Five characters of the key, or six of its base64, that stand there."""
    coded = [b64encode(b"x" * n + KEY.encode()).decode()[2 * n : 38] for n in range(3)]
    plain = [KEY[i : i + 5] for i in range(len(KEY) - 4)]
    return [p for p in plain + [c[i : i + 6] for c in coded for i in range(len(c) - 5)] if p in text]


@pytest.mark.parametrize("adapter", ["wire", "wire-lockstep"])
def test_no_piece_of_a_key_is_on_disk_or_shown(
    adapter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out, data = tmp_path / "out", write_data(tmp_path / "data", each=2, duration_s=3.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TML_BENCH_WIRE_TOKEN", KEY)
    forget_secrets()  # what the environment held before
    said = ""
    with serving(show) as url:
        spec = f"{adapter}:{url}/?session={KEY[:12]}"
        run = ["run", "--adapter", spec, "--task", "fd-bench-v1", "--data", str(data), "--out", str(out)]
        for command in ([*run, "--jobs", "1"], ["report", str(out)]):
            said += CliRunner().invoke(main, command).output
    said += "".join(capfd.readouterr())  # what processes of sessions said
    (run,) = out.glob("fd-bench-v1-*")
    attempts = attempts_of(run)
    assert attempts["candor_pause_handling-1"].outcome == "valid"
    refused = attempts["candor_turn_taking-1"].reason
    assert "the model answers [redacted]: Incorrect API key provided: [redacted]...[redacted]. You" in refused
    assert len({a.reason for a in attempts.values()}) == 5
    log = (run / "fd-bench-v1" / "candor_pause_handling-1" / "1" / "session.jsonl").read_text()
    assert log.count("[redacted]") > 100
    files = [path for path in tmp_path.rglob("*") if path.is_file() and data not in path.parents]
    assert len(files) > 30
    assert {str(p): found for p in files if (found := pieces_in(p.read_bytes().decode("latin-1")))} == {}
    assert [str(path) for path in tmp_path.rglob("*") if pieces_in(path.name)] == []
    assert pieces_in(said) == []
