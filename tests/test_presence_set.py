"""The set that ships with Presence is whole, and its items are what the task needs."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import soundfile
from presence_timelines import TASK, samples

from tml_bench.errors import UserError
from tml_bench.samples import At
from tml_bench.tasks.presence.annotation import BEHAVIOURS, FILE, PresenceTurn, expected_of
from tml_bench.tasks.presence.loader import MINI, load
from tml_bench.tasks.presence.world import NOTHING, TableWorld, tools

ITEMS = [expected_of(one) for one in samples()]


def test_every_file_is_listed_with_its_hash_and_the_set_is_small() -> None:
    manifest = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))
    shipped = {p.relative_to(MINI).as_posix() for p in MINI.rglob("*") if p.is_file()}
    assert shipped == {*manifest["files"], "manifest.json", "script.json"}
    hashes = {name: hashlib.sha256((MINI / name).read_bytes()).hexdigest() for name in manifest["files"]}
    assert hashes == manifest["files"]
    assert sum(p.stat().st_size for p in MINI.rglob("*") if p.is_file()) < 1_000_000


def test_the_list_says_what_the_script_says() -> None:
    script = json.loads((MINI / "script.json").read_text(encoding="utf-8"))["items"]
    for written, made in zip(script, ITEMS, strict=True):
        texts = {name: turn.text for name in ("request", "turn") if (turn := getattr(made.item, name))}
        assert texts == {name: written[name] for name in ("request", "turn") if name in written}
        assert (made.item.id, made.item.call.args) == (written["id"], written["call"]["args"])


def test_two_items_of_each_behaviour_and_latency_that_ask_for_different_things() -> None:
    counts = Counter((item.item.behaviour, item.item.latency_s) for item in ITEMS)
    assert counts == dict.fromkeys(product(BEHAVIOURS, (2, 5, 10)), 2)
    pairs = Counter((i.item.behaviour, i.item.latency_s, i.item.call.tool) for i in ITEMS)
    assert set(pairs.values()) == {1}
    assert len({item.item.voice for item in ITEMS}) == 8


def test_no_number_can_be_guessed_or_taken_for_another() -> None:
    entries = [e for item in ITEMS for e in (item.item.call, item.item.then) if e]
    facts = [entry.fact for entry in entries]
    assert len(set(facts)) == len(facts) == 48
    assert all(221 <= fact <= 999 and "0" not in str(fact) and str(fact)[1] != "1" for fact in facts)
    assert all(entry.fact in entry.result.values() for entry in entries)


def test_the_second_turn_lies_within_the_wait_of_who_calls_in_a_second() -> None:
    for item in ITEMS:
        assert item.request_end_s * 5 == pytest.approx(round(item.request_end_s * 5))
        if item.turn_end_s is not None:
            assert item.turn_end_s < item.request_end_s + 1.0 + item.item.latency_s


def test_turns_begin_where_their_voice_is_to_begin() -> None:
    for one, item in zip(samples(), ITEMS, strict=True):
        turns = [turn for turn in (item.item.request, item.item.turn) if turn is not None]
        for played, turn, (start_s, end_s) in zip(one.script.turns, turns, item.talking, strict=True):
            assert isinstance(played.cue, At)
            assert played.cue.t_s + turn.start_s == pytest.approx(start_s)
            assert end_s - start_s == pytest.approx(turn.end_s - turn.start_s)


@pytest.mark.parametrize("number", range(0, 36, 5))
def test_the_sound_is_where_the_list_says(number: int) -> None:
    item = ITEMS[number].item
    for turn in (item.request, item.turn):
        if turn is not None:
            _check_sound(turn)


def _check_sound(turn: PresenceTurn) -> None:
    audio, rate = soundfile.read(MINI / turn.audio)
    assert (rate, audio.ndim) == (16000, 1)
    assert len(audio) / rate == pytest.approx(turn.duration_s, abs=0.001)
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(turn.words))
    assert (turn.words[0].start_s, turn.words[-1].end_s) == pytest.approx(
        (turn.start_s, turn.end_s), abs=0.01
    )
    frames = audio[: len(audio) // 32 * 32].reshape(-1, 32)
    power = (frames**2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 1e-3)
    assert loud[0] * 0.002 == pytest.approx(turn.start_s, abs=0.05)
    assert loud[-1] * 0.002 == pytest.approx(turn.end_s, abs=0.05)


def test_the_world_knows_its_entries_and_nothing_else() -> None:
    entry = ITEMS[0].item.call
    functions = TableWorld((entry,))()
    assert set(functions) == {tool.name for tool in tools(2.0)}
    assert functions[entry.tool](entry.args) == entry.result
    assert functions[entry.tool](entry.args | {"city": "Oslo"}) == NOTHING
    assert functions["find_parcel"]({"parcel": 42}) == NOTHING


def test_a_set_of_ones_own_is_loaded_and_what_is_broken_is_named(tmp_path: Path) -> None:
    lines = (MINI / FILE).read_text(encoding="utf-8").splitlines()[:2]
    (tmp_path / FILE).write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "audio").mkdir()
    for name in ("request", "turn"):
        audio = f"audio/asks-progress-1-{name}.ogg"
        (tmp_path / audio).write_bytes((MINI / audio).read_bytes())
    whole, lacking = load(tmp_path, ())
    assert (whole.problem, whole.script.turns[0].audio) == (
        "",
        tmp_path / "audio/asks-progress-1-request.ogg",
    )
    assert "asks-progress-2-request.ogg: the file is missing" in lacking.problem
    (tmp_path / FILE).write_text(lines[0].replace("asks_progress", "waits"), encoding="utf-8")
    (broken,) = load(tmp_path, ())
    assert "turn: waits has one just if the user speaks meanwhile" in broken.problem
    assert broken.id == "asks-progress-1"
    (tmp_path / FILE).write_text(lines[0].replace("audio/", "../"), encoding="utf-8")
    (outside,) = load(tmp_path, ())
    assert "leaves the folder" in outside.problem
    with pytest.raises(UserError, match="subset"):
        list(TASK.samples(None, ("sleeps",)))
