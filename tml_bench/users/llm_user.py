"""Users played by a language model behind any server of chat completions: ``--user llm:model=...``."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from msgspec import Meta, ValidationError, convert

from tml_bench.addresses import proxy_of, shown
from tml_bench.errors import UserAwayError, UserError
from tml_bench.judges.budget import Sleep
from tml_bench.judges.model_judge import CallError, ModelReply, run_now
from tml_bench.judges.openai import OpenAIChat, RefusedRequestError
from tml_bench.redact import cut, plain, redacted
from tml_bench.scenario import Scenario
from tml_bench.users.llm_policy import LanguageModelPolicy
from tml_bench.users.policy import UserPolicy
from tml_bench.users.reply_cache import ReplyCache, ReplyRequest, holds_replies

if TYPE_CHECKING:
    from openai import AsyncOpenAI

LLM = "llm"
TRIES, PAUSE_S, LONGEST_WAIT_S = 3, 1.0, 30.0
"""How often a server that fails for a while is asked; the first pause, then doubled; the longest one."""
LONGEST_REPLY = 20_000
"""Most characters kept of a reply."""
_MISS = "the user's next line is not in the cache, and its language model cannot be asked: "
Busy = Callable[[float], None]
REACHED_S = 5.0
"""How long a server may take to accept a connection before a run."""


@dataclass(frozen=True, slots=True)
class SpokenReplies:
    """How replies are asked for beside what `OpenAIChat` says.

    Attributes:
        thinking: seconds that the user lets pass before its turn, longer than its manners say, in which the
            reply and its voice are made.
        max_tokens: of a reply.
    """

    thinking: Annotated[float, Meta(ge=0, le=60)] = 0.0
    max_tokens: Annotated[int, Meta(ge=1)] = 120


@dataclass(frozen=True, slots=True)
class LanguageModelUser:
    """A language model that plays users; makes their policies."""

    chat: OpenAIChat
    replies: SpokenReplies = SpokenReplies()

    @property
    def name(self) -> str:
        """It as given, without what decides no reply: two of one name may use one cache."""
        usual = LanguageModelUser(OpenAIChat(self.chat.model))
        kinds = ("temperature", "effort", "tag"), ("thinking", "max_tokens")
        ours = [(n, getattr(self.chat, n), getattr(usual.chat, n)) for n in kinds[0]]
        ours += [(n, getattr(self.replies, n), getattr(usual.replies, n)) for n in kinds[1]]
        named = [
            f"{n}={'none' if value is None else value}" for n, value, plain_one in ours if value != plain_one
        ]
        return f"{LLM}:{','.join([f'model={self.chat.model}', *named])}"

    def unhurried(self, scenario: Scenario) -> Scenario:
        """The scenario of a user who takes the time to think that this one needs."""
        thinking_s = max(scenario.manners.thinking_s, self.replies.thinking)
        return replace(scenario, manners=replace(scenario.manners, thinking_s=thinking_s))

    def policy(
        self, scenario: Scenario, seed: int, cache: ReplyCache, busy: Busy = lambda seconds: None
    ) -> UserPolicy:
        """The policy of a session of this scenario; ``busy`` is called before the server is asked."""
        return LanguageModelPolicy(
            scenario, seed, ServedReplies(self.chat, self.replies, cache, busy=busy).ask
        )

    def warm_up(self) -> None:
        """Load the client, which takes a while, and keeps others from working meanwhile."""
        if not self.chat.obstacle():
            import openai  # noqa: F401

    def obstacle(self) -> str:
        """Why it cannot be asked here: no client, no key, or nobody who listens; empty when it can."""
        return self.chat.obstacle() or _unreached(self.chat.base_url)

    def check(self, caches: Sequence[Path]) -> str:
        """Look before a run whether it can be played; ``caches`` are folders of replies.

        Returns:
            Why only the caches answer; empty where the model can be asked.

        Raises:
            UserError: it cannot be asked, and there is no reply in any cache.
        """
        why = self.obstacle()
        if why and not holds_replies(caches):
            raise UserError(
                f"--user {self.name} cannot be asked ({why}), and no cache holds its replies",
                "start the server and give base_url=http://.../v1, or give --user-cache RUN of a run with it",
            )
        return f"the user's language model cannot be asked: {why}; only the cache answers" if why else ""


def language_model_user(spec: str) -> LanguageModelUser:
    """Read a user as given, ``llm:...``; raises `UserError` for an unknown option, or a value that is none.

    ``ears`` is no option of the language model, and is left out.
    """
    given: dict[str, str | None] = {}
    for item in filter(None, spec.partition(":")[2].split(",")):
        name, equals, value = item.partition("=")
        if not equals:
            raise UserError(f"--user llm: {item!r} is no option", "give name=value, separated by commas")
        given[name.strip()] = (
            None if (name.strip(), value.strip()) == ("temperature", "none") else value.strip()
        )
    given.pop("ears", None)
    known = {f.name for f in (*fields(OpenAIChat), *fields(SpokenReplies))}
    if unknown := given.keys() - known:
        raise UserError(
            f"--user llm: there is no option {min(unknown)!r}", f"choose from {', '.join(sorted(known))}"
        )
    given.setdefault("timeout_s", "60")
    replies = {f.name for f in fields(SpokenReplies)}
    try:
        chat = convert({n: v for n, v in given.items() if n not in replies}, OpenAIChat, strict=False)
        return LanguageModelUser(
            chat, convert({n: v for n, v in given.items() if n in replies}, SpokenReplies, strict=False)
        )
    except ValidationError as error:
        raise UserError(f"--user llm: {error}", "see docs/llm-user.md") from None


class ServedReplies:
    """Asks a server, or the cache where the same was asked before.

    ``sleep`` makes pauses, ``busy`` is told for how many seconds an answer may take before it is asked for.
    """

    def __init__(
        self, chat: OpenAIChat, replies: SpokenReplies, cache: ReplyCache, sleep: Sleep = asyncio.sleep,
        busy: Busy = lambda seconds: None,
    ) -> None:  # fmt: skip
        self._chat = chat
        self._replies = replies
        self._cache = cache
        self._sleep = sleep
        self._busy = busy

    def ask(self, messages: Sequence[Mapping[str, str]], seed: int) -> str:
        """The reply to messages.

        Raises:
            UserAwayError: it is not in the cache, and the server does not answer.
            UserError: the server refuses all requests, or a file of the cache is damaged.
        """
        chat = self._chat
        sampling = {"seed": seed % 2**31, "max_tokens": self._replies.max_tokens}
        settings = {"temperature": chat.temperature, "effort": chat.effort, "tag": chat.tag, **sampling}
        request = ReplyRequest(chat.model, messages, settings)
        if (known := self._cache.find(request)) is not None:
            return known
        if why := chat.obstacle():
            raise UserAwayError(f"{_MISS}{why}", again=False)
        self._busy(TRIES * (chat.timeout_s + LONGEST_WAIT_S))
        reply = self._asked(messages, sampling)
        return self._cache.keep(request, cut(reply.text, LONGEST_REPLY), reply.model)

    def _asked(self, messages: Sequence[Mapping[str, str]], sampling: Mapping[str, int]) -> ModelReply:
        found: list[ModelReply] = []

        async def work() -> None:
            async with self._chat.client() as client:
                found.append(await self._patiently(client, messages, sampling))

        run_now(work())
        return found[0]

    async def _patiently(
        self, client: AsyncOpenAI, messages: Sequence[Mapping[str, str]], sampling: Mapping[str, int]
    ) -> ModelReply:
        for number in range(TRIES):
            try:
                return await self._chat.complete(client, messages, **sampling)
            except RefusedRequestError as error:
                raise UserAwayError(f"{_MISS}{error}", again=False) from None
            except CallError as error:
                if error.final:
                    remedy = "see --user, and docs/llm-user.md"
                    raise UserError(f"the user's language model cannot be asked: {error}", remedy) from None
                if not error.again or number + 1 == TRIES or error.wait_s > LONGEST_WAIT_S:
                    raise UserAwayError(f"{_MISS}{error}") from None
                await self._sleep(max(error.wait_s, PAUSE_S * 2**number))
        raise AssertionError("the last try gives a reply or raises")


def _unreached(url: str) -> str:
    """Why nobody listens at the address of a server; empty where somebody does, or a proxy is between."""
    if proxy_of(url):
        return ""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), REACHED_S).close()
    except OSError as error:
        return f"nobody listens at {redacted(shown(url))} ({plain(error.strerror or str(error))})"
    return ""
