"""What a check found, in a file that programs read: ``tml-bench check-adapter --json FILE``."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tml_bench.conformance import CaseFinding, CaseVerdict
from tml_bench.conformance.subjects import CheckedSubject
from tml_bench.files import write_output
from tml_bench.redact import redacted

SCHEMA = "tml-bench/check/1.0"
"""Name and version of the format; new fields raise the second number, changed or removed ones the first."""


class SubjectEntry(msgspec.Struct, frozen=True):
    """What was checked.

    Attributes:
        adapter: as ``run`` takes it.
        mode: ``lockstep`` or ``realtime``.
        kind: ``step``, ``live`` or ``wire``.
        claims: what it says it can do, in order.
        identity: what the model says of itself.
        unchecked: modes of its server that were not checked.
    """

    adapter: str
    mode: str
    kind: str
    claims: tuple[str, ...]
    identity: dict[str, str]
    unchecked: tuple[str, ...]


class CaseEntry(msgspec.Struct, frozen=True):
    """How a case ended; the fields are those of ``conformance.CaseFinding``, its subject by ``adapter``."""

    adapter: str
    mode: str
    case: str
    verdict: str
    detail: str
    remedy: str
    sent: tuple[str, ...]
    duration_s: float
    waited_s: float


class CheckReport(msgspec.Struct, frozen=True):
    """The whole file.

    Attributes:
        schema: name and version of this format.
        tml_bench: version that wrote it.
        checked: as given on the command line.
        complete: False when the check was stopped before its end.
        exit_code: of the command.
        counts: how many cases had each verdict.
        subjects: what was checked.
        cases: in the order in which they ran.
    """

    schema: str
    tml_bench: str
    checked: str
    complete: bool
    exit_code: int
    counts: dict[str, int]
    subjects: tuple[SubjectEntry, ...]
    cases: tuple[CaseEntry, ...]


def report_of(
    checked: str, subjects: Sequence[CheckedSubject], findings: Sequence[CaseFinding], *, complete: bool
) -> CheckReport:
    """The report of what was found of the subjects."""
    from tml_bench import __version__

    counts = Counter(finding.verdict for finding in findings)
    ended = 0 if not counts[CaseVerdict.FAIL] else 1
    return CheckReport(
        SCHEMA,
        __version__,
        redacted(checked),
        complete,
        ended if complete else 130,
        {verdict.value: counts[verdict] for verdict in CaseVerdict},
        tuple(
            SubjectEntry(
                redacted(s.spec), s.mode, s.kind, tuple(sorted(s.claims - {s.mode})), s.identity, s.others
            )
            for s in subjects
        ),
        tuple(
            CaseEntry(
                f.subject, f.mode, f.case, f.verdict.value, f.detail, f.remedy, f.sent,
                round(f.duration_s, 3), round(f.waited_s, 3),
            )
            for f in findings
        ),
    )  # fmt: skip


def write_check_report(path: Path, report: CheckReport) -> None:
    """Write the report. Raises OSError as `files.write_output`."""
    write_output(path, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
