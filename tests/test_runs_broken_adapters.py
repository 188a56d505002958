"""An adapter that does anything at all: a recorded outcome with its reason, and the rest unaffected."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import attempts_of, recordings_of, run_and_score, score_lines, session_of, write_data

from tml_bench import events as ev
from tml_bench.recording import Recording
from tml_bench.runs.selection import Selection

VICTIM = "candor_turn_taking-1"
STEP_TIMEOUT_S = 2.0

BAD = '''
import os, signal, sys, time
import numpy as np
from tml_bench.adapter import InfrastructureError, Output, SpokenWord, Transcript
from tml_bench.adapters.reference import Delayed

class Odd:
    pass

OUTPUTS = {
    "not_finite": lambda: Output(np.array([0.0, np.nan])),
    "infinite": lambda: Output(np.array([0.0, np.inf])),
    "stereo": lambda: Output(np.zeros((100, 2))),
    "integers": lambda: Output(np.zeros(100, np.int32)),
    "complex": lambda: Output(np.zeros(100, complex)),
    "ragged": lambda: Output([[1.0], [1.0, 2.0]]),
    "text_audio": lambda: Output("beep"),
    "array": lambda: np.zeros(100),
    "number": lambda: 7,
    "flood": lambda: Output(np.full(600 * 24000, 0.1, np.float32)),
    "text_number": lambda: Output(text=5),
    "transcript_text": lambda: Output(transcript=("hello",)),
    "transcript_none": lambda: Output(transcript=None),
    "word_number": lambda: Output(transcript=(Transcript("a", (SpokenWord(3, 0.0, 1.0),)),)),
    "word_times": lambda: Output(transcript=(Transcript("a", (SpokenWord("a", 2.0, 1.0),)),)),
    "word_time_text": lambda: Output(transcript=(Transcript("a", (SpokenWord("a", "0", "1"),)),)),
    "tool": lambda: Output(tool_calls=("call",)),
    "raise": lambda: 1 / 0,
    "key_error": lambda: {}["missing"],
    "exit": lambda: sys.exit(0),
    "secret": lambda: secret(),
    "hard_exit": lambda: os._exit(0),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(1000),
    "unreachable": lambda: unreachable(),
}

def secret():
    api_key = 'hunter2'; raise KeyError("no sk-abcdefghijklmnopqrst")

def unreachable():
    raise InfrastructureError("quota is used up")

class Bad(Delayed):
    """Right in every session but one."""
    def __init__(self, how):
        super().__init__(200)
        self.how = how
        self.bad = False
    def start(self, session):
        super().start(session)
        self.bad = session.session_id == "VICTIM"
        if self.bad and self.how == "start":
            raise RuntimeError("no start")
    def step(self, turn):
        if self.bad and turn.index == 6 and self.how in OUTPUTS:
            return OUTPUTS[self.how]()
        return super().step(turn)
    def stop(self):
        if self.bad and self.how == "stop":
            raise RuntimeError("no stop")

class Unusable(Delayed):
    """Cannot be loaded."""
    def __init__(self, how):
        super().__init__(200)
        self.how = how
        if how == "init":
            raise RuntimeError("no weights")
        if how == "rate":
            self.audio_out = 0
        if how == "rate_float":
            self.audio_in = 16000.0
    def warm_up(self):
        if self.how == "warm_up":
            raise RuntimeError("no GPU")
        if self.how == "exit":
            sys.exit("bye")
        if self.how == "unreachable":
            raise InfrastructureError("connection refused")
        if self.how == "hard_exit":
            os._exit(3)
'''

SESSION_FAULTS = {
    "not_finite": "micro-turn 6: audio sample 1 is nan, it must be finite",
    "infinite": "micro-turn 6: audio sample 1 is inf, it must be finite",
    "stereo": "micro-turn 6: audio has shape (100, 2), it must be (n,), mono",
    "integers": "micro-turn 6: audio is int32",
    "complex": "micro-turn 6: audio is complex128",
    "ragged": "micro-turn 6: the output cannot be used (ValueError",
    "text_audio": "micro-turn 6: audio",
    "array": "micro-turn 6: step returned ndarray, it must be Output, a list of them, or None",
    "number": "micro-turn 6: step returned int, it must be Output, a list of them, or None",
    "flood": "micro-turn 6: 600 s of audio wait to be heard, the limit is 300 s",
    "text_number": "micro-turn 6: text is int, it must be str",
    "transcript_text": "micro-turn 6: transcript must hold Transcript, not str",
    "transcript_none": "micro-turn 6: the output cannot be used (TypeError",
    "word_number": "micro-turn 6: text is int, it must be str",
    "word_times": "micro-turn 6: word 'a' has times 2.0 to 1.0",
    "word_time_text": "micro-turn 6: the output cannot be used (TypeError",
    "tool": "micro-turn 6: tool_calls must hold ToolCall, not str",
    "raise": "micro-turn 6: step raised ZeroDivisionError: division by zero",
    "key_error": "micro-turn 6: step raised KeyError: 'missing'",
    "exit": "micro-turn 6: step raised SystemExit: 0",
    "secret": "micro-turn 6: step raised KeyError",
    "start": "start raised RuntimeError: no start",
    "stop": "stop raised RuntimeError: no stop",
}
NO_FAULTS = {
    "unreachable": "quota is used up",
    "killed": "adapter: the process was killed (signal 9)",
}
PROCESS_FAULTS = {
    "hard_exit": "adapter: the process died (exit code 0)",
    "crash": "adapter: the process died (signal 11)",
    "hang": "adapter: no answer within 2 s (--step-timeout)",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run per way to be bad, and one that is not, all by the same two workers."""
    root = tmp_path_factory.mktemp("bad")
    data = write_data(root / "data")
    file = root / "bad.py"
    file.write_text(BAD.replace("VICTIM", session_of("fd-bench-v1", VICTIM)))
    hows = [*SESSION_FAULTS, *PROCESS_FAULTS, *NO_FAULTS, "good"]
    unusable = ["init", "rate", "rate_float", "warm_up", "exit", "unreachable", "hard_exit"]
    adapters = [f"{file}:Bad:{how}" for how in hows] + [f"{file}:Unusable:{how}" for how in unusable]
    done = run_and_score(root / "out", adapters, step_timeout_s=STEP_TIMEOUT_S, selection=Selection(data))
    return {adapter.partition(".py:")[2]: path for adapter, path in done.items()}


