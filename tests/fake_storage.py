"""A file system of fsspec in memory that can be looked at after each change, and made to fail at any call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsspec.implementations.memory import MemoryFileSystem

from tml_bench.runs.config import RUN_SCHEMA, RunConfig, RunFile, environment
from tml_bench.storage.store import RemoteStore

CONFIG = RunConfig(
    schema=RUN_SCHEMA, task="t", dataset="mini-1", dataset_sha256="0" * 64, data="", subsets=(), limit=0,
    adapter="silent", privileged=False, clock="simulated", compute="ideal", replay="",
    tick_ns=200_000_000, seed=0, max_session_s=60.0,
)  # fmt: skip
FILE = RunFile(config=CONFIG, environment=environment())


class Killed(BaseException):
    """The process ends here."""


class FakeStorage(MemoryFileSystem):
    """Keeps files by path; every call goes through ``before``, every change ends in ``after``."""

    cachable = False

    def __init__(self) -> None:
        super().__init__(global_store=False, use_listings_cache=False)
        self.calls = 0
        self.before: Callable[[int, str, str], None] = lambda number, call, path: None
        self.after: Callable[[], None] = lambda: None

    def _called(self, call: str, path: str) -> None:
        self.calls += 1
        self.before(self.calls, call, path)

    def cat_file(self, path: str, *args: Any, **options: Any) -> bytes:
        self._called("read", path)
        found: bytes = super().cat_file(path, *args, **options)
        return found

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        self._called("write", path)
        super().pipe_file(path, value, mode=mode, **options)
        self.after()

    def rm_file(self, path: str) -> None:
        self._called("remove", path)
        super().rm_file(path)
        self.after()

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        self._called("list", path)
        return super().ls(path, detail=detail, **options)

    def contents(self) -> dict[str, bytes]:
        """All files."""
        return {path: file.getvalue() for path, file in self.store.items()}


class Clock:
    """Virtual time: pauses pass at once."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def pause(self, seconds: float) -> None:
        self.now_s += seconds


def store_of(fs: FakeStorage, clock: Clock, said: list[str], max_wait_s: float = 300.0) -> RemoteStore:
    """A store that does one thing after the other, in virtual time."""
    return RemoteStore(
        fs, "fake://", "fake://bucket", max_wait_s, said.append, at_once=1, clock=clock, pause=clock.pause
    )
