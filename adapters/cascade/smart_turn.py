"""Endpointing by smart-turn v3.2: a network that hears whether a turn is complete.

The network (8.7 MB, ONNX, 8-bit) is a Whisper tiny encoder with a classifier on top, by Daily, under BSD-2.
It is a file of the package ``pipecat-ai``, none of whose code is run. Source of what it is fed and when:
``pipecat/audio/turn/smart_turn`` and ``pipecat/audio/vad/vad_analyzer.py`` of pipecat-ai 1.14.0. A pause of
0.2 s is a question; above probability 0.5 the turn is over, else the next pause is, or one of 3 s. It hears
the last 8 s of the turn, from 0.5 s before its first speech on, with zeros before them, in Whisper's
features, for which faster-whisper's extractor serves: they agree with Pipecat's own to 2e-6.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapters.cascade.ears import Samples
from tml_bench.adapters.cascade.installed import package_file, require, short_sha256
from tml_bench.perception.silero import FRAME_S, RATE

ASKED_S, LONGEST_S = 0.2, 3.0
"""The silence after which it is asked, and that which ends a turn whatever it says."""
HEARD_S = 8
COMPLETE = 0.5
_FILE = "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
_REMEDY = (
    "install them with `pip install 'tml-bench[smart-turn]'` and `pip install --no-deps pipecat-ai==1.14.0`, "
    "which brings the network without what Pipecat needs itself"
)


class SmartTurnEndpointer:
    """A turn ends where the network takes a pause of 0.2 s for its end, or after 3 s of silence."""

    @property
    def name(self) -> str:
        """The network's file and SHA-256, and by what it is run. Raises UserError as ``warm_up``."""
        file = network_file()
        return f"{file.stem} {short_sha256(file)} + onnxruntime {version('onnxruntime')}"

    def warm_up(self) -> None:
        """Load the network and ask once.

        Raises:
            UserError: the network or what runs it is not installed.
        """
        completeness(np.zeros(RATE, np.float32))

    def ends(self, silence_s: float, audio: Callable[[], Samples]) -> bool:
        """Whether the turn is complete, asked once in a pause; or the pause is too long."""
        if ASKED_S - 1e-9 <= silence_s < ASKED_S + FRAME_S - 1e-9:
            return completeness(audio()) > COMPLETE
        return silence_s >= LONGEST_S - 1e-9


def network_file() -> Path:
    """The network's file in the installed package; a UserError where something is not installed."""
    require(("pipecat", "onnxruntime", "faster_whisper"), "endpoint=smart-turn", _REMEDY)
    return package_file("pipecat", _FILE, _REMEDY)


def completeness(audio: Samples) -> float:
    """The probability that a turn, shape (n,), 16 kHz, is complete; raises UserError as `network_file`."""
    return float(_network().run(None, {"input_features": features(audio)[None]})[0].item())


def features(audio: Samples) -> NDArray[np.float32]:
    """Whisper's log mel features of the last 8 s, shape (80, 800), zeros before a shorter turn."""
    longest = HEARD_S * RATE
    audio = np.pad(audio[-longest:], (max(0, longest - len(audio)), 0))
    level = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
    found: NDArray[np.float32] = _extractor()(level, padding=0)
    return found


@lru_cache(maxsize=1)
def _extractor() -> Any:
    from faster_whisper.feature_extractor import FeatureExtractor

    return FeatureExtractor(feature_size=80, chunk_length=HEARD_S)


@lru_cache(maxsize=1)
def _network() -> Any:
    file = network_file()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
