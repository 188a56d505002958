"""Servers of the wire protocol with one slot, which they free some time after a session has ended."""

from __future__ import annotations

import asyncio
import json
import threading
import time

from websockets.asyncio.server import ServerConnection
from wire_servers import READY, Handler, until_tick

BUSY = {"type": "error", "code": "busy", "message": "one session at a time"}


def one_slot(refusal: dict | int, frees_s: float, **ready: object) -> Handler:  # type: ignore[type-arg]
    """A server that answers each tick; a session too many gets this message, or is closed with this code."""
    lock = threading.Lock()
    free_at = [0.0]

    async def handle(socket: ServerConnection) -> None:
        try:
            hello = json.loads(await socket.recv())
            version = hello["protocol"]
        except (ValueError, LookupError, TypeError):
            return
        if version != "1":
            await socket.send(json.dumps({"type": "error", "code": "version"}))
            return
        if time.monotonic() < free_at[0] or not lock.acquire(blocking=False):
            if isinstance(refusal, int):
                await socket.close(refusal)
            else:
                await socket.send(json.dumps(refusal))
            return
        try:
            await socket.send(json.dumps(READY | ready))
            while True:
                tick = await until_tick(socket)
                if hello["mode"] == "lockstep":
                    await socket.send(json.dumps({"type": "tick_done", "n": tick["n"]}))
        finally:
            free_at[0] = time.monotonic() + frees_s
            lock.release()
            await asyncio.sleep(0)

    return handle
