"""Runs whose user is a language model: the same from its cache, refused without, played again to others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fake_servers.judge import FakeJudge
from fakes import attempts_of, recordings_of
from llm_items import KILL, NAMES, PLAYED, write_voices

import tml_bench
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import Attempt, read_lines
from tml_bench.timeline import UserLine

ITEMS = Path(__file__).parent / "llm_items.py"
TASK = f"{ITEMS}:Conversations"


@contextmanager
def moody() -> Iterator[FakeJudge]:
    """A language model that never says the same twice in a row."""
    times = count()

    def reply(request: dict[str, Any]) -> str:
        system, mood = request["messages"][0]["content"], next(times) % 2
        stage = next((s for s in PLAYED.stages if f"({s.name})" in system), PLAYED.stages[0])
        if "done all that you wanted" in system:
            return PLAYED.closing
        if "[next]" in system:  # it is to decide itself, and to go on
            later = PLAYED.stages.index(stage) + 1
            return f"[next] {PLAYED.stages[later].lines[0] if later < 3 else PLAYED.closing}"
        return (*stage.lines, *stage.again)[mood]

    with FakeJudge(reply=reply) as fake:
        yield fake


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voices(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def first(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a language model, in this process."""
    with moody() as fake:
        run = play(tmp_path_factory.mktemp("first"), data, user=f"llm:model=m,base_url={fake.base_url}")
    assert {a.outcome for a in attempts_of(run).values()} == {Outcome.VALID}
    return run


def play(
    out: Path, data: Path, adapter: str = "Agent", jobs: int = 0, samples: tuple[str, ...] = (), **user: Any
) -> Path:
    """Record a run in this process, or by others; gives its folder."""
    selection = Selection(data, samples=samples)
    [plan] = plan_runs(RunRequest((TASK,), (f"{ITEMS}:{adapter}",), out, selection, **user))
    with Pool(jobs, 60.0) if jobs else InProcessPool() as pool:
        record([plan], pool, lambda line: None)
    return plan.path


def lines(run: Path, sample: str) -> tuple[UserLine, ...]:
    return Recording(run / "conversations" / sample / "1").facts.lines


def test_the_user_is_played_by_the_language_model_and_goes_through_its_goals(first: Path) -> None:
    for sample in NAMES:
        assert [line.stage for line in lines(first, sample)] == ["T1", "T2", "T3", "T3"]
        assert [line.act.value for line in lines(first, sample)] == ["goal", "goal", "goal", "closing"]
    assert "user-llm-model-m" in first.name
    assert "127.0.0.1" not in (first / "run.json").read_text()
    assert list((first / "user" / "replies").glob("*.json"))


def test_with_the_cache_and_no_server_the_recordings_are_the_same_on_two_processes(
    first: Path, data: Path, tmp_path: Path
) -> None:
    again = play(
        tmp_path, data, user="llm:model=m,base_url=http://127.0.0.1:9/v1", user_cache=first / "user", jobs=2
    )
    assert recordings_of(again) == recordings_of(first)
    kept = [
        {f.name: f.read_bytes() for f in (run / "user" / "replies").glob("*.json")} for run in (first, again)
    ]
    assert kept[0] == kept[1]  # it ships with this run too


def test_a_run_that_is_killed_in_mid_session_ends_as_if_it_had_not_been(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv(KILL, str(tmp_path / "killed"))
    with moody() as fake:
        user = f"llm:model=m,base_url={fake.base_url}"
        code = "import sys, pathlib, test_llm_runs as t; out, data, user = sys.argv[1:]; "
        code += "t.play(pathlib.Path(out), pathlib.Path(data), 'Killed', user=user)"
        command = [sys.executable, "-P", "-c", code, str(out), str(data), user]
        killed = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ITEMS.parent)})
        assert killed.returncode == -signal.SIGKILL
        before = len(fake.requests)
        run = play(out, data, "Killed", user=user)
        asked = len(fake.requests)
    assert 0 < before < asked == len(list((run / "user" / "replies").glob("*.json")))  # none is asked twice
    undisturbed = play(tmp_path / "2", data, "Killed", user="llm:model=m", user_cache=run / "user")
    assert recordings_of(run) == recordings_of(undisturbed)