@pytest.mark.parametrize("how", SESSION_FAULTS)
def test_a_fault_in_a_session_is_recorded_to_its_end(runs: dict[str, Path], how: str) -> None:
    run = runs[f"Bad:{how}"]
    attempt = attempts_of(run)[VICTIM]
    assert attempt.outcome == "adapter_error"
    assert attempt.reason.startswith(SESSION_FAULTS[how])
    recording = Recording(run / "fd-bench-v1" / VICTIM / "1")
    *_, fault, end = recording.events()
    assert isinstance(fault, ev.Fault)
    assert fault.reason == attempt.reason
    assert isinstance(end, ev.SessionClosed)
    assert end.reason == "fault"
    assert [e for e in recording.events() if isinstance(e, ev.SessionClosed)] == [end]
    heard_s = {"start": 0, "stop": recording.duration_s}.get(how, 1.4)
    assert end.t_ns / 1e9 == recording.duration_s == heard_s


def test_what_raised_is_shown_with_its_place_and_kept_whole(runs: dict[str, Path]) -> None:
    run = runs["Bad:raise"]
    line = BAD[: BAD.index("1 / 0")].count("\n") + 1
    told = f'step raised ZeroDivisionError: division by zero (bad.py:{line}: "raise": lambda: 1 / 0,)'
    assert attempts_of(run)[VICTIM].reason == f"micro-turn 6: {told}"
    kept = (run / "fd-bench-v1" / VICTIM / "1" / "traceback.txt").read_text()
    assert kept.startswith("Traceback (most recent call last)")
    assert "OUTPUTS[self.how]()" in kept
    assert kept.endswith("ZeroDivisionError: division by zero\n")


