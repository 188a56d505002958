"""Texts of data sets, models, names and paths are shown in the terminal, and never obeyed by it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import write_data
from hypothesis import given, strategies as st

from tml_bench import cli_data, plugins
from tml_bench.api import TerminalProgress
from tml_bench.cli import main
from tml_bench.cli_common import show_error
from tml_bench.errors import UserError
from tml_bench.files import file_sha256
from tml_bench.recording import Recording
from tml_bench.report.log import describe
from tml_bench.terminal_text import in_json, printable, say

pytestmark = pytest.mark.usefixtures("in_this_process")

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "runs"
HOSTILE = "x\x1b]0;owned\x07\x1b[31mred\x9b2J\r\x08\u202egnp[bold]"
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
RAISES = f"""
from tml_bench.adapter import StepAdapter

class Raises(StepAdapter):
    '''{HOSTILE.replace(chr(13), "")}'''
    def step(self, turn):
        raise RuntimeError({HOSTILE!r})
"""


def output(*arguments: object) -> str:
    """All that a command prints, and that nothing of it is obeyed."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit)
    assert not OBEYED.search(done.output), done.output
    return done.output


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A scored run, its recordings and its names full of what a terminal would obey."""
    folder = Path(shutil.copytree(GOLDEN / "fd-bench-v1-mini-1--delayed-700", tmp_path / "run"))
    for name in ("summary.json", "scores.jsonl"):
        text = (folder / name).read_text(encoding="utf-8")
        hostile = json.dumps(HOSTILE)[1:-1]
        (folder / name).write_text(text.replace("delayed:700", hostile), encoding="utf-8")
    return folder


def hostile_recording(run: Path) -> Path:
    """A recording whose events and names are full of what a terminal would obey."""
    (log,) = run.glob("*/*/*/session.jsonl")
    first, *rest = log.read_text(encoding="utf-8").splitlines(keepends=True)
    opened = json.loads(first) | {"adapter": HOSTILE, "sample": HOSTILE}
    note = {"kind": "note", "t_ns": 0, "text": HOSTILE}
    log.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (opened, note)) + "".join(rest),
        encoding="utf-8",
    )
    manifest = json.loads((log.parent / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"][log.name] = {"sha256": file_sha256(log), "bytes": log.stat().st_size}
    (log.parent / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return log.parent


def test_what_is_obeyed_is_a_space_and_lines_stay() -> None:
    assert printable("a\x1b[2Jb\n\tc\x9b\u202ed") == "a [2Jb\n\tc  d"
    assert printable("é – “quoted” \u05d0 👍🏽") == "é – “quoted” \u05d0 👍🏽"


@given(st.text())
def test_json_keeps_its_meaning(text: str) -> None:
    written = in_json(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    assert json.loads(written) == {"text": text}
    assert not OBEYED.search(written)


def test_running_and_scoring(tmp_path: Path) -> None:
    (tmp_path / "hostile.py").write_text(RAISES, encoding="utf-8")
    adapter, out = f"{tmp_path}/hostile.py:Raises", tmp_path / "out"
    data = write_data(tmp_path / "data")
    said = output(
        "run", "--task", "fd-bench-v1", "--adapter", adapter, "--data", data, "--out", out, "--jobs", 1,
        "--words", "transcript",
    )  # fmt: skip
    assert "[31mred" in said
    (folder,) = (path.parent for path in out.glob("*/run.json"))
    output("score", folder, "--words", "transcript", "--jobs", 1)


def test_report(run: Path, tmp_path: Path) -> None:
    assert "owned" in output("report", run, "-v", "--out", tmp_path / "report")
    output("report", run, "--task", "fd-bench-v1", "--out", tmp_path / "report")


def test_compare(run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "x\x1b[31m"))
    shutil.copytree(other, tmp_path / "both" / "one")
    shutil.copytree(other, tmp_path / "both" / "two")
    assert "fd-bench-v1" in output("compare", run, other, "-v", "--samples", 3)
    assert "x\\x1b[31m" in output("compare", other, tmp_path / "both")


def test_inspect(run: Path) -> None:
    place = hostile_recording(run)
    assert "owned" in output("inspect", place)
    lines = output("inspect", place, "--json").splitlines()
    assert json.loads(lines[0])["adapter"] == HOSTILE
    assert not any(OBEYED.search(line) for line in describe(Recording(place)))


@pytest.mark.parametrize("what", ["task", "adapter"])
def test_list(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise UserError(f"{name} does not load: {HOSTILE}")

    monkeypatch.setattr(plugins, f"{what}_names", lambda: [HOSTILE])
    monkeypatch.setattr(plugins, "load_task" if what == "task" else "adapter_class", broken)
    assert "cannot be used" in output("list", f"{what}s")


def test_errors_progress_and_paths(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    show_error(UserError(HOSTILE, HOSTILE))
    progress = TerminalProgress()
    progress.tell(HOSTILE)
    progress.warn(HOSTILE)
    with progress.bars() as bar:
        progress.tell(HOSTILE)
        bar(HOSTILE, 2)(HOSTILE)
    said = capsys.readouterr()
    assert said.err.count("owned") >= 6
    # A bar takes no names for markup; its own movements of the cursor are rich's.
    assert "[bold]" in said.err
    assert "\x1b]0;" not in said.err + said.out
    assert "\x07" not in said.err
    assert "error: " in output("report", tmp_path / HOSTILE.replace("/", ""))


def test_everything_is_printed_through_one_function() -> None:
    """Text that is printed otherwise is obeyed."""
    words = re.compile(r"\bclick\.(echo|secho|style)\(|(?<![\w.])print\(")
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tml_bench").rglob("*.py")
        if words.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"tml_bench/terminal_text.py", "tml_bench/conformance/answering.py"}
    assert cli_data.say is say
