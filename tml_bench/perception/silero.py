"""Speech probabilities by the Silero VAD network, and Silero's own default rule for segments.

Conventions: audio is mono float32 at 16 kHz; a frame is 512 samples (32 ms); a probability is in [0, 1].

The network (Silero VAD 6, https://github.com/snakers4/silero-vad, MIT) keeps state from frame to frame
and must see a track in order from its first sample. Its state still drifts after a minute of digital
zeros, so stretches of silence must not be left out; they may be put off until something follows them, and a
silent end is followed by nothing.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tml_bench.perception.silero_network import FRAME, SileroNetwork
from tml_bench.timeline import Segment

RULE = "default-segments 2"
"""Name and version of the rules in ``silero_segments`` and ``speech_spans``."""
RATE = 16_000
FRAME_S = FRAME / RATE
THRESHOLD = 0.5
NEG_THRESHOLD = 0.35
FADING = 16
"""So many frames after sound (0.5 s) the network has long taken digital zeros for silence."""
_MIN_SPEECH = RATE * 250 // 1000
_MIN_SILENCE = RATE * 100 // 1000
_PAD = RATE * 30 // 1000

Probabilities = Sequence[float] | NDArray[np.float32]


class ProbabilityTrack:
    """Speech probabilities of a track that comes in blocks.

    Digital zeros are not shown to the network before something else follows, but for the first `FADING`
    frames after sound. Those that nothing follows have probability 0: the network says at most 0.01 at a
    silent beginning, and at most 0.04 from `FADING` frames after sound on, far below `NEG_THRESHOLD`.
    """

    def __init__(self) -> None:
        self._network = SileroNetwork()
        self._probabilities: list[NDArray[np.float32]] = []
        self._silent = FADING
        self._put_off = 0

    def copy(self) -> Self:
        """One that has taken the same, and goes on by itself."""
        other = copy(self)
        other._network, other._probabilities = self._network.copy(), [*self._probabilities]
        return other

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n,), n a multiple of 512."""
        frames = block.reshape(-1, FRAME)
        sounding = frames.any(axis=1)
        at = np.arange(len(frames))
        last = np.maximum.accumulate(np.where(sounding, at, -1))
        silent = np.where(last >= 0, at - last, self._silent + 1 + at)
        shown = np.flatnonzero(silent <= FADING)
        end = int(shown[-1]) + 1 if shown.size else 0
        if end:
            if self._put_off:
                self._probabilities.append(self._network.silence(self._put_off))
            self._probabilities.append(self._network.probabilities(frames[:end]))
            self._put_off = 0
        self._put_off += len(frames) - end
        self._silent = int(silent[-1]) if len(frames) else self._silent

    def values(self) -> NDArray[np.float32]:
        """Probabilities so far, shape (frames,)."""
        return np.concatenate([*self._probabilities, np.zeros(self._put_off, np.float32)])


def silero_segments(
    probabilities: Probabilities, samples: int, *, rounded: bool = True
) -> tuple[Segment, ...]:
    """Segments by the default rule of Silero's ``get_speech_timestamps`` (version 6).

    A segment starts at a frame of probability >= 0.5. It ends at the first frame < 0.35 after which no
    frame reaches 0.5 before a frame < 0.35 that begins at least 100 ms later; at the end of the track
    otherwise. Segments of at most 250 ms are dropped. Each is then widened by 30 ms on both sides; where
    two are less than 60 ms apart they meet halfway.

    Args:
        probabilities: one per frame, the last frame padded with zeros.
        samples: length of the track at 16 kHz.
        rounded: round times to 0.1 s, the last not beyond the track's end; else they are whole samples.

    Returns:
        Segments in order; empty when there is no speech.
    """
    spans = speech_spans(probabilities, samples)
    if not rounded:
        return tuple(Segment(start / RATE, end / RATE) for start, end in spans)
    return tuple(
        Segment(round(start / RATE, 1), min(round(end / RATE, 1), samples / RATE)) for start, end in spans
    )


def speech_spans(
    probabilities: Probabilities, samples: int, min_speech: int = _MIN_SPEECH, min_silence: int = _MIN_SILENCE
) -> list[tuple[int, int]]:
    """First sample of each stretch of speech, and the one after its last; the rule is ``silero_segments``'s.

    Stretches of at most ``min_speech`` samples are dropped; one ends where ``min_silence`` of silence follow.
    """
    spans = _spans(probabilities, samples, min_speech, min_silence)
    padded = [list(span) for span in spans]
    for (_, end), (start, _), left, right in zip(spans, spans[1:], padded, padded[1:], strict=False):
        pad = min(_PAD, (start - end) // 2)
        left[1] += pad
        right[0] -= pad
    if padded:
        padded[0][0] = max(0, padded[0][0] - _PAD)
        padded[-1][1] = min(samples, padded[-1][1] + _PAD)
    return [(start, end) for start, end in padded]


def telling(probabilities: Probabilities) -> Iterator[tuple[int, bool]]:
    """The frames that are speech or silence for sure, in order, and whether they are speech.

    All others change nothing.
    """
    heard = np.asarray(probabilities)
    speech = heard >= THRESHOLD
    frames = np.flatnonzero(speech | (heard < NEG_THRESHOLD))
    return zip(frames.tolist(), speech[frames].tolist(), strict=True)


def _spans(
    probabilities: Probabilities, samples: int, min_speech: int, min_silence: int
) -> list[tuple[int, int]]:
    spans = []
    start: int | None = None
    silence: int | None = None
    for k, speech in telling(probabilities):
        at = k * FRAME
        if speech:
            silence = None
            if start is None:
                start = at
        elif start is not None:
            silence = at if silence is None else silence
            if at - silence >= min_silence:
                if silence - start > min_speech:
                    spans.append((start, silence))
                start = silence = None
    if start is not None and samples - start > min_speech:
        spans.append((start, samples))
    return spans
