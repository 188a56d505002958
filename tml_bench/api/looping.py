"""Run a system in open and in closed loop, and compare the two."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from tml_bench.api.named_adapters import AdapterLike
from tml_bench.api.results import Run
from tml_bench.api.running import RunOptions, run
from tml_bench.errors import UserError
from tml_bench.plugins import load_task
from tml_bench.report.loops import LoopsTable, loops_table, write_loops
from tml_bench.runs.selection import CLOSED, Selection
from tml_bench.samples import Sample
from tml_bench.scoring.epochs import united
from tml_bench.scoring.summary import Summary
from tml_bench.storage.address import is_shared
from tml_bench.task import Task

RESPONDENT = "cooperative"
"""Whose conversations are replayed where a task's samples are in closed loop already."""


def loops(task: str, adapter: AdapterLike, **options: Unpack[RunOptions]) -> tuple[LoopsTable, Path]:
    """Run a system on a task in open and in closed loop, score both, and put them into one table.

    Open loop is the task's samples as they are, closed loop their closed form (`Task.closed_loop`); subsets
    of which no sample has a form of its own are not run. Where a user answers the model anyway, closed loop
    is the samples as they are, and in open loop the user says what it said to the reference adapter
    ``cooperative``, whatever the model answers.

    Example:
        >>> table, page = tml_bench.loops("fd-bench-v1", "cascade", epochs=2)

    Args:
        task: name, or ``FILE.py:CLASS``.
        adapter: as for `run`.
        options: as for `run`; ``loop`` and ``replay_user`` are set here, and ``shard`` may not be given.

    Returns:
        The table, and the file that holds it as Markdown, beside the runs under ``out``; the same as CSV and
        JSON lies beside it.

    Raises:
        UserError: the task has no closed loop; or as `run`.
    """
    if options.get("shard"):
        raise UserError("a shard is part of the samples, and loops are compared on all", "leave it out")
    if is_shared(out := options.get("out", "results")):
        raise UserError(f"{out} is no folder of this machine", "give a folder, and copy it there")
    asked: RunOptions = {**options, "loop": "", "replay_user": None}
    loaded = load_task(task)
    usable = [sample for sample in _selection(task, options).of(loaded) if not sample.problem]
    remarks: list[str] = []
    if usable and all(sample.scenario is not None for sample in usable):
        once: RunOptions = {**asked, "epochs": 1}
        (lived,) = run([task], [RESPONDENT], **once)
        closed = run([task], [adapter], **asked)
        again: RunOptions = {**asked, "replay_user": lived.path}
        opened = run([task], [adapter], **again)
        remarks.append(f"open loop: what the user said to {RESPONDENT}, at the same cues, in {lived.path}")
    else:
        asked["subsets"], remarks = _waiting(loaded, usable)
        opened = run([task], [adapter], **asked)
        waiting: RunOptions = {**asked, "loop": CLOSED}
        closed = run([task], [adapter], **waiting)
    paths = [one.path for one in opened], [one.path for one in closed]
    table = loops_table(_united(opened), _united(closed), paths, remarks)
    return table, write_loops(table, opened[0].path.parent, f"loops--{closed[0].path.name}")


def _selection(task: str, options: RunOptions) -> Selection:
    """The samples asked for, as they are."""
    data = options.get("data")
    place = data.get(task) if isinstance(data, Mapping) else data
    return Selection(
        None if place is None else Path(place),
        tuple(options.get("subsets", ())),
        options.get("limit", 0),
        samples=tuple(options.get("samples", ())),
    )


def _waiting(task: Task, samples: Sequence[Sample]) -> tuple[tuple[str, ...], list[str]]:
    """The subsets in which the closed loop is another, and a remark on the others."""
    found: dict[str, bool] = {}
    for sample in samples:
        other = task.closed_loop(sample)
        found[sample.subset] = found.get(sample.subset, False) or (other is not None and other is not sample)
    waiting = tuple(subset for subset, differs in found.items() if differs)
    if not waiting:
        raise UserError(
            f"no sample of {task.name} that is asked for has a closed loop of its own",
            "see docs/comparing.md for the tasks that have one",
        )
    alike = [subset for subset, differs in found.items() if not differs]
    remark = f"open and closed loop are the same samples, and were not run: {', '.join(alike)}"
    return waiting, [remark] if alike else []


def _united(runs: Sequence[Run]) -> Summary:
    """The epochs of a run as one."""
    (summary,) = united(one.summary for one in runs)
    return summary
