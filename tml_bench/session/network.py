"""A seeded network between harness and model: delay, jitter, loss, bandwidth, outages, in both directions.

It is modelled as the ordered, reliable stream that WebSocket services use. Same seed, same impairment, on any
machine.

**Loss.** A message of n bytes is ``ceil(n / 1460)`` packets, at least one. Of a message that is lost one
packet is, each as likely, and everything behind it waits until that has been sent again. The sender notices
it

- by three duplicate acknowledgements (RFC 5681, fast retransmit), a round trip after the third packet
  behind it has left: at once if that is of the same message, else after as many times the distance to the
  message before as it takes messages, for the stream is taken to go on as it came;
- or by its time-out (RFC 6298), if that is over before: ``SRTT + max(4 RTTVAR, 200 ms)``, where SRTT and
  RTTVAR are what the estimator settles at, the mean of the profile's round trip and its mean deviation. The
  RFC would have it last 1 s at least; the 200 ms are what Linux keeps instead, and so what a service meets.

What is lost again waits for the time-out, which doubles each time. So no loss costs less than a round trip.
The user's audio at 16 kHz in micro-turns of 200 ms is five packets a message. The first two are noticed
after a round trip; for the others the next message and the time-out come to the same in the profiles that
have a name, a round trip and 200 ms. A packet each 20 ms is noticed after a round trip and 60 ms. Tail loss
probes (RFC 8985), which some stacks add, would make the last packets of a message cheaper where the round
trip is short.
"""

import math
import random
import tomllib
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.errors import UserError

RULES = 2
"""Version of what a loss costs; part of the name of a profile with losses."""
VARIANCE_MS = 200
"""Least part of a time-out beyond the round trip, as in Linux."""
PACKET = 1460
"""Bytes of a message in one packet."""
DUPLICATES = 3
"""So many packets that arrive behind a lost one tell the sender."""
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
        name: for results; one with losses ends with the version of their rules, such as ``-2``.
        up: from the user to the model.
        down: from the model to the user.
        outages: in any order; they may touch or overlap.
    """

    name: str = "ideal"
    up: LinkDirection = LinkDirection()
    down: LinkDirection = LinkDirection()
    outages: tuple[Outage, ...] = ()

    @property
    def loses(self) -> bool:
        """Whether anything is lost."""
        return self.up.loss > 0 or self.down.loss > 0


IDEAL = Network()


def _versioned(network: Network) -> Network:
    """With the version of the rules in its name, which is part of a run's, if they have a say in it."""
    return structs.replace(network, name=f"{network.name}-{RULES}") if network.loses else network


PROFILES = {
    "ideal": IDEAL,
    "wifi": _versioned(Network("wifi", LinkDirection(8, 4, 0.002), LinkDirection(8, 4, 0.002))),
    "4g": _versioned(
        Network("4g", LinkDirection(35, 15, 0.005, 10_000), LinkDirection(30, 12, 0.005, 30_000))
    ),
    "bad": _versioned(
        Network(
            "bad",
            LinkDirection(120, 60, 0.03, 500),
            LinkDirection(120, 60, 0.03, 1_000),
            (Outage(8.0, 1.5),),
        )
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
        fields = {"name": path.stem, **tomllib.loads(read_whole(path, 1 << 20, piped=True).decode())}
        network = msgspec.convert(fields, Network)
    except (OSError, *UNREADABLE) as error:
        raise UserError(f"{path}: {error}", "its tables are [up], [down] and [[outages]]") from error
    for part in (network.up, network.down, *network.outages):
        values = structs.astuple(part)
        lost = part.loss if isinstance(part, LinkDirection) else 0.0
        if not (lost < 1 and all(math.isfinite(value) and value >= 0 for value in values)):
            raise UserError(
                f"{path}: {part}", "loss lies in [0, 1), everything else is finite and at least 0"
            )
    return _versioned(network)


def round_trip_ms(there: LinkDirection, back: LinkDirection) -> tuple[float, float]:
    """Mean of the round trip over two ways, and its mean absolute deviation, in ms."""
    wide, narrow = sorted((there.jitter_ms, back.jitter_ms), reverse=True)
    # Of the sum of two uniform variables, of half widths ``wide`` and ``narrow``.
    deviation = wide / 2 + narrow**2 / (6 * wide) if wide else 0.0
    return there.delay_ms + back.delay_ms + wide + narrow, deviation


class NetworkLink:
    """One direction of a network in one session, beside the way back; the two need different seeds."""

    def __init__(
        self, way: LinkDirection, back: LinkDirection, outages: tuple[Outage, ...], seed: int
    ) -> None:
        self._way = way
        self._round_trip_ms, deviation_ms = round_trip_ms(way, back)
        self._timeout_ms = self._round_trip_ms + max(4 * deviation_ms, VARIANCE_MS)
        spans = ((o.start_s, o.start_s + o.duration_s) for o in outages)
        self._outages = sorted((round(start * 1e9), round(end * 1e9)) for start, end in spans)
        self._varies = bool(way.jitter_ms or way.loss)
        self._random = random.Random(seed)
        self._sent_ns: int | None = None
        self._free_ns = 0
        self._last_ns = 0

    def arrival_ns(self, sent_ns: int, size: int) -> int:
        """When a message of so many bytes arrives, never before the one sent before it."""
        apart_ms = math.inf if self._sent_ns is None else (sent_ns - self._sent_ns) / 1e6
        self._sent_ns = sent_ns
        start_ns = self._after_outage(max(sent_ns, self._free_ns))
        wire_ns = round(size * 8e6 / self._way.kbps) if self._way.kbps else 0
        self._free_ns = start_ns + wire_ns
        delay_ms = self._way.delay_ms
        if self._varies:
            delay_ms += 2 * self._way.jitter_ms * self._random.random()
            delay_ms += self._lost_ms(size, apart_ms)
        arrival_ns = self._after_outage(self._free_ns + round(delay_ms * 1e6))
        self._last_ns = max(self._last_ns, arrival_ns)
        return self._last_ns

    def _lost_ms(self, size: int, apart_ms: float) -> float:
        """What losses cost a message that comes so long after the one before it."""
        lost_ms, timeout_ms = 0.0, self._timeout_ms
        for again in range(MAX_RETRANSMITS):
            if self._random.random() >= self._way.loss:
                break
            told_ms = math.inf if again else self._round_trip_ms + self._until_told_ms(size, apart_ms)
            lost_ms += min(told_ms, timeout_ms)
            timeout_ms *= 1 if told_ms < timeout_ms else 2
        return lost_ms

    def _until_told_ms(self, size: int, apart_ms: float) -> float:
        """How long after a lost packet of a message the third one behind it leaves."""
        packets = max(1, math.ceil(size / PACKET))
        behind = packets - 1 - int(self._random.random() * packets)
        messages = math.ceil(max(0, DUPLICATES - behind) / packets)
        return messages * apart_ms if messages else 0.0

    def _after_outage(self, t_ns: int) -> int:
        for start_ns, end_ns in self._outages:
            if start_ns <= t_ns < end_ns:
                t_ns = end_ns
        return t_ns


def links(network: Network, seed: int) -> tuple[NetworkLink, NetworkLink]:
    """The way up and the way down of a session."""
    return (
        NetworkLink(network.up, network.down, network.outages, seed * 2 + 1),
        NetworkLink(network.down, network.up, network.outages, seed * 2 + 2),
    )
