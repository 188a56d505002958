"""What a cascade calls, as OpenAI's HTTP endpoints: recognition, language model and voice of fixed words."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from numpy.typing import NDArray

VOICE_RATE = 24000


class Backends(ThreadingHTTPServer):
    """Recognises ``said`` in any audio, answers ``reply`` to it, and says that with ``voice``.

    Args:
        said: the words of the user.
        reply: what the language model answers them.
        voice: how that sounds, at 24 kHz.

    Attributes:
        heard: audio files that were to be recognised, in order.
        prompts: messages that were to be answered.
        spoken: texts that were to be said.
    """

    daemon_threads = True

    def __init__(self, said: str, reply: str, voice: NDArray[np.float32]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.said = said
        self.reply = reply
        self.voice = np.round(voice * 32767).astype("<i2").tobytes()
        self.heard: list[bytes] = []
        self.prompts: list[list[dict[str, object]]] = []
        self.spoken: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def s2s_arguments(self) -> list[str]:
        """Of ``speech-to-speech serve``, for it to call this."""
        options = {
            "stt": "openai",
            "openai_stt_base_url": self.url,
            "openai_stt_model": "fixed",
            "llm_backend": "chat-completions",
            "responses_api_base_url": self.url,
            "responses_api_api_key": "none",
            "model_name": "fixed",
            "tts": "openai",
            "openai_tts_base_url": self.url,
            "device": "cpu",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    @contextmanager
    def serving(self) -> Iterator[Backends]:
        thread = threading.Thread(target=self.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Backends

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match self.path:
            case "/v1/audio/transcriptions":
                self.server.heard.append(self._file(body))
                self._answer("application/json", json.dumps({"text": self.server.said}).encode())
            case "/v1/chat/completions":
                self._complete(json.loads(body))
            case "/v1/audio/speech":
                self.server.spoken.append(json.loads(body)["input"])
                self._answer("audio/pcm", self.server.voice)
            case _:
                self.send_error(404)

    def _file(self, body: bytes) -> bytes:
        boundary = re.search(r"boundary=([^;]+)", self.headers["Content-Type"])
        assert boundary is not None
        parts = body.split(b"--" + boundary[1].strip('"').encode())
        file = next(part for part in parts if b'name="file"' in part)
        return file.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")

    def _complete(self, request: dict[str, object]) -> None:
        messages = request["messages"]
        assert isinstance(messages, list)
        self.server.prompts.append(messages)
        about: dict[str, object] = {"id": "1", "created": 0, "model": request["model"]}
        message = {"role": "assistant", "content": self.server.reply}
        if not request.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = {**about, "object": "chat.completion", "choices": [choice]}
            self._answer("application/json", json.dumps(whole).encode())
            return
        lines = []
        for delta, reason in ((message, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            lines.append(json.dumps({**about, "object": "chat.completion.chunk", "choices": [choice]}))
        self._answer(
            "text/event-stream", "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
        )

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the server's own lists say what was asked."""
