"""How the samples of a run ended: the outcome of the last attempt, unless scoring finds it lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from tml_bench.outcome import Outcome
from tml_bench.runs.store import StoredRun
from tml_bench.samples import Sample


class SampleOutcome(msgspec.Struct, frozen=True):
    """How a sample ended, and why it is not valid; the reason is empty when it is."""

    kind: Outcome
    reason: str = ""


class SubsetOutcomes(msgspec.Struct, frozen=True):
    """How the samples of a subset ended.

    Attributes:
        subset: part of the task.
        samples: how many there are.
        counts: samples per `Outcome`; every kind is present.
        reasons: samples per outcome other than valid, and per reason.
    """

    subset: str
    samples: int
    counts: dict[str, int]
    reasons: dict[str, dict[str, int]]


def outcomes_of(run: StoredRun, lost: Mapping[str, str]) -> dict[str, SampleOutcome]:
    """How every sample that was tried ended; one whose companion is lost ends as the companion did.

    ``lost`` are the samples whose recording cannot be perceived, with the reason.
    """
    found = {a.sample: SampleOutcome(a.outcome, a.reason) for a in run.attempts.values()}
    found |= {sample: SampleOutcome(Outcome.INFRASTRUCTURE, why) for sample, why in lost.items()}
    for sample in run.samples:
        for role, companion in sample.companions.items():
            ended = found.get(companion, SampleOutcome(Outcome.NOT_RUN))
            if ended.kind is not Outcome.VALID and sample.id in found:
                reason = f"its {role} companion {companion}: {ended.reason}"
                found[sample.id] = SampleOutcome(ended.kind, reason)
    return found


def subset_outcomes(
    subset: str, samples: Sequence[Sample], outcomes: Mapping[str, SampleOutcome]
) -> SubsetOutcomes:
    """How the samples of a subset ended; those that are not among the outcomes were not run."""
    ended = [outcomes.get(s.id, SampleOutcome(Outcome.NOT_RUN)) for s in samples if s.subset == subset]
    counts = Counter(o.kind for o in ended)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for o in ended:
        if o.kind is not Outcome.VALID:
            reasons[o.kind.value][o.reason or "no reason given"] += 1
    return SubsetOutcomes(
        subset=subset,
        samples=len(ended),
        counts={k.value: counts[k] for k in Outcome},
        reasons={k.value: dict(sorted(reasons[k].items())) for k in Outcome if k in reasons},
    )
