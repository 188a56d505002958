"""``wire-lockstep``: a model behind the wire protocol, one micro-turn at a time on the simulated clock."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import replace

import numpy as np

from tml_bench.adapter import InfrastructureError, MicroTurn, Output, ProtocolError, SessionStart, StepAdapter
from tml_bench.adapters._socket import Socket
from tml_bench.adapters.wire.inbox import Inbox
from tml_bench.adapters.wire.session import (
    PROBE,
    Replies,
    Sender,
    checked_url,
    control,
    hello_of,
    open_session,
    reported_by,
    same_formats,
    video_of,
)
from tml_bench.errors import UserError
from tml_bench.wire import messages as wire
from tml_bench.wire.frames import BinaryFrame

MAX_TICK_S = 300
"""Most audio a model may give in one micro-turn, in seconds."""


class WireLockstep(StepAdapter):
    """A model behind the wire protocol in lockstep: as slow as it likes, its compute charged.

    The model's rates and video come from its ``ready``, for which ``warm_up`` asks.

    Args:
        url: ``ws://HOST:PORT`` or ``wss://...``.
        answer_s: longest wait for the answer to a micro-turn, in seconds.

    Raises:
        UserError: no such address, or no such time.
    """

    takes_history = True

    def __init__(self, url: str, answer_s: float = 30.0) -> None:
        self.url = checked_url(url)
        if not isinstance(answer_s, int | float) or not 0 < answer_s < math.inf:
            raise UserError(f"answer_s={answer_s}: not a time", "give seconds, such as answer_s=300")
        self.capabilities: tuple[str, ...] = ()
        self._answer_s = answer_s
        self._runner: asyncio.Runner | None = None
        self._socket: Socket | None = None
        self._inbox = Inbox()
        self._sender = Sender()
        self._replies = Replies(self.audio_out)
        self._cut: deque[int] = deque()

    def warm_up(self) -> None:
        """Ask the model for its formats."""
        ready = self._open(PROBE)
        self.stop()
        self.audio_in, self.audio_out = ready.audio_in.rate, ready.audio_out.rate
        self.video_in = video_of(ready)
        self.capabilities = ready.capabilities

    def start(self, session: SessionStart) -> None:
        """Open a socket for the session."""
        self._open(session)
        self._sender, self._replies = Sender(), Replies(self.audio_out)
        self._cut.clear()

    def _open(self, session: SessionStart) -> wire.Ready:
        self.stop()
        self._runner = asyncio.Runner()
        opening = open_session(self.url, hello_of(session, "lockstep"), ping_s=None)
        try:
            self._socket, self._inbox, ready, _ = self._runner.run(opening)
            if session is not PROBE:
                same_formats(ready, self.audio_in, self.audio_out)
        except BaseException:
            self.stop()
            raise
        self.reported = reported_by(ready)
        return ready

    def step(self, turn: MicroTurn) -> Output | None:
        """Send the micro-turn and take everything up to its ``tick_done``."""
        if self._runner is None or self._socket is None:
            raise InfrastructureError("the session is not open")
        return self._runner.run(self._stepped(self._socket, turn))

    async def _stepped(self, socket: Socket, turn: MicroTurn) -> Output:
        try:
            async with asyncio.timeout(self._answer_s):
                if turn.flushed is not None:
                    item = self._cut.popleft() if self._cut else 0
                    await socket.send(control(wire.Truncate(item, turn.flushed.heard_ms)).data)
                for message in self._sender.messages(turn):
                    await socket.send(message.data)
                return await self._answer(socket, turn.index)
        except TimeoutError as error:
            raise ProtocolError(f"no tick_done within {self._answer_s:g} s") from error

    async def _answer(self, socket: Socket, n: int) -> Output:
        whole = _Whole(self._replies, self.audio_out)
        while True:
            message = self._inbox.read(await socket.receive(2 * self._answer_s)).message
            if not isinstance(message, wire.TickDone):
                whole.add(message)
                continue
            if message.n != n:
                raise ProtocolError(f"tick_done says {message.n} where {n} is due")
            output = whole.output(message.compute_ms)
            if output.flush:
                self._cut.append(whole.cut)
            return output

    def stop(self) -> None:
        """Close the socket; does nothing when there is none."""
        runner, socket = self._runner, self._socket
        self._runner = self._socket = None
        if runner is None:
            return
        try:
            if socket is not None:
                runner.run(socket.close())
        finally:
            runner.close()


class _Whole:
    """Everything a model gives in one micro-turn, as one output.

    Args:
        replies: reads the messages.
        rate: of the model's audio.
    """

    def __init__(self, replies: Replies, rate: int) -> None:
        self._replies = replies
        self._rate = rate
        self._parts: list[Output] = []
        self._samples = 0
        self._flush = False
        self.cut = 0
        """The reply that was cut."""

    def add(self, message: wire.FromModel | BinaryFrame | None) -> None:
        """Take a message.

        Raises:
            ProtocolError: more audio than a micro-turn may give.
        """
        for part in self._replies.outputs(message, self._samples):
            if part.flush:
                # What was given a moment ago is dropped before anyone can hear it.
                self._parts = [replace(p, audio=None, transcript=()) for p in self._parts]
                self._samples, self._flush, self.cut = 0, True, int(part.item)
            self._samples += 0 if part.audio is None else len(part.audio)
            self._parts.append(part)
        if self._samples > MAX_TICK_S * self._rate:
            raise ProtocolError(f"more than {MAX_TICK_S} s of audio in one micro-turn")

    def output(self, compute_ms: float | None) -> Output:
        """All of it."""
        chunks = [part.audio for part in self._parts if part.audio is not None]
        items = [part.item for part in self._parts if part.audio is not None]
        return Output(
            audio=np.concatenate(chunks) if chunks else None,
            transcript=tuple(piece for part in self._parts for piece in part.transcript),
            text="".join(part.text for part in self._parts),
            tool_calls=tuple(call for part in self._parts for call in part.tool_calls),
            flush=self._flush,
            item=items[-1] if items else "",
            compute_s=None if compute_ms is None else compute_ms / 1000,
        )
