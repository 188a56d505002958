"""The metrics that TimeSpeak and CueSpeak share, declared. What they compute is said in ``scoring``."""

from functools import cache, partial

from msgspec import structs

from tml_bench.metrics.event_matching import TOLERANCES_S
from tml_bench.task import Direction, Kind, Metric
from tml_bench.tasks._timed.items import LASTING, NUMBERED, OVERLAPPED, STOPPED

LOWER, NEITHER = Direction.LOWER, Direction.NONE
HEADLINE = (
    "on_time", "events_on_time", "quiet", "answer_time", "timed_f1", "false_alarms_per_minute", "onset_error",
)  # fmt: skip
ONLY = {"in_pause": OVERLAPPED, "number_error": NUMBERED, "duration_error": LASTING, "stopped": STOPPED}
"""Metrics that do not apply to every family. ``quiet`` is declared for all, so that its mean over families
is one over those that have silent controls."""
CONTROLS = (
    "on_time", "quiet", "timed_f1", "stopped", "false_alarms_per_minute", "repeated", "acknowledged",
)  # fmt: skip
"""Metrics that apply to silent controls; to items with events all but ``quiet`` do."""


def tolerance_name(tau_s: float) -> str:
    """The metric for a tolerance, such as ``acc_025``."""
    return f"acc_{round(100 * tau_s):03}"


CURVE = tuple(map(tolerance_name, TOLERANCES_S))
"""The metrics of the tolerances."""


def metrics(families: tuple[str, ...]) -> tuple[Metric, ...]:
    """Every metric that applies to some of these families; all are ratios, so that families weigh alike."""
    where = {m.name: tuple(f for f in families if f in ONLY.get(m.name, families)) for m in METRICS}
    return tuple(structs.replace(m, subsets=where[m.name]) for m in METRICS if where[m.name])


_metric = partial(Metric, unit="%", kind=Kind.RATIO, judged=True, version=2)
_timed = partial(_metric, family="right and on time")
_curve = partial(_metric, family="right within a tolerance")
_event = partial(_metric, family="per event", direction=LOWER)
_said = partial(_metric, family="what was said")

METRICS = (
    _timed(name="on_time", title="On time",
           describes="Mean over items: events said right and in their window, of the events or, if more, of "
           "all that was said; silent controls: 1 if nothing was said."),
    _timed(name="events_on_time", title="Events on time", version=1,
           describes="The same on items with events alone."),
    _timed(name="quiet", title="Quiet in controls",
           describes="Silent controls in which nothing was said but acknowledgements."),
    _timed(name="timed_f1", title="F1",
           describes="Twice the events hit, of the events and all that was said."),
    *(
        _curve(name=tolerance_name(tau), title=f"Within {tau:g} s",
               describes=f"As on_time, with {tau:g} s to either side as the window; no guesses. Items with "
               "events.")
        for tau in TOLERANCES_S
    ),
    _event(name="meaning", title="Right at any time", direction=Direction.HIGHER,
           describes="Events said right within 3 s of their window, on time or not."),
    _event(name="early", title="Early", describes="Events said right before their window opens."),
    _event(name="late", title="Late", describes="Events said right after their window closes."),
    _event(name="in_pause", title="In a pause", version=1,
           describes="Events said right in their window, but not over the user's speech."),
    _event(name="missed", title="Missed",
           describes="Events never said right, soon after an onset within 3 s of their window."),
    _event(name="answer_time", title="Answer time", unit="s", version=1,
           describes="Mean distance of the word that makes the reply right, by the rules, from the expected "
           "time, of events said right at any time."),
    _event(name="onset_error", title="Onset error", unit="s",
           describes="Mean distance of the onset from the expected time, of events said right soon."),
    _event(name="signed_onset_error", title="Signed onset error", unit="s", direction=NEITHER,
           describes="The same with sign; negative is early."),
    _event(name="number_error", title="Error of the time named", unit="s",
           describes="Distance of the length of time named from the truth, of replies that name one."),
    _event(name="duration_error", title="Error of the talk's length", unit="s",
           describes="Distance of the length of a talk from what was asked, of talks on the subject."),
    _said(name="stopped", title="Stopped when told",
          describes="Orders to stop after which nothing more was said."),
    _said(name="false_alarms_per_minute", title="False alarms per minute", unit="1/min", direction=LOWER,
          describes="Utterances that say no event soon enough and are no acknowledgement, per minute."),
    _said(name="repeated", title="Repeated", direction=LOWER,
          describes="Utterances that say again what another one was matched for, of all that was said."),
    _said(name="acknowledged", title="Acknowledged", direction=NEITHER,
          describes="Items with an acknowledgement; neutral."),
)  # fmt: skip


@cache
def names(family: str, events: bool) -> tuple[str, ...]:
    """Of the metrics that apply to an item of a family, with events or as a silent control."""
    all_names = (metric.name for metric in metrics((family,)))
    return tuple(name for name in all_names if (name != "quiet" if events else name in CONTROLS))
