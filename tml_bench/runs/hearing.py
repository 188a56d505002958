"""Jobs without a model: what is heard in a recording, and what is recognised beside its transcript."""

from functools import partial
from pathlib import Path

from msgspec import structs

from tml_bench.blame import in_one_line
from tml_bench.outcome import Outcome
from tml_bench.perception.perceive import WordMode
from tml_bench.perception.recordings import Sounds, timeline_of, transcript_pair
from tml_bench.plugins import load_task
from tml_bench.recording import Recording, SessionFacts
from tml_bench.runs.heard_recording import HeardRecording, heard_recording
from tml_bench.runs.jobs import Hearing, JobResult, PerceiveJob, SessionJob, TranscriptJob
from tml_bench.samples import Sample
from tml_bench.timeline import Timeline
from tml_bench.user_stretches import user_spans


def hear(job: SessionJob, hearing: Hearing, sounds: Sounds) -> HeardRecording:
    """Perceive what a session has just recorded, as it will be in its place; raises as `timeline_of`."""
    facts = Recording.just_written(job.folder).facts
    timeline = _timeline(hearing.task, job.sample, facts, hearing.cache, hearing.words, sounds)
    user, model = (
        structs.replace(track, path=hearing.place / track.path.name) for track in (facts.user, facts.model)
    )
    return heard_recording(structs.replace(facts, user=user, model=model), timeline)


def perceive(job: PerceiveJob) -> JobResult:
    """Perceive a recording."""
    try:
        timeline = _timeline(job.task, job.sample, job.facts, job.cache, job.words)
    except Exception as error:
        return JobResult(Outcome.INFRASTRUCTURE, perception_failure(error))
    return JobResult(Outcome.VALID, timeline=timeline)


def compare(job: TranscriptJob) -> JobResult:
    """Recognise what a transcript says beside its audio."""
    try:
        pair = transcript_pair(job.facts, job.cache, job.timeline, job.languages)
    except Exception as error:
        return JobResult(Outcome.INFRASTRUCTURE, f"transcript check: {in_one_line(error)}")
    return JobResult(Outcome.VALID, transcript=pair)


def perception_failure(error: Exception) -> str:
    """Why a recording cannot be scored, as the reason of its outcome."""
    return f"perception: {in_one_line(error)}"


def _timeline(
    task_source: str, sample: Sample, facts: SessionFacts, cache: Path, words: WordMode,
    sounds: Sounds = lambda file: file,
) -> Timeline:  # fmt: skip
    task = load_task(task_source)
    return timeline_of(
        facts, cache, words, task.hears_user, partial(task.stretches, sample), languages=sample.languages,
        user_words=task.recognises_user(sample), user_spans=partial(user_spans, task, sample), sounds=sounds,
    )  # fmt: skip
