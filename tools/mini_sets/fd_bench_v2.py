"""Render the mini set: ``python -m mini_sets.fd_bench_v2 [--check | --listen]``.

Needs the extra ``voices``. Reads the scenarios of ``mini/prompts_staged.json`` and writes every piece of each
line that a user of them may say, in any pacing, as one Ogg/Opus file by its key into ``mini/voice``, with
``lines.jsonl``, which names them, and ``mini/manifest.json``. Pieces that are there are kept; those that
nobody says are deleted.

``--check`` writes nothing: it says what is missing, left over or clipped, and ends with 1 where anything is.
``--listen`` has every line recognised (extra ``speech``; ``TML_BENCH_WHISPER`` names the model) and prints
those in which a word is not understood.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from tml_bench.perception.asr import transcribe
from tml_bench.scenario import Manners, Scenario
from tml_bench.synthesis.speech import write_json
from tml_bench.synthesis.voices import RATE, render
from tml_bench.tasks._timed.meaning.wording import words
from tml_bench.tasks._timed.render import with_serial
from tml_bench.tasks.fd_bench_v2.loader import MINI, OWN_FILE, VOICED, load
from tml_bench.users.staged import staged_lines, unpieced
from tml_bench.users.voicing import FILLERS, INDEX, VoiceStore, pieces, spoken_line, voice_key

VERSION = "mini-1"
OPUS_LEVEL = 0.96
"""Of soundfile's compression: about 20 kbit/s while somebody speaks."""
LOUDEST = 0.98
"""No sample of a piece is higher."""
EVERY_MANNER = Manners(backchannel_s=4.0, aside=1.0)
"""With these, all that a scenario has may be said."""
STORE = MINI / VOICED


class Piece(NamedTuple):
    """A stretch that is said without a pause, and who says it."""

    voice: str
    text: str

    @property
    def path(self) -> Path:
        """Its file."""
        return STORE / f"{voice_key(self.voice, self.text)}.ogg"


def lines_of(scenario: Scenario) -> list[str]:
    """All that its user may say, in any pacing."""
    return staged_lines(replace(scenario, manners=EVERY_MANNER))


def pieces_of(scenarios: Iterable[Scenario]) -> list[Piece]:
    """Every piece of the lines of users once, with what they say where they hesitate."""
    lines = ((one.voice, line) for one in scenarios for line in (*FILLERS, *lines_of(one)))
    return list(dict.fromkeys(Piece(voice, text) for voice, line in lines for text in pieces(line)))


def shipped() -> list[Scenario]:
    """The scenarios of the set."""
    return [sample.scenario for sample in load(MINI, ()) if sample.scenario is not None]


def write(piece: Piece) -> None:
    """Render a piece into its file."""
    clip = render(piece.text, piece.voice)
    written = BytesIO()
    soundfile.write(
        written, clip.samples, clip.rate, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL
    )
    piece.path.write_bytes(with_serial(written.getvalue(), 1))


def index_of(wanted: Iterable[Piece]) -> str:
    """The list of pieces as it is written."""
    named = ({"key": piece.path.stem, "voice": piece.voice, "text": piece.text} for piece in wanted)
    return "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in named)


def render_set(wanted: Iterable[Piece]) -> None:
    """Render what is missing, delete what is left over, and write the list and the manifest."""
    STORE.mkdir(exist_ok=True)
    for piece in wanted:
        if not piece.path.is_file():
            write(piece)
    for path in left_over(wanted):
        path.unlink()
    (STORE / INDEX).write_text(index_of(wanted), encoding="utf-8")
    files = [MINI / OWN_FILE, STORE / INDEX, *sorted(STORE.glob("*.ogg"))]
    hashes = {
        path.relative_to(MINI).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    write_json(MINI / "manifest.json", {"version": VERSION, "files": hashes})


def left_over(wanted: Iterable[Piece]) -> list[Path]:
    """Files that are no piece's."""
    kept = {piece.path for piece in wanted} | {STORE / INDEX}
    return [path for path in sorted(STORE.iterdir()) if path not in kept]


def flaws(wanted: Iterable[Piece]) -> list[str]:
    """What is missing in the set, or left over."""
    wanted, index = list(wanted), STORE / INDEX
    missing = [piece for piece in wanted if not piece.path.is_file()]
    found = [f"{piece.path.name}: missing: {piece.voice}, {piece.text!r}" for piece in missing]
    found += [f"{path.name}: left over" for path in left_over(wanted)]
    if not index.is_file() or index.read_text(encoding="utf-8") != index_of(wanted):
        found.append(f"{INDEX}: is not the list of pieces")
    return found


def unsound(wanted: Iterable[Piece]) -> list[str]:
    """Pieces that are there and of another form, silent or clipped."""
    found = []
    for piece in wanted:
        if piece.path.is_file():
            samples, rate = soundfile.read(piece.path, dtype="float32")
            if rate != RATE or samples.ndim != 1 or not 0.0 < np.abs(samples).max() <= LOUDEST:
                found.append(f"{piece.path.name}: {piece.text!r}: not mono at {RATE} Hz, silent or clipped")
    return found


def misheard(scenarios: Iterable[Scenario]) -> Iterator[tuple[str, str, str]]:
    """Lines of which not every word is recognised: voice, line, and what is heard."""
    store = VoiceStore((STORE,))
    for voice, line in dict.fromkeys((one.voice, line) for one in scenarios for line in lines_of(one)):
        spoken = spoken_line(store, voice, line, Manners(), random.Random(0))
        heard = transcribe(np.pad(spoken, RATE // 8))
        if words(heard) != words(unpieced(line)):
            yield voice, line, heard


def main() -> None:
    """Render, check or listen."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--listen", action="store_true")
    given = parser.parse_args()
    scenarios = shipped()
    found = pieces_of(scenarios)
    if given.listen:
        for voice, line, heard in misheard(scenarios):
            print(f"{voice}: {line!r}: {heard!r}")
    elif not given.check:
        render_set(found)
    elif wrong := flaws(found) + unsound(found):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
