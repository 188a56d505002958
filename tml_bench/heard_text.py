"""What was heard of transcripts without word times, and in which stretch of the model's track.

**Replies.** A reply is the audio under one item's name. Audio without a name belongs to the reply before it
unless a flush lies between them or that reply had been over for more than ``GAP_S``, or ``RUN_S`` where
only one of the two has a text; what comes of an item after a flush cut it is another reply.

**Whose a text is.** A text with an item belongs to that item's audio; if there is none, it was never heard,
unless texts and audio share no name at all. Any other text belongs to the reply that is being heard when it
comes (or ended less than ``GRACE_S`` ago), or to that of a text which came less than ``GRACE_S`` before it
without audio or flush between them; else to the nearer of the reply before and the one that begins next,
where a reply that has a text already counts as ``BIAS_S`` farther away, and not at all if it ended more than
``FORGOTTEN_S`` ago. One that is late (below), and nearest to a reply that has no text, belongs to that and
the replies without a text before it, taken as one.

**Late texts.** A text that comes more than ``declared_times.LATE_S`` after the end of its audio is late, and
counted.

**What was heard.** Of a reply that a flush or the session's end cut, the share of its text is that of its
audio: a word counts that begins, by characters, within the share heard. A text between words with times
shares the audio between those words. Nothing counts of a reply that was wholly dropped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from tml_bench import events as ev
from tml_bench.declared_times import LATE_S
from tml_bench.joined_text import carry_spaces, heard_part, joined
from tml_bench.timebase import NS, seconds

GAP_S = 0.25
"""A longer silence ends a reply whose audio has no name; what a late message leaves is shorter."""
GRACE_S = 0.3
BIAS_S = 2.0
FORGOTTEN_S = 5.0
PACED_S = 1.2
"""Audio that comes as it is heard never waits for longer than this until it has been heard."""
RUN_S = 0.8
"""The longest pause within a text; where audio comes as it is heard, pieces farther apart are said apart."""


class HeardText(msgspec.Struct, frozen=True):
    """A text without word times, as far as it was heard.

    Attributes:
        text: words set apart by single spaces; not empty.
        start_s: from where in the model's track it was said, seconds.
        end_s: until where.
        given_s: from when until when it was given, where its audio came as it was heard; it was said about
            then. None where that tells nothing.
    """

    text: str
    start_s: float
    end_s: float
    given_s: tuple[float, float] | None = None


@dataclass(slots=True)
class _Chunk:
    """When audio would be heard, and until when it was; that is before its start where it was not."""

    start_ns: int
    onset_ns: int
    arrival_ns: int
    end_ns: int
    until_ns: int


@dataclass(slots=True)
class _Reply:
    item: str
    flushes: int = 0
    chunks: list[_Chunk] = field(default_factory=list)
    pieces: list[ev.ModelTranscript] = field(default_factory=list)
    cut: bool = False
    gathered: bool = False

    @property
    def until_ns(self) -> int:
        return self.chunks[-1].until_ns

    @property
    def spoken(self) -> bool:
        """Whether it has a text already."""
        return any(piece.text.strip() for piece in self.pieces)

    @property
    def paced(self) -> bool:
        """Whether its audio came as it is heard."""
        return not (self.item or self.gathered) and all(
            c.end_ns - c.arrival_ns <= PACED_S * NS for c in self.chunks
        )

    def takes_up(self, last: _Reply) -> bool:
        """Whether it goes on with the reply before after a pause, as one text for both tells."""
        nameless = not (self.item or last.item or last.gathered) and self.flushes == last.flushes
        pause_ns = self.chunks[0].onset_ns - last.until_ns
        return nameless and pause_ns <= RUN_S * NS and not (self.spoken and last.spoken)

    def share(self, from_ns: float, to_ns: float) -> float:
        """The share of its audio between two instants that was heard; 0 where there is none."""
        heard = whole = 0.0
        for chunk in self.chunks:
            start_ns = max(chunk.start_ns, from_ns)
            heard += max(0.0, min(chunk.until_ns, to_ns) - start_ns)
            whole += max(0.0, min(chunk.end_ns, to_ns) - start_ns)
        return heard / whole if whole else 0.0


@dataclass(slots=True)
class _Text:
    """A piece, how many replies had begun when it came, and whether the last of them was being heard."""

    piece: ev.ModelTranscript
    begun: int
    flushes: int
    heard_now: bool
    named: _Reply | None

    def followed_by(self, other: _Text) -> bool:
        """Whether another comes soon after it, without audio or flush between them."""
        same = (self.begun, self.flushes) == (other.begun, other.flushes)
        return same and other.piece.t_ns - self.piece.t_ns <= GRACE_S * NS


class HeardTexts:
    """Takes a session's events in the order of its log; says what was heard of texts without word times."""

    def __init__(self) -> None:
        self._replies: list[_Reply] = []
        self._named: dict[str, _Reply] = {}
        self._texts: list[_Text] = []
        self._flushes = 0
        self._fresh = True
        self.late = 0
        """Pieces that were late; known once `heard` has been asked."""

    def take(self, event: ev.AnyEvent) -> None:
        """Take the next event; those that are neither audio, flush nor transcript mean nothing."""
        match event:
            case ev.ModelAudio():
                self._audio(event)
            case ev.Flush():
                self._flush(event)
            case ev.ModelTranscript() if event.text and (event.words or not event.unheard):
                self._text(event)

    def _audio(self, event: ev.ModelAudio) -> None:
        onset_ns = event.heard_ns if event.onset_ns is None else event.onset_ns
        reply = self._named.get(event.item) if event.item else self._going_on(onset_ns)
        if reply is None or (event.item and reply.cut):
            reply = _Reply(event.item, self._flushes)
            self._replies.append(reply)
        if event.item:
            self._named[event.item] = reply
        self._fresh = False
        arrival_ns = event.t_ns + event.down_ns
        reply.chunks.append(_Chunk(event.heard_ns, onset_ns, arrival_ns, event.end_ns, event.end_ns))

    def _going_on(self, onset_ns: int) -> _Reply | None:
        last = self._replies[-1] if self._replies and not self._fresh else None
        near = last is not None and not last.item and onset_ns - last.until_ns <= GAP_S * NS
        return last if near else None

    def _flush(self, flush: ev.Flush) -> None:
        self._flushes += 1
        self._fresh = True
        kept = [self._named[item] for item in flush.kept if item in self._named]
        self._cut(flush.t_ns, kept)
        for reply in kept:
            for chunk in reply.chunks:
                chunk.end_ns = chunk.until_ns  # what is left of it follows in the log

    def _cut(self, t_ns: int, kept: Sequence[_Reply] = ()) -> None:
        for reply in self._replies:
            for chunk in reply.chunks:
                if chunk.until_ns > t_ns:
                    chunk.until_ns = t_ns
                    reply.cut |= not any(reply is each for each in kept)

    def _text(self, piece: ev.ModelTranscript) -> None:
        last = self._replies[-1] if self._replies and not self._fresh else None
        heard_now = last is not None and piece.t_ns <= last.until_ns + GRACE_S * NS
        named = self._named.get(piece.item) if piece.item else None
        self._texts.append(_Text(piece, len(self._replies), self._flushes, heard_now, named))

    def heard(self, end_ns: int) -> tuple[HeardText, ...]:
        """What was heard until the session's end, in the order of the track. It is the last thing asked."""
        self._assign()
        self._cut(end_ns)
        as_they_stand = carry_spaces([t.piece.text for t in self._texts if not t.piece.words])
        replies = _joined_up([reply for reply in self._replies if reply.chunks])
        found = [text for reply in replies for text in _texts_of(reply, as_they_stand)]
        return tuple(sorted(found, key=lambda text: (text.start_s, text.given_s or ())))

    def _assign(self) -> None:
        """Give every piece to its reply."""
        last: tuple[_Text, _Reply | None] | None = None
        left: list[_Text] = []
        shared = any(text.piece.item in self._named for text in self._texts)
        for text in self._texts:
            if text.piece.item and shared:
                reply = text.named or self._named.get(text.piece.item)
            else:
                reply = self._nearest(text, last)
                last = text, reply
            if reply is not None:
                reply.pieces.append(text.piece)
                self.late += text.piece.t_ns - reply.until_ns > LATE_S * NS
            elif not text.piece.words and not (text.piece.item and shared):
                left.append(text)
        for text in left:
            self._gather(text)

    def _gather(self, text: _Text) -> None:
        """Give a piece that no reply is near to the last replies before it without a text, made one."""
        before = [reply for reply in self._replies[: text.begun] if reply.chunks]
        while before and before[-1].spoken and not before[-1].gathered:
            before.pop()
        if not before:
            return
        self.late += 1
        owner = before.pop()
        while before and not owner.gathered and not before[-1].spoken:
            before[-1].chunks += owner.chunks
            owner.chunks = []
            owner = before.pop()
        owner.gathered = True
        owner.pieces.append(text.piece)

    def _nearest(self, text: _Text, last: tuple[_Text, _Reply | None] | None) -> _Reply | None:
        before = self._replies[text.begun - 1] if text.begun else None
        following = self._replies[text.begun] if text.begun < len(self._replies) else None
        if text.heard_now:
            return before
        t_ns = text.piece.t_ns
        if last is not None and last[0].followed_by(text):
            return last[1]
        if before is None:
            return following
        ago_s = max(0.0, seconds(t_ns - before.until_ns))
        far_s = ago_s + BIAS_S * before.spoken
        if following is not None and seconds(following.chunks[0].arrival_ns - t_ns) < far_s:
            return following
        if ago_s > LATE_S and not before.spoken:
            return None
        return before if ago_s <= FORGOTTEN_S else following


