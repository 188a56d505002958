"""Taking items from an iterator in a thread of its own, a few ahead of who wants them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """The items of an iterator, in order; while one is used the next ones are made.

    Only the thread of this object touches the iterator, until ``close``. An error of the iterator is raised
    where its item would have come. The thread ends by itself when the object is no longer used.

    Args:
        items: gives what is wanted; it should spend its time outside Python's lock.
        depth: how many items are made before they are asked for, at least 1. As many are in memory.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._items = items
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._coming: deque[Future[T | None]] = deque(self._order() for _ in range(depth))

    def _order(self) -> Future[T | None]:
        return self._thread.submit(next, self._items, None)

    def __iter__(self) -> Iterator[T]:
        """The object itself."""
        return self

    def __next__(self) -> T:
        """The next item."""
        if not self._coming:
            raise StopIteration
        item = self._coming.popleft().result()
        if item is None:
            self._coming.clear()
            raise StopIteration
        self._coming.append(self._order())
        return item

    def close(self) -> None:
        """Stop; waits for the item that is being made. Nothing more comes."""
        self._coming.clear()
        self._thread.shutdown(cancel_futures=True)
