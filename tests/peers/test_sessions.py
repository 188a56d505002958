"""Sessions with servers that others wrote: what is heard, sample by sample, silence, hang-ups and goodbyes.

A server that is killed or stops in mid-session is missing data; one that has nothing to say is a valid
session of a silent model. The same server takes one session after the other: the goodbyes were as it expects.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from peers.backends import Backends
from peers.peer import (
    MOSHI,
    PERSONAPLEX,
    PIPECAT,
    PIPECAT_TWILIO,
    SGLANG_OMNI,
    SPEECH_TO_SPEECH,
    Peer,
    Server,
    running,
)
from peers.sessions import INTO_IT_S, noise, session, tracks
from tml_bench.adapter import Usage
from tml_bench.adapters._media import from_mulaw, to_mulaw
from tml_bench.adapters.reference.voice import clip
from tml_bench.outcome import Outcome
from tml_bench.runs.jobs import JobResult

pytestmark = pytest.mark.peers


def same(said: NDArray[np.int16]) -> NDArray[np.int16]:
    return said


def over_telephone(said: NDArray[np.int16]) -> NDArray[np.int16]:
    return from_mulaw(to_mulaw(said.astype(np.float32) / 32768))


ECHOES = [
    (
        PIPECAT,
        "pipecat:url=ws://127.0.0.1:{port},rate_in=16000,rate_out=16000",
        ("--rate", "16000"),
        16000,
        same,
    ),
    (PIPECAT_TWILIO, "twilio:url=ws://127.0.0.1:{port}/ws", (), 8000, over_telephone),
    (
        SGLANG_OMNI,
        "openai-realtime:dialect=sglang,base_url=ws://127.0.0.1:{port}/v1,rate_out=16000",
        (),
        16000,
        same,
    ),
]


@pytest.mark.parametrize(
    ("peer", "adapter", "options", "rate", "heard"), ECHOES, ids=["pipecat", "twilio", "sglang-omni"]
)
def test_an_echo_is_heard_to_the_sample(
    peer: Peer,
    adapter: str,
    options: tuple[str, ...],
    rate: int,
    heard: Callable[[NDArray[np.int16]], NDArray[np.int16]],
    tmp_path: Path,
) -> None:
    said = noise(1.0, rate)
    with running(peer, tmp_path / "server.log", *options) as server:
        spec = adapter.format(port=server.port)
        for number in range(2):  # the second session finds what the first left behind
            result = session(spec, tmp_path / f"{number}", said, rate)
            assert (result.outcome, result.reason) == (Outcome.VALID, "")
            user, model = tracks(tmp_path / f"{number}")
            np.testing.assert_array_equal(user[user != 0], said)
            np.testing.assert_array_equal(model[model != 0], heard(said))
        if peer is SGLANG_OMNI:
            assert result.usage == Usage(40, 12, calls=1)
        result = session(spec, tmp_path / "silent", np.zeros(rate, np.int16), rate)
        assert (result.outcome, result.reason) == (Outcome.VALID, "")
        assert not tracks(tmp_path / "silent")[1].any()
        break_off(server, spec, tmp_path / "broken", said, rate, result)


def break_off(
    server: Server, spec: str, folder: Path, said: NDArray[np.int16], rate: int, known: JobResult
) -> None:
    """A server stops, and is killed, in mid-session; ``known`` is how a session with it went."""
    after_s = known.wall_s - known.audio_s + INTO_IT_S
    stopped = session(spec, folder, said, rate, lambda: server.signal(signal.SIGSTOP), after_s)
    server.signal(signal.SIGCONT)
    assert stopped.outcome is Outcome.INFRASTRUCTURE
    killed = session(spec, folder, said, rate, lambda: server.signal(signal.SIGKILL), after_s)
    assert killed.outcome is Outcome.INFRASTRUCTURE
    assert "broke" in killed.reason


SPEAKERS = [
    (MOSHI, "moshi:url=ws://127.0.0.1:{port}/api/chat"),
    (PERSONAPLEX, "personaplex:url=ws://127.0.0.1:{port}/api/chat"),
]


@pytest.mark.parametrize(("peer", "adapter"), SPEAKERS, ids=["moshi", "personaplex"])
def test_a_model_of_speech_speaks_is_silent_and_breaks_off(peer: Peer, adapter: str, tmp_path: Path) -> None:
    said = noise(1.0, 24000)
    with running(peer, tmp_path / "server.log", "--folder", str(tmp_path / "loud")) as server:
        spec = adapter.format(port=server.port)
        for number in range(2):
            result = session(spec, tmp_path / f"{number}", said, 24000)
            assert (result.outcome, result.reason) == (Outcome.VALID, "")
            assert tracks(tmp_path / f"{number}")[1].any()
        break_off(server, spec, tmp_path / "broken", said, 24000, result)
    with running(
        peer, tmp_path / "silent.log", "--folder", str(tmp_path / "mute"), "--loudness", "0"
    ) as server:
        result = session(adapter.format(port=server.port), tmp_path / "silent", said, 24000)
        assert (result.outcome, result.reason) == (Outcome.VALID, "")
        assert not tracks(tmp_path / "silent")[1].any()


def test_a_cascade_answers_is_silent_and_breaks_off(tmp_path: Path) -> None:
    voice = clip("answer", 24000)
    said = np.rint(voice.audio * 32767).astype(np.int16)
    with (
        Backends(voice.text, voice.text, voice.audio).serving() as backends,
        running(SPEECH_TO_SPEECH, tmp_path / "server.log", *backends.s2s_arguments) as server,
    ):
        spec = f"openai-realtime:dialect=s2s,base_url=ws://127.0.0.1:{server.port}/v1"
        session(spec, tmp_path / "first", said, 24000)  # what it loads for its first answer takes seconds
        result = session(spec, tmp_path / "heard", said, 24000)
        assert (result.outcome, result.reason) == (Outcome.VALID, "")
        assert tracks(tmp_path / "heard")[1].any()
        result = session(spec, tmp_path / "silent", np.zeros(24000, np.int16), 24000)
        assert (result.outcome, result.reason) == (Outcome.VALID, "")
        assert not tracks(tmp_path / "silent")[1].any()
        break_off(server, spec, tmp_path / "broken", said, 24000, result)


def test_the_server_of_personaplex_takes_no_seed(tmp_path: Path) -> None:
    with running(PERSONAPLEX, tmp_path / "server.log", "--folder", str(tmp_path / "model")) as server:
        spec = f"personaplex:url=ws://127.0.0.1:{server.port}/api/chat,seed=true"
        result = session(spec, tmp_path / "seeded", noise(1.0, 24000), 24000)
        assert result.outcome is Outcome.INFRASTRUCTURE
        assert "leave seed=true out" in result.reason
