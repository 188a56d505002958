"""Fails a test that leaves something of asyncio behind: a task, a transport, an async generator, a loop.

``asyncio.run`` cancels what its coroutine left running, so that nobody notices. This looks at every event
loop at the moments when it still shows: when a coroutine run to its end has left tasks undone, when async
generators are shut down, and when the loop is closed. It costs microseconds: no garbage is collected, and
nothing is traced. A loop that was there before the test (of a server that tests share) is not looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_Loop = asyncio.BaseEventLoop
_INIT, _RUN, _SHUT_DOWN, _CLOSE, _COMPLAIN = (
    _Loop.__init__,
    _Loop.run_until_complete,
    _Loop.shutdown_asyncgens,
    _Loop.close,
    _Loop.call_exception_handler,
)
DESTROYED = "Task was destroyed but it is pending!"
"""What asyncio says of a task that nobody holds any more and that never ended."""


class Watch:
    """Sees the event loops that are made while it watches.

    Attributes:
        found: what they left, in words.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._loops: list[asyncio.BaseEventLoop] = []
        self._told: dict[int, object] = {}

    def add(self, loop: asyncio.BaseEventLoop) -> None:
        self._loops.append(loop)

    def ran(self, loop: asyncio.BaseEventLoop) -> None:
        """A coroutine has run to its end; what it began should have ended too."""
        for task in asyncio.all_tasks(loop) if self._watches(loop) else ():
            self._tell(task, f"a task is left running: {task!r}")

    def shuts_down(self, loop: asyncio.BaseEventLoop) -> None:
        for generator in list(loop._asyncgens) if self._watches(loop) else ():
            if generator.ag_frame is not None and not generator.ag_running:
                self._tell(generator, f"an async generator is left open: {generator!r}")

    def closes(self, loop: asyncio.BaseEventLoop) -> None:
        """The loop's own pipe is closed by now; whatever is still registered is somebody's."""
        if not self._watches(loop) or loop.is_closed():
            return
        self.ran(loop)
        transports = [t for t in dict(getattr(loop, "_transports", {})).values() if not t.is_closing()]
        for transport in transports:
            self._tell(transport, f"a transport is left open: {transport!r}")
        open_files = {t.get_extra_info("socket").fileno() for t in transports if t.get_extra_info("socket")}
        selector = getattr(loop, "_selector", None)
        for key in list(selector.get_map().values()) if selector is not None else ():
            if key.fd not in open_files:
                self.found.append(f"file {key.fd} is left registered: {key.data!r}")

    def complained(self, loop: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
        if self._watches(loop) and context.get("message") == DESTROYED:
            self._tell(context["task"], f"a task nobody holds never ended: {context['task']!r}")

    def end(self) -> None:
        """The test is over: its loops should be closed."""
        self.found += [f"a loop is left open: {loop!r}" for loop in self._loops if not loop.is_closed()]

    def _watches(self, loop: asyncio.BaseEventLoop) -> bool:
        return any(loop is each for each in self._loops)

    def _tell(self, what: object, words: str) -> None:
        if id(what) not in self._told:
            self._told[id(what)] = what  # held, so that nothing else gets its id
            self.found.append(words)


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch event loops; of watches within one another only the innermost sees anything."""
    watch = Watch()
    interrupted = set[asyncio.BaseEventLoop]()

    def init(loop: asyncio.BaseEventLoop, *args: Any, **named: Any) -> None:
        watch.add(loop)
        _INIT(loop, *args, **named)

    def run(loop: asyncio.BaseEventLoop, future: Any) -> Any:
        try:
            return _RUN(loop, future)
        except (KeyboardInterrupt, SystemExit):
            interrupted.add(loop)  # what was running then is for whoever interrupts to cancel
            raise
        finally:
            if loop not in interrupted:
                watch.ran(loop)

    async def shut_down(loop: asyncio.BaseEventLoop) -> None:
        watch.shuts_down(loop)
        await _SHUT_DOWN(loop)

    def close(loop: asyncio.BaseEventLoop) -> None:
        watch.closes(loop)
        _CLOSE(loop)

    def complain(loop: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
        watch.complained(loop, context)
        _COMPLAIN(loop, context)

    with pytest.MonkeyPatch.context() as patch:
        for name, function in (
            ("__init__", init),
            ("run_until_complete", run),
            ("shutdown_asyncgens", shut_down),
            ("close", close),
            ("call_exception_handler", complain),
        ):
            patch.setattr(_Loop, name, function)
        yield watch
    watch.end()


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Fail the test that leaves something of asyncio behind."""
    with watched() as watch:
        yield
    if watch.found:
        pytest.fail("\n".join(watch.found), pytrace=False)
