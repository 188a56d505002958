"""Run models on tasks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal, TypedDict, Unpack, overload

from tml_bench.api.named_adapters import AdapterLike, Several, named_adapters
from tml_bench.api.progress import Progress, shown_by
from tml_bench.api.requests import PathLike, run_request
from tml_bench.api.results import Run
from tml_bench.api.scores import JudgeOptions, judging_by, scored, worker_pool
from tml_bench.errors import UserError
from tml_bench.judges.spec import RULES
from tml_bench.perception.perceive import WordMode
from tml_bench.plugins import given_adapters, parse_adapter_spec
from tml_bench.pricing.table import load_prices
from tml_bench.runs.back_off import Patience
from tml_bench.runs.budgets import parse_budget, spending_limit
from tml_bench.runs.config import RunPlan
from tml_bench.runs.executors import Executor
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.plan import plan_runs
from tml_bench.runs.pool import LivePool
from tml_bench.runs.queues import SessionPool
from tml_bench.runs.record import ChangedModelError, RunEnd, record_all
from tml_bench.runs.recorded import left_to_run
from tml_bench.runs.spending import SpendingLimit
from tml_bench.runs.store import open_runs
from tml_bench.scoring.input_fingerprint import ScoringSettings
from tml_bench.storage.address import is_shared
from tml_bench.storage.results_place import results_place
from tml_bench.users.llm_user import LLM
from tml_bench.users.settings import check_language_model

NO_TAGS: Mapping[str, str] = {}


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

    data: PathLike | Mapping[str, PathLike] | None
    allow_outside: bool
    subsets: Sequence[str]
    limit: int
    samples: Sequence[str]
    shard: str
    epochs: int
    tags: Mapping[str, str]
    tick_ms: int
    compute: Literal["ideal", "charged", "recorded"]
    replay: PathLike | None
    network: str
    tool_latency: str
    user: str
    user_cache: PathLike | None
    replay_user: PathLike | None
    loop: Literal["", "closed"]
    seed: int
    max_session_s: float
    out: PathLike
    fresh: bool
    retry_errors: bool
    jobs: int | None
    gpus: str | Sequence[int | str]
    step_timeout_s: float
    executor: str
    actors: int | None
    actor_cpus: float | None
    actor_gpus: float | None
    concurrency: int
    rate: float
    max_wait_s: float
    fail_fast: int
    budget: str | float | None
    prices: PathLike | None
    preflight: bool
    judge: str | JudgeOptions
    words: WordMode
    skip_unfit: bool
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
    data: PathLike | Mapping[str, PathLike] | None = None, subsets: Sequence[str] = (), limit: int = 0,
    samples: Sequence[str] = (), shard: str = "", epochs: int = 1, tags: Mapping[str, str] = NO_TAGS,
    tick_ms: int = 200,
    compute: Literal["ideal", "charged", "recorded"] = "ideal", replay: PathLike | None = None,
    network: str = "ideal", tool_latency: str = "", loop: Literal["", "closed"] = "", user: str = "staged",
    user_cache: PathLike | None = None, replay_user: PathLike | None = None, seed: int = 0,
    max_session_s: float = 7200.0, allow_outside: bool = False,
    out: PathLike = "results", fresh: bool = False, retry_errors: bool = False, jobs: int | None = None,
    gpus: str | Sequence[int | str] = "", step_timeout_s: float = 60.0, executor: str = "local",
    actors: int | None = None, actor_cpus: float | None = None, actor_gpus: float | None = None,
    concurrency: int = 4, rate: float = 0.0, max_wait_s: float = 300.0, fail_fast: int = 0,
    budget: str | float | None = None, prices: PathLike | None = None, preflight: bool = True,
    judge: str | JudgeOptions = RULES,
    words: WordMode = "auto", skip_unfit: bool = False, progress: bool | Progress = True,
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
        allow_outside: also play files that lie outside the data's folder, which links or annotations lead to.
        data: folder of the official data of one task, or folders by the names of tasks; the mini set of those
            that are not named.
        subsets: only these parts of the task.
        limit: at most so many samples a subset; 0 is all.
        samples: ids of the only samples to run, of whatever task has them.
        shard: only this part of the samples, as ``2/5``; `tml_bench.merge` puts the parts together.
        epochs: play every sample so many times, each time with a seed of its own: each is a run, which
            reports take together.
        tags: names, each with a value that may be empty, by which reports can tell the runs.
        tick_ms: micro-turn in ms, 20 to 1000.
        compute: charge nothing, the measured time of each step, or that of the run ``replay``.
        replay: run whose compute ``recorded`` takes.
        network: ``ideal``, ``wifi``, ``4g``, ``bad``, or a profile's ``.toml``.
        tool_latency: how long functions take that the model calls: ``instant``, ``fast``, ``normal``,
            ``slow``, ``degraded``, ``timeout_risk`` or ``reference``; empty for what the task says.
        user: who plays the samples with a scenario: ``staged``, by the scenario's lines and rules, or
            ``llm:model=NAME,base_url=URL``, a language model; see docs/llm-user.md.
        user_cache: an earlier run, from which what its user made is taken.
        replay_user: run of the same task whose simulated users' lines are played again, whatever is answered.
        loop: ``closed`` plays the closed-loop form of the samples, in which the user's turns wait for the
            model; of tasks that have one.
        seed: of everything random.
        max_session_s: limit of a session in seconds.
        out: folder of the runs, or an address of shared storage such as ``s3://bucket/results``.
        fresh: remove what these runs have recorded before, and start over.
        retry_errors: try again samples that ended in an adapter error.
        jobs: processes; by default one for each of ``gpus``, or the processors, at most 8; one where compute
            is charged.
        gpus: devices, ``"0,1"`` or one by one: each process that runs sessions sees one of them, in turn.
        step_timeout_s: seconds after which a step is taken to hang.
        executor: what runs sessions: ``local`` is processes of this machine; ``ray`` actors of the Ray
            cluster in ``RAY_ADDRESS``, or of one that is started here; ``ray:address=HOST:PORT`` of that one.
        actors: most actors; by default as many as there is room for, and one where compute is charged.
        actor_cpus: processors that Ray keeps for each, 1 by default; parts of one too.
        actor_gpus: GPUs that Ray keeps for each, 0 by default, and then it sees none; parts of one too.
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
        skip_unfit: leave out tasks that an adapter cannot run, and say so, instead of refusing; always so
            where no task is named.
        progress: show bars; or what shows them.

    Returns:
        The run of one task and one adapter, that of the first epoch if there are several; else a list, by
        task, adapter and epoch.

    Raises:
        UnfinishedRunsError: an adapter cannot be loaded or was given up, or ``fail_fast`` or ``budget`` ended
            a run; the other runs are done, and it holds them all.
        UserError: something that was given does not exist or does not fit, or a folder holds another run.
    """
    shown = shown_by(progress)
    for other in (replay, replay_user):
        if other is not None and is_shared(other):
            raise UserError(f"{other} is no folder of this machine", "replay a run that lies on a disk")
    place = results_place(out, max_wait_s, shown.tell)
    names, given = named_adapters(adapter)
    chosen = Executor.of(executor, actors, actor_cpus, actor_gpus, gpus)
    if given and (chosen.kind != "local" or chosen.devices):
        raise UserError(
            f"{next(iter(given))} is in this process alone, not on actors or devices of its own",
            "write it to a file and name that, FILE.py:CLASS, or use executor='local' without gpus",
        )
    request = run_request(
        task, names, place.folder, data=data, subsets=subsets, limit=limit, samples=samples, shard=shard,
        epochs=epochs, tags=tags, skip_unfit=skip_unfit, tick_ms=tick_ms, seed=seed, compute=compute,
        replay=replay, max_session_s=max_session_s, network=network, tool_latency=tool_latency,
        loop=loop, user=user, user_cache=user_cache, replay_user=replay_user, allow_outside=allow_outside,
    )  # fmt: skip
    table = load_prices(Path(prices) if prices is not None else None)
    asked = None if budget is None else parse_budget(str(budget), table)
    patience = Patience(max_wait_s) if preflight else Patience(max_wait_s, max_wait_s)
    size = 1 if compute == "charged" and jobs is None else jobs
    with (
        given_adapters(given),
        worker_pool(size, step_timeout_s, patience, shown.tell, chosen.devices) as pool,
    ):
        place.prepare(str(request.selection.data.resolve()) if request.selection.data else "")
        stepped = pool if chosen.kind == "local" else None
        plans = plan_runs(request, shown.tell, partial(_expect_new, stepped, given))
        _check_users(plans, shown, fresh=fresh)
        if fresh:
            _check_kept(plans)
        with (
            place,
            judging_by(judge, request.out, shown) as judging,
            worker_pool(jobs, step_timeout_s) if chosen.devices else nullcontext(pool) as hearing,
            LivePool(concurrency, rate, preflight=preflight, patience=patience, tell=shown.tell) as live,
            InProcessPool(patience, shown.tell, preflight=preflight) as own,
            _stepping(chosen, pool, plans, step_timeout_s, patience, shown) as steps,
        ):
            places: dict[SessionPool, list[RunPlan]] = {steps: [], live: [], own: []}
            for plan in plans:
                wall = live if plan.config.clock == "wall" else steps
                places[own if plan.config.adapter in given else wall].append(plan)
            spending = None if asked is None else spending_limit(asked, plans, table)
            if fresh and places[steps]:
                steps.connect()
            place.begin([plan.path for plan in plans], fresh=fresh)
            failed = _recorded(places, shown, words, retry_errors, fail_fast, spending, lambda: place.problem)
            changed = {error.path for error in failed if isinstance(error, ChangedModelError)}
            stored = open_runs((plan.path for plan in plans if plan.path not in changed), planned=plans)
            begun = [run for run in stored if run.attempts or not failed]
            settings = ScoringSettings(words, check_all=False, prices=table)
            runs = scored(begun, hearing, settings, judging, shown) if begun else []
            if (problem := place.end([run.path for run in runs])) and problem not in failed:
                failed.append(problem)
    if failed:
        raise UnfinishedRunsError(failed, runs)
    one = isinstance(task, str) and not isinstance(adapter, list | tuple | Mapping | None)
    return runs[0] if one else runs


