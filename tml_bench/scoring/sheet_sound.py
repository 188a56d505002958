"""What people hear beside a question: the stretch that is judged, the user left, the model right.

The stretch is that of the question's times where it has any, else where the model said the texts that are
judged (lines of a ``reply`` or of the ``model``), found word by word in what was perceived, else the whole
recording. Before it `LEAD_S` are heard, so that nothing begins in the middle, and `TAIL_S` after it.
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tml_bench.errors import UserError
from tml_bench.names import name_flaw
from tml_bench.plain_text import plain
from tml_bench.questions import Question
from tml_bench.recording import MODEL_TRACK, USER_TRACK
from tml_bench.runs import store
from tml_bench.runs.layout import recording_parts, timeline_parts
from tml_bench.timeline import Timeline, Word

LEAD_S = 2.0
"""Heard before the stretch, in seconds."""
TAIL_S = 1.0
"""Heard after it."""
_TOKEN = re.compile(r"\w+")
_JUDGED = re.compile(r"\b(reply|model)\b")


class _Perceived(msgspec.Struct):
    """What a cached timeline holds."""

    timeline: Timeline


def stretch_of(question: Question, words: Sequence[Word]) -> tuple[float, float] | None:
    """Start and end in seconds of what is judged, given the model's words; None where it is not known."""
    times = [t for line in question.lines for t in (line.start_s, line.end_s) if t is not None]
    if not times:
        judged = [line for line in question.lines if _JUDGED.search(line.role)] or question.lines
        times = [t for line in judged for t in _said(line.text, words)]
    return (min(times), max(times)) if times else None


def _said(text: str, words: Sequence[Word]) -> tuple[float, ...]:
    """Start and end of where a text was said first; empty where it was not, or has no times."""
    wanted = _TOKEN.findall(plain(text))
    tokens = [(token, word) for word in words for token in _TOKEN.findall(plain(word.text))]
    names = [token for token, _ in tokens]
    for k in range(len(names) - len(wanted) + 1 if wanted else 0):
        if names[k : k + len(wanted)] == wanted:
            start, end = tokens[k][1].start_s, tokens[k + len(wanted) - 1][1].end_s
            return () if start is None or end is None else (start, end)
    return ()


class RunSounds:
    """Cuts stretches from the recordings of a run, those of each sample's last attempt."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._file = store.read_run(run)
        self._attempts = store.last_attempts(store.read_lines(run / "attempts.jsonl", store.Attempt))

    def clip(self, sample: str, question: Question) -> bytes | None:
        """What is heard of a question about a sample, as FLAC; None where there is no recording.

        Raises:
            UserError: a track cannot be read.
        """
        last = self._attempts.get(sample)
        if last is None or name_flaw(sample):
            return None
        place = recording_parts(self._file, sample, last.attempt)
        tracks = [t for name in (USER_TRACK, MODEL_TRACK) if (t := self._inside(*place, name)) is not None]
        if len(tracks) < 2:
            return None
        return _cut(tracks, stretch_of(question, self._words(sample, last.attempt)))

    def _words(self, sample: str, attempt: int) -> Sequence[Word]:
        path = self._inside(*timeline_parts(self._file, sample, attempt))
        return msgspec.json.decode(path.read_bytes(), type=_Perceived).timeline.words if path else ()

    def _inside(self, *parts: str) -> Path | None:
        """A file of the run; None where there is none, or names lead out of the folder."""
        path = self._run.joinpath(*parts).resolve()
        return path if path.is_file() and path.is_relative_to(self._run.resolve()) else None


def _cut(tracks: Sequence[Path], stretch: tuple[float, float] | None) -> bytes:
    import numpy as np
    import soundfile

    try:
        rate = soundfile.info(tracks[0]).samplerate
        ends = None if stretch is None else (max(0.0, stretch[0] - LEAD_S), stretch[1] + TAIL_S)
        start, stop = (0, None) if ends is None else (round(ends[0] * rate), round(ends[1] * rate))
        sides = [soundfile.read(track, start=start, stop=stop, dtype="int16")[0] for track in tracks]
    except soundfile.LibsndfileError as error:
        raise UserError(
            f"{tracks[0].parent} cannot be heard: {error}", "the recording is damaged; run the sample again"
        ) from error
    length = min(map(len, sides))
    out = io.BytesIO()
    soundfile.write(out, np.stack([side[:length] for side in sides], 1), rate, "PCM_16", format="FLAC")
    return out.getvalue()
