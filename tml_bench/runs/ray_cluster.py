"""The few things that are asked of Ray: to start actors, to hand them work, to say what they have done."""

import os
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from tml_bench.errors import UserError
from tml_bench.redact import redacted
from tml_bench.runs.parcels import Parcel
from tml_bench.runs.remote_worker import RemoteSetup, RemoteWorker

Actor = Any
"""A handle of Ray, which is not typed."""
Promise = Any
"""Of what an actor will give back."""

_QUIETLY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
"""Of a Ray that is started here: it reports to nobody, and its actors stand behind no other process."""

ANSWER_S = 10.0
"""Whether a cluster is there at all is known by then; Ray itself tries for minutes."""

_REMEDY = "install it with `pip install 'tml-bench[ray]'`"


class LostActorError(Exception):
    """An actor is gone, or what it gave: killed, crashed, or its node is away."""


@dataclass(frozen=True, slots=True)
class ActorResources:
    """What each actor is given alone: processors and GPUs, parts of one too."""

    cpus: float = 1.0
    gpus: float = 0.0

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")


class ActorCluster(Protocol):
    """Where actors run."""

    def room(self) -> int:
        """How many actors all its nodes hold, were nothing else there."""
        ...

    def start(self) -> tuple[Actor, Promise]:
        """Ask for an actor, and for its place, which it tells once it is there."""
        ...

    def hand(self, actor: Actor, parcel: Parcel) -> Promise:
        """Hand a parcel to an actor."""
        ...

    def ask(self, actor: Actor) -> Promise:
        """Ask an actor for a sign of life, which it gives also while it works."""
        ...

    def wait(self, promises: Sequence[Promise], timeout_s: float) -> Sequence[Promise]:
        """Those that are kept, once one is, or the time is over."""
        ...

    def get(self, promise: Promise) -> Any:
        """What was promised; raises `LostActorError`."""
        ...

    def end(self, actor: Actor) -> None:
        """End an actor, whatever it does."""
        ...

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        ...


def cluster_address(given: str) -> str:
    """The address of a cluster as given, or that in ``RAY_ADDRESS``; empty where there is none.

    Raises:
        UserError: it is neither ``auto`` nor HOST:PORT, or Ray is not installed.
    """
    if find_spec("ray") is None:
        raise UserError("Ray is not installed", _REMEDY)
    address = given or os.environ.get("RAY_ADDRESS", "")
    if address.startswith("ray://"):
        raise UserError(
            f"{address} is for Ray's client, which is not supported",
            "run the command on a node of the cluster, with ray:address=auto, or use `ray job submit`",
        )
    if address not in ("", "auto") and not re.fullmatch(r".+:\d+", address):
        raise UserError(f"{address!r} is no address of a Ray cluster", "give HOST:PORT, or auto")
    return address


def _why(error: Exception) -> str:
    """Why an actor is lost; Ray's own message names what kills in general, in many lines."""
    told = str(error).strip().splitlines()
    if "creation task" in told[0]:
        return told[-1].strip()
    how = "its node was taken away" if getattr(error, "preempted", False) else "its process or node is gone"
    return f"{how}, {type(error).__name__}"


class RayCluster:
    """Ray at an address, or started on this machine until ``close``.

    Args:
        address: as `cluster_address` gives it; empty to start Ray here.
        resources: what each actor is given.
        setup: what each is made with.

    Raises:
        UserError: Ray is not installed or not there, or no actor fits on this machine.
    """

    def __init__(self, address: str, resources: ActorResources, setup: RemoteSetup) -> None:
        for name, value in _QUIETLY.items():
            os.environ.setdefault(name, value)
        self._ray = import_module("ray")
        self._resources = resources
        self._owned = False
        if not self._ray.is_initialized():
            self._owned = True
            self._connect(address)
            if not address and not self.room():
                have = self._ray.cluster_resources()
                self.close()
                raise UserError(
                    f"an actor is to have {resources}, and this machine has {have.get('CPU', 0):g} CPU and "
                    f"{have.get('GPU', 0):g} GPU",
                    "ask for less (--actor-cpus, --actor-gpus), or name a cluster: ray:address=HOST:PORT",
                )
        make = self._ray.remote(
            num_cpus=resources.cpus,
            num_gpus=resources.gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=2,  # a parcel, and beside it a sign of life
        )
        self._actors = make(RemoteWorker)
        self._setup = self._ray.put(setup)

    def _connect(self, address: str) -> None:
        where = {"address": address} if address else {"address": "local", "include_dashboard": False}
        try:
            if address not in ("", "auto"):
                host, _, port = address.rpartition(":")
                socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
            self._ray.init(**where, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # Ray raises plain ones too, as where a busy machine starts it too slowly
            raise UserError(
                f"Ray at {address or 'this machine'} cannot be used: {str(error).partition(chr(10))[0]}",
                "see `ray status`; set RAY_AUTH_MODE=token where the cluster asks for a token"
                if address
                else "",
            ) from None
        # What Ray says of each lost worker, on the terminal, is in the reason of the attempt.
        logging = import_module("ray._private.ray_logging")
        if (told := getattr(logging, "global_worker_stdstream_dispatcher", None)) is not None:
            told.remove_handler("ray_print_logs")

    def room(self) -> int:
        """As ``ActorCluster``."""
        return sum(self._fitting(node["Resources"]) for node in self._ray.nodes() if node["Alive"])

    def _fitting(self, node: dict[str, float]) -> int:
        wanted = {"CPU": self._resources.cpus, "GPU": self._resources.gpus}
        return min(int(node.get(kind, 0.0) / amount + 1e-9) for kind, amount in wanted.items() if amount)

    def start(self) -> tuple[Actor, Promise]:
        """As ``ActorCluster``."""
        actor = self._actors.remote(self._setup)
        return actor, actor.place.remote()

    def hand(self, actor: Actor, parcel: Parcel) -> Promise:
        """As ``ActorCluster``."""
        return actor.do.remote(parcel)

    def ask(self, actor: Actor) -> Promise:
        """As ``ActorCluster``."""
        return actor.is_alive.remote()

    def wait(self, promises: Sequence[Promise], timeout_s: float) -> Sequence[Promise]:
        """As ``ActorCluster``."""
        if not promises:
            time.sleep(timeout_s)
            return ()
        kept: Sequence[Promise] = self._ray.wait(list(promises), num_returns=1, timeout=timeout_s)[0]
        return kept

    def get(self, promise: Promise) -> Any:
        """As ``ActorCluster``."""
        try:
            return self._ray.get(promise)
        except self._ray.exceptions.RayError as error:
            raise LostActorError(redacted(_why(error))) from error

    def end(self, actor: Actor) -> None:
        """As ``ActorCluster``."""
        self._ray.kill(actor)

    def close(self) -> None:
        """As ``ActorCluster``."""
        if self._owned:
            self._ray.shutdown()
