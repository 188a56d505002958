"""A seeded network between harness and model: delay, jitter, loss, bandwidth, outages, in both directions.

It is modelled as the ordered, reliable stream that WebSocket services use: what is lost is sent again after a
time-out that doubles, and holds up everything behind it. Same seed, same impairment, on any machine.
"""

import math
import random
import tomllib
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench.errors import UserError

RETRANSMIT_MS = 200
"""First retransmission time-out, the usual minimum of TCP; it doubles with every loss in a row."""
MAX_RETRANSMITS = 6
"""So many losses in a row at most."""


class LinkDirection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way.

    Attributes:
        delay_ms: constant one-way delay.
        jitter_ms: mean of the added delay, uniform in [0, 2 * jitter_ms].
        loss: probability that a message is lost and sent again, in [0, 1).
        kbps: bandwidth in kilobits per second; 0 is unlimited.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    kbps: float = 0.0


class Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing gets through from ``start_s`` for ``duration_s`` seconds; then what waited does."""

    start_s: float
    duration_s: float


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both ways.

    Attributes:
        name: for results.
        up: from the user to the model.
        down: from the model to the user.
        outages: in any order; they may touch or overlap.
    """

    name: str = "ideal"
    up: LinkDirection = LinkDirection()
    down: LinkDirection = LinkDirection()
    outages: tuple[Outage, ...] = ()


IDEAL = Network()

PROFILES = {
    "ideal": IDEAL,
    "wifi": Network("wifi", LinkDirection(8, 4, 0.002), LinkDirection(8, 4, 0.002)),
    "4g": Network("4g", LinkDirection(35, 15, 0.005, 10_000), LinkDirection(30, 12, 0.005, 30_000)),
    "bad": Network(
        "bad", LinkDirection(120, 60, 0.03, 500), LinkDirection(120, 60, 0.03, 1_000), (Outage(8.0, 1.5),)
    ),
}
"""Profiles by name; delays are one-way."""


def load_network(text: str) -> Network:
    """A profile by name, or from a TOML file with ``[up]``, ``[down]`` and ``[[outages]]``.

    Raises:
        UserError: no such profile or file, or one that cannot be read, or a field that does not exist or is
            out of range.
    """
    if text in PROFILES:
        return PROFILES[text]
    path = Path(text)
    if not path.is_file():
        raise UserError(
            f"there is no network profile {text!r}", f"give {', '.join(PROFILES)} or a .toml file"
        )
    try:
        fields = {"name": path.stem, **tomllib.loads(path.read_text(encoding="utf-8"))}
        network = msgspec.convert(fields, Network)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UserError(f"{path}: {error}", "its tables are [up], [down] and [[outages]]") from error
    for part in (network.up, network.down, *network.outages):
        values = structs.astuple(part)
        lost = part.loss if isinstance(part, LinkDirection) else 0.0
        if not (lost < 1 and all(math.isfinite(value) and value >= 0 for value in values)):
            raise UserError(
                f"{path}: {part}", "loss lies in [0, 1), everything else is finite and at least 0"
            )
    return network


class NetworkLink:
    """One direction of a network in one session; the two need different seeds."""

    def __init__(self, way: LinkDirection, outages: tuple[Outage, ...], seed: int) -> None:
        self._way = way
        spans = ((o.start_s, o.start_s + o.duration_s) for o in outages)
        self._outages = sorted((round(start * 1e9), round(end * 1e9)) for start, end in spans)
        self._random = random.Random(seed)
        self._free_ns = 0
        self._last_ns = 0

    def arrival_ns(self, sent_ns: int, size: int) -> int:
        """When a message of so many bytes arrives, never before the one sent before it."""
        start_ns = self._after_outage(max(sent_ns, self._free_ns))
        wire_ns = round(size * 8e6 / self._way.kbps) if self._way.kbps else 0
        self._free_ns = start_ns + wire_ns
        arrival_ns = self._after_outage(self._free_ns + self._delay_ns())
        self._last_ns = max(self._last_ns, arrival_ns)
        return self._last_ns

    def _delay_ns(self) -> int:
        delay_ms = self._way.delay_ms + 2 * self._way.jitter_ms * self._random.random()
        timeout_ms = RETRANSMIT_MS
        for _ in range(MAX_RETRANSMITS):
            if self._random.random() >= self._way.loss:
                break
            delay_ms += timeout_ms
            timeout_ms *= 2
        return round(delay_ms * 1e6)

    def _after_outage(self, t_ns: int) -> int:
        for start_ns, end_ns in self._outages:
            if start_ns <= t_ns < end_ns:
                t_ns = end_ns
        return t_ns


def links(network: Network, seed: int) -> tuple[NetworkLink, NetworkLink]:
    """The way up and the way down of a session."""
    return (
        NetworkLink(network.up, network.outages, seed * 2 + 1),
        NetworkLink(network.down, network.outages, seed * 2 + 2),
    )
