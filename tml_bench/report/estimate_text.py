"""What runs would take, as text of at most 80 columns. Money never stands without the day of its prices."""

import textwrap
from collections.abc import Iterator, Sequence

from tml_bench.report.cost_lines import amount_text
from tml_bench.report.grids import NOTHING, plain
from tml_bench.runs.estimates import EXPECTED, RunEstimate, together_s

WIDTH = 80
_TASK, _WIDTHS = 28, (6, 5, 8, 7, 6, 6, 7, 7)
_HEADS = (
    ("to do", "done", "min", "min", "tok", "tok", "time", "cost"),
    ("", "", "sent", "given", "in", "out", "", ""),
)


def estimate_lines(estimates: Sequence[RunEstimate]) -> list[str]:
    """A table for each adapter, then a total and what is not in it; a sentence where nothing is to run."""
    if not estimates:
        return ["There is nothing to run."]
    lines: list[str] = []
    adapters = list(dict.fromkeys(one.adapter for one in estimates))
    for adapter in adapters:
        lines += _adapter([one for one in estimates if one.adapter == adapter])
    if len(adapters) > 1:
        lines += [_row("all of it", estimates, together_s(estimates)), ""]
    return [*lines, *_notes(estimates)]


def _adapter(own: Sequence[RunEstimate]) -> Iterator[str]:
    first = own[0]
    about = [first.model, f"{first.currency} at prices of {first.as_of}" if first.as_of else "no price known"]
    said = ", ".join(filter(None, about)) if first.live else "runs here"
    yield from textwrap.wrap(f"{plain(first.adapter)}: {said}", WIDTH, subsequent_indent="  ")
    for heads in _HEADS:
        yield _cells("", heads)
    for one in own:
        yield _row(f"  {plain(one.task)}", [one], one.wall_s)
    if len(own) > 1:
        yield _row("  together", own, together_s(own))
    yield ""


def _row(name: str, some: Sequence[RunEstimate], wall_s: float | None) -> str:
    about = "~" if any(one.rough for one in some) else ""
    tokens = [one.usage for one in some if one.usage.input_tokens or one.usage.output_tokens]
    done = sum(one.done for one in some)
    cells = (
        str(sum(one.sessions for one in some)),
        str(done) if done else "",
        about + _minutes(sum(one.user_s for one in some)),
        about + _minutes(sum(one.model_s for one in some)),
        _count(sum(usage.input_tokens for usage in tokens)) if tokens else NOTHING,
        _count(sum(usage.output_tokens for usage in tokens)) if tokens else NOTHING,
        NOTHING if wall_s is None else _time(wall_s),
        _cost(some),
    )
    return _cells(name, cells)


def _cells(name: str, cells: Sequence[str]) -> str:
    row = "".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return (name[:_TASK].ljust(_TASK) + row).rstrip()


def _cost(some: Sequence[RunEstimate]) -> str:
    """What they cost together; with a plus where a service among them has no price."""
    costs = [one.cost for one in some if one.cost is not None]
    if not costs:
        return NOTHING
    more = "+" if any(one.cost is None and one.live and one.sessions for one in some) else ""
    return amount_text(sum(costs)).replace(",", "") + more


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}" if seconds < 60_000 else f"{seconds / 60:.0f}"


def _count(n: int) -> str:
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if n >= unit:
            return f"{n / unit:.1f}{name}" if n < 100 * unit else f"{n / unit:.0f}{name}"
    return str(n)


def _time(seconds: float) -> str:
    if seconds >= 5940:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} m" if seconds >= 60 else f"{seconds:.0f} s"


def _notes(estimates: Sequence[RunEstimate]) -> Iterator[str]:
    measured = sorted({one.basis for one in estimates} - {EXPECTED})
    notes = (
        (
            any(one.basis == EXPECTED for one in estimates),
            "What the model gives, and the tokens, are what the task expects of it; a talkative model takes "
            "more. Nothing is taken to be cached.",
        ),
        (
            bool(measured),
            f"What the model gives and takes is as in {' and '.join(measured)} of the same adapter.",
        ),
        (
            any(one.video_s and one.as_of for one in estimates),
            "Tokens and cost are without the frames of videos.",
        ),
        (
            any(one.rough for one in estimates),
            "~ How long the official data is, is not known: sessions are taken to be as long as those of the "
            "mini set.",
        ),
        (
            any(one.cost is not None for one in estimates),
            "Prices may have changed since their day; --prices FILE brings your own.",
        ),
    )
    for text in (*_judging(estimates), *(text for holds, text in notes if holds)):
        yield from textwrap.wrap(text, WIDTH)


def _judging(estimates: Sequence[RunEstimate]) -> Iterator[str]:
    asked = [one for one in estimates if one.judge_tokens]
    if not asked:
        return
    calls, tokens = sum(one.judge_calls for one in asked), sum(one.judge_tokens for one in asked)
    costs = [one.judge_cost for one in asked if one.judge_cost is not None]
    money = "no price known"
    if len(costs) == len(asked):
        days = ", ".join(sorted({one.judge_as_of for one in asked}))
        money = f"{amount_text(sum(costs))} {asked[0].currency} at prices of {days}"
    yield (
        f"The judge would be called {calls:,} times: {_count(tokens)} tokens, {money}; floors and ceilings "
        "take more, what is cached takes nothing."
    )
