"""What is told of the replies that a flush cuts: which they are, and how much of each was heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Scripted, run_session, sample_of, silence, tone

from tml_bench import events as ev
from tml_bench.adapter import Output
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import UserTurn
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.exchange import Exchange
from tml_bench.session.settings import Settings, opened_event


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
        return self._stage.emit(output, self._ticks - 1, t_ms * MS)

    def says(self, t_ms: int, item: str, lasts_s: float) -> None:
        assert self.at(t_ms, Output(tone(lasts_s), item=item)) == []

    def cut(self, t_ms: int, *only: str) -> list[tuple[str, float]]:
        return self.at(t_ms, Output(flush=True, flush_only=only))


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    sample, adapter = sample_of(UserTurn(silence(3.0)), tail_s=0), Scripted()
    settings = Settings(max_session_s=10, max_backlog_s=1.5)
    opened = opened_event("fake", sample, "fake", adapter, settings)
    with RecordingWriter(tmp_path / "r", opened, clock="simulated", compute="ideal") as writer:
        stage = Exchange(sample, adapter, settings, writer)
        yield Played(stage)
        stage.close()
        writer.abandon()


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


def test_only_names_of_replies_can_be_flushed(tmp_path: Path) -> None:
    adapter = Scripted({0: Output(flush=True, flush_only="a")})  # type: ignore[arg-type]
    with pytest.raises(AdapterFaultError, match="flush_only is 'a', it must be a tuple"):
        run_session(tmp_path / "r", sample_of(), adapter, Settings())


def test_as_much_may_wait_as_the_limit_says(played: Played) -> None:
    played.says(200, "a", 1.5)
    with pytest.raises(AdapterFaultError, match=r"the limit is 1\.5 s"):
        played.says(200, "a", 1 / 16000)
