"""Fake servers in a process of their own, as services are: what they compute holds up nobody else's clock."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Protocol, Self


class Server(Protocol):
    """What a fake server tells of itself.

    Attributes:
        url: for the adapter.
        problems: what the client did wrong.
        answered_ns: when the first audio of each answer left, in monotonic nanoseconds, which all processes
            of a machine share.
    """

    @property
    def url(self) -> str: ...
    @property
    def problems(self) -> list[str]: ...
    @property
    def answered_ns(self) -> list[int]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: Any) -> None: ...


@dataclass
class Apart:
    """Servers that run, and the number of their process; the rest is known once they have stopped."""

    urls: list[str]
    process: int
    problems: list[str] = field(default_factory=list)
    answered_ns: list[list[int]] = field(default_factory=list)


@contextlib.contextmanager
def apart(makes: Sequence[Callable[[], Server]]) -> Iterator[Apart]:
    """Run servers in one process of their own; ``makes`` must be picklable."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(theirs, list(makes)), daemon=True)
    process.start()
    theirs.close()
    try:
        servers = Apart(ours.recv(), process.pid or 0)
        yield servers
        ours.send("stop")
        servers.problems, servers.answered_ns = ours.recv()
    finally:
        ours.close()
        process.join()


def _main(connection: Connection, makes: list[Callable[[], Server]]) -> None:
    asyncio.run(_serve(connection, makes))


async def _serve(connection: Connection, makes: list[Callable[[], Server]]) -> None:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_reader(connection.fileno(), asked.set)
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(make()) for make in makes]
        gc.collect()
        gc.freeze()  # a collection would look at all of the vendor's types
        connection.send([server.url for server in servers])
        await asked.wait()
        problems = [problem for server in servers for problem in server.problems]
        with contextlib.suppress(BrokenPipeError):
            connection.send((problems, [server.answered_ns for server in servers]))
