"""Records that are kept as text are the same records again, however many they are."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from many_task import Many

from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Verdicts
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.samples import Sample
from tml_bench.scoring import packed, stored_values, summary_file
from tml_bench.scoring.asking import PlayedSamples
from tml_bench.scoring.judging import JudgedScores, score_run
from tml_bench.scoring.packed import PackedList, PackedMap
from tml_bench.scoring.stored_values import StoredValues
from tml_bench.scoring.summary_file import stored_summaries, write_results
from tml_bench.task import NO_VERDICTS, Score, Value
from tml_bench.timeline import Segment, TimedCall, Timeline, Word

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    from report_speed import write_run


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


@pytest.mark.parametrize("number", [float("nan"), float("inf"), True])
def test_a_score_that_is_no_number_is_missing_for_its_sample_alone(tmp_path: Path, number: float) -> None:
    class Odd(Many):
        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            found = super().score(sample, timeline, verdicts)
            odd = {**found.values, "talk": Value(number)}
            return msgspec.structs.replace(found, values=odd) if sample.id == "s3-1" else found

    task, data = Odd(), tmp_path / "3"
    samples = [*task.samples(data)]
    played = PlayedSamples(task, samples, lambda sample: Timeline(0.4))
    scored = score_run(task, played, RuleJudge({}), tmp_path)
    assert [sorted(one.values) for one in scored.scores] == [["quiet", "talk"], [], ["quiet", "talk"]]
    assert list(scored.raised) == ["s3-1"]
    assert f"it gave talk the value {number} / 1.0" in scored.scores[1].missing["talk"]


def test_values_of_a_large_summary_are_in_its_file_once_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_run(tmp_path, Many(), 0, 30)
    (small,) = stored_summaries(path)
    text = (path / "summary.json").read_bytes()
    for module in (summary_file, stored_values):
        monkeypatch.setattr(module, "LARGE", 1000)
    monkeypatch.setattr(summary_file, "_AT_ONCE", 7)
    written = write_results(path, JudgedScores([], [], {}), small).summary
    assert (path / "summary.json").read_bytes() == text
    for one, before in zip(written.metrics, small.metrics, strict=True):
        assert isinstance(one.observations, StoredValues) or not before.observations
        assert tuple(one.observations) == tuple(before.observations)
