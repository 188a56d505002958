"""What did not end valid, for the end of a run: equal failures together, with their count and one remedy."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tml_bench.outcome import Outcome
from tml_bench.report.board import score_of
from tml_bench.report.grids import plain
from tml_bench.report.judge_lines import judging
from tml_bench.runs.failures import alike
from tml_bench.scoring.summary import Summary

BY_RULES = "rules do not decide them; give a --judge that does"
"""Said once where rules leave different things to a judge that understands."""
MOST_GROUPS = 6
"""As many kinds of failures are told; the rarer are counted together."""


@dataclass
class _Group:
    reason: str
    samples: int = 0
    tasks: dict[str, None] = field(default_factory=dict)


def unfinished_lines(summaries: Sequence[Summary]) -> list[str]:
    """One line for each kind of what has no score, the most frequent first; none where all have one.

    A kind is an adapter, an outcome and a reason, whatever the numbers in it; likewise a judge and why it
    gave no answer.
    """
    groups: defaultdict[tuple[str, Outcome, str], _Group] = defaultdict(lambda: _Group(""))
    total = 0
    for s in summaries:
        for ended in s.outcomes:
            total += ended.samples
            for kind, reasons in ended.reasons.items():
                for reason, n in reasons.items():
                    group = groups[s.facts.adapter, Outcome(kind), alike(reason)]
                    group.reason = group.reason or reason
                    group.samples += n
                    group.tasks[s.facts.task] = None
    ranked = sorted(groups.items(), key=lambda one: -one[1].samples)
    lines = [
        f"{adapter}: {group.samples} {outcome}: {group.reason} ({_named(group.tasks)}); "
        f"{outcome.remedy(group.reason)}"
        if outcome is not Outcome.NOT_RUN
        else f"{adapter}: {group.samples} not run ({_named(group.tasks)}); {outcome.remedy('')}"
        for (adapter, outcome, _), group in ranked[:MOST_GROUPS]
    ]
    if rest := ranked[MOST_GROUPS:]:
        lines.append(f"{sum(group.samples for _, group in rest)} of {len(rest)} rarer kinds: see the page")
    if ranked:
        lost = sum(group.samples for _, group in ranked)
        lines.insert(0, f"not valid: {lost} of {total} samples, left out of the scores")
    return [plain(line) for line in [*lines, *_unscored(summaries), *_unanswered(summaries)]]


def _unscored(summaries: Sequence[Summary]) -> list[str]:
    """Adapters whose score of a task cannot be known, such as speech without words: why, and what to do."""
    groups: defaultdict[tuple[str, str], _Group] = defaultdict(lambda: _Group(""))
    for s in summaries:
        score = score_of(s)
        for m in s.metrics:
            if (m.subset, m.metric.name) == (score.part, score.metric) and m.estimate.mean is None:
                for reason, _ in Counter(m.missing).most_common(1):
                    group = groups[s.facts.adapter, alike(reason)]
                    group.reason = group.reason or reason
                    group.tasks[s.facts.task] = None
    return [
        f"{adapter}: no score ({_named(group.tasks)}): {group.reason.partition(':')[0]}"
        + "".join(group.reason.rpartition("; ")[1:] if "; " in group.reason else ())
        for (adapter, _), group in groups.items()
    ]


def _unanswered(summaries: Sequence[Summary]) -> list[str]:
    groups: defaultdict[tuple[str, str], _Group] = defaultdict(lambda: _Group(""))
    for s in summaries:
        for reason, n in s.judgements.missing.items() if judging(s) and s.judgements else ():
            rules = s.facts.judge.startswith("rules")
            group = groups["rules" if rules else s.facts.judge, "" if rules else alike(reason)]
            group.reason = reason if group.reason in ("", reason) else BY_RULES
            group.samples += n
            group.tasks[s.facts.task] = None
    return [
        f"judge {judge}: {group.samples} questions not answered ({_named(group.tasks)}): {group.reason}"
        # Rules, and a judge whose budget is spent, say themselves what to do.
        + (
            ""
            if judge.startswith("rules") or "same command" in group.reason
            else "; tml-bench score asks again"
        )
        for (judge, _), group in groups.items()
    ]


def _named(tasks: dict[str, None]) -> str:
    return ", ".join(tasks) if len(tasks) <= 3 else f"{len(tasks)} tasks"
