"""Parts of a run: samples by name, shards, and what comes out when they are put together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest
from click.testing import CliRunner
from fakes import write_data
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

import tml_bench
from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.plugins import load_task
from tml_bench.runs.merging import merge_runs
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.selection import Selection, parse_shard, shard_of
from tml_bench.runs.store import Attempt, read_lines, read_run
from tml_bench.samples import Sample
from tml_bench.task import Task

pytestmark = pytest.mark.usefixtures("in_this_process")

NAME = "fd-bench-v1-custom-data--delayed-200"


class Listed:
    """A task of these samples."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.listed = samples
        self.subsets = tuple(sorted({sample.subset for sample in samples}))

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        yield from (s for s in self.listed if not subsets or s.subset in subsets)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    subsets = draw(st.lists(st.sampled_from("abc"), max_size=30))
    pairs = draw(st.sets(st.integers(0, 29)))
    samples = []
    for n, subset in enumerate(subsets):
        companions = {"clean": f"{n}-clean"} if n in pairs else {}
        samples.append(Sample(f"{n}", subset, companions=companions))
        if companions:
            samples.append(Sample(f"{n}-clean", subset, scored=n % 2 == 0))
    return cast(Task, Listed(samples))


@settings(max_examples=40, deadline=None)
@given(tasks(), st.integers(1, 9), st.integers(0, 4), st.sets(st.sampled_from("abc")))
def test_shards_are_disjoint_and_complete(task: Task, count: int, limit: int, subsets: set[str]) -> None:
    whole = Selection(None, tuple(sorted(subsets)), limit)
    parts = [
        {s.id for s in Selection(None, whole.subsets, limit, shard=f"{n}/{count}").of(task)}
        for n in range(1, count + 1)
    ]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert set().union(*parts) == {s.id for s in whole.of(task)}
    everything = list(task.samples())
    for n, part in enumerate(parts, 1):
        assert part <= (shard_of(everything, f"{n}/{count}") or set())  # whatever else is asked for


