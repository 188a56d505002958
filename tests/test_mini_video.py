"""The mini video sets that ship are whole, in the official formats, and show what their annotations say."""

import csv
import hashlib
import json
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf
from av.video.reformatter import VideoReformatter
from drawing import figure, film
from drawing.motion import sit, stand, walk

import tml_bench.adapters.reference
import tml_bench.tasks

TASKS = Path(tml_bench.tasks.__file__).parent
TOOLS = Path(__file__).parent.parent / "tools"
REPCOUNT, CHARADES, PVQA = (TASKS / t / "mini" for t in ("repcount_a", "charades", "proactive_video_qa"))
VOICE = Path(tml_bench.adapters.reference.__file__).parent / "voice"
SETS = [REPCOUNT, CHARADES, PVQA]
VIDEOS = sorted(p for folder in SETS for p in folder.rglob("*.mp4"))
CATEGORIES = {"WEB": 4, "EGO": 3, "TV": 3, "VAD": 3}

every_set = pytest.mark.parametrize("folder", SETS, ids=lambda p: p.parent.name)
every_video = pytest.mark.parametrize("path", VIDEOS, ids=lambda p: p.stem)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def times(path):
    """Presentation times of all frames, without decoding."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        return sorted(p.pts * stream.time_base for p in file.demux(stream) if p.pts is not None)


def grey(path, wanted):
    """Small grey pictures shown at the wanted times, the last frame's at times after it."""
    found, due = {}, sorted(set(wanted))
    with av.open(str(path)) as file:
        shown = None
        for frame in file.decode(video=0):
            while due and float(frame.pts * frame.time_base) > due[0] + 1e-6:
                found[due.pop(0)] = shown
            shown = frame
        found |= dict.fromkeys(due, shown)
    scaler = VideoReformatter()  # a frame's own is set up again for each
    return [scaler.reformat(found[t], 48, 36, "gray").to_ndarray().astype(float) for t in wanted]


def repetitions(row):
    frames = [int(float(row[f"L{k}"])) for k in range(1, 2 * int(row["count"]) + 1)]
    return list(zip(frames[0::2], frames[1::2], strict=True))


REPCOUNT_ROWS = rows(REPCOUNT / "annotation" / "test.csv")
CHARADES_ROWS = rows(CHARADES / "Charades_v1_test.csv")
ANNO = [(c, item) for c in CATEGORIES for item in read(PVQA / c / "anno.json")]
every_count = pytest.mark.parametrize("row", REPCOUNT_ROWS, ids=lambda r: r["name"])
every_item = pytest.mark.parametrize(("category", "item"), ANNO, ids=[i["question_id"] for _, i in ANNO])


@every_set
def test_every_file_is_listed_with_its_hash(folder):
    manifest = read(folder / "manifest.json")
    assert manifest["version"] == "mini-1"
    shipped = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert shipped == {*manifest["files"], "README.md", "manifest.json"}
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]}
    assert hashes == manifest["files"]


def test_at_least_twelve_videos_a_task_and_15_mb_in_all():
    assert [len(list(folder.rglob("*.mp4"))) for folder in SETS] == [14, 14, 13]
    assert sum(p.stat().st_size for folder in SETS for p in folder.rglob("*") if p.is_file()) < 15_000_000


@every_video
def test_video_is_h264_in_yuv420p_without_sound_or_traces_of_the_machine(path):
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert not file.streams.audio
        assert "creation_time" not in {**file.metadata, **stream.metadata}
    assert times(path)[0] == 0


@every_set
def test_instructions_are_16_khz_mono_and_as_long_as_listed(folder):
    entries = read(folder / "instructions.json")
    for entry in entries.values():
        info = sf.info(folder / entry["file"])
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert entry["duration_s"] == info.frames / 16000
    assert len({e["text"] for e in entries.values()}) >= 9


@every_count
def test_repetitions_are_ordered_frames_of_the_video(row):
    path = REPCOUNT / "video" / "test" / row["name"]
    shown, cycles = times(path), repetitions(row)
    assert int(row["num_frames"]) == len(shown)
    assert 3 <= len(cycles) <= 15
    assert all(row[f"L{k}"] == "" for k in range(2 * len(cycles) + 1, 303))
    assert all(first < last for first, last in cycles)
    assert all(a[1] <= b[0] for a, b in pairwise(cycles))
    assert float(shown[cycles[0][0]]) > 1.0
    assert cycles[-1][1] < len(shown) - 1
    assert 9.5 <= float(shown[-1]) <= 25.0


