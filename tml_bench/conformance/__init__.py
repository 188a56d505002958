"""Whether an adapter, a wire server or a task does what a run will ask of it, and what a case found."""

from dataclasses import dataclass
from enum import StrEnum


class CaseVerdict(StrEnum):
    """How a case ended."""

    PASS = "pass"
    """As it should be."""
    WARNING = "warning"
    """As it may be, but hardly as it was meant."""
    FAIL = "fail"
    """Not as it should be, or not as claimed."""
    SKIPPED = "skipped"
    """Not claimed, or not to be had of this kind of adapter."""


@dataclass(frozen=True, slots=True)
class CaseFinding:
    """What a case found of an adapter or a task, as given or as derived from an address.

    ``detail`` is what was seen, ``remedy`` what to do about it, empty when nothing.
    """

    subject: str
    case: str
    verdict: CaseVerdict
    detail: str
    remedy: str = ""
