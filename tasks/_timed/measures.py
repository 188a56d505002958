"""The metrics that TimeSpeak and CueSpeak share, declared. What they compute is said in ``scoring``."""

from __future__ import annotations

from functools import cache

from tml_bench.metrics.event_matching import TOLERANCES_S
from tml_bench.task import Direction, Kind, Metric, Overall
from tml_bench.tasks._timed.items import CONTROLLED, LASTING, NUMBERED, STOPPED

HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE
TIMED, CURVE, EVENTS, SPEECH = "right and on time", "right within a tolerance", "per event", "what was said"
HEADLINE = ("on_time", "timed_f1", "false_alarms_per_minute", "onset_error")


ONLY = {"quiet": CONTROLLED, "number_error": NUMBERED, "duration_error": LASTING, "stopped": STOPPED}
"""Metrics that do not apply to every family."""


def tolerance_name(tau_s: float) -> str:
    """The metric for a tolerance, such as ``acc_025``."""
    return f"acc_{round(100 * tau_s):03}"


def families_of(name: str, families: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some families where a metric applies."""
    return tuple(f for f in families if f in ONLY.get(name, families))


def metrics(families: tuple[str, ...]) -> tuple[Metric, ...]:
    """Every metric that applies to some of these families; all are ratios, so that families weigh alike."""
    return tuple(metric for metric in _metrics(families) if metric.subsets)


def _metrics(families: tuple[str, ...]) -> tuple[Metric, ...]:
    def one(name: str, title: str, unit: str, better: Direction, family: str, what: str) -> Metric:
        where = families_of(name, families)
        return Metric(name, title, unit, better, Kind.RATIO, 1, where, family, what, judged=True)

    return (
        one("on_time", "On time", "%", HIGHER, TIMED,
            "Mean over items: events said right and in their window, of the events or, if more, of all "
            "that was said; silent controls: 1 if nothing was said."),
        one("timed_f1", "F1", "%", HIGHER, TIMED,
            "Twice the events hit, of the events and all that was said."),
        one("quiet", "Quiet in controls", "%", HIGHER, TIMED,
            "Silent controls in which nothing was said but acknowledgements."),
        *(one(tolerance_name(tau), f"Within {tau:g} s", "%", HIGHER, CURVE,
              f"As on_time, with {tau:g} s to either side as the window; no guesses. Items with events.")
          for tau in TOLERANCES_S),
        one("meaning", "Right at any time", "%", HIGHER, EVENTS,
            "Events said right within 3 s of their window, on time or not."),
        one("early", "Early", "%", LOWER, EVENTS, "Events said right before their window opens."),
        one("late", "Late", "%", LOWER, EVENTS, "Events said right after their window closes."),
        one("missed", "Missed", "%", LOWER, EVENTS, "Events never said right within 3 s of their window."),
        one("onset_error", "Onset error", "s", LOWER, EVENTS,
            "Mean distance of the onset from the expected time, of events said right."),
        one("signed_onset_error", "Signed onset error", "s", NEITHER, EVENTS,
            "The same with sign; negative is early."),
        one("number_error", "Error of the time named", "s", LOWER, EVENTS,
            "Distance of the length of time named from the truth, of replies that name one."),
        one("duration_error", "Error of the talk's length", "s", LOWER, EVENTS,
            "Distance of the length of a talk from what was asked, of talks on the subject."),
        one("stopped", "Stopped when told", "%", HIGHER, SPEECH,
            "Orders to stop after which nothing more was said."),
        one("false_alarms_per_minute", "False alarms per minute", "1/min", LOWER, SPEECH,
            "Utterances that match no event and are no acknowledgement, per minute of session."),
        one("repeated", "Repeated", "%", LOWER, SPEECH,
            "Utterances that say again what another one was matched for, of all that was said."),
        one("acknowledged", "Acknowledged", "%", NEITHER, SPEECH,
            "Items with an acknowledgement; neutral."),
    )  # fmt: skip


def overall(families: tuple[str, ...]) -> tuple[Overall, ...]:
    """The headline: every family with the same weight."""
    return (Overall("mean of families", families, equal=True),)


@cache
def names(family: str) -> tuple[str, ...]:
    """Of the metrics that apply to a family."""
    return tuple(metric.name for metric in metrics((family,)))
