"""A front that is a service with a clock of its own: the background model works beside it, by that clock."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from tml_bench.adapter import (
    InfrastructureError,
    LiveAdapter,
    MicroTurn,
    ModelEvent,
    Output,
    ProviderEvent,
    SessionStart,
)
from tml_bench.adapters._session import QueueAdapter
from tml_bench.adapters.split.background import BackgroundError, BackgroundModel, reported
from tml_bench.adapters.split.relay import BackgroundRelay, BackgroundRequest
from tml_bench.timebase import nanoseconds


class LiveSplit(QueueAdapter):
    """A live service in front, which may ask a background model at any time.

    What the background model answers is handed to the front with the next micro-turn.

    Args:
        front: the service; its own rates, video and complaints are this adapter's.
        background: the model behind it.
        behind: the task's functions are the background model's.
        sentences: answers are handed over sentence by sentence.
        told: what is reported of the front beside what it reports.
    """

    def __init__(
        self, front: LiveAdapter, background: BackgroundModel, *, behind: bool = False,
        sentences: bool = False, told: Mapping[str, str] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        super().__init__()
        self._told = told
        self._front = front
        self._background = background
        self._behind, self._sentences = behind, sentences
        self._relay: BackgroundRelay | None = None
        self._asking: dict[BackgroundRequest, asyncio.Task[None]] = {}
        self._mirror()

    async def prepare(self) -> None:
        """As ``LiveAdapter.prepare``; makes the background model ready too."""
        await asyncio.to_thread(self._background.load)
        await self._front.prepare()
        self._mirror()

    async def connect(self, session: SessionStart) -> None:
        """As ``LiveAdapter.connect``; the background model is first spoken to when it is asked."""
        self._relay = BackgroundRelay(session, behind=self._behind, sentences=self._sentences)
        await self._front.connect(self._relay.front)
        self._mirror()
        self._start()

    async def send(self, turn: MicroTurn) -> None:
        """As ``LiveAdapter.send``."""
        assert self._relay is not None, "connect first"
        handed = self._relay.hand_over(turn, _now_ns())
        self._go_on(self._relay)
        await self._front.send(handed)
        self._mirror()

    async def heard(self, item: str, ms: float, cut: bool) -> None:
        """As ``LiveAdapter.heard``."""
        await self._front.heard(item, ms, cut)

    async def ping(self) -> bool:
        """As ``LiveAdapter.ping``, of the front's service."""
        return await self._front.ping()

    async def close(self) -> None:
        """As ``LiveAdapter.close``."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        try:
            await self._front.close()
        finally:
            self._mirror()
            await super().close()

    async def _work(self) -> None:
        assert self._relay is not None, "connect first"
        async for event in self._front.events():
            meant: ModelEvent = event
            if isinstance(event, Output):
                meant = self._relay.take(event, _now_ns())
            elif isinstance(event, ProviderEvent):
                self._relay.hear(event)
            await self._queue.received((meant,))
            self._go_on(self._relay)

    def _go_on(self, relay: BackgroundRelay) -> None:
        """Do what the relay wants done."""
        for errand in relay.given_up:
            if (task := self._asking.pop(errand, None)) is not None:
                task.cancel()
        for errand in relay.asked:
            self._asking[errand] = asyncio.create_task(self._ask(relay, errand))
        self._queue.sent(*relay.told)
        relay.given_up, relay.asked, relay.told = [], [], []
        self._mirror()

    async def _ask(self, relay: BackgroundRelay, errand: BackgroundRequest) -> None:
        def came(text: str) -> None:
            relay.wrote(errand, text, _now_ns())
            self._go_on(relay)

        try:
            reply = await self._background.answer(errand.messages, relay.tools, came)
        except (BackgroundError, InfrastructureError) as error:
            unreachable = isinstance(error, InfrastructureError)
            relay.failed(errand, str(error), _now_ns(), unreachable=unreachable)
        except Exception as error:
            self._queue.end(error)  # a task has nobody else to tell
            raise
        else:
            relay.replied(errand, reply, _now_ns())
        self._asking.pop(errand, None)
        self._go_on(relay)

    def _mirror(self) -> None:
        """Be what the front is by now; the background model's trouble is a complaint too."""
        front = self._front
        self.audio_in, self.audio_out, self.video_in = front.audio_in, front.audio_out, front.video_in
        self.privileged, self.turn_based = front.privileged, front.turn_based
        self.takes_history = front.takes_history
        self.patience_s, self.usage_at_close = front.patience_s, front.usage_at_close
        self.complaint = front.complaint or (self._relay.trouble if self._relay else "")
        self.reported = reported(front, self._told, self._background)


def _now_ns() -> int:
    return nanoseconds(asyncio.get_running_loop().time())
