"""What runs are asked for, from the arguments of `tml_bench.run` and `tml_bench.estimate`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.plugins import suite_names
from tml_bench.runs.plan import RunRequest
from tml_bench.runs.selection import CLOSED, LOOPS, Selection
from tml_bench.runs.tags import clean_tags
from tml_bench.session.network import load_network
from tml_bench.session.settings import Compute
from tml_bench.tool_latency import check_tool_latency
from tml_bench.users.settings import FOLDER, STAGED, checked_user

PathLike = str | os.PathLike[str]


def run_request(
    task: str | Sequence[str] | None, adapters: Sequence[str], out: Path, *,
    data: PathLike | Mapping[str, PathLike] | None, subsets: Sequence[str], limit: int,
    samples: Sequence[str], shard: str, epochs: int, tags: Mapping[str, str], skip_unfit: bool, tick_ms: int,
    seed: int, compute: str, replay: PathLike | None, max_session_s: float, network: str,
    tool_latency: str, loop: str = "", user: str = STAGED, user_cache: PathLike | None = None,
    replay_user: PathLike | None = None, allow_outside: bool = False,
) -> RunRequest:  # fmt: skip
    """What is asked for; see `tml_bench.run`.

    Raises:
        UserError: something does not exist, or is none of what may be given.
    """
    if loop not in LOOPS:
        raise UserError(f"there is no loop {loop!r}", f"give --loop {CLOSED}, or leave it out")
    by_task = data if isinstance(data, Mapping) else {}
    folder = None if data is None or isinstance(data, Mapping) else Path(data)
    return RunRequest(
        tasks=tuple(suite_names()) if task is None else (task,) if isinstance(task, str) else tuple(task),
        skip_unfit=skip_unfit or task is None,
        epochs=epochs,
        tags=clean_tags(tags),
        adapters=adapters,
        out=out,
        selection=Selection(
            folder,
            tuple(subsets),
            limit,
            samples=tuple(samples),
            shard=shard,
            loop=loop,
            allow_outside=allow_outside,
        ),
        places={name: Path(place) for name, place in by_task.items()},
        tick_ms=tick_ms,
        seed=seed,
        compute=Compute(compute),
        replay=Path(replay) if replay is not None else None,
        max_session_s=max_session_s,
        network=load_network(network),
        tool_latency=check_tool_latency(tool_latency),
        user=checked_user(user),
        user_cache=None if user_cache is None else _user_folder(Path(user_cache)),
        replay_user=Path(replay_user) if replay_user is not None else None,
    )


def _user_folder(given: Path) -> Path:
    """Where a run keeps what its user made: the folder as given, or that in it, where it is a run's."""
    folder = given / FOLDER if (given / FOLDER).is_dir() else given
    if not folder.is_dir():
        raise UserError(f"--user-cache {given} is no folder", "give a run, or its folder `user`")
    return folder
