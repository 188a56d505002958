"""A relay between a client and its server that can stop or end, like a server whose process hangs or dies."""

from __future__ import annotations

import asyncio
from typing import Self


class Tap:
    """Passes on what both sides send, until it is told otherwise.

    Args:
        port: of the server, on the loopback interface.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()
        self._cut = False
        self._answer_bytes: int | None = None
        self._when_reached = self.freeze

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        self._flowing.set()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self._server.wait_closed()

    def freeze(self) -> None:
        """Read no more and pass on nothing more; connections stay open, as those of a stopped process do."""
        self._flowing.clear()

    def cut(self) -> None:
        """End all connections at once, and those to come."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def after(self, answer_bytes: int, act: str) -> None:
        """``freeze`` or ``cut`` once the server has sent so much more."""
        self._answer_bytes = answer_bytes
        self._when_reached = getattr(self, act)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if not self._cut:
            await self._flowing.wait()
        if self._cut:
            writer.transport.abort()
            return
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers.append(to_server)
        for ends in ((reader, to_server, False), (from_server, writer, True)):
            pump = asyncio.create_task(self._pump(*ends))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        try:
            while data := await reader.read(2**16):
                await self._flowing.wait()
                if answers and self._answer_bytes is not None:
                    data, rest = data[: self._answer_bytes], data[self._answer_bytes :]
                    self._answer_bytes -= len(data)
                    writer.write(data)
                    if rest:
                        self._when_reached()
                        await self._flowing.wait()
                    data = rest
                writer.write(data)
                await writer.drain()
            await self._flowing.wait()
            writer.close()
        except ConnectionError:
            writer.transport.abort()
