"""Whether a run on disk may be continued: by the same adapter, on the same data, under the same settings.

What differs is told, with what to do; nothing is mixed in silence.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench import __version__
from tml_bench.errors import UserError
from tml_bench.plugins import load_task, parse_adapter_spec
from tml_bench.runs.config import Identity, RunConfig, RunFile, RunPlan
from tml_bench.runs.identity import SCHEME, dataset_sha256, is_same_data, sample_hashes
from tml_bench.runs.store import Attempt

EITHER = "--fresh replaces it, another --out keeps both"
_SETTINGS = (
    "task", "dataset", "privileged", "clock", "compute", "replay", "tick_ns", "seed", "max_session_s",
    "turn_based", "network", "tool_latency", "user", "replay_user", "epoch", "loop",
)  # fmt: skip


def difference(config: RunConfig, stored: RunConfig) -> str:
    """What differs between the settings of a run on disk and those asked for; empty when nothing does."""
    asked = settings(config)
    for name, there in settings(stored).items():
        if there != (now := asked[name]):
            # A member of a StrEnum prints as the word that is given on the command line.
            words = (repr(str(value) if isinstance(value, str) else value) for value in (there, now))
            return "{} is {} there and {} now".format(name, *words)
    return ""


def settings(config: RunConfig) -> dict[str, object]:
    """All by which runs are told apart but for samples; the adapter without where its file lies."""
    adapter = config.adapter if config.clock == "imported" else _without_folder(config.adapter)
    return {**{name: getattr(config, name) for name in _SETTINGS}, "adapter": adapter}


def settings_sha256(config: RunConfig) -> str:
    """SHA-256, in hexadecimal, of the settings by which runs are told apart, but for those at their default.

    So it is the same for every part of a run, after data or an adapter's file was moved, and in later
    versions that know more settings.
    """
    usual = _usual()
    chosen = {name: value for name, value in settings(config).items() if value and value != usual[name]}
    return hashlib.sha256(msgspec.json.encode(chosen, order="deterministic")).hexdigest()


@cache
def _usual() -> dict[str, object]:
    return {field.name: field.default for field in msgspec.structs.fields(RunConfig)}


def _without_folder(adapter: str) -> str:
    """An adapter as given, but for where its file lies: what its sources are is compared otherwise."""
    target = parse_adapter_spec(adapter).target if ".py:" in adapter else ""
    return Path(target).name + adapter.partition(target)[2] if target else adapter


def resumed(plan: RunPlan, stored: RunFile, attempts: Sequence[Attempt]) -> RunFile:
    """What a run's file says once a plan is recorded into its folder; one that is `closed` stays as it is.

    Raises `UserError` where the settings, the data or the adapter are others than there; says in what.
    """
    if differs := difference(plan.config, stored.config):
        raise UserError(f"{plan.path} holds another run: {differs}", EITHER)
    asked, task = plan.config.selection, load_task(plan.config.task_source)
    if not stored.config.dataset_sha256.startswith(f"{SCHEME}:"):
        before = replace(stored.config.selection, data=asked.data)
        samples = plan.samples if stored.config.clock == "imported" else before.of(task)
        if not is_same_data(stored.config.dataset_sha256, samples, asked.data):
            raise _other_data(plan, "samples")
        return stored
    selection = stored.config.selection.joined(asked, task)
    hashes = plan.hashes if selection == asked else sample_hashes(selection.of(task), asked.data)
    changed = {a.sample: None for a in attempts if a.sample_sha256 not in ("", hashes.get(a.sample))}
    if changed:
        raise _other_data(plan, next(iter(changed)) + " and others" * (len(changed) > 1))
    if differs := other_adapter(plan.identity, stored.identity):
        raise UserError(f"{plan.path} was recorded with another adapter: {differs}", EITHER)
    if closed(stored):
        return stored
    config = structs.replace(
        stored.config,
        task_file=plan.config.task_file,
        data=plan.config.data,
        subsets=selection.subsets,
        limit=selection.limit,
        limits=dict(selection.limits),
        samples=selection.samples,
        shard=selection.shard,
        allow_outside=selection.allow_outside,
        dataset_sha256=dataset_sha256(hashes),
    )
    return structs.replace(stored, config=config, tags={**stored.tags, **plan.tags})


def closed(stored: RunFile) -> str:
    """Why nothing may be added to a run, though what is there holds; empty when it may be."""
    config = stored.config
    if config.clock != "imported" and config.schema == "tml-bench/run/1.0":
        return "made before adapters were recorded"
    if config.tml_bench != __version__:
        return f"made by tml-bench {config.tml_bench}, and this is {__version__}"
    return ""


def incomplete(path: Path, why: str) -> UserError:
    """What to say of a `closed` run to which something would have to be added."""
    return UserError(f"{path} is not complete, and nothing is added to it: {why}", EITHER)


def _other_data(plan: RunPlan, what: str) -> UserError:
    problem = f"{plan.path} was recorded with other data: {what} changed"
    return UserError(problem, f"put the data back, or {EITHER}")


def other_adapter(now: Identity | None, there: Identity | None) -> str:
    """In what an adapter differs from the one that made a run; empty when in nothing, or one is not known."""
    if now is None or there is None:
        return ""
    names = sorted(
        name for name in {*now.sources, *there.sources} if now.sources.get(name) != there.sources.get(name)
    )
    if names:
        return f"adapter source{'s' * (len(names) > 1)} {', '.join(names)} changed"
    if now.distribution != there.distribution:
        return f"package {there.distribution or 'none'} there and {now.distribution or 'none'} now"
    return ""
