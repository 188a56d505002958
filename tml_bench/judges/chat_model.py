"""What a judge needs of a language model: one prompt in, one reply out, and failures told apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from tml_bench.judges.prompt import Prompt


class ModelReply(NamedTuple):
    """What a model replied.

    ``model`` is what the service says replied, and may be empty; tokens it does not tell are 0.
    """

    text: str
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class CallError(Exception):
    """A call without reply.

    Args:
        reason: what happened, in words that are the same for every question; shown in reports.
        again: it may go better another time.
        wait_s: how long the service asks to wait; 0 when it does not say.
        final: no other question will fare better.
    """

    def __init__(self, reason: str, *, again: bool = False, wait_s: float = 0.0, final: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        self.wait_s = wait_s
        self.final = final


Gate = Callable[[], Awaitable[None]]
"""Awaited before every request: waits for its turn and books it."""
Ask = Callable[[Prompt, Gate], Awaitable[ModelReply]]
"""Asks once; raises `CallError`."""


class ChatModel(Protocol):
    """A language model that can be asked."""

    @property
    def kind(self) -> str:
        """What reaches it, such as ``openai``."""

    @property
    def model(self) -> str:
        """Its name."""

    @property
    def version(self) -> str:
        """All else that changes answers: prompt and settings."""

    def obstacle(self) -> str:
        """Why it cannot be asked here; empty when it can."""

    def connect(self) -> AbstractAsyncContextManager[Ask]:
        """Open what asking needs, inside a running event loop."""
