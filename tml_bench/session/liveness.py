"""Whether a live service is alive: a hung one must not be taken for a model that is silent.

It is asked for a sign of life about every second and once more when the script has ended; whatever it says is
one too. What it does not take is watched as well. What is still on its way through the emulated network does
not count: only what has come through can be unread.
"""

import asyncio
from collections.abc import Callable

from tml_bench import events as ev
from tml_bench.adapter import InfrastructureError, LiveAdapter
from tml_bench.redact import LONGEST_REASON, plain

EVERY_S = 1.0
"""Time from the answer to a ping, or from asking in vain, to the next."""
STALL_NS = 1_000_000_000
"""A wait that took so much longer than it should says that this process stood still, and nothing else."""


class Liveness:
    """Watches the service of one session.

    Args:
        adapter: that speaks to it, from when it is connected.
        now_ns: session time.
        record: takes each sign of life that was asked for.
        silent_s: longest wait for one while the script plays, and
        close_s: when it has ended; both are at least the adapter's ``patience_s``.
        unsent_s: longest time that something may be unread.
    """

    def __init__(
        self, adapter: LiveAdapter, now_ns: Callable[[], int], record: Callable[[ev.ServicePinged], None], *,
        silent_s: float, close_s: float, unsent_s: float,
    ) -> None:  # fmt: skip
        self._adapter = adapter
        self._now_ns = now_ns
        self._record = record
        self._silent_s = silent_s
        self._close_s = close_s
        self._unsent_s = unsent_s
        self._heard_ns = 0
        self._due_ns: int | None = None
        self._taken = asyncio.Event()

    def heard(self) -> None:
        """The service has said something."""
        self._heard_ns = self._now_ns()

    def sending(self, due_ns: int) -> None:
        """What has come through the network at ``due_ns`` is being handed to the service."""
        self._due_ns = due_ns

    def taken(self) -> None:
        """It has taken it."""
        self._due_ns = None
        self._taken.set()

    def check_taken(self) -> None:
        """Raise InfrastructureError if something has been unread for ``unsent_s``."""
        unread_s = 0.0 if self._due_ns is None else (self._now_ns() - self._due_ns) / 1e9
        if unread_s > self._unsent_s:
            raise InfrastructureError(f"the service has not read its input for {unread_s:.0f} s")

    async def watch(self) -> None:
        """Ask again and again; raises InfrastructureError when no sign of life comes for ``silent_s``."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self._ask(self._silent_s)

    async def last_word(self) -> None:
        """See that the service is well when the script has ended.

        Raises:
            InfrastructureError: the last that it said is an error, it gives no sign of life within
                ``close_s``, or it does not take what has reached it.
        """
        if complaint := self._adapter.complaint:
            raise InfrastructureError(
                f"the last that the service said is an error: {plain(complaint, LONGEST_REASON)}"
            )
        end_ns = self._now_ns()
        await self._ask(self._close_s)
        try:
            async with asyncio.timeout(self._close_s):
                while self._due_ns is not None and self._due_ns <= end_ns:
                    self._taken.clear()
                    await self._taken.wait()
        except TimeoutError:
            unread_s = (self._now_ns() - (self._due_ns or 0)) / 1e9
            raise InfrastructureError(f"the service has not read its input for {unread_s:.1f} s") from None

    async def _ask(self, limit_s: float) -> None:
        limit_s = max(limit_s, self._adapter.patience_s)
        while True:
            asked_ns = self._now_ns()
            try:
                async with asyncio.timeout(limit_s):
                    answered = await self._adapter.ping()
            except TimeoutError:
                waited_ns = self._now_ns() - asked_ns
                if self._heard_ns > asked_ns:
                    return
                if waited_ns < limit_s * 1e9 + STALL_NS:
                    since_s = self._heard_ns / 1e9
                    raise InfrastructureError(
                        f"the service gave no sign of life since {since_s:.1f} s"
                    ) from None
            else:
                if answered:
                    self.heard()
                    self._record(ev.ServicePinged(asked_ns, self._heard_ns - asked_ns))
                return
