"""Words of texts without word times, fitted to the audio that says them (the extra ``[speech]``).

A text is aligned with the speech it was said in (``align``; the network is one of US English). It does not
fit where the aligner finds no way through: it says something else, or its reply was cut and its share of
the text is not quite what was heard. Such speech is recognised instead, as is speech without any text, and
a text of more than one of the recogniser's pieces. Where nothing is recognised either, the text is laid
over its speech.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from tml_bench.media.audio import ClipReader
from tml_bench.perception import asr
from tml_bench.perception.align import RATE, align
from tml_bench.perception.laying import SaidText, lay_over
from tml_bench.timeline import Segment, Word, WordSource

_MARGIN_S = 0.1


def fit(
    audio: Path, segments: Sequence[Segment], said: Sequence[SaidText], timed: Sequence[Word] = (),
    whisper: str | None = None,
) -> tuple[tuple[Word, ...], WordSource]:  # fmt: skip
    """Measure when the words of texts were said.

    Args:
        audio: the model's track.
        segments: its speech.
        said: texts and the speech that says each, in order, as `places` gives them.
        timed: words whose times are known.
        whisper: the model to recognise with; see ``asr.chosen_model``.

    Returns:
        All words in the order spoken, and their source: ``proportional`` where any is laid over its speech,
        ``asr`` where none is the adapter's own, else ``aligned``.

    Raises:
        UserError: the extra is not installed, or the model cannot be loaded.
        BadSampleError: the file cannot be read.
    """
    fitted = _aligned(audio, said)
    unfit = [one for one, words in zip(said, fitted, strict=True) if not words]
    spans = [(w.start_s, w.end_s) for w in timed if w.start_s is not None and w.end_s is not None]
    spans += [(s.start_s, s.end_s) for _, speech in said for s in speech]
    untold = (s for s in segments if not _touches(s, spans))
    unknown = sorted(chain(untold, *(speech for _, speech in unfit)), key=lambda s: s.start_s)
    recognised = asr.recognise(audio, unknown, whisper)
    heard = [(w.start_s or 0.0, w.end_s or 0.0) for w in recognised]
    silent = [one for one in unfit if not any(_touches(s, heard) for s in one[1])]
    laid = [word for text, speech in silent for word in lay_over(text.split(), speech)]
    own = [*timed, *chain.from_iterable(fitted)]
    words = sorted((*own, *recognised, *laid), key=lambda word: word.start_s or 0.0)
    source = WordSource.ALIGNED if own else WordSource.ASR
    return tuple(words), WordSource.PROPORTIONAL if laid else source


def _touches(segment: Segment, spans: Iterable[tuple[float, float]]) -> bool:
    return any(start < segment.end_s and segment.start_s < end for start, end in spans)


def _aligned(audio: Path, said: Sequence[SaidText]) -> list[tuple[Word, ...]]:
    """The words of each text; none where it does not fit."""
    found: list[tuple[Word, ...]] = []
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
            tokens = [token for token in text.split() if any(map(str.isalnum, token))]
            short = len(asr.pieces(speech)) == 1
            placed = align(samples, tokens) if short and tokens else ()
            found.append(tuple(_later(word, start / RATE) for word in placed))
    return found


def _later(word: Word, by_s: float) -> Word:
    return Word(word.text, (word.start_s or 0.0) + by_s, (word.end_s or 0.0) + by_s)
