"""The command line: help with examples, exit codes, errors as one clear line."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result
from fakes import attempts_of, write_data

from tml_bench.cli import main

pytestmark = pytest.mark.usefixtures("without_pictures")

RAISES = """
from tml_bench.adapter import StepAdapter

class Raises(StepAdapter):
    def step(self, turn):
        raise RuntimeError("no")

class Unloadable(StepAdapter):
    def __init__(self):
        raise RuntimeError("no weights")
    def step(self, turn):
        return None
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[Result, Path]:
    """A run of one adapter, and its folder."""
    out = tmp_path_factory.mktemp("results")
    result = call(
        "run", "--task", "fd-bench-v1", "--adapter", "delayed:200", "--data", data, "--out", out, "--jobs", 2
    )
    (run,) = (path for path in out.iterdir() if (path / "run.json").is_file())
    return result, run


def test_the_help_tells_the_exit_codes() -> None:
    text = call("--help").output
    for code in ("0    done", "1    a check failed", "2    wrong usage", "3    done, but", "130  stopped"):
        assert code in text


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_s_help_has_an_example(name: str) -> None:
    result = call(name, "--help")
    assert result.exit_code == 0
    assert f"  tml-bench {name}" in result.output


@pytest.mark.parametrize("name", sorted(main.commands["judge"].commands))
def test_every_judge_command_s_help_has_an_example(name: str) -> None:
    result = call("judge", name, "--help")
    assert result.exit_code == 0
    assert f"  tml-bench judge {name}" in result.output


def test_the_command_line_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'soundfile', 'soxr', 'matplotlib', 'cv2', 'av', 'rich', 'msgspec'}"
    code = f"import sys, tml_bench.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_ends_with_0_a_leaderboard_and_a_report(done: tuple[Result, Path]) -> None:
    result, run = done
    assert result.exit_code == 0, result.output
    assert "delayed:200" in result.output
    for name in ("report.md", "report.csv", "report.json", "index.html"):
        assert (run.parent / "report" / name).stat().st_size > 0
    assert {a.outcome for a in attempts_of(run).values()} == {"valid"}


def test_a_run_ends_in_the_board_its_time_and_the_page(done: tuple[Result, Path]) -> None:
    lines = done[0].stdout.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    (place,) = (k for k, line in enumerate(lines) if line.startswith("delayed:200"))
    assert lines[place - 1].startswith("rulers")
    assert re.fullmatch(r"took [0-9.]+ m?i?n? ?[0-9]* ?s; report: \S+/report/index.html", lines[-1])
    assert len(lines) <= 24


def test_more_or_less_is_printed(done: tuple[Result, Path], data: Path, tmp_path: Path) -> None:
    _, run = done
    command = ("--task", "fd-bench-v1", "--adapter", "delayed:200", "--data", data, "--out", run.parent)
    assert call("run", *command, "-q").output == ""
    assert call("score", run, "-q").output == ""
    assert call("report", run, "--out", tmp_path, "-q").output == ""
    short = call("report", run, "--out", tmp_path).stdout
    long = call("report", run, "--out", tmp_path, "-v").stdout
    assert long.endswith(short)
    assert "95 % interval" in long
    assert "95 % interval" not in short
    everything = call("report", run, "--out", tmp_path / "none", "--task", "fd-bench-v1").stdout
    for said in ("Runs and versions", "What every blind strategy reaches", "How the samples ended"):
        assert said in everything
    assert not (tmp_path / "none").exists()
    other = call("report", run, "--task", "charades")
    assert other.exit_code == 2
    assert "there are runs of: fd-bench-v1" in other.output


