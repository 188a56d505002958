"""Who decided the judged scores of a report, and where no answer was given; one wording for all writers."""

from collections.abc import Iterable

from tml_bench.scoring.judge_labels import Agreement, JointAgreement, MeasuredCoefficient
from tml_bench.scoring.summary import Summary
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


def judge_tokens_line(s: Summary) -> str:
    """What a language model that judged a run read and wrote; empty where none did, or it is not known."""
    j = s.judgements
    if j is None or not (j.prompt_tokens or j.completion_tokens):
        return ""
    return f"judge: {j.prompt_tokens:,} tokens read, {j.completion_tokens:,} written"


def agreement_lines(s: Summary) -> list[str]:
    """How the judge of a run agrees with others, one line each; none where that is not known."""
    if not judging(s) or s.judgements is None:
        return []
    return [
        f"agreement of {pair.first} with {pair.second} on {pair.rubric} {pair.version}: "
        + ", ".join(f"{name} {value}" for name, value in coefficients(pair))
        for pair in s.judgements.agreement
    ]


def coefficients(pair: Agreement) -> list[tuple[str, str]]:
    """Name and value of everything that says how two judges agree."""
    found = [("n", str(pair.n)), ("accuracy", _measured(pair.accuracy)), ("kappa", _measured(pair.kappa))]
    if pair.weighted is not None:
        found.append(("weighted kappa", _measured(pair.weighted)))
    kind = "ordinal" if pair.weighted is not None else "nominal"
    return [*found, (f"{kind} alpha", _measured(pair.alpha))]


def _measured(m: MeasuredCoefficient) -> str:
    if m.value is None:
        return "not defined"
    if m.low is None or m.high is None:
        return f"{m.value:.3f}" + (f" ({m.no_interval})" if m.no_interval else "")
    return f"{m.value:.3f} [{m.low:.3f}, {m.high:.3f}]"


def agreement_text(pair: Agreement) -> str:
    """Two judges on one rubric, in full: every coefficient, and the confusion matrix."""
    wide = max(len(answer) for answer in (*pair.answers, "9999"))
    head = "  ".join(answer.rjust(wide) for answer in pair.answers)
    rows = [
        f"  {answer.rjust(wide)}  " + "  ".join(str(n).rjust(wide) for n in row)
        for answer, row in zip(pair.answers, pair.confusion, strict=True)
    ]
    lines = [f"{pair.rubric} {pair.version}: {pair.first} (rows) and {pair.second} (columns)"]
    lines += [f"  {name:<15} {value}" for name, value in coefficients(pair)]
    lines += [f"  answered by one alone: {pair.only_first} by the first, {pair.only_second} by the second"]
    return "\n".join([*lines, f"  {' ' * wide}  {head}", *rows])


def joint_text(joint: JointAgreement) -> str:
    """All judges together on one rubric."""
    return (
        f"{joint.rubric} {joint.version}, {len(joint.judges)} judges together: "
        f"Krippendorff's alpha {_measured(joint.alpha)}, n {joint.n}"
    )


def missing_lines(runs: Iterable[tuple[str, Summary]]) -> list[str]:
    """One line per reason why judgements are missing, with the labels of the runs it concerns."""
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
