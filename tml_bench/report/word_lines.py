"""What is said of a run's words: where they come from, and whether its transcript is what was heard."""

from collections.abc import Sequence

import msgspec

from tml_bench.report.grids import interval, number, plain
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.transcript_check import TranscriptCheck

MISMATCH = "transcript does not match its audio"
SCORED = "scored by recognised words"


def checked(s: Summary) -> TranscriptCheck | None:
    """How far a run's transcripts are from its audio; None where that was not asked."""
    return None if isinstance(s.transcript_check, msgspec.UnsetType) else s.transcript_check


def mismatch(s: Summary) -> bool:
    """Whether a run's transcript does not match its audio."""
    check = checked(s)
    return check is not None and check.mismatch


def transcript_line(s: Summary) -> str:
    """How far a run's transcripts are from its audio; empty where that was not asked."""
    c = checked(s)
    if c is None:
        return ""
    if c.missing:
        return f"{f'{MISMATCH}, {SCORED}' if c.mismatch else 'transcript not checked'}: {c.missing}"
    rate = " ".join(filter(None, (number(c.rate, "%"), interval(c.low, c.high, "%"))))
    line = (
        f"word error rate of its transcript against its audio: {rate} % "
        f"(n {c.n} of {c.of} recordings{'; ' * bool(c.no_interval)}{c.no_interval})"
    )
    return f"{MISMATCH}, {SCORED}: {line}" if c.mismatch else line


def words_line(s: Summary) -> str:
    """Where a run's words come from, by recordings, and what came late; empty where nobody said."""
    if isinstance(s.word_report, msgspec.UnsetType):
        return ""
    sources = ", ".join(f"{source} {n}" for source, n in s.word_report.sources.items())
    late = late_line(s)
    return f"words by recording: {sources or 'none'}{'; ' * bool(late)}{late}"


def late_line(s: Summary) -> str:
    """How much of a run's transcript came late; empty for none."""
    if isinstance(s.word_report, msgspec.UnsetType) or not s.word_report.late:
        return ""
    pieces, recordings = s.word_report.late, s.word_report.late_recordings
    return (
        f"{pieces} piece{'s' * (pieces > 1)} of transcript in {recordings} recording{'s' * (recordings > 1)} "
        "came more than 3 s after the audio"
    )


def doubts(summaries: Sequence[Summary]) -> list[str]:
    """For the terminal: runs whose transcript is not what was heard, late, or could not be checked."""
    said: list[str] = []
    unchecked: dict[str, dict[str, None]] = {}
    for s in summaries:
        where = f"{s.facts.adapter} ({s.facts.task})"
        check = checked(s)
        if check is not None and check.mismatch:
            rate = "none of it heard" if check.rate is None else f"{100 * check.rate:.0f} % of words wrong"
            said.append(f"{where}: {MISMATCH} ({rate}): {SCORED}")
        elif check is not None and ("install" in check.missing or "TML_BENCH_WHISPER" in check.missing):
            unchecked.setdefault(check.missing, {})[s.facts.adapter] = None
        if late := late_line(s):
            said.append(f"{where}: {late}")
    said += (f"transcript not checked: {', '.join(who)}: {why}" for why, who in unchecked.items())
    return [plain(line) for line in said]
