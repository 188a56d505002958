"""From what was asked for on the command line to runs that can be recorded."""

import difflib
import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from tml_bench.adapter import LiveAdapter
from tml_bench.errors import UserError
from tml_bench.plugins import AdapterSpec, fitting_class, load_task, parse_adapter_spec, task_place
from tml_bench.redact import redacted
from tml_bench.runs.config import RUN_SCHEMA, Identity, RunConfig, RunFile, RunPlan
from tml_bench.runs.continuing import difference
from tml_bench.runs.identity import adapter_distribution, adapter_sources, dataset_sha256, sample_hashes
from tml_bench.runs.replayed_lines import ReplayedLines
from tml_bench.runs.selection import Selection, parse_shard
from tml_bench.runs.store import NOT_A_RUN, Attempt, read_lines, read_run
from tml_bench.samples import Sample
from tml_bench.session.network import IDEAL, Network
from tml_bench.session.settings import Compute, Ticks
from tml_bench.users.settings import STAGED, UserSettings, check_playable, shown_user

REFERENCE_ADAPTERS = ("oracle", "delayed:700", "early:500", "echo", "always-on", "silent")
"""What `tml-bench run` runs when no adapter is named; they need no key."""

USUAL_TICK_MS, USUAL_MAX_SESSION_S = 200, 7200.0
LONGEST_NAME = 255
"""Most bytes that file systems take as a name."""
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What was asked for, see `tml_bench.run`.

    With ``skip_unfit`` a task that an adapter cannot run is left out, and one without a folder of data that
    cannot be loaded. ``places`` are such folders by the task as asked for, the selection's is of one task.
    """

    tasks: Sequence[str]
    adapters: Sequence[str]
    out: Path
    selection: Selection = field(default_factory=Selection)
    tick_ms: int = USUAL_TICK_MS
    seed: int = 0
    compute: Compute = Compute.IDEAL
    replay: Path | None = None
    max_session_s: float = USUAL_MAX_SESSION_S
    network: Network = IDEAL
    tool_latency: str = ""
    user: str = STAGED
    user_cache: Path | None = None
    replay_user: Path | None = None
    skip_unfit: bool = False
    epochs: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Path] = field(default_factory=dict)

    def selection_of(self, task: str) -> Selection:
        """The selection with the folder of a task's data."""
        return replace(self.selection, data=self.places.get(task, self.selection.data))


def run_name(task: str, dataset: str, adapter: AdapterSpec, settings: str = "") -> str:
    """The folder of a run: task, data and adapter, and settings that are not the usual ones."""
    shown = parse_adapter_spec(redacted(adapter.text)).slug
    name = f"{task}-{_safe(dataset)}--{shown}{settings}"
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}-{_digest(name)}"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _settings_name(config: RunConfig, plain: str) -> str:
    """What tells a run's folder from the ``plain`` one with the usual settings; empty when they are usual."""
    compute = str(config.compute)
    if config.replay:
        replayed = Path(config.replay).name.removeprefix(plain).strip("-")
        compute = f"{compute}-{replayed}".strip("-")
    parts = (
        (config.tick_ns != USUAL_TICK_MS * NS_PER_MS, f"tick-{config.tick_ns / NS_PER_MS:g}"),
        (compute not in ("ideal", "live"), compute),
        (bool(config.network), f"network-{config.network_name}"),
        (bool(config.tool_latency), f"tools-{config.tool_latency}"),
        (config.user not in ("", STAGED), f"user-{config.user}"),
        (bool(config.loop), config.loop),
        (config.seed != 0, f"seed-{config.seed}"),
        (config.max_session_s != USUAL_MAX_SESSION_S, f"max-session-{config.max_session_s:g}"),
        (bool(config.replay_user), f"user-of-{_replayed_name(config)}"),
        (config.epoch != 1, f"epoch-{config.epoch}"),
        (bool(config.shard), f"shard-{config.shard.replace('/', '-of-')}"),
    )
    return "".join(f"--{_safe(name)}" for differs, name in parts if differs)


