"""A task that is whole passes `check-task`; each thing that can be wrong with one is told with its remedy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from click.testing import CliRunner
from msgspec import structs
from task_example import load_example

from tml_bench import cli
from tml_bench.conformance import CaseFinding, CaseVerdict, check_task as checking
from tml_bench.conformance.check_task import CASES, MOST_FLAWS, PLAYERS, checked_task
from tml_bench.plugins import load_task
from tml_bench.questions import Decision, Question, Rubric, Rule, Verdicts
from tml_bench.samples import Reference, Sample, Script, UserTurn, Utterance
from tml_bench.task import (
    NO_VERDICTS,
    BoardScore,
    Direction,
    Kind,
    Metric,
    Overall,
    PublishedNumber,
    Score,
    Task,
    Value,
)
from tml_bench.timeline import Segment, Timeline

EXAMPLE: ModuleType = load_example()
EXAMPLE.sound = cache(EXAMPLE.sound)  # six waveforms, of which every loading would make its own
RUBRIC = Rubric("polite", 1, "Was it polite?", ("yes", "no"))


class Doorbell(EXAMPLE.Doorbell):  # type: ignore[name-defined, misc]
    """The example, of which every test breaks one thing."""


@pytest.fixture(autouse=True)
def one_sample_a_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less to play; what is said of a flaw is the same."""
    monkeypatch.setattr(checking, "PLAYED", 1)


def failures(task: Task, data: Path | None = None) -> dict[str, list[CaseFinding]]:
    """What fails, by case; everything that fails says what to do."""
    found: dict[str, list[CaseFinding]] = {}
    for finding in checked_task(task, data):
        if finding.verdict is CaseVerdict.FAIL:
            found.setdefault(finding.case, []).append(finding)
    return found


def only(task: Task, case: str, data: Path | None = None) -> str:
    """What the only case that fails says; its remedy too."""
    found = failures(task, data)
    assert list(found) == [case]
    assert all(finding.remedy for finding in found[case][:MOST_FLAWS])
    return "\n".join(f"{finding.detail}. {finding.remedy}" for finding in found[case])


def test_the_example_passes_every_case() -> None:
    found = list(checked_task(EXAMPLE.Doorbell()))
    assert [finding.case for finding in found] == list(CASES)
    assert {finding.verdict for finding in found} == {CaseVerdict.PASS}
    details = {finding.case: finding.detail for finding in found}
    assert details["blind"] == "9 strategies, none as good as the ideal respondent"
    assert details["board"] == "right on door: floor 0.3333 by silent, ceiling 1"
    # 9 blind strategies, the ideal respondent, and 3 adapters.
    assert details["scores"].startswith(f"{9 + 1 + len(PLAYERS)} timelines")


@pytest.mark.parametrize("name", ["charades", "repcount-a"])
def test_shipped_tasks_pass(name: str) -> None:
    assert failures(load_task(name)) == {}


def test_a_task_with_companions_the_users_speech_and_a_judge_passes() -> None:
    class Whole(Doorbell):
        hears_user = True
        rubrics = (RUBRIC,)
        rules: ClassVar = {"polite": Rule(1, lambda question: Decision("yes"))}
        played: ClassVar[list[Timeline]] = []

        def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
            yield replace(FIRST, companions={"clean": "door-1"})
            yield replace(FIRST, id="door-1", scored=False)

        def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
            return (Question("a", RUBRIC, ()),)

        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            assert verdicts["a"].answer == "yes"
            self.played.append(timeline)
            return super().score(sample, timeline, verdicts)

    assert failures(Whole()) == {}
    heard = [timeline for timeline in Whole.played if timeline.perceiver != "synthetic"]
    assert heard
    assert all(t.user is not None and list(t.companions) == ["clean"] for t in heard)


