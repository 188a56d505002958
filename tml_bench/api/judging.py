"""Who judges, as given from outside."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tml_bench.api.progress import Progress
from tml_bench.judges.spec import CACHE_NAME, RULES, JudgeSetup


class JudgeOptions(NamedTuple):
    """A judge with its cache and its budget.

    Attributes:
        spec: ``rules``, ``openai:model=NAME,OPTION=VALUE,...`` or ``human:SHEET.csv``.
        cache: where answers of language models are kept; ``judge-cache.sqlite`` beside the runs when None.
        calls: at most so many calls; 0 takes answers from the cache alone, None sets no limit.
        tokens: at most so many tokens.
    """

    spec: str = RULES
    cache: Path | None = None
    calls: int | None = None
    tokens: int | None = None


def judging_by(judge: str | JudgeOptions, beside: Path, shown: Progress) -> JudgeSetup:
    """The judging, with its cache in the folder ``beside`` unless the options say where.

    Raises:
        UserError: there is no such judge, or its options do not fit.
    """
    spec, cache, calls, tokens = JudgeOptions(judge) if isinstance(judge, str) else judge
    setup = JudgeSetup(spec, cache or beside / CACHE_NAME, calls, tokens)
    if setup.warning:
        shown.warn(setup.warning)
    return setup
