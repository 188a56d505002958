"""Words of texts without word times: where each text was said, and rough times for its words.

A text was said in the speech inside the stretch in which it was heard (``heard_text.HeardText``). Where its
audio came as it was heard, that stretch may be long and hold speech of several texts, parted by silences of
``SILENCE_S`` or more: a text's first speech is then the nearest to when it began to be given, its last the
one before the next text's first. A text in whose stretch there is no speech has no words.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, groupby, pairwise

import numpy as np

from tml_bench.heard_text import HeardText
from tml_bench.timeline import Segment, Word

RULE = "texts 4"
"""Name and version of the rules in this module and in ``fitting``."""
SILENCE_S = 0.8

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


def lay_over(tokens: Sequence[str], segments: Sequence[Segment]) -> list[Word]:
    """Rough word times for a text without any: each token's share of the speech is that of its characters.

    Silences between segments are skipped: with speech at 0-1 s and 2-3 s, ``ab cd`` gives ``ab`` 0-1 s and
    ``cd`` 2-3 s. No token is empty; without tokens or segments there are no words.
    """
    if not tokens or not segments:
        return []
    spoken = np.array([0.0, *accumulate(s.end_s - s.start_s for s in segments)])
    characters = np.array([0, *accumulate(map(len, tokens))])
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
