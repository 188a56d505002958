"""Small items and a rendering of them in noise, with times chosen by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import soundfile as sf

from tml_bench.samples import Sample, Utterance
from tml_bench.tasks._timed.expected import expected_of
from tml_bench.tasks._timed.items import TimedItem
from tml_bench.tasks._timed.rendered import (
    RenderedItem,
    RenderedTurn,
    RenderedWord,
    Rendering,
    said_sha256,
    write_rendered,
)
from tml_bench.tasks._timed.strategies import spoken
from tml_bench.timeline import Timeline

RATE = 16000
WORD_S = 0.25
"""Every word of the rendering takes this long."""


def item(**changes: object) -> dict[str, object]:
    """A right item: say "lighthouse" in seven seconds; fields can be replaced."""
    base: dict[str, object] = {
        "id": "ts-delay-001",
        "split": "dev",
        "family": "single_delay",
        "difficulty": 1,
        "voice": "us-f-1",
        "turns": [{"id": "a", "text": "Could you say the word lighthouse in seven seconds?", "at_s": 0.5}],
        "tail_s": 12.0,
        "events": [event()],
    }
    return base | changes


def event(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "id": "e1",
        "meaning": "says the word lighthouse",
        "accept": ["Lighthouse.", "Okay, lighthouse!"],
        "reject": ["I'll say it in seven seconds.", "Seven seconds are over."],
        "anchor": {"turn": "a", "edge": "end"},
        "after_s": 7.0,
        "window": {"kind": "scheduled", "d_s": 7.0},
    }
    return base | changes


def made(fields: dict[str, object]) -> TimedItem:
    """The typed item."""
    return msgspec.convert(fields, TimedItem)


def write_items(path: Path, items: Iterable[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(i) + b"\n" for i in items))
    return path


def place(item: TimedItem) -> tuple[RenderedTurn, ...]:
    """Turns whose words take `WORD_S` each, without pauses."""
    turns: list[RenderedTurn] = []
    for turn in item.turns:
        start = turn.at_s if turn.at_s is not None else turns[-1].end_s + turn.gap_s
        words = [
            RenderedWord(w, round(start + k * WORD_S, 3), round(start + (k + 1) * WORD_S, 3))
            for k, w in enumerate(turn.text.split())
        ]
        turns.append(RenderedTurn(turn.id, start, words[-1].end_s, tuple(words)))
    return tuple(turns)


def render(folder: Path, items: Iterable[TimedItem], version: str = "1") -> Path:
    """Write a rendered set in noise."""
    entries = []
    for one in items:
        turns = place(one)
        name = f"audio/{one.split}/{one.id}.flac"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        audio = np.zeros(round(turns[-1].end_s * RATE), np.float32)
        noise = np.random.default_rng(0)
        for turn in turns:
            a, b = round(turn.start_s * RATE), round(turn.end_s * RATE)
            audio[a:b] = 0.1 * noise.standard_normal(b - a)
        sf.write(path, audio, RATE)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries.append(RenderedItem(one.id, said_sha256(one), name, digest, RATE, len(audio) / RATE, turns))
    write_rendered(folder, entries, Rendering(version, {"us-f-1": "noise"}, "noise"))
    return folder


def shifted(sample: Sample, by_s: float) -> Timeline:
    """The ideal respondent, so much later; what would begin before the session is left out."""
    moved = [
        Utterance(u.at_s + by_s, u.role, None if u.until_s is None else u.until_s + by_s, u.text)
        for u in sample.reference.ideal
        if u.at_s + by_s >= 0
    ]
    return spoken(expected_of(sample), moved)
