"""Epochs taken together: runs in which the same samples were played again, each time with another seed.

Playing a sample again tells more of the model on that sample, and nothing of other samples: what is
independent stays the sample's unit. So a sample's value is its mean over the epochs in which it has one, its
numerator and its denominator each, and means and intervals are then those of as many samples as there were.
For rates the interval is that of as many trials as samples, which is rather too wide than too narrow. How far
the epochs are from each other goes beside it, for A against A (`tml_bench.metrics.noise`).

What is counted (outcomes, reasons, questions, usage) is counted over all epochs.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from functools import reduce
from operator import add
from statistics import fmean
from typing import TypeVar

import msgspec
from msgspec import structs

from tml_bench.metrics.noise import AgainstItself, against_itself, epoch_spread
from tml_bench.metrics.statistics import (
    Observation,
    estimate,
    in_proportion,
    rounded,
    stratum_weights,
)
from tml_bench.runs.usage import RunUsage
from tml_bench.scoring.interaction import united_interaction
from tml_bench.scoring.summary import (
    MOST_REMARKS,
    Judgements,
    MetricSummary,
    SubsetOutcomes,
    Summary,
    standing,
)
from tml_bench.scoring.word_report import WordReport
from tml_bench.split_times import SplitTimes
from tml_bench.turns import Usage

Place = TypeVar("Place")
"""Where a run lies."""


def united(summaries: Iterable[Summary]) -> list[Summary]:
    """The summaries with the epochs of each run as one, in the place of its first.

    Only epochs of the same samples, adapter, settings, judge and metric versions are one; where there are two
    of one number, as of two machines, all stay as they are.
    """
    return [summary for _, summary in united_runs((None, summary) for summary in summaries)]


def united_runs(runs: Iterable[tuple[Place, Summary]]) -> list[tuple[Place, Summary]]:
    """As `united`, each summary with where its run lies; of epochs that are one, where the first lies."""
    groups: dict[Hashable, list[tuple[Place, Summary]]] = defaultdict(list)
    for place, summary in runs:
        groups[_run(summary)].append((place, summary))
    found: list[tuple[Place, Summary]] = []
    for group in groups.values():
        numbers = {s.facts.epoch for _, s in group}
        if len(numbers) == 1 or len(numbers) < len(group):
            found += group
        else:
            epochs = sorted(group, key=lambda run: run[1].facts.epoch)
            found.append((epochs[0][0], _united([summary for _, summary in epochs])))
    return found


def _run(s: Summary) -> Hashable:
    f = s.facts
    name = f.run.removesuffix(f"--epoch-{f.epoch}")
    settings = f.tick_ns, f.compute, f.clock, f.network, f.loop, f.seed, f.judge, f.tml_bench, s.intervals
    metrics = tuple((m.subset, m.metric.name, m.metric.version) for m in s.metrics)
    return name, f.task, f.dataset, f.adapter, s.sample_set, settings, metrics


def _united(epochs: Sequence[Summary]) -> Summary:
    first = epochs[0]
    facts = structs.replace(
        first.facts,
        epochs=len(epochs),
        perceivers=tuple(sorted({name for s in epochs for name in s.facts.perceivers})),
        created=min((s.facts.created for s in epochs if s.facts.created), default=""),
        tags={name: value for s in epochs for name, value in s.facts.tags.items()},
    )
    used = [s.usage for s in epochs if s.usage is not msgspec.UNSET]
    words = [s.word_report for s in epochs if s.word_report is not msgspec.UNSET]
    checks = [s.transcript_check for s in epochs if s.transcript_check is not msgspec.UNSET]
    split = [s.split for s in epochs if s.split is not msgspec.UNSET]
    faults = [fault for s in epochs for fault in s.user_faults or ()]
    interaction = [s.interaction for s in epochs if s.interaction is not msgspec.UNSET]
    return structs.replace(
        first,
        facts=facts,
        metrics=tuple(_metric(found) for found in zip(*(s.metrics for s in epochs), strict=True)),
        outcomes=tuple(_outcomes(found) for found in zip(*(s.outcomes for s in epochs), strict=True)),
        notes=_sum(s.notes for s in epochs),
        judgements=_judgements([s.judgements for s in epochs if s.judgements is not None]),
        usage=_usage(used) if used else msgspec.UNSET,
        word_report=_words(words) if words else msgspec.UNSET,
        split=SplitTimes.together(split) if split else msgspec.UNSET,
        user_faults=tuple(faults[:MOST_REMARKS]) or msgspec.UNSET,
        interaction=united_interaction(interaction),
        # The worst is what a reader must know; a rate over all would hide it.
        transcript_check=max(checks, key=lambda c: (c.mismatch, c.rate or 0.0), default=msgspec.UNSET),
    )


def _metric(epochs: Sequence[MetricSummary]) -> MetricSummary:
    first = epochs[0]
    values = means([m.observations for m in epochs])
    result = estimate(values, first.metric.kind)
    if first.metric.decimals is not None:
        known = [m.estimate.mean for m in epochs if m.estimate.mean is not None]
        result = rounded(result, fmean(known) if known else None)
    baseline = next((m.baseline for m in epochs if m.baseline.floor is not None), first.baseline)
    events = [m.events for m in epochs if m.events is not None]
    return structs.replace(
        first,
        estimate=result,
        baseline=baseline,
        standing=standing(first.metric, result, baseline.floor, baseline.ceiling),
        missing=_sum(m.missing for m in epochs),
        observations=values,
        events=fmean(events) if events else None,
        spread=epoch_spread([m.observations for m in epochs], first.metric.kind),
    )


def means(epochs: Sequence[Sequence[Observation]]) -> tuple[Observation, ...]:
    """Each sample's mean over the epochs in which it has a value, numerators and denominators apart.

    One that counts nothing in an epoch, with denominator 0, has no value there. In the order of first sight.
    A stratum weighs as much as it does in the epochs, also where some of its samples lack a value in one.
    """
    seen: dict[str, list[Observation]] = defaultdict(list)
    for observations in epochs:
        for one in observations:
            seen[one.sample].append(one)
    weights: dict[str, list[float]] = defaultdict(list)
    for observations in epochs:
        for stratum, weight in stratum_weights(observations).items():
            weights[stratum].append(weight)
    mean_weights = {stratum: fmean(found) for stratum, found in weights.items()}
    return tuple(in_proportion([_mean(found) for found in seen.values()], mean_weights))


def _mean(found: Sequence[Observation]) -> Observation:
    first, kept = found[0], [one for one in found if one.denominator > 0] or found
    numerator, denominator = fmean(o.numerator for o in kept), fmean(o.denominator for o in kept)
    return Observation(first.sample, first.unit, numerator, denominator, first.stratum)


def itself(a: MetricSummary, b: MetricSummary) -> AgainstItself:
    """A against A beside the difference of a metric between two runs; shares in [0, 1]."""
    return against_itself(a.spread or None, b.spread or None)


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    return dict(sorted(sum(map(Counter, counts), Counter[str]()).items()))


def _outcomes(epochs: Sequence[SubsetOutcomes]) -> SubsetOutcomes:
    kinds = {kind for o in epochs for kind in o.reasons}
    return SubsetOutcomes(
        subset=epochs[0].subset,
        samples=sum(o.samples for o in epochs),
        counts={kind: sum(o.counts.get(kind, 0) for o in epochs) for kind in epochs[0].counts},
        reasons={kind: _sum(o.reasons.get(kind, {}) for o in epochs) for kind in sorted(kinds)},
    )


def _judgements(epochs: Sequence[Judgements]) -> Judgements | None:
    if not epochs:
        return None
    return structs.replace(
        epochs[0],
        asked=sum(j.asked for j in epochs),
        missing=_sum(j.missing for j in epochs),
        prompt_tokens=sum(j.prompt_tokens for j in epochs),
        completion_tokens=sum(j.completion_tokens for j in epochs),
    )


def _usage(epochs: Sequence[RunUsage]) -> RunUsage:
    total = reduce(add, (used.total for used in epochs), Usage())
    return RunUsage(total, sum(u.told for u in epochs), sum(u.sessions for u in epochs))


def _words(epochs: Sequence[WordReport]) -> WordReport:
    return WordReport(
        _sum(w.sources for w in epochs), sum(w.late for w in epochs), sum(w.late_recordings for w in epochs)
    )
