"""The mini set of FD-bench v1.5 is whole, its annotations agree with the sound, and it sounds as it says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tml_bench.tasks.fd_bench_v15.loader import SUBSETS
from tml_bench.tasks.fd_bench_v15.task import MINI

IDS = [str(i) for i in range(1, 7)]
ITEMS = [f"{subset}/{i}" for subset in SUBSETS for i in IDS]
EDGE_S = 0.010
every_item = pytest.mark.parametrize("item", ITEMS)


def read(path: Path) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    assert (samples.shape[1], rate, soundfile.info(path).subtype) == (1, 16000, "PCM_16")
    return samples[:, 0], rate


def metadata(item: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MINI / item / "metadata.json").read_text(encoding="utf-8"))
    return found


def part(item: str, span: str, name: str = "input.flac") -> np.ndarray:
    samples, rate = read(MINI / item / name)
    start, end = metadata(item)[span]
    return samples[round(start * rate) : round(end * rate)]


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples**2)))


def test_every_file_is_listed_with_its_hash_and_text() -> None:
    manifest = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))
    script = json.loads((MINI / "script.json").read_text(encoding="utf-8"))
    shipped = {p.relative_to(MINI).as_posix() for p in MINI.rglob("*") if p.is_file()}
    assert shipped == {*manifest["files"], "README.md", "manifest.json", "script.json"}
    hashes = {name: hashlib.sha256((MINI / name).read_bytes()).hexdigest() for name in manifest["files"]}
    assert hashes == manifest["files"]
    assert manifest["texts"] == {f"{s}/{i}": script[s][int(i) - 1] for s in SUBSETS for i in IDS}


def test_the_set_stays_small() -> None:
    assert sum(p.stat().st_size for p in MINI.rglob("*") if p.is_file()) < 4_000_000


@every_item
def test_the_clean_clip_is_the_same_without_the_overlap(item: str) -> None:
    samples, rate = read(MINI / item / "input.flac")
    clean, _ = read(MINI / item / "clean_input.flac")
    start, end = (round(t * rate) for t in metadata(item)["timestamps"])
    assert len(samples) == len(clean)
    assert np.array_equal(samples[:start], clean[:start])
    assert not clean[start:end].any()
    assert not samples[end:].any()
    assert not clean[end:].any()


@every_item
def test_sound_is_where_the_annotation_says(item: str) -> None:
    samples, rate = read(MINI / item / "input.flac")
    found = metadata(item)
    (first, last), (begins, ends) = found["context_timestamps"], found["timestamps"]
    assert first == 0.0
    assert not samples[round(last * rate) : round(begins * rate)].any()
    for start, end in ((first, last), (begins, ends)):
        speech = samples[round(start * rate) : round(end * rate)]
        frames = speech[: len(speech) // 32 * 32].reshape(-1, 32)
        loud = np.flatnonzero((frames**2).mean(axis=1) > (frames**2).mean(axis=1).max() * 1e-4)
        assert loud[0] * 0.002 <= EDGE_S
        assert loud[-1] * 0.002 >= end - start - EDGE_S - 0.002
    assert 2.9 < begins - last < 7.0
    assert 7.9 < len(samples) / rate - ends < 9.6


def test_starts_and_lengths_vary() -> None:
    starts = [metadata(item)["timestamps"][0] for item in ITEMS]
    assert np.ptp(starts) > 5
    assert len({round(start, 1) for start in starts}) >= 18


@pytest.mark.parametrize(
    ("subset", "low", "high"),
    # Direct speech -8 and -15 dB; reflections add up to 1.6 dB, filters take off a few.
    [
        ("user_interruption", -0.1, 0.1),
        ("user_backchannel", -0.1, 0.1),
        ("talking_to_other", -9.5, -6.5),
        ("background_speech", -17, -14),
    ],
)
def test_levels(subset: str, low: float, high: float) -> None:
    for number in IDS:
        item = f"{subset}/{number}"
        difference = level_db(part(item, "timestamps")) - level_db(part(item, "context_timestamps"))
        assert low <= difference <= high


def test_background_has_nothing_above_its_low_pass() -> None:
    def above_6_khz(item: str, span: str) -> float:
        spectrum = np.abs(np.fft.rfft(part(item, span))) ** 2
        return float(10 * np.log10(spectrum[int(len(spectrum) * 0.75) :].sum() / spectrum.sum()))

    for number in IDS:
        item = f"background_speech/{number}"
        assert above_6_khz(item, "timestamps") < -45


@every_item
def test_words_of_the_transcripts(item: str) -> None:
    found = metadata(item)
    words = json.loads((MINI / item / "input.json").read_text(encoding="utf-8"))
    clean = json.loads((MINI / item / "clean_input.json").read_text(encoding="utf-8"))
    assert words["text"] == f"{found['context_text']} {found['current_turn_text']}"
    assert clean["text"] == found["context_text"]
    times = [chunk["timestamp"] for chunk in words["chunks"]]
    assert all(start < end for start, end in times)
    assert times == sorted(times)
    overlap = times[len(clean["chunks"]) :]
    begins, ends = found["timestamps"]
    assert all(begins - EDGE_S <= start and end <= ends + EDGE_S for start, end in overlap)
