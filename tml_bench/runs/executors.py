"""Where sessions on the simulated clock run: in processes of this machine, or on actors of a Ray cluster."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from tml_bench.errors import UserError
from tml_bench.runs.back_off import Patience
from tml_bench.runs.devices import parse_devices
from tml_bench.runs.parcels import SourceTree
from tml_bench.runs.queues import SessionPool
from tml_bench.runs.ray_cluster import ActorResources, RayCluster, cluster_address
from tml_bench.runs.ray_pool import RayPool
from tml_bench.runs.remote_worker import RemoteSetup


@dataclass(frozen=True, slots=True)
class Executor:
    """What runs sessions.

    Attributes:
        kind: ``local`` or ``ray``.
        address: of the Ray cluster; empty for one that is started here.
        actors: most actors; None for as many as there is room for.
        resources: of each actor.
        devices: of each process of this machine, one after the other; see `parse_devices`.
    """

    kind: Literal["local", "ray"] = "local"
    address: str = ""
    actors: int | None = None
    resources: ActorResources = field(default_factory=ActorResources)
    devices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        text: str,
        actors: int | None,
        cpus: float | None,
        gpus: float | None,
        devices: str | Iterable[int | str] = "",
    ) -> "Executor":
        """From ``local``, ``ray`` or ``ray:address=ADDRESS``, what each actor is given, and ``--gpus``.

        Raises:
            UserError: it is none of these, Ray is not installed, or there is no such number of actors,
                processors or GPUs, or no such device.
        """
        own = parse_devices(devices)
        kind, _, options = text.partition(":")
        name, _, address = options.partition("=")
        if kind == "local" and not options:
            if (actors, cpus, gpus) != (None, None, None):
                raise UserError(
                    "--actors, --actor-cpus and --actor-gpus are for actors", "add --executor ray"
                )
            return cls(devices=own)
        if kind != "ray" or (options and (name != "address" or not address)):
            raise UserError(f"there is no executor {text!r}", "give local, ray or ray:address=HOST:PORT")
        if own:
            raise UserError(
                "--gpus is for processes of this machine", "give --actor-gpus: Ray hands them out"
            )
        address = cluster_address(address)
        resources = ActorResources(1.0 if cpus is None else cpus, gpus or 0.0)
        for what, amount in (("--actor-cpus", resources.cpus), ("--actor-gpus", resources.gpus)):
            if not (0 <= amount <= 1 or (amount > 1 and amount == int(amount))):
                raise UserError(f"{what} is {amount:g}", "give a part of one, such as 0.5, or a whole number")
        if not (resources.cpus or resources.gpus):
            raise UserError("an actor needs processors or GPUs", "give --actor-cpus or --actor-gpus")
        if actors is not None and actors < 1:
            raise UserError(f"--actors is {actors}", "give at least 1")
        return cls("ray", address, actors, resources)

    def ray_pool(
        self,
        plug_ins: Iterable[str],
        step_limit_s: float,
        patience: Patience,
        tell: Callable[[str], None] = lambda line: None,
    ) -> SessionPool:
        """A pool of actors; ``plug_ins`` are the adapters and tasks, of which those from files are sent."""
        sources = tuple(SourceTree.of(target) for target in plug_ins if ".py:" in target)
        setup = RemoteSetup(step_limit_s, os.getcwd(), sources)
        cluster = partial(RayCluster, self.address, self.resources, setup)
        return RayPool(cluster, self.actors, patience, tell, step_limit_s=step_limit_s)
