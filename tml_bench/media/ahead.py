"""Work done before it is asked for, by a thread beside one that must not wait."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class WorkAhead(Generic[T]):
    """A piece of work for ``aside``; who asks before its turn has come does it himself.

    ``aside`` does one piece of work at a time; None to do it when asked.
    """

    def __init__(self, work: Callable[[], T], aside: Executor | None) -> None:
        self._work = work
        self._future = None if aside is None else aside.submit(work)

    def result(self) -> T:
        """What it gives, to be asked for once; raises what it raises."""
        if self._future is None or self._future.cancel():
            return self._work()
        return self._future.result()

    def drop(self, over: Callable[[T | None], None]) -> None:
        """It is not wanted: ``over`` takes what it gave, None for nothing, as soon as nobody is at it."""
        if self._future is None or self._future.cancel():
            over(None)
        else:
            self._future.add_done_callback(lambda done: over(None if done.exception() else done.result()))


class BlocksAhead(Iterator[T]):
    """The same blocks, each fetched by ``aside`` while the one before it is used; the first at once."""

    def __init__(self, blocks: Iterator[T], aside: Executor) -> None:
        self._blocks = blocks
        self._aside = aside
        first = self._fetch()
        self._next = WorkAhead(lambda: first, None)

    def _fetch(self) -> T | None:
        return next(self._blocks, None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        block = self._next.result()
        if block is None:
            raise StopIteration
        self._next = WorkAhead(self._fetch, self._aside)
        return block

    def close(self, over: Callable[[], None]) -> None:
        """Fetch no more; ``over`` is called as soon as nobody fetches."""
        self._next.drop(lambda _: over())
