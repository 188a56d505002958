"""The process that runs sessions and perceives recordings: a model that hangs or dies ends only itself."""

import math
import os
import shutil
import signal
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

from tml_bench.adapter import (
    AccountError,
    Adapter,
    InfrastructureError,
    ProtocolError,
    QuotaError,
    SampleRefusedError,
    StepAdapter,
)
from tml_bench.blame import in_one_line, whole
from tml_bench.containers.apart import looking_here
from tml_bench.encoded_tracks import EncodedTracks
from tml_bench.errors import BadSampleError, HarnessLateError, UserAwayError, UserError, UserSideError
from tml_bench.files import sync_contents
from tml_bench.outcome import Outcome
from tml_bench.perception.perceive import recognises
from tml_bench.plugins import make_adapter, parse_adapter_spec
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.redact import LONGEST_REASON, plain, redacted
from tml_bench.runs.decoded_clips import DecodedClips
from tml_bench.runs.heard_recording import HeardRecording
from tml_bench.runs.hearing import compare, hear, perceive
from tml_bench.runs.identity import contradiction
from tml_bench.runs.jobs import (
    CallJob,
    Deadline,
    Hearing,
    Job,
    JobResult,
    ServiceFailure,
    SessionJob,
    TranscriptJob,
)
from tml_bench.samples import Sample
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.replayed_user import replayed
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession

WARM_UP_LIMIT_S = 600.0
"""An adapter that has not loaded by then is taken to hang."""

OUT_OF_MEMORY = "out of memory; give --jobs 1 or close other programs"

RATES = range(2000, 192_001)
"""Rates in Hz an adapter may have."""


class OtherModelError(InfrastructureError):
    """The model says something else of itself than in earlier sessions; waiting does not help."""


def failure(error: Exception, failed: ServiceFailure = ServiceFailure.OPENING) -> JobResult:
    """The outcome of a session that an error ended; the reason holds no secrets.

    A service that failed did so while the session was opened, or as ``failed`` says.
    """
    text = plain(str(error), LONGEST_REASON)
    match error:
        case BadSampleError() | UserSideError():
            return JobResult(Outcome.INVALID, text)
        case HarnessLateError():
            return JobResult(Outcome.INVALID, text, retry=True)
        case AccountError():
            return JobResult(Outcome.INFRASTRUCTURE, text, fatal=True)
        case SampleRefusedError():
            return JobResult(Outcome.INFRASTRUCTURE, text)
        case UserAwayError():
            return JobResult(Outcome.INFRASTRUCTURE, text, retry=error.again)
        case OtherModelError():
            return JobResult(Outcome.INFRASTRUCTURE, text, retry=True)
        case QuotaError():
            asked_s = error.retry_after_s or 0.0
            return JobResult(Outcome.INFRASTRUCTURE, text, retry=True, failed=failed, quota_s=asked_s)
        case InfrastructureError():
            return JobResult(Outcome.INFRASTRUCTURE, text, retry=True, failed=failed)
        case UserError():
            return JobResult(Outcome.INFRASTRUCTURE, text, fatal=True)
        case OSError():
            return JobResult(Outcome.INFRASTRUCTURE, f"writing the recording: {text}", retry=True)
        case MemoryError():
            return JobResult(Outcome.INFRASTRUCTURE, OUT_OF_MEMORY, retry=True)
        case _:
            reason = f"the harness failed, {in_one_line(error)}"
            return JobResult(Outcome.INFRASTRUCTURE, reason, retry=True, traceback=whole(error))


def unloadable(adapter: str, error: BaseException) -> JobResult:
    """The outcome of a session whose adapter cannot be loaded."""
    traceback = "" if isinstance(error, UserError) else whole(error)
    reason = redacted(f"adapter {adapter} cannot be loaded: {in_one_line(error)}")
    return JobResult(Outcome.INFRASTRUCTURE, reason, fatal=True, traceback=traceback)


