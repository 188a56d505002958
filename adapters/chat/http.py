"""JSON objects posted to one address over HTTP, by httpx (the extra ``[chat]``)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

from tml_bench.adapter import InfrastructureError, ProtocolError, QuotaError
from tml_bench.adapters._socket import parse_object, refusal, retry_after_s
from tml_bench.errors import UserError
from tml_bench.redact import redacted

MAX_ANSWER = 32 * 2**20
"""Longest answer taken, in bytes: eight minutes of 24 kHz audio in base64."""


class JsonEndpoint:
    """Takes JSON objects and gives them back, over a connection of its own for each.

    TLS certificates are verified; redirects are not followed, for they would carry the key elsewhere; proxies
    named in the environment are not used.

    Args:
        url: its address.
        headers: of every request.
        timeout_s: longest silence of the server.

    Raises:
        UserError: the address is not one of a web server, or the extra is not installed.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        try:
            import httpx
        except ImportError as error:
            raise UserError("httpx is not installed", "run: pip install 'tml-bench[chat]'") from error
        self._shown = redacted(url)
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL:
            self._url = httpx.URL()
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise UserError(
                f"{self._shown!r} is not the address of a web server", "give http://... or https://..."
            )
        self._client = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity", **headers},
            timeout=timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),
            verify=_certificates(),
            trust_env=False,
        )

    async def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one object; cancelling it cuts the connection.

        Raises:
            InfrastructureError: the server cannot be reached, is silent for too long, or refuses.
            QuotaError: it answers 429.
            ProtocolError: the answer is no JSON object, or too long.
        """
        import httpx

        answer = bytearray()
        try:
            async with self._client.stream("POST", self._url, json=body) as response:
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > MAX_ANSWER:
                        break
        except httpx.HTTPError as error:
            what = redacted(str(error)) or type(error).__name__
            raise InfrastructureError(f"{self._shown} cannot be reached: {what}") from error
        if response.status_code != httpx.codes.OK:
            raise self._refused(response.status_code, response.headers.get("Retry-After"), bytes(answer))
        if len(answer) > MAX_ANSWER:
            raise ProtocolError(f"{self._shown} answers with more than {MAX_ANSWER} bytes")
        return parse_object(bytes(answer))

    def _refused(self, status: int, retry_after: str | None, answer: bytes) -> InfrastructureError:
        said = redacted(answer[:500].decode("utf-8", "replace"))
        text = f"{self._shown} answers HTTP {status}: {said}"
        return QuotaError(text, retry_after_s(retry_after)) if status == 429 else refusal(text)

    async def close(self) -> None:
        """Close; ends what still runs."""
        await self._client.aclose()


@cache
def _certificates() -> ssl.SSLContext:
    """Those that the system trusts, read once: it takes tens of milliseconds."""
    return ssl.create_default_context()
