"""Functions at work beside a session: they may hang, and a session waits for them no longer than it says.

Due functions are executed one after the other by a thread; when one hangs, or is at work for longer than a
session waits, another thread goes on with the rest.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from tml_bench.blame import in_one_line
from tml_bench.events import ToolReturned
from tml_bench.redact import cut, recordable
from tml_bench.samples import ToolFunction

HANGS_S = 5.0
"""Seconds of the machine's clock after which a function is taken to hang."""
MOST_HANGS = 3
"""A function that has hung so often is not executed again in the session."""
MOST_THREADS = 8
"""Most threads of a session that are at work at a time, those aside whose function hangs."""
LONGEST_ERROR = 400
"""Most characters of what a function raised that are told to the model."""
LARGEST_RESULT = 256 * 1024
"""Most bytes of a result as JSON."""


@dataclass(slots=True, eq=False)
class ToolExecution:
    """A call whose function is due since ``since_s``, who began it when, and what came of it."""

    due_ns: int
    call_id: str
    name: str
    function: ToolFunction
    arguments: Mapping[str, object]
    since_s: float = field(default_factory=time.monotonic)
    thread: threading.Thread | None = None
    began_s: float | None = None
    came: ToolReturned | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def ended(self, how: str, text: str) -> ToolReturned:
        """That it ended otherwise than by what the function gave."""
        return ToolReturned(self.due_ns, self.call_id, self.name, text, is_error=True, ended=how)


class ToolWork:
    """The functions of one session that are due.

    One thread takes them in order, so that what they do to a world is the same each time, unless one hangs.
    """

    def __init__(self) -> None:
        self._todo: deque[ToolExecution] = deque()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._threads: list[threading.Thread] = []
        self._hung: Counter[str] = Counter()
        self._dropped: list[ToolExecution] = []

    @property
    def idle(self) -> bool:
        """Nothing is to be executed or looked after."""
        return not (self._todo or self._threads or self._dropped)

    def add(self, execution: ToolExecution) -> None:
        """Have a function executed, once there is a thread for it (``hire``)."""
        self._todo.append(execution)

    def hire(self, *, another: bool = False) -> None:
        """See that what is left to do is done: by the thread that is at it, or ``another`` in its place."""
        self._look_after()
        with self._lock:
            if not self._todo or (self._worker is not None and not another):
                return
            if len(self._threads) >= MOST_THREADS:
                return
            self._worker = worker = threading.Thread(target=self._labour, daemon=True, name="tool")
            self._threads.append(worker)
        worker.start()

    def _look_after(self) -> None:
        """Leave out threads that have ended, and those whose function hangs though nobody waits for it."""
        long_ago_s = time.monotonic() - HANGS_S
        stuck = [e for e in self._dropped if e.began_s is not None and e.began_s <= long_ago_s]
        for execution in stuck:
            self._hung[execution.name] += execution.came is None
        self._dropped = [execution for execution in self._dropped if execution not in stuck]
        aside = {execution.thread for execution in stuck}
        self._threads = [thread for thread in self._threads if thread.is_alive() and thread not in aside]

    def _labour(self) -> None:
        while (execution := self._next()) is not None:
            if self._hung[execution.name] >= MOST_HANGS:
                text = f"{execution.name} has not come back {MOST_HANGS} times"
                execution.came = execution.ended("hung", text)
            else:
                execution.came = _outcome(execution)
            execution.done.set()

    def _next(self) -> ToolExecution | None:
        """The next one to execute, for the thread that is at it; None where that is done, or another is."""
        thread = threading.current_thread()
        with self._lock:
            if self._worker is not thread:
                return None
            if not self._todo:
                self._worker = None
                return None
            execution = self._todo.popleft()
            execution.thread, execution.began_s = thread, time.monotonic()
            return execution

    def wait(self, execution: ToolExecution, until_s: float) -> ToolReturned | None:
        """What came of it; None if it is still at work at ``until_s`` on the machine's monotonic clock."""
        waits_s = time.monotonic()
        while execution.came is None:
            now_s, began_s = time.monotonic(), execution.began_s
            if began_s is not None and now_s >= began_s + HANGS_S:
                return self._given_up(execution)
            if now_s >= until_s:
                return None
            if began_s is None and now_s >= waits_s + HANGS_S:  # whoever should begin it does not get to it
                waits_s = now_s
                self.hire(another=True)
            since_s = waits_s if began_s is None else began_s
            execution.done.wait(min(until_s, since_s + HANGS_S) - now_s)
        return execution.came

    def _given_up(self, execution: ToolExecution) -> ToolReturned:
        self._hung[execution.name] += 1
        self._leave_alone(execution)
        self._threads = [thread for thread in self._threads if thread is not execution.thread]
        self.hire()
        return execution.ended("hung", f"{execution.name} does not come back")

    def drop(self, *executions: ToolExecution) -> None:
        """Nobody waits for these any more: what is not begun is not executed."""
        with self._lock:
            self._todo = deque(execution for execution in self._todo if execution not in executions)
        for execution in executions:
            self._leave_alone(execution)
            if execution.began_s is not None:
                self._dropped.append(execution)

    def _leave_alone(self, execution: ToolExecution) -> None:
        """The thread that is at work on it, if one is, gets nothing else to do."""
        with self._lock:
            if self._worker is not None and self._worker is execution.thread and execution.came is None:
                self._worker = None


def _outcome(execution: ToolExecution) -> ToolReturned:
    """What came of calling the function, whatever it does."""
    try:
        output = execution.function(execution.arguments)
    except BaseException as error:  # a thread has nobody to tell
        text = cut(f"{type(error).__name__}: {error}", LONGEST_ERROR)
        return ToolReturned(execution.due_ns, execution.call_id, execution.name, text, is_error=True)
    limit = f"the limit is {LARGEST_RESULT:,} bytes"
    try:
        if not _may_fit(output):
            return execution.ended("too large", f"the result is too large: {limit}")
        plain = recordable(msgspec.to_builtins(output, str_keys=True))
        size = len(json.dumps(plain, allow_nan=False))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        return execution.ended("not JSON", f"the result is not JSON: {in_one_line(error)}")
    if size > LARGEST_RESULT:
        return execution.ended("too large", f"the result is too large: {size:,} bytes, {limit}")
    return ToolReturned(execution.due_ns, execution.call_id, execution.name, plain)


def _may_fit(output: object) -> bool:
    """Whether a result may be small enough, looked at no further than the limit.

    To write, or to look through, one that is too large holds up everything else in the process.
    """
    left = LARGEST_RESULT
    unseen: list[Iterator[object]] = [iter((output,))]
    while unseen and left >= 0:
        for value in unseen[-1]:
            left -= len(value) if isinstance(value, str | bytes | bytearray) else 1
            if isinstance(value, Mapping):
                unseen.append(chain(value.keys(), value.values()))
                break
            if isinstance(value, list | tuple | set | frozenset):
                unseen.append(iter(value))
                break
            if left < 0:
                break
        else:
            unseen.pop()
    return left >= 0