@every_count
def test_the_body_is_back_where_it_was_between_repetitions_and_away_amid_them(row):
    path = REPCOUNT / "video" / "test" / row["name"]
    shown, cycles = times(path), repetitions(row)
    edges = [float(shown[frame]) for frame in dict.fromkeys(f for cycle in cycles for f in cycle)]
    middles = [float(shown[first] + shown[last]) / 2 for first, last in cycles]
    pictures = grey(path, sorted([*edges, *middles]))
    by_time = dict(zip(sorted([*edges, *middles]), pictures, strict=True))
    rest = by_time[edges[0]]
    from_rest = {t: np.abs(p - rest).mean() for t, p in by_time.items()}
    assert max(from_rest[t] for t in edges) < 0.5 * min(from_rest[t] for t in middles)


def test_frame_rates_differ_and_one_varies():
    rates = {}
    for row in REPCOUNT_ROWS:
        gaps = {b - a for a, b in pairwise(times(REPCOUNT / "video" / "test" / row["name"]))}
        rates[row["name"]] = 1 / next(iter(gaps)) if len(gaps) == 1 else None
    assert set(rates.values()) == {None, Fraction(30), Fraction(25), Fraction(24), Fraction(15)}
    assert [name for name, rate in rates.items() if rate is None] == ["mini_11.mp4"]
    by_name = {row["name"]: row for row in REPCOUNT_ROWS}
    assert all(rate is None or float(by_name[name]["fps"]) == rate for name, rate in rates.items())


def test_charades_actions_lie_inside_the_video_and_use_known_classes():
    lines = (CHARADES / "Charades_v1_classes.txt").read_text(encoding="utf-8").splitlines()
    classes = {line.split(" ", 1)[0] for line in lines}
    used = set()
    for row in CHARADES_ROWS:
        assert len(row) == 11
        length = float(row["length"])
        assert abs(float(times(CHARADES / "videos" / f"{row['id']}.mp4")[-1]) - length) < 0.1
        for code, start, end in (action.split() for action in row["actions"].split(";")):
            used.add(code)
            assert float(start) >= 2.0
            assert float(start) + 1.5 <= float(end) <= length - 2.0
    assert used == classes


def test_charades_queries_are_the_actions_that_occur_once():
    lines = (CHARADES / "charades_sta_test.txt").read_text(encoding="utf-8").splitlines()
    queries = [line.split("##")[0].split() for line in lines]
    single = []
    for row in CHARADES_ROWS:
        actions = [action.split() for action in row["actions"].split(";")]
        codes = [code for code, _, _ in actions]
        single += [[row["id"], float(a), float(b)] for code, a, b in actions if codes.count(code) == 1]
    assert [[v, float(a), float(b)] for v, a, b in queries] == single
    assert len(single) >= 12
    assert len(single) < sum(len(row["actions"].split(";")) for row in CHARADES_ROWS)
    spoken = read(CHARADES / "instructions.json")
    assert {line.split("##")[1] for line in lines} <= set(spoken)


@pytest.mark.parametrize("row", CHARADES_ROWS, ids=lambda r: r["id"])
def test_charades_moves_in_the_actions_and_is_still_outside(row):
    path, length = CHARADES / "videos" / f"{row['id']}.mp4", float(row["length"])
    spans = [tuple(map(float, action.split()[1:])) for action in row["actions"].split(";")]
    moments = list(np.arange(0.5, length - 0.5, 0.2))
    pictures = grey(path, moments)
    change = {
        t: np.abs(b - a).mean()
        for (t, a), b in zip(zip(moments, pictures, strict=False), pictures[1:], strict=False)
    }
    outside = [c for t, c in change.items() if all(t + 0.2 < a or t > b for a, b in spans)]
    for start, end in spans:
        inside = [c for t, c in change.items() if start <= t and t + 0.2 <= end]
        # A key frame every 250 frames redraws everything: the few strongest changes may be its.
        assert max(inside) > 3 * np.percentile(outside, 95)


