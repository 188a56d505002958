"""Tables of prices, what a usage costs by them, and what a session is expected to use."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from priced import write_prices

from tml_bench.errors import UserError
from tml_bench.pricing.charges import SessionSize, Span, cost_of, expected_usage
from tml_bench.pricing.table import ModelPrice, load_prices
from tml_bench.questions import Verdict
from tml_bench.runs.usage import RunUsage
from tml_bench.scoring.accounts import run_cost
from tml_bench.turns import Usage

TOKENS = ModelPrice(
    ("m",), datetime.date(2026, 1, 2), "made up", input_text=4, input_audio=32, cached_text=0.4,
    cached_audio=0.8, output_text=16, output_audio=64, input_tokens_per_s=10, output_tokens_per_s=20,
    rereads=True, hears_silence=False,
)  # fmt: skip
MINUTES = ModelPrice(("m",), datetime.date(2026, 1, 2), "made up", input_minute=0.06, output_minute=0.12)


def test_every_price_that_ships_has_a_day_and_a_source() -> None:
    table = load_prices()
    assert table.currency == "USD"
    for price in table.prices:
        assert datetime.date(2026, 1, 1) < price.as_of < datetime.date(2026, 11, 27)
        assert len(price.source) > 40
    realtime = [table.price_of(model) for model in ("gpt-realtime-2.1", "models/gemini-3.8-live")]
    for one in realtime:
        assert one is not None
        assert one.input_tokens_per_s
        assert one.output_audio


def test_a_model_is_found_by_its_name_alone() -> None:
    table = load_prices()
    full, mini = table.price_of("gpt-realtime-2.1"), table.price_of("openai/GPT-realtime-2.1-mini")
    assert full is not None
    assert mini is not None
    assert (full.input_audio, mini.input_audio) == (32, 10)
    assert table.price_of("gpt-realtime-2.1-2026-06-01") == full
    assert table.price_of("gpt-realtime-2.1-nano") is None
    assert table.price_of("") is None


def test_a_table_of_one_s_own_comes_first(tmp_path: Path) -> None:
    own = load_prices(write_prices(tmp_path / "mine.json", models=["my-*", "gpt-realtime-2.1"]))
    mine = own.price_of("gpt-realtime-2.1")
    assert mine is not None
    assert mine.input_minute == 1.5
    assert mine == own.price_of("my-voice")
    assert own.price_of("gemini-3.8-live") is not None
    euros = load_prices(write_prices(tmp_path / "euros.json", currency="EUR"))
    assert euros.price_of("gemini-3.8-live") is None


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"currency": " "}, "$.currency"),
        ({"schema": "tml-bench/prices/2.0"}, "$.schema"),
        ({"as_of": "yesterday"}, "$.prices[0].as_of"),
        ({"as_of": None}, "$.prices[0].as_of"),
        ({"input_minute": -1}, "$.prices[0].input_minute"),
        ({"input_minute": "free"}, "$.prices[0].input_minute"),
        ({"models": []}, "$.prices[0].models"),
        ({"input_audoi": 3}, "input_audoi"),
        ({"prices": 5}, "$.prices"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, changes: dict[str, Any], names: str) -> None:
    with pytest.raises(UserError) as raised:
        load_prices(write_prices(tmp_path / "mine.json", **changes))
    assert "mine.json" in raised.value.problem
    assert names in raised.value.problem
    assert "docs/cost.md" in raised.value.remedy or raised.value.remedy


def test_a_table_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        load_prices(tmp_path / "nowhere.json")


def test_tokens_cost_by_their_kind() -> None:
    usage = Usage(input_tokens=1000, output_tokens=300, input_audio_tokens=800, output_audio_tokens=200)
    assert cost_of(usage, TOKENS) == pytest.approx((200 * 4 + 800 * 32 + 100 * 16 + 200 * 64) / 1e6)


def test_cached_tokens_are_split_as_all_input_is() -> None:
    usage = Usage(1000, 0, 800, 0, cached_tokens=500)
    assert cost_of(usage, TOKENS) == pytest.approx((100 * 4 + 100 * 0.4 + 400 * 32 + 400 * 0.8) / 1e6)
    without = msgspec.structs.replace(TOKENS, cached_text=None, cached_audio=None)
    assert cost_of(usage, without) == pytest.approx((200 * 4 + 800 * 32) / 1e6)


def test_minutes_cost_each_way() -> None:
    assert cost_of(Usage(input_audio_s=90, output_audio_s=30), MINUTES) == pytest.approx(0.09 + 0.06)


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage(), TOKENS),
        (Usage(input_audio_s=60), TOKENS),
        (Usage(input_tokens=10), MINUTES),
        (Usage(input_tokens=10, output_tokens=5, output_audio_tokens=5), TOKENS),
        (Usage(input_tokens=10, input_audio_tokens=10, output_tokens=5), TOKENS),
        (Usage(10, 5, 10, 5), msgspec.structs.replace(TOKENS, output_audio=None)),
    ],
    ids=["nothing told", "no tokens told", "no seconds told", "input unsplit", "output unsplit", "no price"],
)
def test_what_cannot_be_priced_is_unknown(usage: Usage, price: ModelPrice) -> None:
    assert cost_of(usage, price) is None


def test_every_answer_reads_the_conversation_again() -> None:
    """The example of OpenAI's guide in small: 2 s and 3 s said, answered with 4 s and 1 s."""
    turns, answers = (Span(1, 3), Span(8, 11)), (Span(3.5, 7.5), Span(12, 13))
    size = SessionSize(20.0, turns, answers, text=400)
    expected = Usage(
        input_tokens=200 + 20 + (50 + 80), input_audio_tokens=20 + 50 + 80, output_tokens=100,
        output_audio_tokens=100, input_audio_s=20.0, output_audio_s=5.0, calls=2,
    )  # fmt: skip
    assert expected_usage(size, TOKENS) == expected
    hears = msgspec.structs.replace(TOKENS, hears_silence=True)
    assert expected_usage(size, hears).input_audio_tokens == 35 + 120 + 80
    once = msgspec.structs.replace(TOKENS, rereads=False)
    assert (expected_usage(size, once).input_tokens, expected_usage(size, once).input_audio_tokens) == (
        150,
        50,
    )
    assert expected_usage(size, MINUTES) == Usage(input_audio_s=20.0, output_audio_s=5.0, calls=2)
    assert expected_usage(SessionSize(20.0, turns), TOKENS) == Usage(input_audio_s=20.0)


def test_a_run_s_money_names_its_model_and_day() -> None:
    told = RunUsage(Usage(1_000_000, 100_000, 1_000_000, 100_000), told=3, sessions=4, audio_s=1800)
    verdicts = [Verdict("yes", judge="openai", model="gpt-5.4-mini", prompt_tokens=1_000_000)] * 2
    cost = run_cost("models/gemini-3.8-live", told, verdicts, load_prices())
    assert not isinstance(cost, msgspec.UnsetType)
    assert cost.service is not None
    assert cost.judge is not None
    assert (cost.service.amount, cost.service.as_of) == (3 + 1.2, "2026-10-07")
    assert (cost.judge.amount, cost.judge.as_of) == (1.5, "2026-05-04")
    assert cost.per_hour == pytest.approx(8.4)
    assert run_cost("nobody-s", told, [], load_prices()) is msgspec.UNSET
    assert run_cost("gemini-3.8-live", msgspec.UNSET, [], load_prices()) is msgspec.UNSET
