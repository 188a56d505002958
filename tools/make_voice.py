"""Render the reference adapters' voice: ``python -m make_voice OUT``.

Needs the extras ``voices`` and ``speech``; the voice is "heart" of hibari-tts 0.2.1 (Apache-2.0). Writes
one FLAC file per clip (24 kHz mono 16 bit; the first sample is the energy onset, the last one the energy end)
and ``clips.json`` with the text and word times of each.

- ``answer``, ``talk`` and ``backchannel``: for turn taking. The first two begin with a full vowel, so that
  their onset is unmistakable.
- ``one`` to ``forty``: numbers, their text in digits; ``start`` and ``stop``.
- the others: every answer of the mini set of ProactiveVideoQA and every reply of that of FD-bench v1.5, named
  after their words.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import alignment
import msgspec

from tml_bench.adapters.reference.voice import HIGHEST, number_name
from tml_bench.synthesis import speech
from tml_bench.timeline import Word

RATE = 24000
LONGEST_PAUSE_S = 0.1
VOICE = speech.SynthesisVoice("hibari")
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
COMMANDS = ("start", "stop")
ANSWERS = (
    "A red ball rolls in.",
    "A blue ball rolls in.",
    "A yellow ball rolls in.",
    "The person walks in.",
    "The person sits down.",
    "The person stands up.",
    "The lamp turns on.",
    "The lamp turns off.",
    "The lamp is on again.",
    "The door opens.",
    "A person comes in.",
    "The door closes.",
    "You put an apple in the bowl.",
    "You put a lemon in the bowl.",
    "You stir the bowl.",
    "You pack the book.",
    "You pack the mug.",
    "You pack the ball.",
    "You close the box.",
    "You put a tea bag in the mug.",
    "You pour in the water.",
    "You stir the tea.",
    "Mary turns on the lamp.",
    "Peter walks out of the room.",
    "Mary sits down on the stool.",
    "A person falls down in the street.",
    "Someone steals a bag and runs away.",
    "A car hits a post.",
    "Smoke comes out of the car.",
)
REPLIES = (
    "Peppers need even more sun than that.",
    "The first trains ran on steam.",
    "In Paris I would begin at the river.",
    "The kidneys clean the blood.",
    "That doesn't change much, it is still long.",
    "Then no ghosts, I promise.",
)


def spoken_forms() -> Iterator[tuple[str, str, str]]:
    """Name, text and what the voice is given to say, of every clip."""
    for name, text in CLIPS.items():
        yield name, text, text
    for number in range(1, HIGHEST + 1):
        name = number_name(number)
        yield name, str(number), f"{name.capitalize()},"
    for name in COMMANDS:
        yield name, name, f"{name.capitalize()}."
    for text in (*ANSWERS, *REPLIES):
        yield re.sub(r"[^a-z]+", "-", text.lower()).strip("-"), text, text


def main() -> None:
    """Render every clip into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Render the reference adapters' voice.")
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    clips = {}
    for name, text, said in spoken_forms():
        spoken = speech.synthesise(said, VOICE, RATE)
        samples = speech.level(speech.shorten_pauses(spoken, RATE, LONGEST_PAUSE_S))
        speech.write_flac(out / f"{name}.flac", samples, RATE)
        duration = len(samples) / RATE
        # A single word fills its clip, and the aligner does not know digits.
        one = [Word(text, 0.0, round(duration, 3))]
        words = one if " " not in text else alignment.align(samples, RATE, text)
        clips[name] = {"text": text, "duration_s": duration, "words": msgspec.to_builtins(words)}
    speech.write_json(out / "clips.json", clips)


if __name__ == "__main__":
    main()
