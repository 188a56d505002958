"""One writer at a time for a run on shared storage: a lock that is there as a file.

The file says who writes and when that was last so. It is created only where it is not there, which object
stores and file systems do as one step. A writer that was silent for `STALE_S` is taken to be gone, so the
clocks of machines that share a store must agree to a minute. What a store cannot promise is detected: each
writer looks before it counts what it uploaded, and stops where another has taken its place.
"""

from __future__ import annotations

import os
import platform
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from tml_bench.bounded_files import UNREADABLE
from tml_bench.errors import UserError
from tml_bench.storage.store import RemoteStore

LOCK = "lock.json"
BEAT_S, STALE_S = 30.0, 300.0
"""How often a writer says that it is there, and after what silence it is taken to be gone."""
_SETTLE_S = 2.0
"""Two that took over at once are told apart after this time."""


class LostLockError(UserError):
    """Another writer has taken a run over."""


class LockHolder(msgspec.Struct, frozen=True):
    """Who writes to a run.

    Attributes:
        owner: a number of this command's own.
        mirror: a number of the folder of mirrors, in which one process at a time writes to a run.
        host: name of the machine.
        process: number of the process on it.
        since: UTC, ISO 8601.
        beat_s: when it was last known to write, seconds of the Unix epoch.
    """

    owner: str
    mirror: str
    host: str
    process: int
    since: str
    beat_s: float


class RunLock:
    """The lock of a run, in its folder there.

    Args:
        mirror: as in `LockHolder`: an earlier holder with the same has ended for certain.
        now: seconds of the Unix epoch.
    """

    def __init__(
        self,
        store: RemoteStore,
        run: str,
        mirror: str,
        *,
        now: Callable[[], float] = time.time,
        settle: Callable[[float], object] = time.sleep,
    ) -> None:
        self._store = store
        self._name = store.address(run)
        self._path = f"{run}/{LOCK}"
        self._now = now
        self._settle = settle
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._mine = LockHolder(secrets.token_hex(8), mirror, platform.node(), os.getpid(), since, now())

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            UserError: another holds it.
        """
        for _ in range(3):
            there = self._holder()
            if there is not None and not self._is_gone(there):
                raise self._held(there)
            if there is not None:
                self._store.remove(self._path)
            if self._store.create(self._path, msgspec.json.encode(self._mine)):
                if there is not None and there.mirror != self._mine.mirror:
                    self._settle(_SETTLE_S)
                self.check()
                return
        raise UserError(f"the lock of {self._name} changes hands all the time", "try again")

    def _is_gone(self, there: LockHolder) -> bool:
        return there.mirror == self._mine.mirror or self._now() - there.beat_s > STALE_S

    def _held(self, there: LockHolder) -> UserError:
        silent_s = max(0.0, self._now() - there.beat_s)
        return UserError(
            f"{self._name} is being written by {there.host}, process {there.process}, since {there.since} "
            f"(its last sign of life was {silent_s:.0f} s ago)",
            f"wait for it, or give another --out; one that ended is taken to be gone after {STALE_S:.0f} s",
        )

    def check(self) -> None:
        """Raise `LostLockError` where the lock is not this command's any more."""
        there = self._holder()
        if there is None or there.owner != self._mine.owner:
            who = f"{there.host}, process {there.process}" if there else "somebody who removed the lock"
            raise LostLockError(
                f"{self._name} was taken over by {who}",
                "what is recorded here stays in the mirror; run the command again once the other has ended",
            )

    def beat(self, force: bool = False) -> None:
        """Say that the writer is there, every `BEAT_S`; raises `LostLockError` as `check` does."""
        if force or self._now() - self._mine.beat_s >= BEAT_S:
            self.check()
            self._mine = msgspec.structs.replace(self._mine, beat_s=self._now())
            self._store.write(self._path, msgspec.json.encode(self._mine))

    def release(self) -> None:
        """Give the lock back, if it is this command's."""
        there = self._holder()
        if there is not None and there.owner == self._mine.owner:
            self._store.remove(self._path)

    def _holder(self) -> LockHolder | None:
        content = self._store.read(self._path)
        if content is None:
            return None
        try:
            return msgspec.json.decode(content, type=LockHolder)
        except UNREADABLE:
            # Torn, as by a kill on a store without whole files: silent for ever, so it may be taken.
            return LockHolder("", "", "unknown", 0, "unknown", 0.0)
