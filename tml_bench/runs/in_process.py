"""Sessions in this process, one after another: for adapters that exist nowhere else, such as a notebook's."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from threading import Thread

from tml_bench.adapter import LiveAdapter
from tml_bench.plugins import adapter_class, parse_adapter_spec
from tml_bench.runs.jobs import Job, JobResult, SessionJob, SessionPool
from tml_bench.runs.live_worker import LiveHost
from tml_bench.runs.worker import Worker
from tml_bench.session.live import LatenessLimits


class InProcessPool(SessionPool):
    """Has the same outcomes as ``Pool``; but a step that hangs is waited for.

    Sessions on the wall clock run on a loop in a thread of their own: a notebook's own loop may be running.
    """

    def __init__(self) -> None:
        super().__init__()
        self._worker = Worker(lambda at: None, math.inf)
        self._host = LiveHost(LatenessLimits())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def results(self) -> Iterator[tuple[Job, JobResult]]:
        """Results as they come, until nothing waits; jobs may be submitted in between."""
        while self._waiting:
            job = self._waiting.popleft()
            if isinstance(job, SessionJob) and _is_live(job):
                yield job, self._live(job)
            else:
                yield job, self._worker.do(job)

    def _live(self, job: SessionJob) -> JobResult:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = Thread(target=self._loop.run_forever, name="live sessions", daemon=True)
            self._thread.start()
        future = asyncio.run_coroutine_threadsafe(self._host.session(job), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def __exit__(self, *raised: object) -> None:
        if self._loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(_settled(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        self._host.aside.shutdown()


async def _settled() -> None:
    """Wait for a session that was cancelled to end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


def _is_live(job: SessionJob) -> bool:
    return issubclass(adapter_class(parse_adapter_spec(job.adapter).target), LiveAdapter)
