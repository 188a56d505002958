"""The files of a report: Markdown, CSV, JSON, and the pages of `tml_bench.report.site`.

Which runs share a table, and in which order, is decided in `tml_bench.report.layout`; what is said about
them in `tml_bench.report.content`. The same summaries give the same bytes.
"""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from tml_bench.csv_text import csv_text
from tml_bench.outcome import Outcome
from tml_bench.own_folder import refuse_links
from tml_bench.report import content
from tml_bench.report.board import board_of
from tml_bench.report.board_files import markdown_text, write_board
from tml_bench.report.drawn_aside import pictures_aside
from tml_bench.report.folders import free_folder, refuse_to_replace, run_folders
from tml_bench.report.grids import MARKS, Grid
from tml_bench.report.interaction_lines import interaction_metrics, interaction_of_run
from tml_bench.report.judge_lines import judged_by
from tml_bench.report.layout import LeaderboardRow, LeaderboardTable, tables
from tml_bench.report.pictures import write_pictures
from tml_bench.report.site import PICTURES, VIEWER, is_page, site
from tml_bench.report.swapped import swapped_in
from tml_bench.runs.tags import shown_tags
from tml_bench.scoring.epochs import itself, united
from tml_bench.scoring.summary import MetricSummary, Summary
from tml_bench.scoring.summary_file import stored_summaries, with_agreement, write_json
from tml_bench.scoring.transcript_check import TranscriptCheck
from tml_bench.storage.results_place import report_folder
from tml_bench.storage.shared_place import local_place
from tml_bench.turns import Usage

DEFAULT_OUT = Path("results/report")
"""Where a report is written if nothing else is said."""


def read_summaries(runs: Iterable[Path]) -> list[Summary]:
    """Summaries of scored runs, with the epochs of each as one; see `tml_bench.scoring.epochs`.

    Raises `UserError` where a folder is no scored run, or a file in it is malformed.
    """
    with _uncollected():
        found = [with_agreement(summary, run) for run in runs for summary in stored_summaries(run)]
    return united(found)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look at millions of new values again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def report(
    runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str] | None = None,
) -> Path:
    """Put scored runs side by side: a site whose first page is the board, Markdown, CSV and JSON.

    Example:
        >>> page = tml_bench.report([mine, "results/fd-bench-v1-mini-1--silent"], "comparison")
        >>> page = tml_bench.report("results")

    Args:
        runs: one or several, each a `tml_bench.Run`, its folder, a pattern like ``results/*--silent``, or a
            folder of runs, in which what is no scored run is skipped; or an address of shared storage.
        out: folder or address for the report; created if missing. By default ``results/report``, or the next
            of ``results/report-2``, ``-3``, ... that holds no report of other runs.

    Returns:
        The path of the first page.

    Raises:
        UserError: what is named holds no scored run, or ``out`` a report of other runs.
    """
    named = [runs] if isinstance(runs, str | os.PathLike) else runs
    folders, _ = run_folders(map(local_place, named))
    summaries = read_summaries(folders)
    # A report is shown to others: it tells no folder of the machine it was made on.
    typed = {p.name: f"{p.parent.name}/{p.name}" if p.is_absolute() else str(p) for p in folders}
    if out is None:
        return write_report(summaries, free_folder(DEFAULT_OUT, summaries), typed)
    with report_folder(out) as folder:
        refuse_to_replace(folder, summaries)
        return write_report(summaries, folder, typed)


def write_report(summaries: Sequence[Summary], out: Path, folders: Mapping[str, str] | None = None) -> Path:
    """Write report.md, .csv and .json, the board as files and as pictures, and the pages.

    ``folders`` are the folders of the runs, by their names, as a reader would type them. Pages of a report
    that stood there before and are not written again are removed. All of it takes the place of what was there
    at once. Returns the path of the first page, index.html.
    """
    refuse_links(out, "tasks", "runs")
    beside = [name for name in (*PICTURES, VIEWER) if (out / name).is_file()]

    def is_old_page(path: Path) -> bool:
        return path.suffix == ".html" and path.parent.name in ("tasks", "runs") and is_page(path)

    with swapped_in(out, is_old_page) as new:
        _write(summaries, new, folders, beside)
    return out / "index.html"


