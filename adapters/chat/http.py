"""One JSON request over HTTP, in a thread of its own, so that many sessions never wait for one pool."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from tml_bench.adapter import InfrastructureError, ProtocolError, QuotaError
from tml_bench.adapters._socket import parse_object, refusal, retry_after_s
from tml_bench.errors import UserError
from tml_bench.redact import redacted

MAX_ANSWER = 32 * 2**20
"""Longest answer taken, in bytes: eight minutes of 24 kHz audio in base64."""


async def post_json(
    url: str, headers: Mapping[str, str], body: Mapping[str, Any], timeout_s: float
) -> dict[str, Any]:
    """Post a JSON object and return the one that comes back; cancelling it cuts the connection.

    TLS certificates are verified; redirects are not followed, for they would carry the key elsewhere.

    Raises:
        InfrastructureError: the server cannot be reached, is silent for ``timeout_s``, or refuses.
        QuotaError: it answers 429.
        ProtocolError: the answer is no JSON object, or too long.
        UserError: the address is not one of a web server.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[dict[str, Any]] = loop.create_future()
    connection = _connection(url, timeout_s)

    def settle(act: Callable[[], None]) -> None:
        def unless_cancelled() -> None:
            if not answered.done():
                act()

        with suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(unless_cancelled)

    def work() -> None:
        try:
            answer = _exchange(connection, url, headers, body)
        except Exception as failure:
            error = failure
            settle(lambda: answered.set_exception(error))
        else:
            settle(lambda: answered.set_result(answer))
        finally:
            connection.close()

    threading.Thread(target=work, name="chat request", daemon=True).start()
    try:
        return await answered
    except asyncio.CancelledError:
        if connection.sock is not None:
            with suppress(OSError):  # it has just ended by itself
                connection.sock.shutdown(socket.SHUT_RDWR)
        raise


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout_s, context=ssl.create_default_context()
        )
    if parts.scheme == "http" and parts.hostname:
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    raise UserError(f"{redacted(url)!r} is not the address of a web server", "give http://... or https://...")


def _exchange(
    connection: http.client.HTTPConnection, url: str, headers: Mapping[str, str], body: Mapping[str, Any]
) -> dict[str, Any]:
    data = json.dumps(body, separators=(",", ":")).encode()
    path = urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl() or "/"
    shown = redacted(url)
    try:
        connection.request("POST", path, data, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        answer = response.read(MAX_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        what = redacted(str(error)) or type(error).__name__
        raise InfrastructureError(f"{shown} cannot be reached: {what}") from error
    if response.status != 200:
        raise _refused(shown, response, answer)
    if len(answer) > MAX_ANSWER:
        raise ProtocolError(f"{shown} answers with more than {MAX_ANSWER} bytes")
    return parse_object(answer)


def _refused(url: str, response: http.client.HTTPResponse, answer: bytes) -> InfrastructureError:
    said = redacted(answer[:500].decode("utf-8", "replace"))
    text = f"{url} answers HTTP {response.status}: {said}"
    if response.status != 429:
        return refusal(text)
    return QuotaError(text, retry_after_s(response.headers.get("Retry-After")))
