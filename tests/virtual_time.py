"""An asyncio event loop whose clock jumps to the next timer: wall-clock code tested without waiting."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for ``patience_s`` at most: where nothing is ready the clock jumps over the time-out."""

    def __init__(self, patience_s: float) -> None:
        super().__init__()
        self.now = 0.0
        self._patience_s = patience_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout == 0 else self._patience_s)
        if not ready:
            assert timeout is not None, "nothing is scheduled: the code under test would wait for ever"
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Its ``time`` starts at 0 and moves only when everything waits.

    With sockets of the loopback interface, whose other end is on the same loop, it needs the ``patience_s``
    that the kernel may take to hand over what was sent.
    """

    def __init__(self, patience_s: float = 0.0) -> None:
        self._jumping = _JumpingSelector(patience_s)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """What is done in some thread or other is done at once: it takes no time, and none is waited for."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def clock_ns(self) -> int:
        """The virtual time in nanoseconds."""
        return round(self._jumping.now * 1e9)


def run_virtual(make: Coroutine[Any, Any, T], loop: VirtualTimeLoop) -> T:
    """Run a coroutine to its end in virtual time."""
    try:
        return loop.run_until_complete(make)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
