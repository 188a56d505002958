"""What a report says about the runs of one table, as grids; printers choose among them and only print."""

from collections.abc import Callable, Iterable

import msgspec

from tml_bench.metrics.noise import AgainstItself
from tml_bench.outcome import Outcome
from tml_bench.report import grids
from tml_bench.report.cost_lines import account_line, cost_line
from tml_bench.report.grids import (
    MARKS,
    NO_INTERVAL,
    NOTHING,
    Bar,
    Cell,
    Column,
    Grid,
    Row,
    head,
    interval,
    number,
)
from tml_bench.report.judge_lines import agreement_lines, judge_line, judged_by
from tml_bench.report.layout import LeaderboardRow, LeaderboardTable
from tml_bench.report.split_lines import split_line
from tml_bench.report.user_fault_lines import user_fault_grids, user_fault_remark
from tml_bench.report.word_lines import transcript_line, words_line
from tml_bench.runs.tags import shown_tags
from tml_bench.scoring.summary import MetricSummary, Standing, Summary
from tml_bench.task import Metric

Remark = Callable[[Summary, Metric], str]
_NUMERIC = frozenset(("mean", "95 % interval", "std", "n", "units", "floor", "ceiling", "detectable"))
_PAIR_HEADS = (
    "measure", "pair", "difference", "95 % interval", "A-A", "p (Holm)", "detectable", "n / units",
)  # fmt: skip


def value(x: float | None, unit: str, remark: str = "") -> Cell:
    """A number; shares in %."""
    return Cell(number(x, unit), x, remark)


def board(table: LeaderboardTable) -> Grid:
    """The leaderboard: headline metrics with interval, standing and rank, above floors and ceilings."""
    rows = table.rows
    axes = [
        grids.axis(m.unit, [r.cells[k].estimate for r in rows], table.baselines[k])
        for k, (_, m) in enumerate(table.columns)
    ]
    columns = (Column(head(m), numeric=True, group=subset, about=m.describes) for subset, m in table.columns)
    return Grid(
        "Leaderboard: mean, 95 % interval and rank",
        (Column("adapter"), Column("scored", numeric=True), *columns),
        (*(_board_row(row, axes) for row in rows), *_limits(table)),
        style="board",
    )


def _board_row(row: LeaderboardRow, axes: list[tuple[float, float]]) -> Row:
    reference = row.summary.facts.privileged
    name = Cell(row.label, remark="(reference, sees the answers)" if reference else "", form="name")
    cells = (
        Cell(
            number(m.estimate.mean, m.metric.unit),
            m.estimate.mean,
            interval=interval(m.estimate.low, m.estimate.high, m.metric.unit)
            or (NO_INTERVAL if m.estimate.no_interval else ""),
            mark=MARKS.get(m.standing),
            rank=grids.rank(ranks),
            bar=Bar(m.estimate, m.baseline, *ends),
        )
        for m, ranks, ends in zip(row.cells, row.ranks, axes, strict=True)
    )
    scored = Cell(f"{row.scored}/{row.samples}", row.scored, user_fault_remark(row.summary))
    return Row((name, scored, *cells), "reference" if reference else "")


def _limits(table: LeaderboardTable) -> tuple[Row, Row]:
    found = [(b, m.unit) for b, (_, m) in zip(table.baselines, table.columns, strict=True)]
    floors = (value(b.floor, unit, b.floor_by) for b, unit in found)
    ceilings = (value(b.ceiling, unit) for b, unit in found)
    return (
        Row((Cell("floor", remark="(best blind)"), Cell(""), *floors), "foot"),
        Row((Cell("ceiling", remark="(ideal)"), Cell(""), *ceilings), "foot"),
    )


def marks(metrics: Iterable[MetricSummary]) -> list[grids.StandingMark]:
    """The marks that need a legend, in the order of `MARKS`."""
    shown = {m.standing for m in metrics}
    return [mark for standing, mark in MARKS.items() if standing in shown]


def published_elsewhere(table: LeaderboardTable) -> list[Grid]:
    """Numbers reported by others on the official data, beside data that is not: none may be compared."""
    first = table.summaries[0]
    if first.official or not first.published:
        return []
    measures = {m.metric.name: m.metric for m in first.metrics}
    rows = [
        [
            p.system,
            p.subset,
            head(measures[p.metric]) if p.metric in measures else p.metric,
            number(p.value, measures[p.metric].unit if p.metric in measures else ""),
            p.source,
        ]
        for p in first.published
    ]
    caption = f"NOT COMPARABLE: on the official data, which {first.facts.dataset} is not"
    heads = ["system", "subset", "measure", "value", "source"]
    return [grids.text_grid(caption, heads, rows, "Reported by others, not comparable", style="published")]


