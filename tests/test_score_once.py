"""While runs are scored, each recording's log is opened once and each of its lines read once."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest
from fakes import run_and_score

from tml_bench import events as ev, session_log
from tml_bench.judges.rules import RuleJudge
from tml_bench.outcome import Outcome
from tml_bench.perception.recordings import timeline_of
from tml_bench.plugins import load_task
from tml_bench.questions import Question, Verdict
from tml_bench.recording import LOG
from tml_bench.runs.jobs import JobResult, PerceiveJob
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import open_run, open_runs
from tml_bench.scoring.score import score_runs
from tml_bench.user_stretches import user_spans

pytestmark = pytest.mark.usefixtures("in_this_process")

FOUND: Counter[str] = Counter()
"""How often each file was opened; the hook cannot be taken away again, and counts logs alone."""


def _count(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and str(arguments[0]).endswith(LOG):
        FOUND[str(arguments[0])] += 1


sys.addaudithook(_count)


class CountingDecoder:
    """Decodes events and counts the lines."""

    def __init__(self) -> None:
        self.lines = 0
        self._decoder = msgspec.json.Decoder(ev.AnyEvent)

    def decode(self, line: bytes) -> ev.AnyEvent:
        self.lines += 1
        return self._decoder.decode(line)


class HerePool:
    """Perceives in this process, where it is counted."""

    def __init__(self) -> None:
        self.jobs: list[PerceiveJob] = []

    def submit(self, job: PerceiveJob) -> None:
        self.jobs.append(job)

    def results(self) -> Iterator[tuple[PerceiveJob, JobResult]]:
        for job in self.jobs:
            task = load_task(job.task)
            stretches = partial(task.stretches, job.sample)
            timeline = timeline_of(
                job.facts, job.cache, job.words, task.hears_user, stretches, languages=job.sample.languages,
                user_spans=partial(user_spans, task, job.sample),
            )  # fmt: skip
            yield job, JobResult(Outcome.VALID, timeline=timeline)


class Unsure:
    """A judge like a language model: it answers everything alike, and is told of all questions before."""

    id = "unsure"

    def __init__(self) -> None:
        self.foreseen: list[Question] = []
        self.asked: list[Question] = []

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        self.asked += questions
        return [Verdict(question.rubric.answers[0], judge="unsure") for question in questions]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on the same samples, which have companions and need the user's track and a judge."""
    out = tmp_path_factory.mktemp("results")
    run_and_score(out, ("oracle", "silent"), task="fd-bench-v1.5", selection=Selection(None, (), 1))
    run_and_score(
        out, ("oracle",), task="proactive-video-qa", selection=Selection(None, ("VAD", "WEB"), 1), jobs=1
    )
    return out


@pytest.mark.parametrize(("cached", "model"), [(True, False), (False, True)])
def test_each_log_is_opened_and_read_once(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool, model: bool
) -> None:
    paths = sorted(p.parent for p in Path(shutil.copytree(made, tmp_path / "runs")).glob("*/run.json"))
    before = {path: (path / "scores.jsonl").read_bytes() for path in paths}
    if not cached:
        for path in paths:
            shutil.rmtree(path / "timelines")
    runs, pool, judge, decoder = open_runs(paths), HerePool(), Unsure(), CountingDecoder()
    monkeypatch.setattr(session_log, "_DECODER", decoder)
    FOUND.clear()
    score_runs(
        runs,
        pool,  # type: ignore[arg-type]
        lambda line: None,
        "transcript",
        (lambda rules: judge) if model else RuleJudge,
        judge.foreseen.extend if model else None,
    )
    logs = [run.recording_path(attempt) / LOG for run in runs for attempt in run.valid()]
    assert {str(log): 1 for log in logs} == FOUND
    # The first line is looked at when a recording is opened.
    assert decoder.lines == sum(len(log.read_bytes().splitlines()) + 1 for log in logs)
    assert len(pool.jobs) == (0 if cached else len(logs))
    assert judge.asked == judge.foreseen
    assert bool(judge.asked) is model
    if not model:
        assert {path: (path / "scores.jsonl").read_bytes() for path in paths} == before


def test_runs_on_the_same_data_load_it_once(made: Path) -> None:
    paths = sorted(made.glob("fd-bench-v1.5-*"))
    first, second = open_runs(paths)
    assert first.samples is second.samples
    assert first.attempts != second.attempts or first.path != second.path
    assert open_run(paths[0]).samples == first.samples