def test_without_a_headline_nothing_else_is_looked_at() -> None:
    class Bare(Doorbell):
        headline = ()

    assert "headline is empty" in only(Bare(), "declaration")


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"headline": ("right", "wrong")}, "headline: wrong is not declared"),
        ({"metrics": (*Doorbell.metrics, Doorbell.metrics[0])}, "the metric right is declared twice"),
        ({"overall": (Overall("door", ("door",)),)}, "the subset door is declared twice"),
        ({"overall": (Overall("all", ("door", "gate")),)}, "the overall all: gate is not declared"),
        ({"rules": {"polite": None}}, "rules: polite is not declared"),
        (
            {"metrics": tuple(structs.replace(m, judged=True) for m in Doorbell.metrics)},
            "judged, but there is no rubric",
        ),
        (
            {"metrics": tuple(structs.replace(m, subsets=("gate",)) for m in Doorbell.metrics)},
            "metric right: gate is not declared",
        ),
        ({"board": BoardScore("wrong", "door", "Why.")}, "board: there is no wrong on door"),
        ({"board": BoardScore("right", "gate", "Why.")}, "board: there is no right on gate"),
        ({"board": BoardScore("right", "door")}, "does not say why nobody earns it blindly"),
        (
            {
                "overall": (Overall("all", ("door",), equal=True),),
                "board": BoardScore("right", "all", "Why."),
            },
            "board: there is no right on all",
        ),
        (
            {
                "metrics": (
                    structs.replace(Doorbell.metrics[0], direction=Direction.NONE),
                    Doorbell.metrics[1],
                )
            },
            "board: neither direction of right is better",
        ),
        ({"overall": (Overall("all", ("door",), weights=(1.0,)),)}, "the overall all: its weights"),
        ({"overall": (Overall("all", ("door",), equal=True, weights=(1.0, 2.0)),)}, "the overall all: its"),
        ({"overall": (Overall("all", ("door",), equal=True, weights=(0.0,)),)}, "the overall all: its"),
        (
            {"published": lambda self: (PublishedNumber("X", "porch", "right", 0.5, "paper"),)},
            "published() names the subset: porch is not declared",
        ),
    ],
)
def test_what_a_declaration_names_exists_once(attributes: dict[str, object], said: str) -> None:
    assert said in only(type("Broken", (Doorbell,), attributes)(), "declaration")


def with_samples(*samples: Sample) -> Task:
    """A doorbell of these samples."""

    class Given(Doorbell):
        def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
            return iter(samples)

    return Given()


FIRST: Sample = next(EXAMPLE.Doorbell().samples())


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ((), "no sample to score"),
        ((FIRST, FIRST), "door-0: another has the same id"),
        ((replace(FIRST, id="../door"),), "'../door': the id cannot name a folder"),
        ((replace(FIRST, subset="gate"),), "subset gate is not declared"),
        ((replace(FIRST, companions={"clean": "door-9"}),), "companion clean door-9 does not exist"),
        ((replace(FIRST, problem="the file is empty"),), "the file is empty"),
        ((replace(FIRST, script=Script((UserTurn(Path("/no/bell.wav")),))),), "bell.wav"),
    ],
)
def test_samples_are_named_apart_and_their_files_are_there(samples: tuple[Sample, ...], said: str) -> None:
    assert said in only(with_samples(*samples), "samples")


def test_a_broken_file_of_somebody_elses_data_is_no_flaw_of_the_task(tmp_path: Path) -> None:
    found = failures(with_samples(FIRST, replace(FIRST, id="door-1", problem="truncated")), tmp_path)
    assert found == {}


def test_data_of_which_nothing_can_be_used_cannot_be_checked(tmp_path: Path) -> None:
    assert "no sample to score" in only(
        with_samples(replace(FIRST, problem="truncated")), "samples", tmp_path
    )


def annotated(annotation: object) -> Sample:
    return replace(FIRST, reference=replace(FIRST.reference, annotation=annotation))


def test_a_sample_that_differs_from_load_to_load_is_told() -> None:
    numbers = count()

    class Fresh(Doorbell):
        def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
            yield annotated({"loaded": next(numbers)})

    assert "door-0: another data hash when it is loaded again" in only(Fresh(), "same again")


