"""Open against closed loop: one run of each, measure by measure, as a table, Markdown, CSV and JSON.

A change is closed minus open, on the samples that both have a value for, tested as in
`tml_bench.metrics.comparison`; beside it stands how far the same system is from itself between epochs. Shown
are the measures of the families of the task's score and of its headline, in the parts that were run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tml_bench.csv_text import csv_text
from tml_bench.files import write_output
from tml_bench.outcome import Outcome
from tml_bench.report.board_files import markdown_text
from tml_bench.report.change_text import WIDTH, chance, change_grid, needed, shown_number, signed
from tml_bench.report.changes import ScoreChange, board_measure, corrected_scores, score_change
from tml_bench.report.grids import NOTHING, plain
from tml_bench.scoring.summary import MetricSummary, Summary

if TYPE_CHECKING:
    from rich.console import Console

HEADS = ("open", "closed", "change", "95 % interval", "A-A", "p", "MDD", "n")
LEGEND = (
    "change: closed minus open on the samples of both; A-A: the same system against itself, between "
    "epochs; p: paired, after Holm; MDD: minimum detectable difference; ▲ better, ▼ worse, at p ≤ 0.05."
)


@dataclass(frozen=True, slots=True)
class LoopsTable:
    """One system on one task in open and in closed loop.

    Attributes:
        task: its name.
        title: for people.
        dataset: the data.
        adapter: the system.
        epochs: how many runs each loop has.
        rows: measures by part; ``before`` is open, ``after`` closed, in their units.
        open_runs: folders of the runs in open loop, an epoch each.
        closed_runs: the same in closed loop.
        remarks: what a reader must know: what was not run, what is lost, what the open loop is.
        complete: every sample of both has a valid outcome.
    """

    task: str
    title: str
    dataset: str
    adapter: str
    epochs: int
    rows: tuple[ScoreChange, ...]
    open_runs: tuple[str, ...]
    closed_runs: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    complete: bool = True

    def notes(self) -> Iterator[str]:
        """All that stands below the table, in sentences."""
        yield from (f"{remark}." for remark in self.remarks)
        yield from (f"{why}." for why in dict.fromkeys(r.no_itself for r in self.rows if r.no_itself))
        reasons = (r.no_interval for r in self.rows if r.change is not None and r.no_interval)
        if without := dict.fromkeys(needed(reason) for reason in reasons):
            yield f"no interval: {'; '.join(without)}."


def loops_table(
    opened: Summary, closed: Summary, runs: tuple[Sequence[Path], Sequence[Path]], remarks: Sequence[str] = ()
) -> LoopsTable:
    """Compare a system in open loop with itself in closed loop.

    Args:
        opened: the run in open loop, its epochs as one.
        closed: the same in closed loop.
        runs: folders of the runs in open loop, and of those in closed loop.
        remarks: more that a reader must know.

    Returns:
        The table; measures without a value in either loop are left out.
    """
    others = {(m.subset, m.metric.name): m for m in closed.metrics}
    pairs = [
        (m, others[m.subset, m.metric.name]) for m in _chosen(opened) if (m.subset, m.metric.name) in others
    ]
    rows = [score_change(a, b) for a, b in pairs if a.estimate.n or b.estimate.n]
    lost = [*_lost("open", opened), *_lost("closed", closed)]
    return LoopsTable(
        task=opened.facts.task,
        title=opened.title,
        dataset=opened.facts.dataset,
        adapter=opened.facts.adapter,
        epochs=min(opened.facts.epochs, closed.facts.epochs),
        rows=tuple(corrected_scores(rows)),
        open_runs=tuple(str(path) for path in runs[0]),
        closed_runs=tuple(str(path) for path in runs[1]),
        remarks=(*remarks, *lost),
        complete=not lost,
    )


def _chosen(summary: Summary) -> list[MetricSummary]:
    """The measures of the families of the board's score and the headline, the score first in its part."""
    score = board_measure(summary).metric
    families = {m.metric.family for m in summary.metrics if m.metric.name in summary.headline}
    families.add(score.family)
    found = [m for m in summary.metrics if m.metric.family in families]
    parts = list(dict.fromkeys(m.subset for m in found))
    return sorted(found, key=lambda m: (parts.index(m.subset), m.metric.name != score.name))


