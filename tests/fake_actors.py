"""A cluster in this process, in virtual time: its actors run real sessions, and are lost when told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tml_bench import __version__
from tml_bench.outcome import Outcome
from tml_bench.runs.jobs import JobResult, SessionJob
from tml_bench.runs.parcels import Delivery, Parcel, recorded, unpacked
from tml_bench.runs.ray_cluster import LostActorError
from tml_bench.runs.remote_worker import WorkerPlace
from tml_bench.runs.worker import Worker

SESSION_S, START_S = 10.0, 3.0


@dataclass(eq=False)
class FakeActor:
    """An actor.

    Attributes:
        lost_s: when it is lost.
        stopped_s: when its process is stopped, and gives nothing any more.
        done: samples that it has finished.
    """

    lost_s: float
    stopped_s: float = math.inf
    is_there: bool = False
    ended: bool = False
    done: list[str] = field(default_factory=list)


@dataclass(eq=False)
class FakePromise:
    """What an actor gives at a time."""

    actor: FakeActor
    at_s: float
    parcel: Parcel | None = None


def plain_session(job: SessionJob) -> JobResult:
    """Run a session as a worker process does."""
    return Worker(lambda at: None, math.inf).do(job)


@dataclass
class FakeCluster:
    """So many places for actors.

    Attributes:
        folder: where actors work.
        places: of actors; more than that wait for one to be free.
        lives_s: how long the actors live from when they are asked for, in order; for ever once it is used up.
        session: what a job does, in no virtual time but ``SESSION_S``.
        sees_files: whether actors see the files of this machine.
        version: of tml-bench on its nodes.
        stops_s: when the processes of actors are stopped, as ``lives_s``.
        session_s: how long a session takes.
    """

    folder: Path
    places: int = 2
    lives_s: Sequence[float] = ()
    session: Callable[[SessionJob], JobResult] = plain_session
    sees_files: bool = True
    version: str = __version__
    stops_s: Sequence[float] = ()
    session_s: float = SESSION_S
    now_s: float = 0.0
    actors: list[FakeActor] = field(default_factory=list)
    closed: int = 0
    most_alive: int = 0
    asked_for: int = 0

    def clock(self) -> float:
        return self.now_s

    def room(self) -> int:
        return self.places

    def start(self) -> tuple[FakeActor, FakePromise]:
        number = len(self.actors)
        life_s = self.lives_s[number] if number < len(self.lives_s) else math.inf
        stops_s = self.stops_s[number] if number < len(self.stops_s) else math.inf
        actor = FakeActor(self.now_s + life_s, self.now_s + stops_s)
        self.actors.append(actor)
        self.most_alive = max(self.most_alive, sum(not actor.ended for actor in self.actors))
        return actor, FakePromise(actor, self.now_s + START_S)

    def hand(self, actor: FakeActor, parcel: Parcel) -> FakePromise:
        assert actor.is_there
        assert not actor.ended
        return FakePromise(actor, self.now_s + self.session_s, parcel)

    def ask(self, actor: FakeActor) -> FakePromise:
        assert actor.is_there
        assert not actor.ended
        return FakePromise(actor, self.now_s)

    def wait(self, promises: Sequence[FakePromise], timeout_s: float) -> Sequence[FakePromise]:
        live = [actor for actor in self.actors if not actor.ended]
        placed = set(map(id, live[: self.places]))
        at = {p: min(p.at_s, p.actor.lost_s) for p in promises if id(p.actor) in placed}
        at = {p: s if s < p.actor.stopped_s else math.inf for p, s in at.items()}
        first = min(at, key=lambda promise: at[promise], default=None)
        until_s = self.now_s + timeout_s
        if first is None or at[first] > until_s:
            assert timeout_s > 0
            self.now_s = until_s
            return ()
        self.now_s = max(self.now_s, at[first])
        return (first,)

    def get(self, promise: FakePromise) -> WorkerPlace | Delivery:
        actor = promise.actor
        assert not actor.ended
        if actor.lost_s <= promise.at_s:
            raise LostActorError("its node is away")
        if promise.parcel is None:
            actor.is_there = True
            return WorkerPlace("node", self.version)
        parcel = promise.parcel
        if parcel.stamps and not self.sees_files:
            self.asked_for += len(parcel.stamps)
            return Delivery(missing=tuple(stamp.named for stamp in parcel.stamps))
        number = sum(len(actor.done) for actor in self.actors)
        job = unpacked(parcel, self.folder / f"media-{number}")
        assert not isinstance(job, tuple)
        aside = self.folder / f"recording-{number}"
        object.__setattr__(job, "folder", aside)
        result = self.session(job)
        actor.done.append(job.sample.id)
        return Delivery(result, recorded(aside) if result.recording else {})

    def end(self, actor: FakeActor) -> None:
        actor.ended = True

    def close(self) -> None:
        assert all(actor.ended for actor in self.actors)
        self.closed += 1


def valid_without_recording(job: SessionJob) -> JobResult:
    return JobResult(Outcome.VALID)
