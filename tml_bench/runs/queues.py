"""Jobs that wait, each adapter's in a queue of its own, and when the next of them may start.

Every adapter has its own limits, and is waited for by itself: one that is away keeps no other from starting.
After a temporary failure of its service a queue pauses, twice as long each time, a little more or less by a
seeded chance, and at least as long as the service asks. Failures of sessions that started before the last
one was known say nothing new and count with it; a session that went through ends the count. A session that
was not even opened goes back to its place. Once an adapter has been waited for too long, or cannot be used
at all, it is given up: what still waits is dropped and stays to be done.
"""

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Self

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.redact import redacted
from tml_bench.runs.back_off import BackOff, Patience
from tml_bench.runs.jobs import Job, JobResult, ServiceFailure, SessionJob

LOOK_AHEAD = 16
"""So far from its place a job may be preferred to others."""
SLOW_S = 5.0
"""A preflight that takes longer is told."""
_RESOLUTION_S, _SOON_S = 1e-6, 1.0

CONTINUE = "the same command continues"


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A job that has been started: its place in the order of submission, and when it began."""

    job: Job
    place: int
    began_s: float


class AdapterQueue:
    """The jobs of one adapter that wait, and how many of them run.

    Args:
        adapter: its name, as jobs have it; empty for jobs without a model.
        at_once: most jobs that run side by side.
        interval_s: least time between two starts.
        tell: gets a line for each pause.

    Attributes:
        preflight: done before all others, and alone; how it ends is nobody's result. None once it has gone
            through.
        running: how many jobs run.
        given_up: why nothing is started any more.
    """

    def __init__(
        self,
        adapter: str,
        patience: Patience,
        *,
        at_once: float = math.inf,
        interval_s: float = 0.0,
        tell: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.adapter = adapter
        self.at_once = at_once
        self.running = 0
        self.preflight: SessionJob | None = None
        self.given_up: UserError | None = None
        self._name = redacted(adapter)
        self._interval_s = interval_s
        self._tell = tell
        self._clock = clock
        self._waiting: list[tuple[int, Job]] = []
        self._next_s = -math.inf
        self._slow_s = math.inf
        self._patience = patience
        self._back_off = self._new_back_off()

    def _new_back_off(self) -> BackOff:
        return BackOff(self._patience, self.adapter, self._clock)

    @property
    def first(self) -> int:
        """The place of the job that is next."""
        return self._waiting[0][0]

    @property
    def length(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def submit(self, place: int, job: Job) -> None:
        """Queue a job; an adapter that was given up gets a new chance."""
        if self.given_up is not None:
            self.given_up, self._back_off = None, self._new_back_off()
        heappush(self._waiting, (place, job))

    def drop(self, unwanted: Callable[[Job], bool]) -> list[Job]:
        """Forget waiting jobs; returns them."""
        dropped = [job for _, job in self._waiting if unwanted(job)]
        self._waiting = [(place, job) for place, job in self._waiting if not unwanted(job)]
        heapify(self._waiting)
        return dropped

    def wait_s(self) -> float:
        """How long until a job may start; infinite where none waits, or another has to end first."""
        alone = self.preflight is not None or self._back_off.exhausted
        if not self._waiting or self.running >= (1 if alone else self.at_once):
            return math.inf
        wait_s = max(self._next_s - self._clock(), self._back_off.wait_s)
        return wait_s if wait_s > _RESOLUTION_S else 0.0

    def remind(self) -> None:
        """Say once that the preflight takes long, as where a server takes the connection and says nothing."""
        if self._slow_s < self._clock() and self.preflight is not None and self.running:
            self._tell(f"waiting for {self._name}: it has opened no session within {SLOW_S:g} s")
            self._slow_s = math.inf

    def start(self, preferred: Callable[[Job], bool] = lambda job: True) -> StartedJob:
        """Take the job that is next, once ``wait_s`` is 0; of the next `LOOK_AHEAD` the first preferred."""
        now_s = self._clock()
        self._slow_s = now_s + SLOW_S
        place, job = (-1, self.preflight) if self.preflight else self._taken(preferred)
        self._next_s = max(self._next_s, now_s) + self._interval_s
        self.running += 1
        return StartedJob(job, place, now_s)

    def _taken(self, preferred: Callable[[Job], bool]) -> tuple[int, Job]:
        passed = [heappop(self._waiting)]
        while not preferred(passed[-1][1]) and self._waiting and len(passed) < LOOK_AHEAD:
            passed.append(heappop(self._waiting))
        taken = passed.pop(-1 if preferred(passed[-1][1]) else 0)
        for other in passed:
            heappush(self._waiting, other)
        return taken

    def ended(self, started: StartedJob, result: JobResult) -> bool:
        """Take a result; True where it is the job's, False where that waits again or is left to be done."""
        self.running -= 1
        is_preflight = started.job is self.preflight
        service_s = result.fatal or result.failed is not None
        if service_s and self.given_up is not None:
            return result.failed is ServiceFailure.SESSION
        if result.fatal:
            self.give_up(result.reason)
        elif result.failed is not None:
            self._pause(started, result, result.failed)
        elif is_preflight:
            self.preflight = None
        if result.recording and result.outcome is not Outcome.INFRASTRUCTURE:
            self._back_off.succeeded()
        if is_preflight:
            return False
        if self.given_up is None and result.failed is ServiceFailure.OPENING:
            heappush(self._waiting, (started.place, started.job))
            return False
        return True

    def _pause(self, started: StartedJob, result: JobResult, failed: ServiceFailure) -> None:
        opening = failed is ServiceFailure.OPENING or started.job is self.preflight
        new = self._back_off.failed(started.began_s, result.quota_s, opening=opening)
        wait_s = self._back_off.wait_s
        if not self._back_off.exhausted:
            if new and not self._back_off.is_brief:
                self._tell(f"waiting for {self._name}: {result.reason}; next try in {wait_s:.3g} s")
        elif not self.running:
            self.give_up(f"{result.reason}; {self._back_off.why(result.quota_s or 0.0)}")

    def give_up(self, why: str) -> None:
        """Start nothing any more, for this reason; what waits is dropped and stays to be done."""
        is_named = why.startswith((f"adapter {self._name}", f"loading {self._name}", f"{self._name} "))
        problem = why if is_named else f"{self._name}: {why}"
        left = len(self._waiting)
        what = f"{left} sample{'s' * (left > 1)} of it were not run; " if left else ""
        self.given_up = UserError(problem, what + CONTINUE)
        self._waiting.clear()


