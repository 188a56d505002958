"""The mini set of FD-bench v3 is whole, and its words, sound, scenarios and ideal respondent agree."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tml_bench.media.audio import read_mono
from tml_bench.respondents import ideal
from tml_bench.samples import Sample
from tml_bench.tasks.fd_bench_v3.annotation import DOMAINS, FEATURES, ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.loader import MINI, samples
from tml_bench.tasks.fd_bench_v3.spoken_values import says
from tml_bench.tasks.fd_bench_v3.world import TOOLS
from tml_bench.tool_arguments import needed_results

MINI_SAMPLES = tuple(samples())
every_sample = pytest.mark.parametrize("sample", MINI_SAMPLES, ids=lambda sample: sample.id[:-24])


def item_of(sample: Sample) -> ScenarioAnnotation:
    found = sample.reference.annotation
    assert isinstance(found, ScenarioAnnotation), sample.problem
    return found


def words_of(item: ScenarioAnnotation) -> list[tuple[str, float, float]]:
    return [(w.text, w.start_s or 0.0, w.end_s or 0.0) for w in item.user_words]


def test_every_file_is_listed_with_its_hash_and_the_set_is_small() -> None:
    manifest = json.loads((MINI / "manifest.json").read_text(encoding="utf-8"))
    shipped = {p.relative_to(MINI).as_posix(): p.read_bytes() for p in MINI.rglob("*") if p.is_file()}
    assert set(shipped) == {*manifest["files"], "README.md", "manifest.json"}
    hashes = {name: hashlib.sha256(shipped[name]).hexdigest() for name in manifest["files"]}
    assert hashes == manifest["files"]
    assert manifest["version"].startswith("mini-")
    assert sum(map(len, shipped.values())) < 2_500_000


def test_the_set_has_every_domain_difficulty_and_disfluency() -> None:
    items = {sample.unit: item_of(sample) for sample in MINI_SAMPLES}
    assert (len(MINI_SAMPLES), len(items)) == (30, 28)
    assert Counter(item.domain for item in items.values()) == dict.fromkeys(DOMAINS, 7)
    assert Counter(item.difficulty for item in items.values()) == {"easy": 12, "medium": 10, "hard": 6}
    features = Counter(feature for item in items.values() for feature in item.features)
    assert features == dict(zip(FEATURES, (8, 7, 5, 4, 9), strict=True))
    chained = [item for item in items.values() if any(needed_results(call.args) for call in item.expected)]
    assert len(chained) == 9
    called_for = {call.function for item in items.values() for call in item.expected}
    assert called_for == {tool.name for tool in TOOLS}


def test_the_list_is_consistent_in_itself() -> None:
    listed = json.loads((MINI / "benchmark_data_v2.json").read_text(encoding="utf-8"))
    scenarios = listed["scenarios"]
    assert listed["statistics"]["total_scenarios"] == len(scenarios)
    for scenario in scenarios:
        (line,) = scenario["dialogue"]
        plain = " ".join(re.sub(r"\[[\d.]+\]|\^", "", line["user_annotated"]).split())
        assert plain == line["user"]
        assert scenario["num_expected_calls"] == len(scenario["expected_tool_calls"])
        assert scenario["state_rollback_test"] == ("^" in line["user_annotated"])


@every_sample
def test_words_and_their_times(sample: Sample) -> None:
    item = item_of(sample)
    words = words_of(item)
    assert [text for text, _, _ in words] == item.request.split()
    edges = [edge for _, start, end in words for edge in (start, end)]
    assert edges == sorted(edges)
    assert edges[0] == pytest.approx(0.3, abs=0.001)
    assert sample.reference.user_end_s == edges[-1]
    longest = max(b[1] - a[2] for a, b in pairwise(words))
    assert (longest > 2.0) == ("PAUSE" in item.features)
    assert item.rollback == ("SELF_CORRECTION" in item.features) == (item.corrected_s is not None)
    if item.corrected_s is not None:
        assert item.corrected_s in [start for _, start, _ in words]
        paused = [b[1] for a, b in pairwise(words) if b[1] - a[2] > 0.75]
        assert any(0 < item.corrected_s - at < 4 for at in paused)


@every_sample
def test_sound_is_where_the_words_are(sample: Sample) -> None:
    audio = sample.script.turns[0].audio
    assert isinstance(audio, Path)
    heard, rate = read_mono(audio)
    words = words_of(item_of(sample))
    frames = heard[: len(heard) // 80 * 80].reshape(-1, 80)
    power = (frames.astype(np.float64) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10**-3.5) * 80 / rate
    assert loud[0] == pytest.approx(words[0][1], abs=0.03)
    assert loud[-1] == pytest.approx(words[-1][2], abs=0.06)
    for (_, _, before), (_, after, _) in pairwise(words):
        if after - before > 0.7:
            assert not np.any((loud > before + 0.03) & (loud < after - 0.03))


@every_sample
def test_the_ideal_respondent_calls_what_is_expected_and_says_the_facts(sample: Sample) -> None:
    item, made = item_of(sample), ideal(sample).calls
    assert (sample.notes, sample.problem) == ((), "")
    assert [call.name for call in made] == [call.function for call in item.expected]
    assert not any(call.is_error for call in made)
    end_s = sample.reference.user_end_s or 0.0
    assert all(call.at_s == pytest.approx(end_s + 0.2) for call in sample.reference.calls)
    (said,) = sample.reference.ideal
    assert (said.text, said.needs) == (item.answer, tuple(range(len(made))))
    lower = f" {re.sub(r'[^a-z0-9.]+', ' ', said.text.lower())} "
    assert item.facts
    assert all(any(either.lower() in lower for either in fact.split("|")) for fact in item.facts)
    request = item.request.lower()
    assert not all(any(e.lower() in request for e in fact.split("|")) for fact in item.facts), "a parrot"
    assert sample.script.tail_s - 0.2 > 0.4 * len(said.text.split()) + 0.2 * len(made)


@pytest.mark.parametrize("said", ["Okay, let me do that now.", "Sure, I'll get that done right now."])
def test_what_only_fills_the_time_is_no_outcome(said: str) -> None:
    for sample in samples():
        item = sample.reference.annotation
        assert isinstance(item, ScenarioAnnotation)
        assert not any(says(said, one) for fact in item.facts for one in fact.split("|")), sample.id
