"""The user side: plays a script, given only what has been heard so far."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import pairwise, product

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.media.ahead import WorkAhead
from tml_bench.media.audio import ClipReader, ClipSource
from tml_bench.media.video_sound import VideoSound
from tml_bench.samples import AfterModelStops, At, Cue, Script
from tml_bench.session.camera import PlacedVideo
from tml_bench.timebase import NS, first_sample_at, nanoseconds, sample_time_ns
from tml_bench.timeline import UserLine
from tml_bench.users.user_side import SessionEnd, UserSide

VOICED_LEVEL = 10 ** (-45 / 20)
"""A model sample louder than this (-45 dBFS) counts as speech for cues."""

VOICED_GAP_NS = 20_000_000
"""Quieter stretches up to this long belong to the speech around them."""


class ModelSpeech:
    """When the listener heard the model speak: a plain level gate, exact to the sample, for cues only."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._at = 0
        self._spans: list[tuple[int, int]] = []

    def hear(self, audio: NDArray[np.float32]) -> None:
        """Take the next stretch of heard audio, shape (n,)."""
        (loud,) = (np.abs(audio) > VOICED_LEVEL).nonzero()
        if len(loud):
            gap = first_sample_at(VOICED_GAP_NS, self._rate)
            (breaks,) = (loud[1:] - loud[:-1] > gap).nonzero()
            for first, after in pairwise([0, *(breaks + 1).tolist(), len(loud)]):
                start, end = self._at + int(loud[first]), self._at + int(loud[after - 1]) + 1
                if self._spans and start - self._spans[-1][1] <= gap:
                    start = self._spans.pop()[0]
                self._spans.append((start, end))
        self._at += len(audio)

    def spans_ns(self, since_ns: int) -> list[tuple[int, int]]:
        """Speech heard at or after ``since_ns``; the first span may have begun before."""
        spans: list[tuple[int, int]] = []
        for start, end in reversed(self._spans):
            if (end_ns := sample_time_ns(end, self._rate)) <= since_ns:
                break
            spans.append((sample_time_ns(start, self._rate), end_ns))
        return spans[::-1]


def cue_time(cue: Cue, armed_ns: int, known_ns: int, speech: ModelSpeech) -> tuple[int, bool] | None:
    """When a cue fires that is armed since the end of the user's previous turn.

    Returns:
        (time, whether it was the time-out), or None when it has not fired by ``known_ns``; everything heard
        before that time is known.
    """
    if isinstance(cue, At):
        return max(nanoseconds(cue.t_s), armed_ns), False
    deadline = armed_ns + nanoseconds(cue.timeout_s)
    spans = speech.spans_ns(armed_ns)
    if isinstance(cue, AfterModelStops):
        fired = _first_gap(spans, nanoseconds(cue.gap_s))
        met = fired is not None and fired <= deadline
    else:
        onset = next((start for start, _ in spans if start >= armed_ns), None)
        fired = None if onset is None else onset + nanoseconds(cue.after_s)
        met = onset is not None and onset < deadline
    if fired is not None and met:
        return (fired, False) if fired <= known_ns else None
    return (deadline, True) if deadline <= known_ns else None


def _first_gap(spans: list[tuple[int, int]], gap_ns: int) -> int | None:
    for (_, end), (start, _) in pairwise(spans):
        if start - end >= gap_ns:
            return end + gap_ns
    return spans[-1][1] + gap_ns if spans else None


def _with_line(
    started: ev.UserTurnStarted, line: UserLine | None
) -> Iterator[ev.UserTurnStarted | ev.UserTurnCut]:
    """What is recorded of a turn that is placed; of a line that is said again also whether it was cut."""
    if line is None:
        yield started
        return
    yield structs.replace(started, text=line.text, act=line.act.value, stage=line.stage, why=line.why)
    if line.cut:
        yield ev.UserTurnCut(started.end_ns, started.turn)


class _Track:
    """Clips rendered at one rate, one after the other, each from its place; the next is opened beforehand."""

    def __init__(self, rate: int, clips: Iterable[ClipSource], aside: Executor | None) -> None:
        self.rate = rate
        self._clips = iter(clips)
        self._aside = aside
        self._placed: deque[int] = deque()
        self._reader: ClipReader | None = None
        self._next = WorkAhead(self._open, aside)
        self._at = 0

    def _open(self) -> ClipReader | None:
        clip = next(self._clips, None)
        return None if clip is None else ClipReader(clip, self.rate, self._aside)

    def open_clip(self) -> ClipReader | None:
        """The clip that is being played, or is to be; None when there is none left."""
        if self._reader is None:
            self._reader = self._next.result()
            self._next = WorkAhead(self._open, self._aside)
        return self._reader

    def place(self, start_ns: int) -> None:
        """Put the next clip here."""
        self._placed.append(first_sample_at(start_ns, self.rate))

    def render(self, end_ns: int) -> NDArray[np.float32]:
        end = first_sample_at(end_ns, self.rate)
        out = np.zeros(end - self._at, dtype=np.float32)
        while self._placed and (start := max(self._at, self._placed[0])) < end:
            reader = self.open_clip()
            assert reader is not None, "more clips were placed than there are"
            piece = reader.read(end - start)
            out[start - self._at : start - self._at + len(piece)] += piece
            if len(piece) == end - start:
                break
            self._placed.popleft()
            self._close_reader()
        self._at = end
        return out

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def close(self) -> None:
        """Close the files that are open; nothing can be rendered any more."""
        self._close_reader()
        self._clips = iter(())
        opening, self._next = self._next, WorkAhead(self._open, None)
        opening.drop(lambda reader: None if reader is None else reader.close())


