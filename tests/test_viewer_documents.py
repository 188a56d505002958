"""Documents of samples: simulated, with video, live, failed, imported and unscored ones."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from viewer_runs import (
    EVIL,
    RATE,
    TURN_TAKING,
    VIDEO,
    attempt,
    document,
    golden,
    live_recording,
    made_run,
    run_file,
    sounding,
)

from tml_bench import events as ev
from tml_bench.outcome import Outcome
from tml_bench.recording_writer import RecordingWriter
from tml_bench.runs.imports import import_run
from tml_bench.tasks.fd_bench_v1.task import FdBenchV1
from tml_bench.viewer.event_pages import PAGE, event_page
from tml_bench.viewer.happened import TOGETHER, interruptions, latencies, session_log
from tml_bench.viewer.sample_schema import LONGEST_EVENT, ViewedInterruption, ViewedStretch, WindowState
from tml_bench.viewer.waveform import viewed_track


def test_a_simulated_sample_has_both_sides_its_window_and_its_score(tmp_path: Path) -> None:
    found = document(golden(tmp_path))
    assert (found.sample, found.outcome, found.remarks) == ("candor_turn_taking-1", "valid", ())
    assert found.duration_s == pytest.approx(10.008)
    assert found.tick_s == 0.2
    assert found.user.perceived
    assert found.user.speech_end_s is not None
    assert found.model.speech[0].start_s == pytest.approx(found.user.speech_end_s + 0.7, abs=0.05)
    (end,) = (w for w in found.windows if w.label == "user end")
    assert (end.state, end.start_s) == (WindowState.HIT, found.user.speech_end_s)
    assert found.score is not None
    latency = next(v for v in found.score.values if v.metric == "latency")
    assert latency.value == pytest.approx(0.7, abs=0.05)
    assert (latency.unit, latency.direction) == ("s", "lower")
    assert found.score.values[0].headline


def test_a_latency_is_split_without_a_gap(tmp_path: Path) -> None:
    (latency,) = document(golden(tmp_path)).latencies
    assert latency.parts[0].name == "endpointing"
    assert latency.parts[0].start_s == latency.start_s
    assert latency.parts[-1].end_s == latency.end_s
    assert all(a.end_s == b.start_s for a, b in zip(latency.parts, latency.parts[1:], strict=False))


def test_the_parts_of_a_latency_are_those_of_the_micro_turn_that_is_heard() -> None:
    """Charged compute behind a queue, over a network; speech perceived 1 ms before its chunk is heard."""
    ms = 1_000_000
    events = (
        ev.StepDone(9, 2000 * ms, 300 * ms, 2330 * ms, 30 * ms),
        ev.StepDone(10, 2200 * ms, 400 * ms, 2730 * ms, 30 * ms),
        ev.ModelAudio(2330 * ms, 2360 * ms, 2790 * ms, None, down_ns=30 * ms),
        ev.ModelAudio(2730 * ms, 2790 * ms, 3000 * ms, 2801 * ms, down_ns=40 * ms),
    )
    (found,) = latencies(session_log(events), [1.5], (ViewedStretch(0.0, 1.0), ViewedStretch(2.8, 3.0)))
    assert [(p.name, round(p.end_s - p.start_s, 6)) for p in found.parts] == [
        ("endpointing", 0.7), ("network up", 0.03), ("queue", 0.1), ("compute", 0.4), ("network down", 0.04),
        ("playback", 0.02), ("silence", 0.01),
    ]  # fmt: skip
    (early,) = latencies(session_log(events[1::2]), [1.5], (ViewedStretch(2.789, 3.0),))
    assert early.parts[0].name == "endpointing"


def test_an_answer_after_the_next_turn_is_none_to_the_turn_before() -> None:
    speech = (ViewedStretch(5.0, 6.0),)
    assert [one.start_s for one in latencies(session_log(()), [1.0, 4.0, 7.0], speech)] == [4.0]


def test_a_video_is_placed_and_judgements_are_told(tmp_path: Path) -> None:
    found = document(golden(tmp_path, VIDEO))
    (video,) = found.videos
    assert video.address == f"video/{VIDEO}/0/0"
    assert video.end_s > video.start_s
    assert found.judgements
    assert all(one.instruction and one.lines and one.answer in one.answers for one in found.judgements)
    assert {w.state for w in found.windows if w.expected} == {WindowState.HIT}


def test_a_live_session_cannot_be_looked_into(tmp_path: Path) -> None:
    run = made_run(tmp_path / "r", [attempt("one")])
    live_recording(run, text="hello")
    found = document(run)
    assert [(d.direction, d.at_s, d.delay_s) for d in found.delays] == [("down", 1.3, 0.05)]
    assert [(f.at_s, f.heard_s, f.dropped_s) for f in found.flushes] == [(1.7, 0.3, 0.2)]
    (call,) = found.tool_calls
    assert (call.at_s, call.name, call.arguments, call.returned_s) == (1.1, "hello", '{"hello":1}', 1.2)
    assert found.score is None
    assert any("task" in remark for remark in found.remarks)
    for latency in found.latencies:
        assert latency.parts[0].name == TOGETHER


def test_calls_are_shown_with_their_defaults_and_how_they_ended() -> None:
    log = session_log(
        [
            ev.ModelToolCall(1, "c", "f", {"a": 1}, filled={"a": 1, "b": 2}),
            ev.ModelToolCall(2, "c", "f", {"a": 2}),
            ev.ModelToolCall(3, "d", "f", unreadable='{"a"'),
            ev.ToolReturned(4, "c", "f", 7),
            ev.ToolReturned(5, "c", "f", "no", is_error=True, ended="cancelled"),
        ]
    )
    told = [(c.arguments, c.filled, c.output, c.is_error, c.ended) for c in log.tool_calls()]
    assert told == [
        ('{"a":1}', '{"a":1,"b":2}', "7", False, ""),
        ('{"a":2}', "", '"no"', True, "cancelled"),
        ('{"a"', "", "", False, ""),
    ]


def test_a_failed_sample_says_why_and_has_no_recording(tmp_path: Path) -> None:
    failed = attempt("one", Outcome.INFRASTRUCTURE, 2, "the service closed the connection")
    found = document(made_run(tmp_path / "r", [attempt("one", Outcome.ADAPTER_ERROR), failed]))
    assert (found.outcome, found.reason) == ("infrastructure", "the service closed the connection")
    assert (found.attempt, found.attempts) == (2, 2)
    assert (found.user_track, found.model_track, found.tick_s, found.duration_s) == (None, None, None, 0)
    assert "there is no recording" in found.remarks
    assert found.events.total == 0


def test_an_imported_sample_has_the_words_that_came_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "theirs" / "some" / "1"
    folder.mkdir(parents=True)
    for name in ("input.wav", "output.wav"):
        soundfile.write(folder / name, np.zeros(80000), 8000)
    (folder / "turn_taking.json").write_text('[{"timestamp": [5.0, 5.4]}]')
    (folder / "output.json").write_text(
        '{"text": " Yes", "chunks": [{"text": " Yes", "timestamp": [6, 6.5]}]}'
    )
    run = tmp_path / "r"
    assert len(list(import_run(FdBenchV1(), tmp_path / "theirs", run, "moshi"))) == 1
    found = document(run)
    assert (found.adapter, found.duration_s, found.model.word_source) == ("moshi", 10.0, "imported")
    assert [(w.text, w.start_s, w.end_s) for w in found.model.words] == [(" Yes", 6.0, 6.5)]
    assert found.score is None
    assert found.remarks == ()


def test_a_changed_recording_is_shown_and_said_to_be_changed(tmp_path: Path) -> None:
    run = golden(tmp_path)
    track = run / "fd-bench-v1/candor_turn_taking-1/1/model.flac"
    soundfile.write(track, np.zeros(16000, np.int16), 16000)
    found = document(run)
    assert any("SHA-256" in remark for remark in found.remarks)
    assert found.duration_s > 0


def test_a_damaged_track_is_no_end_of_the_document(tmp_path: Path) -> None:
    run = golden(tmp_path)
    (run / "fd-bench-v1/candor_turn_taking-1/1/model.flac").write_bytes(b"fLaC nothing")
    found = document(run)
    assert found.model_track is None
    assert found.events.total > 10
    assert any(remark.startswith("the recording:") for remark in found.remarks)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("manifest.json", '"rate": ', '"rate": 0, "x": '), ("manifest.json", "{", "["),
        ("session.jsonl", '"kind"', '"kin'), ("session.jsonl", '"t_ns":', '"t_ns":1e400,"x":'),
    ],
)  # fmt: skip
def test_a_damaged_recording_is_told(tmp_path: Path, name: str, old: str, new: str) -> None:
    run = golden(tmp_path)
    path = run / "fd-bench-v1/candor_turn_taking-1/1" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    found = document(run)
    assert any(remark.startswith("the recording:") for remark in found.remarks)
    assert found.score is not None


def test_data_that_is_gone_takes_only_the_windows_of_the_task(tmp_path: Path) -> None:
    run = golden(tmp_path)
    (run / "run.json").write_text((run / "run.json").read_text().replace('"data": ""', '"data": "/nowhere"'))
    found = document(run)
    assert any("what was expected is not shown" in remark for remark in found.remarks)
    assert [(w.label, w.state) for w in found.windows] == [("answer", WindowState.HIT)]


def test_a_task_in_a_file_is_only_run_when_asked(tmp_path: Path) -> None:
    code = tmp_path / "evil.py"
    code.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    file = run_file(task_file=f"{code}:Evil")
    run = made_run(tmp_path / "r", [attempt("one")], file)
    assert any("--task-files" in remark for remark in document(run).remarks)
    assert not (tmp_path / "ran").exists()
    assert not any("--task-files" in remark for remark in document(run, task_files=True).remarks)
    assert (tmp_path / "ran").exists()


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    run = made_run(tmp_path / "r", [attempt("one", reason=EVIL)])
    live_recording(run)
    found = document(run)
    assert found.reason == EVIL
    assert found.user.turns[0].label == EVIL
    provider = next(e for e in found.events.events if e.kind == "provider")
    assert len(provider.text) == LONGEST_EVENT
    assert provider.cut > 0


def test_events_are_paged(tmp_path: Path) -> None:
    log = tmp_path / "session.jsonl"
    log.write_text("".join(f'{{"kind":"step","handed_ns":{k}000000}}\n' for k in range(PAGE + 1)) + "torn")
    pages = [event_page(log, k) for k in range(3)]
    assert [len(p.events) if p else None for p in pages] == [PAGE, 2, None]
    assert pages[0] is not None
    assert (pages[0].pages, pages[0].total, pages[0].events[5].at_s) == (2, PAGE + 2, 0.005)
    assert pages[1] is not None
    assert (pages[1].events[1].kind, pages[1].events[1].text) == ("?", "torn")


def test_peaks_show_what_sounds(tmp_path: Path) -> None:
    path = tmp_path / "t.flac"
    soundfile.write(path, sounding(0.5, 1.0) * np.where(np.arange(2 * RATE) % 2, -1, 1), RATE)
    track = viewed_track(path, "a")
    peaks = np.frombuffer(base64.b64decode(track.peaks), np.int8).reshape(-1, 2)
    assert (track.count, track.step_s, track.rate) == (200, 0.01, RATE)
    assert np.flatnonzero(peaks.any(axis=1)).tolist() == list(range(50, 100))
    assert peaks[60].tolist() == [-64, 64]


def test_a_session_of_no_length_has_events_and_no_tracks(tmp_path: Path) -> None:
    run = made_run(tmp_path / "r", [attempt("one", Outcome.ADAPTER_ERROR)])
    opened = ev.SessionOpened(ev.SCHEMA, "nowhere", "one", "mine", 200_000_000, 0, RATE, RATE, RATE)
    with RecordingWriter(run / "nowhere" / "one" / "1", opened, clock="wall", compute="live") as writer:
        writer.event(ev.Fault(0, "it was gone"))
        writer.close()
    found = document(run)
    assert (found.user_track, found.model_track, found.duration_s) == (None, None, 0)
    assert [event.kind for event in found.events.events] == ["session", "fault"]


def test_who_began_second_interrupts() -> None:
    user = ViewedStretch(0, 2), ViewedStretch(5, 6)
    model = ViewedStretch(1, 3), ViewedStretch(4, 7)
    assert interruptions(user, model) == (ViewedInterruption(1, 2, "model"), ViewedInterruption(5, 6, "user"))


def test_a_document_writes_nothing(tmp_path: Path) -> None:
    run = golden(tmp_path)
    shutil.rmtree(run / "timelines")
    before = sorted(run.rglob("*"))
    assert document(run).model.word_source
    assert sorted(run.rglob("*")) == before
    assert TURN_TAKING in str(run)