def _expect_new(pool: SessionPool | None, given: Collection[str], plan: RunPlan) -> None:
    """Let processes for the sessions of a new run start while other runs are planned."""
    config = plan.config
    if pool is not None and config.clock != "wall" and config.adapter not in given and not plan.path.exists():
        pool.expect(sum(not sample.problem for sample in plan.samples))


def _check_users(plans: Sequence[RunPlan], shown: Progress, *, fresh: bool) -> None:
    """Look whether the language models that play users can be asked, before anything starts."""
    told: dict[str, None] = {}
    for plan in plans:
        user = plan.user_settings
        if user.policy != LLM:
            continue
        if fresh:
            user = replace(user, cache=None)  # it is about to be removed
        elif not left_to_run(plan):
            continue
        told[check_language_model(user, plan.samples)] = None
    for line in filter(None, told):
        shown.tell(line)


def _check_kept(plans: Sequence[RunPlan]) -> None:
    """Refuse to remove a run from which another, or the same, is to take something."""
    for plan, other in product(plans, plans):
        taken = other.config.replay, other.config.replay_user, other.config.user_cache
        for folder in filter(None, taken):
            if Path(folder).is_relative_to(plan.path.resolve()):
                what = f"--fresh would remove {plan.path}, from which something is to be taken"
                raise UserError(what, "give another --out")