def garbage(adapter: str, error: ProtocolError) -> JobResult:
    """The outcome of a session whose service, asked for its formats, says what it must not."""
    return JobResult(
        Outcome.ADAPTER_ERROR, f"loading {redacted(adapter)}: {plain(str(error), LONGEST_REASON)}"
    )


def faulty(fault: AdapterFaultError) -> JobResult:
    """The outcome of a session that the adapter's fault ended; want of memory is the machine's."""
    if isinstance(fault.origin, MemoryError):
        return failure(fault.origin)
    reason = plain(str(fault), LONGEST_REASON)
    return JobResult(Outcome.ADAPTER_ERROR, reason, traceback=whole(fault.origin) if fault.origin else "")


def session_seed(seed: int, task: str, sample: str) -> int:
    """The seed of a session: the run's seed mixed with what is run, the same on every machine."""
    return zlib.crc32(f"{seed}/{task}/{sample}".encode())


@dataclass(slots=True)
class Worker:
    """Keeps the adapter between sessions, so that its weights are loaded once.

    ``deadline`` says when the supervisor may take this process to hang, on the monotonic clock.
    """

    deadline: Callable[[float], None]
    step_limit_s: float
    _spec: str = ""
    _adapter: StepAdapter | None = None
    _clips: DecodedClips = field(default_factory=DecodedClips)
    _tracks: EncodedTracks = field(default_factory=EncodedTracks)
    _written: RecordingWriter | None = None
    """What has just written a recording that is to be perceived."""

    def do(self, job: Job) -> JobResult:
        """Do one job."""
        began = time.monotonic()
        match job:
            case SessionJob():
                result = self._session(job)
            case CallJob():
                result = _call(job)
            case TranscriptJob():
                with looking_here():
                    result = compare(job)
            case _:
                with looking_here():
                    result = perceive(job)
        self.deadline(math.inf)
        result = replace(result, wall_s=time.monotonic() - began)
        if isinstance(job, SessionJob) and job.hearing is not None and result.outcome is Outcome.VALID:
            return replace(result, heard=self._hear(job, job.hearing))
        return result

    def _hear(self, job: SessionJob, hearing: Hearing) -> HeardRecording | None:
        """Perceive a recording that is in memory; what cannot be is told when it is scored."""
        written, self._written = self._written, None
        if written is not None and written.holds and not recognises(hearing.words):
            with suppress(Exception), looking_here():
                return hear(job, hearing, written.sound)
        return None

    def _session(self, job: SessionJob) -> JobResult:
        try:
            adapter = self._warm(job.adapter)
        except InfrastructureError as error:
            result = failure(error)
            return replace(result, reason=redacted(f"loading {job.adapter}: {result.reason}"))
        except ProtocolError as error:
            return garbage(job.adapter, error)
        except (Exception, SystemExit) as error:
            return unloadable(job.adapter, error)
        try:
            check_same(job, adapter)
            result = self._record(job, adapter)
        except Exception as error:
            result = failure(error)
        return replace(result, reported=reported_by(adapter))

    def _warm(self, spec: str) -> StepAdapter:
        if self._adapter is None or self._spec != spec:
            self._adapter = None
            self.deadline(time.monotonic() + WARM_UP_LIMIT_S)
            adapter = make_adapter(parse_adapter_spec(spec))
            if not isinstance(adapter, StepAdapter):
                raise UserError(f"adapter {spec} runs on the wall clock only")
            check_usable(adapter, spec)
            adapter.warm_up()
            self._adapter, self._spec = adapter, spec
        return self._adapter

    def _beat(self) -> None:
        self.deadline(time.monotonic() + self.step_limit_s)

    def _wait(self, seconds: float) -> None:
        """The user is about to think for so long, which is no hang of the adapter."""
        self.deadline(time.monotonic() + seconds + self.step_limit_s)

    def _record(self, job: SessionJob, adapter: StepAdapter) -> JobResult:
        self._beat()
        shutil.rmtree(job.folder, ignore_errors=True)
        seed = session_seed(job.settings.seed, job.task, job.sample.id)
        settings = replace(job.settings, seed=seed, user=replace(job.settings.user, busy=self._wait))
        self._tracks.turn_to(job.task)
        sample = self._clips.decoded(job.task, played_sample(job))
        opened = opened_event(job.task, sample, redacted(job.adapter), adapter, settings)
        costs = _replayed_costs(job.replay, settings) if job.replay else ()
        ended = JobResult(Outcome.VALID)
        with RecordingWriter(
            job.folder,
            opened,
            clock="simulated",
            compute=settings.compute,
            config=job.config,
            known=self._tracks,
            held=job.hearing is not None,
        ) as writer:
            session = SimulatedSession(job.task, sample, adapter, settings, writer, costs, self._beat)
            try:
                session.run()
            except AdapterFaultError as fault:
                ended = faulty(fault)
            except InfrastructureError as error:
                ended = failure(error, ServiceFailure.SESSION if session.is_open else ServiceFailure.OPENING)
            manifest = writer.close()
        self._written = writer
        sync_contents(job.folder)
        return replace(ended, recording=True, audio_s=manifest.samples / manifest.rate)


