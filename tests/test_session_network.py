"""A network profile on the simulated clock: delays add up, the queue still rules, the same seed repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Ran, Scripted, run_session

from tml_bench import events as ev
from tml_bench.adapter import Output
from tml_bench.errors import UserError
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.network import PROFILES, LinkDirection, Network, NetworkLink, Outage, load_network
from tml_bench.session.settings import Compute, Settings

RATE = 16000


def ran(folder: Path, settings: Settings, costs_ns: tuple[int, ...] = ()) -> Ran:
    speech = np.full(2 * RATE, 0.1, dtype=np.float32)
    sample = Sample("s", "x", Script((UserTurn(Waveform(speech, RATE)),), tail_s=2.0), Reference())
    adapter = Scripted({10: Output(audio=speech[:RATE])})
    return run_session(folder, sample, adapter, settings, costs_ns)


def test_delays_add_up_around_the_compute(tmp_path: Path) -> None:
    network = Network("test", LinkDirection(delay_ms=50), LinkDirection(delay_ms=70))
    settings = Settings(compute=Compute.RECORDED, network=network)
    found = ran(tmp_path / "r", settings, (30 * MS,) * 20)
    step = next(e for e in found.of(ev.StepDone) if e.i == 10)
    (audio,) = found.of(ev.ModelAudio)
    assert (step.handed_ns, step.up_ns, step.compute_ns, step.done_ns) == (
        2200 * MS,
        50 * MS,
        30 * MS,
        2280 * MS,
    )
    assert (audio.t_ns, audio.down_ns, audio.heard_ns) == (2280 * MS, 70 * MS, 2350 * MS)


def test_a_slow_model_behind_a_slow_network_still_queues(tmp_path: Path) -> None:
    network = Network("test", LinkDirection(delay_ms=50))
    found = ran(tmp_path / "r", Settings(compute=Compute.RECORDED, network=network), (300 * MS,) * 20)
    assert [s.done_ns - s.handed_ns for s in found.of(ev.StepDone)][:3] == [350 * MS, 450 * MS, 550 * MS]


@pytest.mark.parametrize("name", ["wifi", "4g", "bad"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    def written(folder: str, seed: int) -> bytes:
        found = ran(tmp_path / folder, Settings(seed=seed, network=PROFILES[name]))
        return (found.recording.folder / "session.jsonl").read_bytes()

    first, again, other = written("a", 1), written("b", 1), written("c", 2)
    assert first == again
    assert first != other.replace(b'"seed":2', b'"seed":1')


def test_outages_that_touch_or_overlap_are_one_in_whatever_order() -> None:
    outages = (Outage(3.0, 1.0), Outage(1.0, 1.0), Outage(1.5, 1.5))
    sent = {
        s: NetworkLink(LinkDirection(), LinkDirection(), outages, 1).arrival_ns(s * 500 * MS, 0) // MS
        for s in (1, 2, 3, 7, 8)
    }
    assert sent == {1: 500, 2: 4000, 3: 4000, 7: 4000, 8: 4000}


@pytest.mark.parametrize(
    "content",
    [
        b"[up]\nloss = 1.0\n",
        b"[up]\nloss = -0.1\n",
        b"[down]\njitter_ms = nan\n",
        b"[down]\ndelay_ms = inf\n",
        b"[[outages]]\nstart_s = -1\nduration_s = 1\n",
        b"[[outages]]\nstart_s = 1\nduration_s = inf\n",
        b"[[outages]]\nstart_s = 1\n",
        b"[up]\nspeed = 1\n",
        b"[up\n",
        b"name = '\xff'\n",
    ],
)
def test_a_profile_that_cannot_be_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train\.toml"):
        load_network(str(path))
