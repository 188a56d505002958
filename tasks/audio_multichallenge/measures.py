"""The metrics of Audio MultiChallenge, declared.

APR (average pass rate): the share of conversations whose items are all met. ARS (average rubric score): the
mean over conversations of the share of items met. Source: Audio MultiChallenge (arXiv 2512.14865), section
on evaluation.
"""

from __future__ import annotations

from functools import partial

from tml_bench.task import Direction, Kind, Metric, Overall
from tml_bench.tasks.audio_multichallenge.conversations import AXES

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


def _range(low: int, high: int | None) -> str:
    return f"{low}–{high} s" if high is not None else f"from {low} s"


def _both(name: str, title: str, family: str, where: str) -> tuple[Metric, ...]:
    score = partial(Metric, unit="%", family=family, judged=True)
    return (
        score(name=f"apr{name}", title=f"APR{title}", kind=Kind.RATE,
              describes=f"Share of conversations{where} whose rubric items are all met."),
        score(name=f"ars{name}", title=f"ARS{title}",
              describes=f"Share of a conversation's rubric items that are met, averaged over "
              f"conversations{where}."),
    )  # fmt: skip


_reply = partial(Metric, family="the reply")

METRICS = (
    *_both("", "", "rubric", ""),
    _reply(name="answered", title="Answered", unit="%", kind=Kind.RATE,
           describes="The model speaks after the last user turn."),
    _reply(name="latency", title="Latency", unit="s", direction=Direction.LOWER,
           describes="From the end of the last user turn to the onset of the reply; none for who is "
           "speaking then."),
    _reply(name="reply_words", title="Words", direction=Direction.NONE,
           describes="Words of the reply, where there is one."),
    *(
        m
        for n in TURNS
        for m in _both(f"_turns_{n}", f", {n} turns", "by number of user turns", f" of {n} user turns")
    ),
    *(
        m
        for low, high in AUDIO_S
        for m in _both(audio_name("", low, high), f", {_range(low, high)}", "by the user's audio",
                       f" with {_range(low, high)} of user audio")
    ),
)  # fmt: skip
HEADLINE = ("apr", "ars", "answered", "latency")
OVERALL = (Overall("all", AXES),)
