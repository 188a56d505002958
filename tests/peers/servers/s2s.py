"""Hugging Face speech-to-speech: its own command line, with nothing fetched from a model hub.

Its Realtime server, sessions, turn logic and Silero VAD are its own. Two things that it would download come
from packages: Silero's model from ``silero-vad``, its authors' release on PyPI, and the split into sentences
from NLTK's untrained Punkt. The arguments are those of ``speech-to-speech serve``.
"""

from __future__ import annotations

import sys
from typing import Any

import nltk
import torch
from nltk.tokenize.punkt import PunktSentenceTokenizer
from silero_vad import load_silero_vad


def load_from_package(repository: str, model: str, **_: Any) -> tuple[torch.nn.Module, None]:
    """What ``torch.hub.load`` gives for Silero VAD."""
    assert (repository, model) == ("snakers4/silero-vad:master", "silero_vad")
    return load_silero_vad(), None


torch.hub.load = load_from_package
nltk.download = lambda name: False
nltk.sent_tokenize = PunktSentenceTokenizer().tokenize

from speech_to_speech.cli import main  # noqa: E402  (it takes what was put in place above)

if __name__ == "__main__":
    sys.argv = ["speech-to-speech", "serve", "--no_smart_turn", *sys.argv[1:]]
    main()
