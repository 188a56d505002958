"""The reference adapter that begins only in the user's silence: when it speaks, and when it gives way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tml_bench.adapter import MicroTurn, SessionStart
from tml_bench.adapters.reference.half_duplex import HalfDuplex
from tml_bench.plugins import adapter_class
from tml_bench.report.layout import is_ruler
from tml_bench.samples import Reference, Utterance

TICK_NS = 200_000_000
RATE = 8000


def heard(
    ideal: Sequence[Utterance],
    user: Sequence[tuple[float, float]],
    length_s: float,
    endpoint: float = 0.3,
    patience: float = 3.0,
) -> tuple[list[tuple[float, float]], list[tuple[float, str]]]:
    """When the adapter is heard beside a user who speaks in those spans, and its words with their onsets."""
    adapter = HalfDuplex(endpoint, patience, RATE, RATE)
    adapter.start(SessionStart("x", TICK_NS, reference=Reference(ideal=tuple(ideal))))
    size = RATE // 5
    times = np.arange(round(length_s * RATE)) / RATE
    talks = np.zeros(len(times), np.bool_)
    for a, b in user:
        talks |= (times >= a) & (times < b)
    sound = np.where(talks, 0.1 * np.sin(2 * np.pi * 220 * times), 0.0).astype(np.float32)
    track = np.zeros(len(times) + size, np.float32)
    words = []
    for k in range(len(times) // size):
        turn = MicroTurn(k, k * TICK_NS, (k + 1) * TICK_NS, sound[k * size : (k + 1) * size])
        output = adapter.step(turn)
        if output is None:
            continue
        assert output.audio is not None
        track[(k + 1) * size : (k + 1) * size + len(output.audio)] = output.audio
        words += [((k + 1) * 0.2 + w.start_s, w.text) for t in output.transcript for w in t.words]
    loud = np.abs(track).reshape(-1, size // 20).max(axis=1) > 1e-4
    edges = np.flatnonzero(np.diff([False, *loud, False]))
    spans: list[tuple[float, float]] = []
    for a, b in zip(edges[::2] / 100, edges[1::2] / 100, strict=True):
        if spans and a - spans[-1][1] < 0.25:
            spans[-1] = spans[-1][0], b
        else:
            spans.append((a, b))
    return spans, words


def say(at_s: float, length_s: float = 1.0, text: str = "left foot right foot") -> Utterance:
    return Utterance(at_s, until_s=at_s + length_s, text=text)


def test_in_silence_it_speaks_at_its_time() -> None:
    spans, words = heard([say(3.13)], [(0.5, 2.5)], 6.0)
    assert spans == [(pytest.approx(3.13, abs=0.02), pytest.approx(4.13, abs=0.03))]
    assert [text for _, text in words] == ["left", "foot", "right", "foot"]
    assert [at for at, _ in words] == pytest.approx([3.13, 3.38, 3.63, 3.88], abs=1e-3)


@pytest.mark.parametrize(("endpoint", "onset"), [(0.2, 3.2), (0.3, 3.4), (0.5, 3.6), (0.7, 3.8)])
def test_it_waits_for_the_users_silence(endpoint: float, onset: float) -> None:
    """The user stops at 3.0 s; it begins at the first hand-over after so much silence."""
    spans, words = heard([say(2.0)], [(0.5, 3.0)], 7.0, endpoint=endpoint)
    assert spans == [(pytest.approx(onset, abs=0.02), pytest.approx(onset + 1.0, abs=0.03))]
    assert words[0] == (pytest.approx(onset), "left")


def test_a_pause_shorter_than_the_endpoint_is_none() -> None:
    assert heard([say(2.0)], [(0.5, 2.9), (3.1, 9.0)], 9.0)[0] == []
    assert heard([say(2.0)], [(0.5, 2.4), (3.0, 9.0)], 9.0)[0] != []


def test_it_stops_within_a_micro_turn_of_the_users_voice_and_for_good() -> None:
    spans, words = heard([say(2.0, 3.0)], [(0.5, 1.0), (3.0, 4.0)], 9.0)
    assert spans == [(pytest.approx(2.0, abs=0.02), pytest.approx(3.2, abs=0.03))]
    assert [text for _, text in words] == ["left", "foot"]


def test_what_is_too_late_is_dropped_and_what_is_late_keeps_its_distance() -> None:
    plan = [say(1.0, 0.4, "one"), say(2.5, 0.4, "two"), say(3.5, 0.4, "three")]
    spans, words = heard(plan, [(0.5, 5.0)], 9.0, patience=3.0)
    assert [text for _, text in words] == ["two", "three"]
    assert [a for a, _ in spans] == pytest.approx([5.4, 5.4 + 0.4 + 0.5], abs=0.03)


def test_without_a_plan_it_is_silent() -> None:
    assert heard([], [(0.5, 1.0)], 3.0) == ([], [])


def test_it_is_a_ruler() -> None:
    assert adapter_class("half-duplex") is HalfDuplex
    assert HalfDuplex.privileged
    assert is_ruler("half-duplex:endpoint=0.3")
