"""What a front and the background model behind it took, in words; one wording for all writers."""

from collections.abc import Sequence
from statistics import median

import msgspec

from tml_bench.scoring.summary import Summary


def split_line(s: Summary) -> str:
    """Medians of the front's times and of the background model's, apart; empty where there was none."""
    if isinstance(s.split, msgspec.UnsetType):
        return ""
    t = s.split
    front = (
        _said("replies", t.replies, "after the user"),
        _said("asks", t.asks, "after the user"),
        _said("tells an answer", t.tells, "after it has it"),
    )
    functions = f", {median(t.functions):.2f} s of it functions" if any(t.functions) else ""
    whole = f"its answer after {median(t.answers):.2f} s{functions}" if t.answers else ""
    background = _said("begins", t.first_words, "after it is asked"), whole
    counts = [f"{len(t.answers)} of {t.asked} requests answered"]
    counts += [f"{n} {how}" for n, how in ((t.failed, "failed"), (t.cancelled, "cancelled")) if n]
    sides = ("front", front), ("background model", background)
    told = [f"{who}: {', '.join(filter(None, said))}" for who, said in sides if any(said)]
    return f"{'; '.join(told)} (medians; {', '.join(counts)})"


def _said(what: str, times: Sequence[float], after: str) -> str:
    return f"{what} {median(times):.2f} s {after}" if times else ""
