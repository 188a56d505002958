"""Single sessions with a server that others wrote, and what may happen to it in the middle of one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.jobs import JobResult, SessionJob
from tml_bench.runs.pool import LivePool
from tml_bench.samples import At, Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.settings import Settings

LEAD_S, TAIL_S = 0.4, 2.0
INTO_IT_S = 1.5
"""When something happens, counted from a session's opening; a new process takes a second to ask for one."""
TRIES = 4
"""How often a session is had while the machine is too busy for a valid one."""


def noise(seconds: float, rate: int) -> NDArray[np.int16]:
    """Noise of which no sample is 0, so that pauses that playback puts in are told from it."""
    rng = np.random.default_rng(12)
    steps = rng.integers(1000, 8000, round(seconds * rate)) * rng.choice((-1, 1), round(seconds * rate))
    return steps.astype(np.int16)


def session(
    adapter: str,
    folder: Path,
    said: NDArray[np.int16],
    rate: int,
    meanwhile: Callable[[], None] | None = None,
    after_s: float = 0.0,
) -> JobResult:
    """Say something of ``rate`` Hz to it; ``meanwhile`` is called ``after_s`` after it was asked for."""
    clip = Waveform(said.astype(np.float32) / 32768, rate)
    script = Script((UserTurn(clip, At(LEAD_S)),), tail_s=TAIL_S)
    job = SessionJob((0, "s"), "peers", Sample("s", "all", script, Reference()), adapter, Settings(), folder)
    for _ in range(TRIES):
        timer = threading.Timer(after_s, meanwhile or (lambda: None))
        timer.start()
        try:
            with LivePool(1) as pool:
                pool.submit(job)
                ((_, result),) = pool.results()
        finally:
            timer.cancel()
        if result.outcome is not Outcome.INVALID or meanwhile is not None:
            break
    print(f"{adapter.partition(':')[0]}: {result.outcome} {result.reason}".rstrip())
    return result


def tracks(folder: Path) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The user's and the model's track as 16-bit steps."""
    audio, _ = Recording(folder).audio()
    user, model = np.rint(audio * 32768).astype(np.int16)
    return user, model
