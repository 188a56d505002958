"""How sessions are run, and what the recording and the adapter are told before one."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from tml_bench import events as ev
from tml_bench.adapter import Adapter, SessionStart, ToolSpec
from tml_bench.media.audio import probe
from tml_bench.media.video import probe_video
from tml_bench.samples import Sample, Waveform
from tml_bench.session.network import IDEAL, Network
from tml_bench.users import voicing
from tml_bench.users.settings import STAGED_USER, UserSettings


@dataclass(frozen=True, slots=True)
class Ticks:
    """The grid of micro-turns: number ``k`` covers ``[k * tick_ns, (k + 1) * tick_ns)``.

    Raises:
        ValueError: a micro-turn does not last 20 to 1000 ms.
    """

    tick_ns: int

    def __post_init__(self) -> None:
        if not 20_000_000 <= self.tick_ns <= 1_000_000_000:
            raise ValueError(f"a micro-turn lasts 20 to 1000 ms, not {self.tick_ns / 1e6:g} ms")

    def bounds(self, k: int) -> tuple[int, int]:
        """Start and end of micro-turn ``k`` in nanoseconds."""
        return k * self.tick_ns, (k + 1) * self.tick_ns


class Compute(StrEnum):
    """How the model's compute is charged to the session clock."""

    IDEAL = "ideal"
    """Nothing: c = 0."""
    CHARGED = "charged"
    """Wall time around ``step``, on a warmed-up model; or what it says it took, where it runs elsewhere."""
    RECORDED = "recorded"
    """Taken from an earlier recording, for a byte-identical replay."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How sessions are run.

    Attributes:
        tick_ns: length of a micro-turn, 20 to 1000 ms.
        seed: passed to the adapter.
        compute: how compute is charged.
        max_session_s: a session that is not over by then ends with ``time-out``.
        max_backlog_s: an adapter with more audio than this waiting to be heard has flooded the session.
        network: what lies between harness and model.
        tool_latency: a name of ``tool_latency.TOOL_LATENCIES``; empty for what each tool says.
        user: who plays the samples with a scenario.
    """

    tick_ns: int = 200_000_000
    seed: int = 0
    compute: Compute = Compute.IDEAL
    max_session_s: float = 7200.0
    max_backlog_s: float = 300.0
    network: Network = IDEAL
    tool_latency: str = ""
    user: UserSettings = STAGED_USER


def session_rate(sample: Sample, adapter: Adapter) -> int:
    """Rate of the recording in Hz: the higher of the user's and the model's, so that neither loses bandwidth.

    Raises:
        BadSampleError: the sample's audio or video cannot be used.
    """
    clips = (turn.audio for turn in sample.script.turns)
    spoken = [clip.rate if isinstance(clip, Waveform) else probe(clip).rate for clip in clips]
    filmed = [probe_video(video.path).audio_rate for video in sample.script.videos if video.sound]
    answering = [] if sample.scenario is None else [voicing.RATE]
    return max([*spoken, *filmed, *answering, adapter.audio_out])


def opened_event(
    task: str, sample: Sample, spec: str, adapter: Adapter, settings: Settings
) -> ev.SessionOpened:
    """The first event of a session's recording. Raises BadSampleError as `session_rate`."""
    rates = session_rate(sample, adapter), adapter.audio_in, adapter.audio_out
    return ev.SessionOpened(ev.SCHEMA, task, sample.id, spec, settings.tick_ns, settings.seed, *rates)


def session_start(
    task: str, sample: Sample, adapter: Adapter, settings: Settings, tools: tuple[ToolSpec, ...]
) -> SessionStart:
    """What an adapter is told of a session before it; what is expected only if it is privileged."""
    reference = sample.reference if adapter.privileged else None
    told = sample.script.instructions, tools, reference, sample.script.history
    name = session_id(settings.seed, task, sample.id)
    return SessionStart(name, settings.tick_ns, settings.seed, *told)


def session_id(seed: int, task: str, sample: str) -> str:
    """What a session is called towards an adapter: 16 hexadecimal digits, the same for the same seed.

    Names of tasks and samples say what is asked for, so that none of them is told; the seed is the session's
    (`tml_bench.runs.worker.session_seed`), hence another run's has other names.
    """
    return hashlib.sha256(f"{seed}/{task}/{sample}".encode()).hexdigest()[:16]
