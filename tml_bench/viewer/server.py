"""Serves the viewer to a browser on this machine, and to nobody else.

It listens on the loopback interface only. Its addresses begin with a random token, so that no other page and
no other user of the machine can guess them, and a request for another host's name is refused, so that no
name that is made to point here is of use. It answers GET alone, reads the runs that were given and nothing
else, and writes nothing.
"""

from __future__ import annotations

import re
import secrets
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tml_bench.blame import whole
from tml_bench.errors import UserError
from tml_bench.terminal_text import say
from tml_bench.viewer.site import SiteContent, ViewerSite

LOOPBACK = "127.0.0.1"
POLICY = (
    "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'sha256-fF0LBso7Nz75zaFRDBUefBDvPe19hjaiDnnc8lt+2Js='; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing from elsewhere, no script but the page's files, and one style besides: wavesurfer.js's own."""
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_CHUNK = 1 << 18
_IDLE_S = 30.0
_PLACE = re.compile("[0-9]{0,18}")


class ViewerServer(ThreadingHTTPServer):
    """A server for one viewer; ``serve_forever`` runs it until ``shutdown``, as of any server.

    Raises:
        UserError: the port is taken, or may not be used.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, site: ViewerSite, port: int = 0) -> None:
        self.site = site
        self.token = secrets.token_urlsafe(16)
        try:
            super().__init__((LOOPBACK, port), _ViewerRequest)
        except OSError as error:
            raise UserError(f"port {port}: {error.strerror}", "give another --port, or none") from error
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _ViewerRequest(BaseHTTPRequestHandler):
    server: ViewerServer
    protocol_version = "HTTP/1.1"
    server_version = "tml-bench"
    sys_version = ""
    timeout = _IDLE_S

    def do_GET(self) -> None:
        """Answer a request."""
        if self.headers.get("Host", "") not in self.server.hosts:
            return self._refuse(HTTPStatus.FORBIDDEN, "this is not the host asked for")
        token, _, address = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            return self._refuse(HTTPStatus.NOT_FOUND, "nothing here; take the address that was printed")
        try:
            found = self.server.site.content(address)
        except UserError as error:
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        except Exception as error:  # the other samples are worth seeing
            say(whole(error), err=True)
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "this failed; the terminal says how")
        if found is None:
            return self._refuse(HTTPStatus.NOT_FOUND, "nothing here")
        return self._give(found)

    def _give(self, found: SiteContent) -> None:
        size = found.body.stat().st_size if isinstance(found.body, Path) else len(found.body)
        wanted = self.headers.get("Range", "")
        part = byte_range(wanted, size) if wanted else (0, size)
        if part is None:
            return self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "no such range", size)
        begin, end = part
        self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
        self.send_header("Content-Type", found.type)
        self.send_header("Accept-Ranges", "bytes")
        if wanted:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self._head(end - begin)
        if isinstance(found.body, bytes):
            self.wfile.write(found.body[begin:end])
            return None
        with found.body.open("rb") as file:
            file.seek(begin)
            left = end - begin
            while left and (chunk := file.read(min(left, _CHUNK))):
                self.wfile.write(chunk)
                left -= len(chunk)
        return None

    def _refuse(self, status: HTTPStatus, why: str, size: int | None = None) -> None:
        body = f"{why}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        if size is not None:
            self.send_header("Content-Range", f"bytes */{size}")
        self._head(len(body))
        self.wfile.write(body)

    def _head(self, length: int) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request for a page: a method that is not GET, or no HTTP at all."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self.close_connection = True
        self._refuse(status, status.phrase)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is for what matters."""


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First byte, and the one after the last, of a ``Range`` header; None for none, several or nothing."""
    unit, _, wanted = header.partition("=")
    first, dash, last = wanted.strip().partition("-")
    if unit.strip() != "bytes" or not dash or not (_PLACE.fullmatch(first) and _PLACE.fullmatch(last)):
        return None
    if first:
        begin, end = int(first), min(size, int(last) + 1) if last else size
    elif last:
        begin, end = max(0, size - int(last)), size
    else:
        return None
    return (begin, end) if begin < end else None
