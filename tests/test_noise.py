"""A against A: how far a system is from itself between epochs, and what is printed of it."""

from __future__ import annotations

import io
import json
import math
import random
from itertools import chain, combinations
from pathlib import Path
from statistics import fmean, stdev

import pytest
from msgspec.structs import replace
from rich.console import Console
from test_compare import call, run, stored

from tml_bench.api import compare_results
from tml_bench.metrics.comparison import compare
from tml_bench.metrics.confidence import t_quantile
from tml_bench.metrics.noise import NOTHING_SHARED, ONE_EPOCH, EpochSpread, against_itself, epoch_spread
from tml_bench.metrics.statistics import Observation, estimate, in_proportion
from tml_bench.report.change_text import print_changes
from tml_bench.report.files import full_markdown, to_csv
from tml_bench.scoring.epochs import means, united
from tml_bench.scoring.summary import Summary


def values(*numbers: float, unit: str = "", stratum: str = "") -> list[Observation]:
    return [Observation(f"{unit}{stratum}{k}", unit, float(x), 1.0, stratum) for k, x in enumerate(numbers)]


def test_the_difference_of_two_epochs_is_that_of_their_means() -> None:
    """By hand: means 2 and 3; the units' own differences are 0, 1 and 2, of variance 1."""
    found = epoch_spread([values(1, 2, 3), values(1, 3, 5)], "mean")
    assert (found.epochs, found.pairs, found.typical, found.largest) == (2, 1, 1.0, 1.0)
    assert found.error == pytest.approx(math.sqrt(1 / 3))
    assert found.degrees == pytest.approx(2.0)


def test_three_epochs_have_three_pairs() -> None:
    """Means 0, 3 and 4: differences 3, 4 and 1."""
    found = epoch_spread([values(0, 0), values(2, 4), values(4, 4)], "mean")
    assert found.pairs == 3
    assert found.largest == 4.0
    assert found.typical == pytest.approx(math.sqrt((9 + 16 + 1) / 3))
    assert found.typical == pytest.approx(math.sqrt(2) * stdev([0, 3, 4]))


def test_samples_of_one_unit_are_one_thing_that_happened() -> None:
    """Ten samples of a scenario that all went otherwise tell no more than one."""
    once = [values(*[0] * 10, unit=name) for name in "abcdefgh"]
    again = [values(*[k % 2] * 10, unit=name) for k, name in enumerate("abcdefgh")]
    clustered = epoch_spread([list(chain(*once)), list(chain(*again))], "mean")
    alone = epoch_spread([values(*[0] * 8), values(*[k % 2 for k in range(8)])], "mean")
    assert clustered.error == pytest.approx(alone.error)
    assert clustered.typical == alone.typical == 0.5
    free = epoch_spread(
        [[Observation(o.sample, "", o.numerator) for o in chain(*side)] for side in (once, again)], "mean"
    )
    assert free.error is not None
    assert clustered.error is not None
    assert free.error < clustered.error / 3


def test_means_that_agree_by_luck_are_not_taken_for_a_system_that_never_varies() -> None:
    lucky = epoch_spread([values(*[0, 1] * 20), values(*[1, 0] * 20)], "rate")
    steady = epoch_spread([values(*[0, 1] * 20)] * 2, "rate")
    assert (lucky.typical, steady.typical, steady.error) == (0.0, 0.0, 0.0)
    assert lucky.error == pytest.approx(math.sqrt(40 / 39 / 40))
    reach = against_itself(lucky, None).reach
    assert reach is not None
    assert reach > 0.25


def test_the_mean_over_more_epochs_differs_less_from_itself() -> None:
    spread = EpochSpread(2, 1, 4.0, 4.0, 1.0, 10.0)
    alone = against_itself(spread, None)
    both = against_itself(spread, spread)
    assert both.typical == pytest.approx(4.0 / math.sqrt(2))
    assert alone.typical == pytest.approx(math.sqrt(8 * (1 / 2 + 1)))
    assert both.reach == pytest.approx(t_quantile(0.975, 10.0) / math.sqrt(2))
    assert both.largest == 4.0
    # Sides are pooled by their pairs: 1 of difference 4, 3 of root mean square 2.
    other = EpochSpread(3, 3, 2.0, 3.0, None, 0.0)
    pooled = math.sqrt((16 + 3 * 4) / 4)
    assert against_itself(spread, other).typical == pytest.approx(pooled * math.sqrt(1 / 4 + 1 / 6))
    assert both.scaled(100).typical == pytest.approx(400 / math.sqrt(2))


def test_what_is_not_known_is_said() -> None:
    assert against_itself(None, None).missing == ONE_EPOCH
    nothing = epoch_spread([values(1), [Observation("other", "", 1.0)]], "mean")
    assert (nothing.pairs, nothing.typical, nothing.error) == (0, None, None)
    assert against_itself(nothing, None).missing == NOTHING_SHARED
    lone = epoch_spread([values(1), values(2)], "mean")
    assert (lone.typical, lone.error) == (1.0, None)
    assert against_itself(lone, None).reach is None
    with pytest.raises(ValueError, match="one epoch"):
        epoch_spread([values(1)], "mean")


