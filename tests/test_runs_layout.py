"""Runs of very many samples: their recordings and timelines lie in folders between, and are found there."""

from pathlib import Path

import pytest
from msgspec import UNSET

import tml_bench
from tml_bench.runs import layout
from tml_bench.runs.store import open_run
from tml_bench.viewer.inspected import score_lines
from tml_bench.viewer.run_files import open_viewed

pytestmark = pytest.mark.usefixtures("in_this_process")

DOORBELL = Path(__file__).parents[1] / "examples" / "task.py"


def test_only_runs_that_begin_with_many_samples_have_folders_between() -> None:
    assert layout.spread(layout.MANY - 1) is UNSET
    assert layout.spread(layout.MANY) is True


def test_what_lies_in_folders_between_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet(tml_bench.StepAdapter):
        def step(self, turn: tml_bench.MicroTurn) -> None:
            return None

    monkeypatch.setattr(layout, "MANY", 2)
    task = f"{DOORBELL}:Doorbell"

    def run(out: str, limit: int) -> tml_bench.Run:
        return tml_bench.run(task, Quiet, limit=limit, out=tmp_path / out, progress=False)

    many, few = run("many", 2), run("few", 1)
    assert b"spread" in (many.path / "run.json").read_bytes()
    assert b"spread" not in (few.path / "run.json").read_bytes()
    assert {p.name for p in (few.path / "doorbell").iterdir()} == {"door-0"}
    assert {p.relative_to(many.path).as_posix() for p in many.path.rglob("manifest.json")} == {
        "doorbell/51/door-0/1/manifest.json",
        "doorbell/0e/door-1/1/manifest.json",
    }
    kept = [p.parent.parent.name for p in many.path.rglob("timelines/*/*-1.json")]
    assert kept == ["timelines"] * 2
    place = many.recording("door-1").folder
    assert open_run(many.path).recording_path(many.attempts["door-1"]) == place
    (viewed,) = open_viewed([many.path])
    assert viewed.recording(many.attempts["door-1"]) == place
    assert next(score_lines(place)) == "outcome valid"
    assert many.timeline("door-1").segments == ()
    assert layout.run_of(place) == many.path
    grown = run("few", 3)
    assert {p.name for p in (few.path / "doorbell").iterdir()} == {"door-0", "door-1", "door-2"}
    assert grown.complete
    again = tml_bench.run(
        task, Quiet, limit=2, out=tmp_path / "again", progress=False, compute="recorded", replay=many.path
    )
    assert again.complete
