"""What runs beside the clock of a live session, and who is to blame for what an adapter raises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from tml_bench.adapter import InfrastructureError, ModelEvent, ProtocolError
from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.session.checks import AdapterFaultError


class HelperTasks:
    """Coroutines that run beside the clock; what one raises first ends the session."""

    def __init__(self, *work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> HelperTasks:
        self._tasks = [asyncio.create_task(work) for work in self._work]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        return self

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)
            self._failed.exception()  # it need not be raised: the session may have ended before

    async def wait(self, seconds: float) -> None:
        """Wait so long, or raise what one of them has raised."""
        await asyncio.wait((self._failed,), timeout=seconds)
        if self._failed.done():
            self._failed.result()

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextmanager
def blaming(where: str) -> Iterator[None]:
    """Turn whatever the adapter raises into a fault of the adapter, but for what has a meaning of its own."""
    try:
        yield
    except (InfrastructureError, ProtocolError, AdapterFaultError, UserError):
        raise
    except TimeoutError as error:
        raise InfrastructureError(f"{where}: no answer in time") from error
    except Exception as error:
        raise AdapterFaultError(f"{where} raised {in_one_line(error)}") from error


async def blamed(events: AsyncIterator[ModelEvent]) -> AsyncIterator[ModelEvent]:
    """The events, with errors as by ``blaming``."""
    with blaming("events"):
        async for event in events:
            yield event
