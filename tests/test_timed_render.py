"""Rendering of items: turns where the script has them, variants, what is kept and what is done again."""

from __future__ import annotations

import io
import re
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from timed_items import item, made, write_items

from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.synthesis import engines, speech
from tml_bench.tasks._timed.render import Variant, render_item, render_set, with_serial
from tml_bench.tasks._timed.rendered import (
    check_audio,
    check_rendered,
    read_rendered,
    read_rendering,
    said_sha256,
)

needs_voices = pytest.mark.skipif(
    any(engines.missing(engine) for engine in ("hibari", "joe", "kokoro"))
    or find_spec("pocketsphinx") is None,
    reason="needs the extras voices and speech",
)
HIBARI = Variant(voice="us-f-1")
TURNS = [
    {"id": "a", "text": "Could you say the word lighthouse in seven seconds?", "at_s": 0.5},
    {"id": "b", "text": "I'm cutting bread.", "after": "a", "gap_s": 1.25},
]


@needs_voices
def test_turns_lie_where_the_item_has_them() -> None:
    audio, turns = render_item(made(item(turns=TURNS)), Variant())
    first, second = turns
    assert first.start_s == pytest.approx(0.5, abs=0.002)
    assert second.start_s - first.end_s == pytest.approx(1.25, abs=0.004)
    assert len(audio) / 16000 == pytest.approx(second.end_s + 0.05, abs=0.004)
    assert [word.text for word in second.words] == ["I'm", "cutting", "bread."]
    loud = speech.loud(audio, 16000)
    longest = max(speech.silences(audio, 16000), key=lambda silence: silence[1] - silence[0])
    assert longest[0] / 16000 == pytest.approx(first.end_s, abs=0.003)
    assert longest[1] / 16000 == pytest.approx(second.start_s, abs=0.003)
    assert not loud[: int(0.49 * 16000)].any()


@needs_voices
def test_who_talks_on_makes_no_pause_to_be_let_in() -> None:
    story = "I went home. Then I slept. Then, at last, it rained."
    turns = [TURNS[0] | {"text": story}, TURNS[1] | {"text": story}]
    one = made(item(id="cs-keyword-001", family="keyword_trigger", turns=turns, events=[]))
    audio, (first, second) = render_item(one, HIBARI)
    pauses = [
        max(end - start for start, end in speech.silences(audio[round(t.start_s * 16000) : end], 16000))
        for t in (first, second)
        for end in [round(t.end_s * 16000)]
    ]
    assert pauses[0] / 16000 > 0.25
    assert pauses[1] / 16000 <= 0.122
    assert said_sha256(one) != said_sha256(msgspec.structs.replace(one, family="single_delay"))


@needs_voices
def test_noise_has_the_ratio_and_moves_nothing() -> None:
    one = made(item(turns=TURNS))
    clean, turns = render_item(one, Variant())
    noisy, same = render_item(one, Variant(noise_db=10.0))
    noise = noisy - clean
    assert same == turns
    assert 10 * np.log10(np.mean(noise.astype(float) ** 2)) == pytest.approx(-33.0, abs=0.5)
    assert np.array_equal(render_item(one, Variant(noise_db=10.0))[0], noisy)


@needs_voices
def test_a_set_is_whole_continues_and_renders_again_what_changed(tmp_path: Path) -> None:
    items = [made(item(id=f"ts-delay-00{k}", turns=TURNS[:1])) for k in (1, 2)]
    assert sorted(render_set(items, tmp_path, "1", HIBARI)) == ["ts-delay-001", "ts-delay-002"]
    entries = read_rendered(tmp_path)
    files = {name: check_audio(tmp_path, entry) for name, entry in entries.items()}
    for one in items:
        check_rendered(one, entries[one.id])
        assert soundfile.info(files[one.id]).duration == pytest.approx(entries[one.id].duration_s, abs=1e-6)
    assert read_rendering(tmp_path).version == "1-us-f-1"

    before = files["ts-delay-001"].stat().st_mtime_ns
    changed = made(item(id="ts-delay-002", turns=[{"id": "a", "text": "Say hello.", "at_s": 1.0}]))
    assert sorted(render_set([items[0], changed], tmp_path, "1", HIBARI)) == ["ts-delay-001", "ts-delay-002"]
    assert files["ts-delay-001"].stat().st_mtime_ns == before
    check_rendered(changed, read_rendered(tmp_path)["ts-delay-002"])
    with pytest.raises(UserError, match=r"holds rendering '1-us-f-1'.*empty folder"):
        list(render_set(items, tmp_path, "1", Variant(voice="us-f-1", pace=1.2)))


@needs_voices
def test_the_command_renders_a_set_that_stands_alone(tmp_path: Path) -> None:
    source = write_items(tmp_path / "items.jsonl", [item()])
    out = tmp_path / "set"
    options = ["--items", str(source), "--out", str(out), "--voice", "us-f-1", "--pace", "1.1"]
    result = CliRunner().invoke(main, ["prepare", "timespeak", *options])
    assert result.exit_code == 0, result.output
    assert "1 items in" in result.output
    assert read_rendering(out).version == "3-own-us-f-1-pace1.1"
    assert (out / "items.jsonl").read_bytes() == source.read_bytes()
    assert read_rendered(out)["ts-delay-001"].turns[0].start_s == pytest.approx(0.5, abs=0.002)


@needs_voices
def test_a_turn_that_begins_in_the_one_before_is_refused(tmp_path: Path) -> None:
    early = [TURNS[0], {"id": "b", "text": "I'm cutting bread.", "at_s": 1.0}]
    items = [made(item()), made(item(id="ts-delay-002", turns=early))]
    with pytest.raises(UserError, match=r"ts-delay-002: turn 'b' begins at 1 s, .* give a later at_s"):
        list(render_set(items, tmp_path, "1", HIBARI))
    assert list(read_rendered(tmp_path)) == ["ts-delay-001"]