def test_a_contract_that_is_broken_has_no_traceback_and_no_place(runs: dict[str, Path]) -> None:
    run = runs["Bad:number"]
    assert (
        attempts_of(run)[VICTIM].reason
        == "micro-turn 6: step returned int, it must be Output, a list of them, or None"
    )
    assert not list(run.rglob("traceback.txt"))


def test_no_secret_is_kept_of_what_raised(runs: dict[str, Path]) -> None:
    run = runs["Bad:secret"]
    reason = attempts_of(run)[VICTIM].reason
    assert "KeyError: 'no [redacted]'" in reason
    assert "api_key = '[redacted]'" in reason
    written = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert b"hunter2" not in written
    assert b"abcdefghijkl" not in written


@pytest.mark.parametrize("how", PROCESS_FAULTS)
def test_a_process_that_dies_or_hangs_is_the_adapter_s_fault(runs: dict[str, Path], how: str) -> None:
    attempt = attempts_of(runs[f"Bad:{how}"])[VICTIM]
    assert attempt.outcome == "adapter_error"
    assert attempt.reason.startswith(PROCESS_FAULTS[how])


@pytest.mark.parametrize("how", NO_FAULTS)
def test_a_model_out_of_reach_or_killed_is_no_fault_of_it_and_tried_again(
    runs: dict[str, Path], how: str
) -> None:
    attempt = attempts_of(runs[f"Bad:{how}"])[VICTIM]
    assert (attempt.outcome, attempt.reason, attempt.attempt) == ("infrastructure", NO_FAULTS[how], 3)


def test_what_was_exchanged_before_the_model_was_out_of_reach_is_kept(runs: dict[str, Path]) -> None:
    for attempt in ("1", "2", "3"):
        recording = Recording(runs["Bad:unreachable"] / "fd-bench-v1" / VICTIM / attempt)
        *_, fault, end = recording.events()
        assert isinstance(fault, ev.Fault)
        assert fault.reason == "quota is used up"
        assert isinstance(end, ev.SessionClosed)
        assert recording.duration_s == 1.4


@pytest.mark.parametrize("how", [*SESSION_FAULTS, *PROCESS_FAULTS, *NO_FAULTS])
def test_the_other_samples_do_not_notice(runs: dict[str, Path], how: str) -> None:
    good, bad = runs["Bad:good"], runs[f"Bad:{how}"]
    scores = score_lines(good)
    assert len(scores) == 3
    del scores[VICTIM]
    assert score_lines(bad) == scores
    assert {a.outcome for s, a in attempts_of(bad).items() if s != VICTIM} == {"valid"}
    expected, found = recordings_of(good), recordings_of(bad)
    for place, files in expected.items():
        if VICTIM not in place:
            assert found[place]["model.flac"] == files["model.flac"]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("init", "cannot be loaded: RuntimeError: no weights"),
        ("warm_up", "cannot be loaded: RuntimeError: no GPU"),
        ("exit", "cannot be loaded: SystemExit: bye"),
        ("rate", "audio_out is 0. give an int from 2000 to 192000, in Hz"),
        ("rate_float", "audio_in is 16000.0. give an int"),
        ("unreachable", "connection refused"),
    ],
)
def test_an_adapter_that_cannot_be_used_is_tried_once(runs: dict[str, Path], how: str, reason: str) -> None:
    (attempt,) = attempts_of(runs[f"Unusable:{how}"]).values()
    assert attempt.outcome == "infrastructure"
    assert reason in attempt.reason
    raised = how in ("init", "warm_up", "exit")
    assert bool(list(runs[f"Unusable:{how}"].rglob("traceback.txt"))) == raised
    assert score_lines(runs[f"Unusable:{how}"]) == {}


def test_an_adapter_that_dies_while_loading_ends_each_sample(runs: dict[str, Path]) -> None:
    attempts = attempts_of(runs["Unusable:hard_exit"])
    assert len(attempts) == 3
    assert {(a.outcome, a.reason) for a in attempts.values()} == {
        ("adapter_error", "adapter: the process died (exit code 3)")
    }
