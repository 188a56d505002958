"""The list of samples of runs, from three files of each; see `tml_bench.viewer.index_schema`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from tml_bench.errors import UserError
from tml_bench.metric import Value
from tml_bench.outcome import Outcome
from tml_bench.redact import cut
from tml_bench.report.board import is_ruler
from tml_bench.runs.store import Attempt
from tml_bench.scoring.result_seals import read_results
from tml_bench.scoring.user_faults import USER_FAULTS, SampleFault, reason_of
from tml_bench.viewer.happenings import SampleHappenings, happenings
from tml_bench.viewer.index_schema import IndexColumns, IndexedMetric, IndexedRun, SampleIndex
from tml_bench.viewer.run_files import MetricHead, SummaryHead, ViewedRun, run_file, summary_head
from tml_bench.viewer.sample_schema import WindowState

LONGEST_REASON = 200
"""Most characters of a reason in the list."""
_OUTCOMES = tuple(str(o) for o in Outcome if o is not Outcome.NOT_RUN)
_LAST = (Outcome.USER_FAULT, Outcome.INFRASTRUCTURE, Outcome.INVALID)
"""Not the model's fault: they stand at the end of the list."""


class ListedScore(msgspec.Struct, frozen=True):
    """Of a line of ``scores.jsonl`` what the list shows."""

    sample: str
    values: dict[str, Value]
    missing: dict[str, str] = {}
    rows: tuple[dict[str, str | float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the list, before it is put in its place."""

    run: int
    n: int
    attempt: Attempt
    metric: MetricHead | None
    score: float | None
    headline: list[float | None]
    events: SampleHappenings
    reason: str
    outcome: Outcome


def sample_index(runs: Sequence[ViewedRun]) -> SampleIndex:
    """List the samples of runs, worst first; an empty list for no runs.

    First come faults of the adapter, then scores from the worst to the best, then samples without a score,
    last those that could not be run for no fault of the model. Shares are compared as they are, values of
    other metrics by their place among all of their metric.
    """
    heads: list[IndexedRun] = []
    lines: list[_Line] = []
    for number, run in enumerate(runs):
        head, found = _listed(number, run)
        heads.append(head)
        lines += found
    badness = _badness(lines, heads)
    order = sorted(range(len(lines)), key=lambda k: (*_place(lines[k], badness[k]), lines[k].run, lines[k].n))
    metrics = list(dict.fromkeys(_shown(line, heads) for line in lines if line.metric is not None))
    subsets = tuple(dict.fromkeys(line.attempt.subset for line in lines))
    placed = [lines[k] for k in order]
    columns = _columns(placed, [badness[k] for k in order], heads, metrics, subsets)
    return SampleIndex(tuple(heads), subsets, _OUTCOMES, tuple(metrics), columns)


def _listed(number: int, run: ViewedRun) -> tuple[IndexedRun, list[_Line]]:
    problems: list[str] = []
    summary: SummaryHead | None = None
    scores: dict[str, ListedScore] = {}
    faults: dict[str, str] = {}
    attempts: Iterable[tuple[int, Attempt]] = ()
    try:
        attempts = [(n, one.last) for n, one in enumerate(run.attempts())]
        summary = summary_head(run)
        scores = {score.sample: score for score in _scores(run)}
        faults = _faults(run)
    except UserError as error:
        problems.append(str(error))
    if summary is None and not problems:
        problems.append("the run is not scored: tml-bench score it")
    metrics = {m.metric.name: m.metric for m in summary.metrics} if summary else {}
    first = _preferred(summary)
    config = run.file.config
    head = IndexedRun(
        key=run.key, run=run.path.name, task=config.task, title=summary.title if summary else config.task,
        adapter=config.adapter, ruler=config.privileged or is_ruler(config.adapter), dataset=config.dataset,
        clock=config.clock, compute=config.compute, network=config.network_name,
        judge=summary.facts.judge if summary else "", created=summary.facts.created if summary else "",
        scored=summary is not None, headline=summary.headline if summary else (), problem="; ".join(problems),
    )  # fmt: skip
    return head, [
        _line(number, n, a, scores.get(a.sample), first, metrics, head, faults.get(a.sample, ""))
        for n, a in attempts
    ]


def _scores(run: ViewedRun) -> list[ListedScore]:
    path = run_file(run.path, "scores.jsonl")
    return read_results(path, ListedScore) if path else []


def _faults(run: ViewedRun) -> dict[str, str]:
    """What simulated users did wrong, in words, by sample."""
    path = run_file(run.path, USER_FAULTS)
    found: dict[str, list[SampleFault]] = {}
    for fault in read_results(path, SampleFault) if path else ():
        found.setdefault(fault.sample, []).append(fault)
    return {sample: reason_of(faults) for sample, faults in found.items()}


def _preferred(summary: SummaryHead | None) -> tuple[str, ...]:
    """Names of the metrics that may stand for a sample, best first: the board's, then headline ones."""
    if summary is None:
        return ()
    board = (summary.board.metric,) if summary.board else ()
    return (*board, *summary.headline)


def _line(
    run: int, n: int, attempt: Attempt, score: ListedScore | None, preferred: Sequence[str],
    metrics: dict[str, MetricHead], head: IndexedRun, fault: str,
) -> _Line:  # fmt: skip
    faulty = bool(fault) and attempt.outcome is Outcome.VALID
    values = score.values if score else {}
    shown = next(((m, v) for m in preferred if m in metrics and (v := _ratio(values, m)) is not None), None)
    reason = fault if faulty else attempt.reason
    if not reason and shown is None:
        missing = score.missing if score else {}
        reason = next(iter(missing.values()), "" if score else head.problem or "the sample has no score")
    return _Line(
        run, n, attempt, metrics[shown[0]] if shown else None, shown[1] if shown else None,
        [_ratio(values, name) for name in head.headline], happenings(score.rows if score else (), values),
        cut(reason, LONGEST_REASON), Outcome.USER_FAULT if faulty else attempt.outcome,
    )  # fmt: skip


def _ratio(values: dict[str, Value], name: str) -> float | None:
    found = values.get(name)
    return found.numerator / found.denominator if found is not None and found.denominator else None


def _shown(line: _Line, heads: Sequence[IndexedRun]) -> IndexedMetric:
    m = line.metric
    assert m is not None
    return IndexedMetric(heads[line.run].task, m.name, m.title, m.unit, m.direction, m.describes)


def _badness(lines: Sequence[_Line], heads: Sequence[IndexedRun]) -> list[float | None]:
    """How bad each is among those of its metric, from 0 to 1; None without a score or a direction."""
    found: list[float | None] = [None] * len(lines)
    by_metric: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for k, line in enumerate(lines):
        if line.metric is not None and line.metric.direction != "none":
            by_metric[heads[line.run].task, line.metric.name].append(k)
    for places in by_metric.values():
        metric = lines[places[0]].metric
        assert metric is not None
        for k, share in _shares([lines[k].score or 0.0 for k in places], metric.unit == "%"):
            found[places[k]] = 1.0 - share if metric.direction == "higher" else share
    return found


def _shares(values: Sequence[float], is_share: bool) -> Iterator[tuple[int, float]]:
    """Each value in [0, 1]: itself where it is a share, else its rank among the different values."""
    if is_share:
        yield from ((k, min(1.0, max(0.0, value))) for k, value in enumerate(values))
        return
    rank = {value: k for k, value in enumerate(sorted(set(values)))}
    yield from ((k, rank[value] / max(1, len(rank) - 1)) for k, value in enumerate(values))


def _place(line: _Line, badness: float | None) -> tuple[int, float, int]:
    """Where a line stands: small first."""
    outcome, events = line.outcome, line.events
    faults = (events.count(WindowState.MISSED) or 0) + events.false_alarms
    if outcome is Outcome.ADAPTER_ERROR:
        return 0, 0.0, 0
    if outcome in _LAST:
        return 3, float(_LAST.index(outcome)), 0
    return (2, 0.0, -faults) if badness is None else (1, -badness, -faults)


def _columns(
    lines: Sequence[_Line], badness: Sequence[float | None], heads: Sequence[IndexedRun],
    metrics: Sequence[IndexedMetric], subsets: Sequence[str],
) -> IndexColumns:  # fmt: skip
    metric_at = {metric: k for k, metric in enumerate(metrics)}
    subset_at = {subset: k for k, subset in enumerate(subsets)}

    def counted(state: WindowState) -> list[int | None]:
        return [line.events.count(state) for line in lines]

    return IndexColumns(
        sample=[line.attempt.sample for line in lines],
        run=[line.run for line in lines],
        n=[line.n for line in lines],
        subset=[subset_at[line.attempt.subset] for line in lines],
        outcome=[_OUTCOMES.index(line.outcome) for line in lines],
        metric=[-1 if line.metric is None else metric_at[_shown(line, heads)] for line in lines],
        score=[_rounded(line.score) for line in lines],
        headline=[[_rounded(value) for value in line.headline] for line in lines],
        badness=[_rounded(value) for value in badness],
        expected=[len(line.events.expected) if line.events.told else None for line in lines],
        hit=counted(WindowState.HIT),
        early=counted(WindowState.EARLY),
        late=counted(WindowState.LATE),
        wrong=counted(WindowState.WRONG),
        missed=counted(WindowState.MISSED),
        false_alarm=[line.events.false_alarms if line.events.told else None for line in lines],
        duration_s=[line.attempt.audio_s for line in lines],
        reason=[line.reason for line in lines],
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
