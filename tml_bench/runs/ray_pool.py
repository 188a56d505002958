"""Sessions on the actors of a Ray cluster: handed out one by one, their recordings written here alone."""

import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tml_bench import __version__
from tml_bench.runs.back_off import Patience
from tml_bench.runs.jobs import Job, JobResult, SessionJob
from tml_bench.runs.parcels import Delivery, Parcel, packed, unload
from tml_bench.runs.processes import Vigil
from tml_bench.runs.queues import SessionPool, StartedJob
from tml_bench.runs.ray_cluster import Actor, ActorCluster, LostActorError, Promise
from tml_bench.runs.remote_worker import WorkerPlace
from tml_bench.runs.supervised import lost
from tml_bench.runs.worker import failure

LOOK_S = 2.0
"""How often is looked whether something has happened that nobody tells."""

ROOM_S = 15.0
"""How often is asked how much room the cluster has."""

UNPLACED_S = 20.0
"""When no actor has started for so long, it is told."""

SIGN_S = 10.0
"""How often an actor that works is asked for a sign of life, which it gives beside its work."""

ANSWER_S = 30.0
"""How much longer than a step one may wait for the answer: its machine may be busy."""

STARTS = 3
"""After so many actors in a row that did not start, none is asked for any more."""


@dataclass(slots=True)
class _Sign:
    """A sign of life: when the last one was given, and that which is asked for with when it must be there."""

    given_s: float = math.inf
    promise: Promise | None = None
    value: float = math.inf


@dataclass(slots=True)
class _Post:
    """An actor: what it promised last, and the job that this is about; starting without a promise kept."""

    actor: Actor
    promise: Promise | None
    is_there: bool = False
    doing: StartedJob | None = None
    parcel: Parcel | None = None
    sign: _Sign = field(default_factory=_Sign)


