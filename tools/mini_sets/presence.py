"""Render the mini set: ``python -m mini_sets.presence OUT``.

Needs the extras ``voices`` and ``speech``. Reads the items of ``mini/script.json`` and writes each turn as
one Ogg/Opus file, ``items.jsonl`` with the times of its words, and ``manifest.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import soundfile

from tml_bench.synthesis import speech
from tml_bench.synthesis.voices import render
from tml_bench.synthesis.word_times import word_times
from tml_bench.tasks._timed.render import with_serial
from tml_bench.tasks.presence.annotation import FILE, PresenceItem

SCRIPT = Path(__file__).resolve().parents[2] / "tasks" / "presence" / "mini" / "script.json"
OPUS_LEVEL = 0.93
"""Of soundfile's compression: about 24 kbit/s while somebody speaks."""


def turn(text: str, voice: str, place: str, out: Path) -> dict[str, Any]:
    """Render a turn into a folder; says where it is and when its words are said."""
    clip = render(text, voice)
    start, end = (sample / clip.rate for sample in speech.edges(clip.samples, clip.rate))
    written = BytesIO()
    soundfile.write(
        written, clip.samples, clip.rate, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL
    )
    path = out / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(with_serial(written.getvalue(), 1))
    words = [
        {"text": word, "start_s": a, "end_s": b}
        for word, a, b in word_times(clip.samples, text, voice.startswith("gb"))
    ]
    times = {"start_s": round(start, 3), "end_s": round(end, 3), "duration_s": len(clip.samples) / clip.rate}
    return {"text": text, "audio": place, **times, "words": words}


def item(entry: dict[str, Any], out: Path) -> PresenceItem:
    """Render one item of the script into a folder."""
    said = {
        name: turn(entry[name], entry["voice"], f"audio/{entry['id']}-{name}.ogg", out)
        for name in ("request", "turn")
        if name in entry
    }
    return msgspec.convert(entry | said, PresenceItem)


def main() -> None:
    """Render every item, then write the list and the manifest."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    script = json.loads(SCRIPT.read_text(encoding="utf-8"))
    lines = [msgspec.json.encode(item(entry, out)) + b"\n" for entry in script["items"]]
    (out / FILE).write_bytes(b"".join(lines))
    files = [out / FILE, *sorted(out.glob("audio/*.ogg"))]
    hashes = {p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    speech.write_json(out / "manifest.json", {"version": script["version"], "files": hashes})


if __name__ == "__main__":
    main()
