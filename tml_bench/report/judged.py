"""Who decided the judged scores of a report, and where no answer was given; one wording for all writers."""

from __future__ import annotations

from collections.abc import Iterable

from tml_bench.report.summary import Summary
from tml_bench.task import Metric


def judging(s: Summary) -> tuple[str, ...]:
    """The judge and the rubrics that judged scores of a run depend on; empty where none of them is judged."""
    if not any(m.metric.judged for m in s.metrics):
        return ()
    return (s.facts.judge or "unknown", *(s.judgements.rubrics if s.judgements else ()))


def judged_by(s: Summary, metric: Metric) -> str:
    """The judge of one metric; empty where the metric is not judged."""
    return (s.facts.judge or "unknown") if metric.judged else ""


def judge_line(s: Summary) -> str:
    """What the judge of a run was asked and did not answer; empty where it was asked nothing."""
    if not judging(s) or s.judgements is None:
        return ""
    asked, missing = s.judgements.asked, sum(s.judgements.missing.values())
    line = f"judged by {s.facts.judge}: {asked} questions, {missing} without an answer"
    reasons = "; ".join(f"{n}: {reason}" for reason, n in s.judgements.missing.items())
    return f"{line} ({reasons})" if reasons else line


def missing_lines(runs: Iterable[tuple[str, Summary]]) -> list[str]:
    """One line per reason why judgements are missing, with the runs it concerns.

    Args:
        runs: labels and runs.
    """
    found: dict[str, list[str]] = {}
    for label, s in runs:
        if judging(s) and s.judgements:
            for reason, n in s.judgements.missing.items():
                found.setdefault(reason, []).append(f"{label} {n} of {s.judgements.asked}")
    return [
        f"Judgements are missing, and the judged measures of their samples with them ({reason}): "
        f"{', '.join(where)}."
        for reason, where in found.items()
    ]
