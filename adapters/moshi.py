"""Moshi and PersonaPlex: binary frames whose first byte tells their kind, audio as Ogg-Opus.

Source: kyutai-labs/moshi, rust/protocol.md and moshi/server.py. Each direction is one continuous Ogg-Opus
stream of 24 kHz mono audio in frames of 80 ms. The model speaks all the time, also as silence, which is left
out (``SilenceGate``).
"""

import codecs
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from tml_bench import adapter
from tml_bench.adapters._inbound import parse_json
from tml_bench.adapters._loudness import SilenceGate
from tml_bench.adapters._media import Frames, to_int16
from tml_bench.adapters._refusals import ReportedError, is_broken
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import OPEN_S, open_socket
from tml_bench.errors import UserError
from tml_bench.redact import kept

FRAME = 1920
"""Samples of one Opus frame: 80 ms at 24 kHz."""
KINDS = ("handshake", "audio", "text", "control", "metadata", "error", "ping")
"""What the first byte of a message means, by its value."""
_BYTE = re.compile(rb"<0x([0-9A-Fa-f]{2})>")
CONTROLS = ("start", "end_turn", "pause", "restart")
"""What the second byte of a control message means, by its value."""
PERSONAPLEX_OPEN_S = 30.0
"""Longest wait for PersonaPlex's handshake, which follows the reading of its prompts; a session's own too."""


class Moshi(SocketAdapter):
    """A Moshi server; needs the extra ``[moshi]``. It takes no instructions, tools, texts or video.

    Args:
        url: of the server's endpoint.
    """

    audio_in = 24000
    audio_out = 24000

    def __init__(self, url: str = "ws://localhost:8998/api/chat") -> None:
        super().__init__()
        self._url = url
        self._open_s = OPEN_S
        self._frames = Frames(FRAME)
        self._writer, self._decoder = _opus()
        self._gate = SilenceGate(self.audio_out)
        self._text = _TextPieces()

    async def connect(self, session: adapter.SessionStart) -> None:
        """As ``LiveAdapter.connect``."""
        await self._unsupported(tools=[t.name for t in session.tools], instructions=session.instructions)
        await self._greet(self._url)

    async def _greet(self, url: str) -> None:
        socket = await open_socket(url)
        try:
            message = await socket.receive(self._open_s)
            for event in self._understood(message):
                self._queue.sent(event)
            if _split(message)[0] != "handshake":
                raise adapter.ProtocolError("the server did not begin with a handshake")
        except BaseException:
            await socket.drop()
            raise
        self._begin(socket)

    async def send(self, turn: adapter.MicroTurn) -> None:
        """As ``LiveAdapter.send``; audio waits until it fills a frame of 80 ms."""
        for frame in self._frames.push(turn.audio):
            packet = self._writer.append_pcm(frame)
            if packet:
                await self._say(b"\x01" + packet, "audio", {"audio": packet})
        await self._unsupported(texts=turn.texts)

    def understand(self, message: str | bytes) -> Iterable[adapter.ModelEvent]:
        """As ``SocketAdapter.understand``."""
        kind, payload = _split(message)
        yield adapter.ProviderEvent(kind, kept(_body(kind, payload)))
        if kind == "audio":
            audio = self._decoder.append_bytes(payload)
            if self._gate.lets_through(to_int16(audio)):
                yield adapter.Output(audio=audio)
        elif kind == "text":
            if words := self._text.join(payload):
                yield adapter.Output(transcript=(adapter.Transcript(words),))
        elif kind == "error":
            raise self.refusals.error(
                "the server reports:", ReportedError(payload.decode("utf-8", "replace"))
            )


class PersonaPlex(Moshi):
    """A PersonaPlex server: Moshi's frames with a voice and a role; needs the extra ``[moshi]``.

    The session's instructions become the text prompt. Source: NVIDIA/personaplex, moshi/moshi/server.py of
    March 2026, whose handler wants ``voice_prompt`` and ``text_prompt`` in the address, reads nothing before
    its handshake, and drops a connection whose prompts it cannot use, or whose address has a ``seed``: it
    looks for the seed's value elsewhere.

    Args:
        url: of the server's endpoint.
        voice: file of the voice prompt, as the server names it.
        prompt: text prompt when the session has no instructions.
        seed: give the session's seed, to a server that takes one: NVIDIA's does not.
    """

    def __init__(
        self,
        url: str = "ws://localhost:8998/api/chat",
        voice: str = "NATF2.pt",
        prompt: str = "You enjoy having a good conversation.",
        seed: bool = False,
    ) -> None:
        super().__init__(url)
        self._open_s = PERSONAPLEX_OPEN_S
        self._voice = voice
        self._prompt = prompt
        self._gives_seed = seed

    async def connect(self, session: adapter.SessionStart) -> None:
        """As ``LiveAdapter.connect``; returns once the server has read its prompts."""
        await self._unsupported(tools=[tool.name for tool in session.tools])
        query: dict[str, object] = {
            "voice_prompt": self._voice,
            "text_prompt": session.instructions or self._prompt,
        }
        if self._gives_seed:
            query["seed"] = session.seed
        await self._record("query", query, sent=True)
        try:
            await self._greet(f"{self._url}{'&' if '?' in self._url else '?'}{urlencode(query)}")
        except adapter.InfrastructureError as error:
            if not is_broken(error):
                raise
            may = " or takes no seed (leave seed=true out)" if self._gives_seed else ""
            raise adapter.InfrastructureError(
                f"{error} before the handshake; the server may lack the voice {self._voice!r}{may}"
            ) from error


def _opus() -> tuple[Any, Any]:
    try:
        import sphn
    except ImportError as error:
        raise UserError("sphn is not installed", "run: pip install 'tml-bench[moshi]'") from error
    return sphn.OpusStreamWriter(24000), sphn.OpusStreamReader(24000)


def _split(message: str | bytes) -> tuple[str, bytes]:
    if isinstance(message, str) or not message:
        raise adapter.ProtocolError("the server sent a message that is not a binary frame")
    kind = message[0]
    return (KINDS[kind] if kind < len(KINDS) else f"kind-{kind}"), message[1:]


class _TextPieces:
    """Joins pieces of text: a character may be split between them, also as bytes spelt out (``<0xE2>``).

    Bytes that a model spells out may be no text at all, which is its own affair; a server's must be UTF-8.
    """

    def __init__(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")
        self._sent, self._spelt = decoder(), decoder("replace")

    def join(self, payload: bytes) -> str:
        """The text that is now whole. Raises UnicodeDecodeError."""
        if spelt := _BYTE.fullmatch(payload):
            return self._spelt.decode(bytes.fromhex(spelt[1].decode())).replace("\u2581", " ")
        return self._sent.decode(payload).replace("\u2581", " ")


def _body(kind: str, payload: bytes) -> dict[str, object]:
    if kind == "text":
        return {"text": payload.decode("utf-8", "replace").replace("\u2581", " ")}
    if kind == "error":
        return {"error": payload.decode("utf-8", "replace")}
    if kind == "metadata":
        return {"metadata": parse_json(payload)}
    if kind == "control" and payload[:1] and payload[0] < len(CONTROLS):
        return {"control": CONTROLS[payload[0]]}
    return {"payload": payload}
