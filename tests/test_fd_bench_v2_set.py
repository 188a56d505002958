"""The set that ships with FD-bench v2 is whole, and its users say what they mean, when they may."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence

import pytest
from mini_sets.fd_bench_v2 import flaws, lines_of, pieces_of, unsound

from tml_bench.samples import Sample
from tml_bench.scenario import Scenario
from tml_bench.synthesis.voices import VOICES
from tml_bench.tasks.fd_bench_v2.annotation import CORRECTION, GOALS, SAFETY, SPLITS, StagedGoals
from tml_bench.tasks.fd_bench_v2.loader import MINI, VOICED, load
from tml_bench.tasks.fd_bench_v2.pacing import FAST, SLOW
from tml_bench.tasks.fd_bench_v2.prompt_file import END_PHRASE
from tml_bench.timeline import UserAct
from tml_bench.users.matching import questions, says, says_all
from tml_bench.users.policy import HeardTurn, Prompted, UserMove
from tml_bench.users.staged import StagedPolicy, unpieced

SAMPLES = list(load(MINI, ()))
SEEDS = range(4)
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)


def user_of(sample: Sample) -> Scenario:
    assert sample.scenario is not None, sample.problem
    return sample.scenario


def expected_of(sample: Sample) -> StagedGoals:
    assert isinstance(sample.reference.annotation, StagedGoals)
    return sample.reference.annotation


USERS = [user_of(sample) for sample in SAMPLES]


def conversation(user: Scenario, replies: Sequence[str], seed: int) -> list[UserMove]:
    """What the user says to somebody who gives these replies, the last again and again."""
    turns: list[HeardTurn] = []
    moves = [StagedPolicy(user, seed).next_move(turns, Prompted.OPENING)]
    while not moves[-1].ends:
        now_s, move = 10.0 * len(moves), moves[-1]
        reply = replies[min(len(moves), len(replies)) - 1]
        turns.append(HeardTurn(True, unpieced(move.text), now_s, now_s + 4.0, move.act, move.stage))
        turns.append(HeardTurn(False, reply, now_s + 5.0, now_s + 9.0))
        moves.append(StagedPolicy(user, seed).next_move(turns, Prompted.ANSWERED))
    return moves


def test_every_line_is_there_as_spoken_and_the_set_is_small() -> None:
    pieces = pieces_of(USERS)
    assert flaws(pieces) == []
    assert unsound(pieces[::16]) == []
    assert all(user.voiced == MINI / VOICED for user in USERS)
    manifest = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))
    shipped = {p.relative_to(MINI).as_posix(): p.read_bytes() for p in MINI.rglob("*") if p.is_file()}
    assert set(shipped) == {*manifest["files"], "manifest.json"}
    assert {n: hashlib.sha256(shipped[n]).hexdigest() for n in manifest["files"]} == manifest["files"]
    assert manifest["version"].startswith("mini-")
    assert sum(map(len, shipped.values())) < 3_500_000


def test_four_scenarios_of_each_split_in_eight_voices() -> None:
    assert Counter(sample.subset for sample in SAMPLES) == dict.fromkeys(SPLITS, 4)
    assert Counter(user.voice for user in USERS) == dict.fromkeys(VOICES, 2)
    assert len({expected_of(sample).title for sample in SAMPLES}) == 16


def test_all_manners_are_there() -> None:
    manners = [user.manners for user in USERS]
    assert sum(one.hesitation > 0 for one in manners) == 4
    assert sum(one.barge_in_s is not None for one in manners) == 2
    assert sum(bool(one.barge_in_on) for one in manners) == 2
    assert sum(one.backchannel_s is not None for one in manners) == 2
    assert sum(one.aside > 0 for one in manners) == 3
    assert sum(bool(one.silent_at) for one in manners) == 2
    assert len({one.yield_s for one in manners}) == 3
    assert all(user.asides for user in USERS if user.manners.aside)


def test_in_the_fast_pacing_all_are_fast_and_keep_their_own_manners() -> None:
    for slow, fast in zip(USERS, map(user_of, load(MINI, (), FAST)), strict=True):
        assert (slow.manners.endpoint_s, fast.manners.endpoint_s) == (SLOW.endpoint_s, FAST.endpoint_s)
        assert fast.manners.hesitation == slow.manners.hesitation
        assert fast.manners.barge_in_s == (slow.manners.barge_in_s or FAST.barge_in_s)


@every_sample
def test_an_ideal_respondent_gets_to_the_end_in_four_turns(sample: Sample) -> None:
    for seed in SEEDS:
        moves = conversation(user_of(sample), sample.reference.replies, seed)
        assert [(move.act, move.stage) for move in moves] == [
            *((UserAct.GOAL, goal) for goal in GOALS), (UserAct.CLOSING, GOALS[-1])
        ]  # fmt: skip
        assert unpieced(moves[-1].text).lower().rstrip(".").endswith(END_PHRASE)
    *_, last = sample.reference.replies
    expected = expected_of(sample)
    assert says_all(last, expected.final)
    assert not any(says(last, words) for words in expected.never)
    assert all(
        says_all(r, stage[1]) for r, stage in zip(sample.reference.replies, expected.stages, strict=True)
    )


def test_who_answers_briefly_is_not_barged_in_on() -> None:
    for sample in SAMPLES:
        if after_s := user_of(sample).manners.barge_in_s:
            assert max(0.4 * len(reply.split()) for reply in sample.reference.replies) < after_s


@every_sample
def test_a_stonewall_gets_nowhere(sample: Sample) -> None:
    user = user_of(sample)
    moves = conversation(user, ["Let me think about that."], 0)
    if sample.subset != SAFETY:
        assert (moves[-1].act, moves[-1].stage) == (UserAct.HANG_UP, "T1")
        assert [move.act for move in moves[1:-1]] == [UserAct.AGAIN] * 3
    assert not says_all("Let me think about that.", expected_of(sample).final)


@every_sample
def test_who_forgets_the_correction_ends_with_the_wrong_value(sample: Sample) -> None:
    expected = expected_of(sample)
    assert bool(expected.forgotten) == (sample.subset == CORRECTION)
    assert sample.reference.forgotten == expected.forgotten
    if expected.forgotten:
        assert expected.forgotten[:3] == sample.reference.replies[:3]
        insists = user_of(sample).manners.barge_in_on  # on the value that was taken back
        last = conversation(user_of(sample), expected.forgotten, 0)[-1]
        assert last.act is (UserAct.HANG_UP if insists else UserAct.CLOSING)
        assert any(says(expected.forgotten[-1], words) for words in expected.never)
        assert not says_all(expected.forgotten[-1], expected.final)


@every_sample
def test_a_stage_says_its_values_and_nothing_before_it_does(sample: Sample) -> None:
    user = user_of(sample)
    names = [stage.name for stage in user.stages]
    anytime = [*user.backchannels, *user.asides, *user.deferrals, *user.unknown, user.hang_up]
    for at, stage in enumerate(user.stages):
        assert all(says_all(unpieced(line), stage.values) for line in stage.lines)
        told = [fact for fact in user.facts if not fact.stage or names.index(fact.stage) < at]
        before = [line for earlier in user.stages[:at] for line in (*earlier.lines, *earlier.again)]
        before += [line for fact in told for line in fact.lines] + anytime
        assert not [line for line in before for value in stage.values if says(unpieced(line), value)]


@every_sample
def test_facts_are_told_when_asked_for_and_not_otherwise(sample: Sample) -> None:
    user = user_of(sample)
    assert 2 <= len(user.facts) <= 3
    replies = (*sample.reference.replies, *expected_of(sample).forgotten)
    assert not [reply for reply in replies for question in questions(reply) if question]
    for fact in user.facts:
        assert all(says_all(unpieced(line), fact.values) for line in fact.lines)


@every_sample
def test_no_line_is_there_twice_and_none_is_long(sample: Sample) -> None:
    lines = lines_of(user_of(sample))
    assert len(lines) == len(set(map(unpieced, lines)))
    assert max(len(unpieced(line)) for line in lines) <= 95
    assert all(len(stage.lines) == 2 and len(stage.again) == 2 for stage in user_of(sample).stages)
