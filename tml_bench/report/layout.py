"""What may stand in one table, and in which order: the one layout that all writers print.

Runs share a table only when they were made on the same task, dataset and samples, with the same micro-turn,
compute mode and clock, and scored with the same version of every metric and, where a judge decides any, by
the same judge and rubrics. Others get a table of their own, headed by what it holds.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tml_bench.metrics.comparison import PairedComparison, compare_pairs, holm, rank_ranges
from tml_bench.metrics.noise import AgainstItself
from tml_bench.outcome import Outcome
from tml_bench.report.grids import Rank, missing_intervals
from tml_bench.report.judge_lines import agreement_lines, judging, missing_lines
from tml_bench.report.user_fault_lines import user_fault_remark
from tml_bench.scoring.epochs import itself
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.judging import SPREAD_TIMES
from tml_bench.scoring.summary import MetricSummary, Summary
from tml_bench.task import DataKind, Direction, Metric, PublishedNumber

Columns = tuple[tuple[str, Metric], ...]
Ranks = tuple[Rank | None, ...]
PublishedRow = tuple[str, tuple[PublishedNumber | None, ...]]

_NOT_COMPARABLE = "published numbers are not comparable with it"
_OTHER_DATA: dict[DataKind | None, str] = {
    None: f"not the official set: {_NOT_COMPARABLE}",
    DataKind.SAMPLE: f"a small set that ships in the official form, not the official set: {_NOT_COMPARABLE}",
    DataKind.PART: f"which is not known to be the whole official set: {_NOT_COMPARABLE}",
    DataKind.OWN: "the set of this task itself: there is no other, and no published numbers to compare with",
    DataKind.VARIANT: "not the set that ships with this task: numbers on the two are not comparable",
}
"""What the reader of a report is told of data that is not the official one."""


RULERS = (
    "oracle", "half-duplex", "delayed", "early", "echo", "always-on", "silent",
    "cooperative", "forgetful", "interrupter", "stonewall", "talker",
)  # fmt: skip
"""Reference adapters: none of them is a model."""


def is_ruler(adapter: str) -> bool:
    """Whether an adapter, as given on the command line, is one of the reference adapters."""
    return adapter.partition(":")[0] in RULERS


@dataclass(frozen=True)
class LeaderboardRow:
    """One run in a leaderboard, with a cell and a rank per column.

    Its label is the adapter, with the run's name where an adapter has several runs in the table. Ranks are
    the best and the worst that the data allow; None where there is nothing to rank.
    """

    summary: Summary
    label: str
    scored: int
    samples: int
    cells: tuple[MetricSummary, ...]
    ranks: Ranks


@dataclass(frozen=True)
class RunComparison:
    """Two systems, by their labels, compared on one column: the first minus the second.

    ``p_holm`` is corrected over all pairs of the column; None when they share no sample. ``itself`` says
    what the difference would be if they were the same system.
    """

    column: int
    first: str
    second: str
    result: PairedComparison
    p_holm: float | None
    itself: AgainstItself


@dataclass(frozen=True)
class LeaderboardTable:
    """Runs that may be compared.

    Attributes:
        columns: the headline metrics per subset.
        baselines: floor and ceiling per column.
        measured: rows of models, by mean rank over the columns; equals by how often a mean is beaten. Those
            of rulers that do not see the answers stand among them and have no rank.
        reference: rows of privileged reference adapters, which are not ranked.
        published: numbers reported by others, per system and column; empty unless the data is official.
    """

    summaries: tuple[Summary, ...]
    columns: Columns
    baselines: tuple[Baseline, ...]
    measured: tuple[LeaderboardRow, ...]
    reference: tuple[LeaderboardRow, ...]
    published: tuple[PublishedRow, ...]

    @property
    def rows(self) -> tuple[LeaderboardRow, ...]:
        """All rows, those of models first."""
        return (*self.measured, *self.reference)

    @property
    def shown(self) -> list[MetricSummary]:
        """Everything in its cells."""
        return [m for row in self.rows for m in row.cells]

    @property
    def title(self) -> str:
        """The task's title."""
        return self.summaries[0].title

    @property
    def holds(self) -> tuple[str, ...]:
        """What all its runs have in common, for the head of the table."""
        s = self.summaries[0]
        samples = sum(o.samples for o in s.outcomes) // s.facts.epochs
        numbers = {m.metric.version for m in s.metrics}
        named = sorted({f"{m.metric.name} {m.metric.version}" for m in s.metrics})
        judge, *rubrics = judging(s) or ("",)
        versions = f"all {numbers.pop()}" if len(numbers) == 1 else ", ".join(named)
        return (
            f"dataset {s.facts.dataset}",
            f"{samples} samples (set {s.sample_set})",
            f"micro-turn {s.facts.tick_ns / 1e6:g} ms",
            f"compute {s.facts.compute}",
            f"clock {s.facts.clock}",
            *([f"{s.facts.loop} loop"] if s.facts.loop else []),
            *([f"network {s.facts.network}"] if s.facts.network != "ideal" else []),
            f"metric versions: {versions}",
            *([f"judge {judge}"] if judge else []),
            *([f"rubrics {', '.join(rubrics)}"] if rubrics else []),
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a reader must know before comparing its rows."""
        first = self.summaries[0]
        found = (
            [] if first.official else [f"The data is {first.facts.dataset}, {_OTHER_DATA[first.data_kind]}."]
        )
        perceivers = sorted({", ".join(s.facts.perceivers) for s in self.summaries if s.facts.perceivers})
        if len(perceivers) > 1:
            found.append(f"The recordings were not all perceived the same way: {'; '.join(perceivers)}.")
        if len(methods := sorted({s.intervals for s in self.summaries})) > 1:
            found.append(
                f"The intervals are computed in different ways ({', '.join(methods)}): score the older again."
            )
        found += missing_intervals(self.shown)
        found += [
            f"{row.label}: {row.samples - row.scored} of {row.samples} samples have no score"
            f"{blamed and f' ({blamed})'}, see the outcomes."
            for row in self.rows
            for blamed in (user_fault_remark(row.summary),)
            if row.scored < row.samples
        ]
        found += [
            f"{row.label}: {SPREAD_TIMES} ({row.summary.notes[SPREAD_TIMES]} of {row.samples} samples.)"
            for row in self.rows
            if SPREAD_TIMES in row.summary.notes
        ]
        agreed: defaultdict[str, list[str]] = defaultdict(list)
        for row in self.rows:
            for line in agreement_lines(row.summary):
                agreed[line].append(row.label)
        for line, labels in agreed.items():
            found.append(line if len(labels) == len(self.rows) else f"{', '.join(labels)}: {line}")
        found += missing_lines((row.label, row.summary) for row in self.rows)
        return tuple(found)

    @cached_property
    def pairs(self) -> tuple[RunComparison, ...]:
        """Compare all measured rows on every column that has a better direction."""
        found: list[RunComparison] = []
        for k, (_, metric) in enumerate(self.columns):
            if metric.direction is Direction.NONE:
                continue
            rows = [r for r in self.measured if r.cells[k].estimate.n]
            compared = compare_pairs([r.cells[k].observations for r in rows], metric.kind)
            corrected = iter(holm([c.p for c in compared if c.p is not None]))
            for (a, b), c in zip(itertools.combinations(rows, 2), compared, strict=True):
                p, same = (None if c.p is None else next(corrected)), itself(a.cells[k], b.cells[k])
                found.append(RunComparison(k, a.label, b.label, c, p, same))
        return tuple(found)


def tables(summaries: Sequence[Summary]) -> tuple[LeaderboardTable, ...]:
    """Put runs, in any order, into tables of those that may be compared; none for no runs.

    Tables are ordered by task, dataset, and the rest of what distinguishes them.
    """
    ordered = sorted(summaries, key=lambda s: (conditions(s), s.facts.adapter, s.facts.run))
    return _tables(tuple(map(_Itself, ordered)))


class _Itself:
    """Equal to nothing but the same object: a summary holds too much to be compared."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.summary is other.summary

    def __hash__(self) -> int:
        return id(self.summary)


@lru_cache(maxsize=4)
def _tables(ordered: tuple[_Itself, ...]) -> tuple[LeaderboardTable, ...]:
    """The tables of summaries in order: every writer asks for them, and they take seconds."""
    groups = itertools.groupby((one.summary for one in ordered), key=conditions)
    return tuple(_table(tuple(group)) for _, group in groups)


def conditions(s: Summary) -> tuple[object, ...]:
    """What two runs must have in common to be compared."""
    versions = tuple(sorted((m.subset, m.metric.name, m.metric.version) for m in s.metrics))
    f = s.facts
    made = f.dataset, f.loop, f.compute, f.clock, f.network, f.tick_ns
    return (f.task, *made, s.sample_set, versions, judging(s))


def _table(group: tuple[Summary, ...]) -> LeaderboardTable:
    first = group[0]
    heads = [m for m in first.metrics if m.metric.name in first.headline]
    columns = tuple((m.subset, m.metric) for m in heads)
    models = [s for s in group if not s.facts.privileged]
    competitors = [s for s in models if not is_ruler(s.facts.adapter)]
    found = iter(_ranks(competitors, columns))
    unranked: Ranks = (None,) * len(columns)
    ranks = [unranked if is_ruler(s.facts.adapter) else next(found) for s in models]
    rows = [_row(s, group, columns, r) for s, r in zip(models, ranks, strict=True)]
    measured = sorted(rows, key=lambda r: (_mean_rank(r.ranks, len(models)), _beaten_by(r, rows), r.label))
    return LeaderboardTable(
        summaries=group,
        columns=columns,
        baselines=tuple(m.baseline for m in heads),
        measured=tuple(measured),
        reference=tuple(_row(s, group, columns, unranked) for s in group if s.facts.privileged),
        published=_published(first.published if first.official else (), columns),
    )


def _cell(s: Summary, subset: str, metric: str) -> MetricSummary:
    return next(m for m in s.metrics if m.subset == subset and m.metric.name == metric)


def _row(s: Summary, group: tuple[Summary, ...], columns: Columns, ranks: Ranks) -> LeaderboardRow:
    facts = s.facts
    several = sum(o.facts.adapter == facts.adapter for o in group) > 1
    name = f"{facts.adapter} ({facts.run})" if several else facts.adapter
    return LeaderboardRow(
        summary=s,
        label=f"{name} (turn-based)" if facts.turn_based else name,
        scored=sum(o.counts[Outcome.VALID] for o in s.outcomes),
        samples=sum(o.samples for o in s.outcomes),
        cells=tuple(_cell(s, subset, metric.name) for subset, metric in columns),
        ranks=ranks,
    )


def _ranks(models: Sequence[Summary], columns: Columns) -> list[Ranks]:
    """Per model, its rank range in every column; nothing to rank with fewer than two models."""
    per_column: list[list[Rank | None]] = []
    for subset, metric in columns:
        if metric.direction is Direction.NONE or len(models) < 2:
            per_column.append([None] * len(models))
            continue
        values = [_cell(s, subset, metric.name).observations for s in models]
        better = metric.direction is Direction.HIGHER
        per_column.append(rank_ranges(values, metric.kind, higher_is_better=better))
    return [tuple(column[i] for column in per_column) for i in range(len(models))]


def _mean_rank(ranks: Ranks, last: int) -> float:
    """Mean middle of the rank ranges; a column without a value counts as the last rank."""
    return sum((r[0] + r[1]) / 2 if r else last for r in ranks) / max(1, len(ranks))


def _beaten_by(row: LeaderboardRow, rows: Sequence[LeaderboardRow]) -> int:
    """How often, over columns and other rows, the mean of another is better; puts equal ranks in order."""
    count = 0
    for k, cell in enumerate(row.cells):
        sign = {Direction.HIGHER: 1, Direction.LOWER: -1, Direction.NONE: 0}[cell.metric.direction]
        mine = cell.estimate.mean
        others = (r.cells[k].estimate.mean for r in rows if r is not row)
        count += sum(o is not None and (mine is None or sign * (o - mine) > 0) for o in others if sign)
    return count


def _published(numbers: Sequence[PublishedNumber], columns: Columns) -> tuple[PublishedRow, ...]:
    by_system: defaultdict[str, dict[tuple[str, str], PublishedNumber]] = defaultdict(dict)
    for p in numbers:
        by_system[p.system][p.subset, p.metric] = p
    rows = ((s, tuple(v.get((subset, m.name)) for subset, m in columns)) for s, v in by_system.items())
    return tuple((s, cells) for s, cells in rows if any(cells))
