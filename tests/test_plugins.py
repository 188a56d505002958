"""Adapters and tasks by name, by file, with options; every mistake is one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tml_bench.adapters.reference import Delayed, Silent
from tml_bench.errors import UserError
from tml_bench.plugins import (
    adapter_class,
    adapter_names,
    load_task,
    make_adapter,
    parse_adapter_spec,
    task_names,
)
from tml_bench.runs.plan import run_name

MINE = """
from tml_bench.adapter import StepAdapter

class Mine(StepAdapter):
    def __init__(self, device="cpu", size=1, loud=False):
        self.options = (device, size, loud)
    def step(self, turn):
        return None

class NotOne:
    pass

class Abstract(StepAdapter):
    pass
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my model.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize(
    ("text", "target", "args", "kwargs", "slug"),
    [
        ("silent", "silent", (), {}, "silent"),
        ("delayed:400", "delayed", (400,), {}, "delayed-400"),
        ("delayed:1.5,8000", "delayed", (1.5, 8000), {}, "delayed-1.5-8000"),
        ("delayed:ms=400,audio_out=48000", "delayed", (), {"ms": 400, "audio_out": 48000},
         "delayed-ms=400-audio_out=48000"),
        ("a/b.py:C", "a/b.py:C", (), {}, "b-C"),
        ("C:\\x\\b.py:C:device=cuda:0", "C:\\x\\b.py:C", (), {"device": "cuda:0"}, None),
        ("wire:ws://h:8765", "wire", ("ws://h:8765",), {}, "wire-ws-h-8765"),
        ("wire:ws://bench.py:80/p?a=b", "wire", ("ws://bench.py:80/p?a=b",), {}, None),
        ("b.py:C:url=wss://h.py:1/?q=2,s=3", "b.py:C", (), {"url": "wss://h.py:1/?q=2", "s": 3}, None),
        ("b.py:C:True,x=false,y=a=b", "b.py:C", (True,), {"x": False, "y": "a=b"}, "b-C-True-x=false-y=a=b"),
    ],
)  # fmt: skip
def test_what_is_given_on_the_command_line(text, target, args, kwargs, slug) -> None:  # type: ignore[no-untyped-def]
    spec = parse_adapter_spec(text)
    assert (spec.text, spec.target, spec.args, spec.kwargs) == (text, target, args, kwargs)
    if slug is not None:
        assert spec.slug == slug


@given(st.text(max_size=40))
def test_any_text_is_a_spec_or_an_error_with_a_name_for_folders(text: str) -> None:
    try:
        spec = parse_adapter_spec(text)
    except UserError:
        return
    assert not set(spec.slug) & set("/\\: \n\0*?")
    folder = run_name("task", "mini-1", spec)
    assert Path(folder).name == folder


def test_an_adapter_from_a_file_gets_its_options(file: Path) -> None:
    made = make_adapter(parse_adapter_spec(f"{file}:Mine:cuda:0,size=3,loud=true"))
    assert made.options == ("cuda:0", 3, True)  # type: ignore[attr-defined]


def test_an_adapter_by_name_gets_its_options() -> None:
    made = make_adapter(parse_adapter_spec("delayed:300,audio_out=8000"))
    assert isinstance(made, Delayed)
    assert (made.ms, made.audio_out) == (300, 8000)
    assert isinstance(make_adapter(parse_adapter_spec("silent")), Silent)


def test_every_installed_adapter_can_be_made() -> None:
    assert {"silent", "oracle", "always-on", "echo", "delayed", "early"} <= set(adapter_names())
    for name in ("silent", "oracle", "always-on", "echo", "delayed", "early"):
        assert adapter_class(name).audio_out > 0


def test_every_installed_task_can_be_loaded() -> None:
    assert "fd-bench-v1" in task_names()
    for name in task_names():
        assert load_task(name).name == name


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("nobody", "there is no adapter 'nobody'.*silent"),
        ("{folder}/none.py:Mine", "none.py does not exist"),
        ("{file}:Nobody", "has no 'Nobody'"),
        ("{file}:NotOne", "is not a subclass of tml_bench.adapter.StepAdapter"),
        ("{file}:Abstract", "Abstract has no step. define it"),
        ("{file}:Mine:colour=red", "unexpected keyword argument 'colour'"),
        ("{file}:Mine:1,2,3,4", "positional arguments"),
        ("delayed:ms=x", r"ms=x is no float\. its options are ms: float = 700, audio_in"),
        ("chat:timeout_s=long", "timeout_s=long is no float"),
        ("pipecat:rtvi=maybe", "rtvi=maybe is no bool"),
        ("", "names nothing"),
        (":400", "names nothing"),
        ("{folder}/broken.py:A", "broken.py cannot be imported: SyntaxError"),
        ("{folder}/exits.py:A", "exits.py cannot be imported: SystemExit: 3"),
        (
            "{folder}/needs.py:A",
            "needs.py cannot be imported: ModuleNotFoundError: No module named 'no_such'",
        ),
    ],
)
def test_a_mistake_is_one_clear_error(file: Path, target: str, problem: str) -> None:
    (file.parent / "broken.py").write_text("def")
    (file.parent / "exits.py").write_text("raise SystemExit(3)")
    (file.parent / "needs.py").write_text("import no_such")
    with pytest.raises(UserError, match=problem):
        make_adapter(parse_adapter_spec(target.format(file=file, folder=file.parent)))


def test_a_task_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(UserError, match=r"no task 'nothing'.*fd-bench-v1"):
        load_task("nothing")