def published(table: LeaderboardTable) -> list[Grid]:
    """Numbers reported by others; none unless the data is official."""
    heads = ["system", *(f"{subset}: {head(m)}" for subset, m in table.columns), "source"]
    rows = [
        [
            system,
            *(number(c.value if c else None, m.unit) for c, (_, m) in zip(cells, table.columns, strict=True)),
            "; ".join(dict.fromkeys(c.source for c in cells if c)),
        ]
        for system, cells in table.published
    ]
    caption = "Numbers printed elsewhere, on the whole official set; we did not measure them"
    return [grids.text_grid(caption, heads, rows, "Reported by others", style="published")] if rows else []


def comparisons(table: LeaderboardTable) -> list[Grid]:
    """Paired comparisons of all models; none with fewer than two."""
    rows = []
    for p in table.pairs:
        r, (subset, metric) = p.result, table.columns[p.column]
        rows.append(
            [
                f"{subset}: {head(metric)}",
                f"{p.first} − {p.second}",
                number(r.difference, metric.unit),
                interval(r.low, r.high, metric.unit) or " ".join(filter(None, (NOTHING, r.no_interval))),
                _against_itself(p.itself, metric.unit),
                NOTHING if p.p_holm is None else f"{p.p_holm:.4f}",
                number(r.detectable, metric.unit),
                f"{r.n} / {r.n_units}",
            ]
        )
    missing = dict.fromkeys(p.itself.missing for p in table.pairs if p.itself.missing)
    caption = "; ".join(
        (
            "Differences on the samples both have a value for",
            "A-A is the same system against itself, between its epochs: root mean square (95 % within)",
            *missing,
            "p values corrected over all pairs of a measure",
        )
    )
    return [grids.text_grid(caption, _PAIR_HEADS, rows, folded="Paired comparisons")] if rows else []


def _against_itself(same: AgainstItself, unit: str) -> str:
    within = "" if same.reach is None else f" (±{number(same.reach, unit)})"
    return f"{number(same.typical, unit)}{within}"


def measures(
    caption: str, heads: tuple[str, ...], found: Iterable[tuple[str, Summary, MetricSummary]], remark: Remark,
    heading: str = "",
) -> Grid:  # fmt: skip
    """Measures in full, a row for each label of a run with its summary and a metric in it.

    ``heads`` are the columns to show, out of those of `_measure`; the remark stands beside a metric's name.
    """
    cells = (_measure(*one, remark) for one in found)
    columns = tuple(Column(h, numeric=h in _NUMERIC) for h in heads)
    return Grid(caption, columns, tuple(Row(tuple(c[h] for h in heads)) for c in cells), heading)


def _measure(label: str, s: Summary, m: MetricSummary, remark: Remark) -> dict[str, Cell]:
    unit, e, b, mark = m.metric.unit, m.estimate, m.baseline, MARKS.get(m.standing)
    above = "above floor" if m.standing is Standing.ABOVE else NOTHING
    return {
        "subset": Cell(m.subset),
        "measure": Cell(head(m.metric), remark=remark(s, m.metric)),
        "adapter": Cell(label, form="name"),
        "mean": value(e.mean, unit),
        "95 % interval": Cell(interval(e.low, e.high, unit) or NOTHING, e.low, e.no_interval),
        "std": value(e.std if m.metric.spread else None, unit),
        "n": Cell(str(e.n), e.n),
        "units": Cell(str(e.n_units), e.n_units),
        "floor": value(b.floor, unit, b.floor_by),
        "ceiling": value(b.ceiling, unit),
        "detectable": value(e.detectable, unit),
        "": Cell(mark.sign if mark else ""),
        "standing": Cell(mark.badge, form="badge") if mark else Cell(above),
        "missing": Cell("; ".join(f"{n}: {reason}" for reason, n in m.missing.items())),
    }


def subset_grids(table: LeaderboardTable) -> list[Grid]:
    """Per subset, every measure of every run, and what every blind strategy reaches."""
    heads = (
        "measure", "adapter", "mean", "95 % interval", "std", "n", "units", "floor", "ceiling", "detectable",
        "standing", "missing",
    )  # fmt: skip

    def remark(s: Summary, metric: Metric) -> str:
        by = f", judged by {judged_by(s, metric)}" if metric.judged else ""
        return f"{metric.family}, version {metric.version}{by}"

    kept = [(row, {(m.subset, m.metric.name): m for m in row.summary.metrics}) for row in table.rows]
    names = [(m.subset, m.metric.name) for m in table.summaries[0].metrics]
    parts = []
    for subset in dict.fromkeys(subset for subset, _ in names):
        mine = [name for name in names if name[0] == subset]
        found = [(row.label, row.summary, metrics[name]) for name in mine for row, metrics in kept]
        parts += [measures(f"All measures of {subset}", heads, found, remark, subset), *_blind(table, subset)]
    return parts


