"""A simulated user's lines are played again out of a recording, at the cues they had in it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import Ran, Scripted, run_session, sample_of, sixteen_bit

from tml_bench import events as ev
from tml_bench.adapter import Output
from tml_bench.errors import BadSampleError
from tml_bench.recording import Recording
from tml_bench.samples import AfterModelStops, At, IntoModelSpeech, Sample, UserTurn, Waveform
from tml_bench.scenario import Scenario, Stage
from tml_bench.session.replayed_user import replayed
from tml_bench.session.settings import Settings
from tml_bench.timeline import UserAct, UserLine

RATE = 16000
SCENARIO = Scenario("Ann", (Stage("T1", "A table."), Stage("T2", "At seven.")))


def line(act: UserAct, text: str, why: str, *, cut: bool = False) -> UserLine:
    return UserLine(0, 0, text, act, "T1", why, cut)


def clip(seconds: float, seed: int) -> Waveform:
    """Noise of 16 bits, so that it comes back from a recording as it was."""
    return Waveform(
        np.where(sixteen_bit(int(seconds * RATE), seed) == 0, 0.25, sixteen_bit(int(seconds * RATE), seed)),
        RATE,
    )


LIVED = sample_of(
    UserTurn(clip(1, 1), At(0.3), line=line(UserAct.GOAL, "A table.", "opening")),
    UserTurn(clip(0.5, 2), AfterModelStops(0.7123, 9), line=line(UserAct.ANSWER, "For four.", "answered")),
    UserTurn(clip(0.4, 3), AfterModelStops(0.7, 4), line=line(UserAct.AGAIN, "Hello?", "silence")),
    UserTurn(clip(0.3, 4), IntoModelSpeech(0.9, 9), line=line(UserAct.HANG_UP, "No.", "barge-in", cut=True)),
    tail_s=1.5,
)  # fmt: skip


def talker(*spans: tuple[int, int]) -> Scripted:
    """Speaks through micro-turns of 200 ms."""
    loud = np.full(RATE // 5, 0.5, np.float32)
    return Scripted({k: Output(audio=loud) for begin, end in spans for k in range(begin, end)})


def play(folder: Path, sample: Sample, *spans: tuple[int, int]) -> Ran:
    return run_session(folder, sample, talker(*spans), Settings())


def again(ran: Ran) -> Sample:
    return replayed(replace(LIVED, scenario=SCENARIO, script=replace(LIVED.script, turns=())), ran.recording)


SPANS = (9, 12), (48, 58)


def test_against_the_same_model_it_is_the_same_session(tmp_path: Path) -> None:
    first = play(tmp_path / "1", LIVED, *SPANS)
    acts = [said.act for said in first.recording.facts.lines]
    assert acts == [UserAct.GOAL, UserAct.ANSWER, UserAct.AGAIN, UserAct.HANG_UP]
    second = play(tmp_path / "2", again(first), *SPANS)
    assert second.recording.facts.lines == first.recording.facts.lines
    assert second.recording.facts.lines[-1].cut
    assert np.array_equal(second.user, first.user)
    assert second.recording.duration_s == first.recording.duration_s
    third = play(tmp_path / "3", again(second), *SPANS)
    assert third.files().keys() == second.files().keys()
    assert np.array_equal(third.user, first.user)


def test_another_model_is_waited_for_as_the_first_was(tmp_path: Path) -> None:
    first = play(tmp_path / "1", LIVED, *SPANS)
    second = play(tmp_path / "2", again(first), (14, 15), (46, 60))
    lines, before = second.recording.facts.lines, first.recording.facts.lines
    assert lines[0] == before[0]
    gap_s = before[1].start_s - 2.6  # the model was heard from 2.0 to 2.6 s, after the hand-over at 2.0 s
    assert gap_s == pytest.approx(0.7123)
    assert lines[1].start_s == pytest.approx(3.2 + gap_s, abs=1e-9)
    assert lines[2].start_s - lines[1].end_s == pytest.approx(4, abs=1e-9)  # nothing came, as then
    assert lines[3].start_s == pytest.approx(9.4 + 0.9)  # into its speech, as long as then
    assert [said.text for said in lines] == ["A table.", "For four.", "Hello?", "No."]
    assert [e.cue for e in second.of(ev.UserTurnStarted)] == [
        "At", "AfterModelStops", "AfterModelStops", "IntoModelSpeech",
    ]  # fmt: skip


def test_a_model_that_does_not_answer_is_waited_for_with_the_user_s_patience(tmp_path: Path) -> None:
    lines = play(tmp_path / "2", again(play(tmp_path / "1", LIVED, *SPANS))).recording.facts.lines
    waits = [after.start_s - before.end_s for before, after in itertools.pairwise(lines)]
    assert waits == pytest.approx([8, 4, 8])


def test_a_recording_of_a_script_has_nothing_to_replay(tmp_path: Path) -> None:
    scripted = sample_of(UserTurn(clip(0.2, 1)))
    ran = play(tmp_path, scripted)
    with pytest.raises(BadSampleError, match="no lines of a simulated user"):
        replayed(replace(scripted, scenario=SCENARIO), Recording(ran.recording.folder))
