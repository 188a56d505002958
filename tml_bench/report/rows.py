"""Rows of text that every writer prints the same way."""

from __future__ import annotations

from tml_bench.outcome import Outcome
from tml_bench.report.layout import NOTHING, LeaderboardRow, LeaderboardTable, head, interval, number

PAIR_HEADS = ("measure", "pair", "difference", "95 % interval", "p (Holm)", "detectable", "n / units")
OUTCOME_HEADS = ("adapter", "subset", "samples", *(k.value.replace("_", " ") for k in Outcome))
REASON_HEADS = ("adapter", "subset", "outcome", "samples", "reason")


def column_heads(table: LeaderboardTable) -> list[str]:
    """Subset and head of every leaderboard column."""
    return [f"{subset}: {head(metric)}" for subset, metric in table.columns]


def pair_rows(table: LeaderboardTable) -> list[list[str]]:
    """Paired comparisons, under `PAIR_HEADS`; empty with fewer than two models."""
    heads = column_heads(table)
    rows = []
    for p in table.pairs:
        r, unit = p.result, table.columns[p.column][1].unit
        rows.append(
            [
                heads[p.column],
                f"{p.first} − {p.second}",
                number(r.difference, unit),
                interval(r.low, r.high, unit) or NOTHING,
                NOTHING if p.p_holm is None else f"{p.p_holm:.4f}",
                number(r.detectable, unit),
                f"{r.n} / {r.n_units}",
            ]
        )
    return rows


def published_rows(table: LeaderboardTable) -> list[list[str]]:
    """Numbers reported by others: system, one text per column, source; empty unless the data is official."""
    return [
        [
            system,
            *(
                number(c.value, metric.unit) if c else NOTHING
                for c, (_, metric) in zip(cells, table.columns, strict=True)
            ),
            "; ".join(dict.fromkeys(c.source for c in cells if c)),
        ]
        for system, cells in table.published
    ]


def outcome_rows(row: LeaderboardRow) -> list[list[str]]:
    """How the samples of a run ended, under `OUTCOME_HEADS`."""
    return [
        [row.label, o.subset, str(o.samples), *(str(o.counts[k]) for k in Outcome)]
        for o in row.summary.outcomes
    ]


def reason_rows(row: LeaderboardRow) -> list[list[str]]:
    """Why samples of a run have no score, and remarks on others, under `REASON_HEADS`."""
    reasons = [
        [row.label, o.subset, kind.replace("_", " "), str(n), reason]
        for o in row.summary.outcomes
        for kind, found in o.reasons.items()
        for reason, n in found.items()
    ]
    return reasons + [[row.label, "", "note", str(n), note] for note, n in row.summary.notes.items()]
