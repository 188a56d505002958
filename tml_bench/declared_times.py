"""Which word times of an adapter are believed: those told in time, inside the audio that they speak of.

An adapter may say when its words are said. Who may say so at any time could place words where they were not
heard. So a word keeps its times only if it is told at most ``LATE_S`` after it has ended; and where its piece
of transcript names a reply (``item``) of which there is audio, only if each word of the piece lies in the
audio of that reply given so far, to within ``REACH_S``, or after it, where the rest may follow.

All other words are a text without times: it belongs to its reply (``tml_bench.heard_text``), before those of
its piece that keep theirs, and is placed by the sound. Whether there is speech where words are said to be is
asked once the track is heard (``tml_bench.perception.laying``).
"""

from __future__ import annotations

from msgspec import structs

from tml_bench import events as ev
from tml_bench.timebase import NS

LATE_S = 3.0
REACH_S = 0.25


class DeclaredTimes:
    """Takes a session's events in the order of its log; keeps the words whose times are believed."""

    def __init__(self) -> None:
        self._audio: dict[str, list[tuple[int, int]]] = {}
        self.words: list[ev.TimedWord] = []

    def take(self, event: ev.AnyEvent) -> tuple[ev.AnyEvent, ...]:
        """Take the next event; gives it back, words that are not believed as a piece without times.

        A word that begins after a flush, and was told before it, is dropped.
        """
        match event:
            case ev.ModelAudio():
                self._hear(event)
            case ev.Flush():
                self.words = [word for word in self.words if word.start_ns < event.t_ns]
            case ev.ModelTranscript() if event.words:
                kept = self._believed(event)
                self.words += kept
                if len(kept) < len(event.words):
                    return _parted(event, kept)
        return (event,)

    def _hear(self, audio: ev.ModelAudio) -> None:
        """Add a stretch to those of its reply; stretches that touch become one."""
        known = self._audio.setdefault(audio.item, [])
        if known and audio.heard_ns - known[-1][1] <= REACH_S * NS:
            known[-1] = known[-1][0], max(known[-1][1], audio.end_ns)
        else:
            known.append((audio.heard_ns, audio.end_ns))

    def _believed(self, piece: ev.ModelTranscript) -> tuple[ev.TimedWord, ...]:
        own = self._audio.get(piece.item) if piece.item else None
        if own is not None and not all(_inside(word, own) for word in piece.words):
            return ()
        return tuple(word for word in piece.words if piece.t_ns - word.end_ns <= LATE_S * NS)


def _parted(piece: ev.ModelTranscript, kept: tuple[ev.TimedWord, ...]) -> tuple[ev.ModelTranscript, ...]:
    """A piece whose words are not believed, and one of those that are, if any."""
    if not kept and not piece.unheard:
        return (structs.replace(piece, words=()),)
    others = " ".join(word.text for word in piece.words if word not in kept)
    first = structs.replace(piece, text=others, words=(), unheard=())
    rest = structs.replace(piece, text=" ".join(word.text for word in kept), words=kept, unheard=())
    return (first, rest) if kept else (first,)


def _inside(word: ev.TimedWord, audio: list[tuple[int, int]]) -> bool:
    """Whether a word begins and ends in one of the stretches, or may in what follows the last."""
    reach = REACH_S * NS
    if word.end_ns > audio[-1][1] and word.start_ns >= audio[-1][0] - reach:
        return True
    return any(start - reach <= word.start_ns and word.end_ns <= end + reach for start, end in audio)
