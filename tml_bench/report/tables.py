"""Reports as Markdown and CSV.

Which runs share a table, and in which order, is decided in `tml_bench.report.layout`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from tml_bench.outcome import Outcome
from tml_bench.report.judge_lines import agreement_lines, judge_line, judged_by
from tml_bench.report.layout import (
    LEGEND,
    MARKS,
    NOTHING,
    LeaderboardRow,
    LeaderboardTable,
    head,
    interval,
    number,
    plain,
    rank,
    tables,
)
from tml_bench.report.rows import (
    OUTCOME_HEADS,
    PAIR_HEADS,
    REASON_HEADS,
    column_heads,
    outcome_rows,
    pair_rows,
    published_rows,
    reason_rows,
)
from tml_bench.scoring.summary import MetricSummary, Summary


def leaderboard_markdown(summaries: Sequence[Summary]) -> str:
    """One short table per comparable group of runs: rows are adapters, columns headline metrics.

    Args:
        summaries: any runs.

    Returns:
        Markdown; an empty string for no runs.
    """
    return "\n".join(_leaderboard(t) for t in tables(summaries))


def full_markdown(summaries: Sequence[Summary]) -> str:
    """What lies behind the leaderboard: paired comparisons, then per run every metric and every outcome.

    Args:
        summaries: any runs.

    Returns:
        Markdown; an empty string for no runs.
    """
    parts = []
    for table in tables(summaries):
        parts.append(f"## {_md(table.title)}: details\n\n{_md('; '.join(table.holds))}\n")
        parts.append(_pairs(table))
        parts += [_run(row) for row in (*table.measured, *table.reference)]
    return "\n".join(p for p in parts if p)


def _leaderboard(table: LeaderboardTable) -> str:
    columns = column_heads(table)
    rows = [[row.label, f"{row.scored}/{row.samples}", *row_cells(row)] for row in table.measured]
    rows += [
        [f"{row.label} (reference, sees the answers)", f"{row.scored}/{row.samples}", *row_cells(row)]
        for row in table.reference
    ]
    units = [metric.unit for _, metric in table.columns]
    floors = [
        f"{number(b.floor, u)} {b.floor_by}".strip() for b, u in zip(table.baselines, units, strict=True)
    ]
    ceilings = [number(b.ceiling, u) for b, u in zip(table.baselines, units, strict=True)]
    rows += [["floor: best blind strategy", "", *floors], ["ceiling: ideal respondent", "", *ceilings]]
    lines = [f"## {_md(table.title)}", "", _md("; ".join(table.holds)), ""]
    lines += _grid(["adapter", "scored", *columns], rows)
    lines += ["", "- 95 % interval in brackets; #1–2 is the range of ranks that the data allow."]
    lines += [f"- {MARKS[s]} {text}." for s, text in LEGEND.items()]
    lines += [f"- Note: {_md(c)}" for c in table.caveats]
    if table.published:
        lines += ["", "### Reported by others (not measured by us)", ""]
        lines += _grid(["system", *columns, "source"], published_rows(table))
    return "\n".join(lines) + "\n"


def row_cells(row: LeaderboardRow) -> list[str]:
    """A row's means with interval, mark and rank, as text."""
    return [_cell(m, rank(r)) for m, r in zip(row.cells, row.ranks, strict=True)]


def _cell(m: MetricSummary, ranks: str = "") -> str:
    unit, e = m.metric.unit, m.estimate
    parts = (number(e.mean, unit), interval(e.low, e.high, unit), MARKS[m.standing], ranks)
    return " ".join(p for p in parts if p)


def _pairs(table: LeaderboardTable) -> str:
    rows = pair_rows(table)
    return "\n".join(["### Paired comparisons", "", *_grid(PAIR_HEADS, rows)]) + "\n" if rows else ""


