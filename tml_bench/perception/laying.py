"""Words and the speech that says them: where a text without word times was said, and rough times.

A text was said in the speech inside the stretch in which it was heard (``heard_text.HeardText``). Where its
audio came as it was heard, that stretch may be long and hold speech of several texts, parted by silences of
``SILENCE_S`` or more: a text's first speech is then the nearest to when it began to be given, its last the
one before the next text's first. A text in whose stretch there is no speech has no words.

Words with times stay where they are if there is speech within ``REACH_S``; others are laid over the end of
the nearest speech, as long as they are said to take: no word is heard in silence, whatever an adapter says.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, chain, groupby, pairwise

import numpy as np

from tml_bench.heard_text import HeardText
from tml_bench.timeline import Segment, Word

RULE = "texts 7"
"""Name and version of the rules in this module and in ``fitting``."""
SILENCE_S = 0.8
REACH_S = 0.25

SaidText = tuple[str, tuple[Segment, ...]]
"""A text and the speech that says it."""


def places(texts: Sequence[HeardText], segments: Sequence[Segment]) -> list[SaidText]:
    """The texts with the speech that says each, in the order of the track; left out are those without."""
    found: list[SaidText] = []
    for (paced, _), group in groupby(texts, lambda text: (text.given_s is not None, text.end_s)):
        some = list(group)
        if paced:
            found += _by_given(some, _within(segments, some[0]))
        else:
            found += [(text.text, _within(segments, text)) for text in some]
    return [(text, speech) for text, speech in found if speech]


def _within(segments: Sequence[Segment], text: HeardText) -> tuple[Segment, ...]:
    """The parts of segments that lie in a text's stretch."""
    parts = ((max(s.start_s, text.start_s), min(s.end_s, text.end_s)) for s in segments)
    return tuple(Segment(start, end) for start, end in parts if start < end)


def _by_given(texts: Sequence[HeardText], speech: Sequence[Segment]) -> Iterator[SaidText]:
    """The texts of one stretch and what of its speech is theirs; texts that share speech become one."""
    utterances: list[list[Segment]] = []
    for part in speech:
        if utterances and part.start_s - utterances[-1][-1].end_s < SILENCE_S:
            utterances[-1].append(part)
        else:
            utterances.append([part])
    said: dict[int, list[str]] = {}
    for text in texts:
        nearest = min(range(len(utterances)), key=lambda k: _distance(text, utterances[k]), default=0)
        first = max(nearest, *said) if said else 0
        said.setdefault(first, []).append(text.text)
    for first, following in pairwise([*said, len(utterances)]):
        yield " ".join(said[first]), tuple(chain.from_iterable(utterances[first:following]))


def _distance(text: HeardText, utterance: Sequence[Segment]) -> float:
    """Seconds between the instant a text began to be given and an utterance; 0 within it."""
    at_s = text.given_s[0] if text.given_s else text.start_s
    return max(utterance[0].start_s - at_s, at_s - utterance[-1].end_s, 0.0)


def in_speech(words: Sequence[Word], segments: Sequence[Segment]) -> tuple[tuple[Word, ...], bool]:
    """Words with times, none far from speech, and whether any had to be moved.

    Args:
        words: in order; one without times stays as it is.
        segments: the speech, at least one.

    Returns:
        As many words, in the order spoken.
    """
    found: list[Word] = []
    moved = False
    for place, group in groupby(words, partial(_far_from, segments, [s.start_s for s in segments])):
        some = list(group)
        if place is None:
            found += some
            continue
        moved = True
        long_s = max(REACH_S, sum((word.end_s or 0.0) - (word.start_s or 0.0) for word in some))
        start_s, end_s = place.start_s, min(place.end_s, place.start_s + long_s)
        if (some[0].start_s or 0.0) > place.end_s:
            start_s, end_s = max(place.start_s, place.end_s - long_s), place.end_s
        found += lay_over([word.text for word in some], [Segment(start_s, end_s)])
    return (tuple(sorted(found, key=lambda word: word.start_s or 0.0)) if moved else tuple(words)), moved


def _far_from(segments: Sequence[Segment], starts: Sequence[float], word: Word) -> Segment | None:
    """The speech nearest to a word that is out of reach of any; None where it is not."""
    start_s, end_s = word.start_s, word.end_s
    if start_s is None or end_s is None:
        return None
    following = bisect_right(starts, start_s)
    near = [
        (max(s.start_s - end_s, start_s - s.end_s, 0.0), k)
        for k, s in enumerate(segments[max(0, following - 1) : following + 1], max(0, following - 1))
    ]
    far_s, nearest = min(near)
    return segments[nearest] if far_s > REACH_S else None


def lay_over(tokens: Sequence[str], segments: Sequence[Segment]) -> list[Word]:
    """Rough word times for a text without any: each token's share of the speech is that of its characters.

    Silences between segments are skipped: with speech at 0-1 s and 2-3 s, ``ab cd`` gives ``ab`` 0-1 s and
    ``cd`` 2-3 s. Without tokens or segments there are no words.
    """
    if not tokens or not segments:
        return []
    spoken = np.array([0.0, *accumulate(s.end_s - s.start_s for s in segments)])
    characters = np.array([0, *accumulate(max(1, len(token)) for token in tokens)])
    edges = characters / characters[-1] * spoken[-1]
    last = len(segments) - 1
    starts = np.clip(np.searchsorted(spoken, edges[:-1] + 1e-9, side="right") - 1, 0, last)
    ends = np.clip(np.searchsorted(spoken, edges[1:] - 1e-9, side="left") - 1, 0, last)
    return [
        Word(
            token,
            float(segments[a].start_s + edges[k] - spoken[a]),
            float(segments[b].start_s + edges[k + 1] - spoken[b]),
        )
        for k, (token, a, b) in enumerate(zip(tokens, starts, ends, strict=True))
    ]
