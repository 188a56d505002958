"""A session in which the simulated user did wrong has no score, and every report says so."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from answering import STAGES, Answering, conversation
from fakes import run_session
from msgspec import UNSET
from rich.console import Console
from user_fault_cases import FaultCase, cases

from tml_bench.api.results import Run
from tml_bench.judges.rules import RuleJudge
from tml_bench.outcome import Outcome
from tml_bench.perception.recordings import timeline_of
from tml_bench.pricing.table import load_prices
from tml_bench.questions import Judge, Question, Verdict, Verdicts
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.report.board import board_of
from tml_bench.report.files import full_markdown, leaderboard_markdown, to_csv
from tml_bench.report.site import site
from tml_bench.report.terminal import print_board, print_leaderboard
from tml_bench.runs.config import RUN_SCHEMA, RunConfig, RunFile, environment
from tml_bench.runs.jobs import JobResult, PerceiveJob
from tml_bench.runs.store import Attempt, StoredRun
from tml_bench.samples import Sample
from tml_bench.scoring.asking import ask
from tml_bench.scoring.epochs import united
from tml_bench.scoring.score import _score
from tml_bench.scoring.search import respondents
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import stored_user_faults, stored_verdicts, to_json
from tml_bench.scoring.timelines import RunTimelines, outcomes_of, timelines_of
from tml_bench.scoring.user_faults import faults_of
from tml_bench.session.settings import Settings
from tml_bench.task import NO_VERDICTS, Direction, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline
from tml_bench.users import making
from tml_bench.users.fault_rubric import FINE, USER_LINE, line_questions
from tml_bench.users.faults import FaultKind
from tml_bench.users.policy import HeardTurn, Prompted, UserMove
from tml_bench.users.staged import StagedPolicy
from tml_bench.viewer.index import sample_index
from tml_bench.viewer.inspected import score_lines
from tml_bench.viewer.run_files import open_viewed
from tml_bench.viewer.score_document import ending


def _heard() -> dict[str, FaultCase]:
    """Two clean conversations, one in which a fault is planted that rules find."""
    found = cases("tuning")
    first, second = [case for case in found if not case.kind][:2]
    planted = next(case for case in found if case.kind == FaultKind.CONTRADICTS)
    return {"talk-1": first, "talk-2": planted, "talk-3": second}


HEARD = _heard()
PLANTED = HEARD["talk-2"].turns[-1].text


class Talks(Task):
    """Whatever the model says is right."""

    name = title = "talks"
    subsets = ("all",)
    metrics = (Metric(name="right", title="Right", unit="%", direction=Direction.HIGHER, kind=Kind.RATE),)
    headline = ("right",)

    def dataset(self, data: Path | None) -> str:
        return "made-up"

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        for name, case in HEARD.items():
            yield Sample(name, "all", scenario=case.scenario)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        assert not verdicts
        value = Value(float(bool(timeline.words)))
        return Score(self.name, sample.subset, sample.id, sample.unit, {"right": value})

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        return {"silent": Timeline(1.0)}

    def ideal(self, sample: Sample) -> Timeline:
        return HEARD[sample.id].timeline


class OneLineJudge:
    """Finds one line out of character, and has nothing to say of another."""

    id = "openai judge-1 v1"

    def __init__(self, wrong: str, unheard: str = "") -> None:
        self.wrong, self.unheard = wrong, unheard
        self.asked: list[Question] = []

    def answer(self, questions: Sequence[Question], advance: object = None) -> list[Verdict]:
        self.asked += questions
        return [self._verdict(question.texts("line to judge")[0]) for question in questions]

    def _verdict(self, line: str) -> Verdict:
        if line == self.unheard:
            return Verdict(None, missing="the service is down")
        return Verdict("character", "too formal") if line == self.wrong else Verdict(FINE)


def _run(path: Path, samples: Sequence[Sample], replay_user: str = "") -> StoredRun:
    config = RunConfig(
        schema=RUN_SCHEMA, task="talks", dataset="made-up", dataset_sha256="", data="", subsets=(), limit=0,
        adapter="fake", privileged=False, clock="simulated", compute="ideal", replay="", tick_ns=200_000_000,
        seed=0, max_session_s=60.0, replay_user=replay_user,
    )  # fmt: skip
    attempts = {sample.id: Attempt(sample.id, "all", 1, Outcome.VALID) for sample in samples}
    return StoredRun(path, RunFile(config, environment()), Talks(), tuple(samples), attempts)


def _scored(path: Path, judge: Judge | None = None, replay_user: str = "") -> Summary:
    path.mkdir(parents=True, exist_ok=True)
    run = _run(path, [*Talks().samples()], replay_user)
    (path / "run.json").write_bytes(msgspec.json.encode(run.file))
    lines = [msgspec.json.encode(attempt) + b"\n" for attempt in run.attempts.values()]
    (path / "attempts.jsonl").write_bytes(b"".join(lines))
    timelines = {name: case.timeline for name, case in HEARD.items()}
    faults = faults_of(run.samples, timelines)
    track = AudioTrack(Path(), "")
    facts = dict.fromkeys(timelines, SessionFacts(track, track, None, (), (), ()))
    heard = RunTimelines(run, timelines, outcomes_of(run, {}, faults), facts, faults)
    (one,) = ask([heard], respondents, users=judge is not None)
    return _score(one, judge or RuleJudge({}), {}, UNSET, load_prices(None))


@pytest.fixture(scope="module")
def by_rules(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    path = tmp_path_factory.mktemp("runs") / "talks--fake"
    return SimpleNamespace(path=path, summary=_scored(path))


def test_a_faulty_session_is_out_of_the_mean_and_counted(by_rules: SimpleNamespace) -> None:
    (outcomes,) = by_rules.summary.outcomes
    assert {kind: n for kind, n in outcomes.counts.items() if n} == {"valid": 2, "user_fault": 1}
    (reason,) = outcomes.reasons["user_fault"]
    assert "contradicts: says 8, which nobody has named" in reason
    (right,) = by_rules.summary.metrics
    assert [o.sample for o in right.observations] == ["talk-1", "talk-3"]


def test_by_rules_nothing_is_asked(by_rules: SimpleNamespace) -> None:
    assert by_rules.summary.judgements is None
    assert not (by_rules.path / "verdicts.jsonl").exists()


def test_every_faulty_line_is_in_a_file_beside_the_scores(by_rules: SimpleNamespace) -> None:
    (fault,) = stored_user_faults(by_rules.path)
    assert (fault.sample, fault.subset, fault.line) == ("talk-2", "all", 4)
    assert (fault.text, fault.kind, fault.by) == (PLANTED, "contradicts", "rules 1")
    assert Run(by_rules.path).user_faults == [fault]
    assert by_rules.summary.user_faults == (fault,)


def _terminal(summary: Summary) -> str:
    paper = io.StringIO()
    console = Console(file=paper, width=400)
    print_board([summary], console)
    print_leaderboard([summary], console)
    return paper.getvalue()


def test_every_report_counts_it_beside_the_score(by_rules: SimpleNamespace) -> None:
    summary = by_rules.summary
    shown = _terminal(summary)
    assert "fake: 1 of 3 samples have no score (1 user fault), see the outcomes." in shown
    assert "fake: 1 user_fault: the user at" in shown
    assert "the model is not to blame" in shown
    assert "2/3 1 user fault" in leaderboard_markdown([summary])
    assert PLANTED in full_markdown([summary])
    head, row, *_ = (line.split(",") for line in to_csv([summary]).splitlines())
    assert row[head.index("user_faults")] == "1"
    assert PLANTED in to_json([summary])
    pages = "".join(site(board_of([summary])).values())
    assert PLANTED in pages
    assert "1 user fault" in pages


def test_the_viewer_lists_it_among_what_is_no_fault_of_the_model(by_rules: SimpleNamespace) -> None:
    (run,) = open_viewed([by_rules.path])
    index = sample_index([run])
    columns = index.columns
    assert columns.sample[-1] == "talk-2"
    assert [index.outcomes[k] for k in columns.outcome] == ["valid", "valid", "user_fault"]
    assert "says 8" in columns.reason[-1]
    outcome, reason = ending(run, run.attempts()[1].last)
    assert outcome is Outcome.USER_FAULT
    assert PLANTED in reason
    assert ending(run, run.attempts()[0].last) == (Outcome.VALID, "")
    recording = by_rules.path / "talks" / "talk-2" / "1"
    recording.mkdir(parents=True)
    assert [*score_lines(recording)] == [f"outcome user_fault: {reason}"]


def test_a_judge_adds_faults_and_takes_none_away(tmp_path: Path) -> None:
    first, second = HEARD["talk-1"].timeline.lines[:2]
    judge = OneLineJudge(second.text, unheard=first.text)
    summary = _scored(tmp_path / "run", judge)
    (outcomes,) = summary.outcomes
    assert {kind: n for kind, n in outcomes.counts.items() if n} == {"valid": 1, "user_fault": 2}
    judged, ruled = stored_user_faults(tmp_path / "run")
    assert (judged.sample, judged.text, judged.kind) == ("talk-1", second.text, "character")
    assert (judged.reason, judged.by) == ("too formal", judge.id)
    assert (ruled.sample, ruled.by) == ("talk-2", "rules 1")
    assert [o.sample for m in summary.metrics for o in m.observations] == ["talk-3"]
    # Sessions that are out anyhow are not asked about.
    lines = len(HEARD["talk-1"].timeline.lines) + len(HEARD["talk-3"].timeline.lines)
    assert len(judge.asked) == lines
    assert len(stored_verdicts(tmp_path / "run", "talk-1")) == len(HEARD["talk-1"].timeline.lines)
    assert summary.judgements is not None
    assert summary.judgements.rubrics == ("simulated-user-line 1",)
    assert summary.judgements.missing == {"the service is down": 1}


def test_lines_that_are_played_again_are_nobodys_fault(tmp_path: Path) -> None:
    judge = OneLineJudge(PLANTED)
    _scored(tmp_path / "run", judge, replay_user="an-earlier-run")
    assert judge.asked == []


class HastyPolicy(StagedPolicy):
    """Begins with its second goal."""

    def next_move(self, turns: Sequence[HeardTurn], prompted: Prompted) -> UserMove:
        move = super().next_move(turns, prompted)
        return move if turns else replace(move, text=STAGES[1].lines[0])


class HerePool:
    """Perceives in this process."""

    def __init__(self) -> None:
        self._jobs: list[PerceiveJob] = []

    def submit(self, job: PerceiveJob) -> None:
        self._jobs.append(job)

    def results(self) -> Iterator[tuple[PerceiveJob, JobResult]]:
        for job in self._jobs:
            yield job, JobResult(Outcome.VALID, timeline=timeline_of(job.facts, job.cache, job.words))


def test_a_user_made_faulty_is_caught_in_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = conversation(tmp_path / "voice")
    hasty = replace(good, id="hasty")
    for sample in (good, hasty):
        if sample is hasty:
            monkeypatch.setattr(making, "StagedPolicy", HastyPolicy)
        run_session(tmp_path / "talks" / sample.id / "1", sample, Answering(), Settings(max_session_s=30.0))
    found = {}
    for replayed in ("", "an-earlier-run"):
        run = _run(tmp_path, (good, hasty), replayed)
        (heard,) = timelines_of([run], HerePool(), lambda line: None, "transcript")  # type: ignore[arg-type]
        found[replayed] = {sample: ended.kind for sample, ended in heard.outcomes.items()}
        if not replayed:
            faults = [(f.line, f.kind) for f in heard.faults["hasty"]]
            assert faults == [(0, FaultKind.EARLY), (1, FaultKind.REPEATS)]
    assert found[""] == {"talk": Outcome.VALID, "hasty": Outcome.USER_FAULT}
    assert found["an-earlier-run"] == {"talk": Outcome.VALID, "hasty": Outcome.VALID}


def test_scored_again_without_faults_the_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _scored(tmp_path / "run")
    assert (tmp_path / "run" / "user_faults.jsonl").exists()
    monkeypatch.setitem(HEARD, "talk-2", HEARD["talk-1"])
    summary = _scored(tmp_path / "run")
    assert summary.user_faults is UNSET
    assert not (tmp_path / "run" / "user_faults.jsonl").exists()
    assert summary.outcomes[0].counts["user_fault"] == 0


def test_epochs_list_all_their_faults(by_rules: SimpleNamespace) -> None:
    facts = by_rules.summary.facts
    epochs = [
        msgspec.structs.replace(
            by_rules.summary, facts=msgspec.structs.replace(facts, run=f"{facts.run}--epoch-{k}", epoch=k)
        )
        for k in (1, 2)
    ]
    (both,) = united(epochs)
    assert len(both.user_faults or ()) == 2
    assert both.outcomes[0].counts["user_fault"] == 2


def test_a_judge_sees_the_conversation_up_to_the_line_and_which_goals_are_told() -> None:
    case = HEARD["talk-1"]
    question = line_questions(case.scenario, case.timeline)[1]
    assert question.rubric is USER_LINE
    assert question.texts("line to judge") == (case.timeline.lines[1].text,)
    assert question.texts("user") == (case.timeline.lines[0].text,)
    assert question.texts("model") == ("Of course. A table for four on Friday. What time would you like?",)
    assert question.texts("goal now or before") == ("T1: Book a table for four people on Friday.",)
    assert [text[:2] for text in question.texts("later goal")] == ["T2", "T3"]
    assert question.texts("later fact") == ("allergy: One of us cannot eat nuts.",)
