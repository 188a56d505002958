"""The parts of the tasks' cards that are computed: counts, floors, the offline judge's errors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import timed_pairs as pairs

from tml_bench.judges.rules import RuleJudge
from tml_bench.metrics.confidence import Z80, Z95
from tml_bench.scoring.floors import baselines
from tml_bench.scoring.judging import score_all
from tml_bench.scoring.table import ScoreTable, mean_of
from tml_bench.synthesis.voices import VOICES
from tml_bench.task import Overall
from tml_bench.tasks._timed.items import TimedItem, load_items
from tml_bench.tasks._timed.strategies import ENDPOINTS_S, half_duplex as played
from tml_bench.tasks._timed.task import TimedTask


def families(splits: Sequence[TimedTask]) -> str:
    """Items, events and silent controls of every family, by split."""
    task = splits[0]
    items = load_items(task.mini / "items.jsonl")
    head = ("family", "dev", "test", "events", "silent controls", "easy, medium, hard")
    rows = [(f"`{f}`", *_counts([i for i in items if i.family == f])) for f in task.subsets]
    return _table(head, [*rows, ("all", *_counts(items))])


def _counts(items: Sequence[TimedItem]) -> tuple[str, ...]:
    splits, levels = Counter(i.split for i in items), Counter(i.difficulty for i in items)
    events, silent = sum(len(i.events) for i in items), sum(not i.events for i in items)
    spread = ", ".join(str(levels[k]) for k in (1, 2, 3))
    return str(splits["dev"]), str(splits["test"]), str(events), str(silent), spread


def voices(splits: Sequence[TimedTask]) -> str:
    """The voices, what stands behind them, and how many items each speaks."""
    spoken = Counter(item.voice for item in load_items(splits[0].mini / "items.jsonl"))
    rows = [
        (f"`{name}`", s.description, f"{s.engine}, {s.speaker}", s.licence, str(spoken[name]))
        for name, s in VOICES.items()
    ]
    return _table(("voice", "accent, sex", "engine, speaker", "licence", "items"), rows)


def floors(splits: Sequence[TimedTask]) -> str:
    """``on_time`` of strategies that do not know the time, and of the ideal respondent, per family."""
    found = [{b.subset: b for b in baselines(t, t.samples(), only=("on_time",))} for t in splits]
    rows = []
    for part in found[0]:
        row = [part]
        for known in found:
            blind, best = known[part].blind, known[part]
            row += [_percent(blind["silent"]), _percent(blind["always-on"])]
            row += [
                _percent(best.floor) + (f" ({best.floor_by})" if best.floor_by else ""),
                _percent(best.ceiling),
            ]
        rows.append(row)
    head = ["family"]
    for t in splits:
        head += [f"{t.split}: silent", "always on", "best blind", "ideal"]
    return _table(head, rows)


SPREADS = (0.3, 0.5, 0.7)
"""Standard deviations of the difference of two models' scores of an item, between alike and at odds."""


def detectable(splits: Sequence[TimedTask]) -> str:
    """The smallest true difference of two models, in points, that a paired test finds four times of five."""
    rows = []
    for task in splits:
        items = [i for i in load_items(task.mini / "items.jsonl") if i.split == task.split]
        least = ((Z95 + Z80) * spread / math.sqrt(len(items)) for spread in SPREADS)
        rows.append((f"`{task.split}`", str(len(items)), *(f"{100 * points:.1f}" for points in least)))
    head = ("split", "items", *(f"differences spread by {100 * spread:.0f} points" for spread in SPREADS))
    return _table(head, rows)


def half_duplex(splits: Sequence[TimedTask]) -> str:
    """``on_time`` of the oracle that takes turns, by the silence that it waits for, per family."""
    reached = [table for task in splits for table in _reached(task)]
    first = splits[0]
    (metric,) = (m for m in first.metrics if m.name == "on_time")
    parts = (*first.overall, *(Overall(family, (family,)) for family in first.subsets))
    head = ["family", *(f"{t.split}: {endpoint:g} s" for t in splits for endpoint in ENDPOINTS_S)]
    rows = [[p.name, *(_percent(mean_of(table, p, metric)[0]) for table in reached)] for p in parts]
    return _table(head, rows)


def _reached(task: TimedTask) -> Iterator[ScoreTable]:
    """Scores at every silence, by one judge, which remembers what it decided."""
    samples, judge = tuple(task.samples()), RuleJudge(task.rules)
    for endpoint in ENDPOINTS_S:
        yield ScoreTable(score_all(task, [(s, played(endpoint, s)) for s in samples], judge).scores)


def judge_errors() -> str:
    """How often the offline judge errs on hand-labelled replies."""
    return "\n\n".join([*map(pairs.table, reversed(pairs.parts())), pairs.family_table()]) + "\n"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
