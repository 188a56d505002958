"""Values of samples stay in the file of a large summary: the rest is read alone, they are as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from test_report import HALF, PROMPT, run

from tml_bench.errors import UserError
from tml_bench.report.files import write_report
from tml_bench.scoring import stored_values
from tml_bench.scoring.stored_values import BEGIN, StoredValues, outline
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import from_json, stored_summaries, to_json, write_json


@pytest.fixture(params=[1, 7, 30, 1 << 20])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is large, and read in pieces of so many bytes."""
    monkeypatch.setattr(stored_values, "LARGE", 0)
    monkeypatch.setattr(stored_values, "PIECE", request.param)


def stored(folder: Path, summaries: list[Summary]) -> Path:
    folder.mkdir()
    (folder / "summary.json").write_text(to_json(summaries), encoding="utf-8")
    return folder


def whole(summaries: list[Summary]) -> list[Summary]:
    """With all values read."""
    return [
        structs.replace(
            s, metrics=tuple(structs.replace(m, observations=tuple(m.observations)) for m in s.metrics)
        )
        for s in summaries
    ]


@pytest.mark.usefixtures("piece")
def test_they_are_as_they_were(tmp_path: Path) -> None:
    # A title that looks like the mark before values, and a measure without any.
    first = structs.replace(run("half", HALF), title=BEGIN.decode() + "]")
    bare = [structs.replace(m, observations=()) for m in first.metrics[:1]]
    first = structs.replace(first, metrics=(*bare, *first.metrics[1:]))
    made = [first, run("prompt <é>", PROMPT)]
    path = stored(tmp_path / "run", made)
    read = stored_summaries(path)
    assert any(isinstance(m.observations, StoredValues) for s in read for m in s.metrics)
    assert whole(read) == made
    lengths = [[len(m.observations) for m in s.metrics] for s in read]
    assert lengths == [[len(m.observations) for m in s.metrics] for s in made]
    assert from_json(outline(path / "summary.json").text)[0].metrics[1].observations == ()
    write_json([*read, made[0]], tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text(encoding="utf-8") == to_json([*made, made[0]])


def test_a_file_that_is_laid_out_otherwise_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_values, "LARGE", 0)
    path = stored(tmp_path / "run", [run("half", HALF)])
    text = (path / "summary.json").read_text(encoding="utf-8").replace("\n ", "\n").replace("  ", " ")
    (path / "summary.json").write_text(text, encoding="utf-8")
    assert stored_summaries(path) == [run("half", HALF)]


def test_a_file_that_has_changed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_values, "LARGE", 0)
    path = stored(tmp_path / "run", [run("half", HALF)])
    (read,) = stored_summaries(path)
    (path / "summary.json").write_text(to_json([run("other", PROMPT)]), encoding="utf-8")
    with pytest.raises(UserError, match="has changed while it was read"):
        list(read.metrics[0].observations)


def test_a_report_is_the_same_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [
        stored(tmp_path / name, [run(name, scores)]) for name, scores in (("half", HALF), ("prompt", PROMPT))
    ]

    def report(name: str) -> dict[str, bytes]:
        write_report([s for path in paths for s in stored_summaries(path)], tmp_path / name)
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {path.relative_to(tmp_path / name).as_posix(): path.read_bytes() for path in files}

    before = report("whole")
    monkeypatch.setattr(stored_values, "LARGE", 0)
    assert report("outline") == before