@pytest.mark.parametrize("colours", [True, False])
def test_the_board_stands_on_a_terminal_of_80_by_24(tmp_path: Path, colours: bool) -> None:
    runs = sorted(str(p) for p in (Path(__file__).parent / "golden" / "runs").iterdir())
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    unset = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    environment = kept | {"TERM": "xterm-256color"} | ({} if colours else {"NO_COLOR": "1"})
    program = str(Path(sys.executable).parent / "tml-bench")
    command = [program, "report", *runs, "--out", str(tmp_path)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        while part := _read(ours):
            said += part
    os.close(ours)
    text = said.decode().replace("\r\n", "\n")
    assert process.returncode == 0, text
    assert ("\x1b[" in text) is colours
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert len(lines) < 24


def _read(terminal: int) -> bytes:
    """What comes next; nothing once the program has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def test_the_same_command_has_nothing_left_to_do(done: tuple[Result, Path], data: Path) -> None:
    _, run = done
    before = (run / "attempts.jsonl").read_bytes(), (run / "scores.jsonl").read_bytes()
    again = call(
        "run", "--task", "fd-bench-v1", "--adapter", "delayed:200", "--data", data, "--out", run.parent
    )
    assert again.exit_code == 0
    assert ((run / "attempts.jsonl").read_bytes(), (run / "scores.jsonl").read_bytes()) == before


def test_scoring_again_gives_the_same_bytes(done: tuple[Result, Path]) -> None:
    _, run = done
    before = (run / "scores.jsonl").read_bytes()
    (run / "scores.jsonl").unlink()
    assert call("score", run).exit_code == 0
    assert (run / "scores.jsonl").read_bytes() == before


def test_a_report_is_written_where_it_is_wanted(done: tuple[Result, Path], tmp_path: Path) -> None:
    result = call("report", done[1], "--out", tmp_path / "report")
    assert result.exit_code == 0
    assert (tmp_path / "report" / "index.html").is_file()


def test_a_recording_is_printed_readably_and_raw(done: tuple[Result, Path]) -> None:
    place = next(done[1].glob("*/*/*/manifest.json")).parent
    assert call("inspect", place).exit_code == 0
    raw = call("inspect", place, "--json")
    assert json.loads(raw.output.splitlines()[0])["kind"] == "session"
    assert raw.output.encode() == (place / "session.jsonl").read_bytes()


@pytest.mark.parametrize(("what", "name"), [("tasks", "fd-bench-v1"), ("adapters", "delayed")])
def test_what_is_installed_is_listed(what: str, name: str) -> None:
    result = call("list", what)
    assert result.exit_code == 0
    assert name in result.output


@pytest.mark.usefixtures("here")
def test_samples_without_a_valid_outcome_end_with_3(tmp_path: Path, data: Path) -> None:
    (tmp_path / "bad.py").write_text(RAISES)
    adapter = f"{tmp_path / 'bad.py'}:Raises"
    result = call(
        "run",
        "--task",
        "fd-bench-v1",
        "--adapter",
        adapter,
        "--data",
        data,
        "--out",
        tmp_path / "out",
        "--jobs",
        1,
    )
    assert result.exit_code == 3, result.output
    assert "step raised RuntimeError: no" in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("here")
def test_an_adapter_that_cannot_be_loaded_ends_with_2(tmp_path: Path, data: Path) -> None:
    (tmp_path / "bad.py").write_text(RAISES)
    adapter = f"{tmp_path / 'bad.py'}:Unloadable"
    result = call(
        "run",
        "--task",
        "fd-bench-v1",
        "--adapter",
        adapter,
        "--data",
        data,
        "--out",
        tmp_path / "out",
        "--jobs",
        1,
    )
    assert result.exit_code == 2, result.output
    assert "cannot be loaded: RuntimeError: no weights" in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("here")
def test_exchanges_of_another_harness_are_imported_and_scored(tmp_path: Path) -> None:
    subset = "candor_turn_taking"
    folder = write_data(tmp_path / "theirs") / subset / "1"
    soundfile.write(folder / "output.wav", soundfile.read(folder / "input.wav")[0], 16000)
    (folder / "output.json").write_text('{"text": "hi", "chunks": [{"text": "hi", "timestamp": [0.1, 0.4]}]}')
    run = tmp_path / "run"
    result = call("import", "fd-bench-v1", tmp_path / "theirs" / subset, "--name", "theirs", "--out", run)
    assert result.exit_code == 0, result.output
    assert "imported 1 exchanges" in result.output
    assert call("score", run).exit_code == 0
    assert (run / "scores.jsonl").read_bytes().count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--adapter", "nobody"), "there is no adapter 'nobody'"),
        (("run", "--adapter", "none.py:Mine"), "none.py does not exist"),
        (("run", "--adapter", "delayed:colour=red"), "unexpected keyword argument 'colour'"),
        (("run", "--adapter", ""), "names nothing"),
        (("run", "--task", "nothing"), "there is no task 'nothing'"),
        (("run", "--task", "fd-bench-v1", "--data", "nowhere"), "nowhere"),
        (("run", "--task", "fd-bench-v1", "--subset", "nothing"), "nothing"),
        (("run", "--tick", "10"), "20 to 1000 ms"),
        (("run", "--tick", "1001"), "20 to 1000 ms"),
        (("run", "--tick", "fast"), "'fast' is not a valid integer"),
        (("run", "--compute", "recorded"), "--replay"),
        (("run", "--replay", "x"), "--compute recorded"),
        (
            ("run", "--adapter", "silent", "--compute", "recorded", "--replay", "nowhere"),
            "is not a run",
        ),
        (("run", "--max-session", "0"), "cannot last 0 s"),
        (("run", "--max-session", "nan"), "cannot last nan s"),
        (("run", "--max-session", "inf"), "cannot last inf s"),
        (("run", "--jobs", "0"), "--jobs"),
        (("run", "--step-timeout", "0"), "--step-timeout"),
        (("run", "--limit", "-1"), "--limit"),
        (("score", "nowhere"), "run.json does not exist"),
        (("score", __file__), "run.json does not exist"),
        (("report", "nowhere"), "summary.json does not exist"),
        (("inspect", "nowhere"), "is not a recording"),
        (("import", "nothing", "nowhere"), "there is no task 'nothing'"),
        (("import", "fd-bench-v1", "nowhere"), "nowhere"),
        (("list", "things"), "'things'"),
        (("dance",), "No such command 'dance'"),
    ],
)
def test_a_mistake_ends_with_2_and_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_damaged_recording_is_said_to_be(done: tuple[Result, Path], tmp_path: Path) -> None:
    import shutil

    place = tmp_path / "copy"
    shutil.copytree(next(done[1].glob("*/*/*/manifest.json")).parent, place)
    (place / "model.flac").write_bytes(b"")
    result = call("inspect", place)
    assert result.exit_code == 2
    assert "model.flac: its SHA-256 is not the one" in result.output


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = call("run", "--task", "fd-bench-v1", "--out", tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "Not a directory" in result.output
    assert "choose another folder" in result.output
