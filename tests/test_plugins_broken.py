"""A plug-in that is broken in any way is listed with its error, and breaks nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.plugins import adapter_class, load_task, make_adapter, parse_adapter_spec, suite_names
from tml_bench.runs.plan import Request, plan_runs

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
    result = call("doctor")
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
    plans = plan_runs(Request(names, ("silent",), tmp_path, all_tasks=True), told.append)
    assert [plan.config.task for plan in plans] == ["fd-bench-v1"]
    assert {line.partition(" ")[0] for line in told} == {*TASKS, "unloading"}
    (line,) = (line for line in told if line.startswith("unloading"))
    assert "is left out: task unloading cannot load its mini set: FileNotFoundError" in line
