"""Run models on tasks."""

import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict, Unpack, overload

from tml_bench.adapter import Adapter, LiveAdapter
from tml_bench.api.progress import Progress, shown_by
from tml_bench.api.results import Run
from tml_bench.api.scores import JudgeOptions, judging_by, scored, worker_pool
from tml_bench.errors import UserError
from tml_bench.judges.spec import RULES
from tml_bench.perception.perceive import WordMode
from tml_bench.plugins import SAFE_NAME, AdapterClass, adapter_names, given_adapters, suite_names
from tml_bench.pricing.table import load_prices
from tml_bench.runs.back_off import Patience
from tml_bench.runs.budgets import parse_budget, spending_limit
from tml_bench.runs.config import RunPlan, Selection
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.plan import REFERENCE_ADAPTERS, RunRequest, plan_runs
from tml_bench.runs.pool import LivePool
from tml_bench.runs.queues import SessionPool
from tml_bench.runs.record import ChangedModelError, RunEnd, record_all, start_over
from tml_bench.runs.spending import SpendingLimit
from tml_bench.runs.store import open_runs
from tml_bench.session.network import load_network
from tml_bench.session.settings import Compute

PathLike = str | os.PathLike[str]
Given = Adapter | AdapterClass
AdapterLike = str | Given
"""A name with options or ``FILE.py:CLASS``, a class, or an object."""
Several = list[str] | list[AdapterLike] | tuple[AdapterLike, ...] | Mapping[str, Given]


class UnfinishedRunsError(UserError):
    """Some runs could not be finished, such as those of an adapter that cannot be loaded or was given up.

    Attributes:
        errors: why, one for each reason: an adapter may have several runs.
        runs: all runs of which anything is recorded, scored as far as they are.
    """

    def __init__(self, errors: Sequence[UserError], runs: Sequence[Run]) -> None:
        super().__init__("; ".join(error.problem for error in errors), errors[0].remedy)
        self.errors = tuple(errors)
        self.runs = tuple(runs)


class RunOptions(TypedDict, total=False):
    """What `run` takes beside tasks and adapters; see there."""

    data: PathLike | None
    subsets: Sequence[str]
    limit: int
    tick_ms: int
    compute: Literal["ideal", "charged", "recorded"]
    replay: PathLike | None
    network: str
    seed: int
    max_session_s: float
    out: PathLike
    fresh: bool
    retry_errors: bool
    jobs: int | None
    step_timeout_s: float
    concurrency: int
    rate: float
    max_wait_s: float
    fail_fast: int
    budget: str | float | None
    prices: PathLike | None
    preflight: bool
    judge: str | JudgeOptions
    words: WordMode
    progress: bool | Progress


