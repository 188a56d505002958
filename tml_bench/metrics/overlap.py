"""What a model that is speaking does when somebody else speaks too; the repaired timing of v1.5.

The reference lists every stretch of double talk of a clip and averages nothing; here the event of interest
is picked by its annotated times, and a stop that was never seen is not taken for a fast one.

Conventions:
    Times are seconds on the session clock; ``vocalisations`` are ordered (see ``vocalisations``). The
    overlap lasts from I0 to I1.

Measures:
    * ``talked_over``: the model is speaking at I0 (it started at or before I0 and ends after it). Otherwise
      there is nothing to stop, and the three below have no value.
    * ``stop_latency``: end of that vocalisation - I0, where it ends before I1 (an observed stop).
    * ``censored_stop``: it is still speaking at I1. All that is known of its stop latency is that it exceeds
      I1 - I0; the reference records it as I1 - I0.
    * ``kept_talking``: it goes on until ``KEPT_S`` after I1, or to the clip's end. Between a censored stop
      and this lies the model that yields late, after an overlap as short as "mm-hm" is over.
    * ``early_start``: a takeover starts after I0 and before I1 - 0.1 s: it begins anew into the overlap.
    * ``response_latency``: onset of the first takeover at or after I1 - 0.1 s, minus I1; signed, without
      early starts, and without models that kept talking, which answer nothing by going on.

Source: ``t_stop`` and ``t_resp`` of Full-Duplex-Bench v1.5 (arXiv 2507.23159).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tml_bench.metrics.turn_taking import interruption
from tml_bench.metrics.vocalisations import Interval, Row, Vocalisation

KEPT_S = 1.0
"""A model that goes on this long after the overlap has not been stopped by it."""
_EDGE_S = 0.05


class OverlapResponse(NamedTuple):
    """What the model did about an overlap.

    Attributes:
        talked_over: it was speaking when the overlap began.
        stop_latency_s: of an observed stop; None where none was seen or there was nothing to stop.
        censored_stop: it was still speaking at the overlap's end; None where there was nothing to stop.
        kept_talking: it went on; None where there was nothing to stop.
        early_start: it began anew into the overlap.
        response_latency_s: None without response, or where it kept talking.
        rows: one per vocalisation, see ``turn_taking.Interruption``.
    """

    talked_over: bool
    stop_latency_s: float | None
    censored_stop: bool | None
    kept_talking: bool | None
    early_start: bool
    response_latency_s: float | None
    rows: tuple[Row, ...]


def overlapped(
    vocalisations: Sequence[Vocalisation], overlap: Interval, duration_s: float
) -> OverlapResponse:
    """Judge an overlap, ``(start, end)``, in a clip of ``duration_s``.

    Without vocalisations nobody was talked over and nobody responded.
    """
    found = interruption(vocalisations, overlap)
    latency = found.turn.latency_s
    if found.stop_latency_s is None:
        return OverlapResponse(False, None, None, None, found.turn.early_start, latency, found.rows)
    stop_s = overlap[0] + found.stop_latency_s
    kept = stop_s >= min(overlap[1] + KEPT_S, duration_s - _EDGE_S)
    return OverlapResponse(
        talked_over=True,
        stop_latency_s=found.stop_latency_s if found.yielded else None,
        censored_stop=not found.yielded,
        kept_talking=kept,
        early_start=found.turn.early_start,
        response_latency_s=None if kept else latency,
        rows=found.rows,
    )