def _write(
    summaries: Sequence[Summary], out: Path, folders: Mapping[str, str] | None, beside: Sequence[str]
) -> None:
    """Write a report into an empty folder; ``beside`` are names of files that will stand there too."""
    with pictures_aside(len(summaries)) as pictures:
        write_json(summaries, out / "report.json")
        pictures.begin(out / "report.json")
        board = board_of(summaries)
        write_board(board, out)
        markdown = f"{leaderboard_markdown(summaries)}\n{full_markdown(summaries)}"
        (out / "report.md").write_text(markdown, encoding="utf-8")
        (out / "report.csv").write_text(to_csv(summaries), encoding="utf-8")
        pages = site(board, folders, {*PICTURES, *beside})
        for address, html in pages.items():
            (out / address).parent.mkdir(exist_ok=True)
            (out / address).write_text(html, encoding="utf-8")
        write_pictures(pictures.drawn(board), out)


_RUN_HEADS = (
    "subset", "measure", "mean", "95 % interval", "std", "n", "units", "floor", "ceiling", "detectable", "",
    "missing",
)  # fmt: skip


def leaderboard_markdown(summaries: Sequence[Summary]) -> str:
    """One short table per comparable group of runs, adapters by headline metrics; empty for no runs."""
    return "\n".join(_leaderboard(t) for t in tables(summaries))


def full_markdown(summaries: Sequence[Summary]) -> str:
    """What lies behind the leaderboard: paired comparisons, then per run every metric and every outcome.

    Empty for no runs.
    """
    parts = []
    for table in tables(summaries):
        parts.append(f"## {markdown_text(table.title)}: details\n\n{markdown_text('; '.join(table.holds))}\n")
        for grid in content.comparisons(table):
            parts.append(f"### {grid.folded}\n\n{markdown_text(grid.caption)}.\n\n{_grid(grid)}")
        parts += [_run(row) for row in table.rows]
    return "\n".join(parts)


def _leaderboard(table: LeaderboardTable) -> str:
    legend = ["- 95 % interval in brackets; #1–2 is the range of ranks that the data allow."]
    legend += [f"- {mark.sign} {mark.meaning}." for mark in MARKS.values()]
    legend += [f"- Note: {markdown_text(c)}" for c in table.caveats]
    parts = [
        f"## {markdown_text(table.title)}\n",
        f"{markdown_text('; '.join(table.holds))}\n",
        _grid(content.board(table)),
    ]
    parts += ["\n".join(legend) + "\n"]
    for grid in content.published(table):
        parts += [f"### {grid.heading} (not measured by us)\n", _grid(grid)]
    return "\n".join(parts)


def _run(row: LeaderboardRow) -> str:
    s = row.summary
    made, bare = (
        content.made(s),
        ("created", "machine", "judge", "words", "transcript", "usage", "account", "split", "cost"),
    )
    facts = [f"{k} {v}" for k, v in made.items() if v and k not in bare and k != "adapter"]
    facts += [made[k] for k in bare if made.get(k)]
    kind = " (reference, sees the answers)" if s.facts.privileged else ""
    full = content.measures(
        "", _RUN_HEADS, ((row.label, s, m) for m in s.metrics), lambda _, m: "(judged)" if m.judged else ""
    )
    grids = (full, *interaction_of_run(s), *content.outcomes([row]), *content.not_run(s))
    return "\n".join(
        [
            f"### {markdown_text(row.label)}{kind}\n",
            f"{markdown_text('; '.join(facts))}\n",
            *map(_grid, grids),
        ]
    )


def _grid(grid: Grid) -> str:
    heads = [[c.full for c in grid.columns], ["---"] * len(grid.columns)]
    rows = ([cell.line for cell in row.cells] for row in grid.rows)
    return "".join("| " + " | ".join(map(markdown_text, cells)) + " |\n" for cells in (*heads, *rows))


