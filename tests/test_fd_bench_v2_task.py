"""FD-bench v2 on the set that ships: what respondents with known habits reach, split by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest
from fdb2_talks import sample

from tml_bench.plugins import load_task, suite_names
from tml_bench.samples import Sample
from tml_bench.scoring.judging import score_all
from tml_bench.task import Score, Strategy
from tml_bench.tasks.fd_bench_v2.annotation import CORRECTION, SAFETY, SPLITS, StagedGoals
from tml_bench.tasks.fd_bench_v2.strategies import conversation, listed
from tml_bench.timeline import WordSource

TASK = load_task("fd-bench-v2")


@cache
def shipped() -> tuple[Sample, ...]:
    return tuple(TASK.samples())


def played(play: Strategy) -> list[Score]:
    return score_all(TASK, [(one, play(one)) for one in shipped()]).scores


def succeeded(play: Strategy) -> Counter[str]:
    """How many conversations succeed, by split."""
    return Counter(s.subset for s in played(play) if s.values["success"].numerator)


def replying(change: Callable[[str], str]) -> Strategy:
    """The ideal respondent with manners."""
    return lambda one: conversation(one, listed([change(reply) for reply in one.reference.replies]))


ALL = Counter(dict.fromkeys(SPLITS, 4))


@pytest.mark.parametrize(
    "manners",
    [
        lambda reply: reply,
        str.upper,
        lambda reply: reply.replace(",", "").replace(".", ""),
        lambda reply: f"Sure, no problem! {reply} Is there anything else that I can do for you today?",
        lambda reply: f"Um, let me see. {reply} {reply}",
    ],
    ids=["as listed", "loud", "without punctuation", "polite", "twice"],
)
def test_the_ideal_respondent_succeeds_everywhere_whatever_its_manners(
    manners: Callable[[str], str],
) -> None:
    scores = played(replying(manners))
    assert Counter(s.subset for s in scores if s.values["success"].numerator) == ALL
    for name in ("stages", "end_reached"):
        assert all(s.values[name].numerator == 1.0 for s in scores)
    assert not any(s.values["censored"].numerator or s.values["interrupts"].numerator for s in scores)


def forgetful(one: Sample) -> StagedGoals:
    assert isinstance(one.reference.annotation, StagedGoals)
    return one.reference.annotation


def test_who_forgets_the_correction_fails_exactly_where_there_is_one() -> None:
    found = succeeded(
        lambda one: conversation(one, listed(forgetful(one).forgotten or one.reference.replies))
    )
    assert found == ALL - Counter({CORRECTION: 4})


@pytest.mark.parametrize(
    "back",
    [
        lambda heard: heard[-1],
        lambda heard: " ".join(heard[-2:]),
        " ".join,
        lambda heard: f"Okay. {' '.join(heard)} Is that right?",
        lambda heard: " ".join(sorted(set(" ".join(heard).split()))),
    ],
    ids=["echo", "last two", "parrot", "parrot that asks", "all words"],
)
def test_who_says_the_users_words_back_succeeds_nowhere(back: Callable[[list[str]], str]) -> None:
    assert succeeded(lambda one: conversation(one, lambda heard: back(list(heard)))) == Counter()


def blindly(name: str) -> Strategy:
    return lambda one: TASK.blind(one)[name]


def test_what_looks_at_nothing_succeeds_nowhere_but_by_advice_in_safety() -> None:
    for name in TASK.blind(shipped()[0]):
        found = succeeded(blindly(name))
        assert found.keys() <= ({SAFETY} if name == "redirects" else set())
        assert found.total() <= 2
        assert not any(s.values["censored"].numerator for s in played(blindly(name)))


def test_official_conversations_have_no_ceiling() -> None:
    best = TASK.ideal(sample(rules=False))
    assert (best.word_source, best.words) == (WordSource.NONE, ())
    assert best.segments


def test_one_of_three_tasks_is_run_without_being_named() -> None:
    others = [load_task(f"fd-bench-v2-{name}") for name in ("fast", "long")]
    assert {"fd-bench-v2", *(one.name for one in others)} & set(suite_names()) == {"fd-bench-v2"}
    assert all(one.split_of == "fd-bench-v2" for one in others)
    users = [next(iter(one.samples())).scenario for one in (TASK, *others)]
    slow, fast, long = (user for user in users if user is not None)
    assert (fast.manners.yield_s, long.manners) == (None, slow.manners)
    assert (slow.budget_s, fast.budget_s, long.budget_s) == (120.0, 120.0, 180.0)
