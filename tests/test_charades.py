"""Charades on files in the official format with every known flaw, scores by hand, and the official floors."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from tml_bench.errors import BadSampleError, UserError
from tml_bench.samples import Reference, Sample, Utterance
from tml_bench.task import Score
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.tasks.charades.strategies import best_constants, constant, values_of
from tml_bench.tasks.charades.task import Charades, late
from tml_bench.timeline import Segment, Timeline, Word, WordSource

TASK = Charades()
DATA = Path(os.environ.get("TML_BENCH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "charades"
official = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"Charades annotations are not in {DATA}: set TML_BENCH_TEST_DATA"
)
COLUMNS = (
    "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length".split(",")  # noqa: SIM905
)
CLASSES = "c008 Opening a door\nc097 Walking through a doorway\nc118 Holding a vacuum\n"


def write(
    root: Path,
    *videos: tuple[str, str, object],
    sta: str = "",
    classes: str | None = CLASSES,
    files: bool = True,
) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    with (root / "Charades_v1_test.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for ident, actions, length in videos:
            text = {"descriptions": 'A person; "opens",\na door.', "script": "x, y"}
            writer.writerow({"id": ident, "actions": actions, "length": length, **text})
            if files:
                (root / "videos").mkdir(exist_ok=True)
                (root / "videos" / f"{ident}.mp4").write_bytes(b"only looked at when it is played")
    if classes is not None:
        (root / "Charades_v1_classes.txt").write_text(classes)
    if sta:
        (root / "charades_sta_test.txt").write_text(sta)
    return root


def expected(sample: Sample) -> tuple[float, float]:
    item = sample.reference.annotation
    assert isinstance(item, MomentAnnotation)
    return item.start_s - item.video_at_s, item.end_s - item.video_at_s


# ---- loading


def test_single_occurrence_actions_split_into_interior_and_edge(tmp_path: Path) -> None:
    actions = "c008 3.00 9.00;c097 0.00 21.40;c118 1.00 2.00;c118 5.00 9.00"
    samples = list(TASK.samples(write(tmp_path, ("ABC12", actions, "20.0"), ("NONE1", "", "30"))))
    assert [(s.id, s.subset, s.unit, s.problem) for s in samples] == [
        ("class-ABC12-c008", "interior", "ABC12", ""),
        ("class-ABC12-c097", "edge", "ABC12", ""),
    ]
    # An annotated end beyond the video's length is cut there.
    assert [expected(s) for s in samples] == [(3.0, 9.0), (0.0, 20.0)]


@pytest.mark.parametrize(
    ("start", "end", "subset"),
    [
        (2.0, 18.0, "interior"),
        (1.9, 18.0, "edge"),
        (2.0, 18.1, "edge"),
        (5.0, 6.9, "edge"),
        (5.0, 7.0, "interior"),
    ],
)
def test_what_is_interior(tmp_path: Path, start: float, end: float, subset: str) -> None:
    (sample,) = TASK.samples(write(tmp_path, ("A", f"c008 {start} {end}", "20.0")))
    assert sample.subset == subset


def test_sentences(tmp_path: Path) -> None:
    sta = "A 4.3 10.4##person turn a light on.\nA 15.0 25.0##person ## leaves the room.\n\n"
    one, two = TASK.samples(write(tmp_path, ("A", "c008 3 9", "20.0"), sta=sta), ["sta"])
    assert (one.id, one.subset, one.unit) == ("sta-0001-A", "sta", "A")
    assert expected(one) == pytest.approx((4.3, 10.4))
    assert expected(two) == (15.0, 20.0)
    if not one.script.turns:
        assert one.script.texts[0].text.endswith("person turn a light on.")
    (video,) = one.script.videos
    assert one.reference.ideal == (
        Utterance(video.at_s + 4.3, text="start"),
        Utterance(video.at_s + 10.4, text="stop"),
    )


def test_the_instruction_names_the_action(tmp_path: Path) -> None:
    (sample,) = TASK.samples(write(tmp_path, ("A", "c118 3 9", "20.0")))
    said = sample.script.texts[0].text if sample.script.texts else sample.script.turns[0].label
    assert said == "Say start when the person starts holding a vacuum, and say stop when they stop."


@pytest.mark.parametrize(
    ("videos", "classes", "says"),
    [
        ([("A", "c008 9.0 3.0", "20")], CLASSES, "actions: c008 9.0 3.0: ends before it starts"),
        ([("A", "c008 25 26", "20")], CLASSES, "starts after the video's end"),
        ([("A", "c008 three 9", "20")], CLASSES, "c008 three 9, [0]: Expected `float`"),
        ([("A", "c008 3", "20")], CLASSES, "c008 3: Expected `array` of length 2"),
        ([("A", "c008 -1 3", "20")], CLASSES, "c008 -1 3, [0]: Expected `float` >= 0.0"),
        ([("A", "c008 nan 3", "20")], CLASSES, "c008 nan 3, [0]: Expected `float` >= 0.0"),
        ([("A", "c008 3 9", "")], CLASSES, "A, length: is missing"),
        ([("A", "c008 3 9", "long")], CLASSES, "A, length: Expected `float`, got `str` ('long')"),
        ([("A", "c008 3 9", "20")], None, "Charades_v1_classes.txt: is missing"),
        ([("A", "c099 3 9", "20")], CLASSES, "Charades_v1_classes.txt: has no c099"),
    ],
)
def test_broken_annotations_name_file_and_place(
    tmp_path: Path, videos: list[tuple[str, str, object]], classes: str | None, says: str
) -> None:
    (sample,) = TASK.samples(write(tmp_path, *videos, classes=classes))
    assert says in sample.problem
    assert sample.problem.startswith("Charades_v1_")
    assert "; " in sample.problem


def test_missing_video(tmp_path: Path) -> None:
    root = write(
        tmp_path, ("A", "c008 3 9", "20"), sta="A 3 9##person opens.\nB 3 9##person sits.\n", files=False
    )
    problems = [s.problem for s in TASK.samples(root)]
    assert [("videos/A.mp4" in p or "videos/B.mp4" in p) and "missing" in p for p in problems] == [True] * 3
    (root / "Charades_v1_480").mkdir()
    (root / "Charades_v1_480" / "A.mp4").write_bytes(b"x")
    assert [bool(s.problem) for s in TASK.samples(root)] == [False, True, False]
    (root / "Charades_v1_480" / "A.mp4").write_bytes(b"")
    assert all(s.problem for s in TASK.samples(root))


def test_sentence_of_a_broken_video_row(tmp_path: Path) -> None:
    root = write(tmp_path, ("A", "", "?"), sta="A 3 9##person opens.\n")
    (sample,) = TASK.samples(root, ["sta"])
    assert "A.mp4 is not a video" in sample.problem


@pytest.mark.parametrize(
    ("sta", "classes", "subsets", "says"),
    [
        ("A 3 9 no marks\n", CLASSES, (), "line 1: 'A 3 9 no marks' is no query"),
        ("##x\n", CLASSES, (), "is no query"),
        ("", "Opening a door\n", (), "line 1: 'Opening a door' is no class"),
        ("", CLASSES, ("sta",), "charades_sta_test.txt is not there"),
        ("", CLASSES, ("all",), "unknown"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, sta: str, classes: str, subsets: tuple[str, ...], says: str
) -> None:
    root = write(tmp_path, ("A", "c008 3 9", "20"), sta=sta, classes=classes)
    with pytest.raises(UserError, match=says):
        list(TASK.samples(root, subsets))


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds neither"):
        TASK.samples(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        TASK.samples(tmp_path / "x")
    (tmp_path / "Charades_v1_test.csv").write_text("id,length\nA,3\n")
    with pytest.raises(UserError, match="no column actions"):
        TASK.samples(tmp_path)
    rows = ("A,c008 1 9,20", "A,c009 2 8,20", ",c008 1 9,20")
    (tmp_path / "Charades_v1_test.csv").write_text("\n".join(("id,actions,length", *rows)))
    _, twice, empty = TASK.samples(tmp_path)
    assert "row 3 (A), id: is that of row 2 too, which is taken" in twice.problem
    assert "row 4 (row-4), id: is empty" in empty.problem


def test_only_official_sizes_are_official(tmp_path: Path) -> None:
    assert TASK.dataset(write(tmp_path / "mine", ("A", "c008 3 9", "20"))) == "custom-mine"


# ---- scoring

SAMPLE = Sample("s", "sta", reference=Reference(annotation=MomentAnnotation(7.0, 12.0, 2.0, 15.0)))


def heard(*said: tuple[str, float], source: WordSource = WordSource.ADAPTER) -> Timeline:
    words = tuple(Word(text, at, at + 0.3) for text, at in said)
    return Timeline(20.0, tuple(Segment(at, at + 0.3) for _, at in said), words, source)


def numbers(score: Score) -> dict[str, float]:
    return {n: v.numerator / v.denominator for n, v in score.values.items()}


def test_a_late_interval() -> None:
    found = numbers(TASK.score(SAMPLE, heard(("Start!", 8.0), ("Stop.", 13.0))))
    assert found["miou"] == pytest.approx(4 / 6)
    assert (found["r1_iou03"], found["r1_iou05"], found["r1_iou07"]) == (1.0, 1.0, 0.0)
    assert (found["signed_start_error"], found["signed_stop_error"]) == (1.0, 1.0)
    assert (found["missing_start"], found["missing_stop"]) == (0.0, 0.0)


def test_thresholds_include_equality() -> None:
    # [7, 8.5] of [7, 12] is 0.3 of it.
    assert numbers(TASK.score(SAMPLE, heard(("start", 7.0), ("stop", 8.5))))["r1_iou03"] == 1.0


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ([], (1.0, 1.0)),
        ([("start", 7.0)], (0.0, 1.0)),
        ([("stop", 12.0)], (1.0, 1.0)),
        ([("stop", 6.0), ("start", 7.0)], (0.0, 1.0)),
        ([("restart", 7.0), ("stopped", 12.0)], (1.0, 1.0)),
        ([("start", 1.0), ("stop", 12.0)], (1.0, 1.0)),
    ],
)
def test_missing_words(said: list[tuple[str, float]], missing: tuple[float, float]) -> None:
    found = numbers(TASK.score(SAMPLE, heard(*said)))
    assert (found["missing_start"], found["missing_stop"]) == missing
    assert found["miou"] == 0.0
    assert ("stop_error" in found) == (missing[1] == 0.0)


def test_the_first_words_decide() -> None:
    said = heard(("start", 7.0), ("start", 9.0), ("stop", 12.0), ("stop", 14.0))
    assert numbers(TASK.score(SAMPLE, said))["miou"] == pytest.approx(1.0)


def test_a_stop_after_the_video_ends_with_it() -> None:
    whole = Sample("s", "edge", reference=Reference(annotation=MomentAnnotation(7.0, 17.0, 2.0, 15.0)))
    found = numbers(TASK.score(whole, heard(("start", 7.0), ("stop", 18.0))))
    assert found["miou"] == pytest.approx(1.0)
    assert found["signed_stop_error"] == 1.0


def test_unknown_words_are_missing_and_not_wrong() -> None:
    score = TASK.score(SAMPLE, heard(("x", 5.0), source=WordSource.NONE))
    assert score.values == {}
    assert set(score.missing) == {m.name for m in TASK.metrics}


def test_a_sample_with_a_problem_cannot_be_scored() -> None:
    with pytest.raises(BadSampleError, match="lost"):
        TASK.score(Sample("s", "sta", problem="lost"), heard())


def test_ideal_late_and_blind() -> None:
    assert numbers(TASK.score(SAMPLE, TASK.ideal(SAMPLE)))["miou"] == pytest.approx(1.0)
    assert numbers(TASK.score(SAMPLE, late(SAMPLE, 1.0)))["miou"] == pytest.approx(4 / 6)
    blind = {name: numbers(TASK.score(SAMPLE, line))["miou"] for name, line in TASK.blind(SAMPLE).items()}
    assert blind["silent"] == 0.0
    assert blind["whole video"] == pytest.approx(5 / 15)
    assert numbers(TASK.score(SAMPLE, constant(6, 22)(SAMPLE)))["miou"] == pytest.approx(4 / 10)
    assert numbers(TASK.score(SAMPLE, constant(4, inf)(SAMPLE)))["miou"] == pytest.approx(5 / 11)


def test_marks() -> None:
    assert [(m.start_s, m.end_s, m.label) for m in TASK.marks(SAMPLE)] == [
        (2.0, 17.0, "video"),
        (7.0, 12.0, "action"),
    ]


# ---- official annotations


@pytest.fixture(scope="module")
def samples() -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in TASK.samples(DATA):
        found.setdefault(sample.subset, []).append(sample)
    return found


def mean_iou(some: list[Sample], lines: list[Timeline]) -> float:
    values = [TASK.score(s, t).values["miou"].numerator for s, t in zip(some, lines, strict=True)]
    return sum(values) / len(values)


@official
def test_official_sizes(samples: dict[str, list[Sample]]) -> None:
    assert TASK.dataset(DATA) == "official"
    assert {name: len(some) for name, some in samples.items()} == {
        "sta": 3720,
        "interior": 6282,
        "edge": 9645,
    }
    assert len({s.unit for s in samples["interior"]}) == 1508


@official
@pytest.mark.parametrize(
    ("subset", "interval", "miou"),
    [
        ("sta", (0, inf), 0.271),
        ("sta", (0, 13), 0.301),
        ("interior", (0, inf), 0.265),
        ("interior", (6, 22), 0.349),
        ("single", (0, inf), 0.428),
    ],
)
def test_official_constants(
    samples: dict[str, list[Sample]], subset: str, interval: tuple[float, float], miou: float
) -> None:
    some = samples["interior"] + samples["edge"] if subset == "single" else samples[subset]
    assert mean_iou(some, [constant(*interval)(s) for s in some]) == pytest.approx(miou, abs=6e-4)


@official
@pytest.mark.parametrize(
    ("subset", "least"),
    [
        ("sta", {"miou": 0.302, "r1_iou03": 0.535, "r1_iou05": 0.323, "r1_iou07": 0.158}),
        ("interior", {"miou": 0.349, "r1_iou03": 0.637, "r1_iou05": 0.307, "r1_iou07": 0.110}),
    ],
)
def test_official_floors(samples: dict[str, list[Sample]], subset: str, least: dict[str, float]) -> None:
    """A dozen constants for mIoU left .508/.309/.157 and .622/.296/.081 as floors of R@.3, .5 and .7."""
    items = [annotation_of(replace(s, problem=""), MomentAnnotation) for s in samples[subset]]
    reached = values_of(items, best_constants(items)).max(axis=1)
    assert dict(zip(least, reached, strict=True)) == pytest.approx(least, abs=1e-3)


@official
@pytest.mark.parametrize(
    ("subset", "delay_s", "miou"),
    [
        ("sta", 0.2, 0.947),
        ("sta", 1.0, 0.763),
        ("sta", 2.0, 0.579),
        ("sta", 3.0, 0.431),
        ("interior", 1.0, 0.748),
        ("single", 2.0, 0.651),
    ],
)
def test_official_delay_curve(
    samples: dict[str, list[Sample]], subset: str, delay_s: float, miou: float
) -> None:
    some = samples["interior"] + samples["edge"] if subset == "single" else samples[subset]
    assert mean_iou(some, [late(s, delay_s) for s in some]) == pytest.approx(miou, abs=6e-4)
