"""What strangers wrote hurts nobody: names and paths in data, and links in a run's folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from fakes import attempts_of, score_lines
from hypothesis import given, strategies as st

import tml_bench
from tml_bench import own_folder
from tml_bench.cli import main
from tml_bench.data_folder import only_within
from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.names import LONGEST_ID, folded, is_safe_name, name_flaw, shown_name, stand_in
from tml_bench.outcome import Outcome
from tml_bench.own_folder import append_own, move_own, own_place, remove_own
from tml_bench.runs.removal import start_over

TASK = f"{Path(__file__).with_name('hostile_task.py')}:Listed"
UNSAFE = (
    "", ".", "..", "../../home/Documents", "/home/me", "a/b", "a\\b", "C:x", "a\0b", "a\nb", "x" * 4096,
    "é" * 101, "CON", "nul.txt", "Com1.log", "lpt¹", "end.", "end ", " start", ".lock", "rtl\u202egnp",
    "zero\u200bwidth", "lone\ud800", "line\u2028", "what?", "a|b",
)  # fmt: skip
SAFE = (
    "good", "3MSZA", "user_interruption-7", "two words", "emoji-👍", "👨\u200d👩\u200d👧", "日本", "a..b",
    "x" * 200,
)  # fmt: skip

Tree = dict[str, bytes | str]


def tree(root: Path) -> Tree:
    """All that is in a folder: content of files, where links lead, and folders."""
    found: Tree = {}
    for folder, folders, files in os.walk(root):
        for path in (Path(folder, name) for name in (*folders, *files)):
            linked = path.is_symlink()
            content = os.readlink(path) if linked else path.read_bytes() if path.is_file() else "folder"
            found[path.relative_to(root).as_posix()] = content
    return found


def sound(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(1600, np.float32), 16000, subtype="PCM_16")
    return path


@pytest.mark.parametrize("name", UNSAFE)
def test_what_is_no_safe_name_says_why_and_has_one_that_stands_for_it(name: str) -> None:
    assert name_flaw(name, LONGEST_ID)
    assert is_safe_name(stand_in(name))
    shown = shown_name(name)
    assert shown.isprintable()
    assert len(shown) <= 60


@pytest.mark.parametrize("name", SAFE)
def test_safe_names_are_fine(name: str) -> None:
    assert name_flaw(name, LONGEST_ID) == ""


@given(st.text())
def test_a_safe_name_is_one_part_of_a_path_that_can_be_made(text: str) -> None:
    assert is_safe_name(stand_in(text))
    if is_safe_name(text):
        assert Path("/root", text).parts == ("/", "root", text)
        assert len(os.fsencode(text)) <= 255
        assert shown_name(text)[1:-1].isprintable()


def test_names_that_some_file_systems_take_for_one() -> None:
    assert folded("Straße") == folded("STRASSE")
    assert folded("é") == folded("e\u0301")
    assert folded("a") != folded("b")


def test_a_hostile_set_changes_nothing_outside_and_the_rest_is_scored(tmp_path: Path) -> None:
    private, data = sound(tmp_path / "home" / "Documents" / "private.wav"), tmp_path / "data"
    sound(data / "good.wav")
    (data / "link.wav").symlink_to(private)
    (data / "inner.wav").symlink_to(data / "good.wav")
    (data / "folder").symlink_to(private.parent)
    ids = (*UNSAFE, str(private.parent), "../../../home/Documents", *SAFE, "GOOD")
    outside = {
        "linked": "link.wav", "stepped": "../home/Documents/private.wav", "absolute": str(private),
        "through": "folder/private.wav", "zero": "a\0b.wav",
    }  # fmt: skip
    listed = [{"id": name, "audio": "good.wav"} for name in ids]
    listed += [{"id": name, "audio": audio} for name, audio in outside.items()]
    listed += [
        {"id": "inner", "audio": "inner.wav"},
        {"id": "other-part", "audio": "good.wav", "subset": "../all"},
        {"id": "of-two", "audio": "good.wav", "companion": "../x"},
    ]
    (data / "list.json").write_text(json.dumps(listed))
    before = tree(tmp_path)

    def ran(out: str, **more: bool) -> tml_bench.Run:
        return tml_bench.run(
            TASK, Quiet, data=data, out=tmp_path / "results" / out, progress=False, words="transcript", **more
        )

    run = ran("kept")
    assert {name: what for name, what in tree(tmp_path).items() if not name.startswith("results")} == before
    found = attempts_of(run.path)
    assert len(found) == len({one["id"] for one in listed})
    usable = {*SAFE, "inner", "of-two"}
    assert {name for name, attempt in found.items() if attempt.outcome is Outcome.VALID} == usable
    assert score_lines(run.path).keys() == usable - {"of-two"}, "its companion cannot be played"
    reasons = {name: attempt.reason for name, attempt in found.items()}
    assert reasons[stand_in("a\nb")] == (
        "its id 'a\\nb' is no safe name: it holds the character U+000A, which is not seen; "
        "give it a name that every file system takes"
    )
    assert "differs from good in case only" in reasons["GOOD"]
    assert reasons["other-part"].startswith("its subset '../all' is no safe name: it holds /")
    assert "'a\\x00b.wav' is no name of a file" in reasons["zero"]
    for name in outside.keys() - {"zero"}:
        assert "leads out of the data's folder" in reasons[name]
        assert "--allow-outside" in reasons[name]
    assert all(reason.isprintable() for reason in reasons.values())
    allowed = attempts_of(ran("allowed", allow_outside=True).path)
    assert {name for name in outside if allowed[name].outcome is Outcome.VALID} == {*outside} - {"zero"}
    assert {name: what for name, what in tree(tmp_path).items() if not name.startswith("results")} == before
    again = tml_bench.score(run.path, words="transcript", progress=False)
    assert again.scores.keys() == usable - {"of-two"}, "loaded again they are the same samples"


class Quiet(tml_bench.StepAdapter):
    def step(self, turn: tml_bench.MicroTurn) -> None:
        return None


def test_a_loader_reads_nothing_that_lies_outside(tmp_path: Path) -> None:
    private, data = sound(tmp_path / "private.wav"), tmp_path / "data"
    data.mkdir()
    (data / "link.wav").symlink_to(private)
    assert probe(data / "link.wav").frames == 1600
    with only_within(data):
        for path in (data / "link.wav", data / ".." / "private.wav", private, tmp_path / "missing.wav"):
            with pytest.raises(BadSampleError, match="leads out of the data's folder"):
                probe(path)
    with only_within(data, tmp_path):
        assert probe(private).frames == 1600


LINKS = (
    ".lock", "run.json", "attempts.jsonl", ".aside", "timelines", "timelines/good-1.json", "listed",
    "listed/good", "listed/good/1", "user", "user/replies", "scores.jsonl", "summary.json",
    "scoring-tracebacks.txt",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Data of two samples, and a run of them of which one is to be done."""
    root = tmp_path_factory.mktemp("made")
    data = root / "data"
    sound(data / "good.wav")
    listed = [{"id": name, "audio": "good.wav"} for name in ("good", "better")]
    (data / "list.json").write_text(json.dumps(listed))
    run = tml_bench.run(TASK, Quiet, data=data, out=root / "out", progress=False, words="transcript")
    log = run.path / "attempts.jsonl"
    log.write_bytes(b"".join(line for line in log.read_bytes().splitlines(True) if b"better" in line))
    return data, run.path


