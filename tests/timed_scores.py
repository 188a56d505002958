"""Small items, what is said in them, and what it scores by rules and a judge of talks."""

from __future__ import annotations

from timed_items import event, item, made, place
from understanding import UnderstandingJudge

from tml_bench.questions import Verdict
from tml_bench.samples import Reference, Sample
from tml_bench.task import Score
from tml_bench.tasks._timed import scoring
from tml_bench.tasks._timed.expected import expected, ideal
from tml_bench.tasks._timed.meaning.rule import RIGHT
from tml_bench.tasks._timed.rendered import RenderedItem
from tml_bench.timeline import Segment, Timeline, Word, WordSource

JUDGE = UnderstandingJudge()


def sample(fields: dict[str, object]) -> Sample:
    """The item with words of a quarter of a second each."""
    one = made(fields)
    turns = place(one)
    found = expected(one, RenderedItem(one.id, "", "", "", 16000, turns[-1].end_s, turns))
    return Sample(one.id, one.family, reference=Reference(turns[-1].end_s, ideal(found), found))


def heard(*said: tuple[float, str], length_s: float = 0.4, duration_s: float = 60.0) -> Timeline:
    """Utterances of this length, their words spread evenly."""
    segments = tuple(Segment(at, at + length_s) for at, _ in said)
    words = []
    for at, text in said:
        pieces = text.split()
        step = length_s / max(1, len(pieces))
        words += [Word(w, at + k * step, at + (k + 1) * step) for k, w in enumerate(pieces)]
    return Timeline(duration_s, segments, tuple(words), WordSource.ADAPTER if said else WordSource.SILENT)


def said_right(one: Sample, timeline: Timeline) -> Score:
    """By a judge who finds everything right."""
    verdicts = {question.key: Verdict(RIGHT) for question in scoring.questions(one, timeline)}
    return scoring.score(one, timeline, verdicts).score("timespeak", one)


def scored(one: Sample, timeline: Timeline) -> Score:
    """By the offline judge."""
    asked = scoring.questions(one, timeline)
    verdicts = dict(zip((q.key for q in asked), JUDGE.answer(asked), strict=True))
    return scoring.score(one, timeline, verdicts).score("timespeak", one)


def values(score: Score) -> dict[str, float | None]:
    """Every value as a number; None where there was nothing to count."""
    return {n: v.numerator / v.denominator if v.denominator else None for n, v in score.values.items()}


ELAPSED = sample(
    item(
        family="elapsed_time",
        turns=[
            {"id": "a", "text": "Start now.", "at_s": 0.5},
            {"id": "b", "text": "How long was that?", "after": "a", "gap_s": 10.0},
        ],
        events=[
            event(
                meaning="says how long it was",
                accept=["About {N} seconds.", "{N} seconds."],
                reject=["A while."],
                anchor={"turn": "b"},
                after_s=0.0,
                window={"kind": "answer", "w_s": 3.0},
                number={"from": {"turn": "a", "edge": "end"}, "to": {"turn": "b", "edge": "start"}},
            )
        ],
    )
)