def _run(row: LeaderboardRow) -> str:
    s, f = row.summary, row.summary.facts
    made = [f"run {f.run}", f"seed {f.seed}", f"tml-bench {f.tml_bench or 'unknown'}"]
    made += [f"perceived by {', '.join(f.perceivers)}"] if f.perceivers else []
    made += [x for x in (f.created, f.machine, judge_line(s), *agreement_lines(s)) if x]
    kind = " (reference, sees the answers)" if f.privileged else ""
    lines = [f"### {_md(row.label)}{kind}", "", _md("; ".join(made)), ""]
    heads = ["subset", "measure", "mean", "95 % interval", "std", "n", "units", "floor", "ceiling"]
    lines += _grid([*heads, "detectable", "", "missing"], [_full_row(m) for m in s.metrics])
    lines += ["", *_grid(OUTCOME_HEADS, outcome_rows(row))]
    if reasons := reason_rows(row):
        lines += ["", *_grid(REASON_HEADS, reasons)]
    if s.not_run:
        lines += ["", *_grid(["not computed", "why"], s.not_run.items())]
    return "\n".join(lines) + "\n"


def _full_row(m: MetricSummary) -> list[str]:
    unit, e, b = m.metric.unit, m.estimate, m.baseline
    return [
        m.subset,
        f"{head(m.metric)}{' (judged)' if m.metric.judged else ''}",
        number(e.mean, unit),
        interval(e.low, e.high, unit) or NOTHING,
        number(e.std, unit) if m.metric.spread else "",
        str(e.n),
        str(e.n_units),
        f"{number(b.floor, unit)} {b.floor_by}".strip(),
        number(b.ceiling, unit),
        number(e.detectable, unit),
        MARKS[m.standing],
        "; ".join(f"{n}: {reason}" for reason, n in m.missing.items()),
    ]


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads)]
    return ["| " + " | ".join(map(_md, cells)) + " |" for cells in [*lines, *rows]]


def _md(text: str) -> str:
    """Escape what Markdown or embedded HTML would act on."""
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\|`*_\[\]])", r"\\\1", safe)


def to_csv(summaries: Sequence[Summary]) -> str:
    """One line per run, subset and metric; shares in %, empty where there is no value.

    Every line carries all that decides whether two lines may be compared.

    Args:
        summaries: any runs.

    Returns:
        CSV with a head, in the order of `tml_bench.report.layout.tables`; an empty string for no runs.
    """
    runs = [row.summary for t in tables(summaries) for row in (*t.measured, *t.reference)]
    rows = [_csv_row(s, m) for s in runs for m in s.metrics]
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _csv_row(s: Summary, m: MetricSummary) -> dict[str, object]:
    f, e, b, metric = s.facts, m.estimate, m.baseline, m.metric
    # Subsets taken together have no outcomes of their own.
    outcomes = next((o for o in s.outcomes if o.subset == m.subset), None)

    def scaled(value: float | None) -> float | str:
        return "" if value is None else round(value * (100 if metric.unit == "%" else 1), 6)

    return {
        "task": f.task,
        "dataset": f.dataset,
        "sample_set": s.sample_set,
        "tick_ms": f.tick_ns / 1e6,
        "compute": f.compute,
        "clock": f.clock,
        "network": f.network,
        "turn_based": int(f.turn_based),
        "run": f.run,
        "adapter": f.adapter,
        "privileged": int(f.privileged),
        "seed": f.seed,
        "tml_bench": f.tml_bench,
        "subset": m.subset,
        "metric": metric.name,
        "metric_version": metric.version,
        "family": metric.family,
        "unit": metric.unit,
        "direction": metric.direction,
        "kind": metric.kind,
        "mean": scaled(e.mean),
        "low95": scaled(e.low),
        "high95": scaled(e.high),
        "std": scaled(e.std),
        "n": e.n,
        "n_units": e.n_units,
        "samples": outcomes.samples if outcomes else "",
        "valid": outcomes.counts[Outcome.VALID] if outcomes else "",
        "floor": scaled(b.floor),
        "floor_by": b.floor_by,
        "ceiling": scaled(b.ceiling),
        "standing": m.standing,
        "detectable": scaled(e.detectable),
        "missing": sum(m.missing.values()),
        "judge": judged_by(s, metric),
        "judgements": s.judgements.asked if metric.judged and s.judgements else "",
        "judgements_missing": sum(s.judgements.missing.values()) if metric.judged and s.judgements else "",
    }
