"""Tasks and adapters from files: modules of their own, with what lies beside them, here and in workers."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes import attempts_of, score_lines

import tml_bench
from tml_bench import plugins
from tml_bench.adapter import StepAdapter
from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.plugins import adapter_class, load_task

pytestmark = pytest.mark.usefixtures("without_pictures")

MODEL = """
from tml_bench.adapter import Output, StepAdapter
from parts import NAME

class Mine(StepAdapter):
    name = NAME
    def step(self, turn):
        import later
        self.later = later.NAME
        return None
"""
BELL = """
from dataclasses import dataclass

import numpy as np

from parts import RING_S
from tml_bench.samples import Reference, Sample, Script, UserTurn, Utterance, Waveform
from tml_bench.task import Direction, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Segment, Timeline

@dataclass(frozen=True)
class Ring:
    end_s: float

class Bell(Task):
    name, title, subsets, headline = "bell", "Bell", ("ring",), ("answers",)
    data_help = "It is made in memory."
    metrics = (
        Metric(
            name="answers", title="Answers", unit="%", direction=Direction.HIGHER, kind=Kind.RATE, version=1,
            subsets=("ring",), family="bell", describes="The model speaks.",
        ),
    )

    def dataset(self, data):
        return "bell-1"

    def samples(self, data=None, subsets=()):
        for number in range(3):
            audio = np.full(round(RING_S * 16000), 0.1, np.float32)
            yield Sample(
                f"ring-{number}", "ring", Script((UserTurn(Waveform(audio, 16000)),), tail_s=2.0),
                Reference(user_end_s=RING_S, ideal=(Utterance(RING_S),), annotation=Ring(RING_S)),
            )

    def score(self, sample, timeline, verdicts={}):
        assert isinstance(sample.reference.annotation, Ring)
        value = Value(1.0 if timeline.segments else 0.0)
        return Score(self.name, "ring", sample.id, sample.unit, {"answers": value})

    def blind(self, sample):
        return {"silent": Timeline(3.0)}

    def ideal(self, sample):
        return Timeline(3.0, (Segment(1.0, 2.0),))
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def model(folder: Path, name: str) -> str:
    """An adapter's file in a folder, with two modules beside it; gives its target."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODEL)
    (folder / "parts.py").write_text(f"NAME = {name!r}")
    (folder / "later.py").write_text(f"NAME = {name!r}")
    return f"{folder / 'model.py'}:Mine"


def named(target: str) -> str:
    return adapter_class(target).name  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def same_modules_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test imports from its folder is forgotten, and so is the folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("parts", "later"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_two_files_of_one_stem_with_namesakes_beside_them_do_not_collide(tmp_path: Path) -> None:
    one, two = model(tmp_path / "one", "one"), model(tmp_path / "two", "two")
    assert [named(one), named(two), named(one)] == ["one", "two", "one"]
    assert adapter_class(one).__module__ != adapter_class(two).__module__


def test_a_module_beside_it_can_be_imported_later(tmp_path: Path) -> None:
    made = adapter_class(model(tmp_path, "mine"))()
    assert isinstance(made, StepAdapter)
    made.step(None)  # type: ignore[arg-type]
    assert made.later == "mine"  # type: ignore[attr-defined]


def test_what_lies_beside_a_file_does_not_come_before_what_is_installed(tmp_path: Path) -> None:
    target = model(tmp_path, "mine")
    (tmp_path / "soundfile.py").write_text("raise ImportError('not this one')")
    assert named(target) == "mine"
    assert sys.path.index(str(tmp_path)) == len(sys.path) - 1


def test_a_file_is_loaded_once_and_again_when_it_or_what_it_imports_has_changed(tmp_path: Path) -> None:
    target = model(tmp_path, "old")
    first = adapter_class(target)
    assert adapter_class(target) is first
    (tmp_path / "model.py").write_text(MODEL + "\n# changed\n")
    (tmp_path / "parts.py").write_text("NAME = 'new'")
    os.utime(tmp_path / "parts.py", (1, 1))  # a compiled copy is told from its source by the second
    assert named(target) == "new"


def test_what_its_classes_made_can_be_sent_to_another_process(tmp_path: Path) -> None:
    file = tmp_path / "my model é.py"
    file.write_text("class Thing:\n    pass\n\nclass Made:\n    thing = Thing()\n")
    from tml_bench.plugin_files import from_file

    (tmp_path / "thing").write_bytes(pickle.dumps(from_file(f"{file}:Thing")()))
    code = f"import pickle, tml_bench.plugins; print(pickle.load(open({str(tmp_path / 'thing')!r}, 'rb')))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert "Thing object" in done.stdout


@pytest.fixture
def bell(tmp_path: Path) -> str:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "bell.py").write_text(BELL)
    (folder / "parts.py").write_text("RING_S = 0.5")
    return f"{folder / 'bell.py'}:Bell"


def test_a_task_from_a_file_is_run_scored_and_reported(
    bell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = call("run", "--task", "tasks/bell.py:Bell", "--adapter", "echo", "--out", tmp_path, "--jobs", 2)
    assert ran.exit_code == 0, ran.output
    run = tmp_path / "bell-bell-1--echo"
    assert {a.outcome for a in attempts_of(run).values()} == {"valid"}
    assert (run / "bell" / "ring-0" / "1" / "manifest.json").is_file()
    scores = score_lines(run)
    assert len(scores) == 3
    monkeypatch.chdir("/")
    (run / "scores.jsonl").unlink()
    again = call("score", run)
    assert again.exit_code == 0, again.output
    assert score_lines(run) == scores
    assert call("report", run, "--out", tmp_path / "report").exit_code == 0
    picture = ("inspect", run / "bell" / "ring-0" / "1", "--picture", tmp_path / "p.png")
    assert call(*picture).exit_code == 0
    monkeypatch.setattr(plugins, "_named_files", set())  # as in another process
    place = f"{tmp_path / 'tasks' / 'bell.py'}:Bell"
    merged = ("merge", run, "--out", tmp_path / "whole")
    for command in (("score", run), picture, merged):
        refused = call(*command)
        assert refused.exit_code == 2
        assert f"the task is code in a file, {place}, not run because" in refused.output
        monkeypatch.setattr(plugins, "_named_files", set())
        told = call(*command, "--task-file", place)
        assert told.exit_code == 0, told.output
        monkeypatch.setattr(plugins, "_named_files", set())
    with pytest.raises(UserError, match="--task-file"):
        _ = tml_bench.Run(run).task


def test_a_task_s_file_that_is_gone_is_named(bell: str, tmp_path: Path) -> None:
    assert call("run", "--task", bell, "--adapter", "silent", "--out", tmp_path, "--jobs", 1).exit_code == 0
    (tmp_path / "tasks" / "bell.py").unlink()
    gone = call("score", tmp_path / "bell-bell-1--silent")
    assert gone.exit_code == 2
    assert f"{tmp_path / 'tasks' / 'bell.py'} does not exist" in gone.output


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("class Bell(Task)", "class Bell"), "is not a subclass of tml_bench.task.Task"),
        (('"bell", "Bell"', '"../bell", "Bell"'), "has the name '../bell'"),
        (
            ("from parts", "from no_parts"),
            "cannot be imported: ModuleNotFoundError: No module named 'no_parts'",
        ),
    ],
)
def test_a_mistake_in_a_task_s_file_is_one_clear_error(
    bell: str, change: tuple[str, str], problem: str
) -> None:
    file = Path(bell.rpartition(":")[0])
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(UserError) as found:
        load_task(bell)
    assert problem in found.value.problem
