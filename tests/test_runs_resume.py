"""The same command again: what is reused, what is added, and what is refused because something changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from fakes import SUBSETS, attempts_of, score_lines, write_data
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection
from wire_servers import serving, step_server

from tml_bench.cli import main
from tml_bench.plugins import load_task
from tml_bench.runs.config import RunFile
from tml_bench.runs.legacy_hash import legacy_sha256
from tml_bench.runs.plan import LONGEST_NAME, RunRequest, plan_runs
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import read_run
from tml_bench.samples import Sample
from tml_bench.session.network import PROFILES
from tml_bench.session.settings import Compute

pytestmark = pytest.mark.usefixtures("without_pictures", "in_this_process", "without_floor_search")

MODEL = '''
import numpy as np
from tml_bench.adapter import Output, StepAdapter

class Beeps(StepAdapter):
    """Beeps in micro-turn 10."""
    def __init__(self, level=0.3, api_key=""):
        self.level = level
    def step(self, turn):
        return Output(audio=np.full(2400, self.level, np.float32)) if turn.index == 10 else None

class Unreachable(Beeps):
    def warm_up(self):
        raise SystemExit("no weights")
'''
NAME = "fd-bench-v1-custom-data--model-Beeps"


@dataclass
class Bench:
    """A folder with data of two samples in each of three subsets, an adapter's file, and results."""

    root: Path
    adapter: str = ""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def model(self) -> Path:
        return self.root / "model.py"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def run(self) -> Path:
        return self.out / NAME

    def __call__(
        self, *more: object, code: int = 0, task: str = "fd-bench-v1", data: Path | None = None
    ) -> str:
        """Run; gives what it printed, on one line."""
        result = call(
            *(
                "run",
                "--task",
                "fd-bench-v1",
                "--adapter",
                self.adapter or f"{self.model}:Beeps",
                "--jobs",
                1,
            ),
            *("--data", data or self.data, "--out", self.out, "--words", "transcript", *more),
        )
        assert result.exit_code == code, result.output
        return " ".join(result.output.split())

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file() and path.name != ".lock" and "report" not in path.parts
        }


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    write_data(tmp_path / "data", each=2, duration_s=3.0)
    (tmp_path / "model.py").write_text(MODEL)
    return Bench(tmp_path)


def test_the_same_again_reuses_everything(bench: Bench) -> None:
    assert f"{NAME}: 0 reused, 6 run" in bench()
    before = bench.files()
    assert f"{NAME}: 6 reused, 0 run" in bench()
    assert bench.files() == before


def test_a_changed_adapter_is_never_answered_with_old_results(bench: Bench) -> None:
    bench()
    before = bench.files()
    bench.model.write_text(MODEL + "# better now\n")
    said = bench(code=2)
    assert "adapter source model.py changed" in said
    assert "--fresh replaces it, another --out keeps both" in said
    assert "reused" not in said
    assert "report:" not in said
    assert bench.files() == before
    assert "0 reused, 6 run" in bench("--fresh")
    assert "6 reused, 0 run" in bench()
    bench.model.write_text(MODEL)
    assert "0 reused, 6 run" in bench("--out", bench.root / "other")


def test_a_damaged_recording_is_run_again(bench: Bench) -> None:
    bench("--limit", 1)
    scores = score_lines(bench.run)
    track = bench.run / "fd-bench-v1" / f"{SUBSETS[1]}-1" / "1" / "model.flac"
    track.write_bytes(track.read_bytes()[:-1] + b"?")
    assert "its SHA-256 is not the one in manifest.json" in call("inspect", track.parent).output
    said = bench("--limit", 1)
    assert "it is run again" in said
    assert "2 reused, 1 run" in said
    assert attempts_of(bench.run)[f"{SUBSETS[1]}-1"].attempt == 2
    assert score_lines(bench.run) == scores
    assert "3 reused, 0 run" in bench("--limit", 1)
    before = bench.files()  # scored by words other than what a picture would find by itself
    picture = bench.root / "picture.png"
    assert call("inspect", track.parent.with_name("2"), "--picture", picture).exit_code == 0
    assert picture.is_file()
    assert bench.files() == before
    moved = bench.data.rename(bench.root / "moved")
    assert "--data" in call("score", bench.run).output
    assert call("score", "--data", moved, "--words", "transcript", bench.run).exit_code == 0
    assert score_lines(bench.run) == scores


def test_an_adapter_may_lie_elsewhere(bench: Bench, tmp_path: Path) -> None:
    bench("--limit", 1)
    (tmp_path / "elsewhere").mkdir()
    bench.adapter = f"{shutil.copy(bench.model, tmp_path / 'elsewhere')}:Beeps"
    assert "3 reused, 3 run" in bench()