def _stepping(
    executor: Executor, pool: SessionPool, plans: Sequence[RunPlan], step_limit_s: float, patience: Patience,
    shown: Progress,
) -> AbstractContextManager[SessionPool]:  # fmt: skip
    """What runs sessions on the simulated clock: the pool of processes, or actors."""
    if executor.kind == "local":
        return nullcontext(pool)
    for adapter in dict.fromkeys(plan.config.adapter for plan in plans if plan.config.clock == "wall"):
        shown.tell(
            f"{adapter} runs on the wall clock: its sessions are held from this machine, not by actors"
        )
    stepped = [plan for plan in plans if plan.config.clock != "wall"]
    if executor.actors is None and any(plan.config.compute == "charged" for plan in stepped):
        executor = replace(executor, actors=1)
    adapters = {parse_adapter_spec(plan.adapter or plan.config.adapter).target for plan in stepped}
    tasks = {plan.config.task_source for plan in stepped}
    return executor.ray_pool(sorted(adapters | tasks), step_limit_s, patience, shown.tell)


def _recorded(
    places: Mapping[SessionPool, Sequence[RunPlan]], shown: Progress, words: WordMode,
    retry_errors: bool, fail_fast: int,
    limit: SpendingLimit | None, trouble: Callable[[], UserError | None],
) -> list[UserError]:  # fmt: skip
    """Record runs where each belongs; gives why some could not be finished."""
    ends: list[RunEnd] = []
    failures: list[str] = []
    with shown.bars() as bar:
        advance = bar("sessions", sum(len(plan.samples) for plans in places.values() for plan in plans))
        failed = record_all(
            places, advance, retry_errors=retry_errors, fail_fast=fail_fast, end=ends.append,
            failed=failures.append, remark=shown.tell, limit=limit, trouble=trouble, words=words,
        )  # fmt: skip
    shown.ended(ends)
    shown.failed(failures)
    return failed
