"""What a run knows of one of its recordings, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.layout import run_of
from tml_bench.runs.store import Attempt
from tml_bench.viewer import perceived
from tml_bench.viewer.run_files import ViewedRun, open_viewed, summary_head
from tml_bench.viewer.score_document import ending, stored_score, viewed_score
from tml_bench.viewer.score_schema import ScoredValue


def speech_ends(recording: Recording) -> list[float | None]:
    """Where the user's speech ends in each of their turns, in order, seconds; None where none is heard.

    Empty where the user's track cannot be heard: it is damaged, or empty because the session failed at once.
    """
    facts = recording.facts
    try:
        speech = perceived.heard(facts.user.path, facts.user.sha256)
    except BadSampleError:
        return []
    return [perceived.speech_end(speech, turn.start_s, turn.end_s) for turn in facts.turns]


def score_lines(folder: Path) -> Iterator[str]:
    """How the sample of a recording ``RUN/TASK/SAMPLE/ATTEMPT`` ended and scored; nothing outside a run.

    Headline metrics come first, then the others, then those that are missing, with the reason.
    """
    place = folder.resolve()
    try:
        found = _attempt(place)
        if found is None:
            return
        run, attempt = found
        outcome, reason = ending(run, attempt)
        yield f"outcome {outcome}{f': {reason}' if reason else ''}"
        if outcome is Outcome.USER_FAULT:
            return
        score, summary = stored_score(run, attempt.sample), summary_head(run)
    except UserError as error:
        yield f"no score: {error}"
        return
    if score is None:
        yield "no score: the sample is not scored; tml-bench score RUN"
        return
    values = viewed_score(score, summary).values
    yield from (f"  {_told(value)}" for value in values if value.value is not None)
    yield from (
        f"  {value.title} ({value.metric}) missing: {value.missing}" for value in values if value.missing
    )
    yield from (f"  note: {note}" for note in score.notes)


def _attempt(place: Path) -> tuple[ViewedRun, Attempt] | None:
    """The run and the attempt, where this is the recording of a sample's last one."""
    if (folder := run_of(place)) is None:
        return None
    (run,) = open_viewed([folder])
    tried = (one.last for one in run.attempts())
    last = next((a for a in tried if (a.sample, str(a.attempt)) == (place.parent.name, place.name)), None)
    return None if last is None else (run, last)


def _told(value: ScoredValue) -> str:
    assert value.value is not None
    shown = 100 * value.value if value.unit == "%" else value.value
    unit = f" {value.unit}" if value.unit else ""
    mark = " *" if value.headline else ""
    return f"{value.title} ({value.metric}): {shown:.4g}{unit}{mark}"
