"""A run at an address, scored, reported and viewed from another machine, is a local run byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from fakes import recordings_of, score_lines, write_data

import tml_bench
from tml_bench.adapters.reference import Delayed
from tml_bench.report.files import read_summaries
from tml_bench.storage.shared_place import FOR_READERS, local_place
from tml_bench.viewer.run_files import open_viewed

pytestmark = pytest.mark.usefixtures("in_this_process")


def copied(address: str, folder: Path) -> Path:
    store = fsspec.filesystem("memory")
    root = store._strip_protocol(address)
    for path in store.find(root):
        place = folder / path.removeprefix(f"{root}/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(store.cat_file(path))
    return folder


def test_a_run_at_an_address_is_a_local_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {
        "data": write_data(tmp_path / "data"), "subsets": ("candor_turn_taking",), "words": "transcript",
        "jobs": 1, "progress": False,
    }  # fmt: skip
    adapter = {"quick": Delayed(200)}
    (local,) = tml_bench.run(["fd-bench-v1"], adapter, out=tmp_path / "local", **options)
    address = "memory://test-storage-command/results"
    monkeypatch.setenv("TML_BENCH_CACHE", str(tmp_path / "one"))
    (run,) = tml_bench.run(["fd-bench-v1"], adapter, out=address, **options)
    one = f"{address}/{run.path.name}"
    there = copied(one, tmp_path / "copied" / run.path.name)
    assert recordings_of(there) == recordings_of(local.path)
    assert score_lines(there) == score_lines(local.path)
    assert len(recordings_of(there)) == 1

    monkeypatch.setenv("TML_BENCH_CACHE", str(tmp_path / "two"))
    scored = tml_bench.score(one, words="transcript", jobs=1, progress=False)
    assert scored.scores == local.scores
    assert not list((tmp_path / "two").rglob("*.flac"))
    (sample,) = scored.attempts
    page = tml_bench.report(address, f"{address}/report")
    assert fsspec.filesystem("memory").cat_file(f"{address}/report/index.html") == page.read_bytes()
    assert read_summaries([copied(one, tmp_path / "again" / run.path.name)]) == [scored.summary]

    (viewed,) = open_viewed([Path(local_place(one, FOR_READERS))])
    assert not list((tmp_path / "two").rglob("*.flac"))
    folder = viewed.recording(scored.attempts[sample])
    assert folder is not None
    assert (folder / "model.flac").read_bytes() == local.recording(sample).model_path.read_bytes()
    assert tml_bench.Run(one).recording(sample).duration_s == local.recording(sample).duration_s

    monkeypatch.setenv("TML_BENCH_CACHE", str(tmp_path / "three"))
    (again,) = tml_bench.run(["fd-bench-v1"], adapter, out=address, **options)
    assert again.attempts == run.attempts
