"""Services that speak the OpenAI Realtime protocol or a dialect of it.

Here are options, opening and sending; what comes back is understood in ``conversation``.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from tml_bench import adapter
from tml_bench.adapters._inbound import kind_of, of_known_shape, parse_object
from tml_bench.adapters._loudness import Change, Endpointer
from tml_bench.adapters._media import audio_base64, jpeg_base64
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import open_socket
from tml_bench.adapters._usage import response_tokens, tokens
from tml_bench.adapters.openai_realtime.conversation import RealtimeConversation
from tml_bench.adapters.openai_realtime.dialects import DIALECTS, Dialect
from tml_bench.adapters.openai_realtime.messages import Message, SessionWishes, UserStretch
from tml_bench.errors import UserError
from tml_bench.keys import key_for
from tml_bench.redact import kept

MANUAL_SILENCE_MS = 500
"""Silence that ends a turn when turns are manual and nothing else was asked for: what server VAD waits."""


class OpenAIRealtime(SocketAdapter):
    """OpenAI Realtime, and services that speak it: dialect=ga, s2s, qwen, vllm-duplex, sglang, minicpmo.

    The key comes from OPENAI_API_KEY or DASHSCOPE_API_KEY; with a ``base_url`` of your own none is needed.

    Args:
        dialect: how the service speaks the protocol; see ``dialects.DIALECTS``.
        model: the model; the dialect's default when empty.
        base_url: where it is, such as ``ws://localhost:8000/v1``; the dialect's default when empty.
        voice: the voice; the service's default when empty.
        vad: who finds the user's turns: ``server``, ``semantic``, or ``manual`` (this adapter, by loudness).
        silence_ms: silence that ends a turn, for ``server`` and ``manual``; the default when 0.
        threshold: of ``server`` detection; the service's default when negative.
        eagerness: of ``semantic`` detection: ``low``, ``medium``, ``high`` or ``auto``.
        interrupt: the user may interrupt the model.
        effort: of reasoning: ``minimal`` to ``xhigh``.
        transcribe: model that transcribes the user; the transcripts stand in the recording.
        speak: False for written answers.
        fps: frames per second when the script has video; the dialect's default when negative, 0 for none.
        rate_in: of the user's audio, in Hz; the dialect's when 0.
        rate_out: of the model's audio, in Hz; the dialect's when 0.
    """

    takes_history = True

    def __init__(
        self, dialect: str = "ga", model: str = "", base_url: str = "", voice: str = "", vad: str = "",
        silence_ms: int = 0, threshold: float = -1.0, eagerness: str = "", interrupt: bool = True,
        effort: str = "", transcribe: str = "", speak: bool = True, fps: float = -1.0, rate_in: int = 0,
        rate_out: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        if dialect not in DIALECTS:
            raise UserError(f"there is no dialect {dialect!r}", f"the dialects are {', '.join(DIALECTS)}")
        self._dialect = spoken = DIALECTS[dialect]
        self.refusals = spoken.refusals
        self.audio_in = rate_in or spoken.rate_in
        self.audio_out = rate_out or spoken.rate_out
        self.video_in = _video(spoken, fps)
        self._wishes = SessionWishes(
            model=model or spoken.model, voice=voice, vad=vad or spoken.vads[0],
            silence_ms=silence_ms or None, threshold=threshold if threshold >= 0 else None,
            eagerness=eagerness, interrupts=interrupt, effort=effort, transcribe=transcribe, spoken=speak,
            rate_in=self.audio_in, rate_out=self.audio_out, video=self.video_in is not None,
        )  # fmt: skip
        _check(dialect, spoken, self._wishes)
        self._url = _address(base_url or spoken.base_url, spoken.query(self._wishes))
        self._key = key_for(self._url, *spoken.keys, required=bool(spoken.keys) and not base_url)
        cuts = interrupt and (spoken.cuts_on_speech or self._wishes.vad in ("server", "semantic"))
        self._conversation = RealtimeConversation(spoken, self.audio_out, cuts)
        patience_ms = silence_ms or MANUAL_SILENCE_MS
        self._endpointer = Endpointer(self.audio_in, patience_ms) if vad == "manual" else None
        self._audio: list[NDArray[np.float32]] = []
        self._frames: list[adapter.Frame] = []
        self._sent_samples = self._sent_chunks = self._said = 0
        self._in_order = asyncio.Lock()

    @classmethod
    def asked_model(cls, options: Mapping[str, object]) -> str:
        """As ``LiveAdapter.asked_model``: the dialect's where none is given."""
        spoken = DIALECTS.get(str(options.get("dialect")))
        return super().asked_model(options) or (spoken.model if spoken else "")

    async def connect(self, session: adapter.SessionStart) -> None:
        """As ``LiveAdapter.connect``."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._socket = socket = await open_socket(self._url, headers=headers, refusals=self.refusals)
        patience_s = self._dialect.patience_s
        if self._dialect.greeting:
            await self._until(socket, self._dialect.greeting, patience_s)
        await self._tell(self._dialect.configure(self._wishes, session))
        self._check_rates(await self._until(socket, self._dialect.ready, patience_s))
        await self._unsupported(tools=[] if self._dialect.tools else [tool.name for tool in session.tools])
        for said in session.history:
            if self._dialect.history is None:
                raise UserError(
                    "this dialect takes no conversation from before the session",
                    "run the open-loop form of the task, which plays every turn",
                )
            await self._tell(self._dialect.history(said, self.audio_in))
        self._begin(socket)

    def _check_rates(self, message: Mapping[str, Any]) -> None:
        """The service may have granted other rates than ours."""
        with of_known_shape():
            audio = (message.get("session") or {}).get("audio") or {}
            for way, option, ours in (("input", "in", self.audio_in), ("output", "out", self.audio_out)):
                form = (audio.get(way) or {}).get("format") or {}
                rate = form.get("rate", ours) if isinstance(form, Mapping) else ours
                if rate != ours and int(rate) not in range(1, 10**6):
                    raise ValueError(f"its {way} has {rate} Hz")
                if rate != ours:
                    raise UserError(
                        f"the service's {way} has {int(rate)} Hz, not {ours}",
                        f"set rate_{option}={int(rate)}",
                    )

    async def send(self, turn: adapter.MicroTurn) -> None:
        """As ``LiveAdapter.send``."""
        self._audio.append(turn.audio)
        self._frames.extend(turn.frames)
        unit = self.audio_in * self._dialect.unit_ms // 1000
        if sum(len(audio) for audio in self._audio) >= unit:
            await self._send_chunk()
        for result in turn.tool_results:
            self._conversation.give_result(result)
        for text in turn.texts:
            if self._dialect.text is None:
                await self._unsupported(text=text)
            else:
                self._conversation.give_text(self._dialect.text(text))
        if self._endpointer is not None:
            self._take_turns(self._endpointer.feed(turn.audio))
        await self._reply()

    async def _send_chunk(self) -> None:
        audio = np.concatenate(self._audio)
        chunk = UserStretch(
            audio_base64(audio, self._dialect.encoding),
            tuple((jpeg_base64(frame), frame.t_ns / 1e6) for frame in self._frames),
            self._sent_chunks,
            1000 * self._sent_samples / self.audio_in,
            1000 * len(audio) / self.audio_in,
            self.audio_in,
        )
        self._audio, self._frames = [], []
        self._sent_samples += len(audio)
        self._sent_chunks += 1
        for message in self._dialect.append(chunk):
            await self._tell(message)

    def _take_turns(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change == "began":
                self._queue.sent(*self._conversation.cut_in())
            else:
                self._conversation.commit()

    async def heard(self, item: str, ms: float, cut: bool) -> None:
        """As ``LiveAdapter.heard``: tells the service where its reply was cut, if it can be told."""
        if cut:
            self._conversation.told_heard(item, ms)
            await self._reply()

    def understand(self, message: str | bytes) -> Iterable[adapter.ModelEvent]:
        """As ``SocketAdapter.understand``."""
        said = parse_object(message)
        yield adapter.ProviderEvent(kind_of(said), kept(said))
        yield from _usage(said)
        yield from self._conversation.take(said)
        self.complaint = self._conversation.complaint or self.complaint

    async def _messages(self) -> AsyncIterator[str | bytes]:
        """What the service sends; what a message calls for is sent once it has been understood."""
        async for message in super()._messages():
            yield message
            await self._reply()

    async def _reply(self) -> None:
        async with self._in_order:
            while self._conversation.replies:
                await self._tell(self._conversation.replies.pop(0))

    async def _tell(self, message: Message) -> None:
        self._said += 1
        if self._dialect.numbered:
            message = {"event_id": f"tml_{self._said}", **message}
        self._conversation.sent(message)
        await self._say(json.dumps(message, separators=(",", ":")), message["type"], message)

    async def _farewell(self) -> None:
        if self._dialect.farewell:
            await self._tell({"type": self._dialect.farewell})


def _usage(message: Message) -> Iterable[adapter.Usage]:
    """What the service has counted for a response, or for the transcript of the user."""
    match message.get("type"):
        case "response.done":
            yield from response_tokens(message.get("response"))
        case "conversation.item.input_audio_transcription.completed":
            yield from tokens(message.get("usage"), calls=0)


def _video(dialect: Dialect, fps: float) -> adapter.VideoSpec | None:
    """The frames a session wants; ``fps`` below 0 leaves it to the dialect, 0 is none."""
    if dialect.video is None or fps == 0 or (fps < 0 and dialect.video_on_request):
        return None
    return dialect.video if fps < 0 else replace(dialect.video, fps=fps)


def _check(name: str, dialect: Dialect, wishes: SessionWishes) -> None:
    """Refuse wishes that the dialect has no words for, by a ``UserError`` that names the option."""
    if wishes.vad not in dialect.vads:
        known = ", ".join(filter(None, dialect.vads)) or "none: leave it out"
        raise UserError(f"dialect {name} has no vad={wishes.vad}", f"it has {known}")
    for option, value, vads in (
        ("silence_ms", wishes.silence_ms, ("server", "manual")),
        ("threshold", wishes.threshold, ("server",)),
        ("eagerness", wishes.eagerness, ("semantic",)),
    ):
        if value not in (None, "") and wishes.vad not in vads:
            raise UserError(f"{option} has no meaning with vad={wishes.vad}", f"it needs vad={vads[0]}")
    for option, value, able in (
        ("effort", wishes.effort, dialect.efforts),
        ("voice", wishes.voice, dialect.voices),
        ("transcribe", wishes.transcribe, dialect.transcribes),
    ):
        if value and not able:
            raise UserError(f"dialect {name} has no {option}", f"leave {option}={value} out")


def _address(base_url: str, query: Mapping[str, str]) -> str:
    """The websocket's address: ``/realtime`` is added unless it is there; a query that is there stays."""
    parts = urlsplit(base_url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    path = path if path.endswith("/realtime") else path + "/realtime"
    return urlunsplit((scheme, parts.netloc, path, urlencode({**query, **dict(parse_qsl(parts.query))}), ""))
