"""Runs one session: a script against a ``StepAdapter`` on the simulated clock, into a recording.

Micro-turn ``k`` covers ``[k*tick, (k+1)*tick)`` and is handed over at its end. What the model can be heard
saying within it was decided by the steps before, so the user side may react to it to the exact sample.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count

import numpy as np

from tml_bench import events as ev
from tml_bench.adapter import InfrastructureError, MicroTurn, ProviderEvent, StepAdapter
from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.recording_writer import RecordingWriter
from tml_bench.redact import kept, redacted
from tml_bench.samples import Sample
from tml_bench.session.checks import AdapterFaultError, blamed_on_output, checked_outputs, reported_cost_ns
from tml_bench.session.exchange import Exchange
from tml_bench.session.network import links
from tml_bench.session.settings import Compute, Settings, session_start


class ComputeQueue:
    """Charges compute by the real-time queue rule ``t_i = max(a_i, t_{i-1}) + c_i``.

    Micro-turn ``i`` is handed over at ``a_i`` and costs ``c_i``; its output exists at ``t_i``. A model slower
    than real time builds a backlog that shows in its latency, as it would in life.
    """

    def __init__(self) -> None:
        self.done_ns = 0
        """When the last output existed."""

    def charge(self, handed_ns: int, compute_ns: int) -> int:
        """When the output of a step exists that costs ``compute_ns``, handed over after the one before it."""
        self.done_ns = max(handed_ns, self.done_ns) + compute_ns
        return self.done_ns


class SimulatedSession:
    """One session of a sample with an adapter that is warmed up; the caller closes the recording.

    ``costs_ns`` are the compute of each micro-turn, for ``Compute.RECORDED``; ``before_step`` is called
    before each step, so that a supervisor can tell a hang.
    """

    def __init__(
        self,
        task: str,
        sample: Sample,
        adapter: StepAdapter,
        settings: Settings,
        writer: RecordingWriter,
        costs_ns: Sequence[int] = (),
        before_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._adapter = adapter
        self._settings = settings
        self._writer = writer
        self._costs_ns = costs_ns
        self._before_step = before_step
        self._queue = ComputeQueue()
        self._up, self._down = links(settings.network, settings.seed)
        # Decoding beside a step would be charged to the model.
        ahead = settings.compute is not Compute.CHARGED
        self._stage = Exchange(sample, adapter, settings, writer, ahead=ahead)
        self.is_open = False
        """The adapter has begun the session."""
        self._start = session_start(task, sample, adapter, settings, self._stage.tool_specs)

    def run(self) -> None:
        """Play the script to its end.

        Raises:
            AdapterFaultError: the adapter raised or broke its contract; the recording up to then is whole.
            InfrastructureError: the adapter could not reach its model; so it is then.
            BadSampleError: the sample's audio turned out to be broken.
        """
        try:
            with self._stopping():
                with _BlamingAdapter("start"):
                    self._adapter.start(self._start)
                self.is_open = True
                for index in count():
                    if (turn := self._stage.advance(index)) is None:
                        break
                    self._step(turn)
            self._stage.finish()
        except (AdapterFaultError, InfrastructureError) as error:
            self._stage.fail(self._queue.done_ns, redacted(str(error)))
            raise
        finally:
            self._stage.close()

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop the adapter however the session ends; what went wrong first is what counts."""
        try:
            yield
        except BaseException:
            with suppress(AdapterFaultError), _BlamingAdapter("stop"):
                self._adapter.stop()
            raise
        with _BlamingAdapter("stop"):
            self._adapter.stop()

    def _step(self, turn: MicroTurn) -> None:
        self._before_step()
        began = time.perf_counter_ns()
        with _BlamingAdapter(f"micro-turn {turn.index}: step"):
            given = self._adapter.step(turn)
            # A generator works when it is asked for what it gives.
            given = tuple(given) if isinstance(given, Iterator) else given
        measured_ns = time.perf_counter_ns() - began
        outputs = checked_outputs(given, turn.index)
        reported_ns = reported_cost_ns(outputs, turn.index)
        cost_ns = self._cost_ns(turn.index, measured_ns if reported_ns is None else reported_ns)
        at_model_ns = self._up.arrival_ns(turn.end_ns, 2 * len(turn.audio))
        done_ns = self._queue.charge(at_model_ns, cost_ns)
        self._writer.event(ev.StepDone(turn.index, turn.end_ns, cost_ns, done_ns, at_model_ns - turn.end_ns))
        if not outputs:
            return
        with blamed_on_output(turn.index):
            for output in outputs:
                if isinstance(output, ProviderEvent):
                    body = kept(output.body)
                    self._writer.event(ev.ProviderMessage(done_ns, str(output.type), body, output.sent))
                    continue
                size = 0 if output.audio is None else 2 * np.size(output.audio)
                self._stage.emit(output, turn.index, done_ns, self._down.arrival_ns(done_ns, size))

    def _cost_ns(self, index: int, measured_ns: int) -> int:
        if self._settings.compute is Compute.IDEAL:
            return 0
        if self._settings.compute is Compute.CHARGED:
            return measured_ns
        if index >= len(self._costs_ns):
            raise UserError(
                f"micro-turn {index} is beyond the {len(self._costs_ns)} of the recording to replay",
                "replay with the same task, data and tick",
            )
        return self._costs_ns[index]


class _BlamingAdapter:
    """Turn whatever the adapter raises into a fault of the adapter, but for trouble reaching its model."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception | SystemExit) and not isinstance(error, InfrastructureError):
            raise AdapterFaultError(f"{self._where} raised {in_one_line(error)}") from error
