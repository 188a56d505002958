"""A service that reports an error and hangs up: the error says why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from tml_bench.adapter import InfrastructureError
from tml_bench.adapters._socket import refusal


async def explained(
    messages: AsyncIterator[str | bytes], complaint: Callable[[], str]
) -> AsyncIterator[str | bytes]:
    """The messages; if they end, then with the service's last complaint, if there was one.

    Args:
        messages: of the service.
        complaint: gives its last error; empty when there was none.

    Raises:
        InfrastructureError: they ended after a complaint, or as ``messages`` raises.
        QuotaError: the complaint is about the service's limits.
    """
    ended = "the service hung up"
    try:
        async for message in messages:
            yield message
    except InfrastructureError as error:
        if not complaint():
            raise
        ended = str(error)
    if complaint():
        raise refusal(f"{ended}, after it said: {complaint()}")