def test_without_cache_and_server_nothing_starts(
    first: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    asked = {"data": data, "out": tmp_path / "out", "progress": False}
    user = "llm:model=m,base_url=http://127.0.0.1:9/v1"
    with pytest.raises(UserError, match=r"nobody listens at .* no cache holds its replies"):
        tml_bench.run(TASK, f"{ITEMS}:Agent", user=user, **asked)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="no cache holds its replies"):
        tml_bench.run(TASK, f"{ITEMS}:Agent", user="llm:model=m", fresh=True, **asked | {"out": first.parent})
    with pytest.raises(UserError, match="is no folder"):
        tml_bench.run(TASK, f"{ITEMS}:Agent", user=user, user_cache=tmp_path / "nowhere", **asked)
    with pytest.raises(UserError, match="there is no user"):
        tml_bench.run(TASK, f"{ITEMS}:Agent", user="lmm", **asked)


def test_what_is_not_in_the_cache_is_missing_data(
    first: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    run = play(tmp_path, data, user="llm:model=another", user_cache=first / "user", samples=("two",))
    [attempt] = attempts_of(run).values()
    assert (attempt.outcome, attempt.retry) == (Outcome.INFRASTRUCTURE, False)
    assert attempt.reason == (
        "the user's next line is not in the cache, and its language model cannot be asked: "
        "OPENAI_API_KEY is not set"
    )


def test_what_cannot_be_said_makes_the_session_invalid(data: Path, tmp_path: Path) -> None:
    with FakeJudge(reply=lambda request: "*sighs*") as fake:
        run = play(tmp_path, data, user=f"llm:model=m,base_url={fake.base_url}", samples=("two",))
    [attempt] = attempts_of(run).values()
    assert (attempt.outcome, attempt.retry) == (Outcome.INVALID, False)
    assert attempt.reason == "the user's language model gave nothing that can be said (2 times)"


def test_on_the_wall_clock_a_user_who_is_late_makes_the_session_invalid_which_is_counted_and_tried_again(
    data: Path, tmp_path: Path
) -> None:
    with FakeJudge(reply=lambda request: "A pizza, please.", takes_s=1.2) as fake:
        user = f"llm:model=m,base_url={fake.base_url}"
        run = play(tmp_path, data, "Listener", user=user, samples=("two",))
        for thinking in [thread for thread in threading.enumerate() if thread.name.startswith("user_")]:
            thinking.join()  # of the sessions that did not wait for it
    attempts = read_lines(run / "attempts.jsonl", Attempt)
    assert [attempt.outcome for attempt in attempts] == [Outcome.INVALID] * 3
    assert {attempt.reason for attempt in attempts} <= {
        "user late: its words were not ready 0.25 s after their time"
    }
    assert all(attempt.retry for attempt in attempts)


def test_the_lines_of_a_run_are_played_again_to_another_model(
    first: Path, data: Path, tmp_path: Path
) -> None:
    run = play(tmp_path, data, "Agent:1.2", replay_user=first)
    assert "--user-of-llm_items-Agent--user-llm-model-m" in run.name
    for sample in NAMES:
        then, now = lines(first, sample), lines(run, sample)
        said = [[(line.text, line.act, line.stage, line.why) for line in told] for told in (then, now)]
        assert said[0] == said[1]
        assert now[0].start_s == then[0].start_s
        late = [after.start_s - before.start_s for before, after in zip(then, now, strict=True)]
        assert late == pytest.approx([0, 0.8, 1.6, 2.4], abs=0.05)  # it waits for the slower model
    again = play(tmp_path, data, "Agent:1.2", replay_user=first)
    assert len((again / "attempts.jsonl").read_text().splitlines()) == len(NAMES)


def test_a_sample_whose_lines_are_not_there_is_invalid(first: Path, data: Path, tmp_path: Path) -> None:
    less = play(tmp_path / "1", data, user="llm:model=m", user_cache=first / "user", samples=("one",))
    run = play(tmp_path / "2", data, replay_user=less, samples=("one", "two"))
    outcomes = {name: attempt.outcome for name, attempt in attempts_of(run).items()}
    assert outcomes == {"one": Outcome.VALID, "two": Outcome.INVALID}
    assert "has no valid recording of it" in attempts_of(run)["two"].reason
    request = RunRequest(("fd-bench-v1",), ("silent",), tmp_path, replay_user=less)
    with pytest.raises(UserError, match="is a run of conversations, not of fd-bench-v1"):
        plan_runs(request)