def _replayed_name(config: RunConfig) -> str:
    """The run whose lines are played again, without task and data where these are the same."""
    return Path(config.replay_user).name.removeprefix(f"{config.task}-{_safe(config.dataset)}--")


def _place(out: Path, spec: AdapterSpec, config: RunConfig, hashes: Mapping[str, str]) -> Path:
    """The folder of a run; other data of the same name has another one."""
    plain = run_name(config.task, config.dataset, spec)
    settings = _settings_name(config, plain)
    data = f"--data-{_safe(Path(config.data).name)}"
    usual, *others = (
        out / run_name(config.task, config.dataset, spec, settings + more)
        for more in ("", data, f"{data}-{_digest(config.data)}")
    )
    if settings and not usual.exists():
        # In version 0.1.0 settings had no folders of their own.
        stored = _stored(out / plain)
        if stored is not None and not difference(config, stored.config):
            return out / plain
    for path in (usual, *others):
        stored = _stored(path)
        if stored is None or stored.config.data == config.data or _is_of(path, stored, config, hashes):
            return path
    return others[-1]


def _stored(path: Path) -> RunFile | None:
    """What a folder holds; None where it holds no run, or a damaged one, of which recording will tell."""
    try:
        return read_run(path)
    except UserError:
        return None


def _is_of(path: Path, stored: RunFile, config: RunConfig, hashes: Mapping[str, str]) -> bool:
    """Whether a run's data, which lay elsewhere, is this."""
    if stored.config.dataset_sha256 == config.dataset_sha256:
        return True
    played = {a.sample: a.sample_sha256 for a in read_lines(path / "attempts.jsonl", Attempt)}
    common = played.keys() & hashes.keys()
    return bool(common) and all(played[sample] == hashes[sample] for sample in common)


def plan_runs(
    request: RunRequest,
    tell: Callable[[str], None] = lambda line: None,
    planned: Callable[[RunPlan], None] = lambda plan: None,
) -> list[RunPlan]:
    """One plan per task and adapter; raises `UserError` where something asked for does not exist or fit.

    With ``skip_unfit`` ``tell`` gets those that are left out. ``planned`` gets each plan once it is made,
    though a later one may be refused.
    """
    _check(request)
    specs = [parse_adapter_spec(text) for text in dict.fromkeys(request.adapters)]
    classes = [fitting_class(spec) for spec in specs]
    identities = [Identity(adapter_sources(spec), adapter_distribution(spec)) for spec in specs]
    for spec, made in zip(specs, classes, strict=True):
        if issubclass(made, LiveAdapter) and request.compute is not Compute.IDEAL:
            raise UserError(
                f"adapter {spec.text!r} runs on the wall clock, where compute is what the service takes",
                "leave --compute out",
            )
    lines = ReplayedLines(request.replay_user) if request.replay_user else None
    plans: list[RunPlan] = []
    ids: set[str] = set()
    for name in dict.fromkeys(request.tasks):
        selection = request.selection_of(name)
        try:
            task = load_task(name)
            everything = selection.loaded(task)
            samples = selection.picked(everything)
            hashes = sample_hashes(samples, selection.data)
            digest = dataset_sha256(hashes)
        except UserError as error:
            if not request.skip_unfit or selection.data is not None:
                raise
            tell(f"{name} is left out: {error.problem}")
            continue
        ids |= {sample.id for sample in everything}
        if everything and not samples:
            continue  # its shard, or what the samples named leave of it
        if not samples:
            raise UserError(f"{selection.data} holds no samples of {name}", task.data_help)
        for spec, made, identity in zip(specs, classes, identities, strict=True):
            if task.needs_history and not selection.loop and not made.takes_history:
                if not request.skip_unfit:
                    raise UserError(
                        f"{task.name} gives the model a conversation from before the session, which adapter "
                        f"{spec.text!r} cannot take",
                        "run it in closed loop, --loop closed, where the model has the conversation itself, "
                        "or see takes_history in docs/writing-an-adapter.md",
                    )
                shown = redacted(spec.text)
                tell(f"{shown} does not run {name}: it takes no conversation from before the session")
                continue
            live = issubclass(made, LiveAdapter)
            user = _user(request, samples)
            config = RunConfig(
                schema=RUN_SCHEMA,
                task=task.name,
                task_file=task_place(name),
                dataset=task.dataset(selection.data),
                dataset_sha256=digest,
                data=str(selection.data.resolve()) if selection.data else "",
                subsets=selection.subsets,
                limit=selection.limit,
                adapter=redacted(spec.text),
                privileged=made.privileged,
                turn_based=issubclass(made, LiveAdapter) and made.turn_based,
                clock="wall" if live else "simulated",
                compute="live" if live else request.compute,
                replay=str(request.replay.resolve()) if request.replay else "",
                tick_ns=request.tick_ms * NS_PER_MS,
                seed=request.seed,
                max_session_s=request.max_session_s,
                samples=selection.samples,
                shard=selection.shard,
                network="" if request.network == IDEAL else msgspec.json.encode(request.network).decode(),
                tool_latency=request.tool_latency,
                user=user,
                user_cache=str(request.user_cache.resolve()) if user and request.user_cache else "",
                replay_user=str(request.replay_user.resolve()) if request.replay_user else "",
                loop=selection.loop,
                allow_outside=selection.allow_outside,
            )
            played = lines.samples(config, samples, hashes) if lines else tuple(samples)
            for epoch in range(1, request.epochs + 1):
                config = msgspec.structs.replace(config, epoch=epoch)
                path = _place(request.out, spec, config, hashes)
                plan = RunPlan(path, config, played, spec.text, identity, hashes, request.tags)
                plans.append(replace(plan, user=request.user if user else ""))
                planned(plans[-1])
    _check_some(request, ids, plans)
    for path, times in Counter(plan.path for plan in plans).items():
        if times > 1:
            raise UserError(
                f"{times} of the runs asked for have one folder, {path}", "give the adapters other names"
            )
    return plans