def test_a_changed_module_beside_the_adapter_counts(bench: Bench) -> None:
    bench.model.write_text(MODEL + "try:\n    import helper\nexcept ImportError:\n    pass\n")
    (bench.root / "helper.py").write_text("SPEED = 1\n")
    (bench.root / "unrelated.py").write_text("SPEED = 1\n")
    bench("--limit", 1)
    (bench.root / "unrelated.py").write_text("SPEED = 2\n")
    assert "3 reused, 0 run" in bench("--limit", 1)
    (bench.root / "helper.py").write_text("SPEED = 2\n")
    assert "adapter source helper.py changed" in bench("--limit", 1, code=2)


def test_a_limited_run_is_extended_by_the_full_one(bench: Bench) -> None:
    assert "0 reused, 3 run" in bench("--limit", 1)
    assert len(score_lines(bench.run)) == 3
    assert "3 reused, 3 run" in bench()
    assert read_run(bench.run).config.selection == Selection(bench.data)
    assert [a.attempt for a in attempts_of(bench.run).values()] == [1] * 6
    before = bench.files()
    assert "3 reused, 0 run" in bench("--limit", 1)
    assert bench.files() == before
    bench("--out", bench.root / "whole")
    assert score_lines(bench.run) == score_lines(bench.root / "whole" / NAME)


def test_a_run_of_a_subset_is_extended_by_another(bench: Bench) -> None:
    bench("--subset", SUBSETS[2], "--limit", 1)
    assert "0 reused, 2 run" in bench("--subset", SUBSETS[0])
    config = read_run(bench.run).config
    assert (config.subsets, config.limit, config.limits) == ((SUBSETS[0], SUBSETS[2]), 0, {SUBSETS[2]: 1})
    assert list(score_lines(bench.run)) == [f"{SUBSETS[0]}-1", f"{SUBSETS[0]}-2", f"{SUBSETS[2]}-1"]
    assert "2 reused, 1 run" in bench("--limit", 1)
    assert read_run(bench.run).config.selection == Selection(
        bench.data, (), 0, {SUBSETS[1]: 1, SUBSETS[2]: 1}
    )
    assert len(score_lines(bench.run)) == 4


def test_ticks_lie_beside_each_other(bench: Bench) -> None:
    bench("--limit", 1)
    said = bench("--limit", 1, "--tick", 100)
    assert f"{NAME}--tick-100: 0 reused, 3 run" in said
    assert f"{NAME}--tick-100: 3 reused, 0 run" in bench("--limit", 1, "--tick", 100)
    assert f"{NAME}: 3 reused, 0 run" in bench("--limit", 1, "--tick", 200)
    assert {p.parent.name for p in bench.out.glob("*/run.json")} == {NAME, f"{NAME}--tick-100"}
    assert read_run(bench.out / f"{NAME}--tick-100").config.tick_ns == 100_000_000


def test_settings_that_are_not_the_usual_ones_name_the_folder(bench: Bench, tmp_path: Path) -> None:
    def folder(**settings: Any) -> str:
        asked = {"out": tmp_path, "selection": Selection(bench.data, limit=1), **settings}
        (plan,) = plan_runs(RunRequest(("fd-bench-v1",), (bench.adapter or f"{bench.model}:Beeps",), **asked))
        return plan.path.name.removeprefix(NAME)

    assert folder() == folder(tick_ms=200, seed=0, max_session_s=7200.0) == ""
    assert folder(compute=Compute.CHARGED) == "--charged"
    assert folder(network=PROFILES["4g"]) == "--network-4g-2"
    assert folder(seed=-7) == "--seed--7"
    assert folder(max_session_s=2.5, tick_ms=80) == "--tick-80--max-session-2.5"
    assert folder(selection=Selection(bench.data, (SUBSETS[0],), 2)) == ""
    every = {"compute": Compute.CHARGED, "network": PROFILES["bad"], "seed": 3}
    assert folder(**every, tick_ms=20) == "--tick-20--charged--network-bad-2--seed-3"
    bench("--limit", 1, "--compute", "charged")
    replay = bench.out / f"{NAME}--charged"
    assert folder(compute=Compute.RECORDED, replay=replay) == "--recorded-charged"
    bench.adapter = f"{bench.model}:Beeps:api_key={'x' * 300}"
    long = (
        plan_runs(RunRequest(("fd-bench-v1",), (f"{bench.model}:Beeps:{'l' * 300}",), tmp_path)),
        plan_runs(RunRequest(("fd-bench-v1",), (f"{bench.model}:Beeps:{'l' * 300}",), tmp_path, seed=1)),
    )
    names = {plan.path.name for plans in long for plan in plans}
    assert [len(name) for name in names] == [LONGEST_NAME] * 2


