"""The mini task through servers that others wrote, to a scored report; switched on with ``-m peers``."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from peers.backends import Backends
from peers.peer import MOSHI, PERSONAPLEX, PIPECAT, SPEECH_TO_SPEECH, Peer, running
from peers.runs import at_24k, model, run, traced, user
from tml_bench.adapters.reference.voice import clip

pytestmark = pytest.mark.peers

SAMPLES = 2


def test_pipecat(tmp_path: Path) -> None:
    with running(PIPECAT, tmp_path / "server.log") as server:
        done = run(f"pipecat:url=ws://127.0.0.1:{server.port}", tmp_path / "out", SAMPLES)
    for recording in done.recordings:
        spoken_s, _ = traced(user(recording), user(recording))
        seconds, likeness = traced(model(recording), user(recording))
        assert seconds > 0.8 * spoken_s
        assert likeness > 0.95


@pytest.mark.parametrize(("peer", "adapter"), [(MOSHI, "moshi"), (PERSONAPLEX, "personaplex")])
def test_models_of_speech(peer: Peer, adapter: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with running(peer, tmp_path / "server.log", "--folder", str(folder)) as server:
        done = run(f"{adapter}:url=ws://127.0.0.1:{server.port}/api/chat", tmp_path / "out", SAMPLES)
    heard = np.fromfile(folder / "heard.f32", np.float32)
    said = np.fromfile(folder / "said.f32", np.float32)
    for recording in done.recordings:
        seconds, likeness = traced(user(recording), heard)
        assert seconds > 2.0
        assert likeness > 0.8
        seconds, likeness = traced(model(recording), said)
        assert seconds > 0.5 * recording.duration_s
        assert likeness > 0.6
        assert traced(model(recording), said[::-1])[1] < 0.4
        assert recording.facts.claimed


def test_speech_to_speech(tmp_path: Path) -> None:
    voice = clip("answer", 24000)
    question = "Can you help me?"
    with (
        Backends(question, voice.text, voice.audio).serving() as backends,
        running(SPEECH_TO_SPEECH, tmp_path / "server.log", *backends.s2s_arguments) as server,
    ):
        adapter = f"openai-realtime:dialect=s2s,base_url=ws://127.0.0.1:{server.port}/v1"
        done = run(adapter, tmp_path / "out", SAMPLES)

    assert backends.spoken.count(voice.text) >= SAMPLES
    assert [prompt[-1]["content"] for prompt in backends.prompts].count(question) >= SAMPLES
    for recording, score in zip(done.recordings, done.scores, strict=True):
        seconds, likeness = traced(model(recording), voice.audio)
        assert seconds > 0.8 * len(voice.audio) / 24000
        assert likeness > 0.9
        assert recording.facts.claimed == voice.text
        assert score.values["response"].numerator == 1.0
        assert 0.0 < score.values["latency"].numerator < 3.0
    said = np.concatenate([user(recording) for recording in done.recordings])
    heard, rate = soundfile.read(io.BytesIO(backends.heard[-1]), dtype="float32")
    seconds, likeness = traced(at_24k(heard, rate), said)
    assert seconds > 1.0
    assert likeness > 0.9
