"""How the samples of each part of a task ended, counted, with reasons."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from tml_bench.outcome import Outcome
from tml_bench.samples import Sample
from tml_bench.scoring.timelines import SampleOutcome

MOST_REASONS = 8
"""As many different reasons for missing data are told; the rarer are counted together."""
MOST_REMARKS = 1000
"""The same for how samples ended and for remarks on them, of which each sample may have its own."""


class SubsetOutcomes(msgspec.Struct, frozen=True):
    """How the samples of a subset ended.

    ``counts`` has every `Outcome`, that of faults of simulated users only where there are such; ``reasons``
    are samples per outcome other than valid, and per reason.
    """

    subset: str
    samples: int
    counts: dict[str, int]
    reasons: dict[str, dict[str, int]]


def by_reason(found: Counter[str], where: str, most: int = MOST_REASONS) -> dict[str, int]:
    """Counts by reason, in their order; the rarer of very many are told together, to be found in a file."""
    ranked = sorted(found, key=lambda reason: (-found[reason], reason))
    # Services put numbers of requests and tokens into their words: there may be as many reasons as questions.
    shown = ranked if len(ranked) <= most else ranked[: most - 1]
    counts = {reason: found[reason] for reason in sorted(shown)}
    if others := len(ranked) - len(shown):
        counts[f"{others} other reasons, see {where}"] = found.total() - sum(counts.values())
    return counts


def subset_outcomes(
    subset: str, samples: Sequence[Sample], outcomes: Mapping[str, SampleOutcome]
) -> SubsetOutcomes:
    """How the samples of a subset ended; those that are not among the outcomes were not run."""
    ended = [outcomes.get(s.id, SampleOutcome(Outcome.NOT_RUN)) for s in samples if s.subset == subset]
    simulated = any(s.scenario is not None for s in samples if s.subset == subset)
    counts = Counter(o.kind for o in ended)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for o in ended:
        if o.kind is not Outcome.VALID:
            reasons[o.kind.value][o.reason or "no reason given"] += 1
    return SubsetOutcomes(
        subset=subset,
        samples=len(ended),
        counts={k.value: counts[k] for k in Outcome if k is not Outcome.USER_FAULT or simulated},
        reasons={
            k.value: by_reason(reasons[k], "attempts.jsonl", MOST_REMARKS) for k in Outcome if k in reasons
        },
    )
