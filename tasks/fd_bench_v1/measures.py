"""The metrics of FD-bench v1, declared. What they compute is said in ``tml_bench.metrics``."""

from __future__ import annotations

from tml_bench.task import Direction, Kind, Metric
from tml_bench.tasks.fd_bench_v1.loader import PROTOCOLS

EXACT, REPAIRED = "reference-exact", "repaired"
HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE
SUBSETS = (*PROTOCOLS, *dict.fromkeys(PROTOCOLS.values()))
"""The official subsets, and the protocols, to which imported recordings from elsewhere belong."""


def _where(*protocols: str) -> tuple[str, ...]:
    return tuple(s for s in SUBSETS if PROTOCOLS.get(s, s) in protocols)


PAUSE, BACKCHANNEL = _where("pause_handling"), _where("backchannel")
TURN, INTERRUPTION = _where("smooth_turn_taking"), _where("user_interruption")
ANSWERED = _where("smooth_turn_taking", "user_interruption")


def _metric(
    name: str,
    title: str,
    unit: str,
    direction: Direction,
    subsets: tuple[str, ...],
    family: str,
    describes: str,
    kind: Kind | None = None,
    spread: bool = False,
    judged: bool = False,
) -> Metric:
    kind = kind or (Kind.RATE if unit == "%" else Kind.MEAN)
    return Metric(name, title, unit, direction, kind, 1, subsets, family, describes, spread, judged)


METRICS = (
    _metric(
        "pause_takeover", "Takeover in pause", "%", LOWER, PAUSE, REPAIRED,
        "The model takes the turn during the user's pause or within 1 s after it.",
    ),
    _metric(
        "pause_backchannel", "Backchannel in pause", "%", NEITHER, PAUSE, REPAIRED,
        "The model gives a backchannel during the user's pause or within 1 s after it.",
    ),
    _metric(
        "other_takeover", "Takeover elsewhere", "%", LOWER, PAUSE, REPAIRED,
        "The model takes the turn elsewhere before the user's end.",
    ),
    _metric(
        "bc_precision", "Backchannel precision", "%", HIGHER, BACKCHANNEL, REPAIRED,
        "Share of the model's backchannels that begin where listeners give them.", Kind.RATIO,
    ),
    _metric(
        "bc_recall", "Backchannel recall", "%", HIGHER, BACKCHANNEL, REPAIRED,
        "Share of the opportunities that get a backchannel.", Kind.RATIO,
    ),
    _metric(
        "bc_f1", "Backchannel F1", "%", HIGHER, BACKCHANNEL, REPAIRED,
        "Harmonic mean of backchannel precision and recall.", Kind.RATIO,
    ),
    _metric(
        "bc_per_minute", "Backchannels per minute", "1/min", NEITHER, BACKCHANNEL, REPAIRED,
        "The model's backchannels per minute of audio.", Kind.RATIO,
    ),
    _metric(
        "takeover", "Takeover", "%", LOWER, BACKCHANNEL, REPAIRED,
        "The model takes the turn anywhere while the user talks.",
    ),
    _metric(
        "early_start", "Early start", "%", LOWER, ANSWERED, REPAIRED,
        "The model takes the turn before the user is done.",
    ),
    _metric(
        "response", "Response", "%", HIGHER, ANSWERED, REPAIRED,
        "The model takes the turn after the user is done, and not before.",
    ),
    _metric(
        "latency", "Latency", "s", LOWER, ANSWERED, REPAIRED,
        "Time from the user's end to the response.",
    ),
    _metric(
        "signed_latency", "Signed latency", "s", NEITHER, ANSWERED, REPAIRED,
        "Time from the user's end to the model's turn; negative when it starts early.",
    ),
    _metric(
        "yield", "Yield", "%", HIGHER, INTERRUPTION, REPAIRED,
        "The model, speaking when interrupted, stops before the user is done.",
    ),
    _metric(
        "stop_latency", "Stop latency", "s", LOWER, INTERRUPTION, REPAIRED,
        "Time from the interruption's start until the model stops, whenever that is.",
    ),
    _metric(
        "fdb_pause_tor", "FDB TOR (pause)", "%", LOWER, PAUSE, EXACT,
        "Takeover anywhere in the clip, by the transcript.",
    ),
    _metric(
        "fdb_bc_tor", "FDB TOR (backchannel)", "%", LOWER, BACKCHANNEL, EXACT,
        "Takeover by voice activity; the last segment decides.", spread=True,
    ),
    _metric(
        "fdb_bc_freq", "FDB backchannels per second", "", HIGHER, BACKCHANNEL, EXACT,
        "Speech segments up to 3 s per second of audio.", spread=True,
    ),
    _metric(
        "fdb_bc_jsd", "FDB JSD", "", LOWER, BACKCHANNEL, EXACT,
        "Jensen-Shannon distance to the listeners' distribution; 1 without speech.", spread=True,
    ),
    _metric(
        "fdb_tor", "FDB TOR", "%", HIGHER, ANSWERED, EXACT,
        "Takeover anywhere in the transcript (interruption: of what follows it).",
    ),
    _metric(
        "fdb_latency", "FDB latency", "s", LOWER, ANSWERED, EXACT,
        "Time from the user's end to the first word, at least 0; takeovers only.",
    ),
    _metric(
        "fdb_rating", "FDB rating", "", HIGHER, INTERRUPTION, EXACT,
        "How well the answer responds to the interruption, 0 to 5 by a judge; takeovers only.", judged=True,
    ),
)  # fmt: skip

HEADLINE = ("pause_takeover", "bc_f1", "early_start", "response", "latency", "yield")