def test_other_data_is_refused_in_place_and_has_a_folder_elsewhere(bench: Bench) -> None:
    bench("--limit", 1)
    moved, other = bench.root / "moved" / "data", bench.root / "other" / "data"
    shutil.copytree(bench.data, moved)
    assert f"{NAME}: 3 reused, 0 run" in bench("--limit", 1, data=moved)
    assert read_run(bench.run).config.data == str(moved)

    change(moved / SUBSETS[1] / "1")
    before = bench.files()
    said = bench("--limit", 1, data=moved, code=2)
    assert f"was recorded with other data: {SUBSETS[1]}-1 changed" in said
    assert "put the data back" in said
    assert bench.files() == before
    assert "made with other data" in call("score", bench.run).output

    moved.parent.rename(other.parent)
    assert f"{NAME}--data-data: 0 reused, 3 run" in bench("--limit", 1, data=other)
    assert f"{NAME}--data-data: 3 reused, 0 run" in bench("--limit", 1, data=other)
    assert f"{NAME}: 3 reused, 0 run" in bench("--limit", 1)
    assert read_run(bench.run).config.data == str(bench.data)


def change(sample: Path) -> None:
    """Another annotation."""
    (annotation,) = sample.glob("*.json")
    annotation.write_text(annotation.read_text().replace("2.5", "2.25"))


def test_a_sample_that_was_not_run_yet_may_change(bench: Bench) -> None:
    bench("--limit", 1)
    change(bench.data / SUBSETS[1] / "2")
    assert "3 reused, 3 run" in bench()


