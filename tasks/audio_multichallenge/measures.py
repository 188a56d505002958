"""The metrics of Audio MultiChallenge, declared.

APR (average pass rate): the share of conversations whose items are all met. ARS (average rubric score): the
mean over conversations of the share of items met. Source: Audio MultiChallenge (arXiv 2512.14865), section
on evaluation.
"""

from __future__ import annotations

from tml_bench.task import Direction, Kind, Metric, Overall
from tml_bench.tasks.audio_multichallenge.conversations import AXES

RUBRIC, BY_TURNS, BY_AUDIO, SPEECH = "rubric", "by number of user turns", "by the user's audio", "the reply"
HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE
TURNS = range(2, 9)
"""Numbers of user turns in the official data."""
AUDIO_S = ((0, 20), (20, 40), (40, 80), (80, None))
"""Ranges of the length of the user's audio in seconds: from, up to but not including."""


def turns_name(score: str, turns: int) -> str:
    """``apr`` or ``ars`` of conversations with so many user turns."""
    return f"{score}_turns_{turns}"


def audio_name(score: str, low: int, high: int | None) -> str:
    """``apr`` or ``ars`` of conversations with so much user audio."""
    return f"{score}_audio_{low}_{high}" if high is not None else f"{score}_audio_from_{low}"


def audio_range(seconds: float) -> tuple[int, int | None]:
    """The range of ``AUDIO_S`` a length lies in."""
    return next((low, high) for low, high in AUDIO_S if high is None or seconds < high)


def _metric(
    name: str, title: str, unit: str, way: Direction, kind: Kind, family: str, what: str, judged: bool = True
) -> Metric:
    return Metric(name, title, unit, way, kind, 1, AXES, family, what, judged=judged)


def _both(name: str, title: str, family: str, where: str) -> tuple[Metric, ...]:
    return (
        _metric(f"apr{name}", f"APR{title}", "%", HIGHER, Kind.RATE, family,
                f"Share of conversations{where} whose rubric items are all met."),
        _metric(f"ars{name}", f"ARS{title}", "%", HIGHER, Kind.MEAN, family,
                f"Share of a conversation's rubric items that are met, averaged over conversations{where}."),
    )  # fmt: skip


def _range(low: int, high: int | None) -> str:
    return f"{low}–{high} s" if high is not None else f"from {low} s"


METRICS = (
    *_both("", "", RUBRIC, ""),
    _metric("answered", "Answered", "%", HIGHER, Kind.RATE, SPEECH,
            "The model speaks after the last user turn.", judged=False),
    _metric("latency", "Latency", "s", LOWER, Kind.MEAN, SPEECH,
            "From the end of the last user turn to the onset of the reply; none for who is speaking then.",
            judged=False),
    _metric("reply_words", "Words", "", NEITHER, Kind.MEAN, SPEECH,
            "Words of the reply, where there is one.", judged=False),
    *(m for n in TURNS for m in _both(f"_turns_{n}", f", {n} turns", BY_TURNS, f" of {n} user turns")),
    *(
        m
        for low, high in AUDIO_S
        for m in _both(audio_name("", low, high), f", {_range(low, high)}", BY_AUDIO,
                       f" with {_range(low, high)} of user audio")
    ),
)  # fmt: skip
HEADLINE = ("apr", "ars", "answered", "latency")
OVERALL = (Overall("all", AXES),)
