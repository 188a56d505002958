"""What respondents with known behaviour reach on the mini set of FD-bench v3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest
from fakes import run_session
from msgspec import structs

from tml_bench.adapters.reference import Oracle
from tml_bench.perception.recordings import timeline_of
from tml_bench.respondents import called
from tml_bench.samples import IdealCall, Reference, Sample
from tml_bench.scoring.judging import score_all
from tml_bench.session.settings import Settings
from tml_bench.task import Direction, Score
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks.fd_bench_v3.annotation import ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.loader import MINI
from tml_bench.tasks.fd_bench_v3.task import FdBenchV3
from tml_bench.timeline import Timeline

TASK = FdBenchV3()
METRIC = {metric.name: metric for metric in TASK.metrics}
SHARES = tuple(m.name for m in TASK.metrics if m.unit == "%" and m.direction is Direction.HIGHER)
BEFORE_S = 0.3
"""How long before the correcting word who is rash calls."""


class _Slip(msgspec.Struct):
    original_param: str
    corrected_param: str


class _Listed(msgspec.Struct):
    id: str
    state_rollback_details: _Slip | None = None


class _File(msgspec.Struct):
    scenarios: list[_Listed]


@cache
def slips() -> Mapping[str, _Slip]:
    """What was said before it was corrected, by scenario."""
    listed = msgspec.json.decode((MINI / "benchmark_data_v2.json").read_bytes(), type=_File).scenarios
    return {one.id: one.state_rollback_details for one in listed if one.state_rollback_details}


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(TASK.samples())


def item_of(reference: Reference) -> ScenarioAnnotation:
    return annotation_of(Sample("s", "", reference=reference), ScenarioAnnotation)


def too_early(reference: Reference) -> tuple[IdealCall, ...]:
    """The calls whose argument the user is about to correct, with what they had said; none elsewhere."""
    item = item_of(reference)
    slip = slips().get(item.scenario)
    if slip is None or item.corrected_s is None:
        return ()
    found = []
    for call in reference.calls:
        wrong = {
            name: int(slip.original_param) if isinstance(value, int) else slip.original_param
            for name, value in call.arguments.items()
            if str(value) == slip.corrected_param
        }
        if wrong:
            found.append(IdealCall(item.corrected_s - BEFORE_S, call.name, {**call.arguments, **wrong}))
    assert len(found) == 1, item.scenario
    return tuple(found)


class Rash(Oracle):
    """The oracle, but that it also calls before the user's correction."""

    def planned_calls(self, reference: Reference) -> Sequence[IdealCall]:
        return (*super().planned_calls(reference), *too_early(reference))


def rash(sample: Sample) -> Timeline:
    """The same as a timeline."""
    plan = (*sample.reference.calls, *too_early(sample.reference))
    made = sorted(called(sample.script, plan), key=lambda call: call.at_s)
    return structs.replace(TASK.ideal(sample), calls=tuple(made))


def scores(*timelines: Timeline) -> list[Score]:
    return score_all(TASK, list(zip(samples(), timelines, strict=True))).scores


def value(score: Score, name: str) -> float:
    found = score.values[name]
    return found.numerator / found.denominator


def test_the_ideal_respondent_is_right_in_everything() -> None:
    for score in scores(*map(TASK.ideal, samples())):
        assert score.missing == {}
        shares = {name: value(score, name) for name in SHARES if name in score.values}
        assert shares == dict.fromkeys(shares, 1.0), score.sample
        wrong = ("corrected", "interruption", "filler", "preemptive", "fdb3_interruption", "fdb3_preemptive")
        assert {name: value(score, name) for name in wrong} == dict.fromkeys(wrong, 0.0)
        assert value(score, "first_response") == pytest.approx(0.2)
        assert value(score, "task_completion") == pytest.approx(0.2)


def test_who_is_silent_gets_nothing_in_all_and_is_in_no_measure_of_speech() -> None:
    for score in scores(*(TASK.blind(sample)["silent"] for sample in samples())):
        assert score.missing == {}
        every = (
            "pass_at_1",
            "fdb3_pass_at_1",
            "tool_f1",
            "arguments",
            "response_quality",
            "spoken_fulfilment",
        )
        assert {name: value(score, name) for name in every} == dict.fromkeys(every, 0.0)
        assert value(score, "turn_take") == 0
        assert not {n for n in score.values if METRIC[n].unit == "s"}


def test_who_calls_before_the_correction_fails_just_those_requests_in_the_reference() -> None:
    corrected = 0
    for sample, score in zip(samples(), scores(*map(rash, samples())), strict=True):
        item, number = item_of(sample.reference), len(sample.reference.calls)
        assert score.missing == {}
        assert value(score, "fdb3_pass_at_1") == (not item.rollback), sample.id
        assert value(score, "fdb3_arguments_all") == ((number - 1) / number if item.rollback else 1.0)
        assert value(score, "pass_at_1") == value(score, "arguments") == value(score, "tool_f1") == 1
        assert value(score, "corrected") == (1 / (number + 1) if item.rollback else 0)
        assert value(score, "preemptive") == item.rollback
        assert any(str(row["event"]).startswith("corrected") for row in score.rows) == item.rollback
        corrected += item.rollback
    assert corrected == sum(item_of(sample.reference).rollback for sample in samples()) >= 9


def test_the_same_in_a_session(tmp_path: Path) -> None:
    sample = next(sample for sample in samples() if sample.unit == "travel_2")
    settings = Settings(tool_latency="instant")
    facts = run_session(tmp_path / "recording", sample, Rash(), settings).recording.facts
    timeline = timeline_of(facts, tmp_path / "timeline.json", "transcript")
    assert len(timeline.calls) == len(sample.reference.calls) + 1
    (score,) = score_all(TASK, [(sample, timeline)]).scores
    assert score.missing == {}
    assert (value(score, "pass_at_1"), value(score, "fdb3_pass_at_1")) == (1, 0)
    assert value(score, "corrected") == 1 / len(timeline.calls)
    for name in ("response_quality", "spoken_fulfilment", "turn_take"):
        assert value(score, name) == 1
    # said and called at the first hand-over at or after the planned time, 200 ms each
    assert 0.2 <= value(score, "first_response") < 0.7
    assert value(score, "tool_call") < 0