class ScriptedUser(UserSide):
    """Plays a script at every one of the ``rates`` at which the user's audio is wanted.

    ``durations_ns`` are the lengths of the turns' audio, rounded down, so that a turn that follows at once
    starts on the next sample; ``heard_rate`` is the model's. ``aside`` reads the clips before they are
    needed, one piece of work at a time; None to read them in ``render``.
    """

    def __init__(
        self,
        script: Script,
        durations_ns: tuple[int, ...],
        rates: tuple[int, ...],
        heard_rate: int,
        videos: Sequence[PlacedVideo] = (),
        aside: Executor | None = None,
    ) -> None:
        self._script = script
        self._durations_ns = durations_ns
        self._tracks = {rate: _Track(rate, (turn.audio for turn in script.turns), aside) for rate in rates}
        sounding = [placed for placed in videos if placed.sounds]
        paths = [placed.video.path for placed in sounding]
        self._sounds = {rate: _Track(rate, map(VideoSound, paths), aside) for rate in rates if sounding}
        for track, placed in product(self._sounds.values(), sounding):
            track.place(placed.start_ns)
        self._videos_over_ns = max((placed.over_ns for placed in videos), default=0)
        self._speech = ModelSpeech(heard_rate)
        self._reacts = script.quiet_s is not None or any(not isinstance(t.cue, At) for t in script.turns)
        self._next = 0
        self._armed_ns = 0
        self._texts = sorted(script.texts, key=lambda text: text.at_s)
        self._told_ns = nanoseconds(self._texts[-1].at_s) if self._texts else 0

    def hear(self, heard: NDArray[np.float32]) -> None:
        """Take the next stretch of heard audio, for cues."""
        if self._reacts:
            self._speech.hear(heard)

    def schedule(self, known_ns: int) -> Iterator[ev.UserTurnStarted | ev.UserTurnCut]:
        """Place every turn that starts before ``known_ns``; all heard before that time must be known."""
        while self._next < len(self._script.turns):
            index, turn = self._next, self._script.turns[self._next]
            due = cue_time(turn.cue, self._armed_ns, known_ns, self._speech)
            if due is None or due[0] > known_ns:
                return
            start_ns, timed_out = due
            for track in self._tracks.values():
                track.place(start_ns)
            self._armed_ns = start_ns + self._durations_ns[index]
            self._next += 1
            started = ev.UserTurnStarted(
                start_ns, self._armed_ns, index, turn.label, type(turn.cue).__name__, timed_out
            )
            yield from _with_line(started, turn.line)

    def note(self, event: ev.AnyEvent) -> None:
        """Nothing: cues are of what is heard."""

    def render(self, rate: int, end_ns: int) -> NDArray[np.float32]:
        """The user's audio at ``rate`` from the last call's end up to ``end_ns``; shape (n,)."""
        spoken = self._tracks[rate].render(end_ns)
        if not self._sounds:
            return spoken
        mixed: NDArray[np.float32] = np.clip(spoken + self._sounds[rate].render(end_ns), -1, 1)
        return mixed

    def open_clips(self) -> None:
        """Open the first clips, if that has not been done; raises BadSampleError."""
        for track in (*self._tracks.values(), *self._sounds.values()):
            track.open_clip()

    def close(self) -> None:
        """Close the files that are open; nothing can be rendered any more."""
        for track in (*self._tracks.values(), *self._sounds.values()):
            track.close()

    def texts(self, end_ns: int) -> list[tuple[int, str]]:
        """Text messages that are due before ``end_ns`` and were not returned yet, with their times."""
        due: list[tuple[int, str]] = []
        while self._texts and self._texts[0].at_s * NS < end_ns:
            text = self._texts.pop(0)
            due.append((nanoseconds(text.at_s), text.text))
        return due

    def end(self, known_ns: int) -> SessionEnd | None:
        """The tail after all turns, texts and videos; None while a turn is pending.

        All heard before ``known_ns`` is known; it decides whether the model has fallen silent.
        """
        script = self._script
        if self._next < len(script.turns):
            return None
        played_ns = max(self._armed_ns, self._told_ns, self._videos_over_ns)
        if script.quiet_s is None:
            return SessionEnd(played_ns + nanoseconds(script.tail_s), "script")
        fallen_silent = AfterModelStops(script.quiet_s, script.tail_s)
        due = cue_time(fallen_silent, played_ns, known_ns, self._speech)
        return None if due is None else SessionEnd(due[0], "script")
