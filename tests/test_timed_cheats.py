"""What must not pay in TimeSpeak and CueSpeak: each of these stays within the interval of the printed floor.

Cheats that know the time (stallers, hedgers, mega-answers) say what they say at the ideal onsets; the others
say it blindly. All are played as timelines, on every item of both splits. The printed floor is the strategy
that the task's card names; its interval is the one that reports print. By rules, so without talks of a
length: who talks at once and for as long as asked does not cheat, whatever else is in the talk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import pytest

from tml_bench.adapters.reference.half_duplex import HalfDuplex
from tml_bench.judges.rules import RuleJudge
from tml_bench.metrics.statistics import estimate
from tml_bench.perception.recordings import timeline_of
from tml_bench.plain_text import plain
from tml_bench.plugins import load_task
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Sample, Utterance
from tml_bench.scoring.judging import score_all
from tml_bench.scoring.table import ScoreTable, observations
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession
from tml_bench.task import Overall, Strategy
from tml_bench.tasks._timed import strategies
from tml_bench.tasks._timed.expected import expected_of
from tml_bench.tasks._timed.strategies import spoken
from tml_bench.tasks._timed.task import TimedTask
from tml_bench.timeline import Timeline

TASKS = ("timespeak", "cuespeak")
WORD_S = 0.3
STALL = "Well now, let me think about that for a moment, hmm, let me see, where were we, well"
STALL_S = 4.5


@cache
def split(name: str) -> tuple[TimedTask, tuple[Sample, ...]]:
    task = load_task(name)
    assert isinstance(task, TimedTask)
    return task, tuple(task.samples())


@cache
def judge(name: str) -> RuleJudge:
    """One for all strategies: it remembers what it decided, and many say the same."""
    return RuleJudge(split(name)[0].rules)


@cache
def strategy(name: str) -> Strategy:
    if name in strategies.searched():
        return strategies.searched()[name]
    return lambda sample: strategies.fixed(sample)[name]


def on_time(name: str, play: Strategy, part: str = "") -> tuple[float, float]:
    """``on_time`` of a strategy and the upper end of its interval, in percent; over all families, or one."""
    task, samples = split(name)
    where = Overall(part, (part,)) if part else task.overall[0]
    pairs = [(s, play(s)) for s in samples if s.subset in where.subsets]
    table = ScoreTable(score_all(task, pairs, judge(name)).scores)
    (metric,) = (m for m in task.metrics if m.name == "on_time")
    found = estimate(observations(table, where, "on_time"), metric.kind)
    assert found.mean is not None
    return 100 * found.mean, 100 * (found.mean if found.high is None else found.high)


@cache
def limit(name: str, part: str = "mean of families") -> float:
    """The upper end of the interval of the floor that the card prints for a split."""
    card = (split(name)[0].mini / "README.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {part} \|.*\([^)]*\).*$", card, re.MULTILINE)
    best = re.findall(r"\(([^)]*)\)", row)[name.endswith("-test")]
    return on_time(name, strategy(best), "" if part == "mean of families" else part)[1]


def both(name: str) -> tuple[str, str]:
    return name, f"{name}-test"


def stays(name: str, play: Strategy) -> None:
    for one in both(name):
        reached = on_time(one, play)[0]
        assert reached <= limit(one), (one, reached, limit(one))


def say(sample: Sample, texts: Sequence[tuple[float, str]]) -> Timeline:
    """Utterances at these times, as long as their words take; without those that would run into others."""
    item, said = expected_of(sample), list[Utterance]()
    for at, text in texts:
        if not said or at >= (said[-1].until_s or 0.0) + item.silence_s:
            said.append(Utterance(at, until_s=at + max(0.4, WORD_S * len(text.split())), text=text))
    return spoken(item, said)


def ideal(sample: Sample) -> list[tuple[float, str]]:
    return [(u.at_s, u.text) for u in sample.reference.ideal]


@pytest.mark.parametrize("name", TASKS)
def test_the_card_prints_what_its_best_strategies_reach(name: str) -> None:
    card = (split(name)[0].mini / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ([a-z_ ]+) \| .* \| ([\d.]+) \(([^)]+)\) \| .* \| ([\d.]+) \(([^)]+)\) \|", card, re.MULTILINE
    )
    assert len(rows) >= 9
    for part, *printed in rows:
        where = "" if part == "mean of families" else part
        for one, value, best in zip(both(name), printed[::2], printed[1::2], strict=True):
            reached = on_time(one, strategy(best), where)[0]
            assert reached == pytest.approx(float(value), abs=0.051), (one, part)


@pytest.mark.parametrize("name", TASKS)
def test_the_limits_can_be_passed(name: str) -> None:
    for one in both(name):
        assert limit(one) < 50 < on_time(one, split(one)[0].ideal)[0]


# ---- who knows the time, and holds the floor until the answer is known


def stalling(sample: Sample) -> Timeline:
    words = STALL.split()[: round(STALL_S / WORD_S)]
    return say(sample, [(at, " ".join([*words, text])) for at, text in ideal(sample)])


@pytest.mark.parametrize("name", TASKS)
def test_stalling(name: str) -> None:
    """4.5 s of it kept 91 of 100 when the onset alone decided. On the smaller split, as words cost time."""
    assert on_time(name, stalling)[0] <= limit(name)


# ---- who knows the time and not the answer


def hedging(candidates: int, sample: Sample) -> Timeline:
    """The accepted reply among others in one breath: rejected ones, other numbers."""
    said = []
    for due, (at, text) in zip(expected_of(sample).due, ideal(sample), strict=True):
        n = round(due.truth_s or 0.0)
        others = [text.replace(str(n), str(m)) for m in (n + 10, max(1, n // 2), 2 * n, 3 * n)]
        texts = [text, *(others if due.truth_s else due.event.reject)][:candidates]
        said.append((at, ", or ".join(text.rstrip(".!?") for text in texts) + "."))
    return say(sample, said)


@pytest.mark.parametrize("candidates", [2, 3, 5])
@pytest.mark.parametrize("name", TASKS)
def test_hedging(name: str, candidates: int) -> None:
    stays(name, partial(hedging, candidates))


def everything(sample: Sample) -> str:
    return " ".join(dict.fromkeys(text for _, text in ideal(sample)))


def mega_once(delay_s: float, sample: Sample) -> Timeline:
    """All answers of the item in one long utterance, soon after the instruction."""
    at = expected_of(sample).turns[0].end_s + delay_s
    return say(sample, [(at, everything(sample))] if ideal(sample) else [])


def mega_always(sample: Sample) -> Timeline:
    """All answers of the item at each time; where there is but one, it says nothing: that one would be it."""
    texts = {text for _, text in ideal(sample)}
    return say(sample, [(at, everything(sample)) for at, _ in ideal(sample)] if len(texts) > 1 else [])


@pytest.mark.parametrize("play", [partial(mega_once, 0.5), mega_always])
@pytest.mark.parametrize("name", TASKS)
def test_mega_answers(name: str, play: Strategy) -> None:
    stays(name, play)


def fifteen(sample: Sample) -> Timeline:
    return say(sample, [(at, "Fifteen seconds.") for at, _ in ideal(sample)])


@pytest.mark.parametrize("name", TASKS)
def test_always_fifteen_seconds(name: str) -> None:
    """It is right of 43 % of the elapsed times; the printed floor of that family knows it."""
    stays(name, fifteen)
    if name == "timespeak":
        for one in both(name):
            assert on_time(one, fifteen, "elapsed_time")[0] <= limit(one, "elapsed_time")


# ---- who knows nothing


@pytest.mark.parametrize(
    "play",
    [*(partial(strategies.echo, d) for d in (0.3, 1.0)), partial(strategies.parrot, 12.0)],
)
@pytest.mark.parametrize("name", TASKS)
def test_saying_the_users_words(name: str, play: Strategy) -> None:
    """Twelve seconds of the user's own voice were 26 of 100 in `own_duration`, where 0 was printed."""
    stays(name, play)


