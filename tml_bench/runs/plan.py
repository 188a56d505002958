"""From what was asked for on the command line to runs that can be recorded."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tml_bench.adapter import LiveAdapter, StepAdapter
from tml_bench.errors import UserError
from tml_bench.plugins import AdapterSpec, fitting_class, load_task, parse_adapter_spec, task_place
from tml_bench.runs.config import RUN_SCHEMA, RunConfig, Selection
from tml_bench.runs.identity import dataset_sha256, sample_hashes
from tml_bench.runs.record import Plan
from tml_bench.session.clock import Ticks
from tml_bench.session.network import IDEAL, Network
from tml_bench.session.simulated import Compute
from tml_bench.task import Task

REFERENCE_ADAPTERS = ("oracle", "delayed:700", "early:500", "echo", "always-on", "silent")
"""What `tml-bench run` runs when no adapter is named; they need no key."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        tasks: names.
        all_tasks: they are all there are, not named one by one: what an adapter cannot run is left out.
        adapters: as given.
        out: folder that holds the runs' folders.
        selection: which samples.
        tick_ms: length of a micro-turn.
        seed: seed of the runs.
        compute: how compute is charged.
        replay: run whose compute is replayed.
        max_session_s: limit of a session.
        network: what lies between harness and model.
    """

    tasks: Sequence[str]
    adapters: Sequence[str]
    out: Path
    selection: Selection = field(default_factory=Selection)
    tick_ms: int = 200
    seed: int = 0
    compute: Compute = Compute.IDEAL
    replay: Path | None = None
    max_session_s: float = 7200.0
    network: Network = IDEAL
    all_tasks: bool = False


def run_name(task: str, dataset: str, adapter: AdapterSpec) -> str:
    """The folder of a run: task, data and adapter."""
    return f"{task}-{re.sub(r'[^A-Za-z0-9._-]+', '-', dataset)}--{adapter.slug}"


def plan_runs(request: Request, tell: Callable[[str], None] = lambda line: None) -> list[Plan]:
    """One plan per task and adapter; where all tasks were asked for, without those that cannot be run.

    Args:
        request: what to run.
        tell: gets a line for every task that is left out.

    Raises:
        UserError: a task, adapter, option, folder or subset does not exist or does not fit.
    """
    _check(request)
    specs = [parse_adapter_spec(text) for text in request.adapters]
    classes = [fitting_class(spec) for spec in specs]
    for spec, made in zip(specs, classes, strict=True):
        if issubclass(made, LiveAdapter) and request.compute is not Compute.IDEAL:
            raise UserError(
                f"adapter {spec.text!r} runs on the wall clock, where compute is what the service takes",
                "leave --compute out",
            )
    plans = []
    for name in request.tasks:
        try:
            task = load_task(name)
            samples = request.selection.of(task)
            digest = dataset_sha256(sample_hashes(samples, request.selection.data))
        except UserError as error:
            if not request.all_tasks:
                raise
            tell(f"{name} is left out: {error.problem}")
            continue
        if not samples:
            raise UserError(f"{request.selection.data} holds no samples of {name}", task.data_help)
        for spec, made in zip(specs, classes, strict=True):
            if not _can_run(task, spec, made, request.all_tasks):
                tell(f"{spec.text} does not run {name}: it takes no conversation from before the session")
                continue
            live = issubclass(made, LiveAdapter)
            config = RunConfig(
                schema=RUN_SCHEMA,
                task=task.name,
                task_file=task_place(name),
                dataset=task.dataset(request.selection.data),
                dataset_sha256=digest,
                data=str(request.selection.data.resolve()) if request.selection.data else "",
                subsets=request.selection.subsets,
                limit=request.selection.limit,
                adapter=spec.text,
                privileged=made.privileged,
                turn_based=issubclass(made, LiveAdapter) and made.turn_based,
                clock="wall" if live else "simulated",
                compute="live" if live else request.compute,
                replay=str(request.replay.resolve()) if request.replay else "",
                tick_ns=request.tick_ms * 1_000_000,
                seed=request.seed,
                max_session_s=request.max_session_s,
                network="" if request.network == IDEAL else msgspec.json.encode(request.network).decode(),
            )
            path = request.out / run_name(task.name, config.dataset, spec)
            plans.append(Plan(path, config, tuple(samples)))
    return plans


def _check(request: Request) -> None:
    try:
        Ticks(request.tick_ms * 1_000_000)
    except ValueError as error:
        raise UserError(str(error), "give --tick between 20 and 1000") from None
    if request.selection.data is not None and len(request.tasks) != 1:
        raise UserError(
            f"--data {request.selection.data} is the data of one task", "say which: --task NAME --data FOLDER"
        )
    if not 0 < request.max_session_s < math.inf:
        raise UserError(
            f"a session cannot last {request.max_session_s:g} s", "give --max-session above 0, and an end"
        )
    if (request.compute is Compute.RECORDED) != (request.replay is not None):
        raise UserError("--compute recorded and --replay RUN belong together", "give both or neither")
    if request.replay is not None and not (request.replay / "run.json").is_file():
        raise UserError(
            f"--replay {request.replay} is not a run", "give a run's folder, one that holds run.json"
        )


def _can_run(
    task: Task, spec: AdapterSpec, made: type[StepAdapter] | type[LiveAdapter], all_tasks: bool
) -> bool:
    """Whether an adapter can run a task.

    Raises:
        UserError: it cannot, and the task was asked for by name.
    """
    if not task.needs_history or made.takes_history:
        return True
    if all_tasks:
        return False
    raise UserError(
        f"{task.name} gives the model a conversation from before the session, which adapter {spec.text!r} "
        "cannot take",
        "run the open-loop form of the task, or see takes_history in docs/writing-an-adapter.md",
    )
