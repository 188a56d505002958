"""The metrics of FD-bench v1, declared. What they compute is said in ``tml_bench.metrics``."""

from __future__ import annotations

from functools import partial

from tml_bench.task import Direction, Kind, Metric
from tml_bench.tasks.fd_bench_v1.loader import PROTOCOLS

LOWER, NEITHER = Direction.LOWER, Direction.NONE
SUBSETS = (*PROTOCOLS, *dict.fromkeys(PROTOCOLS.values()))
"""The official subsets, and the protocols, to which imported recordings from elsewhere belong."""


def _where(*protocols: str) -> tuple[str, ...]:
    return tuple(s for s in SUBSETS if PROTOCOLS.get(s, s) in protocols)


PAUSE, BACKCHANNEL = _where("pause_handling"), _where("backchannel")
TURN, INTERRUPTION = _where("smooth_turn_taking"), _where("user_interruption")
ANSWERED = _where("smooth_turn_taking", "user_interruption")

_repaired = partial(Metric, family="repaired")
_share = partial(_repaired, unit="%", kind=Kind.RATE)
_time = partial(_repaired, unit="s", direction=LOWER)
_exact = partial(Metric, family="reference-exact")

METRICS = (
    _share(name="pause_takeover", title="Takeover in pause", direction=LOWER, subsets=PAUSE,
           describes="The model takes the turn during the user's pause or within 1 s after it."),
    _share(name="pause_backchannel", title="Backchannel in pause", direction=NEITHER, subsets=PAUSE,
           describes="The model gives a backchannel during the user's pause or within 1 s after it."),
    _share(name="other_takeover", title="Takeover elsewhere", direction=LOWER, subsets=PAUSE,
           describes="The model takes the turn elsewhere before the user's end."),
    _share(name="bc_precision", title="Backchannel precision", kind=Kind.RATIO, subsets=BACKCHANNEL,
           describes="Share of the model's backchannels that begin where listeners give them."),
    _share(name="bc_recall", title="Backchannel recall", kind=Kind.RATIO, subsets=BACKCHANNEL,
           describes="Share of the opportunities that get a backchannel."),
    _share(name="bc_f1", title="Backchannel F1", kind=Kind.RATIO, subsets=BACKCHANNEL,
           describes="Harmonic mean of backchannel precision and recall."),
    _repaired(name="bc_per_minute", title="Backchannels per minute", unit="1/min", direction=NEITHER,
              kind=Kind.RATIO, subsets=BACKCHANNEL,
              describes="The model's backchannels per minute of audio."),
    _share(name="takeover", title="Takeover", direction=LOWER, subsets=BACKCHANNEL,
           describes="The model takes the turn anywhere while the user talks."),
    _share(name="early_start", title="Early start", direction=LOWER, subsets=ANSWERED,
           describes="The model takes the turn before the user is done."),
    _share(name="response", title="Response", subsets=ANSWERED,
           describes="The model takes the turn after the user is done, and not before."),
    _time(name="latency", title="Latency", subsets=ANSWERED,
          describes="Time from the user's end to the response."),
    _time(name="signed_latency", title="Signed latency", direction=NEITHER, subsets=ANSWERED,
          describes="Time from the user's end to the model's turn; negative when it starts early."),
    _share(name="yield", title="Yield", subsets=INTERRUPTION,
           describes="The model, speaking when interrupted, stops before the user is done."),
    _time(name="stop_latency", title="Stop latency", subsets=INTERRUPTION,
          describes="Time from the interruption's start until the model stops, whenever that is."),
    _exact(name="fdb_pause_tor", title="FDB TOR (pause)", unit="%", kind=Kind.RATE, direction=LOWER,
           subsets=PAUSE, describes="Takeover anywhere in the clip, by the transcript."),
    _exact(name="fdb_bc_tor", title="FDB TOR (backchannel)", unit="%", kind=Kind.RATE, direction=LOWER,
           subsets=BACKCHANNEL, spread=True,
           describes="Takeover by voice activity; the last segment decides."),
    _exact(name="fdb_bc_freq", title="FDB backchannels per second", subsets=BACKCHANNEL, spread=True,
           describes="Speech segments up to 3 s per second of audio."),
    _exact(name="fdb_bc_jsd", title="FDB JSD", direction=LOWER, subsets=BACKCHANNEL, spread=True,
           describes="Jensen-Shannon distance to the listeners' distribution; 1 without speech."),
    _exact(name="fdb_tor", title="FDB TOR", unit="%", kind=Kind.RATE, subsets=ANSWERED,
           describes="Takeover anywhere in the transcript (interruption: of what follows it)."),
    _exact(name="fdb_latency", title="FDB latency", unit="s", direction=LOWER, subsets=ANSWERED,
           describes="Time from the user's end to the first word, at least 0; takeovers only."),
    _exact(name="fdb_rating", title="FDB rating", subsets=INTERRUPTION, judged=True,
           describes="How well the answer responds to the interruption, 0 to 5 by a judge; takeovers only."),
)  # fmt: skip
HEADLINE = ("pause_takeover", "bc_f1", "early_start", "response", "latency", "yield")
