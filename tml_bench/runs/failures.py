"""What is shown of samples that did not end valid: equal failures are shown a few times, then counted."""

import re
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from tml_bench.outcome import Outcome
from tml_bench.runs.jobs import JobResult

SHOWN = 3
"""How many equal failures are shown one by one."""

_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(slots=True)
class FailureLog:
    """Failures of the samples of several runs; those are equal that are `alike`."""

    _shown: Counter[tuple[str, Outcome, str]] = field(default_factory=Counter)
    _last: dict[Hashable, tuple[str, str, JobResult]] = field(default_factory=dict)

    def line(self, key: Hashable, adapter: str, sample: str, result: JobResult, more: str = "") -> str:
        """Take how an attempt at a sample of a run, told by the key, has ended.

        Returns:
            What to show of it, and ``more``; empty when it is valid or there were enough of its like.
        """
        if result.outcome is Outcome.VALID:
            self._last.pop(key, None)
            return ""
        self._last[key] = adapter, sample, result
        like = _like(adapter, result)
        self._shown[like] += 1
        if self._shown[like] > SHOWN:
            return ""
        rest = "; more like it are counted at the end" if self._shown[like] == SHOWN else ""
        return f"{sample}: {result.outcome}: {result.reason}{more}{rest}"

    def lines(self) -> Iterator[str]:
        """One line for samples whose last attempts failed alike: one of them, how many others, a remedy."""
        groups: dict[tuple[str, Outcome, str], list[tuple[str, str, JobResult]]] = {}
        for last in self._last.values():
            groups.setdefault(_like(last[0], last[2]), []).append(last)
        for equal in groups.values():
            adapter, sample, result = equal[0]
            others = f" and {len(equal) - 1} more like it" if len(equal) > 1 else ""
            remedy = result.outcome.remedy(result.reason)
            yield f"{adapter}: {result.outcome}: {result.reason}: {sample}{others}; {remedy}"


def _like(adapter: str, result: JobResult) -> tuple[str, Outcome, str]:
    return adapter, result.outcome, alike(result.reason)


def alike(reason: str) -> str:
    """What reasons have in common that differ in numbers only."""
    return _NUMBERS.sub("#", reason)
