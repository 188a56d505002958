"""Reads and writes files of shared storage; waits while it is away, and says why it refuses."""

from __future__ import annotations

import errno
import math
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.redact import plain
from tml_bench.runs.back_off import BackOff, Patience
from tml_bench.runs.queues import CONTINUE
from tml_bench.storage.address import mirrors

T = TypeVar("T")

AT_ONCE = 8
"""Files on their way side by side."""
_LONGEST = 300
_IN_PIECES = 1 << 26
"""Files from this size on are uploaded in pieces, not from memory."""
_FOLDERS = frozenset(("file", "local", "sftp", "ssh", "smb", "hdfs", "arrow_hdfs", "webdav", "dask", "ftp"))
"""Protocols of real folders: a file is there in parts while it is written, so it is written aside."""
_REFUSED = frozenset(
    (
        errno.EINVAL, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT,
        errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EMSGSIZE, getattr(errno, "EREMCHG", errno.EINVAL),
    )
)  # fmt: skip
"""What no waiting mends."""
_BOTO_AWAY = frozenset(("HTTPClientError", "ConnectionError", "ResponseParserError", "IncompleteReadError"))
_OWN_FAULTS = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, NotImplementedError,
    TypeError, ValueError,
)  # fmt: skip


class StorageAwayError(UserError):
    """Shared storage could not be reached for as long as it is waited for; nothing is lost."""


