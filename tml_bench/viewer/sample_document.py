"""Puts one sample together for the page; see `tml_bench.viewer.sample_schema`."""

from __future__ import annotations

from dataclasses import dataclass, field

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.metric import Score
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.store import Attempt
from tml_bench.timebase import seconds
from tml_bench.timeline import Timeline
from tml_bench.viewer import perceived
from tml_bench.viewer.event_pages import NO_EVENTS, event_page
from tml_bench.viewer.happened import SessionLog, interruptions, latencies, session_log
from tml_bench.viewer.happenings import SampleHappenings, happenings, windows
from tml_bench.viewer.run_files import SummaryHead, ViewedAttempt, ViewedRun, summary_head
from tml_bench.viewer.run_samples import SampleShelf
from tml_bench.viewer.sample_schema import (
    EventPage,
    SampleDocument,
    ViewedModel,
    ViewedStretch,
    ViewedTrack,
    ViewedUser,
)
from tml_bench.viewer.score_document import ending, judgements, stored_score, viewed_score
from tml_bench.viewer.score_schema import ViewedJudgement
from tml_bench.viewer.tracks import SIDES, TrackForm
from tml_bench.viewer.videos import viewed_video
from tml_bench.viewer.waveform import viewed_track


@dataclass(slots=True)
class _Heard:
    """What a recording gives; empty where there is none. ``user`` is None where it was not perceived."""

    duration_s: float = 0.0
    tick_s: float | None = None
    user_track: ViewedTrack | None = None
    model_track: ViewedTrack | None = None
    log: SessionLog = field(default_factory=SessionLog)
    timeline: Timeline | None = None
    user: tuple[ViewedStretch, ...] | None = None
    events: EventPage = NO_EVENTS


def sample_document(
    run: ViewedRun, n: int, attempt: ViewedAttempt, shelf: SampleShelf, tracks: TrackForm = TrackForm.FLAC
) -> SampleDocument:
    """Everything there is to show of a run's n-th sample; what cannot be had is said in ``remarks``."""
    last, config = attempt.last, run.file.config
    remarks: list[str] = []
    heard = _hear(run, n, attempt, remarks, tracks)
    expected = shelf.expected(run, last)
    stored, judged = _scored(run, last.sample, remarks)
    head = _head(run, remarks)
    outcome, reason = _ended(run, last, remarks)
    user = _user(heard, expected.sample.reference.user_end_s if expected.sample else None)
    model = _model(heard)
    found = happenings(stored.rows, stored.values) if stored else SampleHappenings()
    videos = tuple(viewed_video(run, n, expected.sample, played) for played in heard.log.videos)
    remarks += [expected.problem] if expected.problem else []
    remarks += [f"the video {v.name} is not there any more, or has changed" for v in videos if not v.address]
    return SampleDocument(
        run=run.key,
        n=n,
        sample=last.sample,
        task=config.task,
        subset=last.subset,
        unit=stored.unit if stored else "",
        adapter=config.adapter,
        attempt=last.attempt,
        attempts=attempt.attempts,
        outcome=str(outcome),
        reason=reason,
        ended=last.ended,
        notes=tuple(dict.fromkeys((*last.notes, *heard.log.notes))),
        remarks=tuple(remarks),
        duration_s=heard.duration_s,
        tick_s=heard.tick_s,
        user_track=heard.user_track,
        model_track=heard.model_track,
        videos=videos,
        user=user,
        model=model,
        windows=windows(expected.marks, found),
        tool_calls=heard.log.tool_calls(),
        interruptions=interruptions(user.speech, model.speech),
        flushes=tuple(heard.log.flushes),
        delays=tuple(heard.log.delays),
        latencies=latencies(heard.log, _ends(user), model.speech),
        score=viewed_score(stored, head) if stored else None,
        judgements=judged,
        events=heard.events,
    )


def _hear(run: ViewedRun, n: int, attempt: ViewedAttempt, remarks: list[str], tracks: TrackForm) -> _Heard:
    found = _Heard()
    folder = run.recording(attempt.last)
    if folder is None:
        remarks.append("there is no recording")
        return found
    try:
        recording = Recording(folder, verify=False)
        found.log = session_log(recording.events())
        found.duration_s, found.tick_s = recording.duration_s, seconds(recording.opened.tick_ns)
        found.events = event_page(folder / "session.jsonl", 0) or NO_EVENTS
        if not recording.manifest.samples:  # it failed at once; its tracks hold nothing that could be read
            return found
        found.user_track, found.model_track = (
            viewed_track(folder / f"{side}.flac", f"audio/{run.key}/{n}/{side}.{tracks}") for side in SIDES
        )
        found.timeline = perceived.model_timeline(run, attempt.last, recording.facts)
        found.user = perceived.user_speech(run, attempt.last, recording.facts)
        Recording(folder)  # is it as it was made?
    except Exception as error:  # a stranger's files may be damaged in any way: what was read is shown
        remarks.append(f"the recording: {in_one_line(error)}")
    return found


def _scored(
    run: ViewedRun, sample: str, remarks: list[str]
) -> tuple[Score | None, tuple[ViewedJudgement, ...]]:
    score = None
    try:
        score = stored_score(run, sample)
        return score, judgements(run, sample, score)
    except UserError as error:
        remarks.append(str(error))
        return score, ()


def _ended(run: ViewedRun, last: Attempt, remarks: list[str]) -> tuple[Outcome, str]:
    try:
        return ending(run, last)
    except UserError as error:
        remarks.append(str(error))
        return last.outcome, last.reason


def _head(run: ViewedRun, remarks: list[str]) -> SummaryHead | None:
    try:
        return summary_head(run)
    except UserError as error:
        remarks.append(str(error))
        return None


def _user(heard: _Heard, end_s: float | None) -> ViewedUser:
    """The user's side; without a known end of speech, that of the last turn as it was perceived."""
    log, speech = heard.log, heard.user or ()
    if end_s is None and log.turns:
        end_s = perceived.speech_end(speech, log.turns[-1].start_s, log.turns[-1].end_s)
    return ViewedUser(speech, heard.user is not None, (), tuple(log.turns), tuple(log.user_texts), end_s)


def _model(heard: _Heard) -> ViewedModel:
    log, timeline = heard.log, heard.timeline
    texts = tuple(log.transcripts), tuple(log.model_texts)
    if timeline is None:
        return ViewedModel((), (), "", *texts)
    speech, words = perceived.stretches(timeline.segments), perceived.words_of(timeline)
    return ViewedModel(speech, words, str(timeline.word_source), *texts)


def _ends(user: ViewedUser) -> list[float]:
    """Where the user's turns end, in order: their speech, where it was perceived, else their audio."""
    ends = set()
    for turn in user.turns:
        known = user.speech_end_s
        if known is not None and turn.start_s < known <= turn.end_s:
            ends.add(known)
        else:
            heard = perceived.speech_end(user.speech, turn.start_s, turn.end_s)
            ends.add(turn.end_s if heard is None else heard)
    return sorted(ends)