def test_proactive_items_by_category():
    assert {c: sum(category == c for category, _ in ANNO) for c in CATEGORIES} == CATEGORIES
    assert len({item["conversation"][0]["content"] for category, item in ANNO if category == "VAD"}) == 1
    assert all((len(item["conversation"]) > 1) == (category == "TV") for category, item in ANNO)


@every_item
def test_proactive_spans_are_ordered_and_lie_in_the_video(category, item):
    duration = item["duration"]
    assert abs(float(times(PVQA / category / "videos" / item["video"])[-1]) - duration) < 0.1
    assert item["conversation"][0]["time"] == 0
    assert 1 <= len(item["answer"]) <= 4
    previous = 0.0
    for turn in item["answer"]:
        (start, until), (begins, happened) = turn["reply_timespan"], turn["related_timespan"]
        assert previous <= start == begins < happened < until <= duration
        previous = until
    said = [turn["time"] for turn in item["conversation"]]
    assert said == sorted(said)
    assert read(PVQA / "instructions.json")[item["question_id"]]["text"] == item["conversation"][0]["content"]


@every_item
def test_proactive_pictures_change_at_the_events(category, item):
    spans = [turn["related_timespan"] for turn in item["answer"]]
    moments = [(start - 0.1, (start + end) / 2, end) for start, end in spans]
    pictures = iter(grey(PVQA / category / "videos" / item["video"], [t for some in moments for t in some]))
    for _ in moments:
        before, amid, after = next(pictures), next(pictures), next(pictures)
        assert max(np.abs(before - amid).max(), np.abs(before - after).max()) > 12


def test_the_reference_voice_can_say_every_answer_number_and_command():
    clips = read(VOICE / "clips.json")
    said = {entry["text"] for entry in clips.values()}
    assert {turn["content"] for _, item in ANNO for turn in item["answer"]} <= said
    assert {"start", "stop", *map(str, range(1, 41))} <= said
    for name, entry in clips.items():
        info = sf.info(VOICE / f"{name}.flac")
        assert info.samplerate == 24000
        assert entry["duration_s"] == info.frames / 24000
        assert " ".join(w["text"] for w in entry["words"]) == entry["text"]


def test_a_two_link_limb_reaches_its_target_or_as_far_as_it_can():
    _, elbow, hand = figure.bend(0j, 0.3 - 0.2j, 0.29, 0.28, 1)
    assert hand == pytest.approx(0.3 - 0.2j)
    assert (abs(elbow), abs(hand - elbow)) == pytest.approx((0.29, 0.28))
    _, elbow, hand = figure.bend(0j, 3 + 4j, 0.29, 0.28, -1)
    assert hand == pytest.approx(0.57 * (0.6 + 0.8j), abs=1e-3)


@pytest.mark.parametrize("pose", [stand(0, 0), stand(0, -1), walk(0.4, 1, 0.7), sit(0, 1, 0.5)])
def test_limbs_keep_their_lengths(pose):
    lengths = [figure.UPPER_ARM, figure.FOREARM] * 2 + [figure.THIGH, figure.SHIN] * 2
    limbs = [*pose.arms, *pose.legs]
    assert [abs(b - a) for limb in limbs for a, b in pairwise(limb)] == pytest.approx(lengths)


def test_a_video_rendered_in_a_fresh_process_has_the_same_bytes(tmp_path):
    code = (
        f"import sys, pathlib\nsys.path.append({str(TOOLS)!r})\n"
        "from drawing import film\n"
        "from mini_sets.repcount_a import plan, painter\n"
        "item = plan(0)[6]\n"
        "file, times = pathlib.Path(sys.argv[1]), item.times[:12]\n"
        "film.write_video(file, times, painter(item), item.seed, fps=item.fps)\n"
    )
    files = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for file in files:
        subprocess.run([sys.executable, "-P", "-c", code, str(file)], check=True, timeout=120)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert [float(t) for t in times(files[0])] == pytest.approx([k / 15 for k in range(12)], abs=1e-4)


def test_variable_times_begin_at_zero_rise_and_end_in_time():
    found = film.variable_times(3.0, seed=4)
    gaps = [b - a for a, b in pairwise(found)]
    assert found[0] == 0
    assert found[-1] < 3
    assert Fraction(1, 30) <= min(gaps) < max(gaps) <= Fraction(1, 10)
