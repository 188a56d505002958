"""Say what runs would take, without holding a session or writing anything."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tml_bench.api.named_adapters import AdapterLike, Several, named_adapters
from tml_bench.api.progress import Progress, shown_by
from tml_bench.api.requests import PathLike, run_request
from tml_bench.api.running import RunOptions
from tml_bench.api.scores import JudgeOptions, judge_model_of
from tml_bench.judges.spec import RULES
from tml_bench.plugins import (
    fitting_class,
    given_adapters,
    load_task,
    parse_adapter_spec,
    task_names,
)
from tml_bench.pricing.table import load_prices
from tml_bench.runs.estimates import RunEstimate, SessionPace, estimate_official, estimate_run
from tml_bench.runs.plan import plan_runs
from tml_bench.storage.address import is_shared


def estimate(
    task: str | list[str] | tuple[str, ...] | None = None,
    adapter: AdapterLike | Several | None = None,
    *,
    official: bool = False, prices: PathLike | None = None, judge: str | JudgeOptions = RULES,
    data: PathLike | Mapping[str, PathLike] | None = None, subsets: Sequence[str] = (), limit: int = 0,
    samples: Sequence[str] = (), shard: str = "", epochs: int = 1, skip_unfit: bool = False,
    tick_ms: int = 200,
    compute: str = "ideal", replay: PathLike | None = None, network: str = "ideal",
    tool_latency: str = "", loop: str = "", user: str = "staged", user_cache: PathLike | None = None,
    replay_user: PathLike | None = None, seed: int = 0,
    max_session_s: float = 7200.0, allow_outside: bool = False, out: PathLike = "results",
    fresh: bool = False,
    retry_errors: bool = False, jobs: int | None = None, concurrency: int = 4, rate: float = 0.0,
    progress: bool | Progress = True, **unused: Any,
) -> list[RunEstimate]:  # fmt: skip
    """What `run` would take with the same arguments; touches no service and writes nothing.

    The user's side is known from the scripts. The model's is what earlier runs of the same adapter on the
    same task told, else what the task expects of it; see docs/cost.md.

    Example:
        >>> (one,) = tml_bench.estimate("fd-bench-v1", "openai-realtime")
        >>> one.sessions, one.user_s / 60, one.cost, one.currency, one.as_of

    Args:
        task: as for `run`; with ``official`` None is every task, test splits included.
        adapter: as for `run`.
        official: for the whole official data of each task, which need not be there.
        prices: a table of prices of your own, beside the one that ships.
        judge: as for `run`; a language model's calls are estimated too.
        data: as for `run`, and so are the others: they decide which runs, and what of them is done.
        allow_outside: as for `run`.
        subsets: as for `run`.
        limit: as for `run`.
        samples: as for `run`.
        shard: as for `run`.
        epochs: as for `run`.
        skip_unfit: as for `run`.
        tick_ms: as for `run`.
        compute: as for `run`.
        replay: as for `run`.
        network: as for `run`.
        tool_latency: as for `run`.
        user: as for `run`.
        user_cache: as for `run`.
        replay_user: as for `run`.
        loop: as for `run`.
        seed: as for `run`.
        max_session_s: as for `run`.
        out: as for `run`.
        fresh: as for `run`.
        retry_errors: as for `run`.
        jobs: as for `run`; with ``concurrency`` and ``rate`` it decides how long it takes.
        concurrency: as for `run`.
        rate: as for `run`.
        progress: gets a line about tasks that are left out.
        unused: whatever else `run` takes; it changes nothing here.

    Returns:
        One for each task and adapter, by task, then by adapter.

    Raises:
        TypeError: `run` takes no such argument.
        UserError: as `run`, or the table of prices is not one.
    """
    if unknown := unused.keys() - RunOptions.__annotations__.keys():
        raise TypeError(f"estimate() got an unexpected keyword argument {min(unknown)!r}")
    shown = shown_by(progress)
    if is_shared(out):
        shown.tell(f"what is done at {out} is not counted: nothing is fetched for an estimate")
    names, given = named_adapters(adapter)
    table = load_prices(Path(prices) if prices is not None else None)
    pace = SessionPace(concurrency, rate, jobs or min(8, os.cpu_count() or 1))
    model = judge_model_of(judge)
    tasks = None if task is None else (task,) if isinstance(task, str) else tuple(task)
    with given_adapters(given):
        if official:
            takes_history = {n: fitting_class(parse_adapter_spec(n)).takes_history for n in names}
            found = [load_task(name) for name in tasks or task_names()]
            return [
                estimated
                for one in found
                for estimated in estimate_official(
                    one, [n for n in names if takes_history[n] or not one.needs_history], table, pace, model
                )
            ]
        request = run_request(
            task, names, Path(out), data=data, subsets=subsets, limit=limit, samples=samples, shard=shard,
            epochs=epochs, tags={}, skip_unfit=skip_unfit, tick_ms=tick_ms, seed=seed, compute=compute,
            replay=replay, max_session_s=max_session_s, network=network, tool_latency=tool_latency,
            loop=loop, user=user, user_cache=user_cache, replay_user=replay_user, allow_outside=allow_outside,
        )  # fmt: skip
        return [
            estimate_run(plan, table, pace, model, retry_errors=retry_errors, fresh=fresh)
            for plan in plan_runs(request, shown.tell)
        ]
