"""A limit on what the sessions of a command may take: each is let through once there is room for it.

Room is what is left of the amount after what has been spent and what is expected of sessions under way.
Nothing is let through past a session for which there is no room, so that the order stays.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from tml_bench.runs.jobs import Job, JobResult
from tml_bench.runs.queues import SessionPool
from tml_bench.runs.store import Attempt
from tml_bench.samples import Sample
from tml_bench.turns import Usage

Key = tuple[int, str]
"""Number of a run, and id of a sample."""
MOST_AHEAD = 256
"""Of sessions that are let through, so many are under way or wait for their turn at most."""
_ROUNDING = 1e-9


class SpendingMeter(Protocol):
    """Tells what sessions of one run take, in the unit of the limit."""

    def expected(self, sample: Sample) -> float:
        """What a session is expected to take."""

    def charge(self, sample: Sample, usage: Usage | msgspec.UnsetType, audio_s: float) -> float:
        """What a session has taken, by what its service told and how long it lasted."""


class _Asking(NamedTuple):
    place: int
    key: Key
    run: Path
    sample: Sample
    submit: Callable[[], None]


class SpendingLimit:
    """Lets sessions through as long as there is room.

    Args:
        amount: how much may be spent in all, what was spent before included.
        shown: an amount in words, with its unit.
        meters: of each run, by its folder.

    Attributes:
        spent: so far.
    """

    def __init__(
        self, amount: float, shown: Callable[[float], str], meters: Mapping[Path, SpendingMeter]
    ) -> None:
        self.amount = amount
        self.spent = 0.0
        self._shown = shown
        self._meters = meters
        self._waiting: deque[_Asking] = deque()
        self._through: dict[Key, _Asking] = {}
        self._places = 0

    @property
    def _taken(self) -> float:
        return self.spent + sum(self._expected(asking) for asking in self._through.values())

    def _expected(self, asking: _Asking) -> float:
        """What is expected now: meters learn from every session that ends."""
        return self._meters[asking.run].expected(asking.sample)

    @property
    def is_passed(self) -> bool:
        """What is spent and expected of sessions under way is more than the amount."""
        return self._taken > self.amount + _ROUNDING

    def count(self, run: Path, samples: Iterable[Sample], attempts: Iterable[Attempt]) -> None:
        """Count what attempts have taken that were made before, at these samples."""
        known = {sample.id: sample for sample in samples}
        for attempt in attempts:
            if (sample := known.get(attempt.sample)) is not None:
                self.spent += self._meters[run].charge(sample, attempt.usage, attempt.audio_s)

    def ask(self, key: Key, run: Path, sample: Sample, submit: Callable[[], None]) -> None:
        """Want a session; ``submit`` is called once there is room for it, by `let_through`."""
        self._waiting.append(_Asking(self._places, key, run, sample, submit))
        self._places += 1

    def let_through(self) -> bool:
        """Submit sessions while there is room for the next; returns whether there was for any."""
        some = False
        while self._waiting and len(self._through) < MOST_AHEAD:
            asking = self._waiting[0]
            if self._taken + self._expected(asking) > self.amount + _ROUNDING:
                break
            self._waiting.popleft()
            self._through[asking.key] = asking
            asking.submit()
            some = True
        return some

    def ended(
        self, key: Key, run: Path, sample: Sample, usage: Usage | msgspec.UnsetType, audio_s: float
    ) -> None:
        """A session has ended and took this."""
        self._through.pop(key, None)
        self.spent += self._meters[run].charge(sample, usage, audio_s)

    def put_back(self, keys: Iterable[Key]) -> None:
        """Sessions that were let through were not begun: they wait again, in their order."""
        back = [found for key in keys if (found := self._through.pop(key, None)) is not None]
        self._waiting = deque(sorted((*self._waiting, *back), key=lambda asking: asking.place))

    def forget(self, run: int, dropped: Iterable[Key] = ()) -> None:
        """Sessions of a run, by its number, are no longer wanted; those dropped are not under way either."""
        self._waiting = deque(asking for asking in self._waiting if asking.key[0] != run)
        for key in dropped:
            self._through.pop(key, None)

    def free(self) -> None:
        """No session is under way: those that never ended, as of an adapter given up, take nothing."""
        self._through.clear()

    def left(self, run: int) -> str:
        """What is to be said of a run, by its number, whose sessions still wait; empty where none does."""
        waiting = sum(asking.key[0] == run for asking in self._waiting)
        if not waiting:
            return ""
        sessions = f"{waiting} session{'s' * (waiting > 1)}"
        spent = f"{self._shown(self.spent)} of {self._shown(self.amount)} are spent"
        return f"{sessions} not held: {spent}, and the next would pass it"


def limited_results(
    pools: Sequence[SessionPool], limit: SpendingLimit | None
) -> Iterator[tuple[Job, JobResult]]:
    """Results as they come, until nothing is left that may run.

    With a limit sessions are submitted while there is room; those that have not begun are taken back where
    others took more than was expected.
    """
    while limit is None or limit.let_through():
        for patient in (False, True):
            for pool in pools:
                for job, result in pool.results(patient=patient):
                    yield job, result
                    if limit is not None:
                        if limit.is_passed:
                            limit.put_back(_taken_back(pools))
                        limit.let_through()
        if limit is None:
            return
        limit.put_back(_taken_back(pools))
        limit.free()


def _taken_back(pools: Iterable[SessionPool]) -> Iterator[tuple[int, str]]:
    """Keys of the sessions that had not begun."""
    return (job.key for pool in pools for job in pool.drop(lambda job: True))
