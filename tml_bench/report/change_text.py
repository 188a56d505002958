"""Changes between two sets of runs in the terminal, in 80 columns; nothing printed is obeyed by it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tml_bench.report.changes import SIGNIFICANT, ResultsChange, ScoreChange, TaskChange
from tml_bench.report.grids import NOTHING, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 80
HEADS: tuple[str, ...] = ("first", "second", "change", "95 % interval", "A-A", "p", "MDD", "n")
_LEGEND = (
    "change: second minus first on the samples of both; A-A: the same system against itself, between epochs; "
    "p: paired, after Holm; MDD: minimum detectable difference; ▲ better, ▼ worse, at p ≤ 0.05."
)


def print_changes(
    found: ResultsChange, *, samples: int = 3, headline: bool = False, console: Console | None = None
) -> None:
    """Print the score of each task, then what has no partner, then the samples that changed most.

    Args:
        found: the changes.
        samples: as many samples of each task.
        headline: the headline metrics too, below each task.
        console: where to; standard output when None.
    """
    from rich.console import Console as RichConsole

    paper = console or RichConsole()

    def line(text: str, style: str | None = None) -> None:
        paper.print(plain(text), style=style, markup=False, emoji=False, highlight=False, width=WIDTH)

    if found.tasks:
        paper.print(change_grid([(_name(found, task), task.score) for task in found.tasks]), width=WIDTH)
        line(_LEGEND, "dim")
    for note in _notes(found):
        line(note)
    for task in found.tasks:
        if headline and task.headline:
            line("")
            line(f"{_name(found, task)}: headline metrics", "bold")
            paper.print(change_grid([(f"{m.subset}: {m.metric}", m) for m in task.headline]), width=WIDTH)
        if samples and task.changed:
            line("")
            line(
                f"{_name(found, task)}: {len(task.changed)} of {task.score.n} samples changed, most:", "bold"
            )
            for text in sample_lines(task, samples):
                # The terminal breaks it, so that a link is copied as a whole.
                paper.print(plain(text), soft_wrap=True, markup=False, emoji=False, highlight=False)


def figures(score: ScoreChange) -> str:
    """A change in one line: from, to, difference, interval, A against A where it is known, p and n."""
    unit = f" {score.unit}" if score.unit else ""
    span = (
        f" [{shown_number(score.low, score.unit)}, {shown_number(score.high, score.unit)}]"
        if _known(score)
        else ""
    )
    p = "" if score.p_holm is None else f", p {chance(score.p_holm)}"
    same = "" if score.itself is None else f", A-A {shown_number(score.itself, score.unit)}"
    return (
        f"{shown_number(score.before, score.unit)} to {shown_number(score.after, score.unit)}{unit}, "
        f"change {signed(score.change, score.unit)}{span}{same}{p}, n {score.n}"
    )


def sample_lines(task: TaskChange, most: int) -> Iterator[str]:
    """The command that shows the samples that changed most, then each with its values and its link."""
    yield f"  tml-bench view {shlex.quote(task.before_run)} {shlex.quote(task.after_run)}"
    for one in task.changed[:most]:
        before, after = (shown_number(x, task.score.unit) for x in (one.before, one.after))
        yield f"  {before:>7} to {after:>7}  {one.sample}  {one.link}"


def _name(found: ResultsChange, task: TaskChange) -> str:
    """The task, with what spoke or the data where several pairs are of one task."""
    if sum(other.task == task.task for other in found.tasks) == 1:
        return task.task
    own = [other.dataset for other in found.tasks if other.task == task.task]
    data = f" {task.dataset}" if len(set(own)) > 1 else ""
    return f"{task.task}{data} ({task.after_adapter})"


def _notes(found: ResultsChange) -> Iterator[str]:
    without: dict[str, list[str]] = {}
    for task in found.tasks:
        if task.score.change and task.score.no_interval:
            without.setdefault(needed(task.score.no_interval), []).append(_name(found, task))
    yield from (f"no interval: {reason}: {', '.join(names)}." for reason, names in without.items())
    unknown: dict[str, list[str]] = {}
    for task in found.tasks:
        if task.score.no_itself:
            unknown.setdefault(task.score.no_itself, []).append(_name(found, task))
    for reason, names in unknown.items():
        yield f"{reason}." if len(names) == len(found.tasks) else f"{reason}: {', '.join(names)}."
    for task in found.tasks:
        name = _name(found, task)
        if task.lost:
            yield f"{name}: {task.lost} of {task.samples} samples of the second run have no valid outcome."
        if task.score.change is None:
            yield f"{name}: the runs have no sample in common that has a score."
    for alone in found.alone:
        yield f"not compared: {alone.run} ({'first' if alone.first else 'second'}): {alone.why}."


def change_grid(rows: Sequence[tuple[str, ScoreChange]], heads: Sequence[str] = HEADS) -> Table:
    """Changes as a table for a terminal of 80 columns, each with its name."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0)
    shown.add_column("", overflow="fold", min_width=18)
    for head in heads:
        shown.add_column(head, justify="right", no_wrap=True)
    for name, score in rows:
        mark = _mark(score)
        shown.add_row(
            Text(plain(name)),
            shown_number(score.before, score.unit),
            shown_number(score.after, score.unit),
            Text(signed(score.change, score.unit) + mark, {"▲": "green", "▼": "red"}.get(mark.strip(), "")),
            f"{shown_number(score.low, score.unit)}, {shown_number(score.high, score.unit)}"
            if _known(score)
            else NOTHING,
            shown_number(score.itself, score.unit),
            chance(score.p_holm),
            shown_number(score.detectable, score.unit),
            str(score.n),
        )
    return shown


def _known(score: ScoreChange) -> bool:
    return score.low is not None and score.high is not None


def _mark(score: ScoreChange) -> str:
    if score.p_holm is None or score.p_holm > SIGNIFICANT or not score.gain:
        return "  "
    return " ▲" if score.gain > 0 else " ▼"


def needed(reason: str) -> str:
    """Why there is no interval, without how many units or samples there are."""
    return re.sub(r"\(\d+, (\d+ needed)\)", r"(\1)", reason)


def chance(p: float | None) -> str:
    """A p value."""
    if p is None:
        return NOTHING
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def shown_number(value: float | None, unit: str) -> str:
    """A value in its unit, shares in % with 1 decimal."""
    if value is None:
        return NOTHING
    if unit == "%":
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) < 9.9995 else f"{value:.2f}"


def signed(value: float | None, unit: str) -> str:
    """A change, with its sign."""
    return NOTHING if value is None else ("+" if value > 0 else "") + shown_number(value, unit)
