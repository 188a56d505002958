"""The task on hand-written folders: loading with every flaw, scores by hand, floors and ceilings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, strategies as st
from msgspec import structs

from tml_bench.errors import BadSampleError, UserError
from tml_bench.metrics.statistics import estimate
from tml_bench.questions import Question, Verdict
from tml_bench.samples import At, Sample, Utterance
from tml_bench.scoring.floors import ScoreTable, observations
from tml_bench.scoring.judging import score_all
from tml_bench.task import Kind, Overall, Score
from tml_bench.tasks.fd_bench_v1 import loader
from tml_bench.tasks.fd_bench_v1.loader import (
    BackchannelAnnotation,
    InterruptionAnnotation,
    PauseAnnotation,
    TurnEndAnnotation,
)
from tml_bench.tasks.fd_bench_v1.task import FdBenchV1
from tml_bench.timeline import Segment, Timeline, Word, WordSource

TASK = FdBenchV1()
OFFICIAL = (
    "candor_pause_handling",
    "synthetic_pause_handling",
    "icc_backchannel",
    "candor_turn_taking",
    "synthetic_user_interruption",
)
GOOD: dict[str, tuple[str, Any]] = {
    "candor_pause_handling": ("pause.json", [{"text": "[PAUSE]", "timestamp": [3.0, 4.0]}]),
    "synthetic_pause_handling": ("pause.json", [{"text": "[PAUSE]", "timestamp": [3.0, 4.0]}]),
    "candor_turn_taking": ("turn_taking.json", [{"text": "[TURN-TAKING]", "timestamp": [5.0, 5.4]}]),
    "synthetic_user_interruption": (
        "interrupt.json",
        [{"context": "a", "interrupt": "b", "timestamp": [4.0, 6.0]}],
    ),
}


def audio(
    path: Path, seconds: float = 10.0, rate: int = 8000, channels: int = 1, subtype: str = "PCM_16"
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros((int(seconds * rate), channels)), rate, subtype=subtype)


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def item(root: Path, subset: str, number: str = "1", content: Any = None) -> Path:
    folder = root / subset / number
    audio(folder / "input.wav")
    if subset in GOOD:
        name, good = GOOD[subset]
        put(folder / name, good if content is None else content)
    return folder


def only(root: Path) -> Sample:
    (sample,) = TASK.samples(root)
    return sample


def heard(*segments: tuple[float, float], words: tuple[Word, ...] | None = None, **more: Any) -> Timeline:
    source = WordSource.NONE if words is None else WordSource.ADAPTER
    found = tuple(Segment(a, b) for a, b in segments)
    return Timeline(10.0, found, words or (), more.get("source", source), more.get("silero", found))


def numbers(score: Score) -> dict[str, float]:
    return {n: v.numerator / v.denominator for n, v in score.values.items() if v.denominator}


# ---- loading


def test_subsets_in_order_and_samples_by_number(tmp_path: Path) -> None:
    for subset in ("synthetic_user_interruption", "candor_turn_taking"):
        for number in ("10", "9", "2"):
            item(tmp_path, subset, number)
    (tmp_path / "candor_turn_taking" / "notes").mkdir()
    assert [s.id for s in TASK.samples(tmp_path)] == [
        f"{subset}-{n}"
        for subset in ("candor_turn_taking", "synthetic_user_interruption")
        for n in (2, 9, 10)
    ]
    chosen = TASK.samples(tmp_path, ["synthetic_user_interruption"])
    assert {s.subset for s in chosen} == {"synthetic_user_interruption"}


@pytest.mark.parametrize("inner", ["v1_0", "v1.0"])
def test_root_may_hold_a_version_folder(tmp_path: Path, inner: str) -> None:
    item(tmp_path / inner, "candor_turn_taking")
    assert only(tmp_path).id == "candor_turn_taking-1"


def test_root_may_be_a_subset_and_audio_flac(tmp_path: Path) -> None:
    folder = item(tmp_path, "candor_turn_taking", "12")
    (folder / "input.wav").unlink()
    audio(folder / "input.flac")
    sample = only(tmp_path / "candor_turn_taking")
    assert (sample.id, sample.problem) == ("candor_turn_taking-12", "")
    (turn,) = sample.script.turns
    assert (turn.audio, turn.cue, sample.script.tail_s) == (folder / "input.flac", At(0.0), 0.0)


@pytest.mark.parametrize(
    ("make", "subsets", "says"),
    [
        (None, (), "no such folder"),
        ("other", (), "holds none of"),
        ("candor_turn_taking", (), "no samples"),
        ("candor_turn_taking/1", ("icc_backchannel",), "is not there"),
        ("candor_turn_taking/1", ("candor",), "unknown"),
    ],
)
def test_folders_that_cannot_be_used(
    tmp_path: Path, make: str | None, subsets: tuple[str, ...], says: str
) -> None:
    root = tmp_path / "data"
    if make:
        (root / make).mkdir(parents=True)
    with pytest.raises(UserError, match=says):
        TASK.samples(root, subsets)


def test_references(tmp_path: Path) -> None:
    item(tmp_path, "candor_pause_handling")
    item(tmp_path, "candor_turn_taking")
    folder = item(tmp_path, "synthetic_user_interruption")
    audio(folder / "context.wav", 1.0)
    pause, turn, interruption = TASK.samples(tmp_path)
    assert pause.reference.annotation == PauseAnnotation(10.0, (3.0, 4.0), 10.0)
    assert (pause.reference.user_end_s, pause.reference.ideal) == (10.0, ())
    assert turn.reference.annotation == TurnEndAnnotation(10.0, 5.0)
    assert (turn.reference.user_end_s, turn.reference.ideal) == (5.0, (Utterance(5.2),))
    assert interruption.reference.annotation == InterruptionAnnotation(10.0, (4.0, 6.0), "a", "b")
    assert interruption.reference.user_end_s == 6.0
    assert interruption.reference.ideal == (Utterance(2.5, until_s=4.2), Utterance(6.2))


def test_pause_turn_ends_with_the_pausing_speakers_last_word(tmp_path: Path) -> None:
    folder = item(tmp_path, "candor_pause_handling")
    words = [
        {
            "speaker": 1,
            "item": [{"text": "and", "timestamp": [2.5, 3.0]}, {"text": "so", "timestamp": [4.0, 7.0]}],
        },
        {"speaker": 0, "item": [{"text": "right", "timestamp": [8.0, 9.0]}]},
    ]
    put(folder / "transcription.json", words)
    assert only(tmp_path).reference.user_end_s == 7.0
    put(folder / "transcription.json", [{"speaker": 1, "item": words[0]["item"][:1]}])  # type: ignore[index]
    assert only(tmp_path).reference.user_end_s == 10.0


@pytest.mark.parametrize("subset", list(GOOD))
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty"),
        ("[{", "not JSON"),
        ([], "the list is empty"),
        ({"timestamp": [1, 2]}, "Expected `array`, got `object`"),
        (["x"], "[0]: Expected `object`, got `str` ('x')"),
        ([{"text": "x"}], "[0].timestamp: is missing"),
        ([{"timestamp": 3.0}], "[0].timestamp: Expected `array`, got `float` (3.0)"),
        ([{"timestamp": [3.0]}], "length 2, got 1 ([3.0])"),
        ('[{"timestamp": [NaN, 4.0]}]', "[0].timestamp[0]: Expected `float` >= 0.0 (nan)"),
        ('[{"timestamp": [3.0, Infinity]}]', "[0].timestamp[1]: Expected `float` <= 86400.0 (inf)"),
        ([{"timestamp": [-1.0, 4.0]}], "[0].timestamp[0]: Expected `float` >= 0.0 (-1.0)"),
        ([{"timestamp": ["3", 4.0]}], "[0].timestamp[0]: Expected `float`, got `str` ('3')"),
        ([{"timestamp": [True, 4.0]}], "[0].timestamp[0]: Expected `float`, got `bool` (True)"),
        ([{"timestamp": [None, 4.0]}], "[0].timestamp[0]: Expected `float`, got `null` (None)"),
        ([{"timestamp": [10**400, 4.0]}], "[0].timestamp[0]: Number out of range"),
        ([{"timestamp": [20.0, 21.0]}], "beyond the clip's end at 10 s"),
    ],
)
def test_broken_annotation(tmp_path: Path, subset: str, content: Any, says: str) -> None:
    name = GOOD[subset][0]
    item(tmp_path, subset, content=content)
    problem = only(tmp_path).problem
    assert problem.startswith(f"{subset}/1/{name}: ")
    assert says in problem
    assert "; " in problem.removeprefix(f"{subset}/1/{name}: ")


@pytest.mark.parametrize("subset", list(GOOD))
def test_missing_annotation(tmp_path: Path, subset: str) -> None:
    (item(tmp_path, subset) / GOOD[subset][0]).unlink()
    assert "the file is missing; unpack" in only(tmp_path).problem


@pytest.mark.parametrize("subset", ["candor_pause_handling", "synthetic_user_interruption"])
def test_interval_must_have_length(tmp_path: Path, subset: str) -> None:
    item(tmp_path, subset, content=[{"timestamp": [4.0, 4.0]}])
    assert "not after its start" in only(tmp_path).problem


def test_turn_taking_may_overlap(tmp_path: Path) -> None:
    item(tmp_path, "candor_turn_taking", content=[{"timestamp": [5.0, 4.8]}])
    assert only(tmp_path).problem == ""


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not audio at all"])
def test_broken_audio(tmp_path: Path, content: bytes) -> None:
    folder = item(tmp_path, "candor_turn_taking")
    (folder / "input.wav").write_bytes(content)
    item(tmp_path, "candor_turn_taking", "2")
    broken, fine = TASK.samples(tmp_path)
    assert "input.wav" in broken.problem
    assert fine.problem == ""
    with pytest.raises(BadSampleError):
        TASK.score(broken, Timeline(10.0))


def test_missing_audio(tmp_path: Path) -> None:
    (item(tmp_path, "candor_turn_taking") / "input.wav").unlink()
    assert only(tmp_path).problem.startswith("candor_turn_taking/1/input.wav: the file is missing")


def test_odd_audio_is_noted(tmp_path: Path) -> None:
    folder = item(tmp_path, "candor_turn_taking")
    audio(folder / "input.wav", channels=2, subtype="PCM_U8")
    sample = only(tmp_path)
    assert sample.problem == ""
    assert len(sample.notes) == 2


@pytest.mark.parametrize(
    "content", ["", "{}", [{"speaker": 0}], [], [{"speaker": 0, "item": [{"text": "x"}]}]]
)
def test_broken_transcription(tmp_path: Path, content: Any) -> None:
    folder = item(tmp_path, "candor_pause_handling")
    put(folder / "transcription.json", content)
    assert only(tmp_path).problem.startswith("candor_pause_handling/1/transcription.json: ")


@pytest.mark.parametrize("place", ["", "icc_backchannel/", "evaluation/", "icc_backchannel/evaluation/"])
def test_listeners_distribution(tmp_path: Path, place: str) -> None:
    item(tmp_path, "icc_backchannel", "0")
    put(tmp_path / f"{place}icc_gt_distribution.json", {"0": [0, 0, 0, 1.0, 0, 0, 0, 0, 0, 0]})
    sample = only(tmp_path)
    found = sample.reference.annotation
    assert isinstance(found, BackchannelAnnotation)
    assert found.windows == ((3.0, 4.0),)
    assert sample.reference.ideal == (Utterance(3.2, "backchannel"),)
    assert sample.reference.user_end_s is None


def test_without_distribution_the_rest_is_scored(tmp_path: Path) -> None:
    item(tmp_path, "icc_backchannel", "7")
    score = TASK.score(only(tmp_path), heard((1.0, 1.4), words=()))
    assert set(score.values) == {"bc_per_minute", "takeover", "fdb_bc_tor", "fdb_bc_freq"}
    assert set(score.missing) == {"bc_precision", "bc_recall", "bc_f1", "fdb_bc_jsd", "turn_score"}
    assert "evaluation/" in score.missing["bc_f1"]
    put(tmp_path / "icc_gt_distribution.json", {"8": [1.0]})
    assert "no entry 7" in TASK.score(only(tmp_path), Timeline(10.0)).missing["fdb_bc_jsd"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty"),
        ([], "Expected `object`, got `array`"),
        ({"1": []}, '"1": Expected `array` of length >= 1'),
        ({"1": [0.0, 0.0]}, "all values are 0"),
        ('{"1": [0.5, NaN]}', '"1"[1]: Expected `float` >= 0.0 (nan)'),
        ({"1": [0.5, -0.1]}, '"1"[1]: Expected `float` >= 0.0 (-0.1)'),
    ],
)
def test_broken_distribution(tmp_path: Path, content: Any, says: str) -> None:
    item(tmp_path, "icc_backchannel")
    put(tmp_path / "icc_gt_distribution.json", content)
    assert says in only(tmp_path).problem


def test_broken_opportunities(tmp_path: Path) -> None:
    folder = item(tmp_path, "icc_backchannel")
    put(folder / "backchannel.json", [{"timestamp": [1.0, 2.0]}, {"timestamp": [2.0, 1.0]}])
    assert "backchannel.json: [1].timestamp: ends at 1 s" in only(tmp_path).problem


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["timestamp", "item", "speaker", "1", "text", "chunks"]), inner)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for subset in OFFICIAL:
        item(root, subset)
    return root


@given(JSON)
def test_no_annotation_stops_the_loader(shared: Path, content: Any) -> None:
    for subset, (name, _) in GOOD.items():
        put(shared / subset / "1" / name, content)
    put(shared / "icc_backchannel" / "1" / "backchannel.json", content)
    put(shared / "synthetic_pause_handling" / "1" / "transcription.json", content)
    put(shared / "synthetic_pause_handling" / "1" / "pause.json", GOOD["synthetic_pause_handling"][1])
    put(shared / "icc_gt_distribution.json", content)
    samples = list(TASK.samples(shared))
    assert len(samples) == len(OFFICIAL)
    for sample in samples:
        assert sample.problem or TASK.score(sample, TASK.ideal(sample)).values


# ---- scoring


def said(*times: tuple[float, float]) -> tuple[Word, ...]:
    return tuple(Word("word", a, b) for a, b in times)


def test_score_of_a_turn_end(tmp_path: Path) -> None:
    item(tmp_path, "candor_turn_taking")
    score = TASK.score(only(tmp_path), heard((5.5, 8.0), words=said((5.75, 6.0), (6.0, 8.0))))
    assert numbers(score) == {
        "turn_score": 1,
        "early_start": 0,
        "response": 1,
        "latency": 0.5,
        "signed_latency": 0.5,
        "fdb_tor": 1,
        "fdb_latency": 0.75,
    }
    assert score.missing == {}
    assert (score.task, score.subset, score.sample) == (
        "fd-bench-v1",
        "candor_turn_taking",
        "candor_turn_taking-1",
    )
    assert [r["event"] for r in score.rows] == ["user_end", "response", "transcript"]


def test_early_start_is_rewarded_by_the_reference_only(tmp_path: Path) -> None:
    item(tmp_path, "candor_turn_taking")
    found = numbers(TASK.score(only(tmp_path), heard((4.0, 8.0), words=said((4.0, 8.0)))))
    ours = {"turn_score": 0, "early_start": 1, "response": 0, "signed_latency": -1}
    assert found == ours | {"fdb_tor": 1, "fdb_latency": 0}


def test_silence(tmp_path: Path) -> None:
    item(tmp_path, "candor_turn_taking")
    score = TASK.score(only(tmp_path), Timeline(10.0))
    assert numbers(score) == {"turn_score": 0, "early_start": 0, "response": 0, "fdb_tor": 0}
    assert score.missing == {}


@pytest.mark.parametrize(
    ("subset", "missing"),
    [
        ("candor_pause_handling", {"fdb_pause_tor"}),
        ("candor_turn_taking", {"fdb_tor", "fdb_latency"}),
        ("synthetic_user_interruption", {"fdb_tor", "fdb_latency", "fdb_rating"}),
        ("icc_backchannel", {"fdb_bc_tor"}),
    ],
)
def test_speech_without_words_is_missing_not_zero(tmp_path: Path, subset: str, missing: set[str]) -> None:
    item(tmp_path, subset)
    put(tmp_path / "icc_gt_distribution.json", {"1": [1.0, 0.0, 0.0]})
    score = TASK.score(only(tmp_path), heard((6.5, 9.0)))
    assert set(score.missing) == missing
    assert not missing & set(score.values)
    assert all(r.startswith("speech without words") for r in score.missing.values())
    assert not any("install" in r for r in score.missing.values()), (
        "nobody said that anything is not installed"
    )
    why = structs.replace(heard((6.5, 9.0)), no_words="speech without words: switched off")
    assert set(TASK.score(only(tmp_path), why).missing.values()) == {why.no_words}


def test_null_end_of_the_last_word(tmp_path: Path) -> None:
    item(tmp_path, "candor_pause_handling")
    item(tmp_path, "candor_turn_taking")
    pause, turn = TASK.samples(tmp_path)
    words = (Word("a", 5.5, 6.0), Word("b", 6.5, None))
    timeline = heard((5.5, 7.0), words=words, source=WordSource.IMPORTED)
    assert numbers(TASK.score(pause, timeline))["fdb_pause_tor"] == 1
    assert set(TASK.score(turn, timeline).missing) == {"fdb_tor", "fdb_latency"}


def test_interruption_crops_our_words_but_not_imported_ones(tmp_path: Path) -> None:
    item(tmp_path, "synthetic_user_interruption")
    words = said((1.0, 2.0), (5.5, 6.0), (5.5, 6.5), (7.0, 8.0))
    segments = [(1.0, 2.0), (5.5, 8.0)]
    ours = TASK.score(only(tmp_path), heard(*segments, words=words))
    assert numbers(ours)["fdb_tor"] == 1
    assert numbers(ours)["fdb_latency"] == 0  # the straddling word begins at the cut
    gone = TASK.score(only(tmp_path), heard((1.0, 2.0), (5.0, 6.0), words=words[:2]))
    assert numbers(gone)["fdb_tor"] == 0
    assert "fdb_latency" not in gone.values
    theirs = heard((1.0, 2.0), words=words[:1], source=WordSource.IMPORTED)
    assert numbers(TASK.score(only(tmp_path), theirs))["fdb_tor"] == 1


def test_score_of_an_interruption(tmp_path: Path) -> None:
    item(tmp_path, "synthetic_user_interruption")
    words = said((2.0, 4.5), (7.0, 7.5), (7.5, 9.0))
    found = numbers(TASK.score(only(tmp_path), heard((2.0, 4.5), (7.0, 9.0), words=words)))
    assert found == {
        "turn_score": 1,
        "yield": 1,
        "talked_over": 1,
        "nothing_owed": 0,
        "stop_latency": 0.5,
        "early_start": 0,
        "response": 1,
        "latency": 1,
        "signed_latency": 1,
        "fdb_tor": 1,
        "fdb_latency": 1,
    }


@pytest.mark.parametrize(
    ("spoken", "finished"),
    [
        ([(1.5, 3.5)], 1),  # it answered, and was done when interrupted at 4 s
        ([(1.5, 1.9)], 0),  # "mm-hm" is no answer
        ([], 0),
        ([(4.2, 4.8)], 0),  # it was about to answer
    ],
)
def test_a_silent_model_owes_no_stop_but_a_response(
    tmp_path: Path, spoken: list[tuple[float, float]], finished: int
) -> None:
    item(tmp_path, "synthetic_user_interruption")
    sample = only(tmp_path)
    silent = numbers(TASK.score(sample, heard(*spoken, words=said(*spoken))))
    assert (silent["talked_over"], silent["nothing_owed"], silent["response"]) == (0, finished, 0)
    assert not {"yield", "stop_latency", "latency"} & set(silent)
    spoken = [*spoken, (6.5, 8.5)]
    answers = numbers(TASK.score(sample, heard(*spoken, words=said(*spoken))))
    assert (answers["response"], answers["latency"], answers["nothing_owed"]) == (1, 0.5, finished)


# ---- the rating of answers to interruptions

CUT_IN = [{"context": "Tell me about stocks.", "interrupt": "What is a bond?", "timestamp": [4.0, 6.0]}]


class Rates:
    """A judge that gives one answer, or none.

    Attributes:
        asked: the questions it was given.
    """

    id = "fake"

    def __init__(self, answer: str | None = "4") -> None:
        self.answer_ = answer
        self.asked: list[Question] = []

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        self.asked += questions
        return [Verdict(self.answer_, missing="" if self.answer_ else "HTTP 500") for _ in questions]


def spoken_words(start_s: float, text: str) -> tuple[Word, ...]:
    """Words of 0.3 s each."""
    return tuple(Word(w, start_s + 0.3 * k, start_s + 0.3 * (k + 1)) for k, w in enumerate(text.split()))


def rated(sample: Sample, timeline: Timeline, judge: Rates | None = None) -> Score:
    return score_all(TASK, [(sample, timeline)], judge).scores[0]


def test_the_judge_sees_what_was_said_and_what_follows_the_interruption(tmp_path: Path) -> None:
    item(tmp_path, "synthetic_user_interruption", content=CUT_IN)
    words = spoken_words(3.0, "Stocks are") + spoken_words(6.5, "A bond is a loan.")
    judge = Rates()
    score = rated(only(tmp_path), heard((3.0, 3.6), (6.5, 8.0), words=words), judge)
    assert numbers(score)["fdb_rating"] == 4
    (question,) = judge.asked
    assert [(line.role, line.text) for line in question.lines] == [
        ("context", "Tell me about stocks."),
        ("interruption", "What is a bond?"),
        ("reply", "A bond is a loan."),
    ]


def test_only_takeovers_are_rated(tmp_path: Path) -> None:
    item(tmp_path, "synthetic_user_interruption", content=CUT_IN)
    judge = Rates("0")
    score = rated(only(tmp_path), heard((6.5, 6.8), words=spoken_words(6.5, "Okay.")), judge)
    assert judge.asked == []
    assert "fdb_rating" not in score.values | score.missing
    silent = rated(only(tmp_path), Timeline(10.0), judge)
    assert "fdb_rating" not in silent.values | silent.missing


def test_an_imported_transcript_is_rated_whole(tmp_path: Path) -> None:
    item(tmp_path, "synthetic_user_interruption", content=CUT_IN)
    judge = Rates("5")
    words = spoken_words(1.0, "A bond is a loan.")
    assert (
        numbers(rated(only(tmp_path), heard(words=words, source=WordSource.IMPORTED), judge))["fdb_rating"]
        == 5
    )
    assert judge.asked[0].texts("reply") == ("A bond is a loan.",)


def test_a_rating_that_cannot_be_had_is_missing_and_not_0(tmp_path: Path) -> None:
    item(tmp_path, "synthetic_user_interruption", content=CUT_IN)
    timeline = heard((6.5, 8.0), words=spoken_words(6.5, "A bond is a loan."))
    assert rated(only(tmp_path), timeline, Rates(None)).missing == {"fdb_rating": "HTTP 500"}
    by_rule = rated(only(tmp_path), timeline)
    assert by_rule.missing == {"fdb_rating": "no rule decides fdb-rating: give a --judge that does"}
    assert numbers(by_rule)["fdb_tor"] == 1


@pytest.mark.parametrize("lacks", [{"context": "  "}, {"interrupt": None}])
def test_without_the_users_words_there_is_nothing_to_rate_by(tmp_path: Path, lacks: dict[str, Any]) -> None:
    item(tmp_path, "synthetic_user_interruption", content=[CUT_IN[0] | lacks])
    judge = Rates()
    timeline = heard((6.5, 8.0), words=spoken_words(6.5, "A bond is a loan."))
    score = rated(only(tmp_path), timeline, judge)
    assert judge.asked == []
    assert score.missing["fdb_rating"].startswith("interrupt.json does not say what the user says")


def test_the_mean_rating_is_over_takeovers(tmp_path: Path) -> None:
    for number in "123":
        item(tmp_path, "synthetic_user_interruption", number, CUT_IN)
    replies = {"1": "A bond is a loan.", "2": "Stocks are shares of firms.", "3": "Okay."}
    samples = list(TASK.samples(tmp_path))
    pairs = [
        (s, heard((6.5, 8.0), words=spoken_words(6.5, replies[s.id.rpartition("-")[2]]))) for s in samples
    ]

    class ByReply(Rates):
        def answer(
            self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
        ) -> list[Verdict]:
            return [Verdict("5" if "loan" in q.texts("reply")[0] else "2") for q in questions]

    scores = score_all(TASK, pairs, ByReply()).scores
    part = Overall("synthetic_user_interruption", ("synthetic_user_interruption",))
    values = observations(ScoreTable(scores), part, "fdb_rating")
    assert [v.numerator for v in values] == [5, 2]
    assert estimate(values, Kind.MEAN).mean == pytest.approx(3.5)


def test_blind_and_ideal_respondents_have_nothing_to_rate(tmp_path: Path) -> None:
    item(tmp_path, "synthetic_user_interruption", content=CUT_IN)
    sample = only(tmp_path)
    timelines = [*TASK.blind(sample).values(), TASK.ideal(sample)]
    assert any(numbers(TASK.score(sample, t)).get("fdb_tor") for t in timelines)
    assert all(TASK.questions(sample, t) == () for t in timelines)
    assert all("fdb_rating" not in TASK.score(sample, t).missing for t in timelines)


def test_score_of_backchannels(tmp_path: Path) -> None:
    folder = item(tmp_path, "icc_backchannel")
    put(folder / "backchannel.json", [{"timestamp": [1.0, 2.0]}, {"timestamp": [8.0, 9.0]}])
    put(tmp_path / "icc_gt_distribution.json", {"1": [0.0, 1.0, 0.0, 0.0, 1.0]})
    timeline = heard((1.5, 1.9), (4.0, 4.4), words=said((1.5, 1.9), (4.0, 4.4)), silero=(Segment(1.5, 1.9),))
    score = TASK.score(only(tmp_path), timeline)
    found = numbers(score)
    jsd = found.pop("fdb_bc_jsd")
    assert 0 < jsd < 0.8326
    assert found == {
        "turn_score": 0.75,
        "bc_precision": 1 / 2,
        "bc_recall": 1 / 2,
        "bc_f1": 2 / 4,
        "bc_per_minute": 12,
        "takeover": 0,
        "fdb_bc_tor": 0,
        "fdb_bc_freq": 0.1,
    }
    assert [r["event"] for r in score.rows] == ["hit", "false_alarm", "miss", "transcript"]


# ---- declarations, floors and ceilings


def test_every_score_is_declared_and_every_metric_scored(tmp_path: Path) -> None:
    for subset in OFFICIAL:
        item(tmp_path, subset)
    put(tmp_path / "icc_gt_distribution.json", {"1": [0.0, 1.0, 0.0, 0.0, 1.0]})
    assert len({m.name for m in TASK.metrics}) == len(TASK.metrics)
    assert set(TASK.headline) <= {m.name for m in TASK.metrics}
    samples = list(TASK.samples(tmp_path))
    assert tuple(s.subset for s in samples) == OFFICIAL == TASK.subsets[:5]
    for sample in samples:
        scores = [TASK.score(sample, t) for t in TASK.blind(sample).values()]
        declared = {m.name for m in TASK.metrics if sample.subset in m.subsets}
        judged = {m.name for m in TASK.metrics if m.judged}  # blind respondents are made of times alone
        assert set().union(*(s.values for s in scores)) == declared - judged
        assert all(not s.missing for s in scores)


def test_blind_strategies_stay_in_the_clip(tmp_path: Path) -> None:
    for subset in OFFICIAL:
        item(tmp_path, subset)
    samples = list(TASK.samples(tmp_path))
    assert len({frozenset(TASK.blind(sample)) for sample in samples}) == 1
    for t in TASK.blind(samples[0]).values():
        assert t.duration_s == 10.0
        spans = [(s.start_s, s.end_s) for s in (*t.segments, *t.silero_segments, *t.words)]
        assert all(a is not None and b is not None and 0 <= a < b <= 10.0 for a, b in spans)
        assert (t.word_source is WordSource.SILENT) == (not t.segments)


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ("candor_pause_handling", {"pause_takeover": 0, "other_takeover": 0, "fdb_pause_tor": 0}),
        (
            "candor_turn_taking",
            {"early_start": 0, "response": 1, "latency": 0, "fdb_tor": 1, "fdb_latency": 0},
        ),
        (
            "synthetic_user_interruption",
            {"yield": 1, "stop_latency": 0.05, "early_start": 0, "response": 1, "latency": 0, "fdb_tor": 1},
        ),
        ("icc_backchannel", {"bc_precision": 1, "bc_recall": 1, "bc_f1": 1, "takeover": 0, "fdb_bc_tor": 0}),
    ],
)
def test_the_ideal_is_the_ceiling(tmp_path: Path, subset: str, expected: dict[str, float]) -> None:
    folder = item(tmp_path, subset)
    if subset == "synthetic_user_interruption":
        audio(folder / "context.flac", 1.5)
    put(tmp_path / "icc_gt_distribution.json", {"1": [0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0]})
    sample = only(tmp_path)
    found = numbers(TASK.score(sample, TASK.ideal(sample)))
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_blind_strategies_by_hand(tmp_path: Path) -> None:
    item(tmp_path, "candor_turn_taking")
    sample = only(tmp_path)
    found = {name: numbers(TASK.score(sample, t)) for name, t in TASK.blind(sample).items()}
    assert found["silent"]["response"] == 0
    assert found["always-on"]["early_start"] == found["always-on"]["fdb_tor"] == 1
    assert found["constant@6"]["latency"] == 1
    assert found["constant@4"]["signed_latency"] == -1
    assert found["constant@30"] == found["silent"]
    assert found["metronome@3"]["response"] == 0


def test_published_rows_belong_to_us() -> None:
    rows = TASK.published()
    names = {m.name: m.subsets for m in TASK.metrics} | {"fdb_rating": OFFICIAL}
    assert len({(r.system, r.subset, r.metric) for r in rows}) == len(rows) == 70
    assert all(r.subset in names[r.metric] and r.subset in OFFICIAL and r.source for r in rows)
    moshi = {(r.subset, r.metric): r.value for r in rows if r.system == "Moshi"}
    assert moshi["synthetic_pause_handling", "fdb_pause_tor"] == 0.985
    assert moshi["candor_turn_taking", "fdb_latency"] == 0.265
    assert moshi["synthetic_user_interruption", "fdb_rating"] == 0.765


def test_the_mini_set_loads_clean() -> None:
    samples = list(TASK.samples())
    assert {s.subset for s in samples} == set(OFFICIAL)
    assert [s.problem for s in samples if s.problem] == []
    assert TASK.dataset(None).startswith("mini-")


def test_only_data_of_official_size_counts_as_official(tmp_path: Path) -> None:
    for name, (size,) in loader.OFFICIAL_SIZES.items():
        for number in range(size):
            (tmp_path / name / str(number)).mkdir(parents=True)
    assert FdBenchV1().dataset(tmp_path) == "official"
    (tmp_path / "icc_backchannel" / "0").rmdir()
    assert FdBenchV1().dataset(tmp_path) == f"custom-{tmp_path.name}"
