"""Where a word lands that begins before its audio, or is under way when something cuts it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Ran, Scripted, run_session, sample_of, silence, tone

from tml_bench import events as ev
from tml_bench.adapter import MicroTurn, Output, SessionStart, SpokenWord, StepAdapter, Transcript
from tml_bench.adapters.reference import AlwaysOn, Oracle
from tml_bench.adapters.reference.voice import clip
from tml_bench.samples import Reference, UserTurn, Utterance
from tml_bench.session.network import LinkDirection, Network
from tml_bench.session.settings import Settings
from tml_bench.timeline import Word

TICK = 200 * MS


def said(*words: tuple[str, float, float]) -> tuple[Transcript, ...]:
    return (Transcript(" ".join(text for text, _, _ in words), tuple(SpokenWord(*word) for word in words)),)


def ran(folder: Path, outputs: dict[int, Output], down_ms: float = 0.0) -> Ran:
    """Two seconds; output ``k`` comes at (k + 1) * 0.2 s."""
    settings = Settings(network=Network("test", LinkDirection(), LinkDirection(delay_ms=down_ms)))
    return run_session(folder, sample_of(UserTurn(silence(2.0)), tail_s=0), Scripted(outputs), settings)


def words(folder: Path, outputs: dict[int, Output], down_ms: float = 0.0) -> list[Word]:
    return list(ran(folder, outputs, down_ms).recording.facts.timed)


def at(*found: tuple[str, float, float]) -> list[Word]:
    return [Word(text, pytest.approx(start), pytest.approx(end)) for text, start, end in found]


# ---- a word that straddles the start of the audio it comes with


@pytest.mark.parametrize(
    ("start_s", "end_s", "begins"),
    [
        (0.0, 0.3, 1.2),
        (-0.1, 0.3, 1.1),  # most of it lies in the audio it came with
        (-0.2, 0.2, 1.0),  # as much before as in it
        (-0.3, 0.1, 0.4),  # most of it lies before: it counts back from the end of the audio before, 0.7 s
        (-0.3, -0.1, 0.4),
    ],
)
def test_a_word_belongs_to_the_audio_that_holds_most_of_it(
    tmp_path: Path, start_s: float, end_s: float, begins: float
) -> None:
    """Audio from 0.2 to 0.7 s, and more from 1.2 s on with the word."""
    outputs = {0: Output(tone(0.5)), 5: Output(tone(0.5), said(("a", start_s, end_s)))}
    assert words(tmp_path / "r", outputs) == at(("a", begins, begins + end_s - start_s))


def test_a_word_that_straddles_audio_without_a_gap_lies_across_the_seam(tmp_path: Path) -> None:
    outputs = {
        0: Output(tone(0.5)),
        1: Output(tone(0.5), said(("a", -0.3, 0.1), ("b", -0.1, 0.3), ("c", 0.3, 0.5))),
    }
    assert words(tmp_path / "r", outputs) == at(("a", 0.4, 0.8), ("b", 0.6, 1.0), ("c", 1.0, 1.2))


def test_a_word_before_all_audio_counts_from_the_first(tmp_path: Path) -> None:
    outputs = {4: Output(tone(0.5), said(("a", -0.3, 0.1), ("b", 0.1, 0.4)))}
    assert words(tmp_path / "r", outputs) == at(("a", 0.7, 1.1), ("b", 1.1, 1.4))


def test_words_without_audio_follow_what_is_still_to_be_heard(tmp_path: Path) -> None:
    """While audio plays until 1.2 s its end is their zero; once it is over, the instant they come is."""
    outputs = {
        0: Output(tone(1.0)),
        1: Output(transcript=said(("a", 0.1, 0.2))),
        6: Output(transcript=said(("b", 0.1, 0.2))),
    }
    assert words(tmp_path / "r", outputs) == at(("a", 1.3, 1.4), ("b", 1.5, 1.6))
    assert words(tmp_path / "far", outputs, down_ms=50) == at(("a", 1.35, 1.45), ("b", 1.55, 1.65))


def test_words_are_in_the_order_heard_whatever_the_order_given(tmp_path: Path) -> None:
    outputs = {0: Output(tone(1.0), said(("b", 0.5, 0.7), ("a", 0.1, 0.4)))}
    assert words(tmp_path / "r", outputs) == at(("a", 0.3, 0.6), ("b", 0.7, 0.9))


# ---- a word under way


def test_a_word_under_way_at_a_flush_was_begun_and_the_next_was_not(tmp_path: Path) -> None:
    """Flushed at 1.0 s: the word that begins then was not heard, the one a millisecond before was."""
    spoken = said(("a", 0.0, 0.5), ("b", 0.799, 1.0), ("c", 0.8, 1.1), ("d", 1.2, 1.4))
    outputs = {0: Output(tone(1.5), spoken), 4: Output(flush=True)}
    found = ran(tmp_path / "r", outputs)
    assert list(found.recording.facts.timed) == at(("a", 0.2, 0.7), ("b", 0.999, 1.2))
    assert [(e.t_ns, e.heard_ms, e.dropped_ms) for e in found.of(ev.Flush)] == [(1000 * MS, 800.0, 700.0)]


def test_a_flush_cuts_when_it_has_come_through_the_network(tmp_path: Path) -> None:
    """Sent at 1.0 s, here at 1.05 s; the audio began at 0.25 s."""
    spoken = said(("a", 0.77, 1.0), ("b", 0.8, 0.9))
    outputs = {0: Output(tone(1.5), spoken), 4: Output(flush=True)}
    assert words(tmp_path / "r", outputs, down_ms=50) == at(("a", 1.02, 1.25))


def test_what_comes_with_a_flush_is_not_flushed_by_it(tmp_path: Path) -> None:
    outputs = {
        0: Output(tone(1.5), said(("a", 0.1, 0.3), ("b", 0.9, 1.2))),
        4: Output(tone(0.5), said(("c", 0.0, 0.2), ("late", -0.3, -0.1)), flush=True),
    }
    assert words(tmp_path / "r", outputs) == at(("a", 0.3, 0.5), ("late", 0.7, 0.9), ("c", 1.0, 1.2))


def test_a_second_flush_leaves_what_was_heard_before_the_first(tmp_path: Path) -> None:
    outputs = {
        0: Output(tone(0.5), said(("a", 0.0, 0.5))),
        3: Output(flush=True),
        4: Output(tone(0.5), said(("b", 0.0, 0.1), ("c", 0.3, 0.4))),
        5: Output(flush=True),
    }
    assert words(tmp_path / "r", outputs) == at(("a", 0.2, 0.7), ("b", 1.0, 1.1))


def test_the_session_s_end_cuts_the_word_under_way_and_drops_the_next(tmp_path: Path) -> None:
    spoken = said(("a", 0.1, 0.2), ("b", 0.3, 0.9), ("c", 0.4, 0.5), ("d", 0.6, 0.7))
    outputs = {6: Output(tone(1.0), spoken)}  # from 1.4 s, the session ends at 2.0 s
    assert words(tmp_path / "r", outputs) == at(("a", 1.5, 1.6), ("b", 1.7, 2.0), ("c", 1.8, 1.9))
    assert words(tmp_path / "only", {6: Output(tone(1.0), said(("d", 0.6, 0.7)))}) == []


# ---- words that adapters place


def spoken_by(adapter: StepAdapter, start: SessionStart, ticks: int) -> tuple[np.ndarray, list[Word]]:
    """Everything an adapter says in so many micro-turns, and its words on the session's clock."""
    adapter.start(start)
    rate = adapter.audio_out
    heard = np.zeros((ticks + 1) * start.tick_ns * rate // 10**9, np.float32)
    found = []
    for k in range(ticks):
        handed_ns = (k + 1) * start.tick_ns
        output = adapter.step(MicroTurn(k, k * start.tick_ns, handed_ns, np.zeros(0, np.float32)))
        if output is None or output.audio is None:
            continue
        first = -(-handed_ns * rate // 10**9)
        heard[first : first + len(output.audio)] += output.audio
        for piece in output.transcript:
            assert piece.text.split() == [word.text for word in piece.words]
            found += [
                Word(w.text, handed_ns / 1e9 + w.start_s, handed_ns / 1e9 + w.end_s) for w in piece.words
            ]
    return heard, found


def oracle(*ideal: Utterance, ticks: int = 40, tick_ms: int = 200) -> tuple[np.ndarray, list[Word]]:
    start = SessionStart("t/s", tick_ms * MS, reference=Reference(0.0, ideal))
    return spoken_by(Oracle(), start, ticks)


def moved(spoken: Sequence[SpokenWord], by_s: float) -> list[Word]:
    return [Word(w.text, pytest.approx(w.start_s + by_s), pytest.approx(w.end_s + by_s)) for w in spoken]


@pytest.mark.parametrize("onset_s", [1.0, 1.13, 1.2])
def test_a_planned_clip_is_placed_to_the_sample_with_its_words(onset_s: float) -> None:
    voice = clip("answer", 24000)
    heard, found = oracle(Utterance(onset_s))
    first = round(onset_s * 24000)
    np.testing.assert_array_equal(heard[first : first + len(voice.audio)], voice.audio)
    assert not heard[:first].any()
    assert not heard[first + len(voice.audio) :].any()
    assert found == moved(voice.words, onset_s)


def test_a_plan_that_cuts_a_clip_cuts_the_word_under_way_and_drops_the_rest() -> None:
    """1.28 s after the onset "with" ends and "that." would begin; a little earlier "with" is cut."""
    voice = clip("answer", 24000)
    assert voice.words[5:7] == (SpokenWord("with", 1.15, 1.28), SpokenWord("that.", 1.28, 1.73))
    _, whole = oracle(Utterance(1.0, "answer", 2.28))
    assert whole == moved(voice.words[:6], 1.0)
    heard, cut = oracle(Utterance(1.0, "answer", 2.2))
    assert cut == [*moved(voice.words[:5], 1.0), *at(("with", 2.15, 2.2))]
    assert not heard[round(2.2 * 24000) :].any()
    assert heard[round(2.2 * 24000) - 480 : round(2.2 * 24000)].any()


def test_a_clip_shorter_than_its_plan_ends_by_itself() -> None:
    voice = clip("backchannel", 24000)
    heard, found = oracle(Utterance(1.0, "backchannel", 5.0))
    assert np.flatnonzero(heard)[-1] < 24000 + len(voice.audio)
    assert found == moved(voice.words, 1.0)


def test_words_no_clip_says_share_their_time_evenly() -> None:
    _, free = oracle(Utterance(1.0, text="blue green red"))
    assert free == at(("blue", 1.0, 1.3), ("green", 1.3, 1.6), ("red", 1.6, 1.9))
    heard, until = oracle(Utterance(1.0, "answer", 2.0, "blue green"))
    assert until == at(("blue", 1.0, 1.5), ("green", 1.5, 2.0))
    assert np.flatnonzero(heard)[-1] <= 2 * 24000 - 1


def test_utterances_of_a_plan_that_are_over_or_yet_to_come_do_not_hide_others() -> None:
    _, found = oracle(
        Utterance(1.0, "backchannel"), Utterance(4.0, "backchannel"), Utterance(2.0, "backchannel")
    )
    right = clip("backchannel", 24000).words
    assert found == [*moved(right, 1.0), *moved(right, 2.0), *moved(right, 4.0)]


def test_utterances_of_a_plan_that_overlap_are_heard_together() -> None:
    voice = clip("backchannel", 24000).audio
    heard, _ = oracle(Utterance(1.0, "backchannel"), Utterance(1.1, "backchannel"))
    both = np.zeros(len(voice) + 2400, np.float32)
    both[: len(voice)] += voice
    both[2400:] += voice
    np.testing.assert_allclose(heard[24000 : 24000 + len(both)], both, atol=1e-7)


@pytest.mark.parametrize("tick_ms", [200, 93])
def test_an_endless_talk_says_every_word_once_a_round(tick_ms: int) -> None:
    """The clip lasts 162 ticks of 93 ms, so that with these a round begins exactly at a hand-over."""
    voice = clip("talk", 24000)
    length_s = len(voice.audio) / 24000
    ticks = round(2.5 * length_s / tick_ms * 1000)
    heard, found = spoken_by(AlwaysOn(), SessionStart("t/s", tick_ms * MS), ticks)
    first = tick_ms * 24
    expected = np.resize(voice.audio, len(heard) - first)
    np.testing.assert_array_equal(heard[first:], expected)
    assert not heard[:first].any()
    began = tick_ms / 1000
    assert found == [w for r in range(3) for w in moved(voice.words, began + r * length_s)]
