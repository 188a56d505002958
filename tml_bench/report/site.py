"""The report as a static site: the board, a page or more for each task, and a page for each run.

What is said is decided in `tml_bench.report.board`, `tml_bench.report.layout` and `tml_bench.report.content`;
here it is laid out. The site opens from files and fetches nothing but its own pictures: style and script
stand in each page, and its content security policy allows them by their hashes, and nothing else. Names,
reasons and notes come from outside, so the template engine and `tml_bench.report.table_rows` escape every
text, and names of files are made of harmless letters. Every page is complete without its script, which only
sorts and filters. The same board gives the same bytes.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tml_bench.metrics.statistics import Estimate
from tml_bench.report import board_view, content
from tml_bench.report.board import Board, RowKind
from tml_bench.report.cost_lines import account_line, cost_line
from tml_bench.report.grids import Bar, Grid, plain
from tml_bench.report.interaction_lines import HEADING, interaction_of_run, interaction_of_runs
from tml_bench.report.judge_lines import judge_tokens_line
from tml_bench.report.layout import LeaderboardRow, LeaderboardTable
from tml_bench.report.pages import PagePart, PageSection, arrange_pages, narrow, without_empty_columns
from tml_bench.report.split_lines import split_line
from tml_bench.report.table_rows import safe_name, sort_value, table_rows
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.summary import Summary

if TYPE_CHECKING:
    from jinja2 import Environment, Template

PICTURES = {"frontier.svg": "Interaction against intelligence", "profile.svg": "Profiles over the axes"}
"""Pictures of the board that are shown where they stand beside it, and what each shows."""
VIEWER = "view/index.html"
"""The exported viewer, which is linked to where it stands beside the board."""
_GENERATOR = '<meta name="generator" content="tml-bench report">'
"""What every page says of itself."""
_EXAMPLE = Bar(Estimate(0.55, 0.4, 0.7, None, None, 1, 1), Baseline("", "", 0.15, "", 0.92, {}), 0.0, 1.0)
"""What the legend shows."""
_HEADLINE_COLUMNS = 7
"""Measures beside each other in the table of a task's headline measures."""
_BLIND_COLUMNS = 9
"""Measures beside each other in tables of numbers alone."""


def site(
    board: Board, folders: Mapping[str, str] | None = None, beside: Iterable[str] = ()
) -> dict[str, str]:
    """Write the pages: HTML by address, relative to the folder of the report, ``index.html`` first.

    ``folders`` are the folders of runs by the runs' names, as a reader would type them; ``beside`` the files
    that stand in the folder of the report, of which `PICTURES` are shown and the `VIEWER` is linked to. With
    no runs the board says so.
    """
    return _Site(board, folders or {}, frozenset(beside)).pages()


def file_names(names: Iterable[str]) -> list[str]:
    """Names for files, one for each name in its order: harmless, short, and no two alike on any system."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        base = re.sub(r"[^A-Za-z0-9._=-]+", "-", name).strip(".-")[:80] or "unnamed"
        picked, k = base, 1
        while picked.lower() in taken:
            k += 1
            picked = f"{base}--{k}"
        taken.add(picked.lower())
        found.append(picked)
    return found


def is_page(path: Path) -> bool:
    """Whether a file is a page that a report wrote."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return _GENERATOR in file.read(4096)