@overload
def run(task: str, adapter: AdapterLike, **options: Unpack[RunOptions]) -> Run: ...
@overload
def run(
    task: list[str] | tuple[str, ...] | None = None,
    adapter: AdapterLike | Several | None = None,
    **options: Unpack[RunOptions],
) -> list[Run]: ...
@overload
def run(task: str, adapter: Several | None = None, **options: Unpack[RunOptions]) -> list[Run]: ...
def run(
    task: str | list[str] | tuple[str, ...] | None = None,
    adapter: AdapterLike | Several | None = None,
    *,
    data: PathLike | None = None, subsets: Sequence[str] = (), limit: int = 0, tick_ms: int = 200,
    compute: Literal["ideal", "charged", "recorded"] = "ideal", replay: PathLike | None = None,
    network: str = "ideal", seed: int = 0, max_session_s: float = 7200.0, out: PathLike = "results",
    fresh: bool = False, retry_errors: bool = False, jobs: int | None = None, step_timeout_s: float = 60.0,
    concurrency: int = 4, rate: float = 0.0, max_wait_s: float = 300.0, fail_fast: int = 0,
    budget: str | float | None = None, prices: PathLike | None = None, preflight: bool = True,
    judge: str | JudgeOptions = RULES, words: WordMode = "auto",
    progress: bool | Progress = True,
) -> Run | list[Run]:  # fmt: skip
    """Run models on tasks and score them; what was recorded before is continued.

    Each pair of task and adapter is one run, a folder under ``out``.

    An adapter given as a class or an object, as from a notebook, runs in this process, one session after the
    other: then a step that hangs is waited for. It is known by the name of its class, or by the name that a
    mapping gives it, and by the hash of its code: results of other code are never taken for its own. Adapters
    given by name or file run in worker processes.

    Example:
        >>> run = tml_bench.run("fd-bench-v1", MyModel)
        >>> runs = tml_bench.run("fd-bench-v1", {"fast": MyModel(300), "slow": MyModel(900)})
        >>> tml_bench.run("charades", "my_model.py:MyModel:device=cuda", compute="charged")

    Args:
        task: name, or ``FILE.py:CLASS``, or several; all but test splits when None.
        adapter: name with options such as ``delayed:400``, ``FILE.py:CLASS``, a class that needs no
            arguments, or an object; or several; the reference adapters when None.
        data: folder of the official data of one task; the mini set when None.
        subsets: only these parts of the task.
        limit: at most so many samples a subset; 0 is all.
        tick_ms: micro-turn in ms, 20 to 1000.
        compute: charge nothing, the measured time of each step, or that of the run ``replay``.
        replay: run whose compute ``recorded`` takes.
        network: ``ideal``, ``wifi``, ``4g``, ``bad``, or a profile's ``.toml``.
        seed: of everything random.
        max_session_s: limit of a session in seconds.
        out: folder of the runs.
        fresh: remove what these runs have recorded before, and start over.
        retry_errors: try again samples that ended in an adapter error.
        jobs: processes; by default the processors, at most 8, and one where compute is charged.
        step_timeout_s: seconds after which a step is taken to hang.
        concurrency: live services: sessions at once, with each.
        rate: live services: sessions started a minute, with each; 0 is any.
        max_wait_s: how long an adapter that cannot be reached, or refuses for its limits, is waited for in
            all before a session with it goes through again; then it is given up.
        fail_fast: end a run after so many samples that are not valid; 0 is never.
        budget: end before a session would pass what all these runs may have taken, earlier commands and
            failed attempts included: money in the currency of the prices (``5``), ``200000tokens`` or
            ``30min`` of session; see docs/cost.md.
        prices: a table of prices of your own, beside the one that ships.
        preflight: live services: hold one short session before a run, so that a service that is not there or
            takes no session is told at once.
        judge: who judges what was said: ``rules``, ``openai:model=NAME,OPTION=VALUE,...``,
            ``human:SHEET.csv``, or `JudgeOptions` with a cache and a budget.
        words: words from the adapter's transcript, else from local recognition (``auto``); or only from one.
        progress: show bars; or what shows them.

    Returns:
        The run of one task and one adapter; else a list, by task, then by adapter.

    Raises:
        UnfinishedRunsError: an adapter cannot be loaded or was given up, or ``fail_fast`` or ``budget`` ended
            a run; the other runs are done, and it holds them all.
        UserError: something that was given does not exist or does not fit, or a folder holds another run.
    """
    shown = shown_by(progress)
    names, given = named_adapters(adapter)
    request = RunRequest(
        tasks=tuple(suite_names()) if task is None else (task,) if isinstance(task, str) else tuple(task),
        all_tasks=task is None,
        adapters=names,
        out=Path(out),
        selection=Selection(Path(data) if data is not None else None, tuple(subsets), limit),
        tick_ms=tick_ms,
        seed=seed,
        compute=Compute(compute),
        replay=Path(replay) if replay is not None else None,
        max_session_s=max_session_s,
        network=load_network(network),
    )
    table = load_prices(Path(prices) if prices is not None else None)
    asked = None if budget is None else parse_budget(str(budget), table)
    patience = Patience(max_wait_s) if preflight else Patience(max_wait_s, max_wait_s)
    with given_adapters(given):
        plans = plan_runs(request, shown.tell)
        if fresh:
            for plan in plans:
                start_over(plan.path)
        with (
            judging_by(judge, request.out, shown) as judging,
            worker_pool(
                1 if compute == "charged" and jobs is None else jobs, step_timeout_s, patience, shown.tell
            ) as pool,
            LivePool(concurrency, rate, preflight=preflight, patience=patience, tell=shown.tell) as live,
            InProcessPool(patience, shown.tell, preflight=preflight) as own,
        ):
            places: dict[SessionPool, list[RunPlan]] = {pool: [], live: [], own: []}
            for plan in plans:
                wall = live if plan.config.clock == "wall" else pool
                places[own if plan.config.adapter in given else wall].append(plan)
            spending = None if asked is None else spending_limit(asked, plans, table)
            failed = _recorded(places, shown, retry_errors, fail_fast, spending)
            changed = {error.path for error in failed if isinstance(error, ChangedModelError)}
            stored = open_runs(plan.path for plan in plans if plan.path not in changed)
            begun = [run for run in stored if run.attempts or not failed]
            runs = scored(begun, pool, words, judging, shown, prices=table) if begun else []
    if failed:
        raise UnfinishedRunsError(failed, runs)
    one = isinstance(task, str) and not isinstance(adapter, list | tuple | Mapping | None)
    return runs[0] if one else runs


