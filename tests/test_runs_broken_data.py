"""Broken audio and annotations: a recorded outcome with its reason each; the rest is scored as ever."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import attempts_of, recordings_of, run_and_score, score_lines, write_data

from tml_bench.recording import MANIFEST
from tml_bench.runs.selection import Selection
from tml_bench.tasks.repcount_a.task import RepCountA

pytestmark = pytest.mark.usefixtures("in_this_process")

SUBSET = "candor_turn_taking"


def rewrite(audio: np.ndarray, rate: int = 16000, subtype: str = "PCM_16") -> Callable[[Path], None]:
    return lambda folder: soundfile.write(folder / "input.wav", audio, rate, subtype=subtype)


def cut_audio(keep: int) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        path = folder / "input.wav"
        path.write_bytes(path.read_bytes()[:keep])

    return cut


def with_nan() -> np.ndarray:
    audio = np.full(80000, 0.1, np.float32)
    audio[40000] = np.nan
    return audio


def annotation(content: str | None) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        path = folder / "turn_taking.json"
        path.unlink() if content is None else path.write_text(content)

    return write


INVALID: dict[str, tuple[Callable[[Path], None], str]] = {
    "no samples": (rewrite(np.zeros(0)), "input.wav holds no samples"),
    "no bytes": (cut_audio(0), "input.wav is empty (0 bytes)"),
    "header only": (cut_audio(20), "input.wav is not audio that can be read"),
    "truncated": (cut_audio(90000), "input.wav is truncated"),
    "nan": (rewrite(with_nan(), subtype="FLOAT"), "not a finite number at sample 40000 (2.500 s)"),
    "not audio": (lambda folder: (folder / "input.wav").write_text("hello"), "is not audio that can be read"),  # type: ignore[dict-item,return-value]
    "missing audio": (lambda folder: (folder / "input.wav").unlink(), "input.wav"),
    "missing json": (annotation(None), "turn_taking.json"),
    "empty json": (annotation(""), "turn_taking.json"),
    "malformed json": (annotation('[{"text": '), "turn_taking.json"),
    "other json": (annotation('{"a": 1}'), "turn_taking.json"),
    "no items": (annotation("[]"), "turn_taking.json"),
}
USABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "stereo": (rewrite(np.full((80000, 2), 0.1)), "2 channels averaged"),
    "8 bit": (rewrite(np.full(80000, 0.1), subtype="PCM_U8"), "8-bit"),
    "other rate": (rewrite(np.full(5 * 44100, 0.1), 44100), ""),
    "low rate": (rewrite(np.full(5 * 8000, 0.1), 8000), ""),
}
NUMBERS = {name: str(number) for number, name in enumerate([*INVALID, *USABLE], 10)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run on good data, and one on the same with every kind of damage beside it."""
    root = tmp_path_factory.mktemp("broken")
    good, bad = write_data(root / "good", each=2), write_data(root / "bad", each=2)
    for name, (damage, _) in (INVALID | USABLE).items():
        folder = bad / SUBSET / NUMBERS[name]
        shutil.copytree(good / SUBSET / "1", folder)
        damage(folder)
    adapter = "delayed:200"
    both = [run_and_score(root / f"out-{d.name}", [adapter], selection=Selection(d)) for d in (good, bad)]
    return both[0][adapter], both[1][adapter]


@pytest.mark.parametrize("name", INVALID)
def test_what_cannot_be_used_is_invalid_and_says_why(runs: tuple[Path, Path], name: str) -> None:
    attempt = attempts_of(runs[1])[f"{SUBSET}-{NUMBERS[name]}"]
    assert attempt.outcome == "invalid"
    assert INVALID[name][1] in attempt.reason
    assert "Traceback" not in attempt.reason
    assert attempt.sample not in score_lines(runs[1])


@pytest.mark.parametrize("name", USABLE)
def test_what_can_be_used_is_scored_with_a_remark(runs: tuple[Path, Path], name: str) -> None:
    attempt = attempts_of(runs[1])[f"{SUBSET}-{NUMBERS[name]}"]
    assert attempt.outcome == "valid"
    assert USABLE[name][1] in " ".join(attempt.notes)
    assert attempt.sample in score_lines(runs[1])


def test_good_samples_do_not_notice(runs: tuple[Path, Path]) -> None:
    good, bad = runs
    expected, found = score_lines(good), score_lines(bad)
    assert len(expected) == 6
    assert {sample: found[sample] for sample in expected} == expected
    theirs = recordings_of(bad)
    for place, files in recordings_of(good).items():  # the manifests name other data
        assert files | theirs[place] | {MANIFEST: files[MANIFEST]} == files


def test_a_relative_data_folder_with_broken_files_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is wrong with a file names its path; recording and scoring must not name it differently.
    data = write_data(tmp_path / "data", each=2)
    cut_audio(0)(data / SUBSET / "1")
    monkeypatch.chdir(tmp_path)
    (run,) = run_and_score(tmp_path / "out", ["silent"], selection=Selection(Path("data"))).values()
    assert attempts_of(run)[f"{SUBSET}-1"].outcome == "invalid"
    assert f"{SUBSET}-2" in score_lines(run)


def test_of_two_samples_of_one_name_the_second_has_a_problem(tmp_path: Path) -> None:
    (tmp_path / "annotation").mkdir()
    rows = ["type,name,count,L1,L2", *(f"squat,a.{kind},1,0,9" for kind in ("mp4", "webm", "ogv"))]
    (tmp_path / "annotation" / "test.csv").write_text("\n".join(rows))
    first, *others = Selection(tmp_path).of(RepCountA())
    assert first.id == "test-a"
    assert len({sample.id for sample in others} - {"test-a"}) == 2
    for number, sample in enumerate(others, 2):
        assert f"its id 'test-a' is that of two samples, number 1 and number {number} of" in sample.problem
