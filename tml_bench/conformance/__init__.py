"""Whether an adapter, a wire server or a task does what a run will ask of it, and what a case found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class CaseVerdict(StrEnum):
    """How a case ended."""

    PASS = "pass"
    """As it should be."""
    WARNING = "warning"
    """As it may be, but hardly as it was meant."""
    FAIL = "fail"
    """Not as it should be, or not as claimed."""
    SKIPPED = "skipped"
    """Not claimed, not tried, or not to be had of this kind of adapter; the detail says which."""


class CaseResult(NamedTuple):
    """Verdict, what was seen, what to do about it, and what went out that the verdict rests on."""

    verdict: CaseVerdict
    detail: str
    remedy: str = ""
    sent: tuple[str, ...] = ()


def passed(detail: str, *sent: str) -> CaseResult:
    """It is as it should be."""
    return CaseResult(CaseVerdict.PASS, detail, "", sent)


def warned(detail: str, remedy: str, *sent: str) -> CaseResult:
    """It may be so, but was hardly meant so."""
    return CaseResult(CaseVerdict.WARNING, detail, remedy, sent)


def failed(detail: str, remedy: str, *sent: str) -> CaseResult:
    """It is not as it should be."""
    return CaseResult(CaseVerdict.FAIL, detail, remedy, sent)


def skipped(detail: str, remedy: str = "") -> CaseResult:
    """It was not tried, or proves nothing."""
    return CaseResult(CaseVerdict.SKIPPED, detail, remedy)


@dataclass(frozen=True, slots=True)
class CaseFinding:
    """What a case found of an adapter or a task.

    Attributes:
        subject: what was checked, as given or as derived from an address.
        case: its name.
        verdict: how it ended.
        detail: what was seen.
        remedy: what to do about it; empty when nothing.
        mode: ``lockstep`` or ``realtime``; empty for a task.
        sent: what went out that the verdict rests on.
        duration_s: how long the case took, waiting for a slot included.
        waited_s: how much of that was waiting for a slot.
    """

    subject: str
    case: str
    verdict: CaseVerdict
    detail: str
    remedy: str = ""
    mode: str = ""
    sent: tuple[str, ...] = ()
    duration_s: float = 0.0
    waited_s: float = 0.0
