"""Moto's S3 server, whose memory survives a kill: what changes it is written to a journal, and done again.

Buckets, objects, conditions and listings are moto's own. The journal is the test's: a request that changes
something is on disk before its answer leaves, so whatever was acknowledged is there after the next start.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import EnvironBuilder, run_wsgi_app

CHANGES = ("PUT", "POST", "DELETE")


class Journal:
    """The application, with its journal."""

    def __init__(self, app: Any, path: Path) -> None:
        self._app = app
        self._lock = threading.Lock()
        for line in path.read_bytes().splitlines() if path.exists() else ():
            self._again(json.loads(line))
        self._file = path.open("ab")

    def _again(self, entry: dict[str, Any]) -> None:
        builder = EnvironBuilder(
            method=entry["method"],
            path=entry["path"],
            query_string=entry["query"],
            headers=entry["headers"],
            data=base64.b64decode(entry["body"]),
        )
        run_wsgi_app(self._app, builder.get_environ())

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        if environ["REQUEST_METHOD"] not in CHANGES:
            return self._app(environ, start)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        headers = {
            key[5:].replace("_", "-").title(): v for key, v in environ.items() if key.startswith("HTTP_")
        }
        if kind := environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = kind
        entry = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "query": environ.get("QUERY_STRING", ""),
            "headers": headers,
            "body": base64.b64encode(body).decode(),
        }
        with self._lock:  # the order of the journal is that of the changes
            chunks, status, answered = run_wsgi_app(self._app, environ, buffered=True)
            if status.startswith("2"):
                self._file.write(json.dumps(entry).encode() + b"\n")
                self._file.flush()
                os.fsync(self._file.fileno())
        start(status, list(answered))
        return chunks


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    given = parser.parse_args()
    app = Journal(DomainDispatcherApplication(create_backend_app), given.journal)
    run_simple("127.0.0.1", given.port, app, threaded=True)
