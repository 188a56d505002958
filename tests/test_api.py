"""The Python face: what a script or a notebook calls, with the results of the command line."""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from fakes import recordings_of, score_lines, tone, write_data

import tml_bench
from tml_bench import LiveAdapter, Output, Recording, Run, StepAdapter, UnfinishedRunsError, UserError
from tml_bench.adapter import InfrastructureError
from tml_bench.adapters.reference import Delayed
from tml_bench.api import Progress
from tml_bench.metrics import comparison
from tml_bench.runs.in_process import InProcessPool
from tml_bench.scoring.summary_file import to_json

pytestmark = pytest.mark.usefixtures("in_this_process", "without_floor_search")

TASK = "fd-bench-v1"
PARROT = """
import numpy as np
from tml_bench import Output, StepAdapter

class Parrot(StepAdapter):
    audio_in = audio_out = 16000
    def start(self, session):
        self.heard = []
    def step(self, turn):
        if np.abs(turn.audio).max() > 0.01:
            self.heard.append(turn.audio)
        elif self.heard:
            answer, self.heard = np.concatenate(self.heard), []
            return Output(audio=answer)

class Loud(Parrot):
    def step(self, turn):
        output = super().step(turn)
        return output and Output(audio=3 * output.audio / np.abs(output.audio).max())

class Raising(StepAdapter):
    def step(self, turn):
        return {}["answer"]

class Unloadable(StepAdapter):
    def __init__(self):
        raise RuntimeError("no weights")
    def step(self, turn):
        return None
"""


