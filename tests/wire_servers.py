"""Servers of the wire protocol for tests: the reference ones as processes, hostile ones in a thread."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LANGUAGES = ("python", "node")
READY = {
    "type": "ready",
    "audio_in": {"rate": 16000},
    "audio_out": {"rate": 24000},
    "modes": ["realtime", "lockstep"],
}
Handler = Callable[[ServerConnection], Awaitable[None]]


@contextmanager
def reference_server(language: str, *options: str) -> Iterator[str]:
    """The address of a running reference server."""
    if language == "node" and shutil.which("node") is None:
        pytest.skip("node is not installed: the reference server in Node cannot run")
    program = {"python": [sys.executable, "wire_server.py"], "node": ["node", "wire_server.mjs"]}[language]
    process = subprocess.Popen(
        [program[0], str(EXAMPLES / program[1]), "0", *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@contextmanager
def serving(handler: Handler) -> Iterator[str]:
    """The address of a server in this process that handles each connection so."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def quietly(socket: ServerConnection) -> None:
        try:
            await handler(socket)
        except (ConnectionClosed, ConnectionError):
            return

    async def start() -> object:
        return await serve(quietly, "127.0.0.1", 0, compression=None, close_timeout=0.1, max_size=None)

    async def end() -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        server.close()
        await server.wait_closed()

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def greet(socket: ServerConnection, **changes: object) -> dict:  # type: ignore[type-arg]
    """Take the hello and answer ``ready``; gives the hello."""
    hello = json.loads(await socket.recv())
    await socket.send(json.dumps(READY | changes))
    return hello


async def until_tick(socket: ServerConnection) -> dict:  # type: ignore[type-arg]
    """Take messages up to and with the next ``tick``; gives it."""
    async for data in socket:
        if isinstance(data, str) and json.loads(data)["type"] == "tick":
            return json.loads(data)
    raise ConnectionError


def step_server(answer: Callable[[dict], list], **ready: object) -> Handler:  # type: ignore[type-arg]
    """A lockstep server that answers each tick with these messages (dicts, or raw text or bytes)."""

    async def handle(socket: ServerConnection) -> None:
        await greet(socket, **ready)
        while True:
            for message in answer(await until_tick(socket)):
                await socket.send(json.dumps(message) if isinstance(message, dict) else message)

    return handle


def open_files() -> int:
    """How many file descriptors this process holds."""
    return len(os.listdir("/proc/self/fd"))
