"""Uploads what a run records, in an order in which a kill at any instant leaves a consistent run there.

What waits is what stands in the run's own ``attempts.jsonl`` here and not yet there: the same code uploads
what is recorded now and what an earlier command left. Of each attempt its files go first, ``manifest.json``
last of them; only then does its line count there.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.recording import MANIFEST
from tml_bench.runs.layout import RUN_ID
from tml_bench.runs.store import Attempt, read_run
from tml_bench.storage.attempt_log import ATTEMPTS, AttemptLog, join_pieces, read_log, remove_log, write_piece
from tml_bench.storage.names import RUN, mirror_id, recording_place
from tml_bench.storage.run_lock import LOCK, RunLock
from tml_bench.storage.store import RemoteStore
from tml_bench.users.settings import FOLDER as MADE

BATCH = 16
"""Attempts whose files are uploaded side by side; they count there together."""


class RunMirror:
    """A run on shared storage and the folder here that mirrors it.

    Args:
        store: where it is.
        path: its path there.
        folder: its mirror.
        aside: where a mirror is moved that is not of the run that is there any more.
    """

    def __init__(self, store: RemoteStore, path: str, folder: Path, aside: Path) -> None:
        self.store = store
        self.path = path
        self.folder = folder
        self._aside = aside

    @property
    def here(self) -> bytes:
        """Whole lines of attempts that were recorded or fetched here."""
        log = self.folder / ATTEMPTS
        content = log.read_bytes() if log.is_file() else b""
        return content[: content.rfind(b"\n") + 1]

    def align(self) -> AttemptLog:
        """Bring the mirror up to what is there; what is here and not there stays.

        A mirror of another run, such as one that was removed or begun anew there, is moved aside.
        """
        self.check()
        config = self.store.read(f"{self.path}/{RUN}")
        # What is left of a run whose removal was interrupted is none.
        log = AttemptLog(b"") if config is None else read_log(self.store, self.path)
        here = self.here
        if not (log.content.startswith(here) or here.startswith(log.content)):
            self._move_aside("was continued elsewhere")
            self.check()  # the new mirror is of the run that is there
            here = b""
        if config is not None and len(here) <= len(log.content):
            write_atomically(self.folder / RUN, config)
            if len(here) < len(log.content):
                write_atomically(self.folder / ATTEMPTS, log.content)
        return log

    def check(self) -> None:
        """Move the mirror aside if it is of a run that is not there any more."""
        there, known = self.store.read(f"{self.path}/{RUN_ID}"), self.folder / RUN_ID
        here = known.read_bytes() if known.is_file() else None
        if (self.folder / RUN).is_file() and there != here:
            self._move_aside("is another run now, or is not there any more")
        if there is not None and there != here:
            write_atomically(known, there)

    def _move_aside(self, why: str) -> None:
        self._aside.mkdir(parents=True, exist_ok=True)
        n = 1
        while (place := self._aside / f"{self.folder.name}-{n}").exists():
            n += 1
        self.folder.rename(place)
        address = self.store.address(self.path)
        self.store.tell(f"{address} {why}; what was recorded of it on this machine is kept as {place}")


class RunUpload:
    """The uploading of one run; while it is open nobody else writes to the run.

    With ``fresh`` the run is removed first.

    Raises:
        UserError: another holds the run, or the store refuses; nothing has begun then.
    """

    def __init__(self, mirror: RunMirror, lock: RunLock | None = None, *, fresh: bool = False) -> None:
        self._mirror = mirror
        self._store, self._path, self.folder = mirror.store, mirror.path, mirror.folder
        self._local = _local_lock(mirror.folder)
        try:
            self._lock = lock or RunLock(self._store, self._path, mirror_id())
            self._lock.acquire()
            try:
                if fresh:
                    self._clear()
                self._open()
            except BaseException:
                self._lock.release()
                raise
        except BaseException:
            self._local.release()
            raise

    def _open(self) -> None:
        self._sent = self._piece = len(self._mirror.align().content)
        self._before = len(self._mirror.here)
        self._made: dict[Path, int] = {}
        self._run_file = self._store.read(f"{self._path}/{RUN}")
        if self._run_file is None:
            remove_log(self._store, self._path)
            name = secrets.token_hex(8).encode()
            self._store.write(f"{self._path}/{RUN_ID}", name)
            write_atomically(self.folder / RUN_ID, name)

    def _clear(self) -> None:
        """Remove the mirror, then the run there but for the lock; what is no run is left alone."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._store.read(f"{self._path}/{RUN}") is not None:
            self._store.remove(f"{self._path}/{RUN}")
            self._store.remove_tree(self._path, keep=f"{self._path}/{LOCK}")

    @property
    def left(self) -> int:
        """How many attempts are recorded here and not there."""
        return self._mirror.here.count(b"\n", self._sent)

    def step(self) -> bool:
        """Upload the next attempts; False where there are none."""
        self._lock.beat()
        self._send_run_file()
        lines, taken = self._next()
        if not lines:
            return False
        self._send_made()
        attempts = [msgspec.json.decode(line, type=Attempt) for line in lines]
        self._send_recordings(attempts, check=self._sent < self._before)
        with (self.folder / ATTEMPTS).open("rb") as log:
            log.seek(self._piece)
            piece = log.read(self._sent + taken - self._piece)
        self._lock.beat()
        self._piece = write_piece(self._store, self._path, self._piece, piece)
        self._sent += taken
        return True

    def _next(self) -> tuple[list[bytes], int]:
        """The next lines that wait, and how many bytes they are."""
        try:
            with (self.folder / ATTEMPTS).open("rb") as log:
                log.seek(self._sent)
                lines = [line for line, _ in zip(log, range(BATCH), strict=False) if line.endswith(b"\n")]
        except FileNotFoundError:
            return [], 0
        return lines, sum(map(len, lines))

    def _send_run_file(self) -> None:
        path = self.folder / RUN
        content = path.read_bytes() if path.is_file() else None
        if content is not None and content != self._run_file:
            self._store.write(f"{self._path}/{RUN}", content)
            self._run_file = content

    def _send_made(self) -> None:
        """Upload what the run's simulated user made since, if it has one: never less than is there."""
        made = sorted((self.folder / MADE).glob("*/[!.]*"))
        found = {file: file.stat().st_size for file in made}
        self._store.each(self._send, [file for file in made if self._made.get(file) != found[file]])
        self._made = found

    def _send_recordings(self, attempts: Sequence[Attempt], *, check: bool) -> None:
        """Upload what attempts left; with ``check`` not what an earlier command uploaded, by its hashes."""
        run = read_run(self.folder)
        places = [recording_place(run, attempt) for attempt in attempts]
        found = [parts for parts in places if self.folder.joinpath(*parts).is_dir()]
        if check:
            found = [parts for parts in found if not self._is_there(parts)]
        others: list[Path] = []
        manifests: list[Path] = []
        for parts in found:
            for file in sorted(self.folder.joinpath(*parts).iterdir()):
                (manifests if file.name == MANIFEST else others).append(file)
        self._store.each(self._send, others)
        self._store.each(self._send, manifests)

    def _send(self, file: Path) -> None:
        self._store.put(file, f"{self._path}/{file.relative_to(self.folder).as_posix()}")

    def _is_there(self, parts: tuple[str, ...]) -> bool:
        """Whether a recording is there: the same hashes, and files of the sizes that go with them."""
        folder, path = self.folder.joinpath(*parts), "/".join((self._path, *parts))
        manifest = folder / MANIFEST
        if not manifest.is_file() or self._store.read(f"{path}/{MANIFEST}") != manifest.read_bytes():
            return False
        there = self._store.files(path)
        return all(there.get(file.name) == file.stat().st_size for file in folder.iterdir())

    def close(self) -> None:
        """Upload the rest, put the attempts together, and give the run back."""
        try:
            while self.step():
                pass
            self._lock.check()
            join_pieces(self._store, self._path, self._mirror.here[: self._sent])
            self._lock.release()
        finally:
            self._local.release()

    def abandon(self) -> None:
        """Leave the rest to the next command here, which takes over the lock that stays there."""
        self._local.release()


def _local_lock(folder: Path) -> FileLock:
    """Whoever writes to a mirror; it lies beside, for the mirror may be removed meanwhile."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.parent / f".{folder.name[:200]}.lock", timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{folder} is being written by another process", "wait for it, or give another --out"
        ) from None
    return lock
