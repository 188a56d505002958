"""Moshi and PersonaPlex: one Ogg-Opus stream each way; the model speaks all the time, silence included."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import sphn
from numpy.typing import NDArray

from fake_servers.scripted import ScriptedServer, ViolationError, tone

FRAME = 1920
VOICES = ("NATF2.pt", "NATM1.pt")


class FakeMoshi(ScriptedServer):
    """Gives a frame for every frame; an answer is a tone in the frames that follow, with one word of text.

    Args:
        personaplex: keep to the rules of NVIDIA's handler: the address must hold a voice that there is and a
            text; a seed is looked for where none can be, which drops the connection; only then, and after
            ``think_s``, in which what the client says is lost, comes the handshake.
        takes_seed: unlike NVIDIA's.

    Attributes:
        query: of the connection.
    """

    def __init__(
        self,
        *args: Any,
        personaplex: bool = False,
        takes_seed: bool = False,
        think_s: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{"answer_ms": 160, **kwargs})
        self.personaplex = personaplex
        self.takes_seed = takes_seed
        self.think_s = think_s
        self.query: dict[str, list[str]] = {}
        self._to_say: list[NDArray[np.float32]] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/chat"

    async def greet(self) -> None:
        assert self.ws.request is not None
        parts = urlsplit(self.ws.request.path)
        if parts.path != "/api/chat":
            raise ViolationError("the path is not /api/chat")
        self.query = parse_qs(parts.query, keep_blank_values=True)
        if self.personaplex and not self._usable():
            self.ws.transport.abort()
            await self.ws.wait_closed()
            return
        if not self.personaplex and self.query:
            raise ViolationError("the query is wrong")
        self._reader = sphn.OpusStreamReader(24000)
        self._writer = sphn.OpusStreamWriter(24000)
        try:
            async with asyncio.timeout(self.think_s):
                await self.ws.recv()
        except TimeoutError:
            await self.tell(b"\x00")
        else:
            raise ViolationError("something was said before the handshake")

    def _usable(self) -> bool:
        voices, texts = self.query.get("voice_prompt", []), self.query.get("text_prompt", [])
        seed = self.takes_seed or "seed" not in self.query
        return bool(texts) and voices[:1] in [[voice] for voice in VOICES] and seed

    async def take(self, message: str | bytes) -> None:
        if isinstance(message, str) or message[:5] != b"\x01OggS":
            raise ViolationError("not a binary frame of audio")
        heard = self._reader.append_bytes(message[1:])
        if heard.shape != (FRAME,):
            raise ViolationError(f"an audio message holds {heard.shape} samples, not one frame")
        await self.turns.hear(heard)
        said = self._to_say.pop(0) if self._to_say else np.zeros(FRAME, np.float32)
        await self.tell(b"\x01" + self._writer.append_pcm(said))

    async def audio(self, samples: NDArray[np.floating]) -> None:
        """Not used: speech leaves with the frames."""

    async def interrupted(self) -> None:
        self._to_say = []

    async def speak(self) -> None:
        await self.tell(b"\x02" + "\u2581tone".encode())
        speech = tone(self.answer_ms, 24000)
        self._to_say += np.split(speech, len(speech) // FRAME)

    async def step(self, step: str) -> None:
        messages: dict[str, str | bytes] = {
            "control": b"\x03\x01",
            "metadata": b'\x04{"model": "fake"}',
            "error": b"\x05out of memory",
            "ping": b"\x06",
            "unknown": b"\x2a?",
            "no utf-8": b"\x02\xff\xff",
            "no opus": b"\x01OggS" + bytes(100),
            "text frame": "hello",
            "empty": b"",
        }
        await self.tell(messages[step])
