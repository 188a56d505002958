"""Addresses of services: whether one is this machine's, whether a key may go there, and through which proxy.

Every connection of the harness asks here, so that websockets and HTTP treat keys and proxies alike.
"""

import ipaddress
import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tml_bench.errors import UserError
from tml_bench.redact import redacted, remember_named

PLAIN_KEYS = "TML_BENCH_PLAIN_KEYS"
"""Environment variable that, set to 1, lets keys go to other machines without TLS."""
_PROXIES = {
    "https": ("https", "all"),
    "http": ("http", "all"),
    "wss": ("wss", "https", "all"),
    "ws": ("ws", "https", "http", "all"),
}
"""For each kind of address, whose proxy variable applies (``HTTPS_PROXY``, ...), the first that is set.

A websocket needs a tunnel, also without TLS, so it takes the proxy for ``https`` before that for ``http``.
"""


def is_loopback(url: str) -> bool:
    """Whether an address is of this machine: ``localhost``, below ``.localhost``, 127.0.0.0/8 or ::1.

    Anything that only may be (a name before ``@``, a number in another form than the usual) is not.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    if "@" in parts.netloc or "\\" in parts.netloc:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_private(url: str, what: str = "a key") -> None:
    """Refuse to send a secret where others can read it: to another machine without TLS.

    Raises:
        UserError: the address is not of ``https``, ``wss`` or this machine, and ``TML_BENCH_PLAIN_KEYS`` is
            not 1; says what would be sent.
    """
    scheme, _, rest = url.partition("://")
    if scheme.lower() in ("https", "wss") or is_loopback(url) or os.environ.get(PLAIN_KEYS) == "1":
        return
    secure = "https" if scheme.lower() == "http" else "wss"
    host = rest.partition("/")[0].rpartition("@")[2]
    raise UserError(
        f"{what} would go to {host} without TLS, where others can read it",
        f"use {secure}://, take the key away, or set {PLAIN_KEYS}=1 if the way there is safe",
    )


def proxy_of(url: str) -> str | None:
    """The proxy through which an address is reached, by the usual variables; None for none.

    They are ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, their names in small letters, and ``NO_PROXY``,
    or where there are none the settings of the system. An address of this machine has no proxy, whatever
    they say.
    """
    if is_loopback(url):
        return None
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    named = (proxies.get(scheme) for scheme in _PROXIES.get(parts.scheme, ()))
    proxy = next(filter(None, named), None)
    if proxy is None:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    remember_named("proxy", proxy)
    return proxy


def shown(url: str) -> str:
    """An address as errors name it: without secrets, and with the proxy that is used."""
    return redacted(url) + through(url)


def through(url: str) -> str:
    """The proxy through which an address is reached, for an error; empty for none."""
    proxy = proxy_of(url)
    return f" (through the proxy {_place(proxy)})" if proxy else ""


def unusable_proxy(url: str, error: Exception) -> UserError:
    """The error where a proxy's address is none, or is of a kind for which a package is missing."""
    proxy = proxy_of(url) or ""
    why = "needs a package that is not installed" if isinstance(error, ImportError) else "cannot be used"
    return UserError(
        f"the proxy {_place(proxy)} {why}",
        "give http://HOST:PORT in HTTPS_PROXY or ALL_PROXY, or name the service in NO_PROXY"
        + (", or run: pip install 'python-socks[asyncio]' 'httpx[socks]'" if "socks" in proxy else ""),
    )


def _place(proxy: str) -> str:
    """A proxy's address without user and password."""
    scheme, _, rest = proxy.partition("://")
    return redacted(f"{scheme}://{rest.rpartition('@')[2]}")