def _recorded(
    places: Mapping[SessionPool, Sequence[RunPlan]], shown: Progress, retry_errors: bool, fail_fast: int,
    limit: SpendingLimit | None,
) -> list[UserError]:  # fmt: skip
    """Record runs where each belongs; gives why some could not be finished."""
    ends: list[RunEnd] = []
    failures: list[str] = []
    with shown.bars() as bar:
        advance = bar("sessions", sum(len(plan.samples) for plans in places.values() for plan in plans))
        failed = record_all(
            places, advance, retry_errors=retry_errors, fail_fast=fail_fast, end=ends.append,
            failed=failures.append, remark=shown.tell, limit=limit,
        )  # fmt: skip
    shown.ended(ends)
    shown.failed(failures)
    return failed


def named_adapters(adapter: AdapterLike | Several | None) -> tuple[tuple[str, ...], dict[str, Given]]:
    """The adapters by name, and those given as classes or objects; a `UserError` where two are alike."""
    if adapter is None:
        return REFERENCE_ADAPTERS, {}
    pairs: list[tuple[str, AdapterLike]]
    if isinstance(adapter, Mapping):
        pairs = list(adapter.items())
    else:
        several = adapter if isinstance(adapter, list | tuple) else [adapter]
        pairs = [(one, one) if isinstance(one, str) else (_class_of(one).__name__, one) for one in several]
    given: dict[str, Given] = {}
    for name, one in pairs:
        if isinstance(one, str):
            continue
        if name in given:
            raise UserError(f"two adapters are called {name}", "give them names: {'one': ..., 'other': ...}")
        if not SAFE_NAME.fullmatch(name) or name in adapter_names():
            raise UserError(
                f"an adapter given as {name!r} would not be told from others", "give another name"
            )
        _check_given(name, one)
        given[name] = one
    return tuple(name for name, _ in pairs), given


def _class_of(adapter: Given) -> type:
    return adapter if isinstance(adapter, type) else type(adapter)


def _check_given(name: str, adapter: Given) -> None:
    if isinstance(adapter, LiveAdapter):
        raise UserError(f"{name} serves one session alone", "give its class, which is made for every session")
    if isinstance(adapter, type):
        try:
            inspect.signature(adapter).bind()
        except TypeError as error:
            raise UserError(f"{name} cannot be made: {error}", f"give an object: {name}(...)") from None
