"""What is told of the replies that a flush cuts: which they are, and how much of each was heard."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from fakes import MS, Ran, Scripted, run_session, sample_of, silence, tone
from hypothesis import given, settings, strategies as st

from tml_bench import events as ev
from tml_bench.adapter import FlushReport, MicroTurn, Output, SpokenWord, StepAdapter, Transcript
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import UserTurn
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.exchange import Exchange
from tml_bench.session.settings import Compute, Settings, opened_event


class Played:
    """A session of three seconds in which a model gives what a test says, when it says so."""

    def __init__(self, stage: Exchange) -> None:
        self._stage = stage
        self._ticks = 0

    def at(self, t_ms: int, output: Output) -> list[tuple[str, float]]:
        """Play to the last hand-over by then, and let the model give something."""
        while (self._ticks + 1) * 200 <= t_ms:
            assert self._stage.advance(self._ticks) is not None
            self._ticks += 1
        return list(self._stage.emit(output, self._ticks - 1, t_ms * MS))

    def says(self, t_ms: int, item: str, lasts_s: float) -> None:
        assert self.at(t_ms, Output(tone(lasts_s), item=item)) == []

    def cut(self, t_ms: int, *only: str) -> list[tuple[str, float]]:
        return self.at(t_ms, Output(flush=True, flush_only=only))


@contextmanager
def playing(folder: Path) -> Iterator[Played]:
    sample, adapter = sample_of(UserTurn(silence(3.0)), tail_s=0), Scripted()
    limits = Settings(max_session_s=10, max_backlog_s=1.5)
    opened = opened_event("fake", sample, "fake", adapter, limits)
    with RecordingWriter(folder, opened, clock="simulated", compute="ideal") as writer:
        stage = Exchange(sample, adapter, limits, writer)
        yield Played(stage)
        stage.close()
        writer.abandon()


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    with playing(tmp_path / "r") as session:
        yield session


@dataclass
class Naive:
    """The same, millisecond by millisecond: what is heard of which reply, by name and which of that name."""

    heard: dict[int, tuple[str, int]] = field(default_factory=dict)
    number: Counter[str] = field(default_factory=Counter)

    def says(self, t_ms: int, item: str, lasts_ms: int) -> None:
        start = max(t_ms, max(self.heard, default=-1) + 1)
        self.heard |= {start + k: (item, self.number[item]) for k in range(lasts_ms)}

    def cut(self, t_ms: int, only: tuple[str, ...]) -> list[tuple[str, float]]:
        unheard = [(at, self.heard[at]) for at in sorted(self.heard) if at >= t_ms]
        dropped = dict.fromkeys(reply for _, reply in unheard if not only or reply[0] in only)
        if not dropped:
            return []
        kept = [reply for _, reply in unheard if reply not in dropped]
        self.heard = {at: reply for at, reply in self.heard.items() if at < t_ms}
        told = [(reply[0], float(sum(each == reply for each in self.heard.values()))) for reply in dropped]
        self.heard |= {t_ms + k: reply for k, reply in enumerate(kept)}
        self.number.update(item for item, _ in told)
        return told


SPEAKING = st.tuples(st.sampled_from("abc"), st.integers(1, 20))
CUTTING = st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(tuple)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), SPEAKING | SPEAKING | CUTTING), max_size=25))
def test_whatever_is_said_and_cut_each_reply_is_told_what_was_heard_of_it(
    actions: list[tuple[int, tuple[str, int] | tuple[str, ...]]],
) -> None:
    """In steps of 20 ms, from 0.2 s on."""
    naive, t_ms = Naive(), 200
    with TemporaryDirectory() as folder, playing(Path(folder) / "r") as session:
        for gap, action in actions:
            t_ms += 20 * gap
            if t_ms > 2600:
                break
            match action:
                case (str(item), int(steps)):
                    waits = max(naive.heard, default=0) - t_ms
                    if waits + 20 * steps < 1400:
                        session.says(t_ms, item, steps / 50)
                        naive.says(t_ms, item, 20 * steps)
                case only:
                    assert session.cut(t_ms, *only) == naive.cut(t_ms, only)


def test_a_reply_in_pieces_was_heard_as_far_as_its_pieces_were(played: Played) -> None:
    """From 0.2 to 0.7 s and from 1.0 to 1.5 s, cut at 1.2 s; a piece that has not begun counts nothing."""
    played.says(200, "a", 0.5)
    played.says(1000, "a", 0.5)
    played.says(1100, "a", 0.5)
    assert played.cut(1200) == [("a", 700.0)]


def test_a_reply_that_is_over_is_not_cut(played: Played) -> None:
    played.says(200, "a", 0.5)
    played.says(300, "b", 1.0)
    assert played.cut(1000) == [("b", 300.0)]


def test_a_reply_that_ends_at_the_very_flush_is_not_cut(played: Played) -> None:
    played.says(200, "a", 0.5)
    assert played.cut(700) == []


def test_replies_that_wait_are_cut_unheard(played: Played) -> None:
    played.says(200, "a", 1.0)
    played.says(400, "b", 0.5)
    assert played.cut(500) == [("a", 300.0), ("b", 0.0)]


def test_a_reply_under_way_in_its_second_piece_stays_when_another_comes(played: Played) -> None:
    played.says(200, "a", 0.5)
    played.says(1000, "a", 1.0)
    played.says(1200, "b", 0.1)
    assert played.cut(1500) == [("a", 1000.0), ("b", 0.0)]


def test_replies_are_told_in_the_order_in_which_they_would_have_been_heard(played: Played) -> None:
    """A second piece of a waits behind b."""
    played.says(200, "a", 0.2)
    played.says(300, "b", 0.5)
    played.says(350, "a", 0.3)
    assert played.cut(600) == [("b", 200.0), ("a", 200.0)]


def test_a_reply_heard_so_far_goes_on_after_a_flush(played: Played) -> None:
    """Nothing of it was dropped."""
    played.says(200, "a", 0.3)
    assert played.cut(600) == []
    played.says(700, "a", 0.5)
    assert played.cut(900) == [("a", 500.0)]


def test_what_comes_of_a_reply_after_its_cut_is_another_reply(played: Played) -> None:
    played.says(200, "a", 0.5)
    assert played.cut(400) == [("a", 200.0)]
    played.says(500, "a", 0.5)
    assert played.cut(600) == [("a", 100.0)]


def test_silence_tells_replies_without_a_name_apart(played: Played) -> None:
    """From 0.2 to 0.5 s; then from 0.8 s on in two pieces without a gap."""
    played.says(200, "", 0.3)
    played.says(800, "", 0.3)
    played.says(900, "", 0.5)
    assert played.cut(1300) == [("", 500.0)]


def test_what_was_cut_is_not_cut_again(played: Played) -> None:
    played.says(200, "a", 1.0)
    assert played.cut(500) == [("a", 300.0)]
    assert played.cut(600) == []
    played.says(700, "b", 1.0)
    assert played.cut(800) == [("b", 100.0)]


def test_of_one_reply_alone_others_move_up(played: Played) -> None:
    """From 0.2 to 0.7 s; b waits, then c; without b, c follows at once."""
    played.says(200, "a", 0.5)
    played.says(300, "b", 0.4)
    played.says(400, "c", 0.4)
    assert played.cut(600, "b") == [("b", 0.0)]
    assert played.cut(1000) == [("c", 300.0)]


def test_the_rest_of_a_reply_under_way_plays_on_when_another_is_dropped(played: Played) -> None:
    played.says(200, "a", 1.0)
    played.says(300, "b", 0.4)
    assert played.cut(600, "b") == [("b", 0.0)]
    assert played.cut(1100) == [("a", 900.0)]


def test_a_reply_that_has_nothing_unheard_takes_nothing_with_it(played: Played) -> None:
    played.says(200, "a", 0.2)
    played.says(300, "b", 0.5)
    assert played.cut(600, "a") == []
    assert played.cut(700) == [("b", 300.0)]


def test_what_is_left_is_recorded_where_it_is_heard(tmp_path: Path) -> None:
    sample = sample_of(UserTurn(silence(2.0)), tail_s=0)
    a, b = tone(0.5), tone(0.4, hz=700)
    outputs = [Output(a, item="a"), Output(b, item="b"), Output(flush=True, flush_only=("a",))]
    ran = run_session(tmp_path / "r", sample, Scripted(dict(enumerate(outputs))), Settings())
    places = [(e.item, e.heard_ns // MS, e.end_ns // MS) for e in ran.of(ev.ModelAudio)]
    assert places == [("a", 200, 700), ("b", 700, 1100), ("b", 600, 1000)]
    assert [(e.t_ns // MS, e.heard_ms, e.dropped_ms) for e in ran.of(ev.Flush)] == [(600, 400.0, 100.0)]
    n = 16 * 400
    assert np.allclose(ran.model[16 * 200 : 16 * 600], a[:n], atol=1e-4)
    assert np.allclose(ran.model[16 * 600 : 16 * 1000], b, atol=1e-4)
    assert not ran.model[16 * 1000 :].any()


def ran(folder: Path, *outputs: object) -> Ran:
    """Two seconds; the model gives something at 0.2 s, 0.4 s, ..."""
    planned = {k: given for k, given in enumerate(outputs) if given is not None}
    return run_session(folder, sample_of(UserTurn(silence(2.0)), tail_s=0), Scripted(planned), Settings())  # type: ignore[arg-type]


def told(ran: Ran) -> dict[int, tuple[tuple[str, float], ...]]:
    assert isinstance(ran.adapter, Scripted)
    return {turn.index: turn.flushed.items for turn in ran.adapter.turns if turn.flushed}


def test_a_model_in_steps_is_told_each_reply_that_was_cut(tmp_path: Path) -> None:
    outputs = [Output(tone(0.5), item="1"), Output(tone(0.5), item="2"), Output(tone(0.5), item="3")]
    found = ran(tmp_path / "r", *outputs, None, Output(flush=True))
    assert told(found) == {5: (("2", 300.0), ("3", 0.0))}


def test_several_flushes_between_two_micro_turns_are_told_with_the_next(tmp_path: Path) -> None:
    """The second was told a micro-turn later, and one in the last micro-turn but one never."""
    outputs = [
        Output(tone(0.5), item="1"),
        (Output(flush=True), Output(tone(1.0), item="2"), Output(flush=True), Output(tone(1.0), item="3")),
    ]
    found = ran(tmp_path / "r", *outputs, Output(flush=True))
    assert told(found) == {2: (("1", 200.0), ("2", 0.0)), 3: (("3", 200.0),)}
    reports = [turn.flushed for turn in found.adapter.turns if turn.flushed]  # type: ignore[attr-defined]
    assert [(report.heard_ms, report.dropped_ms) for report in reports] == [(200, 1300), (200, 800)]


def test_a_flush_of_nothing_is_not_heard_twice(tmp_path: Path) -> None:
    found = ran(tmp_path / "r", Output(tone(0.2)), None, (Output(flush=True), Output(flush=True)))
    (report,) = [turn.flushed for turn in found.adapter.turns if turn.flushed]  # type: ignore[attr-defined]
    assert report == FlushReport(200, 0)


@pytest.mark.parametrize("made", [list, tuple, iter])
def test_a_step_may_give_several_outputs(tmp_path: Path, made: Callable[[list[Output]], object]) -> None:
    outputs = [Output(tone(0.1), item="1", compute_s=0.01), Output(tone(0.3), item="2", compute_s=0.02)]
    adapter, sample = Scripted({0: made(outputs)}), sample_of(UserTurn(silence(1.0)), tail_s=0)  # type: ignore[dict-item]
    found = run_session(tmp_path / "r", sample, adapter, Settings(compute=Compute.CHARGED))
    places = [(e.item, e.t_ns // MS, e.heard_ns // MS, e.end_ns // MS) for e in found.of(ev.ModelAudio)]
    assert places == [("1", 230, 230, 330), ("2", 230, 330, 630)]


def test_a_step_that_yields_is_charged_for_what_it_does(tmp_path: Path) -> None:
    class Yielding(StepAdapter):
        audio_out = 16000

        def step(self, turn: MicroTurn) -> Iterator[Output]:
            time.sleep(0.002)
            if turn.index == 0:
                yield Output(tone(0.1))

    sample, charged = sample_of(UserTurn(silence(0.6)), tail_s=0), Settings(compute=Compute.CHARGED)
    found = run_session(tmp_path / "r", sample, Yielding(), charged)
    assert [step.compute_ns >= 2 * MS for step in found.of(ev.StepDone)] == [True, True]


def test_something_else_among_outputs_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdapterFaultError, match="micro-turn 0: step returned str, it must be Output, a list"):
        ran(tmp_path / "r", [Output(), "hello"])


# ---- words that count from the first sample of their reply


def spoken(item: str, *words: tuple[str, float, float]) -> Output:
    pieces = tuple(SpokenWord(*word) for word in words)
    return Output(
        transcript=(Transcript(" ".join(w for w, _, _ in words), pieces, of_reply=True),), item=item
    )


def placed(found: Ran) -> list[tuple[str, float, float]]:
    return [(w.text, round(w.start_s, 6), round(w.end_s, 6)) for w in found.recording.facts.timed]


def test_words_of_a_reply_find_their_place_before_with_and_after_its_audio(tmp_path: Path) -> None:
    """The reply is heard from 0.4 to 0.9 s, and after a silence from 1.0 s on."""
    before, after = spoken("1", ("a", 0.1, 0.2)), spoken("1", ("b", 0.4, 0.5), ("c", 0.6, 0.7))
    outputs = [None, [before, Output(tone(0.5), item="1")], None, None, Output(tone(0.5), item="1"), after]
    assert placed(ran(tmp_path / "r", *outputs)) == [("a", 0.5, 0.6), ("b", 0.8, 0.9), ("c", 1.1, 1.2)]


def test_words_of_the_reply_before_are_its_own_though_the_next_has_begun(tmp_path: Path) -> None:
    """It was heard from 0.2 to 0.5 s; the next begins at 0.8 s. They were counted back from that."""
    late = spoken("1", ("a", 0.1, 0.2))
    outputs = [Output(tone(0.3), item="1"), None, None, [Output(tone(0.5), item="2"), late]]
    assert placed(ran(tmp_path / "r", *outputs)) == [("a", 0.3, 0.4)]


def test_words_that_come_after_their_reply_was_cut(tmp_path: Path) -> None:
    """It was heard from 0.2 to 0.4 s; the next from 0.6 s on, to which the words given late do not belong."""
    late = spoken("1", ("a", 0.0, 0.1), ("b", 0.2, 0.3), ("c", 0.5, 0.6))
    outputs = [Output(tone(1.0), item="1"), Output(flush=True), Output(tone(1.0), item="2"), late]
    found = ran(tmp_path / "r", *outputs)
    assert placed(found) == [("a", 0.2, 0.3)]
    (event,) = found.of(ev.ModelTranscript)
    assert (event.text, event.unheard) == ("a b c", ("b", "c"))


def test_a_text_whose_words_were_all_dropped_was_not_heard(tmp_path: Path) -> None:
    late = spoken("1", ("b", 0.2, 0.3), ("c", 0.5, 0.6))
    found = ran(tmp_path / "r", Output(tone(1.0), item="1"), Output(flush=True), late)
    assert (placed(found), found.recording.facts.untimed) == ([], ())


def test_only_names_of_replies_can_be_flushed(tmp_path: Path) -> None:
    adapter = Scripted({0: Output(flush=True, flush_only="a")})  # type: ignore[arg-type]
    with pytest.raises(AdapterFaultError, match="flush_only is 'a', it must be a tuple"):
        run_session(tmp_path / "r", sample_of(), adapter, Settings())


def test_as_much_may_wait_as_the_limit_says(played: Played) -> None:
    played.says(200, "a", 1.5)
    with pytest.raises(AdapterFaultError, match=r"the limit is 1\.5 s"):
        played.says(200, "a", 1 / 16000)
