"""Words of texts without word times, fitted to the audio that says them (the extra ``[speech]``).

A text is aligned with the speech it was said in (``align``; the network is one of US English). Where the
aligner finds no way through (a name is said unlike it is written, the reply was cut and its share of the
text is not quite what was heard), and for a text of more than one of the recogniser's pieces, that speech
is recognised: if at least ``ALIKE`` of the text's words are, in their order, they have the recognised
times, and the others are spread between them. Else the text is laid over its speech. The text stands in any
case, as words with times do: whether it is what was said is another question
(``tml_bench.scoring.transcript_check``). Speech to which no text belongs is recognised.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench.media.audio import ClipReader
from tml_bench.perception import asr
from tml_bench.perception.align import RATE, align, spread
from tml_bench.perception.laying import SaidText, lay_over
from tml_bench.plain_text import plain
from tml_bench.timeline import Segment, Word, WordSource

ALIKE = 0.5
_MARGIN_S = 0.1
_ROOM_S = 0.3
_NEAR_S = 0.15
"""The first word begins with the speech and the last ends with it where the aligner puts them so near."""
Samples = NDArray[np.float32]


def fit(
    audio: Path, segments: Sequence[Segment], said: Sequence[SaidText], timed: Sequence[Word] = (),
    whisper: str | None = None, languages: Sequence[str] = ("en",),
) -> tuple[tuple[Word, ...], WordSource]:  # fmt: skip
    """Measure when the words of texts were said.

    Args:
        audio: the model's track.
        segments: its speech.
        said: texts and the speech that says each, in order, as `places` gives them.
        timed: words whose times are known.
        whisper: the model to recognise with; see ``asr.chosen_model``.
        languages: what is spoken; where the model does not know them all, nothing is recognised, and speech
            without a text has no words.

    Returns:
        All words in the order spoken, and their source: ``proportional`` where any text is laid over its
        speech, else ``aligned``.

    Raises:
        UserError: the extra is not installed, or the model cannot be loaded.
        BadSampleError: the file cannot be read.
    """
    fitted = _aligned(audio, said)
    unfit = [one for one, words in zip(said, fitted, strict=True) if not words]
    known = [*timed, *chain.from_iterable(fitted)]
    told = [*_spans(timed), *((s.start_s, s.end_s) for _, speech in said for s in speech)]
    untold = (s for s in segments if not _touches(s, told))
    unknown = sorted(chain(untold, *(speech for _, speech in unfit)), key=lambda s: s.start_s)
    able = asr.knows(languages, whisper)
    recognised = asr.recognise(audio, unknown, whisper, languages) if able else ()
    laid = False
    for text, speech in unfit:
        heard = [word for word in recognised if any(_touches(s, _spans([word])) for s in speech)]
        recognised = tuple(word for word in recognised if word not in heard)
        own = _at_recognised(text.split(), heard, speech)
        laid |= not own
        known += own or lay_over(text.split(), speech)
    words = sorted((*known, *recognised), key=lambda word: word.start_s or 0.0)
    return tuple(words), WordSource.PROPORTIONAL if laid else WordSource.ALIGNED


def _spans(words: Iterable[Word]) -> list[tuple[float, float]]:
    return [(w.start_s, w.end_s) for w in words if w.start_s is not None and w.end_s is not None]


def _touches(segment: Segment, spans: Iterable[tuple[float, float]]) -> bool:
    return any(start < segment.end_s and segment.start_s < end for start, end in spans)


def _aligned(audio: Path, said: Sequence[SaidText]) -> list[list[Word]]:
    """The words of each text; none where it does not fit."""
    found: list[list[Word]] = []
    with ClipReader(audio, RATE) as clip:
        at = 0
        for k, (text, speech) in enumerate(said):
            start_s, end_s = speech[0].start_s - _MARGIN_S, speech[-1].end_s + _MARGIN_S
            if k + 1 < len(said):
                end_s = min(end_s, max(said[k + 1][1][0].start_s, speech[-1].end_s))
            start = max(at, round(start_s * RATE))
            end = max(start, min(clip.length, round(end_s * RATE)))
            asr.skip(clip, start - at)
            samples, at = clip.read(end - start), end
            short = len(asr.pieces(speech)) == 1
            found.append(_placed(text, samples, start / RATE, speech) if short else [])
    return found


def _placed(text: str, samples: Samples, start_s: float, speech: Sequence[Segment]) -> list[Word]:
    """The words of a text in the audio from ``start_s`` on, inside its speech, which they fill."""
    tokens = [token for token in text.split() if any(map(str.isalnum, token))]
    # The aligner needs silence around words, and silence with a spectrum: -60 dBFS noise.
    room = round(_ROOM_S * RATE)
    noise = np.random.default_rng(0).normal(0.0, 1e-3, len(samples) + 2 * room)
    words = align((np.pad(samples, room) + noise).astype(np.float32), tokens) if tokens else ()
    if not words:
        return []
    first_s, last_s = speech[0].start_s, speech[-1].end_s
    edges = np.array([(w.start_s or 0.0, w.end_s or 0.0) for w in words]) + (start_s - _ROOM_S)
    edges = edges.clip(first_s, last_s)
    if edges[0, 0] - first_s < _NEAR_S:
        edges[0, 0] = first_s
    if last_s - edges[-1, 1] < _NEAR_S:
        edges[-1, 1] = last_s
    return [Word(token, float(a), float(b)) for token, (a, b) in zip(tokens, edges, strict=True)]


def _at_recognised(
    tokens: Sequence[str], recognised: Sequence[Word], speech: Sequence[Segment]
) -> list[Word]:
    """A text's words by the times of those recognised; none if too few of them are."""
    own, heard = _plain(tokens), _plain([word.text for word in recognised])
    blocks = SequenceMatcher(a=own, b=heard, autojunk=False).get_matching_blocks()
    pairs = {block.a + k: recognised[block.b + k] for block in blocks for k in range(block.size)}
    if len(pairs) < ALIKE * len(tokens):
        return []
    start_s, end_s = speech[0].start_s, speech[-1].end_s
    places = [pairs.get(k) for k in range(len(tokens))]
    spans = [None if w is None else (w.start_s or 0.0, w.end_s or 0.0) for w in places]
    return list(spread(tokens, spans, start_s, end_s))


def _plain(texts: Iterable[str]) -> list[str]:
    return [re.sub(r"\W", "", plain(text)) for text in texts]