def _user(request: RunRequest, samples: Sequence[Sample]) -> str:
    """Who plays the scenarios of samples, without secrets; empty where nobody is simulated.

    Raises `UserError` where one cannot be played.
    """
    if request.replay_user is not None:
        return ""
    played = [sample for sample in samples if sample.scenario is not None]
    for sample in played:
        check_playable(UserSettings(request.user, given=request.user_cache), sample)
    return shown_user(request.user) if played else ""


def _check_some(request: RunRequest, ids: Collection[str], plans: Sequence[RunPlan]) -> None:
    """Raise for samples that no task has, and where no task has samples in a shard."""
    unknown = [ident for ident in request.selection.samples if ident not in ids]
    if unknown:
        near = difflib.get_close_matches(unknown[0], ids, 3, 0.5) or sorted(ids)[:3]
        raise UserError(
            f"no task that is run has a sample {', '.join(unknown)}",
            f"did you mean {' or '.join(near)}? `tml-bench view` lists those of a run" if near else "",
        )
    if not plans and request.selection.shard:
        raise UserError(
            f"shard {request.selection.shard} holds no samples: there are fewer than shards",
            "give --shard a smaller COUNT",
        )


def _check(request: RunRequest) -> None:
    try:
        Ticks(request.tick_ms * NS_PER_MS)
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
    if request.epochs < 1:
        raise UserError(f"every sample cannot be run {request.epochs} times", "give --epochs 1 or more")
    if request.epochs > 1 and request.replay is not None:
        raise UserError("--replay is one run, and --epochs asks for several", "replay each one by itself")
    if request.selection.shard:
        parse_shard(request.selection.shard)
    for option, run in (("--replay", request.replay), ("--replay-user", request.replay_user)):
        if run is not None and not (run / "run.json").is_file():
            raise UserError(f"{option} {run} is not a run", NOT_A_RUN)
