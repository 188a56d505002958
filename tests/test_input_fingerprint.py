"""A run of which nothing was touched is known by how its files look; whatever is touched is looked into."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from fakes import no_workers, run_and_score, write_data

import tml_bench
from tml_bench.api import scores
from tml_bench.files import is_coarse
from tml_bench.perception import asr
from tml_bench.plugins import load_task
from tml_bench.pricing.table import load_prices
from tml_bench.runs import known_code
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import read_run
from tml_bench.scoring import input_fingerprint
from tml_bench.scoring.input_fingerprint import InputFingerprints, ScoringSettings
from tml_bench.scoring.kept_results import unchanged_results

TASK, SUBSET = "fd-bench-v1", "synthetic_user_interruption"
SETTINGS = ScoringSettings("transcript", check_all=False, prices=load_prices())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on data in a folder beside it, with floors of no grid, which takes long to search."""
    root = tmp_path_factory.mktemp("made")
    data = write_data(root / "data", duration_s=3.5)
    with pytest.MonkeyPatch.context() as patch, no_workers():
        patch.setattr(type(load_task(TASK)), "family", lambda task, samples: {})
        run_and_score(root / "results", ["echo"], selection=Selection(data, (SUBSET,)))
    return root


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, scored as if long after it was written."""
    (found,) = Path(shutil.copytree(made / "results", tmp_path / "results")).glob("*--*")
    monkeypatch.setattr(input_fingerprint, "_TICK_NS", -(10**15))
    with no_workers():
        tml_bench.score(found, words="transcript", progress=False)
        yield found


def test_nothing_is_loaded_of_a_run_that_stands(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tml_bench.Run(run).summary
    opened: list[list[Path]] = []
    real = scores.open_runs

    def open_runs(paths: list[Path], data: Path | None) -> object:
        opened.append(paths)
        return real(paths, data)

    monkeypatch.setattr(scores, "open_runs", open_runs)
    assert tml_bench.score([run, run], words="transcript", progress=False)[1].summary == before
    assert opened == [[]]
    other = Path(shutil.copytree(run, run.with_name("other")))
    both = tml_bench.score([run, other], words="transcript", progress=False)
    assert [one.path for one in both] == [run, other]
    assert [one.summary.facts.run for one in both] == [run.name, "other"]
    assert opened == [[], [other]]
    with pytest.raises(tml_bench.UserError, match="no such folder"):
        tml_bench.score(run, words="transcript", progress=False, data=run / "nowhere")


def _touched(path: Path) -> None:
    """Written, with the same bytes, and size and time of writing as before."""
    about = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def _gone(path: Path) -> None:
    path.unlink()


def _another(path: Path) -> None:
    path.with_name("another").touch()


def _moved(path: Path) -> None:
    path.rename(path.with_name("another"))


def _linked(path: Path) -> None:
    path.rename(path.with_name("another"))
    path.symlink_to("another")


@pytest.mark.parametrize("change", [_touched, _gone, _another, _moved, _linked])
@pytest.mark.parametrize("name", ["model.flac", "session.jsonl", f"{SUBSET}-1-1.json", "input.wav"])
def test_every_file_counts(run: Path, made: Path, name: str, change: Callable[[Path], None]) -> None:
    assert unchanged_results(run, InputFingerprints(SETTINGS)) is not None
    (file,) = (made / "data").rglob(f"{SUBSET}/1/{name}") if name == "input.wav" else run.rglob(name)
    kept = Path(shutil.copytree(file.parent, run.parent / "kept"))
    try:
        change(file)
        assert unchanged_results(run, InputFingerprints(SETTINGS)) is None
    finally:
        shutil.rmtree(file.parent)
        shutil.copytree(kept, file.parent)
    assert unchanged_results(run, InputFingerprints(SETTINGS)) is None, "a copy is another file"


@pytest.mark.parametrize("name", ["run.json", "attempts.jsonl"])
def test_what_a_run_is_counts(run: Path, name: str) -> None:
    _touched(run / name)
    assert unchanged_results(run, InputFingerprints(SETTINGS)) is not None, "they are read"
    with (run / name).open("ab") as file:
        file.write(b" \n")
    assert unchanged_results(run, InputFingerprints(SETTINGS)) is None


def test_what_is_asked_counts(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unchanged_results(run, InputFingerprints(SETTINGS)) is not None
    dearer = load_prices()
    for other in (
        SETTINGS._replace(words="auto"),
        SETTINGS._replace(check_all=True),
        SETTINGS._replace(prices=type(dearer)(dearer.schema, dearer.currency, dearer.prices[1:])),
    ):
        assert unchanged_results(run, InputFingerprints(other)) is None
    with monkeypatch.context() as patch:
        patch.setattr(known_code, "_package_code", lambda: "another")
        assert unchanged_results(run, InputFingerprints(SETTINGS)) is None
    with monkeypatch.context() as patch:
        patch.setattr(asr, "missing", lambda model=None: "another reason")
        assert unchanged_results(run, InputFingerprints(SETTINGS)) is None
    assert unchanged_results(run, InputFingerprints(SETTINGS)) is not None


def test_what_was_written_while_runs_were_opened_is_read_the_next_time(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before a tick of the clock that stamps files, which may be behind."""
    file = read_run(run)
    looks = InputFingerprints(SETTINGS).of(run, file, [("en",)])
    assert len(looks) == 64
    monkeypatch.setattr(input_fingerprint, "_TICK_NS", 50_000_000)
    read = [*run.glob("*/**"), *run.glob("*/**/*"), run / "run.json", run / "attempts.jsonl"]
    newest_ns = max(path.lstat().st_ctime_ns for path in read)
    for after_ns, found in ((50_000_001, looks), (50_000_000, ""), (-1, "")):
        assert InputFingerprints(SETTINGS, newest_ns + after_ns).of(run, file, [("en",)]) == found
    for log in ("run.json", "attempts.jsonl"):
        _touched(run / log)
        newest_ns = (run / log).lstat().st_ctime_ns
        assert InputFingerprints(SETTINGS, newest_ns + 50_000_001).of(run, file, [("en",)]) == looks
        assert not InputFingerprints(SETTINGS, newest_ns + 50_000_000).of(run, file, [("en",)])
    next(run.rglob("*.flac")).unlink()
    newest_ns = max(path.lstat().st_ctime_ns for path in run.glob("*/**/"))
    assert InputFingerprints(SETTINGS, newest_ns + 50_000_001).of(run, file, [("en",)]) not in ("", looks)
    assert not InputFingerprints(SETTINGS, newest_ns + 50_000_000).of(run, file, [("en",)])


def test_a_clock_without_fractions_tells_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = read_run(run)
    assert InputFingerprints(SETTINGS).of(run, file, [("en",)])
    (coarse,) = (path.lstat().st_ctime_ns for path in run.rglob("model.flac"))
    monkeypatch.setattr(input_fingerprint, "is_coarse", lambda time_ns: time_ns == coarse)
    assert not InputFingerprints(SETTINGS).of(run, file, [("en",)])
    times_ns = 5_000_000_000, 5_001_000_000, 5_000_000_001
    assert [is_coarse(time_ns) for time_ns in times_ns] == [True, True, False]


def test_of_other_runs_nothing_is_told(run: Path) -> None:
    file = read_run(run)
    for other in (
        {"task_file": f"{Path(__file__).with_name('many_task.py')}:Many"},
        {"task": "another"},
        {"dataset_sha256": "0" * 64},
        {"allow_outside": True},
        {"replay_user": "results/another"},
        {"data": str(run / "nowhere")},
    ):
        config = msgspec.structs.replace(file.config, **other)
        assert not InputFingerprints(SETTINGS).of(
            run, msgspec.structs.replace(file, config=config), [("en",)]
        )
