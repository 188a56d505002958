"""A plug-in that is broken in any way is listed with its error, and breaks nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes import score_lines

from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.plugins import adapter_class, load_task, make_adapter, parse_adapter_spec, suite_names
from tml_bench.report.files import read_summaries
from tml_bench.runs.plan import RunRequest, plan_runs

pytestmark = pytest.mark.usefixtures("without_pictures")

ODD = """
from tml_bench.adapter import StepAdapter
from tml_bench.task import Metric, Task

class NoStep(StepAdapter):
    pass

class Rate(StepAdapter):
    audio_in = "16000"
    def step(self, turn):
        return None

class Whole(StepAdapter):
    def step(self, turn):
        return None

class Lesser(Task):
    title, data_help, subsets, headline, metrics = "Lesser", "nowhere", ("all",), (), ()
    def dataset(self, data): return "mini"
    def samples(self, data=None, subsets=()): return iter(())
    def score(self, sample, timeline, verdicts={}): raise NotImplementedError
    def blind(self, sample): return {}
    def ideal(self, sample): raise NotImplementedError

class Nameless(Lesser):
    pass

class Raises(Lesser):
    name = "raises"
    def __init__(self):
        raise RuntimeError("no weights")

class Unmeasured(Lesser):
    name = "unmeasured"
    def __init__(self):
        self.metrics = ("latency",)

class Listed(Lesser):
    name, subsets = "listed", "all"

class Other(Lesser):
    name = "else"

class Unloading(Lesser):
    name = "unloading"
    def samples(self, data=None, subsets=()):
        return [open("/nowhere/at/all")]

class Undated(Lesser):
    name = "undated"
    def dataset(self, data):
        return {}["data"]
"""
TASKS = {
    "absent": (
        "no_such_module:Task",
        "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "exits": ("odd_exits:Task", "cannot be imported: SystemExit: 3 (odd_exits.py:1: raise SystemExit(3))"),
    "unspelt": ("odd:Nothing", "cannot be imported: AttributeError: module 'odd' has no attribute 'Nothing'"),
    "function": ("odd:print", "cannot be imported"),
    "adapter": ("odd:Whole", "adapter is not a subclass of tml_bench.task.Task"),
    "nameless": ("odd:Nameless", "task 'nameless' has no name"),
    "raises": (
        "odd:Raises",
        'cannot be made: RuntimeError: no weights (odd.py:31: raise RuntimeError("no weights"))',
    ),
    "unmeasured": ("odd:Unmeasured", "an item of metrics is 'latency', a str"),
    "listed": ("odd:Listed", "subsets is 'all', a str"),
    "misnamed": ("odd:Other", "task 'misnamed' has the name 'else'"),
    "undated": ("odd:Undated", "cannot be made: KeyError: 'data'"),
}
ADAPTERS = {
    "missing": ("no_such_module:Model", "cannot be imported: ModuleNotFoundError"),
    "task": ("odd:Raises", "task is not a subclass of tml_bench.adapter.StepAdapter or LiveAdapter"),
    "stepless": ("odd:NoStep", "stepless has no step"),
    "rate": ("odd:Rate", "adapter rate: audio_in is '16000', a str"),
}


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def odd_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package full of plug-ins that are broken, and two that are not."""
    info = tmp_path / "odd-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.5\n")
    tasks = [f"{name} = {where}" for name, (where, _) in TASKS.items()]
    adapters = [f"{name} = {where}" for name, (where, _) in ADAPTERS.items()]
    lines = ["[tml_bench.tasks]", *tasks, "unloading = odd:Unloading", "[tml_bench.adapters]", *adapters]
    lines += ["whole = odd:Whole", "silent = odd:Whole"]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "odd.py").write_text(ODD)
    (tmp_path / "odd_exits.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd", raising=False)


@pytest.mark.parametrize("name", TASKS)
def test_a_broken_task_named_is_one_clear_error(name: str) -> None:
    with pytest.raises(UserError) as found:
        load_task(name)
    assert TASKS[name][1] in found.value.problem
    assert "\n" not in str(found.value)
    result = call("run", "--task", name)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_broken_adapter_named_is_one_clear_error(name: str) -> None:
    with pytest.raises(UserError) as found:
        adapter_class(name)
    assert ADAPTERS[name][1] in found.value.problem


def test_the_rest_of_its_package_works() -> None:
    assert make_adapter(parse_adapter_spec("whole")).audio_in == 16000


def test_a_name_of_the_harness_stays_the_harness_s() -> None:
    assert adapter_class("silent").__module__.startswith("tml_bench.adapters.reference")


