"""RepCount: who counts right scores 100 whatever the manners; who hedges gains nothing by it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings, strategies as st

from tml_bench.perception.align import spell
from tml_bench.samples import Reference, Sample
from tml_bench.tasks.repcount_a.loader import RepetitionAnnotation
from tml_bench.tasks.repcount_a.task import RepCountA
from tml_bench.timeline import Timeline, Word, WordSource

TASK = RepCountA()
PERIOD_S, COUNT = 3.0, 34
ENDS = tuple(2.0 + PERIOD_S * k for k in range(1, COUNT + 1))
SAMPLE = Sample(
    "s",
    "test",
    reference=Reference(annotation=RepetitionAnnotation("squat", COUNT, ENDS, 2.0, ENDS[-1] + 1.0)),
)
WORD_S = 0.15


def ordinal(k: int) -> str:
    return f"{k}{'th' if k % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(k % 10, 'th')}"


def cap(text: str) -> str:
    return text[0].upper() + text[1:]


MANNERS: tuple[Callable[[int], str], ...] = (
    lambda k: f"{k}.",
    lambda k: f"{cap(spell(k))}!",
    lambda k: spell(k).replace(" ", "-"),
    lambda k: f"That's {spell(k)}.",
    lambda k: f"That\u2019s {spell(k)}.",
    lambda k: f"{spell(k)} reps so far,",
    lambda k: f"{k} times.",
    lambda k: f"Rep number {spell(k)}.",
    lambda k: f"That makes {spell(k)}.",
    lambda k: f"The {ordinal(k)} one.",
    lambda k: f"That's the {ordinal(k)} rep!",
    lambda k: f"{k} of {COUNT}.",
    lambda k: f"{k}/{COUNT}, nice one.",
    lambda k: f"{cap(spell(k))}, {COUNT - k} more to go!" if k < COUNT else f"{spell(k)}, none left.",
    lambda k: f"{spell(k)}, good, 10 seconds left.",
    lambda k: f"{spell(k)}. Last one was great.",
    lambda k: f"{spell(k)}, keep going, one by one.",
    lambda k: f"{cap(spell(k + 1))}, no, {spell(k)}.",
    lambda k: f"{spell(k - 1)}... I mean {spell(k)}." if k > 1 else "One.",
    lambda k: "One more." if k > 1 else "One.",
    lambda k: "And another one!" if k > 1 else "One.",
    lambda k: {1: "Won.", 2: "To.", 4: "For!", 8: "Ate."}.get(k, f"{k}."),
    lambda k: spell(k - 10 if k > 20 and k % 10 == 0 else k) if k % 10 else f"{k}.",
    lambda k: f"{spell(10 * (k - 10)) if 13 <= k <= 19 else spell(k)}.",
    lambda k: f"{spell(10 + k // 10)}." if k in (30,) else f"{spell(k)}.",
    lambda k: f"{spell(k // 10 * 10)}. {spell(k % 10)}." if k > 20 and k % 10 else f"{spell(k)}.",
    lambda k: f"{spell(k % 10)}." if k > 20 and k % 10 else f"{spell(k)}.",
    lambda k: f"{k}.".translate({ord(str(d)): chr(0x660 + d) for d in range(10)}),
)


def speak(said: Iterator[tuple[float, str]]) -> Timeline:
    words = []
    for at, text in said:
        for n, piece in enumerate(text.split()):
            words.append(Word(piece, at + n * WORD_S, at + n * WORD_S + 0.9 * WORD_S))
    return Timeline(ENDS[-1] + 6.0, (), tuple(words), WordSource.ADAPTER)


def scored(timeline: Timeline) -> dict[str, float]:
    found = TASK.score(SAMPLE, timeline).values
    return {name: v.numerator / v.denominator for name, v in found.items() if v.denominator}


def assert_perfect(found: dict[str, float]) -> None:
    assert (found["obo"], found["mae"], found["counted"]) == (1.0, 0.0, 1.0)
    assert found["count_latency"] <= 5 * WORD_S
    assert found["running_error"] <= 5 * WORD_S / PERIOD_S


@pytest.mark.parametrize("manner", range(len(MANNERS)))
def test_every_manner_of_counting_right_is_right(manner: int) -> None:
    assert_perfect(scored(speak((end, MANNERS[manner](k)) for k, end in enumerate(ENDS, start=1))))


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_any_mixture_of_manners_is_right(seed: int) -> None:
    rng = random.Random(seed)
    assert_perfect(scored(speak((end, rng.choice(MANNERS)(k)) for k, end in enumerate(ENDS, start=1))))


def guesses(off: int, *beside: int) -> dict[str, float]:
    """Of one whose count is off, and who names numbers beside it as well."""

    def said(k: int) -> str:
        return ", ".join(spell(max(0, k + off + d)) for d in beside) + "."

    return scored(speak((end, said(k)) for k, end in enumerate(ENDS, start=1)))


@pytest.mark.parametrize(
    "beside", [(-1, 0, 1), (1, 0, -1), (-1, 1, 0), (0, 1), (0, -1), (1, -1, 0), (-2, -1, 0, 1, 2)]
)
def test_naming_the_numbers_beside_gains_nothing(beside: tuple[int, ...]) -> None:
    """Whoever does not know how far the count is off does no better than with one number a repetition."""
    offs = range(-2, 3)
    hedged = sum(guesses(off, *beside)["counted"] for off in offs)
    alone = sum(guesses(off, 0)["counted"] for off in offs)
    assert hedged <= alone
    assert guesses(0, *beside)["counted"] < guesses(0, 0)["counted"]
    assert guesses(0, *beside)["running_error"] >= guesses(0, 0)["running_error"]


def test_an_undecided_count_is_none() -> None:
    found = scored(speak((end, f"{spell(k)} or {spell(k + 1)}.") for k, end in enumerate(ENDS, start=1)))
    assert (found["obo"], found["counted"]) == (0.0, 0.0)
