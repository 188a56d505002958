"""From the recordings of runs to timelines and outcomes: each is read once, and perceived unless cached.

A sample ended as its last attempt did, unless scoring finds it lost.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

import msgspec
from msgspec import structs

from tml_bench.bounded_files import UNREADABLE
from tml_bench.outcome import Outcome
from tml_bench.perception.perceive import MODES, WordMode, cached, stored
from tml_bench.perception.recordings import cached_timeline, recognised_beside, timeline_of
from tml_bench.recording import Recording, SessionFacts
from tml_bench.runs.hearing import perception_failure
from tml_bench.runs.jobs import PerceiveJob
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import Advance
from tml_bench.runs.recorded import check_settings
from tml_bench.runs.store import StoredRun
from tml_bench.samples import Sample
from tml_bench.scoring.kept_timelines import KeptTimelines
from tml_bench.scoring.packed import PackedMap
from tml_bench.scoring.result_seals import check_result
from tml_bench.scoring.stored_values import outline
from tml_bench.scoring.user_faults import faults_of, reason_of
from tml_bench.storage.shared_place import is_partial, need_file, need_recording
from tml_bench.timeline import Timeline
from tml_bench.user_stretches import user_spans
from tml_bench.users.faults import UserFault

_MODE = re.compile(r"; words ([a-z]+): ")
_AT_ONCE = 1000
"""So many recordings are on their way to be perceived."""


class _Check(msgspec.Struct, frozen=True):
    mismatch: bool = False


class _Facts(msgspec.Struct, frozen=True):
    perceivers: tuple[str, ...] = ()


class _Scored(msgspec.Struct, frozen=True):
    transcript_check: _Check = _Check()
    facts: _Facts = _Facts()


def by_recognition(run: Path) -> bool:
    """Whether a run was scored by recognised words because its transcript does not match its audio."""
    return any(one.transcript_check.mismatch for one in _scored(run))


def scored_words(run: Path) -> WordMode:
    """Where the words came from when a run was last scored; ``auto`` where it was not."""
    told = " ".join(perceiver for one in _scored(run) for perceiver in one.facts.perceivers)
    return next((mode for mode in MODES if mode in _MODE.findall(told)), "auto")


def _scored(run: Path) -> list[_Scored]:
    check_result(run / "summary.json")
    try:
        return msgspec.json.decode(outline(run / "summary.json").text, type=list[_Scored])
    except (FileNotFoundError, *UNREADABLE):
        return []


class SampleOutcome(msgspec.Struct, frozen=True):
    """How a sample ended, and why it is not valid; the reason is empty when it is."""

    kind: Outcome
    reason: str = ""


def outcomes_of(
    run: StoredRun, lost: Mapping[str, str], faulty: Mapping[str, Sequence[UserFault]] = MappingProxyType({})
) -> dict[str, SampleOutcome]:
    """How every sample that was tried ended; one whose companion is lost ends as the companion did.

    ``lost`` are the samples whose recording cannot be perceived, with the reason; ``faulty`` those in which a
    simulated user did wrong.
    """
    valid = SampleOutcome(Outcome.VALID)  # one for nearly all
    found = {
        a.sample: SampleOutcome(a.outcome, a.reason) if a.reason or a.outcome is not Outcome.VALID else valid
        for a in run.attempts.values()
    }
    found |= {sample: SampleOutcome(Outcome.INFRASTRUCTURE, why) for sample, why in lost.items()}
    return with_user_faults(run.samples, found, faulty)


def with_user_faults(
    samples: Iterable[Sample],
    outcomes: Mapping[str, SampleOutcome],
    faulty: Mapping[str, Sequence[UserFault]],
) -> dict[str, SampleOutcome]:
    """The outcomes with those of samples in which a simulated user did wrong, and of companions' samples."""
    found = {**outcomes}
    found |= {sample: SampleOutcome(Outcome.USER_FAULT, reason_of(some)) for sample, some in faulty.items()}
    for sample in samples:
        for role, companion in sample.companions.items():
            ended = found.get(companion, SampleOutcome(Outcome.NOT_RUN))
            if ended.kind is not Outcome.VALID and sample.id in found:
                reason = f"its {role} companion {companion}: {ended.reason}"
                found[sample.id] = SampleOutcome(ended.kind, reason)
    return found


@dataclass(frozen=True, slots=True)
class RunTimelines:
    """A run and, by sample, what was heard, how each that was tried ended, and the facts of its recording.

    There are timelines of every recording that could be perceived, facts of every one that could be read.
    ``faults`` are what rules found that a simulated user did wrong, by sample.
    """

    run: StoredRun
    timelines: MutableMapping[str, Timeline]
    outcomes: dict[str, SampleOutcome]
    facts: MutableMapping[str, SessionFacts]
    faults: dict[str, tuple[UserFault, ...]] = field(default_factory=dict)

    def of(self, sample: Sample) -> Timeline:
        """What was heard of a sample, with its companions."""
        companions = {role: self.timelines[other] for role, other in sample.companions.items()}
        found = self.timelines[sample.id]
        return structs.replace(found, companions=companions) if companions else found


