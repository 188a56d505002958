"""Render the mini set: ``python -m mini_sets.fd_bench_v15 OUT``.

Needs the extras ``voices`` and ``speech``. Reads texts, voices and pauses from ``mini/script.json`` and
writes the four subsets in the official layout (FLAC in place of WAV) and ``manifest.json``. An item is a
question, a silence in which a model has begun to answer, the overlap, and a silence; ``clean_input`` is the
same without the overlap. Silence is digital zero, so every annotated time is exact.

- user interruption and backchannel: the user's voice as it is.
- talking to others: the user's voice, turned away from the microphone.
- background speech: another voice, farther away.

How the last two sound is ``drawing.acoustics``. An overlap lasts until its last reflection has
faded (35 dB below its peak).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alignment
import numpy as np
from drawing import acoustics

from tml_bench.synthesis import speech
from tml_bench.timeline import Word

RATE = 16000
SCRIPT = Path(__file__).resolve().parents[2] / "tasks" / "fd_bench_v15" / "mini" / "script.json"
LONGEST_INNER_PAUSE_S = 0.25
HEADROOM_DB = -3.0
"""Below the usual level, or the peaks of short lively sentences would clip."""
ACOUSTICS: dict[str, Callable[[speech.Samples, int], speech.Samples]] = {
    "talking_to_other": acoustics.turned_away,
    "background_speech": acoustics.in_the_background,
}


def render(script: dict[str, Any], out: Path) -> None:
    """Write every item and the manifest into ``out``."""
    voices = {name: speech.SynthesisVoice(**voice) for name, voice in script["voices"].items()}
    texts: dict[str, dict[str, Any]] = {}
    for subset, items in script.items():
        if subset in ("version", "voices"):
            continue
        for number, item in enumerate(items, start=1):
            _item(out / subset / str(number), subset, voices, item)
            texts[f"{subset}/{number}"] = item
    files = sorted(p for kind in ("*/*/*.flac", "*/*/*.json") for p in out.glob(kind))
    hashes = {p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    speech.write_json(out / "manifest.json", {"version": script["version"], "files": hashes, "texts": texts})


def _item(folder: Path, subset: str, voices: dict[str, speech.SynthesisVoice], item: dict[str, Any]) -> None:
    context = _utterance(item["context"], voices[item["voice"]])
    dry = _utterance(item["overlap"], voices[item.get("other", item["voice"])])
    overlap, cut = dry, 0
    if subset in ACOUSTICS:
        heard = ACOUSTICS[subset](dry, RATE)
        overlap, cut = speech.trim(heard, RATE), speech.edges(heard, RATE)[0]
    gap, tail = (np.zeros(round(item[name] * RATE), np.float32) for name in ("gap_s", "tail_s"))
    begins = (len(context) + len(gap)) / RATE
    context_words = alignment.align(context, RATE, item["context"])
    ends = begins + len(overlap) / RATE
    aligned = alignment.shifted(alignment.align(dry, RATE, item["overlap"]), begins - cut / RATE)
    overlap_words = [_within(word, begins, ends) for word in aligned]
    speech.write_flac(folder / "input.flac", np.concatenate([context, gap, overlap, tail]), RATE)
    silent = np.zeros_like(overlap)
    speech.write_flac(folder / "clean_input.flac", np.concatenate([context, gap, silent, tail]), RATE)
    _write_transcript(folder / "input.json", [*context_words, *overlap_words])
    _write_transcript(folder / "clean_input.json", context_words)
    metadata = {
        "context_text": item["context"],
        "current_turn_text": item["overlap"],
        "timestamps": [begins, ends],
        "context_timestamps": [0.0, len(context) / RATE],
    }
    speech.write_json(
        folder / "metadata.json", metadata | ({"reply_text": item["reply"]} if "reply" in item else {})
    )


def _within(word: Word, begins: float, ends: float) -> Word:
    """The word without what the filters left too soft to be heard."""
    assert word.start_s is not None
    assert word.end_s is not None
    return Word(word.text, max(word.start_s, begins), min(word.end_s, round(ends, 3)))


def _utterance(text: str, voice: speech.SynthesisVoice) -> speech.Samples:
    spoken = speech.synthesise(text, voice, RATE)
    levelled = speech.level(speech.shorten_pauses(spoken, RATE, LONGEST_INNER_PAUSE_S))
    return acoustics.amplified(levelled, HEADROOM_DB)


def _write_transcript(path: Path, words: list[Word]) -> None:
    chunks = [{"text": w.text, "timestamp": [w.start_s, w.end_s]} for w in words]
    speech.write_json(path, {"text": " ".join(w.text for w in words), "chunks": chunks})


def main() -> None:
    """Render into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Render the mini set.")
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    render(json.loads(SCRIPT.read_text(encoding="utf-8")), out)


if __name__ == "__main__":
    main()
