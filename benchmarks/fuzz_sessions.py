"""One session of a sample, as a worker runs it, and what must hold of all that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from fuzz_services import ScriptedService, ServiceLoop, run_virtual

from tml_bench.adapter import Adapter, InfrastructureError, LiveAdapter, ProtocolError, StepAdapter
from tml_bench.errors import UserError
from tml_bench.recording import Recording
from tml_bench.recording_writer import EventTooLongError, RecordingWriter
from tml_bench.runs import worker
from tml_bench.samples import At, IntoModelSpeech, Reference, Sample, Script, Tool, UserTurn, Waveform
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.live import LiveSession
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession
from tml_bench.terminal_text import escaped

REFUSED = (InfrastructureError, ProtocolError, UserError)
"""What a service's message may end in; the last where it grants something else than was asked for."""
LONGEST = 2500
"""Most characters of an error."""
PLACE = next((place for place in ("/dev/shm",) if Path(place).is_dir()), None)
"""Where recordings are written: in memory where that can be."""
SETTINGS = Settings(tick_ns=100_000_000)


class UnfitError(Exception):
    """A text that is shown or stored is not fit to be."""


def sample() -> Sample:
    """Two turns of the user, the second into the model's speech, and two functions."""
    t = np.arange(3200) / 16000
    tone = Waveform((0.3 * np.sin(2 * np.pi * 200 * t)).astype(np.float32), 16000)
    tools = (
        Tool("weather", "of a city", {"type": "object"}, lambda given: {"given": dict(given)}, latency_s=0.1),
        Tool("add", "adds", {"type": "object", "properties": {"a": {"type": "number"}}}, lambda given: 1),
    )
    turns = UserTurn(tone, At(0.1)), UserTurn(tone, IntoModelSpeech(0.1, timeout_s=0.5))
    script = Script(turns=turns, tail_s=0.8, instructions="Be brief.", tools=tools)
    return Sample("s", "all", script, Reference())


SAMPLE = sample()


def check_told(text: str, longest: int = LONGEST) -> None:
    """Raise `UnfitError` unless a text that is shown is printable, and bounded."""
    text.encode()
    if escaped(text) != text or len(text) > longest:
        raise UnfitError(f"a text of {len(text)} characters: {escaped(text)[:200]!r}")


def check_ending(adapter: Adapter, error: Exception | None) -> None:
    """Raise the error that came first, unless the contract names it; see that all can be stored and shown."""
    stored: list[Any] = [worker.reported_by(adapter)]
    if isinstance(error, AdapterFaultError):
        stored.append(worker.faulty(error))
        if error.origin is not None and not isinstance(error.origin, ProtocolError | EventTooLongError):
            raise error.origin
    elif error is not None:
        if not isinstance(error, REFUSED):
            raise error
        stored.append(worker.failure(error))
    if error is not None:
        check_told(str(error))
    for name, said in stored[0].items():
        check_told(f"{name}{said}")
    msgspec.json.decode(msgspec.json.encode(stored))


def check_recording(folder: Path) -> None:
    """Raise what reading it back raises."""
    recording = Recording(folder)
    assert recording.facts is not None
    for line in (folder / "session.jsonl").read_text(encoding="utf-8").splitlines():
        msgspec.json.decode(line)


async def _live(adapter: LiveAdapter, loop: ServiceLoop, folder: Path) -> None:
    await adapter.prepare()
    worker.check_usable(adapter, "fuzzed")
    opened = opened_event("fuzz", SAMPLE, "fuzzed", adapter, SETTINGS)
    with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:
        try:
            await LiveSession("fuzz", SAMPLE, adapter, SETTINGS, writer, clock_ns=loop.clock_ns).run()
        finally:
            writer.close()


def play_live(adapter: LiveAdapter, service: Callable[[], ScriptedService]) -> object:
    """Play the sample against a service.

    Raises:
        InfrastructureError, ProtocolError, UserError: the service is to blame.
        Exception: something else, which is a fault of ours.
    """
    loop = ServiceLoop(service)
    return _played(adapter, lambda folder: run_virtual(_live(adapter, loop, folder), loop))


def play_steps(adapter: StepAdapter) -> object:
    """The same for a model in lockstep, whose loop and service are its own."""

    def session(folder: Path) -> None:
        adapter.warm_up()
        worker.check_usable(adapter, "fuzzed")
        opened = opened_event("fuzz", SAMPLE, "fuzzed", adapter, SETTINGS)
        with RecordingWriter(folder, opened, clock="simulated", compute="ideal") as writer:
            try:
                SimulatedSession("fuzz", SAMPLE, adapter, SETTINGS, writer).run()
            finally:
                writer.close()

    return _played(adapter, session)


def _played(adapter: Adapter, session: Callable[[Path], None]) -> object:
    error: Exception | None = None
    with TemporaryDirectory(prefix="tml-fuzz-", dir=PLACE) as name:
        folder = Path(name) / "r"
        try:
            session(folder)
        except Exception as raised:
            error = raised
        check_ending(adapter, error)
        if (folder / "manifest.json").exists():
            check_recording(folder)
    if error is not None:
        raise error if isinstance(error, REFUSED) else ProtocolError("as it should be") from error
    return None
