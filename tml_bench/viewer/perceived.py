"""What was perceived of a recording: as it was scored, else by speech activity alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.errors import UserError
from tml_bench.perception.perceive import Given, perceive
from tml_bench.recording import SessionFacts
from tml_bench.runs.layout import timeline_parts
from tml_bench.runs.store import Attempt
from tml_bench.scoring.timelines import by_recognition
from tml_bench.seals import seal_holds
from tml_bench.storage.shared_place import need_file
from tml_bench.timeline import Segment, Timeline
from tml_bench.viewer.run_files import ViewedRun, run_file
from tml_bench.viewer.sample_schema import ViewedStretch, ViewedText


class _Stored(msgspec.Struct, frozen=True):
    timeline: Timeline


def model_timeline(run: ViewedRun, attempt: Attempt, facts: SessionFacts) -> Timeline:
    """The model's speech and words; nothing is recognised anew, and nothing is written.

    Raises:
        BadSampleError: the track cannot be read.
    """
    stored = _stored(run, attempt, "-recognised") if by_recognition(run.path) else None
    stored = stored or _stored(run, attempt)
    if stored is not None:
        return stored
    given = Given(imported=facts.imported, timed=facts.timed, untimed=facts.untimed, words="transcript")
    return perceive(facts.model.path, **given)


def user_speech(run: ViewedRun, attempt: Attempt, facts: SessionFacts) -> tuple[ViewedStretch, ...]:
    """The user's stretches of speech. Raises BadSampleError: the track cannot be read."""
    stored = _stored(run, attempt, "-user")
    return stretches(stored.segments) if stored is not None else heard(facts.user.path, facts.user.sha256)


@lru_cache(maxsize=256)
def heard(track: Path, sha256: str) -> tuple[ViewedStretch, ...]:
    """Stretches of speech in a track of such a hash. Raises BadSampleError: it cannot be read."""
    return stretches(perceive(track, words="transcript").segments)


def speech_end(speech: Sequence[ViewedStretch], start_s: float, end_s: float) -> float | None:
    """Where speech ends within a stretch of the track; None where there is none in it."""
    ends = [min(one.end_s, end_s) for one in speech if one.start_s < end_s and one.end_s > start_s]
    return max(ends, default=None)


def stretches(segments: Sequence[Segment]) -> tuple[ViewedStretch, ...]:
    """Segments as the page gets them."""
    return tuple(ViewedStretch(segment.start_s, segment.end_s) for segment in segments)


def words_of(timeline: Timeline) -> tuple[ViewedText, ...]:
    """Words as the page gets them."""
    return tuple(ViewedText(word.text, word.start_s, word.end_s) for word in timeline.words)


def _stored(run: ViewedRun, attempt: Attempt, kind: str = "") -> Timeline | None:
    """What scoring stored, whatever version perceived it; None where it did not, or the file is torn."""
    try:
        parts = timeline_parts(run.file, attempt.sample, attempt.attempt, kind)
    except UserError:  # no name of a file
        return None
    need_file(run.path.joinpath(*parts))
    path = run_file(run.path, *parts)
    try:
        content = b"" if path is None else read_whole(path)
        return None if seal_holds(content) is False else msgspec.json.decode(content, type=_Stored).timeline
    except UNREADABLE:
        return None
