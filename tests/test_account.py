"""What a dry run says of a service that finds turns by silence is what it counts, over a real socket.

``benchmarks/account.py`` has it for whole mini sets.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from fake_servers.metered_realtime import MODEL_MS, TEXT_SHARE, answering
from fakes import tone

from tml_bench.adapter import Usage
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.media.audio import clip_samples
from tml_bench.media.pauses import spoken_parts
from tml_bench.plugins import load_task
from tml_bench.pricing.charges import cost_of, expected_usage
from tml_bench.pricing.table import load_prices
from tml_bench.recording_writer import RecordingWriter
from tml_bench.runs.jobs import TRIES
from tml_bench.runs.sizes import ANSWER_S, session_size
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.live import LatenessLimits, LiveSession
from tml_bench.session.settings import Settings, opened_event

RATE = 16000
MODEL = "gpt-realtime-2.1"


def clip(*lengths_s: float) -> Waveform:
    """Sound and silence in turns, sound first."""
    parts = [
        np.zeros(round(s * RATE), np.float32) if n % 2 else tone(s, RATE) for n, s in enumerate(lengths_s)
    ]
    return Waveform(np.concatenate(parts), RATE)


class Billed(NamedTuple):
    """What a session tells, its server's bill, and in what this machine was too late; empty if it was not."""

    told: Usage
    bill: list[dict[str, int]]
    late: str


def billed(sample: Sample, folder: Path) -> Billed:
    """A session with the metered server; as in a run, one that was late is held again, three times in all."""
    for k in range(TRIES):
        found = asyncio.run(_billed(sample, folder / str(k)))
        if not found.late:
            break
    return found


async def _billed(sample: Sample, folder: Path) -> Billed:
    async with answering(ANSWER_S)() as server:
        adapter = OpenAIRealtime(model=MODEL, base_url=server.url)
        opened = opened_event("t", sample, "a", adapter, Settings())
        with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:
            session = LiveSession("t", sample, adapter, Settings(), writer)
            late = (await session.run()).excess(LatenessLimits())
            writer.close()
    assert server.problems == []
    (served,) = server.sessions
    return Billed(session.usage, served.billed, late)  # type: ignore[attr-defined]


def test_a_turn_that_pauses_is_answered_twice_as_foretold(tmp_path: Path) -> None:
    """A pause of 1.1 s: an answer begins in it, is interrupted, and is read again as far as it was heard."""
    task = load_task("fd-bench-v1")
    (spoken, *_) = task.samples(subsets=["candor_turn_taking"])
    voice = clip_samples(spoken.script.turns[0].audio, RATE)
    pause = np.zeros(round(1.1 * RATE), np.float32)
    turn = UserTurn(Waveform(np.concatenate([voice[: RATE // 2], pause, voice[: RATE // 2]]), RATE))
    sample = Sample("s", "x", Script((turn,), instructions="x" * 400, tail_s=1.2), Reference())
    told, bill, _ = billed(sample, tmp_path / "r")
    price = load_prices().price_of(MODEL)
    assert price is not None
    size = session_size(task, sample, by_silence=True)
    said = expected_usage(size, price)
    assert (told.input_tokens, told.output_tokens) == (
        sum(one["input_tokens"] for one in bill), sum(one["output_tokens"] for one in bill),
    )  # fmt: skip
    given = ANSWER_S * 1000 / MODEL_MS
    assert (said.calls, told.calls) == (2, 2)
    assert told.output_audio_tokens == said.output_audio_tokens == 2 * given
    assert told.output_tokens == said.output_tokens == 2 * given + 2 * round(TEXT_SHARE * given)
    # Of the first answer, which begins in the pause, 0.3 s (6 tokens) is heard or less.
    assert said.input_audio_tokens == pytest.approx(told.input_audio_tokens, abs=6 + 2)
    assert said.input_tokens == pytest.approx(told.input_tokens, rel=0.1)
    assert cost_of(said, price) == pytest.approx(cost_of(told, price), rel=0.1)


def test_turns_by_silence_are_where_a_pause_is_long_enough() -> None:
    turn = UserTurn(clip(1.0, 0.6, 1.0, 0.8, 1.0, 1.0, 1.0))
    size = session_size(
        load_task("fd-bench-v1"), Sample("s", "x", Script((turn,), tail_s=2.0), Reference()), by_silence=True
    )
    assert [t.start_s for t in size.turns] == pytest.approx([0.0, 3.4, 5.4], abs=0.02)
    # The answer to the first is asked for and taken back: the user goes on before it is heard.
    assert [a.start_s for a in size.answers] == pytest.approx([2.6 + 0.7, 5.4, 7.4], abs=0.02)
    assert [a.length_s for a in size.answers] == pytest.approx([0.0, ANSWER_S, ANSWER_S])
    assert size.user_s == pytest.approx(8.4)


def test_a_session_that_ends_with_the_user_has_no_last_answer() -> None:
    script = Script((UserTurn(clip(1.0, 1.0, 1.0)),), tail_s=0.3)
    size = session_size(load_task("fd-bench-v1"), Sample("s", "x", script, Reference()), by_silence=True)
    assert len(size.answers) == 1


def test_parts_are_found_under_noise_that_is_quiet_and_are_one_under_noise_that_is_loud() -> None:
    speech = clip(1.0, 1.0, 1.0)
    noise = np.random.default_rng(1).normal(size=len(speech.samples)).astype(np.float32)
    level = float(np.abs(speech.samples).max())
    quiet = Waveform(speech.samples + 0.02 * level * noise, RATE)
    loud = Waveform(speech.samples + 0.3 * level * noise, RATE)
    assert spoken_parts(quiet, 0.5) == pytest.approx(np.array([(0.0, 1.0), (2.0, 3.0)]), abs=0.021)
    assert len(spoken_parts(loud, 0.5)) == 1
    assert spoken_parts(Waveform(np.zeros(RATE, np.float32), RATE), 0.5) == ()
    assert spoken_parts(Waveform(np.ones(5, np.float32), RATE), 0.5) == ()
