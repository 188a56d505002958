"""The files of a report."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from tml_bench.report.html import to_html
from tml_bench.report.tables import full_markdown, leaderboard_markdown, to_csv
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import stored_summaries, to_json, with_agreement


def read_summaries(runs: Iterable[Path]) -> list[Summary]:
    """Summaries of scored runs; raises `UserError` where a folder is none, or a file in it is malformed."""
    return [with_agreement(summary, run) for run in runs for summary in stored_summaries(run)]


def report(
    runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str] = "results/report",
) -> Path:
    """Put scored runs side by side: report.md, report.csv, report.json and one self-contained index.html.

    Example:
        >>> page = tml_bench.report([mine, "results/fd-bench-v1-mini-1--silent"], "comparison")

    Args:
        runs: one or several, each a `tml_bench.Run` or its folder.
        out: folder for the report; created if missing.

    Returns:
        The path of the page.

    Raises:
        UserError: a folder is not a scored run.
    """
    paths = [runs] if isinstance(runs, str | os.PathLike) else runs
    return write_report(read_summaries(map(Path, paths)), Path(out))


def write_report(summaries: Sequence[Summary], out: Path) -> Path:
    """Write report.md, report.csv, report.json and index.html; returns the path of the page."""
    out.mkdir(parents=True, exist_ok=True)
    markdown = f"{leaderboard_markdown(summaries)}\n{full_markdown(summaries)}"
    (out / "report.md").write_text(markdown, encoding="utf-8")
    (out / "report.csv").write_text(to_csv(summaries), encoding="utf-8")
    (out / "report.json").write_text(to_json(summaries), encoding="utf-8")
    (out / "index.html").write_text(to_html(summaries), encoding="utf-8")
    return out / "index.html"
