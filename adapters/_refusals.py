"""Why a service refuses, as the contract's errors."""

import math
import re

from websockets.exceptions import ConnectionClosed, InvalidStatus

from tml_bench.adapter import InfrastructureError, ProtocolError, QuotaError
from tml_bench.redact import plain, redacted

_QUOTA = re.compile(r"quota|rate.?limit|resource.?exhausted|too many|limit.?reached", re.IGNORECASE)
_OUR_COMPLAINTS = {1002, 1003, 1007, 1009}


def refusal(message: str, retry_after_s: float | None = None) -> InfrastructureError:
    """The error for a service that refuses and says why: a ``QuotaError`` if it is about its limits."""
    if retry_after_s is not None or _QUOTA.search(message):
        return QuotaError(redacted(message), retry_after_s)
    return InfrastructureError(redacted(message))


def closed_error(error: ConnectionClosed, url: str) -> InfrastructureError | ProtocolError:
    """The contract's error for a connection that ended.

    When this side closed it first because of what the service sent (a malformed frame, text that is not
    UTF-8, a message too large), the service broke its protocol.
    """
    if error.sent is not None and not error.rcvd_then_sent and error.sent.code in _OUR_COMPLAINTS:
        return ProtocolError(f"{url} broke the websocket protocol: {error.sent}")
    if error.rcvd is not None:
        return refusal(f"{url} closed the connection: {plain(str(error.rcvd))}")
    return InfrastructureError(f"the connection to {url} broke")


def in_good_order(error: ConnectionClosed) -> bool:
    """Whether the service ended the connection because it was done, and not for its limits."""
    return error.rcvd is not None and error.rcvd.code in (1000, 1001) and not _QUOTA.search(error.rcvd.reason)


def http_refusal(error: InvalidStatus, url: str, key_variable: str) -> InfrastructureError:
    """The error for a handshake that was answered with another status; ``key_variable`` holds the key."""
    status = error.response.status_code
    wait = retry_after_s(error.response.headers.get("Retry-After"))
    said = plain((error.response.body or b"")[:300].decode("utf-8", "replace")).strip()
    text = f"{url} answers HTTP {status}" + (f": {said}" if said else "")
    if status == 429 or (status == 503 and wait is not None):
        return QuotaError(text, wait)
    if status in (401, 403) and key_variable:
        return InfrastructureError(f"{text} (is {key_variable} valid?)")
    return InfrastructureError(text)


def retry_after_s(header: str | None) -> float | None:
    """The seconds that a ``Retry-After`` names; None where it names none, such as a date."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