@pytest.mark.parametrize(("noise", "epochs"), [(0.3, 2), (0.3, 4), (1.0, 3)])
def test_it_is_what_a_system_does_differ_from_itself(noise: float, epochs: int) -> None:
    """A hundred times two runs of one simulated system: 95 % of the differences are within the reach."""
    draw = random.Random(7)
    within, squares, typical = 0, [], []
    for _ in range(100):
        level = [draw.gauss(0, 1) for _ in range(30)]

        def played(level: list[float] = level) -> list[Observation]:
            return values(*(x + draw.gauss(0, noise) for x in level))

        a, b = [played() for _ in range(epochs)], [played() for _ in range(epochs)]
        same = against_itself(epoch_spread(a, "mean"), epoch_spread(b, "mean"))
        found = compare(means(a), means(b), "mean").difference
        assert found is not None
        assert same.typical is not None
        assert same.reach is not None
        within += abs(found) <= same.reach
        squares.append(found**2)
        typical.append(same.typical**2)
    assert within >= 90
    assert 0.6 < fmean(typical) / fmean(squares) < 1.6


def test_a_part_weighs_as_much_when_some_of_its_samples_lack_a_value() -> None:
    """Two parts of equal weight; all shared samples agree, so there is no difference, in whatever is lost."""
    easy, hard = values(*[1] * 10, stratum="easy"), values(*[0] * 10, stratum="hard")
    whole = in_proportion([*easy, *hard], {"easy": 1.0, "hard": 1.0})
    lost = in_proportion([*easy[:4], *hard], {"easy": 1.0, "hard": 1.0})
    assert estimate(whole, "ratio").mean == estimate(lost, "ratio").mean == 0.5
    found = compare(whole, lost, "ratio")
    assert (found.difference, found.n) == (pytest.approx(0.0), 14)
    assert estimate(means([whole, lost]), "ratio").mean == pytest.approx(0.5)


def epochs_of(rights: list[int], adapter: str) -> list[Summary]:
    """Epochs of one run, in which the first so many samples are right."""
    found = []
    for k, right in enumerate(rights, start=1):
        one = run(right, adapter, epoch=k)
        facts = replace(one.facts, run=one.facts.run + (f"--epoch-{k}" if k > 1 else ""))
        found.append(replace(one, facts=facts))
    return found


def test_epochs_are_compared_as_one_run_paired_by_sample(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", *epochs_of([30, 32], "a.py:A"))
    second = stored(tmp_path / "b", *epochs_of([20, 24, 22], "b.py:B"))
    found, _ = compare_results(first, second)
    (task,) = found.tasks
    score = task.score
    assert (score.before, score.after, score.n) == (77.5, pytest.approx(55.0), 40)
    assert score.change == pytest.approx(-22.5)
    steps = [5.0, *(abs(a - b) * 2.5 for a, b in combinations([20, 24, 22], 2))]
    pooled = math.sqrt(fmean(x * x for x in steps))
    assert score.itself == pytest.approx(pooled * math.sqrt(1 / 4 + 1 / 6))
    assert score.itself_largest == pytest.approx(10.0)
    assert task.before_run == str(first / "marked-mini-1--A")


def test_it_stands_beside_every_difference(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", *epochs_of([30, 32], "a.py:A"))
    second = stored(tmp_path / "b", *epochs_of([20, 24], "b.py:B"))
    done = call(first, second, "--json", tmp_path / "c.json")
    lines = done.output.splitlines()
    assert all(len(line) <= 80 for line in lines if "#run=" not in line and "tml-bench view" not in line)
    assert lines[0].split()[-4:] == ["A-A", "p", "MDD", "n"]
    row = next(line for line in lines if line.startswith("marked"))
    assert "5.6" in row.split()  # sqrt((5² + 10²) / 2) / sqrt(2)
    (task,) = json.loads((tmp_path / "c.json").read_text())["tasks"]
    assert task["score"]["itself"] == pytest.approx(math.sqrt(125) / 2)
    summaries = united([*epochs_of([30, 32], "a.py:A"), *epochs_of([20, 24], "b.py:B")])
    assert "| 5.6 (±" in full_markdown(summaries)
    head, *body = to_csv(summaries).splitlines()
    place = head.split(",").index("itself")
    rights = {line.split(",")[place] for line in body if ",right," in line}
    # Of each run by itself: two means over its two epochs.
    assert sorted(map(float, rights)) == pytest.approx([5 / math.sqrt(2), 10 / math.sqrt(2)], abs=1e-6)


def test_one_epoch_says_that_it_takes_two(tmp_path: Path) -> None:
    first, second = stored(tmp_path / "a", run(30)), stored(tmp_path / "b", run(20))
    found, _ = compare_results(first, second)
    assert (found.tasks[0].score.itself, found.tasks[0].score.no_itself) == (None, ONE_EPOCH)
    out = io.StringIO()
    print_changes(found, console=Console(file=out, width=80))
    assert f"{ONE_EPOCH}." in out.getvalue()
    assert ONE_EPOCH in full_markdown([run(30, "a.py:A"), run(20, "b.py:B")])
