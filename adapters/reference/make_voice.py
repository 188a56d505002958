"""Render the reference adapters' voice: ``python -m tml_bench.adapters.reference.make_voice OUT``.

Needs the extras ``voices`` and ``speech``; the voice is "heart" of hibari-tts 0.2.1 (Apache-2.0). Writes
``answer.flac``, ``talk.flac`` and ``backchannel.flac`` (24 kHz mono 16 bit; the first sample is the energy
onset, the last one the energy end) and ``clips.json`` with the text and word times of each. The first two
begin with a full vowel, so that their onset is unmistakable.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from tml_bench.media import speech

RATE = 24000
LONGEST_PAUSE_S = 0.1
VOICE = speech.Voice("hibari")
CLIPS = {
    "answer": "Okay, I can help you with that. Let me explain how it works.",
    "talk": (
        "Okay, I will keep talking for a while now, and I am not going to stop for anyone, "
        "because there is always one more thing to say about the weather and the garden behind the house "
        "and the book that I read last week, and about all the people I met along the way when I was looking "
        "for a good cup of coffee."
    ),
    "backchannel": "Right.",
}


def main() -> None:
    """Render every clip into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Render the reference adapters' voice.")
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    clips = {}
    for name, text in CLIPS.items():
        spoken = speech.synthesise(text, VOICE, RATE)
        samples = speech.level(speech.shorten_pauses(spoken, RATE, LONGEST_PAUSE_S))
        speech.write_flac(out / f"{name}.flac", samples, RATE)
        clips[name] = {
            "text": text,
            "duration_s": len(samples) / RATE,
            "words": msgspec.to_builtins(speech.align(samples, RATE, text)),
        }
    speech.write_json(out / "clips.json", clips)


if __name__ == "__main__":
    main()
