"""The report as one self-contained HTML page.

Nothing is fetched: style and script are inline, pictures are inline SVG, and a content security policy
allows nothing else. Adapter names, reasons and notes come from outside, so every text is escaped. The page
is complete without its script, which only sorts tables. The same summaries give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from importlib import resources

from tml_bench.metrics.statistics import Estimate
from tml_bench.report.bars import bar, scale
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
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.summary import MetricSummary, Standing, Summary

_BADGES = {
    Standing.UNCLEAR: "≈ floor",
    Standing.NOT_ABOVE: "✗ not above floor",
    Standing.NO_ROOM: "⊘ floor = ceiling",
}
_READING = (
    "<b>Mean</b>: over the samples that have a value; n counts them, units counts the independent speakers, "
    "videos or samples behind them.",
    "<b>95 % interval</b>: Wilson score interval for shares, bootstrap over units for everything else.",
    "<b>Floor</b>: the best that a strategy reaches that looks at nothing (silence, always talking, "
    "a metronome …). <b>Ceiling</b>: what an ideal respondent reaches. A score that does not beat the floor "
    "is marked.",
    "<b>Rank</b>: #1–2 means that paired tests with Holm’s correction (5 % per column) allow any rank from "
    "1 to 2. Rows stand in the order of their mean rank.",
    "<b>Detectable</b>: the smallest true difference to another system that this many units would show in "
    "80 % of repetitions.",
    "<b>Outcomes</b>: samples whose data is broken (invalid), whose model could not be reached "
    "(infrastructure) or whose adapter raised an error have no score; they are missing, not 0.",
)


def to_html(summaries: Sequence[Summary]) -> str:
    """Write the page.

    Args:
        summaries: any runs; those that may not be compared get sections of their own.

    Returns:
        A complete HTML document; with no runs it says so.
    """
    files = resources.files("tml_bench.report")
    style = files.joinpath("page.css").read_text("utf-8")
    script = files.joinpath("page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    groups = tables(summaries)
    title = _e(", ".join(dict.fromkeys(t.title for t in groups)) or "No runs")
    sections = "".join(_section(t, k) for k, t in enumerate(groups)) or "<p>There are no runs to show.</p>"
    reading = "".join(f"<li>{line}</li>" for line in _READING)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title} · tml-bench</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<header>\n<h1>tml-bench report</h1>\n"
        '<p class="soft">What a realtime voice model says and when. '
        f'<a href="#reading">How to read this page</a></p>\n{_contents(groups)}</header>\n'
        f'<main>\n{sections}\n<section id="reading">\n<h2>How to read this page</h2>\n<ul>{reading}</ul>\n'
        f"</section>\n</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _e(text: str) -> str:
    return html.escape(plain(text), quote=True)


def _contents(groups: Sequence[LeaderboardTable]) -> str:
    """Links to the tables, where there are several."""
    if len(groups) < 2:
        return ""
    links = "".join(
        f'<li><a href="#t{k}">{_e(t.title)}</a> <small>{_e(t.summaries[0].facts.dataset)}, '
        f"{_count(len(t.measured) + len(t.reference), 'adapter')}</small></li>"
        for k, t in enumerate(groups)
    )
    return f'<nav aria-label="Tables"><ul class="contents">{links}</ul></nav>\n'


def _section(table: LeaderboardTable, k: int) -> str:
    facts = "".join(f"<li>{_e(h)}</li>" for h in table.holds)
    caveats = "".join(f'<p class="caveat">Note: {_e(c)}</p>' for c in table.caveats)
    return "\n".join(
        part
        for part in (
            f'<section aria-labelledby="t{k}">\n<h2 id="t{k}">{_e(table.title)}</h2>',
            f'<p>{_e(_summary(table))}</p><ul class="facts">{facts}</ul>{caveats}',
            _board(table),
            _legend(table),
            _published(table),
            _pairs(table),
            *(_details(table, s) for s in dict.fromkeys(m.subset for m in table.summaries[0].metrics)),
            _measures(table),
            _outcomes(table),
            _not_run(table),
            _versions(table),
            "</section>",
        )
        if part
    )


def _summary(table: LeaderboardTable) -> str:
    first = table.summaries[0]
    samples = sum(o.samples for o in first.outcomes)
    return (
        f"{_count(len(table.measured), 'model')} and {_count(len(table.reference), 'reference adapter')} on "
        f"{_count(samples, 'sample')} of {', '.join(o.subset for o in first.outcomes)}."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _name(text: str) -> str:
    """A name that may be broken after its separators."""
    return re.sub(r"([/:_.])", r"\1<wbr>", _e(text))


def _table(caption: str, heads: str, body: str, *, kind: str = "") -> str:
    """A scrolling frame with a table in it; ``heads`` and ``body`` are rows."""
    return (
        f'<div class="scroll {kind}" role="region" aria-label="{_e(caption)}" tabindex="0">'
        f'<table class="sortable {kind}"><caption>{_e(caption)}</caption>'
        f"<thead>{heads}</thead>{body}</table></div>"
    )


def _plain_table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """A table of texts; the first of each row is its head."""
    top = "".join(f'<th scope="col" class="text">{_e(h)}</th>' for h in heads)
    body = "".join(
        f'<tr><th scope="row">{_name(first)}</th>{"".join(f"<td class=text>{_e(c)}</td>" for c in rest)}</tr>'
        for first, *rest in rows
    )
    return _table(caption, f"<tr>{top}</tr>", f"<tbody>{body}</tbody>", kind=kind)


def _number(value: float | None, unit: str) -> str:
    return f'<td data-v="{"" if value is None else f"{value:.9g}"}">{number(value, unit)}</td>'


def _board(table: LeaderboardTable) -> str:
    subsets = [s for s, _ in table.columns]
    groups = "".join(
        f'<th scope="colgroup" class="group" colspan="{subsets.count(s)}">{_e(s)}</th>'
        for s in dict.fromkeys(subsets)
    )
    columns = "".join(
        f'<th scope="col" title="{_e(m.describes)}">{_e(head(m))}</th>' for _, m in table.columns
    )
    heads = (
        f'<tr><td colspan="2"></td>{groups}</tr>'
        f'<tr><th scope="col" class="name text">adapter</th><th scope="col">scored</th>{columns}</tr>'
    )
    rows = (*table.measured, *table.reference)
    axes = [
        scale(m.unit, [r.cells[k].estimate for r in rows], table.baselines[k])
        for k, (_, m) in enumerate(table.columns)
    ]
    measured = "".join(_board_row(r, axes, "") for r in table.measured)
    reference = "".join(
        _board_row(r, axes, "<br><small>reference, sees the answers</small>") for r in table.reference
    )
    units = [m.unit for _, m in table.columns]
    floors = "".join(
        f"<td>{number(b.floor, u)}<span class=range>{_e(b.floor_by)}</span></td>"
        for b, u in zip(table.baselines, units, strict=True)
    )
    ceilings = "".join(
        f"<td>{number(b.ceiling, u)}</td>" for b, u in zip(table.baselines, units, strict=True)
    )
    foot = (
        f'<tfoot><tr><th scope="row">floor <small>best blind</small></th><td class=narrow></td>{floors}</tr>'
        f'<tr><th scope="row">ceiling <small>ideal</small></th><td class=narrow></td>{ceilings}</tr></tfoot>'
    )
    body = f"<tbody>{measured}</tbody>"
    body += f'<tbody class="reference">{reference}</tbody>' if reference else ""
    return _table("Leaderboard: mean, 95 % interval and rank", heads, body + foot, kind="board")


def _board_row(row: LeaderboardRow, axes: Sequence[tuple[float, float]], remark: str) -> str:
    cells = "".join(
        f'<td data-v="{"" if m.estimate.mean is None else f"{m.estimate.mean:.9g}"}">'
        f"<b>{number(m.estimate.mean, m.metric.unit)}</b>{_mark(m.standing)}"
        f'<span class="range">{interval(m.estimate.low, m.estimate.high, m.metric.unit)}</span>'
        f'{bar(m.estimate, m.baseline, axis)}<span class="rank">{rank(r)}</span></td>'
        for m, r, axis in zip(row.cells, row.ranks, axes, strict=True)
    )
    scored = f'<td class="narrow" data-v="{row.scored}">{row.scored}/{row.samples}</td>'
    return f'<tr><th scope="row">{_name(row.label)}{remark}</th>{scored}{cells}</tr>'


def _mark(standing: Standing) -> str:
    """The sign beside a number; its meaning is told to screen readers and on hovering."""
    if standing not in _BADGES:
        return ""
    text = _e(LEGEND[standing])
    return f' <span class="mark" role="img" aria-label="{text}" title="{text}">{MARKS[standing]}</span>'


def _badge(standing: Standing) -> str:
    return f'<span class="badge">{_BADGES[standing]}</span>' if standing in _BADGES else ""


def _legend(table: LeaderboardTable) -> str:
    example = bar(
        Estimate(0.55, 0.4, 0.7, None, None, 1, 1), Baseline("", "", 0.15, "", 0.92, {}), (0.0, 1.0)
    )
    shown = {m.standing for row in (*table.measured, *table.reference) for m in row.cells}
    marks = "".join(
        f'<li><span class="badge">{_BADGES[s]}</span> {_e(LEGEND[s])}</li>' for s in LEGEND if s in shown
    )
    return (
        f'<ul class="legend"><li>{example}dot: mean; band: 95 % interval; dashed line: floor; '
        f"solid line: ceiling</li><li>↑ higher is better, ↓ lower is better</li>{marks}</ul>"
    )


def _published(table: LeaderboardTable) -> str:
    rows = published_rows(table)
    if not rows:
        return ""
    caption = "Numbers printed elsewhere, on the whole official set; we did not measure them"
    heads = ["system", *column_heads(table), "source"]
    return f"<h3>Reported by others</h3>{_plain_table(caption, heads, rows, kind='published')}"


def _pairs(table: LeaderboardTable) -> str:
    rows = pair_rows(table)
    if not rows:
        return ""
    caption = (
        "Differences on the samples both have a value for; p values corrected over all pairs of a measure"
    )
    grid = _plain_table(caption, PAIR_HEADS, rows)
    return f"<details><summary>Paired comparisons</summary>{grid}</details>"


def _details(table: LeaderboardTable, subset: str) -> str:
    heads = (
        '<tr><th scope="col" class="text">measure</th><th scope="col" class="text">adapter</th>'
        + "".join(
            f'<th scope="col">{h}</th>'
            for h in ("mean", "95 % interval", "std", "n", "units", "floor", "ceiling", "detectable")
        )
        + '<th scope="col" class="text">standing</th><th scope="col" class="text">missing</th></tr>'
    )
    runs = (*table.measured, *table.reference)
    names = [m.metric.name for m in table.summaries[0].metrics if m.subset == subset]
    rows = "".join(
        _detail_row(row, m)
        for name in names
        for row in runs
        for m in row.summary.metrics
        if m.subset == subset and m.metric.name == name
    )
    return (
        f"<h3>{_e(subset)}</h3>"
        + _table(f"All measures of {subset}", heads, f"<tbody>{rows}</tbody>")
        + _blind(table, subset)
    )


def _detail_row(row: LeaderboardRow, m: MetricSummary) -> str:
    unit, e, b = m.metric.unit, m.estimate, m.baseline
    missing = "; ".join(f"{n}: {reason}" for reason, n in m.missing.items())
    by = f", judged by {judged_by(row.summary, m.metric)}" if m.metric.judged else ""
    name = (
        f'<th scope="row">{_e(head(m.metric))}<br>'
        f"<small>{_e(m.metric.family)}, version {m.metric.version}{_e(by)}</small></th>"
    )
    floor_by = f"<br><small>{_e(b.floor_by)}</small>" if b.floor_by else ""
    return (
        f'<tr>{name}<td class="text">{_name(row.label)}</td>{_number(e.mean, unit)}'
        f'<td class="tight">{interval(e.low, e.high, unit) or NOTHING}</td>'
        f'{_number(e.std if m.metric.spread else None, unit)}<td data-v="{e.n}">{e.n}</td>'
        f'<td data-v="{e.n_units}">{e.n_units}</td>'
        f"<td>{number(b.floor, unit)}{floor_by}</td>{_number(b.ceiling, unit)}{_number(e.detectable, unit)}"
        f'<td class="text">{_badge(m.standing) or _standing_text(m.standing)}</td>'
        f'<td class="text">{_e(missing)}</td></tr>'
    )


def _standing_text(standing: Standing) -> str:
    return "above floor" if standing is Standing.ABOVE else NOTHING


def _blind(table: LeaderboardTable, subset: str) -> str:
    found = [m for m in table.summaries[0].metrics if m.subset == subset and m.baseline.blind]
    if not found:
        return ""
    rows = [
        [strategy, *(number(m.baseline.blind[strategy], m.metric.unit) for m in found)]
        for strategy in found[0].baseline.blind
    ]
    heads = ["strategy", *(head(m.metric) for m in found)]
    grid = _plain_table(f"What every blind strategy reaches on {subset}", heads, rows)
    return f"<details><summary>Blind strategies</summary>{grid}</details>"


def _measures(table: LeaderboardTable) -> str:
    metrics = {m.metric.name: m.metric for m in table.summaries[0].metrics}.values()
    rows = [[head(m), m.describes, m.family, str(m.version), m.kind, m.name] for m in metrics]
    heads = ["measure", "what it is", "family", "version", "kind", "name"]
    return "<h3>Measures</h3>" + _plain_table("What every measure is", heads, rows)


def _outcomes(table: LeaderboardTable) -> str:
    runs = (*table.measured, *table.reference)
    rows = [line for r in runs for line in outcome_rows(r)]
    reasons = [line for r in runs for line in reason_rows(r)]
    parts = ["<h3>Outcomes</h3>", _plain_table("How the samples ended", OUTCOME_HEADS, rows)]
    if reasons:
        parts.append(_plain_table("Reasons and notes", REASON_HEADS, reasons))
    return "".join(parts)


def _not_run(table: LeaderboardTable) -> str:
    found = table.summaries[0].not_run
    if not found:
        return ""
    grid = _plain_table("Measures of the protocol that are not computed", ["measure", "why"], found.items())
    return f"<h3>Not run</h3>{grid}"


def _versions(table: LeaderboardTable) -> str:
    rows = [
        [
            r.summary.facts.run,
            r.summary.facts.adapter,
            r.summary.facts.tml_bench,
            ", ".join(r.summary.facts.perceivers),
            str(r.summary.facts.seed),
            r.summary.facts.created,
            r.summary.facts.machine,
            "; ".join(filter(None, [judge_line(r.summary), *agreement_lines(r.summary)])),
        ]
        for r in (*table.measured, *table.reference)
    ]
    heads = ["run", "adapter", "tml-bench", "perceived by", "seed", "created", "machine", "judge"]
    return "<h3>Runs and versions</h3>" + _plain_table("How each run was made", heads, rows)