def commands(data: Path, run: Path) -> tuple[Callable[[], object], ...]:
    """What writes to a run, or beside it."""
    options = {"data": data, "out": run.parent, "progress": False, "words": "transcript"}
    return (
        lambda: tml_bench.score(run, words="transcript", progress=False, jobs=1),
        lambda: tml_bench.run(TASK, Quiet, **options),  # type: ignore[arg-type]
        lambda: start_over(run),
    )


@pytest.mark.parametrize("place", LINKS)
def test_links_in_a_strangers_run_are_never_followed(
    place: str, made: tuple[Path, Path], tmp_path: Path, without_pictures: None
) -> None:
    data, stored = made
    victim = tmp_path / "home"
    (victim / "Documents").mkdir(parents=True)
    (victim / "letter.txt").write_text("mine")
    for number in range(3):
        run = tmp_path / str(number) / stored.name
        shutil.copytree(stored, run)
        link = run / place
        lead = victim / f"{number}-{link.name}"
        if link.exists():
            shutil.move(link, lead)
        elif "." in link.name and place != ".aside":
            lead.write_text("mine")
        else:
            lead.mkdir()
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(lead)
        before = tree(victim)
        refused = ""
        try:
            commands(data, run)[number]()
        except UserError as error:
            refused = str(error)
        assert tree(victim) == before, (number, refused)
        assert not refused or "link" in refused or "not a run" in refused


def test_a_part_that_is_no_name_never_leaves_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    for part in ("..", "", ".", "../kept", str(tmp_path / "kept"), "a/b", "a\0"):
        with pytest.raises(UserError, match="leads out of"):
            own_place(root, part)
        with pytest.raises(UserError, match="leads out of"):
            remove_own(root, "inner", part)
    os.mkfifo(root / "pipe")
    with pytest.raises(UserError, match="no file and no folder"):
        own_place(root, "pipe")
    assert (tmp_path / "kept").is_dir()


def test_a_link_that_appears_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, kept, fresh = tmp_path / "root", tmp_path / "kept", tmp_path / "fresh"
    for folder in (root, kept / "sample", fresh):
        folder.mkdir(parents=True)
    (kept / "sample" / "letter.txt").write_text("mine")
    (root / "task").symlink_to(kept)
    before = tree(kept)
    # As if it had been no link when it was looked at.
    monkeypatch.setattr(own_folder, "own_place", lambda root, *parts: root.joinpath(*parts))
    for act in (lambda: remove_own(root, "task", "sample"), lambda: move_own(fresh, root, "task", "sample")):
        with pytest.raises(UserError, match="is a link"):
            act()
    assert tree(kept) == before


