"""JSON over HTTP by httpx (the extra ``[chat]``), whose failures are the contract's errors."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from tml_bench.adapter import InfrastructureError, ProtocolError, QuotaError
from tml_bench.adapters._socket import parse_object, refusal, retry_after_s
from tml_bench.errors import UserError
from tml_bench.redact import redacted

if TYPE_CHECKING:
    import httpx

MAX_ANSWER = 32 * 2**20
"""Longest answer taken, in bytes: eight minutes of 24 kHz audio in base64."""


def new_client(headers: Mapping[str, str], timeout_s: float) -> httpx.AsyncClient:
    """A client that verifies certificates, keeps no connection and knows no proxy of the environment.

    Redirects are not followed, for they would carry the key elsewhere. ``timeout_s`` is the longest silence
    of a server. Without the extra it is a ``UserError``.
    """
    try:
        import httpx
    except ImportError as error:
        raise UserError("httpx is not installed", "run: pip install 'tml-bench[chat]'") from error
    return httpx.AsyncClient(
        headers={"Accept-Encoding": "identity", **headers},
        timeout=timeout_s,
        limits=httpx.Limits(max_keepalive_connections=0),
        verify=_certificates(),
        trust_env=False,
    )


async def post_json(client: httpx.AsyncClient, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Post a JSON object and return the one that comes back; cancelling it cuts the connection.

    Raises:
        InfrastructureError: the server cannot be reached, is silent for too long, or refuses.
        QuotaError: it answers 429.
        ProtocolError: the answer is no JSON object, or too long.
    """
    import httpx

    shown, answer = redacted(url), bytearray()
    try:
        async with client.stream("POST", url, json=body) as response:
            async for piece in response.aiter_bytes():
                answer += piece
                if len(answer) > MAX_ANSWER:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = redacted(str(error)) or type(error).__name__
        raise InfrastructureError(f"{shown} cannot be reached: {what}") from error
    if response.status_code != httpx.codes.OK:
        said = redacted(answer[:500].decode(errors="replace"))
        text = f"{shown} answers HTTP {response.status_code}: {said}"
        if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            raise refusal(text)
        raise QuotaError(text, retry_after_s(response.headers.get("Retry-After")))
    if len(answer) > MAX_ANSWER:
        raise ProtocolError(f"{shown} answers with more than {MAX_ANSWER} bytes")
    return parse_object(bytes(answer))


@cache
def _certificates() -> ssl.SSLContext:
    """Those that the system trusts, read once: it takes tens of milliseconds."""
    return ssl.create_default_context()
