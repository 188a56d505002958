"""Put parts of a run together that were made apart: shards, samples or subsets, on one machine or several.

The parts are the same run but for their samples, and none of them has a sample that another has too. They
are only read; recordings are linked where the file system allows it, else copied.
"""

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from glob import escape
from pathlib import Path

from msgspec import structs

from tml_bench.errors import UserError
from tml_bench.files import aside_name, sync_contents, write_atomically
from tml_bench.own_folder import own_place, refuse_links
from tml_bench.runs.config import RunFile, run_task
from tml_bench.runs.continuing import difference, other_adapter
from tml_bench.runs.identity import contradiction, dataset_sha256, sample_hashes
from tml_bench.runs.layout import recording_parts, timeline_parts
from tml_bench.runs.store import NOT_A_RUN, Attempt, RunFolder, read_lines, read_run
from tml_bench.users.settings import FOLDER
from tml_bench.users.voicing import INDEX

_SHARD = re.compile(r"--shard-[0-9]+-of-[0-9]+$")
APART = "merge those that are parts of one run; tml-bench report puts different runs side by side"
_Attempts = list[tuple[Path, Attempt]]


def merge_runs(given: Iterable[Path], out: Path) -> list[Path]:
    """Put the parts among runs, or among the runs in folders, together into runs in ``out``; gives these.

    What is there of such a run already is one of its parts: merging again adds what is new.

    Raises:
        UserError: there is no run, parts of one name differ in more than their samples, two have one sample,
            or a shard is alone, before anything is written; or as `RunFolder`.
    """
    parts: dict[Path, list[Path]] = defaultdict(list)
    for run in _runs(given):
        parts[out / _SHARD.sub("", run.resolve().name)].append(run)
    for path, runs in parts.items():
        if (path / "run.json").is_file() and path.resolve() not in {run.resolve() for run in runs}:
            runs.insert(0, path)
        elif len(runs) == 1 and _SHARD.search(runs[0].resolve().name):
            raise UserError(f"{runs[0]} is one shard alone", "name the others, or the folders that hold them")
    whole = {path: (_united(runs), _attempts(runs)) for path, runs in parts.items()}
    for path, (file, attempts) in whole.items():
        _write(path, file, attempts)
    return list(whole)


def _runs(given: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        inside = (
            [path] if (path / "run.json").is_file() else sorted(p.parent for p in path.glob("*/run.json"))
        )
        if not inside:
            raise UserError(f"{path} is no run, and holds none", NOT_A_RUN)
        found += inside
    return list({run.resolve(): run for run in found}.values())


def _united(runs: Sequence[Path]) -> RunFile:
    """What the runs together are; raises where they are no parts of one, or their data is not here."""
    files = [read_run(run) for run in runs]
    for path, file in zip(runs[1:], files[1:], strict=True):
        if differs := _differs(files[0], file):
            raise UserError(f"{path} is no part of the same run as {runs[0]}: {differs}", APART)
    if len(files) == 1:
        return files[0]
    task = run_task(files[0].config)
    selection = files[0].config.selection
    for file in files[1:]:
        selection = selection.joined(file.config.selection, task)
    hashes = sample_hashes(selection.of(task), selection.data)
    config = structs.replace(
        files[0].config,
        data=files[-1].config.data,
        subsets=selection.subsets,
        limit=selection.limit,
        limits=dict(selection.limits),
        samples=selection.samples,
        shard=selection.shard,
        allow_outside=selection.allow_outside,
        dataset_sha256=dataset_sha256(hashes),
    )
    reported = {
        name: said for file in files if file.identity for name, said in file.identity.reported.items()
    }
    identity = files[0].identity and structs.replace(files[0].identity, reported=reported)
    tags = {name: value for file in files for name, value in file.tags.items()}
    return structs.replace(files[0], config=config, identity=identity, tags=tags)


def _differs(one: RunFile, other: RunFile) -> str:
    """In what two runs differ beside their samples; empty for nothing."""
    if one.config.clock == "imported":
        return "imported runs have no parts"
    if one.config.tml_bench != other.config.tml_bench:
        return f"tml-bench is {one.config.tml_bench} there and {other.config.tml_bench} here"
    said = [file.identity.reported if file.identity else {} for file in (one, other)]
    return (
        difference(other.config, one.config)
        or other_adapter(other.identity, one.identity)
        or contradiction(*said)
    )


def _attempts(runs: Sequence[Path]) -> _Attempts:
    """Every attempt with its run, each once; raises where two runs have other attempts of one sample."""
    found: dict[str, tuple[Path, Mapping[int, Attempt]]] = {}
    for run in runs:
        mine: dict[str, dict[int, Attempt]] = defaultdict(dict)
        for attempt in read_lines(run / "attempts.jsonl", Attempt):
            mine[attempt.sample][attempt.attempt] = attempt
        for sample, numbered in mine.items():
            where, known = found.setdefault(sample, (run, numbered))
            if known != numbered:
                raise UserError(
                    f"{where} and {run} both ran sample {sample}", "leave one of them out, or use one of them"
                )
    return [(run, attempt) for run, numbered in found.values() for attempt in numbered.values()]


def _write(path: Path, file: RunFile, attempts: _Attempts) -> None:
    with RunFolder(path, file, lambda saved, there: file) as folder:
        folder.save()
        for run in dict.fromkeys(run for run, _ in attempts):
            _take_over(run, path)
        there = {(attempt.sample, attempt.attempt) for attempt in folder.attempts}
        for run, attempt in attempts:
            if (attempt.sample, attempt.attempt) not in there:
                _take(run, attempt, folder)


def _take(run: Path, attempt: Attempt, folder: RunFolder) -> None:
    """Put an attempt of another run into a folder: its recording, what was perceived of it, then its line."""
    name, number, file = attempt.sample, attempt.attempt, read_run(run)
    made = own_place(run, *recording_parts(file, name, number))
    aside = folder.aside / name / str(number)
    if made.is_dir():
        refuse_links(made)
        shutil.copytree(made, aside, copy_function=_linked)
        sync_contents(aside)
    timelines = own_place(folder.path, *timeline_parts(folder.file, name, number)).parent
    seen_there = own_place(run, *timeline_parts(file, name, number)).parent
    for seen in seen_there.glob(f"{escape(name)}-{number}[.-]*"):
        own_place(seen_there, seen.name)
        timelines.mkdir(parents=True, exist_ok=True)
        if not (timelines / seen.name).exists():
            _linked(seen, timelines / seen.name)
    folder.commit(attempt, aside if made.is_dir() else None)


def _take_over(run: Path, path: Path) -> None:
    """Put what a simulated user made in another run beside what is there; nothing that is there changes."""
    for file in sorted(run.glob(f"{FOLDER}/*/[!.]*")):
        parts = file.relative_to(run).parts
        own_place(run, *parts)
        taken = own_place(path, *parts)
        taken.parent.mkdir(parents=True, exist_ok=True)
        if file.name == INDEX:
            known = taken.read_bytes().splitlines(keepends=True) if taken.is_file() else []
            write_atomically(
                taken, b"".join(dict.fromkeys(known + file.read_bytes().splitlines(keepends=True)))
            )
        elif not taken.exists():
            _linked(file, taken)


def _linked(source: str | Path, place: str | Path) -> str | Path:
    """Files of a run are written once, and replaced as a whole: two folders can have one."""
    try:
        os.link(source, place)
    except OSError:
        aside = Path(place).with_name(aside_name(Path(place).name))
        shutil.copy2(source, aside)
        aside.replace(place)
    return place
