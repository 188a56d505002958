"""Jobs done in this process, one after the other, as for adapters that a notebook gives."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from tml_bench.adapter import LiveAdapter
from tml_bench.plugins import fitting_class, parse_adapter_spec
from tml_bench.runs.back_off import Patience
from tml_bench.runs.jobs import Job, JobResult, SessionJob, preflight_job
from tml_bench.runs.live_worker import LiveHost
from tml_bench.runs.queues import AdapterQueue, SessionPool
from tml_bench.runs.worker import Worker
from tml_bench.session.live import LatenessLimits


class InProcessPool(SessionPool):
    """Has the same outcomes as ``Pool``; but a step that hangs is waited for.

    Sessions on the wall clock run on a loop in a thread of their own: a notebook's own loop may be running.
    ``preflight`` is as for ``LivePool``; the other arguments are those of ``SessionPool``.
    """

    def __init__(
        self,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda line: None,
        *,
        preflight: bool = False,
    ) -> None:
        super().__init__(patience, tell)
        self._folder = TemporaryDirectory(prefix="tml-bench-") if preflight else None
        self._worker = Worker(lambda at: None, math.inf)
        self._host = LiveHost(LatenessLimits())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        """As ``SessionPool.results``."""
        while not self._is_over(patient):
            time.sleep(self._wait_s())
            if (queue := self._ready()) is None:
                continue
            started = queue.start()
            job = started.job
            live = isinstance(job, SessionJob) and _is_live(job.adapter)
            result = self._live(job) if isinstance(job, SessionJob) and live else self._worker.do(job)
            if queue.ended(started, result):
                yield job, result

    def _new_queue(self, adapter: str) -> AdapterQueue:
        queue = super()._new_queue(adapter)
        if self._folder is not None and adapter and _is_live(adapter):
            queue.preflight = preflight_job(adapter, Path(self._folder.name, "preflight"))
        return queue

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
        if self._folder is not None:
            self._folder.cleanup()


async def _settled() -> None:
    """Wait for a session that was cancelled to end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


def _is_live(adapter: str) -> bool:
    return issubclass(fitting_class(parse_adapter_spec(adapter)), LiveAdapter)