@pytest.mark.parametrize(
    ("what", "broken", "good"), [("tasks", TASKS, "fd-bench-v1"), ("adapters", ADAPTERS, "whole")]
)
def test_lists_show_each_error_in_one_line_beside_what_works(
    what: str, broken: dict[str, tuple[str, str]], good: str
) -> None:
    result = call("list", what)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    for name, (_, problem) in broken.items():
        (line,) = (line for line in lines if line.startswith(f"{name}: cannot be used: "))
        assert problem in line
    assert any(line.startswith(good) for line in lines)
    if what == "adapters":
        assert any(line.startswith("silent of odd 1.5: not used: of tml-bench") for line in lines)


def test_the_doctor_finds_them_and_goes_on() -> None:
    result = call("doctor", "--no-measure")
    assert result.exit_code == 1
    for name in ("raises", "listed", "unloading"):
        assert f"broken   task {name}: " in result.output
    for name in ADAPTERS:
        assert f"broken   adapter {name}: " in result.output
    assert "ok       task fd-bench-v1: " in result.output
    assert "ok       results: " in result.output


def test_a_run_of_everything_leaves_them_out_with_a_line_each(tmp_path: Path) -> None:
    told: list[str] = []
    names = ("fd-bench-v1", *(name for name in suite_names() if name in TASKS or name == "unloading"))
    plans = plan_runs(RunRequest(names, ("silent",), tmp_path, skip_unfit=True), told.append)
    assert [plan.config.task for plan in plans] == ["fd-bench-v1"]
    assert {line.partition(" ")[0] for line in told} == {*TASKS, "unloading"}
    (line,) = (line for line in told if line.startswith("unloading"))
    assert "is left out: task unloading cannot load its mini set: FileNotFoundError" in line


FAULTY = """
import numpy as np

from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.task import Metric, Score, Task, Value
from tml_bench.timeline import Timeline

class Faulty(Task):
    name, title, subsets, headline = "faulty", "Faulty", ("all",), ("length",)
    metrics = (Metric(name="length", title="Length"),)

    def samples(self, data=None, subsets=()):
        for number in range(4):
            turn = UserTurn(Waveform(np.full(4000, 0.1, np.float32), 16000))
            yield Sample(f"s-{number}", "all", Script((turn,), tail_s=1.0), Reference())

    def score(self, sample, timeline, verdicts={}):
        if sample.id == "s-1":
            raise KeyError("token='hunter2'")
        if sample.id == "s-2":
            return None
        return Score(self.name, "all", sample.id, sample.unit, {"length": Value(timeline.duration_s)})

    def blind(self, sample):
        return {"silent": Timeline(1.0)}

    def ideal(self, sample):
        return Timeline(BLIND)
"""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("blind", ["1.0", "{}[sample.id]"])
def test_a_task_that_raises_over_a_sample_scores_the_others(tmp_path: Path, blind: str) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY.replace("BLIND", blind))
    task = f"{tmp_path / 'faulty.py'}:Faulty"
    result = call("run", "--task", task, "--adapter", "silent", "--out", tmp_path / "out", "--jobs", 1)
    assert result.exit_code == 0, result.output
    run = tmp_path / "out" / "faulty-mini--silent"
    scores = {sample: json.loads(line) for sample, line in score_lines(run).items()}
    assert [s for s, score in scores.items() if score["values"]] == ["s-0", "s-3"]
    line = FAULTY[: FAULTY.index("raise KeyError")].count("\n") + 1
    place = f"faulty.py:{line}: raise KeyError"
    assert scores["s-1"]["missing"]["length"].startswith("scoring raised KeyError: ")
    assert place in scores["s-1"]["missing"]["length"]
    assert scores["s-2"]["missing"]["length"].startswith("scoring raised TypeError: it gave NoneType")
    kept = (run / "scoring-tracebacks.txt").read_text()
    assert kept.startswith("s-1\nTraceback")
    assert "hunter2" not in kept + (run / "scores.jsonl").read_text()
    (summary,) = read_summaries([run])
    assert summary.metrics[0].estimate.n == 2
    assert summary.metrics[0].baseline.ceiling is None
    (remark,) = (note for note in summary.notes if note.startswith("no floors and ceilings: the task raised"))
    assert "faulty.py" in remark


@pytest.mark.usefixtures("here")
def test_tracebacks_of_a_task_that_was_repaired_are_gone(tmp_path: Path) -> None:
    file = tmp_path / "faulty.py"
    file.write_text(FAULTY.replace("BLIND", "1.0"))
    shared = ("--adapter", "silent", "--out", tmp_path / "out", "--jobs", 1)
    call("run", "--task", f"{file}:Faulty", *shared)
    run = tmp_path / "out" / "faulty-mini--silent"
    assert (run / "scoring-tracebacks.txt").is_file()
    file.write_text(file.read_text().replace('"s-1"', '"s-9"').replace('"s-2"', '"s-9"'))
    assert call("score", run).exit_code == 0
    assert not (run / "scoring-tracebacks.txt").exists()
    assert read_summaries([run])[0].metrics[0].estimate.n == 4