def is_away(error: Exception) -> bool:
    """Whether a store that failed so may be there again later: no refusal, no fault in the call."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "BotoCoreError" in names:
        return bool(names & _BOTO_AWAY)
    if isinstance(error, (FileNotFoundError, FileExistsError, PermissionError, *_OWN_FAULTS)):
        return False
    return not (isinstance(error, OSError) and error.errno in _REFUSED)


class RemoteStore:
    """Files of one file system of fsspec, by their paths there.

    Whatever fails because the store is away is tried again with growing pauses; that is told once until it
    is there again.

    Args:
        fs: fsspec's object.
        scheme: how an address begins, such as ``s3://``.
        name: what the store is called in errors, such as ``s3://bucket``.
        max_wait_s: how long the store is waited for, in all, since it last answered.
        tell: gets a line when it is waited for.
        at_once: files on their way side by side.

    Raises:
        StorageAwayError: any method, once the store was waited for long enough.
        UserError: any method, where the store refuses.
    """

    def __init__(
        self,
        fs: Any,
        scheme: str,
        name: str,
        max_wait_s: float = 60.0,
        tell: Callable[[str], None] = lambda line: None,
        *,
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.scheme = scheme
        self.name = name
        self.max_wait_s = max_wait_s
        self.tell = tell
        self._fs = fs
        self._at_once = at_once
        self._clock = clock
        self._hurried = threading.Event()
        self._pause = pause or self._hurried.wait
        self._told = threading.Lock()
        self._is_away = False
        self._failed_s = -math.inf
        protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
        self._aside = any(protocol in _FOLDERS for protocol in protocols)

    def hurry(self, yes: bool = True) -> None:
        """Wait for nothing any more, or again."""
        self._hurried.set() if yes else self._hurried.clear()

    def address(self, path: str) -> str:
        """A path as people know it."""
        return self.scheme + path.lstrip("/")

    def read(self, path: str) -> bytes | None:
        """What a file holds; None where there is none."""
        try:
            return self._patiently(lambda: bytes(self._fs.cat_file(path)))
        except FileNotFoundError:
            return None

    def write(self, path: str, content: bytes) -> None:
        """Write a file; a reader sees the old or the new content, as far as the store keeps that."""
        if self._aside:
            beside = self._beside(path)
            self._writing(lambda: (self._fs.pipe_file(beside, content), self._fs.mv(beside, path)))
        else:
            self._writing(lambda: self._fs.pipe_file(path, content))

    def put(self, local: Path, path: str) -> None:
        """Upload a file."""
        if local.stat().st_size < _IN_PIECES:
            self.write(path, local.read_bytes())
        elif self._aside:
            beside = self._beside(path)
            self._writing(lambda: (self._fs.put_file(str(local), beside), self._fs.mv(beside, path)))
        else:
            self._writing(lambda: self._fs.put_file(str(local), path))

    def create(self, path: str, content: bytes) -> bool:
        """Write a file that is not there; False where it is. Atomic as far as the store can do that."""
        try:
            self._writing(lambda: self._create(path, content))
        except FileExistsError:
            return self.read(path) == content  # the answer to the try before may have been lost
        return True

    def _create(self, path: str, content: bytes) -> None:
        try:
            if self._aside:
                with self._fs.open(path, "xb") as file:
                    file.write(content)
            else:
                self._fs.pipe_file(path, content, mode="create")
        except OSError as error:
            # S3's own word for it, which s3fs gives as an invalid argument.
            if error.errno == errno.EINVAL and self._fs.exists(path):
                raise FileExistsError(path) from error
            raise

    def files(self, path: str) -> dict[str, int]:
        """Names and sizes of the files in a folder; none where there is no such folder."""
        return {name: size for name, size, is_file in self._inside(path) if is_file}

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder, in order."""
        return sorted(name for name, _, is_file in self._inside(path) if not is_file)

    def _inside(self, path: str) -> list[tuple[str, int, bool]]:
        def listed() -> list[dict[str, Any]]:
            try:
                return list(self._fs.ls(path, detail=True))
            except FileNotFoundError:
                return []

        # A store may list the folder itself.
        inside = (info for info in self._patiently(listed) if info["name"].strip("/") != path.strip("/"))
        return [(_name(info), int(info.get("size") or 0), info["type"] == "file") for info in inside]

    def tree(self, path: str) -> dict[str, int]:
        """Paths, from a folder on, and sizes of all files in and below it; none where there is none."""

        def found() -> dict[str, dict[str, Any]]:
            try:
                return dict(self._fs.find(path, detail=True))
            except FileNotFoundError:
                return {}

        root = f"{path.strip('/')}/"
        infos = self._patiently(found).items()
        return {one.strip("/").removeprefix(root): int(info.get("size") or 0) for one, info in infos}

    def fetch(self, path: str, local: Path) -> bool:
        """Download a file, which is there whole or not at all; False where there is none."""
        content = self.read(path)
        if content is None:
            return False
        write_atomically(local, content)
        return True

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""

        def removed() -> None:
            try:
                self._fs.rm_file(path)
            except FileNotFoundError:
                return

        self._patiently(removed)

    def remove_tree(self, path: str, keep: str = "") -> None:
        """Remove all files in a folder and below it but one."""
        names = (f"{path}/{name}" for name in self.tree(path))
        self.each(self.remove, (name for name in names if name != keep))

    def each(self, do: Callable[[T], object], items: Iterable[T]) -> None:
        """Do something with each item, several side by side; raises the first error once all have ended."""
        todo = list(items)
        if self._at_once == 1 or len(todo) < 2:
            for item in todo:
                do(item)
            return
        with ThreadPoolExecutor(min(self._at_once, len(todo))) as pool:
            try:
                for _ in pool.map(do, todo):
                    pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _beside(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        return f"{folder}/.{name}.part"

    def _writing(self, do: Callable[[], object]) -> None:
        try:
            self._patiently(do)
        except FileNotFoundError as error:
            raise UserError(
                f"{self.name} cannot be written to: {_said(error)}", "check the bucket's or folder's name"
            ) from error

    def _patiently(self, do: Callable[[], T]) -> T:
        back_off: BackOff | None = None
        while True:
            began_s = self._clock()
            try:
                done = do()
            except (FileNotFoundError, FileExistsError):
                raise
            except Exception as error:
                if isinstance(error, _OWN_FAULTS):
                    raise
                if not is_away(error):
                    raise UserError(
                        f"{self.name} refuses: {_said(error)}",
                        "check the address, the credentials and what they permit",
                    ) from error
                if back_off is None:
                    back_off = BackOff(Patience(self.max_wait_s, self.max_wait_s), self.name, self._clock)
                back_off.failed(began_s, None, opening=True)
                if back_off.exhausted or self._hurried.is_set():
                    raise StorageAwayError(
                        f"{self.name} cannot be reached: {_said(error)}; {back_off.why(0.0)}", CONTINUE
                    ) from error
                self._say_away(error)
                self._pause(back_off.wait_s)
            else:
                if began_s > self._failed_s:  # what began before says nothing of now
                    self._is_away = False
                return done

    def _say_away(self, error: Exception) -> None:
        with self._told:
            known, self._is_away, self._failed_s = self._is_away, True, self._clock()
        if not known:
            kept = f"what is recorded is kept under {mirrors()}"
            self.tell(f"waiting for {self.name}: {_said(error)}; {kept}")


def _name(info: dict[str, Any]) -> str:
    return str(info["name"]).rstrip("/").rpartition("/")[2]


def _said(error: Exception) -> str:
    return plain(f"{type(error).__name__}: {error}", _LONGEST)