def of_0_1_0(bench: Bench, samples: Sequence[Sample] = ()) -> RunFile:
    """Makes the run what version 0.1.0 would have left: another hash, nothing about what ran."""
    file = read_run(bench.run)
    samples = samples or file.config.selection.of(load_task("fd-bench-v1"))
    old = replace(
        file.config,
        schema="tml-bench/run/1.0",
        tml_bench="0.1.0",
        dataset_sha256=legacy_sha256(samples),
    )
    whole = msgspec.to_builtins(RunFile(old, file.environment))
    del whole["identity"], whole["config"]["limits"]
    (bench.run / "run.json").write_text(json.dumps(whole))
    lines = [json.loads(line) for line in (bench.run / "attempts.jsonl").read_text().splitlines()]
    for line in lines:
        del line["sample_sha256"], line["seal"]
    (bench.run / "attempts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_run(bench.run)


def test_a_run_of_0_1_0_is_reused_when_complete_and_never_added_to(bench: Bench) -> None:
    bench("--limit", 1)
    stored = of_0_1_0(bench)
    bench.model.write_text(MODEL + "# nobody can know\n")
    said = bench("--limit", 1)
    assert f"{NAME}: 3 reused, 0 run (made before adapters were recorded)" in said
    before = bench.files()
    said = bench(code=2)
    assert "is not complete, and nothing is added to it: made before adapters were recorded" in said
    assert "--fresh replaces it" in said
    assert bench.files() == before
    assert read_run(bench.run) == stored
    assert call("score", bench.run).exit_code == 0
    assert "0 reused, 6 run" in bench("--fresh")


def test_the_data_of_a_run_of_0_1_0_is_compared_too(bench: Bench) -> None:
    bench("--limit", 1)
    of_0_1_0(bench)
    change(bench.data / SUBSETS[1] / "1")
    assert "was recorded with other data: samples changed" in bench("--limit", 1, code=2)


def test_settings_of_0_1_0_are_found_where_that_version_put_them(bench: Bench) -> None:
    bench("--limit", 1, "--seed", 5)
    (bench.out / f"{NAME}--seed-5").rename(bench.run)
    of_0_1_0(bench)
    assert f"{NAME}: 3 reused, 0 run" in bench("--limit", 1, "--seed", 5)
    assert f"{NAME}--seed-6: 0 reused, 3 run" in bench("--limit", 1, "--seed", 6)
    said = bench("--limit", 1, code=2)
    assert "holds another run: seed is 5 there and 0 now" in said


def test_an_import_of_0_1_0_is_complete(bench: Bench) -> None:
    folder = bench.data / SUBSETS[1]
    for number in (1, 2):
        shutil.copy(folder / str(number) / "input.wav", folder / str(number) / "output.wav")
    again = ("import", "fd-bench-v1", folder, "--out", bench.run)
    assert "imported 2 exchanges" in call(*again).output
    of_0_1_0(bench, [item.sample for item in load_task("fd-bench-v1").imports(folder)])
    before = bench.files()
    assert "imported 0 exchanges" in call(*again).output
    assert bench.files() == before
    assert call("score", bench.run).exit_code == 0


def test_exchanges_that_come_later_are_imported_too(bench: Bench) -> None:
    folder = bench.data / SUBSETS[1]
    for number in (1, 2):
        shutil.copy(folder / str(number) / "input.wav", folder / str(number) / "output.wav")
    (folder / "2").rename(bench.root / "2")
    again = ("import", "fd-bench-v1", folder, "--out", bench.run)
    assert "imported 1 exchanges" in call(*again).output
    (bench.root / "2").rename(folder / "2")
    assert "imported 1 exchanges" in call(*again).output
    assert "imported 0 exchanges" in call(*again).output
    assert call("score", bench.run).exit_code == 0
    assert len(score_lines(bench.run)) == 2
    change(folder / "1")
    assert f"was recorded with other data: {SUBSETS[1]}-1 changed" in call(*again).output


def test_a_run_of_another_harness_is_reused_when_complete(bench: Bench) -> None:
    bench("--limit", 1)
    file = read_run(bench.run)
    other = replace(file, config=replace(file.config, tml_bench="0.0.9"))
    (bench.run / "run.json").write_bytes(msgspec.json.encode(other))
    assert "3 reused, 0 run (made by tml-bench 0.0.9, and this is" in bench("--limit", 1)
    assert "nothing is added to it: made by tml-bench 0.0.9" in bench(code=2)


def test_a_secret_among_the_options_is_written_nowhere(bench: Bench) -> None:
    bench.adapter = f"{bench.model}:Beeps:api_key=swordfish-1"
    said = bench("--limit", 1)
    bench.adapter = f"{bench.model}:Beeps:api_key=swordfish-2"
    assert "3 reused, 0 run" in bench("--limit", 1)
    written = [path for path in bench.out.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"swordfish" in path.read_bytes() or "swordfish" in str(path)]
    assert "swordfish" not in said
    bench.adapter = f"{bench.model}:Unreachable:api_key=swordfish-1"
    assert "swordfish" not in bench("--limit", 1, code=2)


@dataclass
class Server:
    """A model behind the wire protocol in lockstep, which says nothing and counts its sessions."""

    url: str = ""
    version: str = "1.2"
    sessions: int = 0
    changes_after: int = 10**6

    async def handle(self, socket: ServerConnection) -> None:
        self.sessions += 1
        if self.sessions > self.changes_after:
            self.version = "1.3"
        silent = step_server(
            lambda tick: [{"type": "tick_done", "n": tick["n"]}], model="m", version=self.version
        )
        await silent(socket)


@pytest.fixture
def server(bench: Bench) -> Iterator[Server]:
    served = Server()
    with serving(served.handle) as served.url:
        bench.adapter = f"wire-lockstep:{served.url}"
        yield served


def only_run(bench: Bench) -> Path:
    (file,) = bench.out.glob("*/run.json")
    return file.parent


def test_a_changed_server_is_refused_before_anything_is_added(bench: Bench, server: Server) -> None:
    assert "0 reused, 3 run" in bench("--limit", 1)
    identity = read_run(only_run(bench)).identity
    assert identity is not None
    assert identity.reported == {"model": "m", "server_version": "1.2"}
    before = bench.files()
    (bench.data / SUBSETS[1] / "2" / "input.wav").unlink()
    server.version, server.sessions = "1.3", 0
    said = bench(code=2)
    assert "was recorded with another model: server version 1.2 there and 1.3 now" in said
    assert "--fresh replaces it" in said
    assert bench.files() == before
    assert server.sessions == 1, "asking who it is must be enough"
    assert "3 reused, 0 run" in bench("--limit", 1)
    server.version = "1.2"
    assert "3 reused, 3 run" in bench(code=3)
    assert sorted(a.outcome for a in attempts_of(only_run(bench)).values()) == ["invalid"] + ["valid"] * 5


def test_a_server_that_changes_during_a_run_ends_it(bench: Bench, server: Server) -> None:
    server.changes_after = 3
    said = bench(code=2)
    assert "server version 1.2 there and 1.3 now" in said
    done = attempts_of(only_run(bench))
    assert 0 < len(done) < 6
    assert {attempt.outcome for attempt in done.values()} == {"valid"}
    assert "scores.jsonl" not in {path.name for path in only_run(bench).iterdir()}
    server.version, server.changes_after = "1.2", 10**6
    assert f"{len(done)} reused, {6 - len(done)} run" in bench()


def test_a_run_that_is_refused_takes_no_other_with_it(bench: Bench, server: Server) -> None:
    bench("--limit", 1)
    server.version = "1.3"
    said = bench("--adapter", f"{bench.model}:Beeps", code=2)
    assert f"{NAME}: 0 reused, 6 run" in said
    assert "report:" in said
    assert "server version 1.2 there and 1.3 now" in said
    table = json.loads((bench.out / "report-2" / "report.json").read_text())
    assert [row["facts"]["run"] for row in table] == [NAME]
