"""From the recordings of runs to timelines: each is read once, and perceived unless the cache has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from msgspec import structs

from tml_bench.outcome import Outcome
from tml_bench.perception.recordings import cached_timeline, timeline_of
from tml_bench.perception.words import WordMode
from tml_bench.recording import Recording, SessionFacts
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import Advance
from tml_bench.runs.stored_run import StoredRun
from tml_bench.runs.worker import PerceiveJob, perception_failure
from tml_bench.samples import Sample
from tml_bench.timeline import Timeline


@dataclass(frozen=True, slots=True)
class RunTimelines:
    """A run and what was heard in its recordings.

    Attributes:
        run: the run.
        timelines: by sample, of every recording that could be perceived.
        lost: samples whose recording could not be perceived, with the reason.
        facts: by sample, of every recording that could be read.
    """

    run: StoredRun
    timelines: dict[str, Timeline] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    facts: dict[str, SessionFacts] = field(default_factory=dict)

    def of(self, sample: Sample) -> Timeline:
        """What was heard of a sample, with its companions."""
        companions = {role: self.timelines[other] for role, other in sample.companions.items()}
        return structs.replace(self.timelines[sample.id], companions=companions)


def timelines_of(
    runs: Sequence[StoredRun], pool: Pool, advance: Advance, words: WordMode
) -> list[RunTimelines]:
    """The timelines of all valid recordings of runs.

    Args:
        runs: the runs.
        pool: perceives what is not in the cache; its processes start only if there is any.
        advance: told of every recording.
        words: where words may come from, see ``tml_bench.perception``.
    """
    found = [RunTimelines(run) for run in runs]
    for (number, sample), timeline in _perceived(found, pool, words):
        if isinstance(timeline, Timeline):
            found[number].timelines[sample] = timeline
            advance("")
        else:
            found[number].lost[sample] = timeline
            advance(f"{sample}: {timeline}")
    return found


def _perceived(
    found: Sequence[RunTimelines], pool: Pool, words: WordMode
) -> Iterator[tuple[tuple[int, str], Timeline | str]]:
    """Number of the run and sample, with the timeline or why there is none; those in the cache first."""
    for number, heard in enumerate(found):
        run = heard.run
        samples = {sample.id: sample for sample in run.samples}
        for attempt in run.valid():
            key, sample = (number, attempt.sample), samples[attempt.sample]
            place = run.recording_path(attempt)
            cache = run.timeline_path(sample.id, place.name)
            try:
                heard.facts[sample.id] = facts = Recording(place).facts
                stretches = partial(run.task.stretches, sample)
                timeline = cached_timeline(facts, cache, words, run.task.hears_user, stretches)
            except Exception as error:
                yield key, perception_failure(error)
                continue
            if timeline is None:
                pool.submit(PerceiveJob(key, run.file.config.task_source, sample, facts, cache, words))
            else:
                yield key, timeline
    for job, result in pool.results():
        yield job.key, result.timeline or result.reason


def heard(run: StoredRun, sample: Sample, words: WordMode, recording: Path) -> Timeline:
    """What was heard of one sample, with its companions where these have a valid recording.

    Args:
        run: the run.
        sample: one of its samples.
        words: where words may come from.
        recording: the folder of one of the sample's recordings.

    Raises:
        UserError: a recording is damaged, or words cannot be had that way.
        BadSampleError: its audio cannot be used.
    """
    companions = {}
    for role, other in sample.companions.items():
        ended = run.attempts.get(other)
        if ended is not None and ended.outcome is Outcome.VALID:
            companion = next(s for s in run.samples if s.id == other)
            companions[role] = _timeline(run, companion, run.recording_path(ended), words)
    return structs.replace(_timeline(run, sample, recording, words), companions=companions)


def _timeline(run: StoredRun, sample: Sample, recording: Path, words: WordMode) -> Timeline:
    cache = run.timeline_path(sample.id, recording.resolve().name)
    stretches = partial(run.task.stretches, sample)
    return timeline_of(Recording(recording).facts, cache, words, run.task.hears_user, stretches)