@needs_voices
def test_own_items_have_a_version_of_their_own(tmp_path: Path) -> None:
    source = write_items(tmp_path / "items.jsonl", [item()])
    result = CliRunner().invoke(
        main, ["prepare", "timespeak", "--items", str(source), "--out", str(tmp_path / "set")]
    )
    assert result.exit_code == 0, result.output
    assert read_rendering(tmp_path / "set").version == "3-own"


@needs_voices
def test_a_set_refused_keeps_its_items(tmp_path: Path) -> None:
    out, first = tmp_path / "set", write_items(tmp_path / "first.jsonl", [item()])
    other = write_items(tmp_path / "other.jsonl", [item(id="ts-delay-002")])
    prepare = ["prepare", "timespeak", "--voice", "us-f-1", "--out", str(out), "--items"]
    assert CliRunner().invoke(main, [*prepare, str(first)]).exit_code == 0
    result = CliRunner().invoke(main, [*prepare, str(other), "--noise", "10"])
    assert result.exit_code == 2
    assert "choose an empty folder" in result.output
    assert (out / "items.jsonl").read_bytes() == first.read_bytes()


@needs_voices
def test_items_of_the_other_task_are_refused(tmp_path: Path) -> None:
    source = write_items(tmp_path / "items.jsonl", [item()])
    result = CliRunner().invoke(
        main, ["prepare", "cuespeak", "--items", str(source), "--out", str(tmp_path / "set")]
    )
    assert result.exit_code == 2
    assert "ts-delay-001: id: is not of cuespeak" in result.output
    assert not (tmp_path / "set").exists()


@needs_voices
@pytest.mark.parametrize("noise_db", [float("nan"), float("inf"), -100.0])
def test_an_impossible_noise_is_refused(tmp_path: Path, noise_db: float) -> None:
    with pytest.raises(UserError, match=r"a noise of .* dB is outside -20 to 60"):
        list(render_set([made(item())], tmp_path, "1", Variant("us-f-1", noise_db)))


@needs_voices
def test_what_cannot_be_written_is_said_and_the_rest_stays(tmp_path: Path) -> None:
    source = write_items(tmp_path / "items.jsonl", [item(), item(id="ts-delay-002")])
    options = ["--items", str(source), "--out", str(tmp_path / "s")]
    prepare = ["prepare", "timespeak", "--voice", "us-f-1", *options]
    in_the_way = tmp_path / "s" / "audio" / "dev" / "ts-delay-002.ogg"
    in_the_way.mkdir(parents=True)
    result = CliRunner().invoke(main, prepare)
    assert result.exit_code == 2
    assert re.search(r"error: \S*ts-delay-002\S*: Is a directory\n  make room or choose", result.output)
    assert list(read_rendered(tmp_path / "s")) == ["ts-delay-001"]
    in_the_way.rmdir()
    assert CliRunner().invoke(main, prepare).exit_code == 0
    assert list(read_rendered(tmp_path / "s")) == ["ts-delay-001", "ts-delay-002"]


@needs_voices
def test_what_ends_while_others_are_stopped_is_kept(tmp_path: Path) -> None:
    items = [made(item(id=f"ts-delay-00{k}", turns=TURNS[:1])) for k in (1, 2)]
    going = render_set(items, tmp_path, "1", HIBARI, jobs=2)
    next(going)
    going.close()  # as Ctrl-C does; the other item is nearly done
    files = {path.stem for path in tmp_path.rglob("*.ogg")}
    assert files == set(read_rendered(tmp_path))


def test_an_unknown_voice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no voice 'bob'"):
        list(render_set([made(item())], tmp_path, "1", Variant(voice="bob")))


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        (Variant(), ""),
        (Variant(noise_db=5.0), "noise5"),
        (Variant("gb-m-1", 12.5, 0.9), "gb-m-1-noise12.5-pace0.9"),
        (Variant("gb-m-1", own=True), "own-gb-m-1"),
    ],
)
def test_variants_have_names(variant: Variant, name: str) -> None:
    assert variant.name == name


def test_a_serial_number_is_all_that_changes_in_an_ogg_file() -> None:
    tone = 0.2 * np.sin(np.arange(24000) / 10)
    file = io.BytesIO()
    soundfile.write(file, tone, 16000, format="OGG", subtype="OPUS")
    data = file.getvalue()
    own = int.from_bytes(data[14:18], "little")
    renamed = with_serial(data, own ^ 1)
    assert renamed != data
    assert with_serial(renamed, own) == data  # the encoder's checksums, found again
    heard, _ = soundfile.read(io.BytesIO(renamed))
    assert np.array_equal(heard, soundfile.read(io.BytesIO(data))[0])


@pytest.mark.parametrize("broken", [b"RIFF" + bytes(40), b"OggS" + bytes(10)])
def test_what_is_no_whole_ogg_file_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="no whole Ogg page at byte 0"):
        with_serial(broken, 1)


def test_the_hash_of_what_is_said_survives_a_round_trip() -> None:
    from tml_bench.tasks._timed.items import TimedItem
    from tml_bench.tasks._timed.rendered import said_sha256

    implicit = made(item())
    explicit = msgspec.json.decode(
        msgspec.json.encode(item(turns=[{**TURNS[0], "gap_s": 0.0, "pace": 1.0}])), type=TimedItem
    )
    assert said_sha256(explicit) == said_sha256(implicit)


@needs_voices
def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = CliRunner().invoke(main, ["prepare", "timespeak", "--out", str(tmp_path / "file" / "out")])
    assert result.exit_code == 2
    assert "Not a directory" in result.output
    assert "choose another folder" in result.output
