"""TimeSpeak and CueSpeak as tasks: loading, sessions through audio, floors and the headline, on small
sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from timed_items import event, item, made, render, write_items
from understanding import UnderstandingJudge

from tml_bench.adapter import StepAdapter
from tml_bench.adapters.reference import AlwaysOn, Oracle, Silent
from tml_bench.errors import UserError
from tml_bench.metrics.event_matching import TOLERANCES_S
from tml_bench.perception.recordings import timeline_of
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Sample
from tml_bench.scoring.floors import baselines
from tml_bench.scoring.judging import score_all
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession
from tml_bench.task import Score, Task
from tml_bench.tasks._timed.expected import expected_of
from tml_bench.tasks._timed.measures import tolerance_name
from tml_bench.tasks._timed.strategies import DELAYS_S, PERIODS_S
from tml_bench.tasks.cuespeak.task import CueSpeak, CueSpeakTest
from tml_bench.tasks.timespeak.task import TimeSpeak, TimeSpeakTest
from tml_bench.timeline import Timeline


def beats(period: float, *texts: str) -> list[dict[str, object]]:
    found = []
    for k, text in enumerate(texts, start=1):
        window = {"kind": "scheduled", "period_s": period}
        fields = {"accept": [f"{text}."], "reject": ["Nothing of the kind."], "meaning": f"says {text}"}
        found.append(event(id=f"e{k}", after_s=k * period, window=window, **fields))
    return found


def asks(text: str) -> list[dict[str, object]]:
    return [{"id": "a", "text": text, "at_s": 0.5}]


CUE_TEXT = (
    "Say ping at every banana. I bought a banana for the train, met my aunt and both of her dogs at the "
    "station, talked of this and that, and then ate one more banana on the way home."
)
TIME_ITEMS: list[dict[str, object]] = [
    item(),
    item(id="ts-delay-002", split="test"),
    item(
        id="ts-periodic-001",
        family="periodic_until_stop",
        turns=[*asks("Say tick every second."), {"id": "b", "text": "Stop.", "after": "a", "gap_s": 4.4}],
        events=beats(1.0, *["Tick"] * 4),
        quiet_after=[{"turn": "b"}],
    ),
    item(
        id="ts-schedule-001",
        family="schedule",
        turns=asks("Count from three."),
        events=beats(2.0, "Three", "Two", "One"),
    ),
    item(
        id="ts-elapsed-001",
        family="elapsed_time",
        turns=[*asks("Start now."), {"id": "b", "text": "How long was that?", "after": "a", "gap_s": 20.0}],
        events=[
            event(accept=["About {N} seconds."], reject=["A while."], meaning="says how long it was",
                  anchor={"turn": "b"}, after_s=0.0, window={"kind": "answer", "w_s": 3.0},
                  number={"from": {"turn": "a"}, "to": {"turn": "b", "edge": "start"}})
        ],
    ),
    item(
        id="ts-duration-001",
        family="own_duration",
        turns=asks("Talk about the sea for eight seconds."),
        events=[
            event(accept=["The sea is deep and blue, full of fish and salt, and it moves with the moon."],
                  reject=["No."], meaning="talks about the sea", after_s=0.0,
                  window={"kind": "answer", "w_s": 3.0}, speech={"seconds": 8.0})
        ],
        tail_s=19.0,
    ),
]  # fmt: skip
CUE_ITEMS: list[dict[str, object]] = [
    item(
        id="cs-keyword-001",
        family="keyword_trigger",
        turns=asks(CUE_TEXT),
        events=[
            event(id=f"e{nth}", meaning="says ping", accept=["Ping."], reject=["Pong."], after_s=0.0,
                  anchor={"turn": "a", "word": "banana", "nth": nth + 1}, window={"kind": "cue", "w_s": 1.0})
            for nth in (1, 2)
        ],
    ),
    item(id="cs-keyword-002", family="keyword_trigger", turns=asks("Say ping at banana. Plum!"), events=[]),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sets")
    for name, items in (("ts", TIME_ITEMS), ("cs", CUE_ITEMS)):
        write_items(root / name / "items.jsonl", items)
        render(root / name, map(made, items))
    return root


def tasks_of(folder: Path) -> list[tuple[Task, list[Sample]]]:
    return [(t, list(t.samples(folder / name))) for t, name in ((TimeSpeak(), "ts"), (CueSpeak(), "cs"))]


# ---- loading


def test_a_split_is_loaded_in_the_order_of_the_file(folder: Path) -> None:
    dev, test = TimeSpeak(), TimeSpeakTest()
    ids = [str(i["id"]) for i in TIME_ITEMS if i["split"] == "dev"]
    assert [s.id for s in dev.samples(folder / "ts")] == ids
    assert [s.id for s in test.samples(folder / "ts")] == ["ts-delay-002"]
    assert (dev.dataset(folder / "ts"), test.dataset(folder / "ts")) == ("dev-1", "test-1")
    assert [s.subset for s in dev.samples(folder / "ts", ["schedule"])] == ["schedule"]
    assert (dev.split_of, test.split_of, CueSpeakTest().split_of) == ("", "timespeak", "cuespeak")
    assert {m.name for m in test.metrics} == {m.name for m in dev.metrics}


def test_what_is_played_and_for_how_long(folder: Path) -> None:
    first = next(TimeSpeak().samples(folder / "ts"))
    (turn,) = first.script.turns
    assert isinstance(turn.audio, Path)
    assert turn.audio.name == "ts-delay-001.flac"
    assert first.script.tail_s == pytest.approx(12.0)
    assert first.reference.user_end_s == pytest.approx(2.75)
    (said,) = first.reference.ideal
    assert (said.at_s, said.text) == (pytest.approx(9.75), "Lighthouse.")
    marks = TimeSpeak().marks(first)
    assert [m.label for m in marks] == ["user", "says the word lighthouse"]


def test_a_tail_that_is_too_short_is_made_longer(tmp_path: Path) -> None:
    turns = [
        *asks("Say lighthouse ten seconds after now, will you?"),
        {"id": "b", "text": "Bye.", "after": "a"},
    ]
    late = event(anchor={"turn": "a"}, after_s=10.0, window={"kind": "scheduled", "d_s": 10.0})
    one = item(turns=turns, events=[late], tail_s=5.0)
    write_items(tmp_path / "items.jsonl", [one])
    (sample,) = TimeSpeak().samples(render(tmp_path, [made(one)]))
    due = expected_of(sample).due[0].target
    assert expected_of(sample).length_s == pytest.approx(due.closes_s + 4.0)


def test_audio_that_changed_makes_the_sample_unusable_and_says_what_to_do(tmp_path: Path) -> None:
    write_items(tmp_path / "items.jsonl", TIME_ITEMS[:1])
    folder = render(tmp_path, [made(TIME_ITEMS[0])])
    (folder / "audio/dev/ts-delay-001.flac").write_bytes(b"other")
    (sample,) = TimeSpeak().samples(folder)
    assert sample.problem.startswith("audio/dev/ts-delay-001.flac: its SHA-256 is ")
    assert sample.problem.endswith("or render the item again with `tml-bench prepare`")


def test_an_item_without_audio_is_unusable(tmp_path: Path) -> None:
    write_items(tmp_path / "items.jsonl", [item(), item(id="ts-delay-009")])
    first, second = TimeSpeak().samples(render(tmp_path, [made(item())]))
    assert (first.problem, second.problem.partition(";")[0]) == (
        "",
        "rendered.jsonl: ts-delay-009: is not there",
    )


def test_a_changed_item_is_noticed(tmp_path: Path) -> None:
    render(tmp_path, [made(item())])
    write_items(tmp_path / "items.jsonl", [item(turns=asks("Say lighthouse in seven seconds."))])
    (sample,) = TimeSpeak().samples(tmp_path)
    assert "was rendered from another text, voice or schedule" in sample.problem


def test_unknown_folders_and_families(folder: Path) -> None:
    with pytest.raises(UserError, match="subset keyword_trigger: unknown"):
        TimeSpeak().samples(folder / "ts", ["keyword_trigger"])
    with pytest.raises(UserError, match="no such folder"):
        TimeSpeak().samples(folder / "none")


# ---- through audio


def run(task: Task, samples: Sequence[Sample], model: StepAdapter, folder: Path) -> dict[str, Score]:
    pairs: list[tuple[Sample, Timeline]] = []
    for sample in samples:
        path = folder / sample.id
        opened = opened_event(task.name, sample, "model", model, Settings())
        with RecordingWriter(path, opened, clock="simulated", compute="ideal") as writer:
            SimulatedSession(task.name, sample, model, Settings(), writer).run()
            writer.close()
        pairs.append((sample, timeline_of(Recording(path).facts, path / "timeline.json", "transcript")))
    return {s.sample: s for s in score_all(task, pairs, UnderstandingJudge()).scores}


def played(folder: Path, model: StepAdapter, out: Path) -> Iterator[tuple[Sample, Score]]:
    for task, samples in tasks_of(folder):
        scores = run(task, samples, model, out / task.name)
        yield from ((s, scores[s.id]) for s in samples)


def share(score: Score, name: str) -> float:
    value = score.values[name]
    return value.numerator / value.denominator


def test_the_oracle_gets_everything(folder: Path, tmp_path: Path) -> None:
    for sample, score in played(folder, Oracle(), tmp_path):
        assert share(score, "on_time") == 1, (sample.id, score.rows)
        assert score.values["false_alarms_per_minute"].numerator == 0
        if sample.reference.ideal:
            assert share(score, "timed_f1") == share(score, "acc_025") == 1
        if "duration_error" in score.values and score.values["duration_error"].denominator:
            assert share(score, "duration_error") < 0.05
        if "stopped" in score.values:
            assert share(score, "stopped") == 1


def test_silence_gets_the_controls_and_endless_talk_nothing(folder: Path, tmp_path: Path) -> None:
    for sample, score in played(folder, Silent(), tmp_path / "silent"):
        assert share(score, "on_time") == (sample.id == "cs-keyword-002")
    for _, score in played(folder, AlwaysOn(), tmp_path / "talk"):
        assert share(score, "on_time") == 0


@pytest.mark.parametrize("shift_ms", [-400, 900])
def test_a_shifted_oracle_follows_windows_and_curve(folder: Path, tmp_path: Path, shift_ms: int) -> None:
    for sample, score in played(folder, Oracle(shift_ms=shift_ms), tmp_path):
        due = expected_of(sample).due
        if not due or sample.id.startswith("ts-periodic"):
            continue  # shifted by its period, a series of equal beats is on time again
        onsets = [u.at_s + shift_ms / 1000 for u in sample.reference.ideal]
        may_begin = expected_of(sample).may_begin
        pairs = [(d, t) for d, t in zip(due, onsets, strict=True) if may_begin(t)]
        assert share(score, "on_time") == sum(d.target.holds(t) for d, t in pairs) / len(due)
        for tau in TOLERANCES_S:
            wanted = sum(d.target.holds_within(t, tau) for d, t in pairs) / len(due)
            assert share(score, tolerance_name(tau)) == wanted, (sample.id, tau)


# ---- floors and headline


@cache
def _baselines(
    folder: Path,
) -> dict[tuple[str, str], tuple[float | None, float | None, dict[str, float | None]]]:
    found = {}
    for task, samples in tasks_of(folder):
        for b in baselines(task, samples, UnderstandingJudge()):
            found[f"{task.name} {b.subset}", b.metric] = (b.floor, b.ceiling, b.blind)
    return found


def test_floors_and_ceilings_of_every_family(folder: Path) -> None:
    for (part, metric), (floor, ceiling, blind) in _baselines(folder).items():
        if metric == "on_time":
            assert ceiling == 1, part
            assert floor is not None
            assert blind["always-on"] == 0
            # In families of one or two items here the best of two hundred strategies is right by luck.
            fixed = [*(f"delay {d:g}" for d in DELAYS_S), *(f"metronome {p:g}" for p in PERIODS_S)]
            known = [blind[name] or 0.0 for name in fixed]
            assert max(known) < 1
            assert max(known) <= floor <= 1
    assert _baselines(folder)["cuespeak keyword_trigger", "on_time"][2]["silent"] == 0.5
    # An answer at once is on time, and a guess of fifteen seconds is no answer; the best number is.
    assert _baselines(folder)["timespeak elapsed_time", "on_time"][2]["delay 1"] == 0
    assert _baselines(folder)["timespeak elapsed_time", "on_time"][0] == 1
    # Three hits and two more beats before the session ends.
    assert _baselines(folder)["timespeak schedule", "on_time"][2]["metronome 2"] == 3 / 5
