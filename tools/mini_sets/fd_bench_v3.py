"""Render the mini set: ``python -m mini_sets.fd_bench_v3 OUT``.

Needs the extras ``voices`` and ``speech``. Reads the scenarios of ``mini/benchmark_data_v2.json`` and writes
them in the official layout (Ogg/Opus in place of WAV), with the list itself and ``manifest.json``. What the
user says is their ``user_annotated``: ``[2.4]`` is a pause of so many seconds, from the last sound before to
the first one after, and ``^`` stands before the word that corrects another. Each of its ``voices`` says it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from tml_bench.synthesis.speech import Samples, edges, write_json
from tml_bench.synthesis.voices import PAD_S, RATE, render
from tml_bench.synthesis.word_times import word_times
from tml_bench.tasks._timed.render import with_serial
from tml_bench.tasks.fd_bench_v3.loader import METADATA, MINI, SCENARIOS

OPUS_LEVEL = 0.93
"""Of soundfile's compression: about 24 kbit/s while somebody speaks."""
LEAD_S = 0.3
"""Silence before the first sound."""
TAIL_S = 12.0
"""Silence after the recording: three calls and an answer fit in."""
_PAUSE = re.compile(r"\[([\d.]+)\]")
_CORRECTING = "^"


class Spoken(NamedTuple):
    """A request as audio, its words with their times, and when the correcting word begins."""

    audio: Samples
    words: list[tuple[str, float, float]]
    corrected_s: float | None


def speak(text: str, voice: str) -> Spoken:
    """Say a request with its pauses."""
    first, *more = _PAUSE.split(text)
    pieces = [
        (LEAD_S, first),
        *((float(pause), said) for pause, said in zip(more[::2], more[1::2], strict=True)),
    ]
    placed: list[tuple[int, Samples]] = []
    words: list[tuple[str, float, float]] = []
    corrected_s, sound_s = None, 0.0
    for pause_s, marked in pieces:
        said = " ".join(marked.replace(_CORRECTING, "").split())
        clip = render(said, voice).samples
        begin_s = round(sound_s + pause_s - PAD_S, 3)
        placed.append((round(begin_s * RATE), clip))
        times = [
            (w, round(begin_s + a, 3), round(begin_s + b, 3))
            for w, a, b in word_times(clip, said, voice[:2] == "gb")
        ]
        if _CORRECTING in marked:
            before = marked.partition(_CORRECTING)[0].split()
            corrected_s = times[len(before)][1]
        words += times
        sound_s = begin_s + edges(clip, RATE)[1] / RATE
    audio = np.zeros(placed[-1][0] + len(placed[-1][1]), np.float32)
    for begin, clip in placed:
        audio[begin : begin + len(clip)] += clip
    return Spoken(audio, words, corrected_s)


def write_recording(scenario: dict[str, Any], voice: str, out: Path) -> None:
    """Render one scenario in one voice into its folder."""
    spoken = speak(scenario["dialogue"][0]["user_annotated"], voice)
    speaker = hashlib.sha256(voice.encode()).hexdigest()[:24]
    folder = out / f"{scenario['id']}_{speaker}"
    folder.mkdir(parents=True, exist_ok=True)
    written = BytesIO()
    soundfile.write(written, spoken.audio, RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)
    (folder / "input.ogg").write_bytes(with_serial(written.getvalue(), 1))
    about = {
        "voice": voice,
        "user_words": [{"text": w, "timestamp": [a, b]} for w, a, b in spoken.words],
        "corrected_s": spoken.corrected_s,
        "tail_s": TAIL_S,
    }
    text = json.dumps({name: value for name, value in about.items() if value is not None}, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Render every scenario, then write the list and the manifest."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    listed = (MINI / SCENARIOS).read_text(encoding="utf-8")
    script = json.loads(listed)
    for scenario in script["scenarios"]:
        for voice in scenario["voices"]:
            write_recording(scenario, voice, out)
    (out / SCENARIOS).write_text(listed, encoding="utf-8")
    files = [out / SCENARIOS, *sorted(path for path in out.glob("*/*") if path.is_file())]
    hashes = {p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    write_json(out / "manifest.json", {"version": script["version"], "files": hashes})


if __name__ == "__main__":
    main()
