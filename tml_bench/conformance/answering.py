"""A server of the wire protocol that gives back what it hears, for measuring: ``python -m`` this module.

It prints its address and serves until its input ends.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tml_bench.wire.messages import AUDIO, BinaryFrame

RATE = 24000
"""Of what it hears and says, in Hz."""
READY = {
    "type": "ready",
    "model": "echo",
    "version": "1",
    "audio_in": {"rate": RATE},
    "audio_out": {"rate": RATE},
    "modes": ["realtime"],
}


async def answer(socket: ServerConnection) -> None:
    """One session."""
    try:
        await socket.recv()
        await socket.send(json.dumps(READY))
        async for data in socket:
            if isinstance(data, bytes):
                heard = BinaryFrame.unpack(data)
                await socket.send(BinaryFrame(AUDIO, 1, heard.seq, 0, heard.payload).pack())
    except ConnectionClosed:
        return


async def main() -> None:
    """Serve until the input ends."""
    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