class Unsendable:
    """Has fields to hash, and loses one on its way to another process."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return Unsendable, (0,)


def test_an_annotation_without_fields_or_that_pickling_changes_is_told() -> None:
    assert "door-0: a object has no fields to hash" in only(with_samples(annotated(object())), "same again")
    assert "door-0: pickling changes it" in only(with_samples(annotated(Unsendable(3))), "same again")


def test_an_annotation_that_cannot_be_pickled_is_told() -> None:
    @dataclass
    class Local:
        size: int

    assert "Local" in only(with_samples(annotated(Local(3))), "same again")


def test_an_order_that_changes_is_told() -> None:
    class Shuffled(Doorbell):
        turn = 0

        def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
            self.turn += 1
            return iter(list(super().samples())[:: 1 if self.turn == 1 else -1])

    assert "gives others the second time" in only(Shuffled(), "same again")


def test_subsets_that_are_not_asked_for_are_told() -> None:
    class Two(Doorbell):
        subsets = ("door", "gate")

        def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
            yield from (FIRST, replace(FIRST, id="gate-0", subset="gate"))

    assert "samples(subsets=('door',)) gives gate too" in only(Two(), "same again")


def test_blind_strategies_that_differ_by_sample_are_told() -> None:
    class Partly(Doorbell):
        def blind(self, sample: Sample) -> dict[str, Timeline]:
            return {} if sample.id == "door-0" else super().blind(sample)

    assert "door-1: blind() has other strategies than for door-0" in only(Partly(), "blind")


def test_a_blind_strategy_as_good_as_ideal_is_told_and_passes() -> None:
    found = {f.case: f for f in checked_task(with_samples(FIRST))}["blind"]
    assert found.verdict is CaseVerdict.PASS
    assert "none as good" in found.detail  # the ideal delay of 0.3 s is nobody's

    class Undelayed(Doorbell):
        headline = ("right",)

        def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
            yield FIRST

    cases = {f.case: f for f in checked_task(Undelayed())}
    found, board = cases["blind"], cases["board"]
    assert board.detail == "right on door: floor 1 by constant@2, ceiling 1, saturated"
    assert (board.verdict, "leaves room" in board.remedy) == (CaseVerdict.PASS, True)
    assert (found.verdict, found.remedy != "") == (CaseVerdict.PASS, True)
    assert found.detail.endswith("as good as the ideal respondent: constant@2 in door")


def test_no_strategy_leaves_the_report_without_a_floor_and_says_so() -> None:
    class Floorless(Doorbell):
        board = None

        def blind(self, sample: Sample) -> dict[str, Timeline]:
            return {}

    found = list(checked_task(Floorless()))
    assert {finding.verdict for finding in found} == {CaseVerdict.PASS}
    details = {f.case: f for f in found}
    assert "no floor" in details["blind"].detail
    assert details["board"].detail == "none is declared: right stands for the task"
    assert "declare `board`" in details["board"].remedy

    class Declared(Floorless):
        board = Doorbell.board

    assert "board: right on door has no floor" in only(Declared(), "board")


def test_an_ideal_respondent_that_is_not_is_told() -> None:
    late = replace(FIRST, reference=replace(FIRST.reference, ideal=(Utterance(5.0),)))
    assert "right of door: the ideal respondent gets 0.00%, not 100%" in only(with_samples(late), "ideal")


def test_a_metric_without_an_end_that_rewards_a_blind_strategy_is_told() -> None:
    class Chatter(Doorbell):
        board = None
        metrics = (Metric(name="words", title="Words", unit="words"),)
        headline = ("words",)

        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            values = {"words": Value(float(len(timeline.words)))}
            return Score(self.name, sample.subset, sample.id, sample.unit, values)

    assert "words of door: always-on gets" in only(Chatter(), "ideal")


def test_an_oracle_that_is_not_as_the_ideal_respondent_is_told() -> None:
    class Otherwise(Doorbell):
        def ideal(self, sample: Sample) -> Timeline:
            return Timeline(14.0, (Segment(2.0, 3.0),))

    silent = replace(FIRST, reference=Reference(user_end_s=1.5))
    task = Otherwise()
    task.samples = lambda data=None, subsets=(): iter((silent,))  # type: ignore[method-assign, assignment]
    assert "oracle gets 0% of right, ideal() 100%" in only(task, "sessions")


def test_a_session_that_cannot_be_played_names_the_line() -> None:
    class Deaf(Doorbell):
        def stretches(self, sample: Sample, timeline: Timeline) -> tuple[tuple[float, float], ...]:
            raise KeyError("bell")

    assert "KeyError: 'bell' (test_check_task.py:" in only(Deaf(), "sessions")


def scoring(**values: Value) -> Task:
    """A doorbell whose score holds these values too."""

    class Also(Doorbell):
        metrics: ClassVar = (
            *Doorbell.metrics,
            Metric(name="share", title="Share", unit="%"),
            Metric(name="rate", title="Rate", kind=Kind.RATE),
            Metric(name="ratio", title="Ratio", kind=Kind.RATIO),
            Metric(name="elsewhere", title="Elsewhere", subsets=("gate",)),
        )
        subsets = ("door", "gate")

        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            score = super().score(sample, timeline, verdicts)
            return structs.replace(score, values=score.values | values)

    return Also()


def test_values_in_range_pass() -> None:
    assert failures(scoring(share=Value(0.5), rate=Value(1.0), ratio=Value(-3.0, 0.0))) == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"share": Value(50.0)}, "share is 50 / 1; a share lies in [0, 1]"),
        ({"rate": Value(2.0)}, "rate is 2 / 1; a share lies in [0, 1]"),
        ({"share": Value(0.5, 2.0)}, "share is 0.5 / 2; the denominator of a mean is 1"),
        ({"ratio": Value(1.0, -1.0)}, "ratio is 1 / -1; a denominator is at least 0"),
        ({"ratio": Value(math.inf)}, "ratio is inf / 1; it must be finite"),
        ({"sharp": Value(1.0)}, "sharp is not declared"),
        ({"elsewhere": Value(1.0)}, "elsewhere does not apply to door"),
    ],
)
def test_values_out_of_range_and_undeclared_ones_are_told(values: dict[str, Value], said: str) -> None:
    assert said in only(scoring(**values), "scores")


def test_a_score_with_a_memory_is_told() -> None:
    class Forgetful(Doorbell):
        calls = 0

        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            self.calls += 1
            score = super().score(sample, timeline, verdicts)
            return structs.replace(score, notes=(f"call {self.calls}",))

    assert "score() differs the second time" in only(Forgetful(), "scores")


def test_a_score_by_the_order_of_verdicts_is_told() -> None:
    class Ordered(Doorbell):
        rubrics = (RUBRIC,)

        def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
            return (Question("a", RUBRIC, ()), Question("b", RUBRIC, ()))

        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            score = super().score(sample, timeline, verdicts)
            return structs.replace(score, notes=(next(iter(verdicts)),))

    assert "score() differs the second time" in only(Ordered(), "scores")


def test_another_samples_score_a_row_without_event_and_a_value_that_is_missing_too_are_told() -> None:
    class Careless(Doorbell):
        def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
            score = super().score(sample, timeline, verdicts)
            return structs.replace(score, unit="door", missing={"right": "?"}, rows=({"at_s": 1.0},))

    said = only(Careless(), "scores")
    assert "names another task, subset, sample or unit" in said
    assert "right has a value and is missing" in said
    assert "a row has no event" in said


def test_questions_by_an_undeclared_rubric_or_with_one_key_are_told() -> None:
    class Curious(Doorbell):
        def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
            return (Question("a", RUBRIC, ()), Question("a", RUBRIC, ()))

    said = only(Curious(), "scores")
    assert "two questions have the key a" in said
    assert "the rubric polite is not declared" in said


def test_a_file_written_among_the_data_is_told(tmp_path: Path) -> None:
    class Littering(Doorbell):
        def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
            assert data is not None
            (data / "cache.json").write_text("{}")
            return super().samples(data, subsets)

    assert "cache.json was written or removed" in only(Littering(), "data folder", tmp_path)


def test_of_many_flaws_the_first_are_told_and_the_rest_counted() -> None:
    many = [replace(FIRST, id=f"door-{k}", subset="gate") for k in range(9)]
    told = failures(with_samples(*many))["samples"]
    assert [finding.detail for finding in told][-1] == "and 4 more like these"


def test_the_command_exits_with_1_on_a_failure_and_2_where_there_is_no_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = CliRunner().invoke(cli.main, ["check-task", "repcount-a"])
    assert good.exit_code == 0
    assert "  pass     declaration: subsets test" in good.output
    monkeypatch.setattr(checking, "load_task", lambda text: with_samples())
    bad = CliRunner().invoke(cli.main, ["check-task", "doorbell"])
    assert bad.exit_code == 1
    assert "doorbell\n  pass     declaration" in bad.output
    assert "fail     samples: there is no sample to score\n           let samples() yield" in bad.output
    monkeypatch.undo()
    assert CliRunner().invoke(cli.main, ["check-task", "no-such-task"]).exit_code == 2
