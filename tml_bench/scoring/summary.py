"""One run in numbers: every metric with its interval, its floor and its ceiling, and what did not count."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from tml_bench.errors import UserError
from tml_bench.metrics.confidence import METHOD
from tml_bench.metrics.noise import EpochSpread
from tml_bench.metrics.statistics import Estimate, Observation, estimate, rounded
from tml_bench.questions import Identity
from tml_bench.runs.usage import RunUsage
from tml_bench.samples import Sample
from tml_bench.scoring.accounts import RunAccount, RunCost
from tml_bench.scoring.floors import Baseline, ScoreTable, columns, mean_of, observations
from tml_bench.scoring.interaction import InteractionSummary
from tml_bench.scoring.judge_labels import Agreement
from tml_bench.scoring.judging import QuestionVerdict
from tml_bench.scoring.subset_outcomes import (
    MOST_REASONS as MOST_REASONS,
    MOST_REMARKS as MOST_REMARKS,
    SubsetOutcomes as SubsetOutcomes,
    by_reason,
    subset_outcomes,
)
from tml_bench.scoring.timelines import SampleOutcome
from tml_bench.scoring.transcript_check import TranscriptCheck
from tml_bench.scoring.user_faults import SampleFault
from tml_bench.scoring.word_report import WordReport
from tml_bench.split_times import SplitTimes
from tml_bench.task import BoardScore, DataKind, Direction, Metric, Overall, PublishedNumber, Score, Task

FEW_EVENTS = 10
"""A rate over fewer events tells next to nothing: it is shown greyed, with their number."""


class RunFacts(msgspec.Struct, frozen=True):
    """How a run was made.

    Attributes:
        dataset: name and version of the data.
        compute: how compute time was charged (``ideal``, ``charged``, ``recorded``, ``live``).
        clock: ``simulated`` or ``wall``.
        turn_based: whether the service answers whole turns and cannot handle overlap.
        privileged: whether the adapter was shown what is expected.
        perceivers: names and versions of what perceived the recordings.
        created: when its first session ended, UTC, ISO 8601; empty when unknown.
        machine: what it ran on; empty when unknown.
        judge: who decided what the task's judged metrics need; empty when nothing was asked.
        epoch: which of several times that every sample was run.
        epochs: how many such runs it is over, each sample's mean taken first (`tml_bench.scoring.epochs`).
        tags: what the user calls it by.
        reported: what the model said of itself, such as its version or its parts, by name.
        loop: ``closed`` where the user's turns waited for the model, ``open`` where what an answering user
            said was replayed; empty where samples were as they are.
    """

    run: str
    adapter: str
    task: str
    dataset: str
    tick_ns: int
    compute: str
    clock: str = "simulated"
    network: str = "ideal"
    turn_based: bool = False
    privileged: bool = False
    seed: int = 0
    tml_bench: str = ""
    perceivers: tuple[str, ...] = ()
    created: str = ""
    machine: str = ""
    judge: str = ""
    epoch: int = 1
    epochs: int = 1
    tags: dict[str, str] = {}
    reported: tuple[tuple[str, str], ...] = ()
    loop: str = ""


class Standing(StrEnum):
    """Where a score stands relative to the floor."""

    ABOVE = "above"
    """Better than the floor, and so is its whole 95 % interval."""
    UNCLEAR = "unclear"
    """Better than the floor, but the interval reaches it or is unknown."""
    NOT_ABOVE = "not-above"
    """Does not beat the floor."""
    NO_ROOM = "no-room"
    """Does not beat the floor, and nothing could: a blind strategy reaches the ceiling on this metric."""
    NO_FLOOR = "no-floor"
    """There is no value, no floor, or no better direction."""


class MetricSummary(msgspec.Struct, frozen=True):
    """One metric in one subset, with floor and ceiling on the same samples.

    ``missing`` are samples where it applies but could not be computed, per reason; ``observations`` the
    values behind the mean, for paired comparisons. ``events`` are what it counts: the sum of denominators,
    such as replies or opportunities, which are samples where it is no ratio; None in summaries that were made
    before. ``spread`` is how far its epochs are from each other, unset where there is one.
    """

    subset: str
    metric: Metric
    estimate: Estimate
    baseline: Baseline
    standing: Standing
    missing: dict[str, int]
    observations: Sequence[Observation]
    events: float | None = None
    spread: EpochSpread | msgspec.UnsetType = msgspec.UNSET

    @property
    def few(self) -> bool:
        """Whether it is a rate over fewer than `FEW_EVENTS` events; false where there are none at all."""
        counted = self.estimate.n if self.events is None else self.events
        return self.metric.unit == "%" and 0 < counted < FEW_EVENTS


class Judgements(msgspec.Struct, frozen=True):
    """What the judge was asked about a run, on the rubrics of the task, each with its version.

    ``missing`` counts questions without an answer, per reason. Tokens are what a language model read and
    wrote to answer, whenever that was; each question once. ``agreement`` is with people or other judges,
    where known.
    """

    rubrics: tuple[str, ...]
    asked: int
    missing: dict[str, int]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    agreement: tuple[Agreement, ...] = ()


class Summary(msgspec.Struct, frozen=True):
    """One run.

    Attributes:
        facts: how it was made.
        headline: names of the metrics of the short leaderboard.
        metrics: in the task's order of subsets, then of metrics.
        outcomes: per subset.
        sample_set: identifies the samples: 12 hex digits of the SHA-256 of their sorted ids.
        official: whether the data is the official one, so that published numbers are comparable.
        published: numbers reported by others on the official data; comparable only if ``official``.
        not_run: measures of the protocol that are not computed, with the reason.
        notes: remarks on samples, with the number of samples.
        judgements: what the judge was asked; None where the task asks nothing.
        transcript_check: how far the model's transcripts are from its audio; unset where that is not asked.
        word_report: where its words come from; unset in summaries that were made before.
        data_kind: what the data is beside the official one; None in summaries that were made before.
        intervals: name and version of how its intervals were computed.
        usage: what its services say that it took; unset where they say nothing.
        account: what its sessions consisted of; unset in summaries that were made before.
        cost: what it cost at the prices of a day; unset where nothing of it can be priced.
        split: what a front and a background model took; unset where there was none.
        user_faults: what simulated users did wrong, the first `MOST_REMARKS`; unset where there were none.
        interaction: how turns were taken in its sessions; unset in summaries that were made before.
    """

    facts: RunFacts
    title: str
    headline: tuple[str, ...]
    metrics: tuple[MetricSummary, ...]
    outcomes: tuple[SubsetOutcomes, ...]
    sample_set: str
    official: bool
    published: tuple[PublishedNumber, ...]
    not_run: dict[str, str]
    notes: dict[str, int]
    judgements: Judgements | None = None
    transcript_check: TranscriptCheck | msgspec.UnsetType = msgspec.UNSET
    word_report: WordReport | msgspec.UnsetType = msgspec.UNSET
    data_kind: DataKind | None = None
    intervals: str = "intervals 1"
    usage: RunUsage | msgspec.UnsetType = msgspec.UNSET
    board: BoardScore | None = None
    account: RunAccount | msgspec.UnsetType = msgspec.UNSET
    cost: RunCost | msgspec.UnsetType = msgspec.UNSET
    split: SplitTimes | msgspec.UnsetType = msgspec.UNSET
    user_faults: tuple[SampleFault, ...] | msgspec.UnsetType = msgspec.UNSET
    interaction: InteractionSummary | msgspec.UnsetType = msgspec.UNSET


def standing(metric: Metric, value: Estimate, floor: float | None, ceiling: float | None) -> Standing:
    """Where a score stands relative to the floor, the best blind value; the ceiling is the ideal one.

    Better means strictly better, in the metric's direction.
    """
    if metric.direction is Direction.NONE or value.mean is None or floor is None:
        return Standing.NO_FLOOR
    sign = 1 if metric.direction is Direction.HIGHER else -1
    if sign * (value.mean - floor) <= 0:
        at_ceiling = ceiling is not None and sign * (ceiling - floor) <= 0
        return Standing.NO_ROOM if at_ceiling else Standing.NOT_ABOVE
    near = value.low if sign > 0 else value.high
    return Standing.ABOVE if near is not None and sign * (near - floor) > 0 else Standing.UNCLEAR


def summarise(
    task: Task, facts: RunFacts, samples: Sequence[Sample], scores: Sequence[Score],
    outcomes: Mapping[str, SampleOutcome], floors: Sequence[Baseline] = (),
    judged: Sequence[QuestionVerdict] = (), agreement: tuple[Agreement, ...] = (),
) -> Summary:  # fmt: skip
    """Put one run into numbers; independent of the order of ``scores``.

    ``samples`` are all that the run asked for, valid or not, ``scores`` those of the valid ones; ``outcomes``
    by sample id, and one that is not there counts as not run; ``floors`` as of
    `tml_bench.scoring.floors.baselines` on those whose outcome is not ``invalid``; ``agreement`` is the
    judge's with others. Raises `UserError` for a score of a sample, subset or metric that the run or task
    does not have, and for two of one sample.
    """
    table, notes = ScoreTable(), Counter[str]()
    for score in _checked(task, samples, scores):
        table.add(score)
        notes.update(score.notes)
    samples = [s for s in samples if s.scored]
    notes.update(note for s in samples for note in s.notes)
    by_column = {(b.subset, b.metric): b for b in floors}
    present = {s.subset for s in samples}
    kind = task.kind_of_data(facts.dataset)
    official = kind is DataKind.OFFICIAL
    ids = "\n".join(sorted(s.id for s in samples))
    judgements = _judgements(task, judged, agreement) if task.rubrics or judged else None
    estimates = _Estimates()
    return Summary(
        facts=facts,
        title=task.title,
        headline=task.headline,
        metrics=tuple(
            _metric_summary(
                table,
                estimates,
                part,
                metric,
                by_column.get((part.name, metric.name), Baseline(part.name, metric.name, None, "", None, {})),
            )
            for part, metric in columns(task)
            if present.issuperset(part.subsets)
        ),
        outcomes=tuple(subset_outcomes(s, samples, outcomes) for s in task.subsets if s in present),
        sample_set=hashlib.sha256(ids.encode()).hexdigest()[:12],
        official=official,
        published=task.published(),
        not_run=dict(task.not_run),
        notes=by_reason(notes, "attempts.jsonl and scores.jsonl", MOST_REMARKS),
        judgements=judgements,
        data_kind=kind,
        intervals=METHOD,
        board=task.board,
    )


def _judgements(
    task: Task, judged: Sequence[QuestionVerdict], agreement: tuple[Agreement, ...]
) -> Judgements:
    missing, rubrics = Counter[str](), dict.fromkeys(task.rubrics)
    paid: dict[Identity, tuple[int, int]] = {}
    for j in judged:
        rubrics.setdefault(j.question.rubric)
        if j.verdict.missing:
            missing[j.verdict.missing] += 1
        if j.verdict.prompt_tokens or j.verdict.completion_tokens:
            paid[j.question.identity] = j.verdict.prompt_tokens, j.verdict.completion_tokens
    return Judgements(
        rubrics=tuple(f"{rubric.name} {rubric.version}" for rubric in rubrics),
        asked=len(judged),
        missing=by_reason(missing, "verdicts.jsonl"),
        prompt_tokens=sum(read for read, _ in paid.values()),
        completion_tokens=sum(written for _, written in paid.values()),
        agreement=agreement,
    )


class _Estimates(dict[tuple[str, tuple[Observation, ...]], Estimate]):
    """Estimates by kind and values, made as they are asked for: many measures have the same values."""

    def __missing__(self, key: tuple[str, tuple[Observation, ...]]) -> Estimate:
        kind, values = key
        found = self[key] = estimate(values, kind)
        return found


def _metric_summary(
    scores: ScoreTable, estimates: _Estimates, part: Overall, metric: Metric, baseline: Baseline
) -> MetricSummary:
    values = observations(scores, part, metric.name)
    result = estimates[metric.kind, values]
    if metric.decimals is not None:
        result = rounded(result, mean_of(scores, part, metric)[0])
    return MetricSummary(
        subset=part.name,
        metric=metric,
        estimate=result,
        baseline=baseline,
        standing=standing(metric, result, baseline.floor, baseline.ceiling),
        missing=by_reason(scores.missing(part, metric.name), "scores.jsonl"),
        observations=values,
        events=scores.counted(part, metric.name),
    )


def _checked(task: Task, samples: Sequence[Sample], scores: Iterable[Score]) -> Iterator[Score]:
    """The scores; raises `UserError` at the first that cannot be one of the run's."""
    subsets = {s.id: s.subset for s in samples}
    declared = {m.name for m in task.metrics}
    seen: set[str] = set()
    for score in scores:
        if subsets.get(score.sample) != score.subset:
            raise UserError(
                f"there is a score for sample {score.sample} of {score.task}/{score.subset}, "
                f"which is not among the samples of the run",
                "Score the run again with the data it was made with",
            )
        if score.sample in seen:
            raise UserError(f"sample {score.sample} has two scores", "Score the run again")
        seen.add(score.sample)
        if unknown := (score.values.keys() | score.missing.keys()) - declared:
            raise UserError(
                f"task {task.name} scored {', '.join(sorted(unknown))}, which it does not declare",
                "Add it to the task's metrics, or score the run again if the task has changed since",
            )
        yield score