class RayPool(SessionPool):
    """Does session jobs on actors; a job whose actor is lost ends as one whose process was killed.

    Args:
        reach: gives the cluster, when the first job waits or before; it is left once nothing waits or runs.
        actors: most of them; None for as many as the cluster has room for.
        patience: as for ``SessionPool``; it also says how long is waited for a first actor.
        tell: as for ``SessionPool``.
        clock: in seconds.
        step_limit_s: an actor that works and gives no sign of life for ``ANSWER_S`` longer, as when its
            process was stopped, is lost.
    """

    def __init__(
        self,
        reach: Callable[[], ActorCluster],
        actors: int | None = None,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
        step_limit_s: float = 60.0,
    ) -> None:
        super().__init__(patience, tell, clock)
        self._silent_s = step_limit_s + ANSWER_S
        self._reach = reach
        self._actors = actors
        self._cluster: ActorCluster | None = None
        self._posts: list[_Post] = []
        self._room = 1
        self._ask_again_s = -math.inf
        self._failed_starts = 0
        self._idle_since_s = math.inf
        self._told = False

    def connect(self) -> None:
        """As ``SessionPool.connect``."""
        if self._cluster is None:
            self._cluster = self._reach()
            self._idle_since_s = self._clock()

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        """As ``SessionPool.results``."""
        vigil = Vigil(self._clock)
        while True:
            if any(queue.length for queue in self._queues.values()):
                self._start_actors()
                self._assign()
            busy = any(post.doing for post in self._posts)
            if not busy and self._is_over(patient):
                break
            self._watch(busy)
            if (post := self._kept()) is not None:
                yield from self._taken(post)
            vigil.look()
            yield from self._silent(vigil)
        if patient:
            self._leave()

    def _start_actors(self) -> None:
        self.connect()
        assert self._cluster is not None
        wanted = sum(post.doing is not None for post in self._posts)
        wanted += sum(queue.length for queue in self._queues.values())
        for _ in range(min(self._most(self._cluster), wanted) - len(self._posts)):
            self._posts.append(_Post(*self._cluster.start()))

    def _most(self, cluster: ActorCluster) -> int:
        """Most actors; nodes come and go, and to ask for them takes a while."""
        if self._actors is not None:
            return self._actors
        if self._clock() >= self._ask_again_s:
            self._room = max(1, cluster.room())
            self._ask_again_s = self._clock() + ROOM_S
        return self._room

    def _assign(self) -> None:
        assert self._cluster is not None
        for post in self._posts:
            if post.is_there and post.doing is None and (queue := self._ready()) is not None:
                post.doing = queue.start()
                assert isinstance(post.doing.job, SessionJob)
                post.parcel = packed(post.doing.job)
                post.promise = self._cluster.hand(post.actor, post.parcel)
                post.sign = _Sign(self._clock())

    def _kept(self) -> _Post | None:
        """An actor that has kept its promise, after a while; None where none has."""
        assert self._cluster is not None
        asked = [promise for post in self._posts for promise in (post.promise, post.sign.promise)]
        wait_s = min(LOOK_S, self._wait_s() or LOOK_S)
        kept = self._cluster.wait([promise for promise in asked if promise is not None], wait_s)
        for post in self._posts:
            if any(post.sign.promise is promise for promise in kept):
                post.sign = _Sign(self._clock())
        return next((post for post in self._posts if any(post.promise is promise for promise in kept)), None)

    def _silent(self, vigil: Vigil) -> Iterator[tuple[Job, JobResult]]:
        """Ask those that work for a sign of life; the results of those that give none, and so are lost."""
        assert self._cluster is not None
        for post in [post for post in self._posts if post.doing is not None]:
            sign = post.sign
            if sign.promise is not None and vigil.missed(sign, self._silent_s):
                why = f"it has given no sign of life for {self._silent_s:g} s"
                yield from self._ended(post, self._lost(post, why))
            elif sign.promise is None and self._clock() >= sign.given_s + SIGN_S:
                sign.promise, sign.value = self._cluster.ask(post.actor), self._clock() + self._silent_s

    def _taken(self, post: _Post) -> Iterator[tuple[Job, JobResult]]:
        """Take what an actor gives, and the job's result where that is it."""
        assert self._cluster is not None
        promise, post.promise = post.promise, None
        result: JobResult | None
        try:
            given = self._cluster.get(promise)
        except LostActorError as error:
            result = self._lost(post, str(error))
        else:
            if isinstance(given, WorkerPlace):
                self._is_there(post, given)
                return
            result = self._result(post, given)
        yield from self._ended(post, result)

    def _ended(self, post: _Post, result: JobResult | None) -> Iterator[tuple[Job, JobResult]]:
        """The result of an actor's job, where there is one."""
        started = post.doing
        if started is not None and result is not None:
            post.doing = post.parcel = None
            if self._queue_of(started.job).ended(started, result):
                yield started.job, result

    def _is_there(self, post: _Post, place: WorkerPlace) -> None:
        post.is_there, self._failed_starts = True, 0
        if place.tml_bench != __version__:
            here = f"tml-bench {place.tml_bench} is installed on {place.node}, and {__version__} here"
            self._give_up(f"{here}; install the same everywhere")

    def _result(self, post: _Post, given: Delivery) -> JobResult | None:
        """The result of an actor's job, its recording in place; None where it asks for files first."""
        assert self._cluster is not None
        assert post.doing is not None
        assert post.parcel is not None
        assert isinstance(post.doing.job, SessionJob)
        if given.result is None:
            post.promise = self._cluster.hand(post.actor, post.parcel.filled(given.missing))
            return None
        if given.result.recording:
            folder = post.doing.job.folder
            try:
                shutil.rmtree(folder, ignore_errors=True)
                unload(given.files, folder)
            except (OSError, ValueError) as error:
                return replace(failure(error), audio_s=given.result.audio_s, wall_s=given.result.wall_s)
        return given.result

    def _lost(self, post: _Post, why: str) -> JobResult:
        assert self._cluster is not None
        self._posts.remove(post)
        self._cluster.end(post.actor)
        if not post.is_there:
            self._failed_starts += 1
            if self._failed_starts >= STARTS:
                self._give_up(f"no actor of Ray could be started: {why}")
        return lost(f"the actor was lost ({why})", no_fault=True)

    def _watch(self, busy: bool) -> None:
        """Say that no actor is there, and give up once that has lasted too long."""
        if busy or any(post.is_there for post in self._posts):
            self._idle_since_s, self._told = self._clock(), False
            return
        waited_s = self._clock() - self._idle_since_s
        if waited_s > self._patience.max_wait_s:
            limit = f"{self._patience.max_wait_s:g} s (--max-wait)"
            self._give_up(f"Ray started no actor within {limit}; `ray status` says what is free")
        elif waited_s > UNPLACED_S and not self._told:
            self._tell("waiting for Ray: no actor has started yet; `ray status` says what is free")
            self._told = True

    def _give_up(self, why: str) -> None:
        for queue in self._queues.values():
            if queue.length:
                queue.give_up(why)
        for post in [post for post in self._posts if post.doing is None]:
            assert self._cluster is not None
            self._posts.remove(post)
            self._cluster.end(post.actor)

    def _leave(self) -> None:
        """Give back what actors hold, as GPUs, while runs are scored."""
        cluster, self._cluster = self._cluster, None
        posts, self._posts = self._posts, []
        if cluster is not None:
            try:
                for post in posts:
                    cluster.end(post.actor)
            finally:
                cluster.close()

    def __exit__(self, *raised: object) -> None:
        self._leave()
