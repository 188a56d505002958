"""What a report says of faults of simulated users: how many sessions have no score for them, and which."""

from collections.abc import Iterable

from tml_bench.outcome import Outcome
from tml_bench.report.grids import Grid, text_grid
from tml_bench.scoring.summary import Summary

_HEADS = ("adapter", "subset", "sample", "at", "kind", "what the user said", "what is wrong", "found by")


def user_fault_remark(s: Summary) -> str:
    """How many sessions have no score because of their user; empty for none."""
    n = sum(o.counts.get(Outcome.USER_FAULT, 0) for o in s.outcomes)
    return f"{n} user fault{'s' if n > 1 else ''}" if n else ""


def user_fault_grids(runs: Iterable[tuple[str, Summary]]) -> list[Grid]:
    """Every faulty line of runs with their labels; nothing where there is none."""
    found = [
        [label, f.subset, f.sample, f"{f.at_s:.1f} s", f.kind.value, f.text, f.reason, f.by]
        for label, summary in runs
        for f in summary.user_faults or ()
    ]
    caption = "Faults of the simulated user: their sessions have no score, and the model is not to blame"
    return [text_grid(caption, _HEADS, found, "Faults of the simulated user")] if found else []
