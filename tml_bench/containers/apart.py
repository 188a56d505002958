"""Strangers' sound and video are looked at in a process of its own, which ends alone where a decoder crashes.

FFmpeg and libsndfile are C: a few bytes can end, stop or fill the process that reads them. (In libsndfile
1.2.2 searching in an Ogg file whose tables are damaged does.) So the first look at a file, which believes
nothing yet, is taken in a process beside this one, with as much memory and processor time as an honest file
needs. It is started for the first such file, kept, and started anew where it ended. What was looked at is
then read here, in order and in pieces. Files that this package ships are looked at here at once.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from tml_bench.errors import BadSampleError
from tml_bench.terminal_text import escaped

T = TypeVar("T")

MOST_MEMORY = 1 << 30
"""Bytes of address space that a look may take, on Linux."""
LEAST_S, BYTES_A_SECOND = 10.0, 250_000
"""Processor time that a look may take: so much, and a second for so many bytes of the file."""
_PATIENCE = 20.0
"""Seconds by the clock for one of processor time, on a machine that does much else."""
_REMEDY = "leave it out, or write it again with another program"
_READY = b"\x06"
_START = "import sys; sys.path[:] = sys.argv[1:]; from tml_bench.containers.apart import serve; serve()"


def apart(look: Callable[[Path], T], path: Path) -> T:
    """What a function of a module tells of a file, called in the process beside this one.

    Function and answer are pickled. Raises BadSampleError as the function does, and where it raises anything
    else, crashes, takes more than `MOST_MEMORY`, or longer than `LEAST_S` and the time for the file's size.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        what = "has a name that is not UTF-8, which libsndfile and FFmpeg do not take"
        raise BadSampleError(f"{escaped(str(path))} {what}; rename it")
    return look(path) if _beside.is_here or is_shipped(path) else _beside.ask(look, path)


@contextmanager
def looking_here() -> Iterator[None]:
    """For a process that may end with what it is at: it looks at all files itself, without a limit."""
    before, _beside.is_here = _beside.is_here, True
    try:
        yield
    finally:
        _beside.is_here = before


def is_shipped(path: Path) -> bool:
    """Whether a file, links followed, is one of this package's own."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(folder) for folder in _shipped_folders())


@cache
def _shipped_folders() -> tuple[Path, ...]:
    specs = (find_spec(name) for name in ("tml_bench", "tml_bench.tasks"))
    places = [place for spec in specs if spec for place in spec.submodule_search_locations or ()]
    return tuple(Path(os.path.realpath(place)) for place in places)


class _Beside:
    """The process beside this one, which does one thing at a time; with ``is_here`` this one does it."""

    def __init__(self) -> None:
        self.is_here = False
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._late = False

    def forget(self) -> None:
        """In a child that was forked: the process is the parent's, and the lock may be held there."""
        self._lock, self._process = threading.Lock(), None

    def ask(self, look: Callable[[Path], T], path: Path) -> T:
        limit_s = LEAST_S + path.stat().st_size / BYTES_A_SECOND
        with self._lock:
            answer = self._answer(look, path, limit_s)
            if isinstance(answer, int) and answer in (-9, -15) and not self._late:
                # Somebody ended it, or the system for want of memory, which need not be this file's fault.
                answer = self._answer(look, path, limit_s)
            late = self._late
        if isinstance(answer, int):
            raise BadSampleError(f"{path} cannot be read: {_fate(answer, limit_s, late)}; {_REMEDY}")
        found, error = answer
        if error is not None:
            raise error
        return found

    def _answer(
        self, look: Callable[[Path], T], path: Path, limit_s: float
    ) -> tuple[T, BadSampleError | None] | int:
        """What it found or what is wrong; the exit code of the process where it ended."""
        process = self._process = self._process or _started()
        assert process.stdin is not None
        assert process.stdout is not None
        self._late = False
        timer = threading.Timer(limit_s * _PATIENCE, self._give_up, (process,))
        timer.daemon = True
        timer.start()
        try:
            pickle.dump((look, path, limit_s), process.stdin)
            process.stdin.flush()
            answer: tuple[T, BadSampleError | None] = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            return self.end(5.0)
        except BaseException:
            # Its answer would be taken for that to the next question.
            self.end()
            raise
        finally:
            timer.cancel()
        return answer

    def _give_up(self, process: subprocess.Popen[bytes]) -> None:
        self._late = True
        process.kill()

    def end(self, wait_s: float = 0.0) -> int:
        """End the process, which may do so by itself within ``wait_s``; its exit code, 0 without one."""
        process, self._process = self._process, None
        if process is None:
            return 0
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not written yet
                if pipe is not None:
                    pipe.close()
        return process.wait()


def _started() -> subprocess.Popen[bytes]:
    """A process that has said that it can be asked. Its path of modules is ours, never the current folder."""
    own = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _START, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **own},
    )
    assert process.stdout is not None
    if process.stdout.read(1) != _READY:
        raise RuntimeError(f"the process that looks at media cannot be started (exit code {process.wait()})")
    return process


def _fate(code: int, limit_s: float, late: bool) -> str:
    if late or code == -getattr(signal, "SIGPROF", 0):
        return f"looking at it takes longer than {limit_s:.0f} s"
    return f"it ends the program that decodes it ({f'signal {-code}' if code < 0 else f'exit code {code}'})"


def serve() -> None:
    """Look at files for the process that started this one, until that is gone."""
    _beside.is_here = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    answers.write(_READY)
    answers.flush()
    # Decoders print what they think of a file.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while True:
        try:
            look, path, limit_s = pickle.load(questions)
        except EOFError:
            return
        _limit(limit_s)
        answer = _looked(look, path)
        pickle.dump(answer, answers)
        answers.flush()


def _looked(look: Callable[[Path], T], path: Path) -> tuple[T | None, BadSampleError | None]:
    try:
        return look(path), None
    except BadSampleError as error:
        return None, error
    except MemoryError:
        return None, BadSampleError(
            f"{path} cannot be read within {MOST_MEMORY >> 30} GB of memory; {_REMEDY}"
        )
    except Exception as error:
        return None, BadSampleError(f"{path} cannot be read ({type(error).__name__}: {error}); {_REMEDY}")


def _limit(limit_s: float) -> None:
    """Let the next look have so much memory and processor time; a signal ends what takes longer."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, limit_s)
    if sys.platform == "linux":
        import resource

        held = int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = held + MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))


_beside = _Beside()
atexit.register(_beside.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_beside.forget)