def to_csv(summaries: Sequence[Summary]) -> str:
    """One line per run, subset and metric; shares in %, empty where there is no value.

    After a run's metrics those of interaction, whose family tells them, of all its sessions.
    Every line carries all that decides whether two lines may be compared. In the order of
    `tml_bench.report.layout.tables`, with a head; an empty string for no runs.
    """
    runs = [row.summary for t in tables(summaries) for row in t.rows]
    rows = [row for s in runs for row in _csv_rows(s)]
    if not rows:
        return ""
    return csv_text(tuple(rows[0]), (row.values() for row in rows))


def _csv_rows(s: Summary) -> Iterator[dict[str, object]]:
    """The lines of a run, by the names of their columns."""
    before, behind = _csv_conditions(s), _csv_services(s)
    for m in (*s.metrics, *interaction_metrics(s)):
        yield {**before, **_csv_metric(s, m), **behind}


def _csv_conditions(s: Summary) -> dict[str, object]:
    """What a run is and how it was made."""
    f = s.facts
    return {
        "task": f.task,
        "dataset": f.dataset,
        "sample_set": s.sample_set,
        "tick_ms": f.tick_ns / 1e6,
        "compute": f.compute,
        "clock": f.clock,
        "network": f.network,
        "loop": f.loop,
        "turn_based": int(f.turn_based),
        "run": f.run,
        "adapter": f.adapter,
        "privileged": int(f.privileged),
        "seed": f.seed,
        "epochs": f.epochs,
        "tags": shown_tags(f.tags),
        "tml_bench": f.tml_bench,
    }


def _csv_metric(s: Summary, m: MetricSummary) -> dict[str, object]:
    """What a run reached in a metric."""
    e, b, metric, same = m.estimate, m.baseline, m.metric, itself(m, m)
    # Subsets taken together have no outcomes of their own.
    outcomes = next((o for o in s.outcomes if o.subset == m.subset), None)

    def scaled(value: float | None) -> float | str:
        return "" if value is None else round(value * (100 if metric.unit == "%" else 1), 6)

    return {
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
        "no_interval": e.no_interval,
        "n": e.n,
        "n_units": e.n_units,
        "samples": outcomes.samples if outcomes else "",
        "valid": outcomes.counts[Outcome.VALID] if outcomes else "",
        "user_faults": outcomes.counts.get(Outcome.USER_FAULT, 0) if outcomes else "",
        "floor": scaled(b.floor),
        "floor_by": b.floor_by,
        "ceiling": scaled(b.ceiling),
        "standing": m.standing,
        "detectable": scaled(e.detectable),
        "itself": scaled(same.typical),
        "itself95": scaled(same.reach),
        "intervals": s.intervals,
        "missing": sum(m.missing.values()),
        "judge": judged_by(s, metric),
        "judgements": s.judgements.asked if metric.judged and s.judgements else "",
        "judgements_missing": sum(s.judgements.missing.values()) if metric.judged and s.judgements else "",
    }


def _csv_services(s: Summary) -> dict[str, object]:
    """What is known of a run's words, and of what services took for it."""
    check = s.transcript_check or TranscriptCheck()
    used, words, cost = s.usage or None, s.word_report or None, s.cost or None
    service = cost.service if cost else None
    known = service or (cost.judge if cost else None)
    return {
        "transcript_wer": "" if check.rate is None else round(100 * check.rate, 6),
        "transcript_wer_n": check.n if check.rate is not None else "",
        "transcript_mismatch": int(check.mismatch),
        "word_sources": " ".join(f"{name}:{n}" for name, n in words.sources.items()) if words else "",
        "late_texts": words.late if words else "",
        **{f"usage_{f.name}": getattr(used.total, f.name) if used else "" for f in fields(Usage)},
        "usage_n": used.told if used else "",
        "cost": service.amount if service else "",
        "cost_per_hour": cost.per_hour if cost and cost.per_hour is not None else "",
        "cost_judge": cost.judge.amount if cost and cost.judge else "",
        "cost_currency": known.currency if known else "",
        "cost_as_of": known.as_of if known else "",
    }