def timelines_of(
    runs: Sequence[StoredRun], pool: Pool, advance: Advance, words: WordMode,
    place: Callable[[Path], Path] | None = None,
    faults: Sequence[dict[str, tuple[UserFault, ...]]] = (),
) -> list[RunTimelines]:  # fmt: skip
    """The timelines of all valid recordings; the pool starts only for those that are not in the cache.

    ``place`` says where a timeline is kept instead, from where it is kept as a rule; ``faults`` are what
    simulated users did wrong, run by run, where that is known.
    """
    timelines = [PackedMap(Timeline, run.path) for run in runs]
    lost: list[dict[str, str]] = [{} for _ in runs]
    facts = [PackedMap(SessionFacts, run.path) for run in runs]
    kept = [
        KeptTimelines(run, words, read, found)
        for run, read, found in zip(runs, facts, timelines, strict=True)
    ]
    for _ in range(sum(one.read() for one in kept) if place is None else 0):
        advance("")
    for (number, sample), timeline in _perceived(runs, pool, words, facts, timelines, place):
        if isinstance(timeline, Timeline):
            kept[number].add(sample, timeline)
            advance("")
        else:
            lost[number][sample] = timeline
            advance(f"{sample}: {timeline}")
    # Recordings are perceived in whatever order processes are done; what follows must not depend on it.
    for run, found, read in zip(runs, timelines, facts, strict=True):
        found.sort(sample.id for sample in run.samples)
        read.sort(sample.id for sample in run.samples)
    if place is None:
        for one in kept:
            one.write()
    # Lines that are played again need not fit any more: that is what such a run shows.
    faults = faults or [
        {} if run.file.config.replay_user else faults_of(run.samples, found)
        for run, found in zip(runs, timelines, strict=True)
    ]
    return [
        RunTimelines(run, found, outcomes_of(run, why, faulty), read, faulty)
        for run, found, why, read, faulty in zip(runs, timelines, lost, facts, faults, strict=True)
    ]


def recognised(heard: RunTimelines, pool: Pool, advance: Advance) -> RunTimelines:
    """The same run with the words of recognition, whatever its adapter says that was said.

    A simulated user heard what the adapter says, and is still judged by that.
    """
    return timelines_of([heard.run], pool, advance, "asr", recognised_beside, [heard.faults])[0]


def _perceived(
    runs: Sequence[StoredRun], pool: Pool, words: WordMode,
    read: Sequence[MutableMapping[str, SessionFacts]],
    known: Sequence[Mapping[str, Timeline]],
    where: Callable[[Path], Path] | None,
) -> Iterator[tuple[tuple[int, str], Timeline | str]]:  # fmt: skip
    """Number of the run and sample that is not ``known``, with the timeline or why there is none.

    Those in the cache come first.
    """
    submitted = 0
    for number, run in enumerate(runs):
        samples = {sample.id: sample for sample in run.samples}
        for attempt in run.valid():
            if attempt.sample in known[number]:
                continue
            key, sample = (number, attempt.sample), samples[attempt.sample]
            try:
                place = run.recording_path(attempt)
                cache = run.timeline_path(sample.id, place.name)
                cache = cache if where is None else where(cache)
                recording = Recording(place, tracks=not is_partial(place))
                check_settings(recording, run.file.config)
                read[number][sample.id] = facts = recording.facts
                stretches = partial(run.task.stretches, sample)
                languages = sample.languages
                timeline = cached_timeline(
                    facts, cache, words, run.task.hears_user, stretches, languages=languages,
                    user_words=run.task.recognises_user(sample),
                    user_spans=partial(user_spans, run.task, sample),
                )  # fmt: skip
            except Exception as error:
                yield key, perception_failure(error)
                continue
            if timeline is None:
                need_recording(place)
                pool.submit(PerceiveJob(key, run.file.config.task_source, sample, facts, cache, words))
                submitted += 1
                if submitted % _AT_ONCE == 0:
                    yield from _done(pool)
            else:
                yield key, timeline
    yield from _done(pool)


def _done(pool: Pool) -> Iterator[tuple[tuple[int, str], Timeline | str]]:
    for job, result in pool.results():
        yield job.key, result.timeline or result.reason


def recording_timeline(run: StoredRun, sample: Sample, words: WordMode | None, recording: Path) -> Timeline:
    """What was heard in one of a sample's recordings, with its companions where these have a valid one.

    ``words`` are by default those with which the run was scored. What scoring has stored is never replaced.
    Raises `UserError` where one is damaged or words cannot be had, `BadSampleError` for unusable audio.
    """
    words = words or scored_words(run.path)
    companions = {}
    for role, other in sample.companions.items():
        ended = run.attempts.get(other)
        if ended is not None and ended.outcome is Outcome.VALID:
            companion = next(s for s in run.samples if s.id == other)
            companions[role] = _timeline(run, companion, run.recording_path(ended), words)
    return structs.replace(_timeline(run, sample, recording, words), companions=companions)


def _timeline(run: StoredRun, sample: Sample, recording: Path, words: WordMode) -> Timeline:
    cache = run.timeline_path(sample.id, recording.resolve().name)
    if words != "transcript" and by_recognition(run.path):
        cache, words = recognised_beside(cache), "asr"
    need_file(cache)
    need_recording(recording)
    stretches = partial(run.task.stretches, sample)
    opened = Recording(recording)
    check_settings(opened, run.file.config)
    facts, languages = opened.facts, sample.languages
    return timeline_of(
        facts, cache, words, run.task.hears_user, stretches, _kept, languages,
        user_words=run.task.recognises_user(sample), user_spans=partial(user_spans, run.task, sample),
    )  # fmt: skip


def _kept(path: Path, key: str, compute: Callable[[], Timeline]) -> Timeline:
    """As `cached`, but what is there of other words or another version stays."""
    return (stored(path, key) or compute()) if path.exists() else cached(path, key, compute)