def constant(turn: str, after: bool, times: Sequence[float], sample: Sample) -> Timeline:
    """The right words at constant times from an edge of a turn, between those of the grid."""
    item = expected_of(sample)
    begins = strategies.edge_s(item, turn, after)
    texts = [due.event.accept[0].replace("{N}", strategies.GUESS) for due in item.due] or ["Okay."]
    return say(sample, [(begins + at, text) for at, text in zip(times, texts, strict=False)])


@pytest.mark.parametrize(
    "play",
    [
        partial(constant, "turn 2", False, (4.7, 11.3, 17.1)),
        partial(constant, "last turn", True, (4.6,)),
    ],
)
@pytest.mark.parametrize("name", TASKS)
def test_constant_times(name: str, play: Strategy) -> None:
    stays(name, play)


def words_of(sample: Sample) -> frozenset[str]:
    return frozenset(plain(" ".join(turn.text for turn in expected_of(sample).turns)).split())


def remembered(sample: Sample, *, from_turn_2: bool) -> Timeline:
    """What was right, and when, in the development item whose words are most like it."""
    name = "timespeak" if sample.id.startswith("ts") else "cuespeak"
    said = words_of(sample)
    nearest = max(split(name)[1], key=lambda one: len(words_of(one) & said) / len(words_of(one) | said))
    here, there = (expected_of(one) for one in (sample, nearest))
    shift = 0.0
    if from_turn_2:
        shift = strategies.edge_s(here, "turn 2", False) - strategies.edge_s(there, "turn 2", False)
    return say(sample, [(at + shift, text) for at, text in ideal(nearest) if at + shift >= 0])


@pytest.mark.parametrize("from_turn_2", [False, True])
@pytest.mark.parametrize("name", TASKS)
def test_development_answers_on_the_test_split(name: str, from_turn_2: bool) -> None:
    test = f"{name}-test"
    assert on_time(test, partial(remembered, from_turn_2=from_turn_2))[0] <= limit(test)


# ---- who knows everything, and cannot listen and speak at once


@pytest.mark.parametrize("name", both("cuespeak"))
def test_turn_taking_does_not_reach_what_is_due_while_the_user_talks(name: str) -> None:
    """With 0.3 s of silence before each reply it reached 69 through pauses in the monologues."""
    assert on_time(name, partial(strategies.half_duplex, 0.3))[0] <= 15


def test_nor_does_it_by_what_it_hears(tmp_path: Path) -> None:
    """The same as an adapter that hears the audio: one item of every third family."""
    task, samples = split("cuespeak")
    first = {sample.subset: sample for sample in reversed(samples) if sample.reference.ideal}
    pairs = []
    for sample in list(first.values())[::3]:
        model = HalfDuplex(0.3)
        opened = opened_event(task.name, sample, "half-duplex", model, Settings())
        with RecordingWriter(tmp_path / sample.id, opened, clock="simulated", compute="ideal") as writer:
            SimulatedSession(task.name, sample, model, Settings(), writer).run()
            writer.close()
        facts = Recording(tmp_path / sample.id).facts
        pairs.append((sample, timeline_of(facts, tmp_path / f"{sample.id}.json", "transcript")))
    assert sum(score.values["on_time"].numerator for score in score_all(task, pairs).scores) <= 0.5