def played_sample(job: SessionJob) -> Sample:
    """A job's sample, with the lines that are played again; raises BadSampleError where they cannot be."""
    if job.lines is None:
        return job.sample
    try:
        return replayed(job.sample, Recording(job.lines))
    except UserError as error:
        raise BadSampleError(str(error)) from error


def reported_by(adapter: Adapter) -> dict[str, str]:
    """What the model behind an adapter says of itself, as it may be recorded."""
    said = adapter.reported
    if not isinstance(said, Mapping):
        return {}  # `check_usable` has refused it, or it became so later
    return {plain(str(name)): plain(str(value)) for name, value in said.items()}


def check_same(job: SessionJob, adapter: Adapter) -> None:
    """Refuse a model that says something else of itself than in earlier sessions; `JobResult` tells what."""
    if differs := contradiction(job.reported, reported_by(adapter)):
        raise OtherModelError(f"it is another model: {differs}")


def check_usable(adapter: Adapter, spec: str) -> None:
    """Refuse an adapter one of whose rates is no int or out of range, or whose report is no mapping."""
    for name in ("audio_in", "audio_out"):
        rate = getattr(adapter, name)
        if type(rate) is not int or rate not in RATES:
            raise UserError(
                f"adapter {spec}: {name} is {rate!r}",
                f"give an int from {RATES.start} to {RATES.stop - 1}, in Hz",
            )
    if not isinstance(adapter.reported, Mapping):
        raise UserError(f"adapter {spec}: reported is {adapter.reported!r}", "give a dict, or leave it out")


def _replayed_costs(recording: Path, settings: Settings) -> tuple[int, ...]:
    replayed = Recording(recording, tracks=False)
    if replayed.opened.tick_ns != settings.tick_ns:
        raise UserError(
            f"{recording} was recorded with micro-turns of {replayed.opened.tick_ns / 1e6:g} ms, "
            f"not {settings.tick_ns / 1e6:g} ms",
            "replay with the same --tick",
        )
    return replayed.compute_ns()


def _call(job: CallJob) -> JobResult:
    try:
        return JobResult(Outcome.VALID, value=job.call())
    except Exception as error:
        return JobResult(Outcome.INFRASTRUCTURE, in_one_line(error))


def main(connection: Connection, deadline: Deadline, step_limit_s: float) -> None:
    """Do jobs from the connection until it closes, which it does also when the supervisor is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor = os.getppid()

    def set_deadline(at: float) -> None:
        if os.getppid() != supervisor:
            # Killed: nobody will take the result, and the command may be running again.
            os._exit(1)
        deadline.value = at

    worker = Worker(set_deadline, step_limit_s)
    while True:
        try:
            job = connection.recv()
            connection.send(worker.do(job))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
