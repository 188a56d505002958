"""Chat completions with audio in and out: whole turns over HTTP.

Source: platform.openai.com/docs/api-reference/chat/create: content part ``input_audio``, modality ``audio``.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import (
    InfrastructureError,
    MicroTurn,
    ProtocolError,
    ProviderEvent,
    SessionStart,
)
from tml_bench.adapters._inbound import parse_object
from tml_bench.adapters._loudness import WINDOW_MS, Endpointer
from tml_bench.adapters._media import Frames
from tml_bench.adapters._refusal_tables import OPENAI as OPENAI_REFUSALS, OWN_SERVER
from tml_bench.adapters._refusals import ServiceRefusals
from tml_bench.adapters._session import QueueAdapter
from tml_bench.adapters._usage import tokens
from tml_bench.adapters.chat.dialogue import ChatDialogue, audio_part, samples, wav
from tml_bench.addresses import check_private, proxy_of, shown, unusable_proxy
from tml_bench.errors import UserError
from tml_bench.keys import key_for
from tml_bench.redact import holds_secret, kept, plain, redacted, remember_named

if TYPE_CHECKING:
    import httpx

OPENAI = "https://api.openai.com/v1"
LEAD_MS = 200
"""Audio kept from before a turn's first loud window."""
MAX_ANSWER = 32 * 2**20
"""Longest answer taken, in bytes: eight minutes of 24 kHz audio in base64."""
JSON = {"Content-Type": "application/json"}
"""Headers of a request that holds JSON."""


