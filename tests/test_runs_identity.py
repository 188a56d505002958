"""The hash of data: what it depends on, and that nothing else moves it.

``golden/dataset_hashes.json`` pins the hash of every mini set, and the hash that version 0.1.0 gave it, made
by that version. A change of either makes stored runs strangers to their data.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from fakes import write_data

from tml_bench.errors import UserError
from tml_bench.plugins import load_task, task_names
from tml_bench.runs.identity import dataset_sha256, is_same_data, sample_hashes
from tml_bench.runs.legacy_hash import legacy_sha256
from tml_bench.samples import (
    AfterModelStops,
    At,
    Cue,
    IntoModelSpeech,
    Message,
    Reference,
    Sample,
    Script,
    Subtitle,
    Tool,
    UserText,
    UserTurn,
    UserVideo,
    Utterance,
    Waveform,
)

GOLDEN = json.loads((Path(__file__).parent / "golden" / "dataset_hashes.json").read_text())
CLIP = Waveform(np.arange(4, dtype=np.float32) / 8, 16000)


def hash_of(sample: Sample, data: Path | None = None) -> str:
    return sample_hashes([sample], data)[sample.id]


def annotated(annotation: object, data: Path | None = None) -> str:
    return hash_of(Sample("s", "all", reference=Reference(annotation=annotation)), data)


def scripted(**script: object) -> str:
    return hash_of(Sample("s", "all", Script(**script)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", task_names())
def test_the_hashes_of_mini_sets_are_those_recorded(name: str) -> None:
    samples = list(load_task(name).samples())
    assert dataset_sha256(sample_hashes(samples, None)) == GOLDEN[name]["today"]
    if "0.1.0" in GOLDEN[name]:  # which had no later tasks
        assert legacy_sha256(samples) == GOLDEN[name]["0.1.0"]
    for known in GOLDEN[name].values():
        assert is_same_data(known, samples, None)
        assert not is_same_data(known, samples[1:], None)


def test_a_moved_data_folder_has_the_same_hash(tmp_path: Path) -> None:
    here = write_data(tmp_path / "here")
    there = tmp_path / "elsewhere" / "there"
    shutil.copytree(here, there)
    (there / "candor_turn_taking" / "1" / "input.wav").unlink()
    (here / "candor_turn_taking" / "1" / "input.wav").unlink()  # told with its path, in ``problem``
    task = load_task("fd-bench-v1")
    old, new = (sample_hashes(list(task.samples(folder)), folder) for folder in (here, there))
    assert old == new


def test_paths_of_an_annotation_are_relative_to_the_data(tmp_path: Path) -> None:
    @dataclass
    class Clip:
        path: Path

    here, there = tmp_path / "here", tmp_path / "there"
    assert annotated(Clip(here / "a" / "x.wav"), here) == annotated(Clip(there / "a" / "x.wav"), there)
    assert annotated(Clip(here / "a" / "x.wav"), here) != annotated(Clip(here / "b" / "x.wav"), here)
    assert annotated(Clip(here / "a" / "x.wav"), there) == annotated(Clip(Path("x.wav")))


def test_neither_the_name_nor_the_kind_of_an_annotation_s_class_counts() -> None:
    old = make_dataclass("Old", [("at_s", float), ("words", tuple)])
    kinds = (
        old,
        make_dataclass("New", [("words", tuple), ("at_s", float)]),
        msgspec.defstruct("Struct", [("at_s", float), ("words", tuple)]),
        NamedTuple("Pair", [("at_s", float), ("words", tuple)]),
    )
    assert {annotated(kind(at_s=1.5, words=("a", "b"))) for kind in kinds} == {
        annotated({"at_s": 1.5, "words": ["a", "b"]})
    }
    assert annotated(old(at_s=1.5, words=("b", "a"))) != annotated(old(at_s=1.5, words=("a", "b")))


def test_a_field_that_is_added_with_a_default_changes_nothing() -> None:
    class Now(NamedTuple):
        at_s: float
        kind: str = "plain"

    before = annotated(make_dataclass("Old", [("at_s", float)])(1.0))
    later = msgspec.defstruct("New", [("at_s", float), ("kind", str, "plain"), ("more", list, [])])
    assert annotated(later(1.0)) == before
    assert annotated(Now(1.0)) == before
    assert annotated(later(1.0, "rare")) == annotated(Now(1.0, "rare")) != before
    assert annotated(later(1.0, more=[1])) != before


def test_a_tag_tells_apart_what_has_the_same_fields() -> None:
    one = msgspec.defstruct("A", [("w_s", float)], tag_field="kind", tag="one")
    two = msgspec.defstruct("A", [("w_s", float)], tag_field="kind", tag="two")
    assert annotated(one(1.0)) != annotated(two(1.0))


def test_cues_are_told_apart() -> None:
    cues: tuple[Cue, ...] = (
        At(),
        At(1.0),
        AfterModelStops(1.0),
        IntoModelSpeech(1.0),
        IntoModelSpeech(1.0, 2),
    )
    assert len({scripted(turns=(UserTurn(CLIP, cue),)) for cue in cues}) == len(cues)


def test_values_stand_for_themselves() -> None:
    class Edge(Enum):
        START = "start"

    assert annotated(Edge.START) == annotated("start")
    assert annotated({"c", "a", "b"}) == annotated(["a", "b", "c"])
    assert annotated(np.float64(0.1)) == annotated(0.1) != annotated(0.1 + 1e-17 * 2)
    assert annotated(np.array([1, 2])) == annotated((1, 2))
    assert annotated({1: "x"}) == annotated({"1": "x"})


@pytest.mark.parametrize("value", [object(), len, lambda: 0])
def test_what_cannot_be_hashed_is_told(value: object) -> None:
    with pytest.raises(UserError, match=r"sample s: a \w+ has no fields"):
        annotated(value)


TOOL = Tool("add", "adds", {}, lambda arguments: 0)
WHOLE = Sample(
    "s",
    "all",
    Script(
        turns=(UserTurn(CLIP),),
        texts=(UserText(1.0, "hello"),),
        videos=(UserVideo(Path("none.mp4"), subtitles=(Subtitle(0.0, 1.0, "word"),)),),
        tail_s=2.0,
        instructions="Be brief.",
        tools=(TOOL,),
        history=(Message("user", "before"),),
    ),
    Reference(1.0, (Utterance(1.5),), "note"),
)


def changed(**script: object) -> Sample:
    return replace(WHOLE, script=replace(WHOLE.script, **script))


@pytest.mark.parametrize(
    "other",
    [
        replace(WHOLE, id="t"),
        replace(WHOLE, subset="other"),
        replace(WHOLE, reference=replace(WHOLE.reference, user_end_s=1.25)),
        replace(WHOLE, reference=replace(WHOLE.reference, ideal=())),
        replace(WHOLE, reference=replace(WHOLE.reference, annotation="other")),
        changed(turns=()),
        changed(turns=(UserTurn(CLIP, At(0.5)),)),
        changed(turns=(UserTurn(Waveform(CLIP.samples[::-1], 16000)),)),
        changed(turns=(UserTurn(Waveform(CLIP.samples, 8000)),)),
        changed(texts=(UserText(1.0, "hallo"),)),
        changed(videos=(replace(WHOLE.script.videos[0], at_s=1.0),)),
        changed(videos=(replace(WHOLE.script.videos[0], sound=True),)),
        changed(videos=(replace(WHOLE.script.videos[0], after="frozen"),)),
        changed(videos=(replace(WHOLE.script.videos[0], subtitles=()),)),
        changed(videos=(replace(WHOLE.script.videos[0], path=Path(__file__)),)),
        changed(tail_s=2.5),
        changed(quiet_s=1.0),
        changed(instructions="Be long."),
        changed(tools=(replace(TOOL, latency_s=1.0),)),
        changed(tools=(replace(TOOL, parameters={"type": "object"}),)),
        changed(history=(Message("assistant", "before"),)),
        changed(history=(Message("user", "before", CLIP),)),
    ],
)
def test_everything_that_is_played_and_expected_counts(other: Sample) -> None:
    assert hash_of(other) != hash_of(WHOLE)


@pytest.mark.parametrize(
    "other",
    [
        replace(WHOLE, problem="/somewhere/none.mp4 is missing", notes=("2 channels averaged",)),
        changed(turns=(UserTurn(CLIP, label="the user"),)),
        changed(videos=(replace(WHOLE.script.videos[0], path=Path("elsewhere") / "none.mp4"),)),
    ],
)
def test_what_is_told_about_a_sample_does_not(other: Sample) -> None:
    assert hash_of(other) == hash_of(WHOLE)


def test_the_content_of_files_counts_not_their_names(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one.wav", "two.wav", "three.wav"))
    one.write_bytes(b"abc")
    two.write_bytes(b"abc")
    three.write_bytes(b"abd")
    for hashes in (
        [scripted(turns=(UserTurn(path),)) for path in (one, two, three)],
        [scripted(videos=(UserVideo(path),)) for path in (one, two, three)],
    ):
        assert hashes[0] == hashes[1] != hashes[2]


def test_the_order_of_samples_does_not_count() -> None:
    hashes: Mapping[str, str] = {"a": "1", "b": "2"}
    assert dataset_sha256(hashes) == dataset_sha256(dict(reversed(hashes.items())))
    assert dataset_sha256(hashes) != dataset_sha256({"a": "2", "b": "1"})
