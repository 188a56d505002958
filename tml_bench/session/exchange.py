"""Both sides of a session on one timeline, going into its recording; whoever owns the clock drives it."""

import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.adapter import (
    Adapter,
    FlushReport,
    MicroTurn,
    Output,
    ToolResult,
    Transcript,
)
from tml_bench.files import file_sha256
from tml_bench.media.audio import probe
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Sample, Waveform
from tml_bench.session.camera import Camera, PlacedVideo, place_videos
from tml_bench.session.checks import (
    checked_audio,
    checked_call_ids,
    checked_items,
    checked_text,
    checked_transcript,
    fault,
    tool_call_event,
)
from tml_bench.session.playback import Playback, together
from tml_bench.session.replies import HeardReplies
from tml_bench.session.reply_texts import ReplyTexts
from tml_bench.session.settings import Settings, Ticks
from tml_bench.session.tools import LIVE_PATIENCE_S, ToolBench, late
from tml_bench.session.user import ScriptedUser
from tml_bench.timebase import first_sample_at, nanoseconds, sample_time_ns
from tml_bench.users.user_side import UserSide

MOST_PIECES = 50_000
"""Most pieces of audio that may wait to be heard: 300 s in pieces of 6 ms."""
THOUGHTS = 2
"""How many thoughts a simulated user has at once on the wall clock."""


class _ModelTrack:
    """The model's heard audio, brought to the recording's rate as one continuous stream."""

    def __init__(self, writer: RecordingWriter, audio_out: int, rate: int) -> None:
        import soxr

        self._writer = writer
        self._stream = None if audio_out == rate else soxr.ResampleStream(audio_out, rate, 1, dtype="float32")

    def write(self, audio: NDArray[np.float32]) -> None:
        self._writer.model.write(audio if self._stream is None else self._stream.resample_chunk(audio))

    def close(self, samples: int) -> None:
        """End on exactly as many samples as the user's track."""
        if self._stream is not None:
            rest = self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
            self._writer.model.write(rest[: samples - self._writer.model.samples])
        missing = samples - self._writer.model.samples
        self._writer.model.write(np.zeros(missing, dtype=np.float32))