@dataclass(slots=True)
class _Run:
    """Pieces that are said together, between which instants that is, and whether all of it was heard."""

    pieces: list[ev.ModelTranscript]
    from_ns: float
    to_ns: float = math.inf
    whole: bool = False


def _joined_up(replies: Sequence[_Reply]) -> list[_Reply]:
    """Replies without those that take up the one before, whose audio and texts go to it."""
    found: list[_Reply] = []
    for reply in replies:
        if found and reply.takes_up(found[-1]):
            found[-1].chunks += reply.chunks
            found[-1].pieces += reply.pieces
        else:
            found.append(reply)
    return found


def _texts_of(reply: _Reply, as_they_stand: bool) -> Iterator[HeardText]:
    """What was heard of a reply's texts, run by run, in order."""
    begun = [chunk for chunk in reply.chunks if chunk.until_ns > chunk.start_ns]
    if not begun:
        return
    first_ns, last_ns = min(begun[0].onset_ns, begun[0].until_ns), reply.until_ns
    paced = reply.paced
    for run in _runs(reply, as_they_stand):
        text = joined([piece.text for piece in run.pieces], as_they_stand)
        text = text if run.whole else heard_part(text, reply.share(run.from_ns, run.to_ns))
        start_ns, end_ns = max(run.from_ns, first_ns), min(run.to_ns, last_ns)
        if text and start_ns < end_ns:
            given = (seconds(run.pieces[0].t_ns), seconds(run.pieces[-1].t_ns)) if paced else None
            yield HeardText(text, start_ns / NS, end_ns / NS, given)


def _runs(reply: _Reply, as_they_stand: bool) -> list[_Run]:
    """A reply's pieces without word times, in order.

    Words with times part them, and silences between pieces whose audio comes as it is heard.
    """
    runs, paced = [_Run([], -math.inf)], reply.paced
    for piece in reply.pieces:
        last = runs[-1]
        if piece.words:
            last.to_ns = min(word.start_ns for word in piece.words)
            runs.append(_Run([], max(word.end_ns for word in piece.words)))
        elif last.pieces and paced and _apart(last.pieces[-1], piece, as_they_stand):
            last.whole = True
            runs.append(_Run([piece], last.pieces[-1].t_ns))
        else:
            last.pieces.append(piece)
    return [run for run in runs if run.pieces]


def _apart(before: ev.ModelTranscript, after: ev.ModelTranscript, as_they_stand: bool) -> bool:
    """Whether two pieces are said apart; a word that is split between them is not."""
    split = as_they_stand and re.search(r"\w$", before.text) and re.match(r"\w", after.text)
    return not split and after.t_ns - before.t_ns > RUN_S * NS
