"""Whose fault it is: sessions in which a simulated user did wrong have no score, and are counted apart."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tml_bench.samples import Sample
from tml_bench.timeline import Timeline
from tml_bench.users.faults import UserFault, user_faults

USER_FAULTS = "user_faults.jsonl"
"""In a run's folder: what simulated users did wrong, one line each; missing where nothing was."""


class SampleFault(UserFault, frozen=True, kw_only=True):
    """A line of ``user_faults.jsonl``: a fault in the session of a sample of a subset."""

    sample: str
    subset: str


def faults_of(
    samples: Iterable[Sample], timelines: Mapping[str, Timeline]
) -> dict[str, tuple[UserFault, ...]]:
    """What rules find that the simulated user of each sample did wrong; only samples where it did."""
    heard = ((s, timelines[s.id]) for s in samples if s.scenario is not None and s.id in timelines)
    found = {s.id: user_faults(s.scenario, timeline) for s, timeline in heard if s.scenario is not None}
    return {sample: faults for sample, faults in found.items() if faults}


def reason_of(faults: Sequence[UserFault]) -> str:
    """Why a session with these faults, at least one, has no score."""
    first, others = faults[0], {fault.line for fault in faults} - {faults[0].line}
    more = f", and {len(others)} more lines" if others else ""
    return f"the user at {first.at_s:.1f} s: {first.kind}: {first.reason}{more}"


def listed(samples: Iterable[Sample], faults: Mapping[str, Sequence[UserFault]]) -> Iterator[SampleFault]:
    """The faults with their samples, in the order of these."""
    for sample in samples:
        for f in faults.get(sample.id, ()):
            yield SampleFault(
                f.line, f.at_s, f.text, f.kind, f.reason, f.by, sample=sample.id, subset=sample.subset
            )