def _blind(table: LeaderboardTable, subset: str) -> list[Grid]:
    found = [m for m in table.summaries[0].metrics if m.subset == subset and m.baseline.blind]
    strategies = found[0].baseline.blind if found else ()
    rows = [[name, *(number(m.baseline.blind[name], m.metric.unit) for m in found)] for name in strategies]
    heads = ["strategy", *(head(m.metric) for m in found)]
    caption = f"What every blind strategy reaches on {subset}"
    return [grids.text_grid(caption, heads, rows, folded="Blind strategies")] if rows else []


def declarations(table: LeaderboardTable) -> Grid:
    """What every measure is."""
    metrics = {m.metric.name: m.metric for m in table.summaries[0].metrics}.values()
    rows = [[head(m), m.describes, m.family, str(m.version), m.kind, m.name] for m in metrics]
    heads = ["measure", "what it is", "family", "version", "kind", "name"]
    return grids.text_grid("What every measure is", heads, rows, "Measures")


def outcomes(rows: Iterable[LeaderboardRow]) -> list[Grid]:
    """How samples ended; then, if any, why some have no score, remarks, and faults of simulated users."""
    ended, reasons, rows = [], [], [*rows]
    named = {kind for row in rows for o in row.summary.outcomes for kind in o.counts}
    kinds = [kind for kind in Outcome if kind in named]
    for row in rows:
        for o in row.summary.outcomes:
            ended.append([row.label, o.subset, str(o.samples), *(str(o.counts.get(k, 0)) for k in kinds)])
            for kind, found in o.reasons.items():
                shown = kind.replace("_", " ")
                reasons += [[row.label, o.subset, shown, str(n), reason] for reason, n in found.items()]
        reasons += [[row.label, "", "note", str(n), note] for note, n in row.summary.notes.items()]
    heads = ("adapter", "subset", "samples", *(k.value.replace("_", " ") for k in kinds))
    parts = [grids.text_grid("How the samples ended", heads, ended, "Outcomes")]
    if reasons:
        heads = ("adapter", "subset", "outcome", "samples", "reason")
        parts.append(grids.text_grid("Reasons and notes", heads, reasons))
    return [*parts, *user_fault_grids((row.label, row.summary) for row in rows)]


def not_run(s: Summary) -> list[Grid]:
    """Measures of the protocol that are not computed; none where there are none."""
    caption, heads = "Measures of the protocol that are not computed", ("not computed", "why")
    return [grids.text_grid(caption, heads, list(s.not_run.items()), "Not run")] if s.not_run else []


def usage_line(s: Summary) -> str:
    """What the services behind a run say that it took; empty where they say nothing."""
    if isinstance(s.usage, msgspec.UnsetType):
        return ""
    total = s.usage.total
    read = _of(total.input_audio_tokens, "of audio"), _of(total.cached_tokens, "cached")
    counted = (
        _of(total.input_tokens, "input tokens", *read),
        _of(total.output_tokens, "output tokens", _of(total.output_audio_tokens, "of audio")),
        _of(total.input_audio_s, "s of input audio"),
        _of(total.output_audio_s, "s of output audio"),
        _of(total.calls, "answers"),
    )
    told = f"told by {s.usage.told} of {s.usage.sessions} sessions"
    return f"usage: {', '.join(filter(None, counted))} ({told}, failed ones included)"


def _of(amount: float, unit: str, *parts: str) -> str:
    """An amount and what it consists of; empty for none."""
    within = ", ".join(filter(None, parts))
    shown = f"{amount:,}" if isinstance(amount, int) else f"{amount:,.1f}"
    return f"{shown} {unit}{within and f' ({within})'}" if amount else ""


def made(s: Summary) -> dict[str, str]:
    """How a run was made: what, and its value; empty where it is not known, usage left out."""
    f = s.facts
    return {
        "run": f.run,
        "adapter": f.adapter,
        "tml-bench": f.tml_bench or "unknown",
        "intervals": s.intervals.removeprefix("intervals "),
        "perceived by": ", ".join(f.perceivers),
        "seed": str(f.seed),
        **({"epochs": f"{f.epochs}, each sample's mean first"} if f.epochs > 1 else {}),
        **({"tags": shown_tags(f.tags)} if f.tags else {}),
        "created": f.created,
        "machine": f.machine,
        "judge": "; ".join(filter(None, [judge_line(s), *agreement_lines(s)])),
        "words": words_line(s),
        "transcript": transcript_line(s),
        **({"says of itself": "; ".join(map(" ".join, f.reported))} if f.reported else {}),
        **({"usage": used} if (used := usage_line(s)) else {}),
        **({"account": account} if (account := account_line(s)) else {}),
        **({"split": split} if (split := split_line(s)) else {}),
        **({"cost": cost} if (cost := cost_line(s)) else {}),
    }


def versions(table: LeaderboardTable) -> Grid:
    """How each run was made."""
    facts = [made(row.summary) for row in table.rows]
    heads = list({head: None for f in facts for head in f})
    rows = [[f.get(head, "") for head in heads] for f in facts]
    return grids.text_grid("How each run was made", heads, rows, "Runs and versions")
