"""Addresses of shared storage, such as ``s3://bucket/results``, and where their mirrors lie."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from tml_bench.errors import UserError
from tml_bench.redact import holds_secret

CACHE = "TML_BENCH_CACHE"
"""Environment variable that names the folder of mirrors; ``~/.cache/tml-bench`` without."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+-]+://")
_COLLAPSED = re.compile(r"[A-Za-z][A-Za-z0-9+-]+:/[^/]")
_PART = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f/\\]{1,255}")
_ENDPOINTS = ("endpoint_url", "client_kwargs", "host", "port", "account_name", "project")
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def is_shared(place: str | os.PathLike[str]) -> bool:
    """Whether a place is an address of shared storage, and no folder of this machine.

    Raises:
        UserError: it is a `Path` that was made of an address, which has lost a slash.
    """
    text = os.fspath(place)
    if not isinstance(place, str) and _COLLAPSED.match(text):
        raise UserError(f"{text} was an address once", "give addresses as text, not as Path")
    return isinstance(place, str) and _ADDRESS.match(text) is not None


def mirrors() -> Path:
    """The folder of all mirrors on this machine."""
    cache = os.environ.get(CACHE)
    return (Path(cache) if cache else Path.home() / ".cache" / "tml-bench").resolve() / "mirrors"


class FileSystem(NamedTuple):
    """A file system of fsspec, and where what lies there is mirrored.

    Attributes:
        fs: fsspec's own object.
        mirror: the folder whose ``a/b`` mirrors the path ``a/b`` there.
        start: how a path there begins: ``/`` or empty.
        scheme: how an address begins, such as ``s3://``.
    """

    fs: object
    mirror: Path
    start: str
    scheme: str

    def path_of(self, folder: Path) -> str:
        """The path there of what is mirrored here."""
        return self.start + folder.relative_to(self.mirror).as_posix()


def file_system(address: str) -> tuple[FileSystem, Path]:
    """The file system of an address, and the folder that mirrors it.

    Raises:
        UserError: the extra is not installed, fsspec does not know the address, or a part of it names no
            folder.
    """
    if holds_secret(address):
        raise UserError(
            "an address holds a password",
            "put it where the store's own client finds it; see its documentation",
        )
    try:
        import fsspec
    except ImportError:
        raise UserError(f"{address} needs the extra [remote]", "pip install 'tml-bench[remote]'") from None
    scheme = address.partition("://")[0].lower()
    # What others write must be seen; folders of a disk are made as they are needed.
    options = {"use_listings_cache": False} | ({"auto_mkdir": True} if scheme in ("file", "local") else {})
    try:
        fs, path = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        package = _PACKAGES.get(scheme, "its package")
        raise UserError(f"{address}: {error}", f"install {package}, or tml-bench[remote] for S3") from None
    except ValueError as error:
        raise UserError(f"{address}: {error}", "s3://, gs://, file:// and others of fsspec") from None
    parts = [part for part in path.strip("/").split("/") if part]
    if not parts or not all(map(_PART.fullmatch, parts)):
        raise UserError(f"{address} names no folder", "give one such as s3://bucket/results")
    known = [(name, repr(fs.storage_options.get(name))) for name in _ENDPOINTS]
    known += [(name, os.environ.get(name, "")) for name in _ENDPOINT_VARIABLES]
    digest = hashlib.sha256(repr((scheme, known)).encode()).hexdigest()[:8]
    mirror = mirrors() / f"{scheme}-{digest}"
    start = "/" if path.startswith("/") else ""
    shown = f"{scheme}:///" if scheme in ("file", "local") else f"{scheme}://"
    return FileSystem(fs, mirror, start, shown), mirror.joinpath(*parts)
