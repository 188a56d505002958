"""Memory for what every adapter needs again: one after the other they play the same samples of a task."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class KeptByTask(Generic[K, V]):
    """Keeps values up to ``most_bytes``; those of the task that was left longest ago make room for another's.

    The samples of a task come in the same order with every adapter, so within it what came first is kept:
    room made for what comes later would be gone again before it is asked for.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.bytes = 0
        """How many are kept."""
        self._tasks: OrderedDict[str, dict[K, tuple[V, int]]] = OrderedDict({"": {}})

    def turn_to(self, task: str) -> None:
        """What is kept from now on is kept for this task."""
        self._tasks.setdefault(task, {})
        self._tasks.move_to_end(task)

    def get(self, key: K) -> V | None:
        """The value of a key, for whichever task it was kept; None where none is kept."""
        for kept in reversed(self._tasks.values()):
            if key in kept:
                return kept[key][0]
        return None

    def has_room(self, size: int) -> bool:
        """Whether a value of so many bytes would be kept, if need be in the place of other tasks'."""
        return _bytes(self._own) + size <= self._most_bytes

    def keep(self, key: K, value: V, size: int) -> None:
        """Keep a value of so many bytes where there is room and none is kept under this key."""
        if not self.has_room(size) or self.get(key) is not None:
            return
        while self.bytes + size > self._most_bytes:
            _, left = self._tasks.popitem(last=False)
            self.bytes -= _bytes(left)
        self._own[key] = value, size
        self.bytes += size

    @property
    def _own(self) -> dict[K, tuple[V, int]]:
        return next(reversed(self._tasks.values()))


def _bytes(kept: Mapping[K, tuple[V, int]]) -> int:
    return sum(size for _, size in kept.values())