class SessionPool(ABC):
    """What does jobs, wherever it does them; use as a context manager.

    ``tell`` gets a line about each adapter that is waited for.
    """

    hears = False
    """What does its sessions may perceive their recordings as well."""

    def __init__(
        self,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience or Patience()
        self._tell = tell
        self._clock = clock
        self._queues: dict[str, AdapterQueue] = {}
        self._places = count()

    def connect(self) -> None:
        """Reach what does the jobs, if that is not this machine. Raises `UserError` where it is not there."""
        return

    def expect(self, jobs: int) -> None:
        """Get ready for so many jobs that are about to be submitted, where that takes time."""
        return

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._queue_of(job).submit(next(self._places), job)

    def drop(self, unwanted: Callable[[Job], bool]) -> list[Job]:
        """Forget waiting jobs; returns them."""
        return [job for queue in self._queues.values() for job in queue.drop(unwanted)]

    @property
    def given_up(self) -> Mapping[str, UserError]:
        """Adapters of which nothing is started any more, each with why; what waited was dropped."""
        return {name: queue.given_up for name, queue in self._queues.items() if queue.given_up}

    @abstractmethod
    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        """Results as they come, until nothing waits or runs; jobs may be submitted in between.

        Not ``patient``, until nothing runs and nothing may start within a second. What a temporary failure
        sent back into its queue, or an adapter that was given up left, has no result.
        """

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *raised: object) -> None: ...

    def _queue_of(self, job: Job) -> AdapterQueue:
        """The queue of a job's adapter; jobs without a model have one together."""
        adapter = job.adapter if isinstance(job, SessionJob) else ""
        if adapter not in self._queues:
            self._queues[adapter] = self._new_queue(adapter)
        return self._queues[adapter]

    def _new_queue(self, adapter: str) -> AdapterQueue:
        return AdapterQueue(adapter, self._patience, tell=self._tell, clock=self._clock)

    def _ready(self) -> AdapterQueue | None:
        """Of the queues that may start a job now, the one whose job was submitted first."""
        ready = [queue for queue in self._queues.values() if queue.wait_s() == 0]
        return min(ready, key=lambda queue: queue.first, default=None)

    def _wait_s(self) -> float:
        """How long until one of them may."""
        return min((queue.wait_s() for queue in self._queues.values()), default=math.inf)

    def _is_over(self, patient: bool) -> bool:
        """Whether ``results`` ends, as long as nothing runs."""
        return self._wait_s() > (_SOON_S if not patient else sys.float_info.max)
