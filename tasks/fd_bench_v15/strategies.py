"""Respondents with known behaviour, as timelines: blind ones for the floor, the ideal one for the ceiling.

All of them also do in the clip without the overlap what they do in the one with it: the blind ones the very
same, the ideal one its answer to the question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tml_bench.metrics.vocalisations import Interval
from tml_bench.samples import Sample
from tml_bench.tasks.fd_bench_v15.loader import CLEAN, clean_ideal
from tml_bench.tasks.fd_bench_v15.scoring import item_of
from tml_bench.timeline import Segment, Timeline, Word, WordSource

ANSWER_S, TALK_S = 2.0, 15.0
ONSETS = (5, 10, 15, 20)
"""Onsets of the constant answer in seconds."""
WORDS_PER_S = 2.5
TALK = "There is always one more thing to say about this, and I will go on until somebody stops me."
ANSWER = "Of course, that is a good question."

Said = tuple[float, float, str]
"""Start and end in seconds, and the text, repeated or cut to fill them."""


def blind(sample: Sample) -> dict[str, Timeline]:
    """Timelines of strategies that look at nothing, the same names for every sample.

    ``silent``; ``always-on``: one endless talk; ``constant@T``: one answer from T seconds on.

    Raises:
        BadSampleError: the sample has a problem.
    """
    item = item_of(sample)
    plans: dict[str, list[Said]] = {"silent": [], "always-on": [(0.0, item.duration_s, TALK)]}
    plans |= {f"constant@{t}": [(float(t), t + ANSWER_S, ANSWER)] for t in ONSETS}
    return {name: _heard(sample, said, said) for name, said in plans.items()}


def ideal(sample: Sample) -> Timeline:
    """Timeline of a respondent that does what the reference asks for.

    It answers the overlap with the data's own answer, or else with the overlap's words.

    Raises:
        BadSampleError: the sample has a problem.
    """
    item = item_of(sample)
    said: list[Said] = []
    for u in sample.reference.ideal:
        if u.role == "talk":
            end = min(u.at_s + TALK_S, item.duration_s)
            said.append((u.at_s, end if u.until_s is None else min(end, u.until_s), TALK))
        else:
            text = u.text or item.overlap_text
            said.append((u.at_s, u.at_s + len(text.split()) / WORDS_PER_S, text))
    clean = [(u.at_s, u.at_s + TALK_S, TALK) for u in clean_ideal(item)]
    return _heard(sample, said, clean)


def _heard(sample: Sample, said: Iterable[Said], clean: Iterable[Said]) -> Timeline:
    item = item_of(sample)
    question = () if item.context is None else (item.context,)
    without = spoken(item.duration_s, clean, question)
    return spoken(item.duration_s, said, (*question, item.overlap), {CLEAN: without})


def spoken(
    duration_s: float,
    said: Iterable[Said],
    user: Sequence[Interval],
    companions: dict[str, Timeline] | None = None,
) -> Timeline:
    """The timeline of utterances in order, cut at the clip's end; empty ones are left out."""
    segments: list[Segment] = []
    words: list[Word] = []
    for start, planned_end, text in said:
        end = min(planned_end, duration_s)
        if end <= start:
            continue
        segments.append(Segment(start, end))
        tokens = text.split()
        count = max(1, round((end - start) * WORDS_PER_S))
        step = (end - start) / count
        words += [
            Word(tokens[i % len(tokens)], start + i * step, start + (i + 1) * step) for i in range(count)
        ]
    heard = tuple(Segment(*span) for span in user)
    return Timeline(
        duration_s,
        tuple(segments),
        tuple(words),
        WordSource.ADAPTER if words else WordSource.SILENT,
        perceiver="synthetic",
        user=Timeline(duration_s, heard, silero_unrounded=heard),
        companions=companions or {},
        silero_unrounded=tuple(segments),
    )