class _Site:
    def __init__(self, board: Board, folders: Mapping[str, str], beside: frozenset[str]) -> None:
        self.board, self.folders, self.beside = board, folders, beside
        tables = [column.table for column in board.columns]
        self.runs = [(k, row) for k, table in enumerate(tables) for row in table.rows]
        addresses = file_names(row.summary.facts.run for _, row in self.runs)
        self.run_pages = {
            (k, row.summary.facts.run): f"runs/{name}.html"
            for (k, row), name in zip(self.runs, addresses, strict=True)
        }
        self.task_names = file_names(map(_task_name(tables), tables))

    def pages(self) -> dict[str, str]:
        found = {"index.html": self._board()}
        for place, table in enumerate(column.table for column in self.board.columns):
            found |= self._task(place, table)
        for place, row in self.runs:
            found |= self._run(place, row)
        return found

    def _board(self) -> str:
        shown = [(file, alt) for file, alt in PICTURES.items() if file in self.beside]
        tables = board_view.board_tables(self.board)
        places = {id(column): k for k, column in enumerate(self.board.columns)}
        return self._fill(
            "board.html",
            board=self.board,
            tables=tables,
            choices={
                name: sorted({dict(table.conditions)[name] for table in tables})
                for name in board_view.CONDITIONS
            },
            pictures=shown,
            task_page=lambda column: f"tasks/{self.task_names[places[id(column.column)]]}.html",
            run_page=lambda column, run: self.run_pages[places[id(column.column)], run],
            hear=self._hear(next((row.summary.facts.run for _, row in self.runs), "RUN")),
            viewer=VIEWER if VIEWER in self.beside else "",
        )

    def _task(self, place: int, table: LeaderboardTable) -> dict[str, str]:
        column = board_view.view_column(self.board, place)
        rows = board_view.view_rows(self.board, [column], [place])
        address = f"tasks/{self.task_names[place]}"
        first = self._fill(
            "task_head.html",
            column=column,
            rows=rows,
            table=table,
            runs=self.run_pages,
            place=place,
            leaders=board_view.leaders(rows),
            hear=self._hear(table.rows[0].summary.facts.run),
            costs=[f"{row.label}: {line}" for row in table.rows for line in _costs(row.summary)],
        )
        pages = arrange_pages(_task_sections(table), _show(), first)
        names = [f"{address}.html"]
        names += [f"{address}.{name}.html" for name in file_names(_page_key(page) for page in pages[1:])]
        facts = {
            "table": table,
            "head": first,
            "contents": list(zip(names, pages, strict=True)),
        }
        return {
            name: self._fill("task.html", parts=page, overview=k == 0, **facts)
            for k, (name, page) in enumerate(zip(names, pages, strict=True))
        }

    def _run(self, place: int, row: LeaderboardRow) -> dict[str, str]:
        run = row.summary.facts.run
        address = self.run_pages[place, run]
        pages = arrange_pages(_run_sections(row), _show())
        stem = address.removesuffix(".html")
        names = [address, *(f"{stem}.{k}.html" for k in range(2, len(pages) + 1))]
        facts = {
            "row": row,
            "table": self.board.columns[place].table,
            "made": content.made(row.summary),
            "costs": _costs(row.summary),
            "task_page": f"tasks/{self.task_names[place]}.html",
            "contents": list(zip(names, pages, strict=True)),
            "hear": self._hear(run),
            "viewer": VIEWER if VIEWER in self.beside else "",
        }
        return {
            name: self._fill("run.html", parts=page, overview=k == 0, **facts)
            for k, (name, page) in enumerate(zip(names, pages, strict=True))
        }

    def _hear(self, run: str) -> str:
        """The command that opens a run in the viewer."""
        return f"tml-bench view {self.folders.get(run, f'results/{run}')}"

    def _fill(self, template: str, **facts: object) -> str:
        """What a template makes of facts; safe to be put into another."""
        from markupsafe import Markup

        filled = _templates().get_template(template).render(
            content=content, STATES=board_view.STATES, KINDS=board_view.KINDS, RowKind=RowKind,
            example=_EXAMPLE, **facts,
        )  # fmt: skip
        return Markup(filled)


def _costs(s: Summary) -> list[str]:
    """What a run is known to have taken of services, judges and a background model."""
    lines = (content.usage_line, account_line, cost_line, judge_tokens_line, split_line)
    return list(filter(None, (line(s) for line in lines)))


