"""The mini set that ships is whole, and its annotations agree with the sound itself."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import tml_bench.adapters.reference
import tml_bench.tasks.fd_bench_v1

MINI = Path(tml_bench.tasks.fd_bench_v1.__file__).parent / "mini"
VOICE = Path(tml_bench.adapters.reference.__file__).parent / "voice"
IDS = [str(i) for i in range(1, 7)]
PAUSES = ["candor_pause_handling", "synthetic_pause_handling"]
SUBSETS = [*PAUSES, "icc_backchannel", "candor_turn_taking", "synthetic_user_interruption"]
EDGE_S = 0.010

every_item = pytest.mark.parametrize("item", [f"{s}/{i}" for s in SUBSETS for i in IDS])


def read(path):
    samples, rate = sf.read(path, dtype="float64", always_2d=True)
    assert samples.shape[1] == 1
    return samples[:, 0], rate


def annotation(item, name):
    return json.loads((MINI / item / name).read_text(encoding="utf-8"))


def sounding(samples, rate):
    """Stretches of sound in seconds: 2 ms frames within 40 dB of the loudest, gaps up to 0.28 s bridged."""
    hop = rate // 500
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    power = (frames**2).mean(axis=1)
    active = np.flatnonzero(power > power.max() * 1e-4)
    breaks = np.flatnonzero(np.diff(active) > 0.28 * 500)
    starts = [active[0], *active[breaks + 1]]
    ends = [*active[breaks], active[-1]]
    return [(s / 500, (e + 1) / 500) for s, e in zip(starts, ends, strict=True)]


def test_every_file_is_listed_with_its_hash():
    manifest = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["version"] == "mini-1"
    shipped = {p.relative_to(MINI).as_posix() for p in MINI.rglob("*") if p.is_file()}
    assert shipped == {*manifest["files"], "README.md", "manifest.json", "script.json"}
    hashes = {name: hashlib.sha256((MINI / name).read_bytes()).hexdigest() for name in manifest["files"]}
    assert hashes == manifest["files"]


def test_the_manifest_lists_the_texts_of_the_script():
    manifest = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))
    script = json.loads((MINI / "script.json").read_text(encoding="utf-8"))
    assert manifest["texts"] == {f"{s}/{i}": script[s][int(i) - 1] for s in SUBSETS for i in IDS}


def test_five_subsets_of_six_items():
    assert sorted(p.name for p in MINI.iterdir() if p.is_dir()) == sorted(SUBSETS)
    for subset in SUBSETS:
        assert sorted(p.name for p in (MINI / subset).iterdir()) == IDS


def test_the_set_stays_small():
    assert sum(p.stat().st_size for p in MINI.rglob("*") if p.is_file()) < 8_000_000


@every_item
def test_audio_is_16_khz_mono_16_bit(item):
    info = sf.info(MINI / item / "input.flac")
    assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")


@every_item
def test_words_are_ordered_and_lie_in_the_sound(item):
    samples, rate = read(MINI / item / "input.flac")
    turns = sounding(samples, rate)
    (speaker,) = annotation(item, "transcription.json")
    times = [word["timestamp"] for word in speaker["item"]]
    assert all(start < end for start, end in times)
    assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(times))
    assert times[0][0] == 0.0
    for start, end in times:
        assert any(s - 0.02 <= start and end <= e + 0.02 for s, e in turns)
    assert abs(times[-1][1] - turns[-1][1]) <= EDGE_S


@pytest.mark.parametrize("item", [f"{s}/{i}" for s in PAUSES for i in IDS])
def test_the_pause_is_the_only_long_silence_and_the_file_ends_with_the_turn(item):
    samples, rate = read(MINI / item / "input.flac")
    (pause,) = annotation(item, "pause.json")
    assert pause["text"] == "[PAUSE]"
    start, end = pause["timestamp"]
    assert 0.4 <= end - start + 1e-9 <= 1.0 + 1e-9
    assert not samples[round(start * rate) : round(end * rate)].any()
    (_, first_end), (second_start, second_end) = sounding(samples, rate)
    assert abs(first_end - start) <= EDGE_S
    assert abs(second_start - end) <= EDGE_S
    assert abs(second_end - len(samples) / rate) <= EDGE_S
    assert len(samples) / rate > 5.0


def test_pause_lengths_vary():
    lengths = [
        np.diff(annotation(f"{s}/{i}", "pause.json")[0]["timestamp"])[0].round(3) for s in PAUSES for i in IDS
    ]
    assert len(set(lengths)) >= 10


@pytest.mark.parametrize("item", [f"candor_turn_taking/{i}" for i in IDS])
def test_the_turn_ends_where_annotated_and_five_silent_seconds_follow(item):
    samples, rate = read(MINI / item / "input.flac")
    (mark,) = annotation(item, "turn_taking.json")
    assert mark["text"] == "[TURN-TAKING]"
    end, until = mark["timestamp"]
    assert until == pytest.approx(end + 0.4)
    ((start, measured),) = sounding(samples, rate)
    assert start <= EDGE_S
    assert abs(measured - end) <= EDGE_S
    assert end > 4.0
    tail = samples[round(end * rate) :]
    assert len(tail) == 5 * rate
    assert not tail.any()
    assert annotation(item, "transcription.json")[0]["item"][-1]["text"].endswith("?")


@pytest.mark.parametrize("item", [f"synthetic_user_interruption/{i}" for i in IDS])
def test_an_interruption_is_context_silence_interruption_silence(item):
    samples, rate = read(MINI / item / "input.flac")
    context, _ = read(MINI / item / "context.flac")
    interrupt, _ = read(MINI / item / "interrupt.flac")
    laid_out = np.concatenate([context, np.zeros(7 * rate), interrupt, np.zeros(15 * rate)])
    assert np.array_equal(samples, laid_out)
    (mark,) = annotation(item, "interrupt.json")
    assert set(mark) == {"context", "interrupt", "timestamp"}
    (_, context_end), (start, end) = sounding(samples, rate)
    assert abs(context_end - len(context) / rate) <= EDGE_S
    assert mark["timestamp"] == pytest.approx([start, end], abs=EDGE_S)
    said = " ".join(word["text"] for word in annotation(item, "transcription.json")[0]["item"])
    assert said == f"{mark['context']} {mark['interrupt']}"


@pytest.mark.parametrize("item", [f"icc_backchannel/{i}" for i in IDS])
def test_backchannel_windows_surround_the_ends_of_clauses(item):
    samples, rate = read(MINI / item / "input.flac")
    assert 20.0 <= len(samples) / rate <= 26.0
    clauses = sounding(samples, rate)
    gaps = [b[0] - a[1] for a, b in pairwise(clauses)]
    assert len(clauses) == 7
    assert all(0.29 <= gap <= 0.61 for gap in gaps)
    windows = annotation(item, "backchannel.json")
    assert 3 <= len(windows) <= 5
    for window in windows:
        start, end = window["timestamp"]
        assert end - start == pytest.approx(1.0)
        assert min(abs(start + 0.1 - clause_end) for _, clause_end in clauses[:-1]) <= EDGE_S


@pytest.mark.parametrize("number", IDS)
def test_listeners_distribution_sums_to_one_and_lies_in_the_windows(number):
    distribution = json.loads((MINI / "icc_gt_distribution.json").read_text(encoding="utf-8"))
    assert list(distribution) == IDS
    mass = np.array(distribution[number])
    samples, rate = read(MINI / "icc_backchannel" / number / "input.flac")
    assert len(mass) == int(len(samples) / rate / 0.2) + 1
    assert mass.sum() == pytest.approx(1.0, abs=1e-9)
    assert (mass > 0).all()
    centres = (np.arange(len(mass)) + 0.5) * 0.2
    windows = [w["timestamp"] for w in annotation(f"icc_backchannel/{number}", "backchannel.json")]
    shares = [mass[(centres >= s) & (centres <= e)].sum() for s, e in windows]
    assert sum(shares) > 0.999
    assert shares == pytest.approx([1 / len(windows)] * len(windows), abs=0.01)


@pytest.mark.parametrize("name", ["answer", "talk", "backchannel"])
def test_a_reference_clip_starts_and_ends_with_speech_and_its_words_fill_it(name):
    samples, rate = read(VOICE / f"{name}.flac")
    assert rate == 24000
    clip = json.loads((VOICE / "clips.json").read_text(encoding="utf-8"))[name]
    ((start, end),) = sounding(samples, rate)
    assert start <= 0.005
    assert end >= len(samples) / rate - 0.010
    assert clip["duration_s"] == len(samples) / rate
    assert " ".join(w["text"] for w in clip["words"]) == clip["text"]
    assert clip["words"][0]["start_s"] == 0.0
    assert clip["words"][-1]["end_s"] == pytest.approx(clip["duration_s"], abs=1e-3)
    bounds = [t for w in clip["words"] for t in (w["start_s"], w["end_s"])]
    assert bounds == sorted(bounds)
    assert all(w["start_s"] < w["end_s"] for w in clip["words"])


def test_the_reference_backchannel_is_one_short_word():
    clip = json.loads((VOICE / "clips.json").read_text(encoding="utf-8"))["backchannel"]
    assert 0.25 < clip["duration_s"] <= 0.5
    assert len(clip["words"]) == 1