@settings(max_examples=40, deadline=None)
@given(tasks(), st.integers(2, 5), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_parts_together_are_the_whole(task: Task, count: int, limit: int, random: object) -> None:
    whole = Selection(limit=limit)
    parts = [Selection(limit=limit, shard=f"{n}/{count}") for n in range(1, count + 1)]
    random.shuffle(parts)  # type: ignore[attr-defined]
    joined = parts[0]
    for n, part in enumerate(parts[1:], 2):
        joined = joined.joined(part, task)
        assert {s.id for s in joined.of(task)} == {s.id for one in parts[:n] for s in one.of(task)}
    assert {s.id for s in joined.of(task)} == {s.id for s in whole.of(task)}
    if list(task.samples()):
        assert (
            whole.joined(parts[0], task).of(task) == parts[0].joined(whole, task).of(task) == whole.of(task)
        )


def test_shards_are_of_equal_size() -> None:
    samples = [Sample(f"{n}", "abc"[n % 3]) for n in range(60)]
    sizes = [len(shard_of(samples, f"{n}/4") or ()) for n in range(1, 5)]
    assert sizes == [15, 15, 15, 15]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", "/"])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(UserError, match="is no shard"):
        parse_shard(text)


def test_samples_by_name() -> None:
    task = cast(Task, Listed([Sample(f"{n}", "a" if n < 3 else "b") for n in range(6)]))

    def ids(selection: Selection) -> list[str]:
        return [sample.id for sample in selection.of(task)]

    some = Selection(samples=("4", "1"))
    assert ids(some) == ["1", "4"]
    assert ids(Selection(samples=("4", "1", "2"), limit=1)) == ["1", "4"]
    assert some.joined(Selection(samples=("5",)), task) == Selection(samples=("1", "4", "5"))
    assert some.joined(Selection(), task) == Selection().joined(some, task) == Selection()
    more = Selection(limit=1).joined(Selection(samples=("5",)), task)
    assert ids(more) == ["0", "3", "5"]
    assert more.joined(Selection(samples=("0",)), task) == more


def test_unknown_samples_are_told_with_near_ones(tmp_path: Path) -> None:
    known = [sample.id for sample in load_task("fd-bench-v1").samples()]
    request = RunRequest(
        ("fd-bench-v1.5", "fd-bench-v1"), ("silent",), tmp_path, Selection(samples=(known[0], known[1] + "x"))
    )
    with pytest.raises(UserError, match="no task that is run has a sample") as told:
        plan_runs(request)
    assert known[1] in told.value.remedy
    (plan,) = plan_runs(RunRequest(request.tasks, ("silent",), tmp_path, Selection(samples=(known[0],))))
    assert [sample.id for sample in plan.samples] == [known[0]]
    assert plan.config.samples == (known[0],)


def test_a_shard_without_samples_is_told(tmp_path: Path) -> None:
    everything = list(load_task("fd-bench-v1").samples())
    empty = next(f"{n}/99" for n in range(1, 100) if not shard_of(everything, f"{n}/99"))
    request = RunRequest(("fd-bench-v1",), ("silent",), tmp_path, Selection(shard=empty))
    with pytest.raises(UserError, match="holds no samples"):
        plan_runs(request)


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the whole, and of two shards made apart."""
    root = tmp_path_factory.mktemp("sharded")
    write_data(root / "data", each=2)
    for out, shard in (("whole", ""), ("one", "1/2"), ("two", "2/2")):
        tml_bench.run(
            ["fd-bench-v1"], ["delayed:200"], data=root / "data", subsets=("candor_turn_taking",), jobs=1,
            out=root / out, shard=shard, tags={"set": "custom"}, progress=False,
        )  # fmt: skip
    return root


def test_merged_shards_are_scored_as_the_whole(sharded: Path) -> None:
    before = sorted((p, p.stat().st_size) for p in (sharded / "one").rglob("*") if p.is_file())
    call = [
        "merge",
        str(sharded / "two"),
        str(sharded / "one"),
        "--out",
        str(sharded / "merged"),
        "--jobs",
        "1",
    ]
    for _ in range(2):  # again adds nothing
        result = CliRunner().invoke(main, call)
        assert result.exit_code == 0, result.output
    merged, whole = sharded / "merged" / NAME, sharded / "whole" / NAME
    assert (merged / "scores.jsonl").read_bytes() == (whole / "scores.jsonl").read_bytes()
    ours, theirs = (json.loads((run / "summary.json").read_bytes())[0] for run in (merged, whole))
    for summary in (ours, theirs):
        del summary["facts"]["created"]
    assert ours == theirs
    files = [
        sorted(p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file())
        for run in (merged, whole)
    ]
    assert files[0] == files[1]
    config, other = (read_run(run).config for run in (merged, whole))
    assert config == other
    assert before == sorted((p, p.stat().st_size) for p in (sharded / "one").rglob("*") if p.is_file())


def test_what_simulated_users_made_is_merged(sharded: Path, tmp_path: Path) -> None:
    parts = [
        shutil.copytree(next((sharded / name).glob("fd-*")), tmp_path / name / NAME)
        for name in ("one", "two")
    ]
    for part, lines in zip(parts, (b"a\nb\n", b"b\nc\n"), strict=True):
        (part / "user" / "voice").mkdir(parents=True)
        (part / "user" / "voice" / "lines.jsonl").write_bytes(lines)
        (part / "user" / "voice" / f"{lines[0]}.flac").write_bytes(lines)
    for _ in range(2):
        [merged] = merge_runs(parts, tmp_path / "merged")
        made = {file.name: file.read_bytes() for file in (merged / "user" / "voice").iterdir()}
        assert made == {"lines.jsonl": b"a\nb\nc\n", "97.flac": b"a\nb\n", "98.flac": b"b\nc\n"}
    assert (parts[0] / "user" / "voice" / "lines.jsonl").read_bytes() == b"a\nb\n"


def test_what_is_no_part_is_refused_before_anything_is_written(sharded: Path, tmp_path: Path) -> None:
    one, two = (sharded / name / f"{NAME}--shard-{n}-of-2" for n, name in ((1, "one"), (2, "two")))
    with pytest.raises(UserError, match="one shard alone"):
        merge_runs([one], tmp_path / "out")
    with pytest.raises(UserError, match="is no run, and holds none"):
        merge_runs([tmp_path], tmp_path / "out")
    other = Path(shutil.copytree(two, tmp_path / two.name))
    file = read_run(other)
    file = replace(file, config=replace(file.config, seed=1))
    (other / "run.json").write_bytes(msgspec.json.encode(file))
    with pytest.raises(UserError, match=r"no part of the same run as .*: seed is"):
        merge_runs([one, other], tmp_path / "out")
    again = Path(shutil.copytree(one, tmp_path / "again" / one.name))
    lines = [replace(a, wall_s=a.wall_s + 1) for a in read_lines(again / "attempts.jsonl", Attempt)]
    (again / "attempts.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    with pytest.raises(UserError, match="both ran sample"):
        merge_runs([one, two, again], tmp_path / "out")
    assert not (tmp_path / "out").exists()
