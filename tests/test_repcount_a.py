"""RepCount-A on files in the official format with every known flaw, scored by hand; the official floors."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import inf
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, strategies as st

from tml_bench.errors import BadSampleError, UserError
from tml_bench.metrics.counting import absolute_error, off_by_one
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.scoring.floors import baselines
from tml_bench.task import Score
from tml_bench.tasks._visual import AS_TEXT
from tml_bench.tasks.repcount_a import loader
from tml_bench.tasks.repcount_a.loader import (
    RepetitionAnnotation,
    RepetitionRow,
    frame_times,
    read,
    repetitions,
)
from tml_bench.tasks.repcount_a.strategies import (
    ACTION_RATES,
    BLIND_RATE,
    MAE_RATES,
    Plan,
    beats,
    constant,
    metronome,
    played,
    recital,
)
from tml_bench.tasks.repcount_a.task import RepCountA
from tml_bench.timeline import Segment, Timeline, Word, WordSource

TASK = RepCountA()
DATA = Path(os.environ.get("TML_BENCH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "repcount"
official = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"RepCount-A annotations are not in {DATA}: set TML_BENCH_TEST_DATA"
)


def annotate(path: Path, *rows: dict[str, object], extra: tuple[str, ...] = ()) -> None:
    """Write a CSV as the official ones are: an index column without a name first."""
    head = ["", *extra, "type", "name", "count", *(f"L{k}" for k in range(1, 303))]
    if any("fps" in row for row in rows):
        head += ["fps", "duration", "num_frames", "segment_start", "segment_end", "cycle_start_id"]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, head)
        writer.writeheader()
        for number, row in enumerate(rows):
            frames = row.get("frames", [])
            assert isinstance(frames, list)
            labels = {f"L{k}": frame for k, frame in enumerate(frames, start=1)}
            rest = {k: v for k, v in row.items() if k != "frames"}
            writer.writerow({"": number, **dict.fromkeys(extra, number), **rest, **labels})


def row(
    name: str = "a.mp4", count: object = 2, frames: list[object] | None = None, **more: object
) -> dict[str, object]:
    return {"type": "squat", "name": name, "count": count, "frames": frames or [0, 10, 10, 20], **more}


def film(path: Path, pts_ms: list[int]) -> None:
    """A tiny video whose frames are shown at those milliseconds, B-frames included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for k, ms in enumerate(pts_ms):
            image = np.full((64, 64, 3), k * 7 % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def data(root: Path, *rows: dict[str, object], split: str = "test", pts_ms: list[int] | None = None) -> Path:
    annotate(root / "annotation" / f"{split}.csv", *rows)
    for item in rows:
        film(root / "video" / split / str(item["name"]), pts_ms or list(range(0, 2500, 100)))
    return root


def only(root: Path, subsets: tuple[str, ...] = ()) -> Sample:
    (sample,) = TASK.samples(root, subsets)
    return sample


def rows_of(path: Path) -> dict[str, RepetitionRow | BadSampleError]:
    return dict(read(path))


# ---- loading


def test_a_sample_in_the_official_layout(tmp_path: Path) -> None:
    sample = only(data(tmp_path, row("stu1_1.mp4", 2, ["0", "10", "10.0", "20.0"])))
    assert (sample.id, sample.subset, sample.problem) == ("test-stu1_1", "test", "")
    (video,) = sample.script.videos
    item = sample.reference.annotation
    assert isinstance(item, RepetitionAnnotation)
    at = video.at_s
    assert item == RepetitionAnnotation(
        "squat", 2, (pytest.approx(at + 1), pytest.approx(at + 2)), at, pytest.approx(at + 2.5)
    )  # type: ignore[arg-type]
    assert sample.reference.ideal == (
        Utterance(item.ends[0], text="1"),
        Utterance(item.ends[1], text="2"),
    )
    assert sample.script.tail_s >= 3


def test_frames_are_taken_at_their_presentation_time(tmp_path: Path) -> None:
    pts = [0, 40, 80, 500, 900, 950, 1000, 2000, 2040, 2080, 3000]
    film(tmp_path / "v.mp4", pts)
    assert frame_times(tmp_path / "v.mp4") == pytest.approx([p / 1000 for p in pts], abs=1e-3)
    sample = only(data(tmp_path, row(frames=[0, 3, 4, 7]), pts_ms=pts))
    item = sample.reference.annotation
    assert isinstance(item, RepetitionAnnotation)
    assert [e - item.start_s for e in item.ends] == pytest.approx([0.5, 2.0], abs=1e-3)


def test_without_instruction_audio_a_text_is_sent_and_said_so(tmp_path: Path) -> None:
    sample = only(data(tmp_path, row(type="others")))
    if sample.script.turns:
        pytest.skip("the mini set ships a spoken instruction for this action")
    assert sample.script.texts[0].text == "Count out the repetitions as you see them."
    assert sample.script.videos[0].at_s == 2.0
    assert AS_TEXT in sample.notes


@pytest.mark.parametrize("wrong", loader.CANONICAL)
def test_misspelt_types(tmp_path: Path, wrong: str) -> None:
    annotate(tmp_path / "test.csv", {**row(), "type": wrong})
    found = rows_of(tmp_path / "test.csv")["a.mp4"]
    assert isinstance(found, RepetitionRow)
    assert found.action == loader.CANONICAL[wrong]


def test_the_variant_with_fps_columns_and_more_index_columns(tmp_path: Path) -> None:
    annotate(
        tmp_path / "test_with_fps.csv",
        row(fps="25.0", duration="10.0", num_frames=250, segment_start=0, segment_end=250, cycle_start_id=0),
        extra=("Unnamed: 0.1", "Unnamed: 0"),
    )
    found = rows_of(tmp_path / "test_with_fps.csv")["a.mp4"]
    assert isinstance(found, RepetitionRow)
    assert repetitions(found, None, 1.0)[0] == RepetitionAnnotation("squat", 2, (1.4, 1.8), 1.0, 11.0)


def test_without_video_the_sample_is_unusable_but_its_floor_is_known(tmp_path: Path) -> None:
    annotate(tmp_path / "annotation" / "test.csv", row(fps=30, duration=8.0))
    sample = only(tmp_path)
    assert sample.problem.startswith("video/test/a.mp4: the video is missing")
    assert isinstance(sample.reference.annotation, RepetitionAnnotation)
    assert "metronome" in TASK.blind(sample)


@pytest.mark.parametrize(
    ("flaw", "says"),
    [
        ({"count": ""}, "count: '' is not a count"),
        ({"count": "nan"}, "count: 'nan' is not a count"),
        ({"count": "2.5"}, "count: Expected `int | null`, got `str` ('2.5')"),
        ({"count": "-1"}, "count: Expected `int` >= 0 ('-1')"),
        ({"count": "many"}, "count: Expected `int | null`, got `str` ('many')"),
        ({"type": "yoga"}, "type: 'yoga' is no known action"),
        ({"frames": [0, 10, 20]}, "L3: a repetition without an end"),
        ({"frames": [0, "x", 10, 20]}, "L2: Expected `int | null`, got `str` ('x')"),
        ({"frames": [0, -5]}, "L2: Expected `int` >= 0 ('-5')"),
        ({"frames": [10, 5]}, "L1, L2: frames are not in order"),
        ({"frames": [10, 20, 0, 10]}, "L3, L4: frames are not in order"),
        ({"frames": [0, 10, "", 30]}, "L4: follows an empty label"),
        ({"frames": [0, "inf"]}, "L2: Expected `int | null`, got `str` ('inf')"),
        ({"fps": 0, "duration": 3}, "fps: Expected `float` > 0.0 ('0')"),
    ],
)
def test_broken_rows_name_file_row_and_field(tmp_path: Path, flaw: dict[str, object], says: str) -> None:
    annotate(tmp_path / "annotation" / "test.csv", {**row(), **flaw}, row("b.mp4"))
    broken, fine = TASK.samples(tmp_path)
    assert says in broken.problem
    assert broken.problem.startswith("annotation/test.csv: a.mp4, ")
    assert "; " in broken.problem
    assert "video" in fine.problem


@pytest.mark.parametrize(
    ("item", "notes"),
    [
        (row("test118.mp4", 3), ["known flaw", "count is 3, 2 repetitions are labelled"]),
        (row("train143.mp4", 0, []), ["known flaw: published with count 0"]),
        (row(frames=[0, 10, 10, 10]), ["1 repetitions are labelled without length"]),
        (row(frames=[0, 10, 10, 99]), ["1 repetitions end after the last frame: cut there"]),
    ],
)
def test_flaws_that_do_not_stop_are_said(tmp_path: Path, item: dict[str, object], notes: list[str]) -> None:
    item["frames"] = [] if item["count"] == 0 else item["frames"]
    sample = only(data(tmp_path, item))
    assert sample.problem == ""
    for note in notes:
        assert any(n.startswith(note) for n in sample.notes), sample.notes


def test_labels_of_another_video_are_a_problem(tmp_path: Path) -> None:
    assert "not of one release" in only(data(tmp_path, row(frames=[0, 10, 500, 600]))).problem


@pytest.mark.parametrize("content", [b"", b"not a video", b"RIFF\0\0\0\0WAVE"])
def test_broken_video(tmp_path: Path, content: bytes) -> None:
    root = data(tmp_path, row())
    (root / "video" / "test" / "a.mp4").write_bytes(content)
    sample = only(root)
    assert "a.mp4" in sample.problem
    assert ("empty" if not content else "not a video") in sample.problem


@pytest.mark.parametrize(
    ("make", "subsets", "says"),
    [
        ("nothing", (), "no such folder"),
        ("empty", (), "holds no annotation"),
        ("data", ("testing",), "unknown"),
        ("data", ("train",), "is not there"),
        ("columns", (), "no column count"),
        ("no rows", (), "no rows"),
    ],
)
def test_data_that_cannot_be_used(tmp_path: Path, make: str, subsets: tuple[str, ...], says: str) -> None:
    root = tmp_path / "data"
    if make != "nothing":
        root.mkdir()
    if make == "data":
        annotate(root / "annotation" / "test.csv", row())
    if make == "columns":
        (root / "test.csv").write_text("type,name,L1,L2\nsquat,a.mp4,1,2\n")
    if make == "no rows":
        (root / "test.csv").write_text("type,name,count,L1,L2\n")
    with pytest.raises(UserError, match=says):
        list(TASK.samples(root, subsets))


def test_of_two_rows_of_one_video_the_first_is_taken(tmp_path: Path) -> None:
    annotate(tmp_path / "annotation" / "test.csv", row(), row(count=0), row("b.mp4"))
    first, twice, other = TASK.samples(tmp_path)
    assert "row 3 (a.mp4), name: is that of row 2 too, which is taken" in twice.problem
    assert (first.id, other.id) == ("test-a", "test-b")
    assert "a.mp4: the video is missing" in first.problem


def test_only_official_sizes_are_official(tmp_path: Path) -> None:
    annotate(tmp_path / "annotation" / "test.csv", row())
    assert TASK.dataset(tmp_path) == f"custom-{tmp_path.name}"


# ---- scoring

ITEM = RepetitionAnnotation("squat", 3, (4.0, 6.0, 8.0), 2.0, 10.0)
SAMPLE = Sample("s", "test", reference=Reference(annotation=ITEM))


def heard(*said: tuple[str, float], source: WordSource = WordSource.ADAPTER) -> Timeline:
    words = tuple(Word(text, at, at + 0.3) for text, at in said)
    return Timeline(13.0, tuple(Segment(at, at + 0.3) for _, at in said), words, source)


def numbers(score: Score) -> dict[str, float]:
    return {n: v.numerator / v.denominator for n, v in score.values.items() if v.denominator}


def test_a_right_count() -> None:
    found = numbers(TASK.score(SAMPLE, heard(("One.", 4.5), ("Two!", 6.5), ("three", 8.5))))
    assert found["obo"] == found["final_obo"] == 1.0
    assert found["mae"] == 0.0
    assert found["counted"] == 1.0
    assert found["count_latency"] == pytest.approx(0.5)
    assert found["running_error"] == pytest.approx(3 * 0.5 / 8)
    assert found["error_at_100"] == 0


def test_a_number_before_the_penultimate_end_does_not_stand() -> None:
    found = numbers(TASK.score(SAMPLE, heard(("three", 5.9))))
    assert (found["obo"], found["final_obo"]) == (0.0, 1.0)
    assert (found["mae"], found["final_mae"]) == (1.0, 0.0)


def test_the_last_number_decides_up_to_the_tails_end() -> None:
    found = numbers(TASK.score(SAMPLE, heard(("three", 8.1), ("That", 11.0), ("was", 11.3), ("30", 11.6))))
    assert found["obo"] == found["final_obo"] == 0.0
    assert found["mae"] == pytest.approx(9.0)


def test_what_is_said_before_the_video_is_no_count() -> None:
    assert numbers(TASK.score(SAMPLE, heard(("3", 1.0))))["final_obo"] == 0.0


def test_silence() -> None:
    found = numbers(TASK.score(SAMPLE, heard(source=WordSource.SILENT)))
    assert (found["obo"], found["mae"], found["counted"]) == (0.0, 1.0, 0.0)
    assert "count_latency" not in found


def test_fewer_than_two_repetitions_count_from_the_start() -> None:
    one = Sample(
        "s", "test", reference=Reference(annotation=RepetitionAnnotation("squat", 1, (8.0,), 2.0, 10.0))
    )
    assert numbers(TASK.score(one, heard(("one", 2.5))))["obo"] == 1.0
    none = Sample(
        "s", "test", reference=Reference(annotation=RepetitionAnnotation("squat", 0, (), 2.0, 10.0))
    )
    found = numbers(TASK.score(none, heard(("zero", 2.5))))
    assert found["obo"] == 1.0
    assert "mae" not in found


def test_unknown_words_are_missing_and_not_wrong() -> None:
    score = TASK.score(SAMPLE, heard(("x", 5.0), source=WordSource.NONE))
    assert score.values == {}
    assert set(score.missing) == {m.name for m in TASK.metrics}


def test_a_sample_with_a_problem_cannot_be_scored() -> None:
    with pytest.raises(BadSampleError, match="lost"):
        TASK.score(Sample("s", "test", problem="lost"), heard())


def test_the_ideal_is_perfect_and_every_blind_strategy_is_scored() -> None:
    best = numbers(TASK.score(SAMPLE, TASK.ideal(SAMPLE)))
    assert (best["obo"], best["mae"], best["running_error"], best["counted"]) == (1.0, 0.0, 0.0, 1.0)
    assert best["count_latency"] == pytest.approx(0.0)
    assert list(TASK.blind(SAMPLE)) == ["silent", "metronome", "metronome per action"]
    for play in TASK.family([SAMPLE]).values():
        assert set(TASK.score(SAMPLE, play(SAMPLE)).values) == {m.name for m in TASK.metrics}


def test_a_number_said_long_after_its_repetition_does_not_count() -> None:
    """The first repetition ends at 4 s, the last at 8 s."""
    late = [("One.", 6.01), ("Two!", 6.5), ("three", 8.5)]
    assert numbers(TASK.score(SAMPLE, heard(*late)))["counted"] == pytest.approx(2 / 3)
    late[0] = ("One.", 6.0)
    assert numbers(TASK.score(SAMPLE, heard(*late)))["counted"] == 1.0


def test_numbers_recited_over_and_over_gain_little() -> None:
    """All repetitions are hit, by 26 numbers; the recital got them all. A repeated number costs nothing."""
    loop = played(partial(recital, 3, 0.3))(SAMPLE)
    assert numbers(TASK.score(SAMPLE, loop))["counted"] == pytest.approx(3 / 26)
    again = heard(("One.", 4.5), ("Two!", 6.5), ("three", 8.5), ("three", 9.0), ("three", 9.5))
    assert numbers(TASK.score(SAMPLE, again))["counted"] == 1.0


def test_the_metronome_counts_a_beat_on_the_end_itself() -> None:
    assert beats(0.29, 50.0) == 15
    assert beats(0.25, 30.0) == 8
    said = TASK.blind(SAMPLE)["metronome"].words
    assert [w.text for w in said] == ["1.", "2.", "2."]


def test_the_spoken_ideal_leaves_out_what_there_is_no_time_for() -> None:
    item = RepetitionAnnotation("squat", 4, (1.0, 1.3, 2.5, 2.9), 0.0, 3.0)
    assert [(u.at_s, u.text) for u in loader.spoken_ideal(item)] == [(1.0, "1"), (2.9, "4")]


def test_marks() -> None:
    assert [(m.start_s, m.label) for m in TASK.marks(SAMPLE)] == [
        (2.0, "video"),
        (4.0, "1"),
        (6.0, "2"),
        (8.0, "3"),
    ]


# ---- official annotations


@official
def test_official_sizes_and_flaws() -> None:
    assert TASK.dataset(DATA) == "official"
    train = rows_of(DATA / "train_with_fps.csv")
    assert [name for name, found in train.items() if isinstance(found, BadSampleError)] == ["stu6_44.mp4"]
    test = list(TASK.samples(DATA))
    assert len(test) == 152
    assert all(isinstance(s.reference.annotation, RepetitionAnnotation) for s in test)


@official
@pytest.mark.parametrize(
    ("plan", "obo"),
    [(partial(constant, 4), 0.217), (partial(metronome, BLIND_RATE, inf, 0.0), 0.243)],
)
def test_official_strategies(plan: Plan, obo: float) -> None:
    right = [TASK.score(s, played(plan)(s)).values["obo"].numerator for s in official_test()]
    assert sum(right) / len(right) == pytest.approx(obo, abs=6e-4)


def official_test() -> list[Sample]:
    return [replace(s, problem="") for s in TASK.samples(DATA)]


@official
def test_official_floors() -> None:
    """Two constants and two metronomes left .289, .522 and, for `counted`, .565 (a recital got .792)."""
    found = {b.metric: b.floor for b in baselines(TASK, official_test())}
    known = {"obo": 0.316, "mae": 0.469, "running_error": 2.929, "counted": 0.318, "count_latency": None}
    assert {name: found[name] for name in known} == {
        name: value if value is None else pytest.approx(value, abs=6e-4) for name, value in known.items()
    }


def fit(items: Iterable[tuple[float, int]]) -> float:
    """The metronome's rate with the highest OBO: hundredths up to 3 per second, the lowest of equals."""
    known = list(items)
    rates = [k / 100 for k in range(1, 301)]
    return max(rates, key=lambda rate: sum(off_by_one(beats(rate, s), n) for s, n in known))


def fit_mae(items: Iterable[tuple[float, int]]) -> float:
    """The same for the lowest mean absolute error of the videos that have a count."""
    known = [(s, n) for s, n in items if n]
    rates = [k / 100 for k in range(1, 301)]
    return min(rates, key=lambda rate: sum(absolute_error(beats(rate, s), n) for s, n in known))


@official
def test_the_metronomes_rates_are_those_fitted_on_train() -> None:
    items: dict[str, list[tuple[float, int]]] = {}
    for found in rows_of(DATA / "train_with_fps.csv").values():
        if isinstance(found, RepetitionRow) and found.duration_s:
            items.setdefault(found.action, []).append((found.duration_s, found.count))
    assert fit(x for some in items.values() for x in some) == BLIND_RATE
    assert {action: fit(some) for action, some in items.items()} == ACTION_RATES
    assert {action: fit_mae(some) for action, some in items.items()} == MAE_RATES


@given(
    st.lists(st.integers(-(2**40), 2**50), max_size=5),
    st.fractions(min_value=Fraction(1, 10**6), max_value=1),
    st.integers(-(10**15), 10**15),
)
def test_times_of_frames_are_rounded_once(stamps: list[int], time_base: Fraction, origin_ns: int) -> None:
    exact = [float(stamp * time_base - Fraction(origin_ns, 10**9)) for stamp in stamps]
    assert loader.seconds_of(stamps, time_base, origin_ns) == exact