class Exchange:
    """The user side, the listener's loudspeaker and the recording of one session.

    The caller closes the recording. With ``ahead`` video is decoded while the model works, which takes
    processor time from one that runs here. ``aside`` is as for ``ScriptedUser``. On the wall clock (``live``)
    no function is waited for.

    Raises:
        BadSampleError: the sample's audio or video cannot be used.
    """

    def __init__(
        self,
        sample: Sample,
        adapter: Adapter,
        settings: Settings,
        writer: RecordingWriter,
        *,
        ahead: bool = True,
        aside: Executor | None = None,
        live: bool = False,
    ) -> None:
        self._sample = sample
        self._audio_in = adapter.audio_in
        self._audio_out = audio_out = adapter.audio_out
        self._ticks = Ticks(settings.tick_ns)
        self._writer = writer
        self._max_session_ns = nanoseconds(settings.max_session_s)
        self._max_backlog_s = settings.max_backlog_s
        self._rate = writer.opened.rate
        self._playback = Playback(audio_out)
        self._track = _ModelTrack(writer, audio_out, self._rate)
        self._spoken = np.zeros(0, dtype=np.float32)
        self._transcripts, self._writings = ReplyTexts(), ReplyTexts()
        self._closed: ev.SessionClosed | None = None
        self._flushed: deque[tuple[int, FlushReport]] = deque()
        self._replies = HeardReplies()
        script = sample.script
        patience_s = LIVE_PATIENCE_S if live else math.inf
        self._tools = ToolBench(script, settings.seed, settings.tool_latency, patience_s)
        self.tool_specs = self._tools.specs
        """The functions the model may call."""
        videos = place_videos(script.videos)
        self._videos = deque(videos)
        wanted = adapter.video_in
        self._camera = Camera(videos, wanted, ahead=ahead) if videos and wanted is not None else None
        rates = tuple({self._rate, self._audio_in})
        self._user = _user_side(sample, settings, rates, audio_out, videos, aside, live)

    def open_clips(self) -> None:
        """Open the user's first clips, which takes a while; raises BadSampleError."""
        self._user.open_clips()

    def advance(self, index: int) -> MicroTurn | None:
        """Play both sides up to the hand-over of a micro-turn (0, 1, 2, ... in order) into the recording.

        Returns:
            The micro-turn to hand over, or None when the session has ended within it.
        """
        start_ns, handed_ns = self._ticks.bounds(index)
        self._closed = self._play(start_ns, handed_ns)
        return None if self._closed else self._micro_turn(index, start_ns, handed_ns)

    def finish(self) -> None:
        """End the recording where the session ended, once ``advance`` has said so."""
        if self._closed is not None:
            self._end_open(self._closed.t_ns)
            self._writer.event(self._closed)
        self._track.close(self._writer.user.samples)

    def fail(self, t_ns: int, reason: str) -> None:
        """End the recording here because the adapter broke its contract, or its service failed."""
        end_ns = sample_time_ns(self._writer.user.samples, self._rate)
        self._end_open(t_ns)
        self._writer.event(ev.Fault(t_ns, reason))
        self._writer.event(ev.SessionClosed(end_ns, "fault"))
        self._track.close(self._writer.user.samples)

    def refuse_calls(self, output: Output, index: int, t_ns: int) -> None:
        """Record the calls of what the model gave after the session's end, before ``finish``."""
        for call in output.tool_calls:
            event = tool_call_event(call, index, t_ns)
            self._writer.event(event)
            self._writer.event(late(t_ns, event))

    def _end_open(self, t_ns: int) -> None:
        """Record what texts were begun and what calls are open at the session's end."""
        for returned in self._tools.rest(t_ns):
            self._writer.event(returned)
        for item, text in self._transcripts.rest().items():
            self._writer.event(ev.ModelTranscript(t_ns, text, item=item))
        for text in self._writings.rest().values():
            self._writer.event(ev.ModelText(t_ns, text))

    def close(self) -> None:
        """Close the sample's files, however the session ended; does nothing when they are closed."""
        self._user.close()
        if self._camera is not None:
            self._camera.close()

    def _play(self, start_ns: int, end_ns: int) -> ev.SessionClosed | None:
        """Play both sides into the recording, up to ``end_ns`` or the session's end."""
        heard = self._playback.render(end_ns)
        self._user.hear(heard)
        for event in self._user.schedule(end_ns):
            self._writer.event(event)
        closed = self._closing(end_ns)
        cut_ns = end_ns if closed is None else closed.t_ns
        while self._videos and self._videos[0].start_ns < cut_ns:
            self._writer.event(_video_event(self._videos.popleft()))
        self._spoken = self._user.render(self._rate, cut_ns)
        self._writer.user.write(self._spoken)
        first = first_sample_at(start_ns, self._audio_out)
        self._track.write(heard[: first_sample_at(cut_ns, self._audio_out) - first])
        return closed

    def _closing(self, by_ns: int) -> ev.SessionClosed | None:
        limit_ns = self._max_session_ns
        end = self._user.end(by_ns)
        if end is not None and end.t_ns <= min(by_ns, limit_ns):
            return ev.SessionClosed(*end)
        return ev.SessionClosed(limit_ns, "time-out") if limit_ns <= by_ns else None

    def _micro_turn(self, index: int, start_ns: int, handed_ns: int) -> MicroTurn:
        same_rate = self._audio_in == self._rate
        audio = self._spoken if same_rate else self._user.render(self._audio_in, handed_ns)
        audio.flags.writeable = False
        texts = self._user.texts(handed_ns)
        for t_ns, text in texts:
            self._writer.event(ev.UserTextSent(t_ns, text))
        frames = self._camera.frames(handed_ns) if self._camera else ()
        for frame in frames:
            self._writer.event(ev.FrameShown(frame.t_ns, frame.pts_ns))
        results = self._tools.due(handed_ns)
        for result in results:
            self._writer.event(result)
        flushes = []
        while self._flushed and self._flushed[0][0] <= handed_ns:
            flushes.append(self._flushed.popleft()[1])
        written = tuple(text for _, text in texts)
        returned = tuple(ToolResult(r.call_id, r.name, r.output, r.is_error) for r in results)
        more = self._playback.heard_ms, together(flushes)
        return MicroTurn(index, start_ns, handed_ns, audio, written, frames, returned, *more)

    def emit(
        self, output: Output, index: int, t_ns: int, arrival_ns: int | None = None
    ) -> tuple[tuple[str, float], ...]:
        """Take what the model gave at ``t_ns``, at or after the last hand-over, in answer to a micro-turn.

        It has come through the network at ``arrival_ns``; None for at once.

        Returns:
            The items that a flush cut, as ``FlushReport.items``.

        Raises:
            AdapterFaultError: it breaks the contract; names the micro-turn ``index``.
        """
        audio, clipped = checked_audio(output, index)
        at_ns = t_ns if arrival_ns is None else arrival_ns
        cut = self._flush(at_ns, checked_items(output, index)) if output.flush else ()
        before_ns = self._playback.end_ns
        heard_ns = max(at_ns, before_ns)
        if len(audio):
            heard_ns = self._push(audio, output.item, t_ns, at_ns, clipped)
        if (backlog_s := self._playback.backlog_s) > (limit_s := self._max_backlog_s):
            raise fault(index, f"{backlog_s:.0f} s of audio wait to be heard, the limit is {limit_s:g} s")
        if self._playback.pieces > MOST_PIECES:
            raise fault(index, f"more than {MOST_PIECES} pieces of audio wait to be heard")
        for piece in output.transcript:
            checked = checked_transcript(piece, index)
            if checked.of_reply:
                next_ns = max(at_ns, self._playback.end_ns)
                words, unheard = self._replies.place(checked.words, output.item, next_ns)
            else:
                words, unheard = _timed_words(checked, heard_ns, before_ns or heard_ns), ()
            text = self._transcripts.add(output.item, checked.text)
            if text or words or unheard or not checked.text:
                self._given(ev.ModelTranscript(t_ns, text, words, output.item, unheard))
        if output.text and (text := self._writings.add(output.item, checked_text(output.text, index))):
            self._writer.event(ev.ModelText(t_ns, text))
        for call in output.tool_calls:
            event = tool_call_event(call, index, t_ns)
            filled = None if event.unreadable else self._tools.filled(event.name, event.arguments)
            self._writer.event(structs.replace(event, filled=filled))
            self._tools.call(at_ns, event)
        for returned in self._tools.cancel(at_ns, checked_call_ids(output, index)):
            self._writer.event(returned)
        return cut

    def _given(self, event: ev.ModelAudio | ev.ModelTranscript | ev.Flush) -> None:
        """Record what the model gave, which the user may hear."""
        self._writer.event(event)
        self._user.note(event)

    def _push(self, audio: NDArray[np.float32], item: str, t_ns: int, at_ns: int, clipped: int = 0) -> int:
        queued = self._playback.push(at_ns, audio, item)
        self._replies.push(item, queued.start_ns, queued.end_ns)
        place = queued.start_ns, queued.end_ns, queued.onset_ns
        self._given(ev.ModelAudio(t_ns, *place, item=item, down_ns=at_ns - t_ns, clipped=clipped))
        return queued.start_ns

    def _flush(self, t_ns: int, only: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
        """Drop what is unheard, of these replies only if any are named; what is left of others follows up."""
        waiting = self._playback.unheard(t_ns)
        left = [(item, audio) for item, audio in waiting if only and item not in only]
        if only and len(left) == len(waiting):
            return ()
        flushed, cut = self._playback.flush(t_ns), self._replies.flush(t_ns, only)
        left_ms = 1000 * sum(len(audio) for _, audio in left) / self._audio_out
        flushed = replace(flushed, dropped_ms=flushed.dropped_ms - left_ms, items=cut)
        self._flushed.append((t_ns, flushed))
        kept = tuple(dict.fromkeys(item for item, _ in left))
        self._given(ev.Flush(t_ns, flushed.heard_ms, flushed.dropped_ms, kept))
        for item, audio in left:
            self._push(audio, item, t_ns, t_ns)
        return cut


def _user_side(
    sample: Sample, settings: Settings, rates: tuple[int, ...], heard_rate: int,
    videos: Sequence[PlacedVideo], aside: Executor | None, live: bool,
) -> UserSide:  # fmt: skip
    """Who plays the user's side of a sample."""
    if sample.scenario is None:
        durations = tuple(_duration_ns(turn.audio) for turn in sample.script.turns)
        return ScriptedUser(sample.script, durations, rates, heard_rate, videos, aside)
    from tml_bench.users.making import simulated_user

    # What reads clips and encodes tracks must not wait for its thoughts; one that is given up may go on.
    thinks = ThreadPoolExecutor(THOUGHTS, "user") if live else None
    return simulated_user(sample, settings.user, settings.seed, rates, heard_rate, thinks)


def _duration_ns(audio: Path | Waveform) -> int:
    """Length of a clip, rounded down, so that what follows at once starts on the next sample."""
    if isinstance(audio, Waveform):
        return sample_time_ns(len(audio.samples), audio.rate)
    info = probe(audio)
    return sample_time_ns(info.frames, info.rate)


def _video_event(placed: PlacedVideo) -> ev.UserVideoStarted:
    path, info = placed.video.path, placed.info
    return ev.UserVideoStarted(
        t_ns=placed.start_ns,
        end_ns=placed.end_ns,
        video=placed.index,
        name=path.name,
        sha256=file_sha256(path),
        codec=info.codec,
        width=info.width,
        height=info.height,
        sound=placed.sounds,
        after=placed.video.after,
        subtitles=len(placed.video.subtitles),
        notes=placed.notes,
    )


def _timed_words(piece: Transcript, heard_ns: int, before_ns: int) -> tuple[ev.TimedWord, ...]:
    # A word of audio that was given before counts back from that audio's end, however long it has been over.
    words = []
    for word in piece.words:
        zero_ns = before_ns if word.start_s + word.end_s < 0 else heard_ns
        times = zero_ns + nanoseconds(word.start_s), zero_ns + nanoseconds(word.end_s)
        words.append(ev.TimedWord(word.text, *times))
    return tuple(words)