def _task_name(tables: Sequence[LeaderboardTable]) -> Any:
    """Names a table by its task, and by its conditions where the task has several tables."""
    count: dict[str, int] = {}
    for table in tables:
        task = table.summaries[0].facts.task
        count[task] = count.get(task, 0) + 1
    usual = {"clock": "simulated", "compute": "ideal", "network": "ideal"}

    def name(table: LeaderboardTable) -> str:
        facts = table.summaries[0].facts
        told = [str(getattr(facts, c)) for c, value in usual.items() if getattr(facts, c) != value]
        return "--".join([facts.task, *(told if count[facts.task] > 1 else [])])

    return name


def _task_sections(table: LeaderboardTable) -> list[PageSection]:
    """All that is said about a task, in the order in which it is read."""
    first = table.summaries[0]
    headline = narrow(content.board(table), 2, _HEADLINE_COLUMNS)
    published = [part for grid in content.published(table) for part in narrow(grid, 1, _BLIND_COLUMNS)]
    others = (*published, *content.published_elsewhere(table))
    subsets: dict[str, list[Grid]] = {}
    for grid in content.subset_grids(table):
        key = grid.heading or next(reversed(subsets))
        kept = without_empty_columns(grid)
        subsets.setdefault(key, []).extend(narrow(kept, 1, _BLIND_COLUMNS) if kept.folded else [kept])
    interaction = interaction_of_runs((row.label, row.summary) for row in table.rows)
    turns = [part for grid in interaction for part in narrow(grid, 1, _BLIND_COLUMNS)]
    parts = [
        ("Headline measures", "headline", [*headline, *others]),
        (HEADING, "interaction", turns),
        ("Outcomes", "outcomes", [*content.outcomes(table.rows), *content.not_run(first)]),
        ("How each run was made", "runs", [content.versions(table)]),
        ("Paired comparisons", "comparisons", content.comparisons(table)),
        *((f"All measures: {name}", name, grids) for name, grids in subsets.items()),
        ("What every measure is", "measures", [content.declarations(table)]),
    ]  # fmt: skip
    return [_section(*part) for part in parts if part[-1]]


def _run_sections(row: LeaderboardRow) -> list[PageSection]:
    """All that is said about a run beside how it was made."""
    s = row.summary
    heads = (
        "subset", "measure", "mean", "95 % interval", "n", "units", "floor", "ceiling", "standing", "missing",
    )  # fmt: skip
    found = ((row.label, s, m) for m in s.metrics)
    full = content.measures(
        "Every measure of this run", heads, found, lambda _, m: "judged" if m.judged else ""
    )
    parts = [
        ("Outcomes", "outcomes", [*content.outcomes([row]), *content.not_run(s)]),
        ("Measures", "measures", [without_empty_columns(full)]),
        (HEADING, "interaction", [*map(without_empty_columns, interaction_of_run(s))]),
    ]
    return [_section(*part) for part in parts if part[-1]]


def _section(name: str, key: str, grids: Sequence[Grid]) -> PageSection:
    """A section whose grids do not say again what its own heading says."""
    said = (replace(grid, heading="") if grid.heading in (name, key) else grid for grid in grids)
    return PageSection(name, key, tuple(said))


def _page_key(page: Sequence[PagePart]) -> str:
    part = page[0]
    return f"{part.section.key}.{part.place + 1}" if part.place else part.section.key


def _show() -> Any:
    """What renders a grid."""
    parts: Template = _templates().get_template("grids.html")
    macros: Any = parts.module
    return macros.shown


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def harmless(value: Any) -> Any:
        return plain(value) if type(value) is str else value

    files = PackageLoader("tml_bench.report")
    pages = Environment(
        loader=files, autoescape=True, finalize=harmless, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    pages.filters.update(
        name=lambda text: Markup(safe_name(text)), sort_value=sort_value, table_rows=table_rows
    )
    style, script = (files.get_source(pages, file)[0] for file in ("site.css", "site.js"))
    hashes = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in (style, script)]
    pages.globals.update(
        generator=Markup(_GENERATOR),
        style=Markup(style),
        script=Markup(script),
        policy=Markup(
            f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src 'self' data:; "
            f"style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
        ),
    )
    return pages
