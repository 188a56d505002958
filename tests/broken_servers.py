"""A server of the wire protocol that keeps every promise, and one for each promise that breaks it."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from websockets.asyncio.server import ServerConnection
from websockets.frames import Opcode
from wire_servers import EXAMPLES

from tml_bench.adapters.reference.voice import clip
from tml_bench.wire.messages import AUDIO, BinaryFrame

Message = dict[str, Any] | str | bytes
RATE = 24000


def _example() -> Any:
    spec = importlib.util.spec_from_file_location("example_wire_server", EXAMPLES / "wire_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = _example()
VOICE = (np.resize(clip("talk", RATE).audio, 2 * RATE) * 32767).astype("<i2")
"""Two seconds of speech."""
NOISE = np.random.default_rng(1)


def frame(samples: Any, item: int, kind: int = AUDIO, seq: int = 0, t_us: int = 0) -> bytes:
    return BinaryFrame(kind, item, seq, t_us, np.asarray(samples, "<i2").tobytes()).pack()


class Speaker(example.Model):  # type: ignore[misc]
    """Answers with two seconds of speech, at once, once the user has been silent."""

    words = True

    def tick(self, heard_ms: float) -> list[Message]:
        spoken = super().tick(heard_ms)
        if not spoken:
            return []
        self.pending_ms += 1000.0
        return self.reply()

    def reply(self) -> list[Message]:
        words = [{"text": "so", "start_s": 0.0, "end_s": 2.0}]
        said = {"type": "transcript", "item": self.item, "text": "so", "words": words}
        return [said, frame(VOICE, self.item)]


class Server:
    """Keeps all promises. Parts that a broken one changes are methods of their own."""

    ready: ClassVar[dict[str, Any]] = {
        **example.READY, "modes": ["lockstep", "realtime"],
        "capabilities": ["text_in", "tools", "interrupt", "history"],
    }  # fmt: skip
    model: type = Speaker

    async def handle(self, socket: ServerConnection) -> None:
        """One session to its end."""
        data = await socket.recv()
        try:
            hello = json.loads(data)
            tools = hello["tools"]
        except (ValueError, LookupError, TypeError):
            await socket.close(1002)
            return
        assert isinstance(tools, list)
        if hello["protocol"] != "1" and not self.takes_version(hello["protocol"]):
            await socket.send(json.dumps({"type": "error", "code": "version"}))
            return
        if not await self.accepts(socket, hello):
            return
        await socket.send(json.dumps(self.ready))
        await self.converse(socket, hello)

    async def converse(self, socket: ServerConnection, hello: dict[str, Any]) -> None:
        model, n = self.model(hello), 0
        async for data in socket:
            message = {} if isinstance(data, bytes) else json.loads(data)
            if not await self.takes(socket, data, message):
                return
            for answer in self.changed(example.answers(model, data)):
                await self.send(socket, answer)
            if message.get("type") == "tick":
                if hello["mode"] == "lockstep":
                    for answer in self.done(message["n"]):
                        await self.send(socket, answer)
                n += 1

    async def send(self, socket: ServerConnection, message: Message) -> None:
        await socket.send(json.dumps(message) if isinstance(message, dict) else message)

    def takes_version(self, version: str) -> bool:
        return False

    async def accepts(self, socket: ServerConnection, hello: dict[str, Any]) -> bool:
        return True

    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        return True

    def changed(self, answers: list[Message]) -> Iterator[Message]:
        yield from answers

    def done(self, n: int) -> list[Message]:
        return [{"type": "tick_done", "n": n, "compute_ms": 1.0}]


class TakesAnyVersion(Server):
    def takes_version(self, version: str) -> bool:
        return True


class SaysReadyTwice(Server):
    def changed(self, answers: list[Message]) -> Iterator[Message]:
        yield from answers
        if answers:
            yield self.ready


class SendsNoJson(Server):
    def changed(self, answers: list[Message]) -> Iterator[Message]:
        yield from answers
        if answers:
            yield "{"


class SendsAShortFrame(Server):
    def changed(self, answers: list[Message]) -> Iterator[Message]:
        yield from (answer[:10] if isinstance(answer, bytes) else answer for answer in answers)


class SendsAWordWithoutText(Server):
    def changed(self, answers: list[Message]) -> Iterator[Message]:
        for answer in answers:
            said = isinstance(answer, dict) and answer["type"] == "transcript"
            yield {"type": "transcript", "item": "one"} if said else answer


class HangsUp(Server):
    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        return message.get("n", 0) < 12


class FillsTimes(Server):
    def changed(self, answers: list[Message]) -> Iterator[Message]:
        for answer in answers:
            old = BinaryFrame.unpack(answer) if isinstance(answer, bytes) else None
            yield answer if old is None else frame(old.samples, old.item, t_us=1234)


class CountsWrongly(Server):
    def changed(self, answers: list[Message]) -> Iterator[Message]:
        for answer in answers:
            old = BinaryFrame.unpack(answer) if isinstance(answer, bytes) else None
            yield answer if old is None else frame(old.samples, old.item, seq=7)


class SendsImages(Server):
    def changed(self, answers: list[Message]) -> Iterator[Message]:
        yield from answers
        if answers:
            yield frame([1, 2], 1, kind=2)


class NumbersFall(Server):
    class model(Speaker):  # noqa: N801
        def reply(self) -> list[Message]:
            return [frame(VOICE, 3 - self.item)]


class NumbersFromZero(Server):
    class model(Speaker):  # noqa: N801
        def reply(self) -> list[Message]:
            return [frame(VOICE, self.item - 1)]


class CountsTicksFromOne(Server):
    def done(self, n: int) -> list[Message]:
        return [{"type": "tick_done", "n": n + 1}]


class ForgetsATick(Server):
    def done(self, n: int) -> list[Message]:
        return [] if n == 6 else super().done(n)


class SpeaksBetweenTicks(Server):
    def done(self, n: int) -> list[Message]:
        return [*super().done(n), {"type": "statistics", "n": n}]


class CountsMicroseconds(Server):
    def done(self, n: int) -> list[Message]:
        return [{"type": "tick_done", "n": n, "compute_ms": 90_000.0}]


class KnowsNothingElse(Server):
    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        known = {"tick", "text", "tool_result", "truncate"}
        return isinstance(data, bytes) or message["type"] in known


class TakesEveryFrameForAudio(Server):
    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        return not isinstance(data, bytes) or data[0] == AUDIO


class NeverSaysGoodbye(Server):
    async def accepts(self, socket: ServerConnection, hello: dict[str, Any]) -> bool:
        send = socket.protocol.send_frame

        def silent(frame: Any) -> None:
            if frame.opcode is not Opcode.CLOSE:
                send(frame)

        socket.protocol.send_frame = silent  # type: ignore[method-assign]
        return True


class MixesSessions(Server):
    """The second session ends the first."""

    def __init__(self) -> None:
        self.open: list[ServerConnection] = []

    async def accepts(self, socket: ServerConnection, hello: dict[str, Any]) -> bool:
        for other in self.open:
            await other.close(1001)
        self.open = [socket]
        return True


class KeepsBrokenSessions(Server):
    """A connection that broke keeps the only slot."""

    def __init__(self) -> None:
        self.held = False

    async def accepts(self, socket: ServerConnection, hello: dict[str, Any]) -> bool:
        if self.held:
            await socket.send(json.dumps({"type": "error", "code": "busy"}))
        return not self.held

    async def converse(self, socket: ServerConnection, hello: dict[str, Any]) -> None:
        try:
            await super().converse(socket, hello)
        finally:
            await socket.wait_closed()
            self.held = socket.protocol.close_rcvd is None


class ChangesItsRates(Server):
    def __init__(self) -> None:
        self.sessions = 0

    async def accepts(self, socket: ServerConnection, hello: dict[str, Any]) -> bool:
        self.sessions += 1
        self.ready = {**self.ready, "audio_out": {"rate": 16000 + 8000 * (self.sessions % 2)}}  # type: ignore[misc]
        return True


class SendsAnotherRate(Server):
    """Speech at 16 kHz, 200 ms of it a tick, which it calls 24 kHz."""

    class model(Speaker):  # noqa: N801
        left = VOICE[:0]

        def tick(self, heard_ms: float) -> list[Message]:
            if super().tick(heard_ms):
                self.left = (clip("talk", 16000).audio[: 2 * 16000] * 32767).astype("<i2")
            piece, self.left = self.left[:3200], self.left[3200:]
            return [frame(piece, self.item)] if len(piece) else []


class SaysMoreThanItSpeaks(Server):
    """Two seconds of speech, of which it gives every other sample."""

    class model(Speaker):  # noqa: N801
        def reply(self) -> list[Message]:
            said, _ = super().reply()
            return [said, frame(VOICE[::2], self.item)]


class Dithers(Server):
    """Never speaks; gives 200 ms of the last bit at random with each tick."""

    level = 1

    class model(Speaker):  # noqa: N801
        level = 1

        def tick(self, heard_ms: float) -> list[Message]:
            return [frame(NOISE.integers(-self.level, self.level, 4800, endpoint=True), 1)]


class MakesComfortNoise(Dithers):
    """As ``Dithers``, at -50 dBFS."""

    class model(Dithers.model):  # noqa: N801
        level = 100


class IsDeafToTexts(Server):
    class model(Speaker):  # noqa: N801
        def read(self, text: str) -> list[Message]:
            return [message for message in super().read(text) if message["type"] == "tool_call"]


class WritesByItself(Server):
    """Writes something at the start of each session, and takes no notice of texts."""

    ready: ClassVar[dict[str, Any]] = {**Server.ready, "capabilities": []}

    class model(IsDeafToTexts.model):  # noqa: N801
        def tick(self, heard_ms: float) -> list[Message]:
            self.began = getattr(self, "began", 0) + 1
            hello = [{"type": "text", "text": "Hello!"}] if self.began == 3 else []
            return [*hello, *super().tick(heard_ms)]


class CallsWhatItLikes(Server):
    class model(Speaker):  # noqa: N801
        def read(self, text: str) -> list[Message]:
            call = {"type": "tool_call", "call_id": "1", "name": "get_money", "arguments": {}}
            return [{"type": "text", "text": "ok"}, call]


class ReusesIds(Server):
    class model(Speaker):  # noqa: N801
        def read(self, text: str) -> list[Message]:
            return [*super().read(text), *super().read(text)]


class SpeaksOn(Server):
    """Claims to be interruptible, and goes on."""

    def changed(self, answers: list[Message]) -> Iterator[Message]:
        yield from (a for a in answers if not (isinstance(a, dict) and a["type"] == "interrupted"))


class DiesOfTruncation(Server):
    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        return message.get("type") != "truncate"


class IsNeverTheSame(Server):
    class model(Speaker):  # noqa: N801
        def reply(self) -> list[Message]:
            said, _ = super().reply()
            return [said, frame(VOICE + NOISE.integers(-9, 9, len(VOICE)), self.item)]


class KnowsOneTick(Server):
    async def accepts(self, socket: ServerConnection, hello: dict[str, Any]) -> bool:
        return bool(hello["tick_ms"] == 200)


class FearsZeros(Server):
    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        return "\0" not in message.get("text", "")


class RemembersNothing(Server):
    """Claims to take a conversation from before, and hangs up when it gets one."""

    async def accepts(self, socket: ServerConnection, hello: dict[str, Any]) -> bool:
        return "history" not in hello


class ComputesInItsLoop(Server):
    """Nothing is read or answered while it computes."""

    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        if message.get("type") == "tick":
            time.sleep(0.6)
        return True


class FearsPictures(Server):
    """Wants video, and hangs up when it gets some."""

    ready: ClassVar[dict[str, Any]] = {**Server.ready, "video_in": {"fps": 2.0, "max_side": 64}}

    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        return not isinstance(data, bytes) or data[0] == AUDIO


class DiesOfAFlood(Server):
    """Hangs up when micro-turns come faster than they are heard."""

    async def converse(self, socket: ServerConnection, hello: dict[str, Any]) -> None:
        self.began, self.ticks = time.monotonic(), 0
        await super().converse(socket, hello)

    async def takes(self, socket: ServerConnection, data: str | bytes, message: dict[str, Any]) -> bool:
        self.ticks += message.get("type") == "tick"
        return self.ticks < 20 + 5 * (time.monotonic() - self.began)
