"""How many runs a process may have open together: each has two files, its log of attempts and its lock."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

Place = TypeVar("Place")
Item = TypeVar("Item")

_SHARE = 4
"""Two files a run; half of those that a process may open are left to what else it does."""


def runs_at_once() -> int:
    """As many as the limit on open files lets be open, at least one."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft // _SHARE)


def parts(places: Mapping[Place, Sequence[Item]], most: int) -> Iterator[dict[Place, Sequence[Item]]]:
    """What is in several places, at most so much at a time, in order; one part of nothing."""
    left = dict(places)
    while True:
        room, part = most, dict[Place, Sequence[Item]]()
        for place, items in left.items():
            part[place], left[place] = items[:room], items[room:]
            room -= len(part[place])
        yield part
        if not any(left.values()):
            return