def test_a_file_that_two_folders_have_is_appended_to_in_one(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"one\n")
    os.link(tmp_path / "theirs", tmp_path / "log")
    with append_own(tmp_path, "log") as log:
        log.write(b"two\n")
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "theirs").read_bytes() == b"one\n"


def unsealed(run: Path) -> dict[str, dict[str, object]]:
    stored: dict[str, dict[str, object]] = json.loads((run / "run.json").read_text())
    return {name: value for name, value in stored.items() if name in ("config", "environment", "identity")}


def test_code_that_comes_with_a_run_is_not_executed(made: tuple[Path, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(made[1], run)
    (run / "evil.py").write_text(f"open({str(tmp_path / 'done')!r}, 'w')")
    stored = unsealed(run)
    for file in (run / "evil.py", "evil.py", tmp_path / "other" / ".." / "run" / "evil.py"):
        stored["config"]["task_file"] = f"{file}:Evil"
        (run / "run.json").write_text(json.dumps(stored))  # a stranger leaves the seal out
        with pytest.raises(UserError, match="comes with the run"):
            tml_bench.score(run, progress=False)
    (tmp_path / "evil.py").write_text((run / "evil.py").read_text())
    stored["config"]["task_file"] = f"{tmp_path / 'evil.py'}:Evil"
    (run / "run.json").write_text(json.dumps(stored))
    with pytest.raises(UserError, match="not run because a run's folder says so"):
        tml_bench.score(run, progress=False)
    stored["config"] |= {"task_file": "", "task": f"{tmp_path / 'evil.py'}:Evil"}
    (run / "run.json").write_text(json.dumps(stored))
    with pytest.raises(UserError, match="no name of a task"):
        tml_bench.score(run, progress=False)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("network", "{"), ("network", '{"name": 1}'), ("compute", "none"), ("schema", "tml-bench/run/2.0")],
)
def test_settings_that_are_none_are_told_by_name(
    field: str, value: str, made: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    stored = unsealed(made[1])
    stored["config"][field] = value
    (run / "run.json").write_text(json.dumps(stored))  # a stranger leaves the seal out
    with pytest.raises(UserError, match=r"run\.json: "):
        tml_bench.score(run, progress=False)


def test_an_adapter_that_is_named_twice_is_run_once(made: tuple[Path, Path], tmp_path: Path) -> None:
    runs = tml_bench.run(
        TASK, ["silent", "silent"], data=made[0], out=tmp_path, progress=False, words="transcript", jobs=1
    )
    assert [run.complete for run in runs] == [True]


def test_errors_show_control_characters_as_escapes() -> None:
    error = UserError("\x1b[31m\u202egnp\x9b", "a\nb\ud800")
    assert (error.problem, error.remedy) == ("\\x1b[31m\\u202egnp\\x9b", "a\nb\\ud800")
    assert str(error) == f"{error.problem}. {error.remedy}"


def test_no_command_writes_through_a_link(
    made: tuple[Path, Path], tmp_path: Path, without_pictures: None
) -> None:
    _, stored = made
    victim = tmp_path / "home"
    victim.mkdir()
    (victim / "letter.txt").write_text("mine")
    results = tmp_path / "results"
    run, report, exported = results / stored.name, results / "report", results / "view"
    shutil.copytree(stored, run)
    report.mkdir()
    exported.mkdir()
    shutil.move(run / "timelines", victim / "timelines")
    shutil.copytree(run / "listed", victim / "listed")
    (run / "timelines").symlink_to(victim / "timelines")
    (run / "linked").symlink_to(victim / "listed")
    (report / "report.csv").symlink_to(victim / "letter.txt")
    (run / ".lock").unlink(missing_ok=True)
    (run / ".lock").symlink_to(victim / "letter.txt")
    (exported / "tml-bench-export.json").write_text(
        json.dumps({"files": ["data/../../../home/letter.txt"], "schema": "tml-bench/viewer-export/1.0"})
    )
    (exported / "index.html").symlink_to(victim / "letter.txt")
    before = tree(victim)

    def ended(*arguments: object) -> str:
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == 2, (arguments, done.output)
        assert tree(victim) == before, arguments
        return done.output

    assert "is a link" in ended("report", run, "--out", report)
    assert "is a link" in ended("inspect", run / "linked" / "good" / "1", "--picture", tmp_path / "p.svg")
    assert "is a link" in ended("inspect", run / "listed" / "good" / "1", "--picture", tmp_path / "p.svg")
    assert "is a link" in ended("view", run, "--export", exported)
    assert "is a link" in ended("import", "fd-bench-v1", exchange(tmp_path / "theirs"), "--out", run)
    assert "is a link" in ended("merge", run, "--out", results)
    tml_bench.score(run, progress=False, words="transcript", jobs=1)
    assert tree(victim) == before


def exchange(folder: Path) -> Path:
    place = folder / "candor_turn_taking" / "1"
    sound(place / "input.wav")
    sound(place / "output.wav")
    (place / "turn_taking.json").write_text('[{"timestamp": [0.05, 0.06]}]')
    return folder
