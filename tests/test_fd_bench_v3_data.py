"""The functions of FD-bench v3, and its folders with every flaw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tml_bench.errors import UserError
from tml_bench.media.audio import read_mono
from tml_bench.respondents import called, ideal
from tml_bench.samples import IdealCall, Sample, Script
from tml_bench.tasks.fd_bench_v3.annotation import DOMAINS, ExpectedCall, ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.loader import MINI, is_whole, samples
from tml_bench.tasks.fd_bench_v3.world import TOOLS, new_world
from tml_bench.tool_latency import FAST, NORMAL

SPEAKER = "0123456789abcdef01234567"
OTHER = "f" * 24
MILAN = {"destination": "Milan", "date": "May 3"}
SCENARIO: dict[str, Any] = {
    "id": "travel_19",
    "domain": "travel_identity",
    "title": "A flight",
    "difficulty": "easy",
    "dialogue": [{"user": "Fly me to Rome, no, Milan.", "ai": "It costs 450 dollars."}],
    "disfluency_features": ["SELF_CORRECTION"],
    "expected_tool_calls": [
        {"function": "search_flights", "args": {"destination": "Milan", "date": "May 3"}}
    ],
    "num_expected_calls": 1,
    "state_rollback_test": True,
    "latency_profile": "instant",
}


# ---- the functions


def given(name: str, **arguments: object) -> Any:
    (call,) = called(Script(tools=TOOLS, world=new_world), [IdealCall(0.0, name, arguments)])
    return call.output


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        (
            "search_flights",
            {"destination": "Rome", "date": "May 3"},
            {"flights": [{"flight_id": "FL123", "destination": "Rome", "date": "May 3", "price": 450}]},
        ),
        ("book_flight", {"passenger_name": "Ann"}, {"booking_ref": "B789", "passenger": "Ann"}),
        (
            "update_identity_doc",
            {"doc_type": "passport", "doc_number": "A12345"},
            {"updated_doc": "passport", "masked_number": "****2345"},
        ),
        (
            "get_exchange_rate",
            {"amount": 50, "from_currency": "eur", "to_currency": "USD"},
            {"rate": 1.1, "converted_amount": 55.0},
        ),
        (
            "get_exchange_rate",
            {"amount": 50.5, "from_currency": "USD", "to_currency": "EUR"},
            {"rate": 0.9, "converted_amount": 45.45},
        ),
        (
            "modify_autopay",
            {"bill_type": "water", "source_account": "savings"},
            {"autopay_enabled": True, "bill": "water", "source": "savings"},
        ),
        (
            "search_apartments",
            {"city": "Oslo", "bedrooms": 2, "max_price": 900},
            {"results": [{"id": "APT1", "price": 800, "beds": 2}]},
        ),
        (
            "calculate_commute",
            {"origin_address": "a", "destination_address": "b"},
            {"duration_mins": 25, "mode": "driving"},
        ),
        (
            "calculate_commute",
            {"origin_address": "a", "destination_address": "b", "mode": "transit"},
            {"duration_mins": 25, "mode": "transit"},
        ),
        (
            "update_search_filter",
            {"filter_name": "pets", "value": "yes"},
            {"filter_name": "pets", "value": "yes"},
        ),
        ("track_order", {"order_id": "1"}, {"shipping_status": "in transit"}),
        (
            "search_products",
            {"query": "mug"},
            {"products": [{"product_id": "PROD1", "name": "mug", "price": 99.99}]},
        ),
        (
            "search_products",
            {"query": "mug", "max_price": 30},
            {"products": [{"product_id": "PROD1", "name": "mug", "price": 20}]},
        ),
        ("add_to_cart", {"product_id": "PROD1"}, {"cart_total": 99.99}),
        ("add_to_cart", {"product_id": "PROD1", "quantity": 3}, {"cart_total": 299.97}),
    ],
)
def test_what_each_function_gives(name: str, arguments: dict[str, object], result: dict[str, object]) -> None:
    assert given(name, **arguments) == {"status": "success", **result}


def test_the_twelve_functions_and_the_delays_of_four() -> None:
    assert len(TOOLS) == len({tool.name for tool in TOOLS}) == len(new_world()) == 12
    assert len(given("get_card_benefits", card_type="gold")["benefits"]) == 2
    assert {tool.name: tool.reference_latency for tool in TOOLS if tool.reference_latency} == {
        "search_flights": NORMAL,
        "search_apartments": NORMAL,
        "calculate_commute": NORMAL,
        "update_search_filter": FAST,
    }
    for tool in TOOLS:
        schema: Any = tool.parameters
        properties = schema["properties"]
        assert tool.description
        assert all(argument["description"] and argument["type"] for argument in properties.values())
        assert set(properties) - set(schema["required"]) <= {"mode", "max_price", "quantity"}


# ---- folders of the benchmark


def recording(
    root: Path,
    scenario: str = "travel_19",
    speaker: str = SPEAKER,
    seconds: float = 40.0,
    rate: int = 16000,
    channels: int = 1,
    subtype: str = "PCM_16",
    **metadata: Any,
) -> Path:
    folder = root / f"{scenario}_{speaker}"
    folder.mkdir(parents=True)
    sound = np.zeros((int(seconds * rate), channels))
    sound[: rate // 2, 0] = 0.5
    soundfile.write(folder / "input.wav", sound, rate, subtype=subtype)
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return folder


def listing(folder: Path, *changes: dict[str, Any]) -> None:
    scenarios = [SCENARIO | change for change in changes or ({},)]
    (folder / "benchmark_data_v2.json").write_text(json.dumps({"version": "2", "scenarios": scenarios}))


def item_of(sample: Sample) -> ScenarioAnnotation:
    found = sample.reference.annotation
    assert isinstance(found, ScenarioAnnotation), sample.problem
    return found


@pytest.mark.parametrize(
    ("rate", "channels", "subtype", "level"),
    [(48000, 1, "PCM_32", 0.5), (48000, 2, "PCM_32", 0.25), (16000, 1, "PCM_16", 0.5)],
)
def test_the_three_formats(tmp_path: Path, rate: int, channels: int, subtype: str, level: float) -> None:
    listing(tmp_path)
    folder = recording(tmp_path / "fdb_v3_data_released", rate=rate, channels=channels, subtype=subtype)
    (sample,) = samples(tmp_path)
    assert (sample.id, sample.subset, sample.unit, sample.problem) == (
        folder.name,
        DOMAINS[0],
        "travel_19",
        "",
    )
    assert bool(sample.notes) == (channels == 2)
    audio = sample.script.turns[0].audio
    assert isinstance(audio, Path)
    heard, _ = read_mono(audio, 16000)
    assert len(heard) == 40 * 16000
    assert float(np.abs(heard[2000:6000]).mean()) == pytest.approx(level, abs=0.01)


def test_what_is_read(tmp_path: Path) -> None:
    listing(tmp_path)
    recording(tmp_path)
    (sample,) = samples(tmp_path)
    assert item_of(sample) == ScenarioAnnotation(
        "travel_19",
        "travel_identity",
        "easy",
        ("SELF_CORRECTION",),
        True,
        (ExpectedCall("search_flights", {"destination": "Milan", "date": "May 3"}),),
        "Fly me to Rome, no, Milan.",
        "It costs 450 dollars.",
    )
    assert (sample.script.tail_s, sample.script.tools, sample.reference.user_end_s) == (1.5, TOOLS, None)
    assert "never ask" in sample.script.instructions
    (call,), (said,) = sample.reference.calls, sample.reference.ideal
    assert (call.at_s, said.at_s, said.text, said.needs) == (10.0, 10.0, "It costs 450 dollars.", (0,))


def test_the_folder_s_own_file_stands_above_the_list(tmp_path: Path) -> None:
    listing(tmp_path, {}, {"id": "travel_2"})
    calls = [{"function": "book_flight", "args": {"passenger_name": "Ann"}}]
    recording(tmp_path, difficulty="hard", expected_tool_calls=calls, dialogue=None)
    recording(tmp_path, speaker=OTHER)
    recording(tmp_path, "travel_2", seconds=5.0)
    first, second, third = samples(tmp_path)
    assert [s.unit for s in (first, second, third)] == ["travel_2", "travel_19", "travel_19"]
    assert [item_of(s).difficulty for s in (first, second, third)] == ["easy", "hard", "easy"]
    assert item_of(second).expected == (ExpectedCall("book_flight", {"passenger_name": "Ann"}),)
    assert item_of(second).request == item_of(third).request == "Fly me to Rome, no, Milan."
    assert first.reference.ideal[0].at_s == pytest.approx(5.2)


def test_a_folder_tells_everything_itself(tmp_path: Path) -> None:
    own = {key: value for key, value in SCENARIO.items() if key not in ("difficulty", "state_rollback_test")}
    words = [{"text": "Milan.", "timestamp": [1.0, 1.5]}]
    recording(tmp_path, facts=["450"], user_words=words, corrected_s=1.0, tail_s=7, **own)
    (sample,) = samples(tmp_path)
    item = item_of(sample)
    assert (item.difficulty, item.rollback, item.facts, item.corrected_s) == ("easy", False, ("450",), 1.0)
    assert (sample.reference.user_end_s, sample.script.tail_s) == (1.5, 7.0)
    assert sample.reference.ideal[0].at_s == sample.reference.calls[0].at_s == pytest.approx(1.7)


def test_chained_calls_of_the_ideal_respondent_and_those_that_cannot_be_made(tmp_path: Path) -> None:
    search = {"function": "search_products", "args": {"query": "mug", "max_price": "30"}}
    add = {
        "function": "add_to_cart",
        "args": {"product_id": "$RESULT_0.products[0].product_id", "quantity": 2},
    }
    wrong = {"function": "add_to_cart", "args": {"product_id": "$RESULT_0.flights[0].flight_id"}}
    listing(
        tmp_path,
        {"id": "travel_1", "expected_tool_calls": [search, add]},
        {"id": "travel_2", "expected_tool_calls": [search, wrong]},
        {"id": "travel_3", "expected_tool_calls": [{"function": "book_flight"}]},
    )
    for number in (1, 2, 3):
        recording(tmp_path, f"travel_{number}")
    fine, chained, empty = samples(tmp_path)
    assert [call.arguments for call in ideal(fine).calls] == [
        {"query": "mug", "max_price": 30},
        {"product_id": "PROD1", "quantity": 2},
    ]
    assert fine.reference.ideal[0].needs == (0, 1)
    for sample, says in ((chained, "no such part"), (empty, "passenger_name")):
        assert (sample.reference.calls, sample.problem, sample.reference.ideal[0].needs) == ((), "", ())
        assert says in sample.notes[0]


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ("", "metadata.json: the file is empty"),
        ("[1]", "metadata.json: Expected `object`, got `array`"),
        ({"domain": "travel"}, "metadata.json: domain: Invalid enum value 'travel'"),
        ({"difficulty": 3}, "metadata.json: difficulty: Expected `str"),
        ({"dialogue": [{"user": 3}]}, "metadata.json: dialogue[0].user: Expected `str"),
        (
            {"expected_tool_calls": [{"args": {}}]},
            "metadata.json: expected_tool_calls[0].function: is missing",
        ),
        (
            {"expected_tool_calls": [{"function": "fly"}]},
            "expected_tool_calls[0].function: there is no function 'fly'",
        ),
        ({"user_words": [{"text": "a", "timestamp": [3, 2]}]}, "ends at 2 s, not after its start at 3 s"),
        ({"user_words": [{"text": "a", "timestamp": [3, 99]}]}, "99 s is beyond the recording's end at 40 s"),
    ],
)
def test_a_broken_file_is_the_problem_of_its_sample_alone(tmp_path: Path, metadata: Any, says: str) -> None:
    listing(tmp_path)
    folder = recording(tmp_path)
    (folder / "metadata.json").write_text(metadata if isinstance(metadata, str) else json.dumps(metadata))
    recording(tmp_path, speaker=OTHER)
    broken, fine = samples(tmp_path)
    assert says in broken.problem
    assert "; " in broken.problem
    assert (broken.subset, broken.unit, fine.problem) == ("travel_identity", "travel_19", "")


def test_folders_without_sound_name_or_scenario(tmp_path: Path) -> None:
    listing(tmp_path, {}, {"id": "travel_20", "dialogue": "hello"})
    (recording(tmp_path) / "input.wav").unlink()
    (recording(tmp_path, speaker=OTHER) / "input.wav").write_bytes(b"RIFF")
    recording(tmp_path, "travel_20")
    recording(tmp_path, "finance_3", domain="finance_billing")
    (recording(tmp_path, "housing_1") / "metadata.json").unlink()
    recording(tmp_path, "ecommerce_1", "abc")
    (tmp_path / "notes").mkdir()
    problems = {s.id.rsplit("_", 1)[0] + ("*" if OTHER in s.id else ""): s.problem for s in samples(tmp_path)}
    assert "input.wav: the file is missing; " in problems["travel_19"]
    assert "input.wav" in problems["travel_19*"]
    assert "benchmark_data_v2.json: travel_20, dialogue: Expected `array" in problems["travel_20"]
    assert (
        "metadata.json: dialogue: is missing; give it here or in benchmark_data_v2.json"
        in problems["finance_3"]
    )
    assert "metadata.json: the file is missing, and benchmark_data_v2.json has no" in problems["housing_1"]
    assert "24 hexadecimal digits; name it as in the dataset" in problems["ecommerce_1"]
    assert len(problems) == 6


@pytest.mark.parametrize(
    ("make", "subsets", "says"),
    [
        ("nothing", (), "no such folder"),
        ("empty", (), "holds no recordings"),
        ("one", ("travel",), "unknown"),
        ("one", ("finance_billing",), "is not there"),
        ("broken list", (), "benchmark_data_v2.json"),
        ("no id", (), r"scenarios\[0\].id: is missing"),
    ],
)
def test_data_that_cannot_be_used(tmp_path: Path, make: str, subsets: tuple[str, ...], says: str) -> None:
    root = tmp_path / "data"
    if make != "nothing":
        root.mkdir()
    if make not in ("nothing", "empty"):
        recording(root)
        listing(root, *([{"id": None}] if make == "no id" else [{}]))
    if make == "broken list":
        (root / "benchmark_data_v2.json").write_text('{"scenarios": {}}')
    with pytest.raises(UserError, match=says):
        list(samples(root, subsets))


def test_the_whole_is_100_recordings_of_79_scenarios(tmp_path: Path) -> None:
    names = [f"travel_{n}_{SPEAKER}" for n in range(79)] + [f"travel_{n}_{OTHER}" for n in range(21)]
    for name in names:
        (tmp_path / name).mkdir()
    assert is_whole(tmp_path)
    (tmp_path / names[-1]).rename(tmp_path / f"travel_90_{OTHER}")
    assert not is_whole(tmp_path)
    assert not is_whole(MINI)


@pytest.mark.parametrize("levels", [49, 50, 900])
def test_arguments_have_levels_without_end_never(tmp_path: Path, levels: int) -> None:
    recording(tmp_path)
    call = {"function": "search_flights", "args": {"to": json.loads("[" * levels + "]" * levels)}}
    listing(tmp_path, {"expected_tool_calls": [call]})
    (sample,) = samples(tmp_path)
    assert ("args: has more than 50 levels" in sample.problem) == (levels > 49)


def test_a_scenario_that_is_listed_twice_is_nobodys(tmp_path: Path) -> None:
    recording(tmp_path)
    listing(tmp_path, {}, {})
    (sample,) = samples(tmp_path)
    assert sample.problem == "benchmark_data_v2.json: travel_19, id: is there twice; leave one"
