"""When the user speaks: by energy in spans that are known, and what it is to the model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tml_bench.perception.user_speech import RULE, speech_in, speech_key
from tml_bench.plugins import load_task
from tml_bench.samples import Sample
from tml_bench.tasks.fd_bench_v1.loader import InterruptionAnnotation, PauseAnnotation, TurnEndAnnotation
from tml_bench.timeline import Segment, SpeechKind, TalkStretch, Timeline, UserAct, UserLine
from tml_bench.user_stretches import stretches_of, user_spans

RATE = 16000
V1 = load_task("fd-bench-v1")


Track = NDArray[np.float32]
Spans = Sequence[tuple[float, float]]


def track(length_s: float, said: Sequence[tuple[float, float, float]], noise_db: float = -200) -> Track:
    """Hums from, to, at a level in dB of full scale."""
    rng = np.random.default_rng(1)
    times = np.arange(round(length_s * RATE)) / RATE
    samples = 10 ** (noise_db / 20) * rng.standard_normal(times.size)
    for start, end, level_db in said:
        inside = (times >= start) & (times < end)
        samples[inside] += np.sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * 220 * times[inside])
    return samples.astype(np.float32)


def check(folder: Path, samples: Track, wanted: Spans, spans: Spans = ()) -> None:
    """Speech is found in spans, to 10 ms."""
    path = folder / "user.flac"
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    edges = [edge for s in speech_in(path, spans) for edge in (s.start_s, s.end_s)]
    assert edges == pytest.approx([edge for span in wanted for edge in span], abs=0.01)


@pytest.mark.parametrize("level_db", [-12, -26, -40])
@pytest.mark.parametrize("below_db", [200, 45])
def test_edges_are_where_sound_begins_and_ends(level_db: float, below_db: float, tmp_path: Path) -> None:
    samples = track(8, [(1.0, 2.0, level_db), (3.0, 4.5, level_db)], level_db - below_db)
    check(tmp_path, samples, [(1.0, 2.0), (3.0, 4.5)], [(0.0, 8.0)])


def test_close_stretches_are_one_and_clicks_are_none(tmp_path: Path) -> None:
    said = [(1.0, 1.5, -20), (1.7, 2.0, -20), (2.3, 3.0, -20), (4.0, 4.01, -10), (5.0, 5.03, -20)]
    check(tmp_path, track(6, said), [(1.0, 2.0), (2.3, 3.0)])


def test_a_quiet_speaker_after_a_loud_one_is_measured_by_itself(tmp_path: Path) -> None:
    """And a span cuts what goes on beyond it; of what two share the later has it."""
    samples = track(9, [(1.0, 2.0, -10), (5.0, 7.0, -52)])
    check(tmp_path, samples, [(1.0, 2.0)], [(0.5, 3.0)])
    check(tmp_path, samples, [(1.0, 2.0)])
    check(tmp_path, samples, [(1.0, 2.0), (5.0, 6.5)], [(0.0, 3.0), (4.0, 6.5)])
    check(tmp_path, samples, [(5.0, 6.0), (6.0, 7.0)], [(4.0, 6.5), (6.0, 8.0)])


def test_silence_and_what_lies_beyond_the_track_hold_nothing(tmp_path: Path) -> None:
    check(tmp_path, track(3, []), [])
    check(tmp_path, track(3, [(1, 2, -20)]), [], [(2.5, 3.0), (7.0, 9.0)])


def test_the_key_tells_rule_track_and_spans_apart() -> None:
    keys = {speech_key(sha, spans) for sha in ("a", "b") for spans in ([], [(0.0, 1.0)], [(0.0, 2.0)])}
    assert len(keys) == 6
    assert RULE == "user-energy 1"


def samples_of(kind: type) -> list[Sample]:
    return [s for s in V1.samples() if isinstance(s.reference.annotation, kind)]


def heard(sample: Sample) -> list[Segment]:
    audio = sample.script.turns[0].audio
    assert isinstance(audio, Path)
    return list(speech_in(audio, user_spans(V1, sample, Timeline(60.0))))


def test_edges_on_shipped_clips_are_within_20_ms() -> None:
    """Three of four, and all within 50 ms: a last weak sound may be lost."""
    off = []
    for sample in (*samples_of(TurnEndAnnotation), *samples_of(InterruptionAnnotation)):
        end_s = sample.reference.user_end_s
        assert end_s is not None
        off.append(abs(heard(sample)[-1].end_s - end_s))
    for sample in samples_of(PauseAnnotation):
        pause = sample.reference.annotation
        assert isinstance(pause, PauseAnnotation)
        segments = heard(sample)
        off.append(min(abs(s.end_s - pause.pause[0]) for s in segments))
        off.append(min(abs(s.start_s - pause.pause[1]) for s in segments))
    assert len(off) == 36
    assert np.median(off) < 0.005
    assert np.quantile(off, 0.95) < 0.02
    assert max(off) < 0.05


def test_a_pause_is_within_one_turn_and_a_context_is_another() -> None:
    """By the annotation, whatever the model does."""
    pause, interruption = samples_of(PauseAnnotation)[0], samples_of(InterruptionAnnotation)[0]
    (turn,) = stretches_of(V1, pause, Timeline(9.0))
    assert (turn.kind, turn.awaits) == (SpeechKind.TURN, False)
    first, second = stretches_of(V1, interruption, Timeline(30.0))
    assert (first.awaits, second.awaits) == (False, True)
    assert first.end_s == second.start_s


def test_in_closed_loop_turns_are_where_they_were_played() -> None:
    closed = V1.closed_loop(samples_of(InterruptionAnnotation)[0])
    assert closed is not None
    turns = (Segment(0.0, 2.5), Segment(4.2, 6.4))
    found = stretches_of(V1, closed, Timeline(20.0, turns=turns))
    assert found == (TalkStretch(0.0, 2.5), TalkStretch(4.2, 6.4))


def test_lines_of_a_simulated_user_tell_their_kind() -> None:
    acts = (UserAct.GOAL, UserAct.BACKCHANNEL, UserAct.ASIDE, UserAct.CLOSING)
    lines = tuple(UserLine(2.0 * k, 2.0 * k + 1, "text", act) for k, act in enumerate(acts))
    timeline = Timeline(9.0, turns=(Segment(0.0, 9.0),), lines=lines)
    assert stretches_of(V1, next(iter(V1.samples())), timeline) == (
        TalkStretch(0.0, 1.0),
        TalkStretch(2.0, 3.0, SpeechKind.BACKCHANNEL),
        TalkStretch(4.0, 5.0, SpeechKind.UNDIRECTED),
        TalkStretch(6.0, 7.0, awaits=False),
    )


def test_overlaps_of_fd_bench_v15_are_what_their_subset_says() -> None:
    task = load_task("fd-bench-v1.5")
    kinds = {
        s.subset: [stretch.kind for stretch in stretches_of(task, s, Timeline(60.0))]
        for s in task.samples()
        if s.scored
    }
    assert kinds == {
        "user_interruption": [SpeechKind.TURN, SpeechKind.TURN],
        "user_backchannel": [SpeechKind.TURN, SpeechKind.BACKCHANNEL],
        "talking_to_other": [SpeechKind.TURN, SpeechKind.UNDIRECTED],
        "background_speech": [SpeechKind.TURN, SpeechKind.UNDIRECTED],
    }


def test_a_user_who_talks_on_while_the_reply_is_due_is_not_to_be_waited_for() -> None:
    task = load_task("cuespeak")
    for sample in islice(task.samples(), 30):
        first, *others = stretches_of(task, sample, Timeline(60.0))
        assert first.kind is SpeechKind.TURN
        assert {s.kind for s in others} <= {SpeechKind.SHARED}
