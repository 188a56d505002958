"""Render the mini set: ``python -m mini_sets.fd_bench_v1 OUT``.

Needs the extras ``voices`` and ``speech``. Reads the texts, voices and pause lengths from
``mini/script.json`` and writes the five subsets in the official layout (FLAC in place of WAV), the listeners'
distribution and ``manifest.json``. Between utterances there is digital silence, so every annotated time is
exact.

- pause handling: two halves of one turn longer than 5 s around one pause of 0.4 to 1.0 s; ends with the turn.
- turn taking: one turn longer than 4 s, no silence in it of 0.4 s or more, then 5 s of silence.
- user interruption: context, 7 s of silence, interruption, 15 s of silence.
- backchannel: a story of 20 to 26 s with pauses of 0.3 to 0.6 s between clauses.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alignment
import numpy as np

from tml_bench.synthesis import speech
from tml_bench.timeline import Word

RATE = 16000
SCRIPT = Path(__file__).resolve().parents[2] / "tasks" / "fd_bench_v1" / "mini" / "script.json"
LONGEST_INNER_PAUSE_S = 0.25
"""Silences inside a rendered utterance are cut to this; the laid-out pauses are then the only long ones."""
TURN_TAKING_TAIL_S, AFTER_CONTEXT_S, AFTER_INTERRUPT_S = 5.0, 7.0, 15.0
TURN_TAKING_SPAN_S = 0.4
LISTENER_SPAN_S = (-0.1, 0.9)
"""When a backchannel fits, relative to the end of the clause it answers."""
GT_WINDOW_S, GT_FLOOR = 0.2, 1e-6


@dataclass(frozen=True, slots=True)
class SpeechPassage:
    """Utterances and silences laid end to end.

    Attributes:
        samples: shape (n,), float32, at ``RATE``.
        spans: [start, end] of each utterance in seconds, exact.
        words: of all utterances.
    """

    samples: speech.Samples
    spans: list[list[float]]
    words: list[Word]


def compose(voice: speech.SynthesisVoice, parts: Sequence[str | float]) -> SpeechPassage:
    """Speak each text in ``parts`` and leave each number of seconds silent."""
    pieces: list[speech.Samples] = []
    spans: list[list[float]] = []
    words: list[Word] = []
    at = 0
    for part in parts:
        if isinstance(part, str):
            piece = _utterance(part, voice)
            spans.append([at / RATE, (at + len(piece)) / RATE])
            words += alignment.shifted(alignment.align(piece, RATE, part), at / RATE)
        else:
            piece = np.zeros(round(part * RATE), np.float32)
        pieces.append(piece)
        at += len(piece)
    return SpeechPassage(np.concatenate(pieces), spans, words)


def listener_distribution(windows: Sequence[Sequence[float]], duration_s: float) -> list[float]:
    """A constructed distribution of listeners' backchannels: one raised cosine per window over a small floor.

    Returns:
        ``int(duration_s / 0.2) + 1`` values, one per 200 ms, summing to 1.
    """
    centres = (np.arange(int(duration_s / GT_WINDOW_S) + 1) + 0.5) * GT_WINDOW_S
    density = np.full(len(centres), GT_FLOOR)
    for start, end in windows:
        inside = np.abs(centres - (start + end) / 2) < (end - start) / 2
        density[inside] += 0.5 - 0.5 * np.cos(2 * np.pi * (centres[inside] - start) / (end - start))
    return [float(p) for p in density / density.sum()]


def render(script: dict[str, Any], out: Path) -> None:
    """Write every item, the listeners' distribution and the manifest into ``out``."""
    voices = {name: speech.SynthesisVoice(**voice) for name, voice in script["voices"].items()}
    distribution: dict[str, list[float]] = {}
    texts: dict[str, dict[str, Any]] = {}
    for subset, items in script.items():
        if subset in ("version", "voices"):
            continue
        for number, item in enumerate(items, start=1):
            folder, voice = out / subset / str(number), voices[item["voice"]]
            if subset.endswith("pause_handling"):
                _pause_handling(folder, voice, item)
            elif subset == "candor_turn_taking":
                _turn_taking(folder, voice, item)
            elif subset == "synthetic_user_interruption":
                _user_interruption(folder, voice, item)
            else:
                distribution[str(number)] = _backchannel(folder, voice, item)
            texts[f"{subset}/{number}"] = item
    speech.write_json(out / "icc_gt_distribution.json", distribution)
    files = sorted(
        p for kind in ("*/*/*.flac", "*/*/*.json", "icc_gt_distribution.json") for p in out.glob(kind)
    )
    hashes = {p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    speech.write_json(out / "manifest.json", {"version": script["version"], "files": hashes, "texts": texts})


def _pause_handling(folder: Path, voice: speech.SynthesisVoice, item: dict[str, Any]) -> None:
    passage = compose(voice, [item["before"], item["pause_s"], item["after"]])
    (_, pause_start), (pause_end, end) = passage.spans
    _require(end > 5.0 and 0.4 <= item["pause_s"] <= 1.0, folder, end)
    _write(folder, passage)
    speech.write_json(folder / "pause.json", [{"text": "[PAUSE]", "timestamp": [pause_start, pause_end]}])


def _turn_taking(folder: Path, voice: speech.SynthesisVoice, item: dict[str, Any]) -> None:
    passage = compose(voice, [item["text"], TURN_TAKING_TAIL_S])
    end = passage.spans[0][1]
    _require(end > 4.0, folder, end)
    _write(folder, passage)
    span = [end, round(end + TURN_TAKING_SPAN_S, 3)]
    speech.write_json(folder / "turn_taking.json", [{"text": "[TURN-TAKING]", "timestamp": span}])


def _user_interruption(folder: Path, voice: speech.SynthesisVoice, item: dict[str, Any]) -> None:
    parts = [item["context"], AFTER_CONTEXT_S, item["interrupt"], AFTER_INTERRUPT_S]
    passage = compose(voice, parts)
    _write(folder, passage)
    for name, (start, end) in zip(("context", "interrupt"), passage.spans, strict=True):
        clip = passage.samples[round(start * RATE) : round(end * RATE)]
        speech.write_flac(folder / f"{name}.flac", clip, RATE)
    annotation = {k: item[k] for k in ("context", "interrupt")} | {"timestamp": passage.spans[1]}
    speech.write_json(folder / "interrupt.json", [annotation])


def _backchannel(folder: Path, voice: speech.SynthesisVoice, item: dict[str, Any]) -> list[float]:
    parts: list[str | float] = [item["clauses"][0]]
    for pause, clause in zip(item["pauses_s"], item["clauses"][1:], strict=True):
        parts += [pause, clause]
    passage = compose(voice, parts)
    duration = len(passage.samples) / RATE
    _require(20.0 <= duration <= 26.0, folder, duration)
    ends = [passage.spans[i][1] for i in item["listener_after"]]
    windows = [[round(end + edge, 3) for edge in LISTENER_SPAN_S] for end in ends]
    _write(folder, passage)
    speech.write_json(
        folder / "backchannel.json", [{"text": "[BACKCHANNEL]", "timestamp": window} for window in windows]
    )
    return listener_distribution(windows, duration)


def _utterance(text: str, voice: speech.SynthesisVoice) -> speech.Samples:
    spoken = speech.synthesise(text, voice, RATE)
    return speech.level(speech.shorten_pauses(spoken, RATE, LONGEST_INNER_PAUSE_S))


def _write(folder: Path, passage: SpeechPassage) -> None:
    speech.write_flac(folder / "input.flac", passage.samples, RATE)
    words = [{"text": w.text, "timestamp": [w.start_s, w.end_s]} for w in passage.words]
    speech.write_json(folder / "transcription.json", [{"speaker": 0, "item": words}])


def _require(holds: bool, folder: Path, length_s: float) -> None:
    if not holds:
        raise ValueError(f"{folder.parent.name}/{folder.name}: {length_s} s is not as the subset demands")


def main() -> None:
    """Render into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Render the mini set.")
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    render(json.loads(SCRIPT.read_text(encoding="utf-8")), out)


if __name__ == "__main__":
    main()