def _lost(loop: str, summary: Summary) -> Iterator[str]:
    samples = sum(o.samples for o in summary.outcomes)
    lost = samples - sum(o.counts[Outcome.VALID] for o in summary.outcomes)
    if lost:
        yield f"{loop}: {lost} of {samples} samples have no valid outcome"


def print_loops(table: LoopsTable, console: Console | None = None) -> None:
    """Print the table, in 80 columns, on standard output by default."""
    from rich.console import Console as RichConsole

    paper = console or RichConsole()

    def line(text: str, style: str | None = None) -> None:
        paper.print(plain(text), style=style, markup=False, emoji=False, highlight=False, width=WIDTH)

    line(f"{table.title}: {table.adapter}, open against closed loop", "bold")
    for part in dict.fromkeys(row.subset for row in table.rows):
        rows = [(row.metric, row) for row in table.rows if row.subset == part]
        line(part)
        paper.print(change_grid(rows, HEADS), width=WIDTH)
    line(LEGEND, "dim")
    for note in table.notes():
        line(note)


def write_loops(table: LoopsTable, folder: Path, name: str) -> Path:
    """Write ``NAME.md``, ``.csv`` and ``.json`` into a folder; returns the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in (
        ("md", loops_markdown(table)),
        ("csv", loops_csv(table)),
        ("json", msgspec.json.format(msgspec.json.encode(table)).decode() + "\n"),
    ):
        write_output(folder / f"{name}.{suffix}", text.encode())
    return folder / f"{name}.md"


def loops_markdown(table: LoopsTable) -> str:
    """The table with its legend and notes."""
    heads = ("part", "measure", "unit", *HEADS)
    cells = [list(heads), ["---"] * len(heads), *map(_cells, table.rows)]
    lines = ("| " + " | ".join(map(markdown_text, row)) + " |" for row in cells)
    about = f"{table.adapter} on {table.dataset}, {table.epochs} epoch{'s' * (table.epochs > 1)} a loop"
    below = "\n".join(f"- {markdown_text(note)}" for note in (LEGEND, *table.notes()))
    title = markdown_text(f"{table.title}: open against closed loop")
    return f"# {title}\n\n{markdown_text(about)}.\n\n" + "\n".join(lines) + f"\n\n{below}\n"


def _cells(row: ScoreChange) -> list[str]:
    unit = row.unit
    known = row.low is not None and row.high is not None
    within = "" if row.itself_95 is None else f" (±{shown_number(row.itself_95, unit)})"
    return [
        row.subset,
        row.metric,
        unit,
        shown_number(row.before, unit),
        shown_number(row.after, unit),
        signed(row.change, unit),
        f"{shown_number(row.low, unit)}, {shown_number(row.high, unit)}" if known else NOTHING,
        f"{shown_number(row.itself, unit)}{within}",
        chance(row.p_holm),
        shown_number(row.detectable, unit),
        str(row.n),
    ]


_CSV = (
    "task", "dataset", "adapter", "epochs", "part", "metric", "unit", "direction", "open", "closed",
    "difference", "low95", "high95", "no_interval", "itself", "itself95", "itself_largest", "no_itself", "p",
    "p_holm", "detectable", "n", "n_units",
)  # fmt: skip


def loops_csv(table: LoopsTable) -> str:
    """One line a measure, with a head; shares in %, empty where there is no value."""
    about = [table.task, table.dataset, table.adapter, table.epochs]

    def line(r: ScoreChange) -> list[object]:
        numbers = [r.before, r.after, r.change, r.low, r.high]
        itself = [r.itself, r.itself_95, r.itself_largest]
        return [
            *about, r.subset, r.metric, r.unit, r.direction, *map(_rounded, numbers), r.no_interval,
            *map(_rounded, itself), r.no_itself, r.p, r.p_holm, _rounded(r.detectable), r.n, r.n_units,
        ]  # fmt: skip

    return csv_text(_CSV, map(line, table.rows))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
