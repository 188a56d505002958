"""Render the mini set: ``python -m mini_sets.audio_multichallenge OUT``.

Needs the extra ``voices``. Reads the conversations of ``mini/script.json`` and writes them in the form of
``conversations``, each user turn as one Ogg/Opus file, with ``manifest.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import soundfile

from tml_bench.synthesis.speech import write_json
from tml_bench.synthesis.voices import render
from tml_bench.tasks.audio_multichallenge.conversations import (
    FILE,
    ConversationTurn,
    ReplyCheck,
    RubricConversation,
    RubricItem,
)

SCRIPT = Path(__file__).resolve().parents[2] / "tasks" / "audio_multichallenge" / "mini" / "script.json"
OPUS_LEVEL = 0.85
"""Of soundfile's compression: about 24 kbit/s."""


def conversation(entry: dict[str, Any], out: Path) -> RubricConversation:
    """Render one conversation of the script into a folder."""
    turns = []
    for number, turn in enumerate(entry["turns"], start=1):
        place = f"audio/{entry['id']}/{number}.ogg"
        clip = render(turn[0], entry["voice"])
        path = out / place
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(
            path, clip.samples, clip.rate, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL
        )
        turns.append(ConversationTurn(turn[0], place, turn[1] if len(turn) > 1 else ""))
    items = tuple(RubricItem(text, msgspec.convert(check, ReplyCheck)) for text, check in entry["items"])
    return RubricConversation(entry["id"], entry["axis"], tuple(turns), items, entry["voice"], entry["ideal"])


def main() -> None:
    """Render every conversation, then write the list and the manifest."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    script = json.loads(SCRIPT.read_text(encoding="utf-8"))
    lines = [msgspec.json.encode(conversation(entry, out)) + b"\n" for entry in script["conversations"]]
    (out / FILE).write_bytes(b"".join(lines))
    files = [out / FILE, *sorted(out.glob("audio/*/*.ogg"))]
    hashes = {p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    write_json(out / "manifest.json", {"version": script["version"], "files": hashes})


if __name__ == "__main__":
    main()
