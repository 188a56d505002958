"""What was heard is kept beside runs: it is used where nothing has changed, and nowhere else."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from fakes import no_workers, replaced_by_a_copy
from hypothesis import given, settings, strategies as st

import tml_bench
from tml_bench.perception import asr
from tml_bench.perception.perceive import WordMode
from tml_bench.plugins import load_task
from tml_bench.runs import heard_index, recorded
from tml_bench.runs.heard_index import FOLDER, HeardIndex
from tml_bench.runs.heard_recording import HeardRecording
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record_all
from tml_bench.runs.recorded import damaged
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import StoredRun, open_run
from tml_bench.scoring import timelines
from tml_bench.seals import sealed

TASK, SUBSET = "fd-bench-v1", "synthetic_user_interruption"
RESULTS = "scores.jsonl", "summary.json", "verdicts.jsonl"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a model that speaks with a transcript and of one that has none, scored once."""
    with pytest.MonkeyPatch.context() as patch, no_workers():
        patch.setattr(type(load_task(TASK)), "family", lambda task, samples: {})
        folder = tmp_path_factory.mktemp("made")
        tml_bench.run(
            [TASK], ["delayed:200", "echo"], out=folder, subsets=[SUBSET], limit=2, progress=False,
            words="transcript",
        )  # fmt: skip
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Iterator[list[Path]]:
    """Copies of them, scored in their new place."""
    out = Path(shutil.copytree(made, tmp_path / "results"))
    found = sorted(out.glob("*--*"))
    with no_workers():
        score(found)
        yield found