def in_a_notebook(code: str) -> dict[str, Any]:
    """What cells of a notebook define: it lies in no module that another process could import."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, "<cell>", "exec", dont_inherit=True), namespace)
    return namespace


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), each=2)


@pytest.fixture(scope="module")
def options(data: Path) -> dict[str, Any]:
    return {"data": data, "words": "transcript", "jobs": 1, "progress": False}


@pytest.fixture(scope="module")
def cells() -> dict[str, Any]:
    return in_a_notebook(PARROT)


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory, options: dict[str, Any], cells: dict[str, Any]) -> Run:
    return tml_bench.run(TASK, cells["Parrot"], out=tmp_path_factory.mktemp("results"), **options)


@pytest.fixture(scope="module")
def delayed(parrot: Run, options: dict[str, Any]) -> Run:
    return tml_bench.run(TASK, "delayed:300", out=parrot.path.parent, **options)


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "import sys, tml_bench; print(sorted(m for m in sys.modules if m.partition('.')[0] == 'tml_bench'))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['tml_bench']"


def test_every_name_is_there_and_says_what_it_is() -> None:
    namespace: dict[str, Any] = {}
    exec("from tml_bench import *", namespace)
    assert set(tml_bench.__all__) <= namespace.keys()
    assert set(tml_bench.__all__) <= set(dir(tml_bench))
    for name in set(tml_bench.__all__) - {"__version__"}:
        assert len(inspect.getdoc(getattr(tml_bench, name)) or "") > 30, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tml_bench.nothing  # noqa: B018


@pytest.mark.parametrize(
    "first", ["import tml_bench.report.layout", "tml_bench.report", "from tml_bench import report"]
)
def test_report_is_a_function_whatever_was_imported_before(first: str, delayed: Run, tmp_path: Path) -> None:
    # Pictures are not what this is about, and nothing of the package may be imported to say so.
    code = (
        "import matplotlib.figure, PIL.Image\nblank = PIL.Image.new('RGB', (1, 1))\n"
        "matplotlib.figure.Figure.savefig = lambda figure, path, **how: blank.save(path, 'PNG')\n"
        f"import tml_bench\n{first}\nprint(tml_bench.report({str(delayed.path)!r}, {str(tmp_path)!r}))\n"
        "from tml_bench.report import drawn_aside\nfrom tml_bench import report\n"
        "drawn_aside.drawn = lambda board: {}\n"
        f"print(report([{str(delayed.path)!r}], {str(tmp_path)!r}))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "index.html")] * 2
    assert (tmp_path / "report.csv").read_text().count("delayed:300") > 0


def test_processes_for_new_runs_start_while_others_are_planned(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = import_module("tml_bench.api.running")
    expected: list[int] = []
    before: list[list[int]] = []

    def plan_runs(*given: Any) -> Any:
        expected.clear()
        plans = running_plans(*given)
        before.append([*expected])
        return plans

    running_plans = running.plan_runs
    monkeypatch.setattr(running, "plan_runs", plan_runs)
    monkeypatch.setattr(InProcessPool, "expect", lambda self, jobs: expected.append(jobs))
    given = {"data": data, "out": tmp_path, "limit": 1, "words": "transcript", "progress": False}
    first = tml_bench.run(TASK, ["silent", in_a_notebook(PARROT)["Parrot"]], **given)
    samples = len(first[0].scores)
    tml_bench.run(TASK, ["silent", "echo"], **given)
    assert before == [[samples], [samples]], "none for what runs here, and none for what is there"


def test_a_class_of_a_notebook_gives_what_the_same_class_in_a_file_gives(
    parrot: Run, options: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "my.py").write_text(PARROT)
    filed = tml_bench.run(TASK, f"{tmp_path / 'my.py'}:Parrot", out=tmp_path, **options)
    assert score_lines(filed.path) == score_lines(parrot.path)
    here, there = recordings_of(parrot.path), recordings_of(filed.path)
    assert here.keys() == there.keys()
    for place, files in here.items():
        assert files["model.flac"] == there[place]["model.flac"]
    assert parrot.complete


def test_what_a_class_of_a_notebook_raises_is_recorded_as_a_worker_s(
    options: dict[str, Any], cells: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "my.py").write_text(PARROT)
    here = tml_bench.run(TASK, cells["Raising"], out=tmp_path, **options)
    there = tml_bench.run(TASK, f"{tmp_path / 'my.py'}:Raising", out=tmp_path, **options)
    assert not here.complete
    for sample, attempt in there.attempts.items():
        place, told = attempt.reason.rpartition(" (")[0::2]
        assert told.startswith("my.py:")
        assert here.attempts[sample].outcome == attempt.outcome == "adapter_error"
        assert here.attempts[sample].reason.startswith(f"{place} (<cell>:")
        assert (here.path / TASK / sample / "1" / "traceback.txt").is_file()
    with pytest.raises(UserError, match="no metric"):
        here.worst("nothing")
    assert here.worst("latency") == []
    assert set(here.to_pandas()["outcome"]) == {"adapter_error"}


def test_an_object_is_run_as_it_is_and_many_by_their_names(options: dict[str, Any], tmp_path: Path) -> None:
    given = {"fast": Delayed(200), "slow": Delayed(600)}
    fast, slow = tml_bench.run([TASK], given, out=tmp_path, subsets=["candor_turn_taking"], **options)
    assert (fast.adapter, slow.adapter) == ("fast", "slow")
    assert fast.to_pandas()["latency"].mean() == pytest.approx(0.2, abs=0.02)
    assert slow.to_pandas()["latency"].mean() == pytest.approx(0.6, abs=0.02)
    again = tml_bench.run(TASK, ["silent", "delayed:300"], out=tmp_path, limit=1, **options)
    assert [run.adapter for run in again] == ["silent", "delayed:300"]


def test_an_adapter_that_cannot_be_loaded_is_an_error_that_holds_the_other_runs(
    options: dict[str, Any], cells: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(
        UnfinishedRunsError, match="Unloadable cannot be loaded: RuntimeError: no weights"
    ) as found:
        tml_bench.run(TASK, [cells["Unloadable"], "silent"], out=tmp_path, **options)
    broken, silent = found.value.runs
    assert {attempt.outcome for attempt in broken.attempts.values()} == {"infrastructure"}
    assert silent.complete


class Awakes(Delayed):
    """Is not there when it is first asked for a session."""

    tries = 0

    def start(self, session: tml_bench.SessionStart) -> None:
        self.tries += 1
        if self.tries == 1:
            raise InfrastructureError("connection refused")
        super().start(session)


def test_an_object_that_cannot_reach_its_model_is_waited_for(options: dict[str, Any], tmp_path: Path) -> None:
    adapter = Awakes(200)
    run = tml_bench.run(TASK, adapter, out=tmp_path, limit=1, **options)
    assert run.complete
    assert {attempt.attempt for attempt in run.attempts.values()} == {1}
    assert adapter.tries == 4


class Needs(StepAdapter):
    """Cannot be made without arguments."""

    def __init__(self, gain: float) -> None:
        self.gain = gain

    def step(self, turn: tml_bench.MicroTurn) -> None:
        return None


class Live(LiveAdapter):
    """Answers the second micro-turn with half a second of sound."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Output] = asyncio.Queue()

    async def connect(self, session: tml_bench.SessionStart) -> None:
        return None

    async def send(self, turn: tml_bench.MicroTurn) -> None:
        if turn.index == 1:
            self.sent.put_nowait(Output(audio=tone(0.5, self.audio_out)))

    async def events(self):  # type: ignore[no-untyped-def]
        while True:
            yield await self.sent.get()

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(
    ("adapter", "problem"),
    [
        (Needs, r"Needs cannot be made: missing a required argument: 'gain'. give an object"),
        ([Needs(1.0), Needs(2.0)], "two adapters are called Needs. give them names"),
        ({"silent": Needs(1.0)}, "given as 'silent' would not be told from others"),
        ({"../up": Needs(1.0)}, "would not be told from others"),
        ("nobody", "there is no adapter 'nobody'"),
    ],
)
def test_a_mistake_is_one_clear_error(
    adapter: Any, problem: str, options: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=problem):
        tml_bench.run(TASK, adapter, out=tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_a_live_object_serves_one_session_and_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    async def made() -> Live:
        return Live()

    with pytest.raises(UserError, match="serves one session alone"):
        tml_bench.run(TASK, asyncio.run(made()), out=tmp_path, **options)


def test_a_live_class_runs_where_a_notebook_s_loop_is_running(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(SHORT)

    async def cell() -> Run:
        return tml_bench.run(
            f"{tmp_path / 'short.py'}:Short", Live, out=tmp_path, words="transcript", jobs=1, progress=False
        )

    run = asyncio.run(cell())
    assert run.complete, run.attempts
    assert run.config.clock == "wall"
    tracks, rate = run.recording("s").audio()
    heard = np.flatnonzero(tracks[1])
    assert 0.4 <= heard[0] / rate < 0.7
    assert len(heard) == pytest.approx(rate / 2, rel=0.01)


SHORT = """
import numpy as np
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.task import Metric, Score, Task, Value

class Short(Task):
    name, title, subsets, headline = "short", "Short", ("all",), ("said",)
    metrics = (Metric(name="said", title="Said"),)
    def samples(self, data=None, subsets=()):
        audio = Waveform(np.full(8000, 0.1, np.float32), 16000)
        yield Sample("s", "all", Script((UserTurn(audio),), tail_s=1.0), Reference())
    def score(self, sample, timeline, verdicts={}):
        return Score("short", "all", "s", "", {"said": Value(len(timeline.segments))})
"""


def test_a_script_without_a_guard_is_run_once(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import tml_bench\nprint('once')\n"
        f"run = tml_bench.run({TASK!r}, 'silent', data={str(data)!r}, out={str(tmp_path)!r}, jobs=2)\n"
        "print(run.complete)\n"
    )
    done = subprocess.run([sys.executable, "-P", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["once", "True"], done.stderr


def test_a_run_is_what_its_folder_holds(delayed: Run) -> None:
    assert delayed.path.name == "fd-bench-v1-custom-data0--delayed-300"
    again = Run(str(delayed.path))
    assert Path(again) == delayed.path
    assert again.config == delayed.config
    assert to_json([again.summary]) == to_json([delayed.summary])
    assert list(again.samples) == list(again.attempts) == list(again.scores)
    assert "6 of 6 attempts valid" in repr(again)
    with pytest.raises(UserError, match=r"run\.json does not exist"):
        Run(delayed.path.parent)


def test_recordings_are_opened_when_asked_for(delayed: Run, tmp_path: Path) -> None:
    opened = list(delayed.recordings())
    assert [recording.opened.sample for recording in opened] == list(delayed.attempts)
    recording = delayed.recording("candor_turn_taking-1")
    assert isinstance(recording, Recording)
    tracks, rate = recording.audio()
    assert tracks.shape == (2, round(recording.duration_s * rate))
    assert tracks.dtype == np.float32
    assert np.abs(tracks[0]).max() > 0.05
    with pytest.raises(UserError, match="has no attempt at 'nobody'"):
        delayed.recording("nobody")
    with pytest.raises(UserError, match="holds no recording"):
        delayed.recording("candor_turn_taking-1", attempt=7)


def test_the_timeline_is_what_was_perceived(delayed: Run) -> None:
    timeline = delayed.timeline("candor_turn_taking-1", "transcript")
    (first, *_) = timeline.segments
    assert first.start_s == pytest.approx(2.8, abs=0.02)


def test_samples_as_a_table(delayed: Run) -> None:
    table = delayed.to_pandas()
    assert list(table["sample"]) == list(delayed.samples)
    assert list(table.columns[:5]) == ["sample", "subset", "unit", "outcome", "reason"]
    assert table.attrs["units"]["latency"] == "s"
    assert table.attrs["units"]["response"] == "%"
    turns = table[table["subset"] == "candor_turn_taking"]
    assert set(turns["response"]) == {100.0}
    assert turns["latency"].iloc[0] == delayed.scores["candor_turn_taking-1"].values["latency"].numerator
    assert table[table["subset"] == "candor_pause_handling"]["latency"].isna().all()
    assert set(table["unit"]) == set(table["sample"])


def test_events_as_a_table(delayed: Run) -> None:
    table = delayed.to_pandas("events")
    assert len(table) == sum(len(score.rows) for score in delayed.scores.values())
    assert list(table.columns[:3]) == ["sample", "subset", "event"]
    row = delayed.scores["candor_turn_taking-1"].rows[0]
    found = table[table["sample"] == "candor_turn_taking-1"].iloc[0].dropna().to_dict()
    expected = {"sample": "candor_turn_taking-1", "subset": "candor_turn_taking", **row}
    assert found == {key: value for key, value in expected.items() if value is not None}


def test_a_sample_without_an_attempt_is_a_row_too(delayed: Run, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(delayed.path, copy)
    lines = (copy / "attempts.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "attempts.jsonl").write_bytes(b"".join(lines[1:]))
    (copy / "seals.json").unlink()
    (copy / "scores.jsonl").write_bytes(b"".join((copy / "scores.jsonl").read_bytes().splitlines(True)[2:]))
    table = Run(copy).to_pandas()
    assert list(table["outcome"]) == ["not_run", "infrastructure", *["valid"] * 4]
    assert math.isnan(table["pause_takeover"].iloc[0])


def test_the_worst_come_first(parrot: Run) -> None:
    values = {
        s: score.values["latency"].numerator
        for s, score in parrot.scores.items()
        if "latency" in score.values
    }
    worst = parrot.worst("latency")
    assert set(worst) == set(values)
    assert [values[sample] for sample in worst] == sorted(values.values(), reverse=True)
    rates = parrot.worst("response", "candor_turn_taking")
    assert rates == ["candor_turn_taking-1", "candor_turn_taking-2"]
    with pytest.raises(UserError, match="neither high nor low"):
        parrot.worst("signed_latency")


def test_a_comparison_is_that_of_the_statistics(parrot: Run, delayed: Run) -> None:
    found = tml_bench.compare(parrot, delayed.path)
    headline = [m for m in parrot.summary.metrics if m.metric.name in parrot.summary.headline]
    assert [(c.subset, c.metric) for c in found] == [(m.subset, m.metric.name) for m in headline]
    others = {(m.subset, m.metric.name): m for m in delayed.summary.metrics}
    exact = [
        comparison.compare(m.observations, others[m.subset, m.metric.name].observations, m.metric.kind)
        for m in headline
    ]
    for c, e, m in zip(found, exact, headline, strict=True):
        scale = 100 if m.metric.unit == "%" else 1
        assert (c.p, c.n) == (e.p, e.n)
        assert c.difference == (None if e.difference is None else e.difference * scale)
    assert [c.p_holm for c in found if c.p is not None] == comparison.holm(
        [e.p for e in exact if e.p is not None]
    )
    assert any(c.difference for c in found)
    assert len(pd.DataFrame(found)) == len(found)


def test_a_comparison_of_one_metric_is_corrected_for_it_alone(parrot: Run, delayed: Run) -> None:
    turns, _ = tml_bench.compare(parrot, delayed, "early_start")
    assert (turns.subset, turns.metric, turns.unit) == ("candor_turn_taking", "early_start", "%")
    assert turns.first is not None
    assert turns.second == 0.0
    assert turns.difference == turns.first
    with pytest.raises(UserError, match="has no metric 'charm'"):
        tml_bench.compare(parrot, delayed, "charm")


def test_runs_that_share_no_table_are_not_compared(
    delayed: Run, options: dict[str, Any], tmp_path: Path
) -> None:
    other = tml_bench.run(TASK, "delayed:300", out=tmp_path, tick_ms=100, **options)
    with pytest.raises(UserError, match="may not be compared: micro-turn 200 ms against micro-turn 100 ms"):
        tml_bench.compare(delayed, other)


def test_runs_are_scored_again(delayed: Run) -> None:
    before = score_lines(delayed.path)
    (delayed.path / "scores.jsonl").unlink()
    run = tml_bench.score(delayed.path, words="transcript", jobs=1, progress=False)
    assert score_lines(run.path) == before
    (again,) = tml_bench.score([delayed], words="transcript", jobs=1, progress=False)
    assert again.summary == run.summary
    with pytest.raises(UserError, match="nothing to score"):
        tml_bench.score([])


def test_a_run_says_that_audio_was_clipped(
    options: dict[str, Any], cells: dict[str, Any], parrot: Run, tmp_path: Path
) -> None:
    loud = tml_bench.run(TASK, cells["Loud"], out=tmp_path, **options)
    (remark,) = [note for note in loud.summary.notes if "clipped" in note]
    shares = [recording.facts.clipped for recording in loud.recordings()]
    worst = f"at most {100 * max(shares):.2g} % of it"
    assert remark == f"the model's audio was over full scale and clipped ({worst})"
    assert loud.summary.notes[remark] == sum(share > 0 for share in shares) > 0
    assert not any("clipped" in note for note in parrot.summary.notes)


def test_progress_is_told_what_there_is_to_tell(
    options: dict[str, Any], cells: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Kept(Progress):
        def __init__(self) -> None:
            self.counted: list[tuple[str, int]] = []
            self.lines: list[str] = []

        def bars(self):  # type: ignore[no-untyped-def]
            from contextlib import nullcontext

            def bar(what: str, total: int):  # type: ignore[no-untyped-def]
                self.counted.append((what, total))
                return self.lines.append

            return nullcontext(bar)

    kept = Kept()
    tml_bench.run(TASK, cells["Raising"], out=tmp_path, **{**options, "progress": kept})
    assert kept.counted == [("sessions", 6), ("perceive", 0)]
    assert len(kept.lines) == 6
    assert "adapter_error: micro-turn 0: step raised KeyError: 'answer'" in kept.lines[0]
    assert capfd.readouterr() == ("", "")
    tml_bench.run(TASK, cells["Raising"], out=tmp_path, **{**options, "progress": True})
    assert "sessions" in capfd.readouterr().err


def test_a_stored_summary_says_what_the_score_gave(delayed: Run) -> None:
    stored = json.loads((delayed.path / "summary.json").read_text())
    assert stored == json.loads(msgspec.json.encode([delayed.summary]))


def test_results_of_other_code_are_never_taken_for_a_notebook_s(
    cells: dict[str, Any], options: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = {**options, "progress": True, "out": tmp_path}
    tml_bench.run(TASK, cells["Parrot"], **shown)
    assert "0 reused, 6 run" in capfd.readouterr().err
    again = in_a_notebook(PARROT)["Parrot"]
    tml_bench.run(TASK, again, **shown)
    assert "6 reused, 0 run" in capfd.readouterr().err
    eager = in_a_notebook(PARROT.replace("> 0.01", "> 0.02"))["Parrot"]
    with pytest.raises(UserError, match="code of Parrot"):
        tml_bench.run(TASK, eager, **shown)
    assert tml_bench.run(TASK, eager, fresh=True, limit=1, **shown).complete


def test_objects_made_otherwise_are_not_taken_for_each_other(options: dict[str, Any], tmp_path: Path) -> None:
    shared = {**options, "out": tmp_path, "limit": 1}
    tml_bench.run(TASK, Delayed(200), **shared)
    tml_bench.run(TASK, Delayed(200), **shared)
    with pytest.raises(UserError, match="code of Delayed"):
        tml_bench.run(TASK, Delayed(600), **shared)
