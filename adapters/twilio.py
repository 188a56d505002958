"""A telephony bot that expects Twilio Media Streams: the harness plays Twilio's part.

Source: twilio.com/docs/voice/media-streams/websocket-messages. JSON text messages; audio is mu-law at 8 kHz,
both ways, sent in frames of 20 ms. EVA's assistant servers (ServiceNow) speak the same messages.
"""

import base64
import hashlib
import json
from collections import deque
from collections.abc import Iterable, Mapping

from tml_bench import adapter
from tml_bench.adapters._inbound import kind_of, name_in, parse_object
from tml_bench.adapters._media import Frames, from_base64, from_mulaw, to_mulaw
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import open_socket
from tml_bench.redact import kept

RATE = 8000
FRAME = 160
"""Samples of one media message: 20 ms."""
MAX_MARKS = 1000
"""Most marks that may wait for their audio to be heard."""


class Twilio(SocketAdapter):
    """A bot that serves Twilio Media Streams. It takes no tools, texts or video.

    A mark is given back once the audio before it has been heard, or at once after a clear, as Twilio does;
    the harness looks at each micro-turn. A micro-turn's audio leaves as one burst of messages at its end.

    Args:
        url: of the bot's websocket.
        instructions: give the session's instructions as the custom parameter of this name; empty gives them
            not at all.
    """

    audio_in = RATE
    audio_out = RATE

    def __init__(self, url: str = "ws://localhost:8765/ws", instructions: str = "instructions") -> None:
        super().__init__()
        self._url = url
        self._parameter = instructions
        self._frames = Frames(FRAME)
        self._stream = self._call = ""
        self._messages_sent = self._chunks_sent = 0
        self._received_ms = self._gone_ms = 0.0
        self._marks: deque[tuple[str, float]] = deque()

    async def connect(self, session: adapter.SessionStart) -> None:
        """As ``LiveAdapter.connect``."""
        digest = hashlib.md5(session.session_id.encode(), usedforsecurity=False).hexdigest()
        self._stream, self._call = f"MZ{digest}", f"CA{digest}"
        parameters = {}
        if session.instructions and self._parameter:
            parameters[self._parameter] = session.instructions
        await self._unsupported(
            tools=[tool.name for tool in session.tools],
            instructions="" if parameters else session.instructions,
        )
        self._begin(await open_socket(self._url))
        hello = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        await self._say(json.dumps(hello), "connected", hello)
        start = self._call_fields() | {
            "streamSid": self._stream,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
            "customParameters": parameters,
        }
        await self._tell("start", {"start": start})

    def _call_fields(self) -> dict[str, object]:
        return {"accountSid": f"AC{'0' * 32}", "callSid": self._call}

    async def _tell(self, event: str, fields: Mapping[str, object]) -> None:
        self._messages_sent += 1
        head = {"event": event, "sequenceNumber": str(self._messages_sent), "streamSid": self._stream}
        message = {**head, **fields}
        await self._say(json.dumps(message), event, message)

    async def send(self, turn: adapter.MicroTurn) -> None:
        """As ``LiveAdapter.send``; audio waits until it fills a frame of 20 ms."""
        for frame in self._frames.push(turn.audio):
            self._chunks_sent += 1
            media = {
                "track": "inbound",
                "chunk": str(self._chunks_sent),
                "timestamp": str((self._chunks_sent - 1) * 1000 * FRAME // RATE),
                "payload": base64.b64encode(to_mulaw(frame)).decode("ascii"),
            }
            await self._tell("media", {"media": media})
        self._gone_ms += turn.flushed.dropped_ms if turn.flushed is not None else 0.0
        while self._marks and self._marks[0][1] <= turn.heard_ms + self._gone_ms:
            await self._tell("mark", {"mark": {"name": self._marks.popleft()[0]}})
        await self._unsupported(texts=turn.texts)

    def understand(self, message: str | bytes) -> Iterable[adapter.ModelEvent]:
        """As ``SocketAdapter.understand``."""
        body = parse_object(message)
        event = kind_of(body, "event") if "event" in body else ""
        yield adapter.ProviderEvent(event, kept(body))
        if event == "media":
            data = from_base64(body["media"]["payload"])
            self._received_ms += len(data) * 1000 / RATE
            yield adapter.Output(audio=from_mulaw(data))
        elif event == "mark":
            if len(self._marks) >= MAX_MARKS:
                raise adapter.ProtocolError(f"more than {MAX_MARKS} marks wait to be heard")
            self._marks.append((name_in(body["mark"]["name"]), self._received_ms))
        elif event == "clear":
            self._marks = deque((name, 0.0) for name, _ in self._marks)
            yield adapter.Output(flush=True)

    async def _farewell(self) -> None:
        await self._tell("stop", {"stop": self._call_fields()})
