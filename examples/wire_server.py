"""A model behind the tml-bench wire protocol, in one file: ``python examples/wire_server.py [PORT]``.

It answers with a beep once the user has been silent for a while, falls silent when interrupted, replies to
text, and calls a function that a text names. It needs ``pip install websockets`` and nothing of tml-bench;
see ``docs/wire-protocol.md``. To plug in your own model, replace ``Model``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import struct
from array import array

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

HEADER = struct.Struct("<BBHIQ")  # kind, flags, item, seq, t_us
AUDIO = 1
RATE_IN, RATE_OUT = 16000, 24000
LOUD = 1000  # of 32768
SILENCE_MS = 300
READY = {
    "type": "ready",
    "model": "beep",
    "version": "1",
    "audio_in": {"rate": RATE_IN},
    "audio_out": {"rate": RATE_OUT},
    "modes": ["realtime", "lockstep"],
    "capabilities": ["text_in", "tools", "interrupt"],
}
BEEP = array(
    "h", (round(9000 * math.sin(2 * math.pi * 440 * i / RATE_OUT)) for i in range(RATE_OUT))
).tobytes()


class Model:
    """One session: what goes in, and what comes out as messages (dicts) and audio (bytes)."""

    def __init__(self, hello: dict) -> None:
        self.tools = [tool["name"] for tool in hello["tools"]]
        self.item = 0
        self.pending_ms = 0.0  # audio given and not yet heard
        self.heard_ms = 0.0
        self.quiet_ms = 0.0
        self.spoken_to = False

    def hear(self, samples: array) -> list:
        """Take 200 ms or so of the user's audio."""
        last_loud = max((i for i, s in enumerate(samples) if abs(s) > LOUD), default=None)
        if last_loud is None:
            self.quiet_ms += 1000 * len(samples) / RATE_IN
            return []
        self.quiet_ms = 1000 * (len(samples) - 1 - last_loud) / RATE_IN
        self.spoken_to = True
        if self.pending_ms > 0:
            self.pending_ms = 0.0
            return [{"type": "interrupted"}]
        return []

    def read(self, text: str) -> list:
        """Take a text message."""
        named = [tool for tool in self.tools if tool in text]
        calls = [{"type": "tool_call", "call_id": f"call-{t}", "name": t, "arguments": {}} for t in named]
        return [{"type": "text", "text": f"You wrote: {text}"}, *calls]

    def returned(self, result: dict) -> list:
        """Take what a function gave back."""
        return [{"type": "text", "text": f"{result['name']} gave {json.dumps(result['output'])}"}]

    def cut(self, item: int, heard_ms: float) -> list:
        """Learn how much of an interrupted reply was heard; a real model would forget the rest of it."""
        return []

    def tick(self, heard_ms: float) -> list:
        """A micro-turn is complete: say what there is to say."""
        self.pending_ms = max(0.0, self.pending_ms - (heard_ms - self.heard_ms))
        self.heard_ms = heard_ms
        if not self.spoken_to or self.quiet_ms < SILENCE_MS:
            return []
        self.spoken_to = False
        self.item += 1
        self.pending_ms += 1000.0
        word = {"text": "beep", "start_s": 0.0, "end_s": 1.0}
        spoken = {"type": "transcript", "item": self.item, "text": "beep", "words": [word]}
        return [spoken, HEADER.pack(AUDIO, 0, self.item, 0, 0) + BEEP]


async def session(socket: ServerConnection, compute_ms: float) -> None:
    """One session of the harness, to its end."""
    hello = json.loads(await socket.recv())
    if hello.get("protocol") != "1":
        await socket.send(json.dumps({"type": "error", "code": "version", "message": "this model speaks 1"}))
        return
    model = Model(hello)
    await socket.send(json.dumps(READY))
    async for data in socket:
        for answer in answers(model, data):
            await socket.send(answer if isinstance(answer, bytes) else json.dumps(answer))
        message = {} if isinstance(data, bytes) else json.loads(data)
        if message.get("type") == "tick" and hello["mode"] == "lockstep":
            await socket.send(json.dumps({"type": "tick_done", "n": message["n"], "compute_ms": compute_ms}))


def answers(model: Model, data: str | bytes) -> list:
    """What the model gives for one message; messages and kinds it does not know do nothing."""
    if isinstance(data, bytes):
        kind, _, _, _, _ = HEADER.unpack_from(data)
        return model.hear(array("h", data[HEADER.size :])) if kind == AUDIO else []
    message = json.loads(data)
    match message["type"]:
        case "text":
            return model.read(message["text"])
        case "tool_result":
            return model.returned(message)
        case "truncate":
            return model.cut(message["item"], message["heard_ms"])
        case "tick":
            return model.tick(message["heard_ms"])
    return []


async def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, nargs="?", default=8765)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for any")
    parser.add_argument("--compute-ms", type=float, default=0.0, help="reported cost of each micro-turn")
    options = parser.parse_args()

    async def one(socket: ServerConnection) -> None:
        try:
            await session(socket, options.compute_ms)
        except ConnectionClosed:
            return  # the harness was stopped
        except (ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
            await socket.close(1002, f"{type(error).__name__}: {error}"[:100])

    async with serve(one, options.host, options.port, max_size=2**20, compression=None) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
