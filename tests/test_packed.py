"""Records that are kept as text are the same records again, however many they are."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.scoring import packed
from tml_bench.scoring.packed import PackedList, PackedMap
from tml_bench.task import Score, Value
from tml_bench.timeline import Segment, TimedCall, Timeline, Word


@pytest.fixture(params=[1 << 20, 10], ids=["in memory", "in a file"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(packed, "HELD", request.param)
    return tmp_path


def score(k: int) -> Score:
    return Score("t", "a", f"s{k}", "u", {"x": Value(k / 3), "y": Value(1.0, 2.0)}, notes=("é",))


def test_timelines_are_what_they_were(folder: Path) -> None:
    call = TimedCall("f", 1.5, {"n": 2**70, "deep": [1, {"a": None}]}, output={"é": [0.1]}, is_error=True)
    heard = {
        name: Timeline(k + 0.1, (Segment(0.2, 1 / 3),), (Word("hé", None, 2.0),), calls=(call,))
        for k, name in enumerate("cab")
    }
    kept = PackedMap(Timeline, folder)
    kept.update(heard)
    assert dict(kept) == heard
    kept["a"] = Timeline(9.0)
    assert (kept["a"], kept["b"], kept["c"]) == (Timeline(9.0), heard["b"], heard["c"])
    kept.sort("abcd")
    assert list(kept) == ["a", "b", "c"]
    del kept["b"]
    assert ("b" in kept, len(kept), kept.get("b")) == (False, 2, None)
    assert list(folder.iterdir()) == []


def test_paths_are_what_they_were_whatever_their_bytes(folder: Path) -> None:
    path = Path(os.fsdecode(b"/data/\xe9\xff/user.flac"))
    facts = SessionFacts(AudioTrack(path, "1"), AudioTrack(Path("é"), "2"), None, (), (), ())
    kept = PackedMap(SessionFacts, folder)
    kept["s"] = facts
    assert kept["s"] == facts


def test_a_list_is_its_lines(folder: Path) -> None:
    scores = [score(k) for k in range(50)]
    kept = PackedList(Score, scores, folder=folder)
    assert list(kept) == scores
    assert (kept[3], kept[-1], kept[10:12]) == (scores[3], scores[-1], scores[10:12])
    assert list(kept.lines()) == [msgspec.json.encode(one) for one in scores]
    some = kept.picked([7, 2])
    assert (list(some), len(some), len([*some.lines()])) == ([scores[7], scores[2]], 2, 2)
    with pytest.raises(IndexError):
        kept[50]
    assert list(PackedList(Score)) == []
