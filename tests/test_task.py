"""What a task need not say: subsets of metrics, the data's name, floor, ceiling and published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from task_example import load_example

from tml_bench import respondents
from tml_bench.errors import UserError
from tml_bench.plugins import load_task, task_names
from tml_bench.questions import Verdicts
from tml_bench.samples import (
    AfterModelStops,
    At,
    Reference,
    Sample,
    Script,
    UserText,
    UserTurn,
    UserVideo,
    Utterance,
    Waveform,
)
from tml_bench.scoring.floors import baselines
from tml_bench.task import NO_VERDICTS, DataKind, Direction, Kind, Mark, Metric, Score, Task
from tml_bench.timeline import Segment, Timeline, Word, WordSource


def waveform(duration_s: float) -> Waveform:
    return Waveform(np.zeros(round(duration_s * 1000), np.float32), 1000)


class Least(Task):
    """Only what is needed."""

    name = "least"
    title = "Least"
    subsets = ("one", "two")
    metrics = (Metric(name="all", title="All"), Metric(name="some", title="Some", subsets=("two",)))
    headline = ("all",)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        yield Sample("s", "one")

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        return Score(self.name, sample.subset, sample.id, sample.unit, {})


def test_a_metric_is_declared_by_keywords_and_says_only_what_differs() -> None:
    metric = Metric(name="delay", title="Delay")
    assert (metric.unit, metric.direction, metric.kind, metric.version) == (
        "",
        Direction.HIGHER,
        Kind.MEAN,
        1,
    )
    with pytest.raises(TypeError):
        Metric("delay", "Delay")  # type: ignore[misc]


def test_stored_metrics_keep_their_form() -> None:
    stored = (
        b'{"name":"a","title":"A","unit":"s","direction":"lower","kind":"ratio","version":2,'
        b'"subsets":["one"],"family":"f","describes":"d","spread":true,"judged":true,"decimals":2}'
    )
    assert msgspec.json.encode(msgspec.json.decode(stored, type=Metric)) == stored


def test_a_metric_without_subsets_applies_to_all_of_the_tasks() -> None:
    assert [metric.subsets for metric in Least.metrics] == [("one", "two"), ("two",)]


def test_a_task_made_from_another_has_its_own_subsets() -> None:
    class More(Least):
        subsets = ("one", "two", "three")

    class Other(More):
        metrics = (Metric(name="other", title="Other"),)

    assert [metric.subsets for metric in More.metrics] == [("one", "two", "three"), ("two",)]
    assert [metric.subsets for metric in Other.metrics] == [("one", "two", "three")]
    assert [metric.subsets for metric in Least.metrics] == [("one", "two"), ("two",)]


def test_data_is_named_by_its_manifest_or_its_folder(tmp_path: Path) -> None:
    assert Least().dataset(None) == "mini"
    assert Least().dataset(tmp_path / "mine") == "custom-mine"

    class Shipped(Least):
        mini = tmp_path

        def is_official(self, folder: Path, /) -> bool:
            return folder.name == "whole"

    assert Shipped().dataset(None) == "mini"
    (tmp_path / "manifest.json").write_text('{"version": "bells-3", "licence": "CC0"}')
    assert Shipped().dataset(None) == "bells-3"
    assert Shipped().dataset(tmp_path / "x" / "..") == "bells-3"
    assert Shipped().dataset(tmp_path / "whole") == "official"
    assert Shipped().dataset(tmp_path / "part") == "custom-part"


def test_what_data_is_beside_the_official_one(tmp_path: Path) -> None:
    class Ours(Least):
        """No data is official: the set that ships is all there is."""

    class Theirs(Least):
        mini = tmp_path

        def is_official(self, folder: Path, /) -> bool:
            return folder.name == "whole"

    (tmp_path / "manifest.json").write_text('{"version": "bells-3"}')
    assert [Ours().kind_of_data(name) for name in ("mini", "custom-mine")] == [DataKind.OWN, DataKind.VARIANT]
    assert [Theirs().kind_of_data(name) for name in ("official", "bells-3", "custom-part")] == [
        DataKind.OFFICIAL,
        DataKind.SAMPLE,
        DataKind.PART,
    ]
    kinds = {name: load_task(name).kind_of_data(load_task(name).dataset(None)) for name in task_names()}
    assert {name for name, kind in kinds.items() if kind is DataKind.OWN} == {
        "cuespeak",
        "cuespeak-test",
        "presence",
        "timespeak",
        "timespeak-test",
    }
    assert set(kinds.values()) == {DataKind.OWN, DataKind.SAMPLE}


def test_nothing_is_published_imported_or_asked_unless_said() -> None:
    task, sample = Least(), Sample("s", "one")
    assert task.published() == ()
    assert (task.questions(sample, Timeline(1.0)), task.stretches(sample, Timeline(1.0))) == ((), ())
    with pytest.raises(UserError, match="least has no import"):
        task.imports(Path())


def test_marks_are_the_users_end_and_what_is_ideal() -> None:
    reference = Reference(1.0, (Utterance(1.2, "backchannel", 1.5),))
    marks = Least().marks(Sample("s", "one", reference=reference))
    assert marks == (Mark(1.0, None, "user end"), Mark(1.2, 1.5, "ideal backchannel"))


def test_turns_follow_each_other_and_never_overlap() -> None:
    turns = (UserTurn(waveform(2.0)), UserTurn(waveform(1.0), At(1.5)), UserTurn(waveform(1.0), At(5.0)))
    assert respondents.played_turns(Script(turns)) == (
        Segment(0.0, 2.0),
        Segment(2.0, 3.0),
        Segment(5.0, 6.0),
    )


def test_a_file_is_as_long_as_its_audio(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), 8000)
    assert respondents.played_turns(Script((UserTurn(tmp_path / "a.wav"),))) == (Segment(0.0, 0.5),)


@pytest.mark.parametrize(
    "script",
    [
        Script((UserTurn(waveform(1.0)), UserTurn(waveform(1.0), AfterModelStops(0.5)))),
        Script(videos=(UserVideo(Path("a.mp4")),)),
        Script((UserTurn(Path("/no/such.wav")),)),
    ],
    ids=["waits", "video", "no file"],
)
def test_a_session_of_unknown_length_has_no_blind_respondents_and_an_ideal_one(script: Script) -> None:
    sample = Sample("s", "one", script, Reference(ideal=(Utterance(3.0, text="yes please"),)))
    assert Least().blind(sample) == {}
    assert Least().ideal(sample).segments == (Segment(3.0, 3.8),)


def test_the_blind_respondents_look_at_nothing() -> None:
    script = Script((UserTurn(waveform(3.0)),), (UserText(3.5, "hello"),), tail_s=0.7)
    found = Least().blind(Sample("s", "one", script, Reference(3.0, (Utterance(3.2),))))
    assert list(found) == ["silent", "always-on", *(f"constant@{t}" for t in (1, 2, 3, 5, 8, 13, 20))]
    assert {timeline.duration_s for timeline in found.values()} == {4.2}
    assert {timeline.turns for timeline in found.values()} == {(Segment(0.0, 3.0),)}
    assert (found["silent"].segments, found["silent"].word_source) == ((), WordSource.SILENT)
    talk = found["always-on"]
    assert talk.segments == talk.silero_unrounded == (Segment(0.0, 4.2),)
    assert (len(talk.words), talk.words[-1]) == (11, Word("word", 4.0, 4.2))
    assert found["constant@1"].segments == (Segment(1.0, 3.0),)
    assert [word.start_s for word in found["constant@1"].words] == pytest.approx([1.0, 1.4, 1.8, 2.2, 2.6])
    assert found["constant@3"].segments == (Segment(3.0, 4.2),)
    assert found["constant@5"].segments == ()


def test_the_ideal_respondent_says_what_is_listed_and_stops_when_it_must() -> None:
    listed = (
        Utterance(4.0, "talk", until_s=5.0),
        Utterance(1.0, "backchannel"),
        Utterance(1.25, text="one two three four five"),
        Utterance(9.9),
    )
    sample = Sample("s", "one", Script((UserTurn(waveform(8.0)),), tail_s=2.0), Reference(8.0, listed))
    found = Least().ideal(sample)
    assert found.segments == (Segment(1.0, 1.25), Segment(1.25, 3.25), Segment(4.0, 5.0), Segment(9.9, 11.9))
    assert [word.text for word in found.words[1:4]] == ["one", "two", "three"]
    assert found.words[0] == Word("word", 1.0, 1.25)
    assert found.duration_s == 11.9
    assert Least().ideal(Sample("s", "one")) == Timeline(0.0, perceiver="synthetic")


def test_the_example_has_the_floor_that_silence_reaches_and_no_floor_of_what_hardly_occurs() -> None:
    task = load_example().Doorbell()
    found = {b.metric: b for b in baselines(task, task.samples())}
    assert (found["right"].floor, found["right"].floor_by, found["right"].ceiling) == (2 / 6, "silent", 1.0)
    assert (found["delay"].floor, found["delay"].ceiling) == (None, pytest.approx(0.3))
