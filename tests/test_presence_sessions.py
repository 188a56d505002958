"""Presence as it is played: what the harness measures of respondents whose behaviour is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import run_session
from presence_timelines import sample, values

from tml_bench.adapter import MicroTurn, Output, StepAdapter, Transcript
from tml_bench.adapters.reference import Oracle, Silent
from tml_bench.adapters.reference.slow_work import FILLER, Blocking, Chatterbox
from tml_bench.perception.recordings import timeline_of
from tml_bench.samples import Sample
from tml_bench.session.settings import Settings
from tml_bench.tasks.presence.annotation import BEHAVIOURS, WAITS, expected_of
from tml_bench.timeline import Timeline, WordSource


def played(one: Sample, adapter: StepAdapter, folder: Path) -> Timeline:
    ran = run_session(folder / "recording", one, adapter, Settings())
    return timeline_of(ran.recording.facts, folder / "timeline.json", "transcript", False)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_oracle_does_it_all(behaviour: str, tmp_path: Path) -> None:
    one = sample(behaviour, 1)
    found = values(one, played(one, Oracle(), tmp_path))
    assert found["handled"] == 1.0
    assert {found.get(name, 0.0) for name in ("stale", "over_user", "repeated", "dead_air")} == {0.0}


class Untimed(Oracle):
    """The oracle at another rate, whose transcript has no times."""

    def step(self, turn: MicroTurn) -> Output | None:
        said = super().step(turn)
        if said is None:
            return None
        return replace(said, transcript=tuple(Transcript(piece.text) for piece in said.transcript))


@pytest.mark.parametrize("behaviour", ["asks_progress", "changes_mind", "chats"])
def test_a_transcript_without_times_costs_nothing(behaviour: str, tmp_path: Path) -> None:
    one = sample(behaviour, 3)
    heard = played(one, Untimed(audio_out=16000), tmp_path)
    assert heard.word_source is not WordSource.ADAPTER
    assert values(one, heard)["handled"] == 1.0


@pytest.mark.parametrize(("number", "latency_s"), [(1, 2.0), (4, 5.0), (6, 10.0)])
def test_the_dead_air_of_blocking_is_what_the_function_takes(
    number: int, latency_s: float, tmp_path: Path
) -> None:
    one = sample(WAITS, number)
    found = values(one, played(one, Blocking(), tmp_path))
    assert found["dead_air"] == pytest.approx(latency_s, abs=0.015)
    assert found["dead_air_total"] == pytest.approx(latency_s, abs=0.015)
    assert found["result_right"] == 1.0


def test_blocking_answers_nobody_and_tells_what_is_no_longer_wanted(tmp_path: Path) -> None:
    one = sample("changes_mind", 3)
    heard = played(one, Blocking(), tmp_path)
    item = expected_of(one)
    found = values(one, heard)
    assert (found["stale"], found["respected"], found["handled"]) == (1.0, 0.0, 0.0)
    assert [call.name for call in heard.calls] == ["find_book", "find_book"]
    first, second = heard.calls
    assert first.at_s == pytest.approx(item.request_end_s)
    assert first.returned_s is not None
    assert first.returned_s < second.at_s


def test_a_chatterbox_repeats_itself_and_answers_nobody(tmp_path: Path) -> None:
    one = sample("chats", 5)
    heard = played(one, Chatterbox(), tmp_path)
    found = values(one, heard)
    assert " ".join(word.text for word in heard.words).count(FILLER) > 2
    assert (found["repeated"], found["answered"], found["handled"]) == (1.0, 0.0, 0.0)
    assert (found["acknowledged"], found["result_right"], found["dead_air"]) == (1.0, 1.0, 0.0)
    assert found["filler_share"] > 0.7


def test_silence_is_dead_air_to_the_end(tmp_path: Path) -> None:
    one = sample(WAITS, 1)
    item = expected_of(one)
    found = values(one, played(one, Silent(), tmp_path))
    assert found["dead_air"] == pytest.approx(item.length_s - item.request_end_s, abs=0.25)
    assert found["handled"] == found["acknowledged"] == found["called"] == 0.0