def score(runs: list[Path], words: WordMode = "transcript") -> list[dict[str, bytes]]:
    """Their results once they are scored again."""
    tml_bench.score(runs, words=words, progress=False)
    return [{name: (run / name).read_bytes() for name in RESULTS if (run / name).exists()} for run in runs]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The recordings that are opened, in order."""
    found: list[Path] = []
    for module in (timelines, recorded):
        real = module.Recording

        def open_recording(folder: Path, real: type = real, **how: bool) -> object:
            found.append(folder)
            return real(folder, **how)

        monkeypatch.setattr(module, "Recording", open_recording)
    return found


def kept(run: Path) -> Path:
    return run.parent / FOLDER / f"{run.name}.jsonl"


def files_of(run: Path) -> list[Path]:
    """All that lines of a run were made of, of one sample."""
    sample = f"{SUBSET}-1"
    return [*sorted((run / TASK / sample / "1").iterdir()), *sorted((run / "timelines").glob(f"{sample}-1*"))]


def test_a_run_that_is_scored_again_opens_no_recording(runs: list[Path], opened: list[Path]) -> None:
    first = score(runs)
    assert opened == []
    for run in runs:
        assert len(kept(run).read_bytes().splitlines()) == 2
        kept(run).unlink()
    assert score(runs) == first
    assert len(opened) == 4


def test_a_run_just_recorded_is_scored_without_its_recordings_too(tmp_path: Path, opened: list[Path]) -> None:
    """In real processes, which hear what they record."""
    request = RunRequest(tasks=(TASK,), adapters=("delayed:200",), out=tmp_path, selection=Selection(limit=1))
    plans = plan_runs(request)
    with Pool(2, 60.0) as pool:
        record_all({pool: plans}, lambda line: None, words="transcript")
        stored = open_run(plans[0].path)
        (heard,) = timelines.timelines_of([stored], pool, lambda line: None, "transcript")
        assert opened == []
        shutil.rmtree(tmp_path / FOLDER)
        (again,) = timelines.timelines_of([stored], pool, lambda line: None, "transcript")
    assert len(opened) == len(stored.samples)
    assert {**heard.timelines} == {**again.timelines}
    assert {**heard.facts} == {**again.facts}
    assert [*heard.facts] == [*again.facts] == [sample.id for sample in stored.samples]


def test_a_finished_run_is_continued_without_opening_what_is_whole(
    runs: list[Path], opened: list[Path]
) -> None:
    for run in runs:
        stored = open_run(run)
        assert damaged(run, stored.file, stored.attempts.values()) == {}
    assert opened == []


@pytest.mark.parametrize("which", range(5))
def test_whatever_is_written_is_looked_at_again(runs: list[Path], opened: list[Path], which: int) -> None:
    """Also where size and time of writing are put back as they were."""
    (run, _), first = runs, score(runs)
    file = files_of(run)[which]
    about, content = file.stat(), bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    now = score(runs)
    assert opened == [run / TASK / f"{SUBSET}-1" / "1"]
    assert now[1] == first[1]
    if file.parent.name == "timelines":
        assert now[0] == first[0], "it is made anew"
    else:
        assert b"infrastructure" in now[0]["summary.json"]
        stored = open_run(run)
        assert list(damaged(run, stored.file, stored.attempts.values())) == [f"{SUBSET}-1"]


def _other_code(run: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(heard_index, "hearing_code_of", lambda task, config: ("other",))


def _copied(run: Path, patch: pytest.MonkeyPatch) -> None:
    replaced_by_a_copy(run)


def _timelines_gone(run: Path, patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(run / "timelines")


@pytest.mark.parametrize("change", [_other_code, _copied, _timelines_gone])
def test_what_may_be_another_is_looked_at_again(
    runs: list[Path],
    opened: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    first = score(runs[:1])
    change(runs[0], monkeypatch)
    assert score(runs[:1]) == first
    assert len(opened) == 2
    assert score(runs[:1]) == first
    assert len(opened) == 2, "it is kept again"


def test_words_from_elsewhere_are_looked_for(runs: list[Path], opened: list[Path]) -> None:
    score(runs[:1], "auto")
    assert len(opened) == 2


def test_recognition_that_is_not_there_is_told_of_each_sample(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asr, "missing", lambda model=None: "recognition is not here")
    (now,) = score(runs[:1], "asr")
    assert not now["scores.jsonl"]
    assert b'"infrastructure": 2' in now["summary.json"]
    assert tml_bench.Run(runs[0]).attempts.keys() == {f"{SUBSET}-1", f"{SUBSET}-2"}


def _torn(line: bytes) -> bytes:
    return line[: len(line) // 2]


def _digit(line: bytes) -> bytes:
    return line.replace(b'"duration_s":', b'"duration_s":1', 1)


def _other_key(line: bytes) -> bytes:
    found = msgspec.json.decode(line)
    return sealed(msgspec.json.encode({name: found[name] for name in found if name != "seal"} | {"key": "x"}))


@pytest.mark.parametrize("damage", [_torn, _digit, _other_key, lambda line: b"\xff\0", lambda line: b"[]"])
def test_a_damaged_index_is_made_anew(
    runs: list[Path], opened: list[Path], damage: Callable[[bytes], bytes]
) -> None:
    first, whole = score(runs[:1]), kept(runs[0]).read_bytes()
    one, other = whole.splitlines()
    kept(runs[0]).write_bytes(damage(one) + b"\n" + other + b"\n")
    assert score(runs[:1]) == first
    assert len(opened) == 1
    assert kept(runs[0]).read_bytes() == whole


def test_nothing_is_kept_through_links(runs: list[Path], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter").write_text("mine")
    first = score(runs[:1])
    kept(runs[0]).unlink()
    kept(runs[0]).symlink_to(home / "letter")
    assert score(runs[:1]) == first
    shutil.rmtree(kept(runs[0]).parent)
    kept(runs[0]).parent.symlink_to(home)
    assert score(runs[:1]) == first
    assert {path.name: path.read_text() for path in home.iterdir()} == {"letter": "mine"}


def test_a_clock_without_fractions_keeps_nothing(
    runs: list[Path], opened: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard_index, "file_state", lambda path: (1, 1, 0, 5_000_000_000))
    first = score(runs[:1])
    assert score(runs[:1]) == first
    assert len(opened) == 4


def test_what_is_written_while_it_is_read_is_not_kept(
    runs: list[Path], opened: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, (changed, *_) = score(runs[:1]), files_of(runs[0])
    kept(runs[0]).unlink()
    changed.touch()
    began_ns = changed.stat().st_ctime_ns - 1
    monkeypatch.setattr(time, "time_ns", lambda: began_ns)
    assert score(runs[:1]) == first
    assert len(kept(runs[0]).read_bytes().splitlines()) == 1
    assert score(runs[:1]) == first
    assert len(opened) == 3


def test_a_run_begun_anew_forgets(runs: list[Path]) -> None:
    heard_index.forget(runs[0])
    assert not kept(runs[0]).exists()
    heard_index.forget(runs[0])


def test_a_task_from_elsewhere_keeps_nothing_where_it_says_how_to_listen(runs: list[Path]) -> None:
    stored, sample = open_run(runs[0]), f"{SUBSET}-1"
    theirs = load_task(f"{Path(__file__).with_name('many_task.py')}:Many")
    heard = HeardRecording(b"{}", b"{}")
    before = kept(runs[0]).read_bytes()
    for name in ("stretches", "user_stretches", "recognises_user"):
        listens = type("Listens", (type(theirs),), {name: lambda self, *given: ()})()
        index = HeardIndex(stored.path, stored.file, listens, stored.samples, "transcript")
        index.append(sample, 1, heard)
        index.replace([(sample, 1, heard)], time.time_ns())
        assert [*index.read({sample: 1})] == []
        assert kept(runs[0]).read_bytes() == before
    index = HeardIndex(stored.path, stored.file, theirs, stored.samples, "transcript")
    index.append(sample, 1, heard)
    assert [*index.read({sample: 1})] == [(sample, heard)]
    hears = type("Hears", (type(theirs),), {"hears_user": True})()
    other = HeardIndex(stored.path, stored.file, hears, stored.samples, "transcript")
    assert [*other.read({sample: 1})] == []


@pytest.fixture(scope="module")
def stored(made: Path) -> StoredRun:
    return open_run(next(made.glob("*--echo")))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 5000))
def test_no_bytes_of_an_index_raise(stored: StoredRun, noise: bytes, at: int) -> None:
    index = HeardIndex(stored.path, stored.file, stored.task, stored.samples, "transcript")
    wanted = {sample.id: 1 for sample in stored.samples}
    whole = dict(index.read(wanted))
    place = kept(stored.path)
    content = place.read_bytes()
    try:
        place.write_bytes(content[:at] + noise + content[at + len(noise) :])
        assert {*index.read(wanted)} <= {*whole.items()}
    finally:
        place.write_bytes(content)