class ChatCompletions(QueueAdapter):
    """A model that answers whole turns; needs the extra ``[chat]``. Nothing is cut at an overlap.

    The harness ends the user's turns itself, by loudness, sends each as one WAV file, and plays the answer
    when it has come in whole. Turns that end while a request runs wait for its answer, then go together.
    The key is read from ``OPENAI_API_KEY``; servers of your own need none.

    Args:
        model: its name.
        base_url: of the interface, up to ``/v1``.
        voice: of the answer.
        speak: False asks for written answers only.
        silence_ms: silence that ends the user's turn; it is part of every latency.
        max_turn_s: a longer turn is cut.
        timeout_s: longest silence of the server; longest wait for an answer that is not there when the script
            has ended.
    """

    audio_in = 16000
    audio_out = 24000
    turn_based = True
    takes_history = True

    def __init__(
        self, model: str = "gpt-audio-1.5", base_url: str = OPENAI, voice: str = "alloy", speak: bool = True,
        silence_ms: int = 600, max_turn_s: float = 60.0, timeout_s: float = 60.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if not re.match(r"https?://[^/]", base_url):
            raise UserError(
                f"{redacted(base_url)!r} is not the address of a web server", "give http://... or https://..."
            )
        key = key_for(base_url, "OPENAI_API_KEY", required=base_url.startswith(OPENAI))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._client = new_client(self._url, headers, timeout_s)
        self._refusals = OPENAI_REFUSALS if base_url.startswith(OPENAI) else OWN_SERVER
        self._options: dict[str, Any] = {"model": model, "modalities": ["text"]}
        if speak:
            self._options |= {"modalities": ["text", "audio"], "audio": {"voice": voice, "format": "wav"}}
        self._silence_ms = silence_ms
        self._turns = UserTurns(self.audio_in, silence_ms, max_turn_s)
        self._asked = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.patience_s = timeout_s
        self._dialogue: ChatDialogue | None = None

    async def prepare(self) -> None:
        """As ``LiveAdapter.prepare``: readies what looks at answers, which would hold up a session."""
        if "audio" in self._options:
            hush = wav(np.zeros(LEAD_MS, np.float32), self.audio_out)
            await asyncio.to_thread(samples, hush, self.audio_out)

    async def connect(self, session: SessionStart) -> None:
        """As ``LiveAdapter.connect``; the service is first spoken to when the first turn has ended."""
        self._dialogue = ChatDialogue(session, self._options, self.audio_out)
        self._start()

    async def send(self, turn: MicroTurn) -> None:
        """As ``LiveAdapter.send``; audio is kept until the user's turn ends."""
        assert self._dialogue is not None, "connect first"
        for result in turn.tool_results:
            self._dialogue.answer(result)
        for audio in self._turns.push(turn.audio):
            ended = {"audio_ms": len(audio) * 1000 / self.audio_in, "silence_ms": self._silence_ms}
            self._queue.sent(ProviderEvent("turn.ended", ended, sent=True))
            self._dialogue.say(audio_part(audio, self.audio_in))
        for text in turn.texts:
            self._dialogue.say({"type": "text", "text": text})
        if self._dialogue.ready:
            self._idle.clear()
            self._asked.set()

    async def _work(self) -> None:
        assert self._dialogue is not None
        try:
            while await self._asked.wait():
                self._asked.clear()
                while self._dialogue.ready:
                    await self._ask(self._dialogue)
                self._idle.set()
        finally:
            self._idle.set()

    async def ping(self) -> bool:
        """As ``LiveAdapter.ping``: the answer to the request under way; without one there is nothing to ask.

        Raises:
            InfrastructureError, ProtocolError: the request failed.
        """
        if self._idle.is_set():
            return False
        await self._idle.wait()
        if self._queue.error is not None:
            raise self._queue.error
        return True

    async def _ask(self, dialogue: ChatDialogue) -> None:
        request = dialogue.request()
        self._queue.sent(ProviderEvent("request", kept(request), sent=True))
        reply = await post_json(self._client, self._url, request, self._refusals)
        if isinstance(model := reply.get("model"), str):
            self.reported = {"model": model}
        event = ProviderEvent(str(reply.get("object", "reply")), kept(reply))
        await self._queue.received((event, *tokens(reply.get("usage"))))
        await self._queue.received((dialogue.take(reply),))

    async def close(self) -> None:
        """As ``LiveAdapter.close``."""
        await super().close()
        await self._client.aclose()


class UserTurns:
    """Collects audio at ``rate`` Hz until ``silence_ms`` have ended a turn, which includes them.

    A turn longer than ``max_s`` is cut there and goes on as another.
    """

    def __init__(self, rate: int, silence_ms: int, max_s: float) -> None:
        self._endpointer = Endpointer(rate, silence_ms)
        self._windows = Frames(rate * WINDOW_MS // 1000)
        self._lead: deque[NDArray[np.float32]] = deque(maxlen=LEAD_MS // WINDOW_MS)
        self._turn: list[NDArray[np.float32]] | None = None
        self._longest = round(max_s * 1000 / WINDOW_MS)

    def push(self, audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take samples of shape (n,), [-1, 1]; returns the turns that ended in them, each of shape (m,)."""
        ended = (self._step(window) for window in self._windows.push(audio))
        return [turn for turn in ended if turn is not None]

    def _step(self, window: NDArray[np.float32]) -> NDArray[np.float32] | None:
        changes = self._endpointer.feed(window)
        if "began" in changes:
            self._turn = list(self._lead)
        self._lead.append(window)
        if self._turn is None:
            return None
        self._turn.append(window)
        if "ended" not in changes and len(self._turn) < self._longest:
            return None
        turn = np.concatenate(self._turn)
        self._turn = None if "ended" in changes else []
        return turn


def new_client(url: str, headers: Mapping[str, str], timeout_s: float) -> httpx.AsyncClient:
    """A client for one address, which verifies certificates and keeps no connection.

    Redirects are not followed, for they would carry the key elsewhere. ``timeout_s`` is the longest silence
    of a server. Proxies are those of ``addresses.proxy_of``.

    Raises:
        UserError: the extra is not installed, a key would go to another machine in clear, or the proxy is
            none.
    """
    try:
        import httpx
    except ImportError as error:
        raise UserError("httpx is not installed", "run: pip install 'tml-bench[chat]'") from error
    remember_named("url", url)
    if headers or holds_secret(url):
        check_private(url)
    try:
        return httpx.AsyncClient(
            headers={"Accept-Encoding": "identity", **headers},
            timeout=timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=_certificates(),
            trust_env=False,
            proxy=proxy_of(url),
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise unusable_proxy(url, error) from None


async def post_json(
    client: httpx.AsyncClient, url: str, body: Mapping[str, Any], refusals: ServiceRefusals = OWN_SERVER
) -> dict[str, Any]:
    """Post a JSON object and return the one that comes back; cancelling it cuts the connection.

    Raises:
        InfrastructureError: the server cannot be reached, is silent for too long, or refuses, by the table.
        ProtocolError: the answer is no JSON object, or too long.
    """
    import httpx

    place = shown(url)
    try:
        async with client.stream("POST", url, content=json.dumps(body), headers=JSON) as response:
            answer = await bounded_body(response, MAX_ANSWER)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = plain(str(error)) or type(error).__name__
        raise InfrastructureError(f"{place} cannot be reached: {what}") from error
    if response.status_code != httpx.codes.OK:
        raise refusals.answered(place, response.status_code, response.headers, answer)
    if len(answer) > MAX_ANSWER:
        raise ProtocolError(f"{place} answers with more than {MAX_ANSWER} bytes")
    return parse_object(answer)


async def bounded_body(response: httpx.Response, most: int) -> bytes:
    """The body of an answer as it comes, none is asked to be compressed; cut after ``most`` bytes or so."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most:
            break
    return bytes(body)


@cache
def _certificates() -> ssl.SSLContext:
    """Those that the system trusts, read once: it takes tens of milliseconds."""
    return ssl.create_default_context()
