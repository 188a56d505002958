"""Runs the reference adapters on the mini sets and compares with what they must score.

An adapter that answers exactly 700 ms after the user must be measured at 700 ms. If it is not, nothing this
installation measures can be trusted.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tml_bench.perception import vad
from tml_bench.plugins import load_task
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import StoredRun, open_runs
from tml_bench.samples import Sample
from tml_bench.scoring.score import score_runs
from tml_bench.scoring.summary import Summary

ONSET_TOLERANCE_S = 0.015
"""What the speech detector may be off on clean speech."""
TURN = "candor_turn_taking"
INTERRUPTION = "synthetic_user_interruption"
BACKCHANNEL = "icc_backchannel"
PAUSES = ("candor_pause_handling", "synthetic_pause_handling")
ANSWERS = (TURN, INTERRUPTION)

OVERLAPS = ("user_backchannel", "talking_to_other", "background_speech")
ASKED = "user_interruption"
ECHO_TICK_S = 0.2
TIMED = ("timespeak", "cuespeak")
TIMED_ADAPTERS = ("oracle", "silent", "always-on")
NEAR_ZERO = 0.05
"""What talking all the time may hit by chance."""


@dataclass(frozen=True, slots=True)
class ExpectedScore:
    """A known right mean, and how far it may be off; None when the metric must have no value."""

    adapter: str
    subset: str
    metric: str
    value: float | None
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class ScoreCheck:
    """One comparison: what was measured, and what is right."""

    name: str
    passed: bool
    found: str
    expected: str


def _in_each(adapter: str, subsets: Iterable[str], **values: float | None) -> list[ExpectedScore]:
    return [ExpectedScore(adapter, s, metric, value) for s in subsets for metric, value in values.items()]


def _on_time(adapter: str, latency_s: float) -> list[ExpectedScore]:
    return [
        *_in_each(adapter, ANSWERS, response=1.0, early_start=0.0, fdb_tor=1.0),
        *_in_each(adapter, PAUSES, pause_takeover=0.0, fdb_pause_tor=0.0),
        *(
            ExpectedScore(adapter, subset, metric, latency_s, ONSET_TOLERANCE_S)
            for subset in ANSWERS
            for metric in ("latency", "signed_latency", "fdb_latency")
        ),
    ]


EXPECTED: tuple[ExpectedScore, ...] = (
    *_in_each("silent", ANSWERS, response=0.0, early_start=0.0, latency=None, fdb_tor=0.0, fdb_latency=None),
    *_in_each("silent", PAUSES, pause_takeover=0.0, other_takeover=0.0, fdb_pause_tor=0.0),
    *_in_each("silent", (BACKCHANNEL,), takeover=0.0, bc_recall=0.0, fdb_bc_tor=0.0, fdb_bc_freq=0.0),
    *_in_each("silent", (BACKCHANNEL,), bc_precision=None, fdb_bc_jsd=1.0),
    *_in_each("always-on", ANSWERS, response=0.0, fdb_tor=1.0, fdb_latency=0.0),
    *_in_each("always-on", (TURN,), early_start=1.0),
    *_in_each("always-on", (INTERRUPTION,), **{"yield": 0.0}),
    *_in_each("always-on", PAUSES, fdb_pause_tor=1.0, pause_takeover=0.0, other_takeover=1.0),
    *_in_each("always-on", (BACKCHANNEL,), takeover=1.0, fdb_bc_tor=1.0),
    *_on_time("delayed:0", 0.0),
    *_on_time("delayed:700", 0.7),
    *_on_time("oracle", 0.2),
    *_in_each("oracle", (INTERRUPTION,), **{"yield": 1.0}),
    *_in_each("oracle", (BACKCHANNEL,), takeover=0.0, bc_recall=1.0, bc_precision=1.0, bc_f1=1.0),
    *_in_each("early:500", ANSWERS, response=0.0, early_start=1.0, fdb_tor=1.0, fdb_latency=0.0),
    ExpectedScore("early:500", TURN, "signed_latency", -0.5, ONSET_TOLERANCE_S),
    *_in_each("echo", (TURN,), response=0.0, early_start=1.0),
    *_in_each("echo", (BACKCHANNEL,), takeover=1.0),
)
"""Known right scores on the mini sets at a micro-turn of 200 ms, by the definitions of the metrics."""


EXPECTED_AT_OVERLAPS: tuple[ExpectedScore, ...] = (
    *_in_each("silent", (ASKED, *OVERLAPS), expected=0.0, unknown=1.0, talked_over=0.0, stop_latency=None),
    *_in_each("silent", ("average",), expected=0.0, fdb15_expected=0.0),
    *_in_each("oracle", ("average",), expected=1.0, fdb15_expected=1.0),
    *_in_each("oracle", (ASKED,), respond=1.0, talked_over=1.0, censored_stop=0.0, fdb15_censored=0.0),
    *(
        ExpectedScore("oracle", ASKED, metric, 0.2, ONSET_TOLERANCE_S)
        for metric in ("stop_latency", "response_latency")
    ),
    *_in_each("oracle", OVERLAPS, resume=1.0, kept_talking=1.0, stop_latency=None, fdb15_censored=1.0),
)
"""The same for the first item of each subset of FD-bench v1.5."""


def checks(pool: Pool) -> Iterator[ScoreCheck]:
    """Run, score and compare; yields each check as it is known."""
    suites = (("fd-bench-v1", 0, EXPECTED), ("fd-bench-v1.5", 1, EXPECTED_AT_OVERLAPS))
    with tempfile.TemporaryDirectory(prefix="tml-bench-selftest-") as folder, pool:
        for task, limit, expected in suites:
            adapters = tuple(dict.fromkeys(item.adapter for item in expected))
            asked = RunRequest((task,), adapters, Path(folder), Selection(limit=limit))
            yield from _checked(asked, pool, "recording", expected)
        for task in TIMED:
            asked = RunRequest((task,), TIMED_ADAPTERS, Path(folder))
            yield from _checked(asked, pool, f"{task} recording", None)


def _checked(
    asked: RunRequest, pool: Pool, name: str, expected: Iterable[ExpectedScore] | None
) -> Iterator[ScoreCheck]:
    """The checks of some runs of one task; None expects what the items of a timed one say."""
    plans = plan_runs(asked)
    for error in record(plans, pool, lambda line: None):
        yield ScoreCheck(name, False, error.problem, "every session recorded")
    runs = open_runs(plan.path for plan in plans)
    summaries = score_runs(runs, pool, lambda line: None, "transcript")
    yield from compare(summaries, expected or _by_rules(asked.tasks, plans[0].samples))
    for run in runs:
        if run.file.config.adapter == "echo":
            yield from _echo_onsets(run)


def _by_rules(tasks: Iterable[str], samples: Iterable[Sample]) -> list[ExpectedScore]:
    """Known right scores of timed tasks on the subsets that rules can judge."""
    beyond = {subset for name in tasks for subset in load_task(name).beyond_rules}
    return timed_expectations(sample for sample in samples if sample.subset not in beyond)


def timed_expectations(samples: Iterable[Sample]) -> list[ExpectedScore]:
    """Known right scores of `TIMED_ADAPTERS` in every family of a run's samples.

    One for which an ideal respondent says nothing is a silent control.
    """
    families: dict[str, list[bool]] = {}
    for sample in samples:
        families.setdefault(sample.subset, []).append(not sample.reference.ideal)
    found = []
    for family, controls in families.items():
        share = sum(controls) / len(controls)
        found += _in_each("oracle", (family,), on_time=1.0, timed_f1=1.0, false_alarms_per_minute=0.0)
        found += _in_each("silent", (family,), on_time=share, timed_f1=0.0, false_alarms_per_minute=0.0)
        found.append(ExpectedScore("always-on", family, "on_time", 0.0, NEAR_ZERO))
    return found


def compare(summaries: Iterable[Summary], expected: Iterable[ExpectedScore]) -> Iterator[ScoreCheck]:
    """Compare summaries, one per adapter, with known right scores; every sample of each must be valid."""
    found: dict[str, float | None] = {}
    for summary in summaries:
        adapter = summary.facts.adapter
        for metric in summary.metrics:
            found[f"{adapter} {metric.subset} {metric.metric.name}"] = metric.estimate.mean
        for part in summary.outcomes:
            valid, name = part.counts["valid"], f"{adapter} {part.subset} samples"
            yield ScoreCheck(name, valid == part.samples, f"{valid} valid", f"{part.samples} valid")
    for item in expected:
        name = f"{item.adapter} {item.subset} {item.metric}"
        shown = _shown(found[name]) if name in found else "not scored"
        right = name in found and _agrees(found[name], item)
        yield ScoreCheck(name, right, shown, f"{_shown(item.value)} ± {item.tolerance:g}")


def _agrees(value: float | None, item: ExpectedScore) -> bool:
    if value is None or item.value is None:
        return value is item.value
    return abs(value - item.value) <= item.tolerance + 1e-9


def _shown(value: float | None) -> str:
    return "no value" if value is None else f"{value:.4f}"


def _echo_onsets(run: StoredRun) -> Iterator[ScoreCheck]:
    """The echo's onset is the user's plus one micro-turn, both through the speech detector."""
    for attempt in run.valid():
        if attempt.subset != TURN:
            continue
        folder = run.recording_path(attempt)
        user, model = (
            vad.speech_segments(vad.listen(folder / name))[0].start_s for name in ("user.flac", "model.flac")
        )
        yield ScoreCheck(
            f"echo {attempt.sample} onset after the user's",
            abs(model - user - ECHO_TICK_S) <= ONSET_TOLERANCE_S,
            f"{model - user:.4f}",
            f"{ECHO_TICK_S:.4f} ± {ONSET_TOLERANCE_S:g}",
        )
