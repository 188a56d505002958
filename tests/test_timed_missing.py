"""What rules cannot judge is missing by rules, all of it, and the mean says what it is taken over."""

from __future__ import annotations

import pytest
from understanding import UnderstandingJudge

from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Judge
from tml_bench.samples import Sample
from tml_bench.scoring.judging import score_all
from tml_bench.scoring.table import ScoreTable, mean_of
from tml_bench.tasks._timed.meaning.rule import RUBRIC, RULE, TALK
from tml_bench.tasks.timespeak.task import TimeSpeak

TASK = TimeSpeak()
(MEAN,) = TASK.overall
ON_TIME = next(m for m in TASK.metrics if m.name == "on_time")
RULES = RuleJudge({RUBRIC.name: RULE})


def one_of_each() -> list[Sample]:
    found = {s.subset: s for s in TASK.samples()}
    return [found[family] for family in TASK.subsets]


def mean(judge: Judge, samples: list[Sample]) -> float | None:
    scores = score_all(TASK, [(s, TASK.ideal(s)) for s in samples], judge).scores
    return mean_of(ScoreTable(scores), MEAN, ON_TIME)[0]


def test_talks_are_missing_by_rules_and_say_why() -> None:
    (talk,) = (s for s in one_of_each() if s.subset == "own_duration")
    for played in (TASK.ideal(talk), TASK.blind(talk)["silent"]):
        (score,) = score_all(TASK, [(talk, played)], RULES).scores
        assert score.values == {}
        assert set(score.missing.values()) == {TALK}
    (known,) = score_all(TASK, [(talk, TASK.ideal(talk))], UnderstandingJudge()).scores
    assert known.values["on_time"].numerator == 1


def test_the_mean_is_of_the_families_that_are_known() -> None:
    samples = one_of_each()
    assert mean(RULES, samples) == mean(UnderstandingJudge(), samples) == 1
    silent = {s.id: TASK.blind(s)["silent"] for s in samples if s.subset == "schedule"}
    pairs = [(s, silent.get(s.id) or TASK.ideal(s)) for s in samples]
    for judge, families in ((RULES, 8), (UnderstandingJudge(), 9)):
        scores = score_all(TASK, pairs, judge).scores
        assert mean_of(ScoreTable(scores), MEAN, ON_TIME)[0] == pytest.approx(1 - 1 / families)


def test_another_family_that_is_missing_is_still_missed() -> None:
    scores = score_all(TASK, [(s, TASK.ideal(s)) for s in one_of_each()[1:]], RULES).scores
    assert mean_of(ScoreTable(scores), MEAN, ON_TIME)[0] is None


def test_the_task_says_that_its_score_by_rules_is_provisional() -> None:
    assert TASK.board is not None
    assert "provisional" in TASK.board.provisional
    assert TALK in TASK.board.provisional
