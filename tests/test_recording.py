"""A recording on disk: what is written is read back, damage is found, later versions are read."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import Ran, Scripted, run_session, sample_of, silence, sixteen_bit, tone

from tml_bench import events as ev, recording_writer
from tml_bench.adapter import Output, SpokenWord, ToolCall, Transcript
from tml_bench.encoded_tracks import EncodedTracks
from tml_bench.errors import UserError
from tml_bench.recording import Recording
from tml_bench.recording_writer import BLOCK, AudioWriter, RecordingWriter
from tml_bench.report.log import describe
from tml_bench.samples import UserText, UserTurn
from tml_bench.seals import sealed
from tml_bench.session.settings import Settings
from tml_bench.session_log import KINDS
from tml_bench.timeline import Word

WORDS = (SpokenWord("hello", 0.0, 0.5), SpokenWord("there", 0.6, 1.4))


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    """Speech from 0.2 s, cut at 1.0 s, and a bit of everything else."""
    outputs = {
        0: Output(tone(2.0), transcript=(Transcript("hello there", WORDS),)),
        2: Output(text="written", tool_calls=(ToolCall("c1", "look_up", {"city": "Riga", "n": [1, None]}),)),
        4: Output(flush=True),
        6: Output(
            tone(0.2), transcript=(Transcript("", ()), Transcript("bye", (SpokenWord("bye", 0, 9.0),)))
        ),
    }
    sample = sample_of(UserTurn(silence(2.0)), tail_s=0, texts=(UserText(0.1, "hi"),))
    return run_session(tmp_path / "r", sample, Scripted(outputs), Settings())


def edit(path: Path, change: tuple[bytes, bytes], *, fix_manifest: bool = False) -> None:
    old = path.read_bytes()
    new = old.replace(*change)
    assert new != old
    path.write_bytes(new)
    if fix_manifest:
        import hashlib

        manifest = path.parent / "manifest.json"
        content = json.loads(manifest.read_bytes())
        content["files"][path.name] = {"sha256": hashlib.sha256(new).hexdigest(), "bytes": len(new)}
        del content["seal"]
        manifest.write_bytes(sealed(json.dumps(content).encode()))


def test_everything_is_read_back(ran: Ran) -> None:
    assert ran.of(ev.ModelText) == [ev.ModelText(600_000_000, "written")]
    assert ran.of(ev.ModelToolCall) == [
        ev.ModelToolCall(600_000_000, "c1", "look_up", {"city": "Riga", "n": [1, None]})
    ]
    assert ran.of(ev.UserTextSent) == [ev.UserTextSent(100_000_000, "hi")]
    assert ran.recording.duration_s == 2.0
    assert ran.recording.compute_ns() == (0,) * 9
    assert ran.recording.facts.imported is None
    assert ran.recording.facts.untimed == ()
    assert ran.recording.facts.claimed == "hello there bye"


def test_words_are_those_heard(ran: Ran) -> None:
    """``there`` begins at 0.8 s, before the cut; ``bye`` ends with the session."""
    assert ran.recording.facts.timed == (
        Word("hello", 0.2, 0.7),
        Word("there", 0.8, 1.6),
        Word("bye", 1.4, 2.0),
    )


def test_a_word_that_begins_after_the_cut_was_not_heard(tmp_path: Path) -> None:
    words = (SpokenWord("a", 0.0, 0.7), SpokenWord("b", 0.8, 1.0))
    outputs = {0: Output(tone(2.0), transcript=(Transcript("a b", words),)), 4: Output(flush=True)}
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(2.0))), Scripted(outputs), Settings())
    assert ran.recording.facts.timed == (Word("a", 0.2, 0.9),)


def test_words_that_come_after_their_audio_are_where_it_was_heard(tmp_path: Path) -> None:
    """Audio from 0.2 to 0.7 s; its word comes at 1.2 s alone, or with the next audio."""
    late = Transcript("a", (SpokenWord("a", -0.4, -0.2),))
    for then in (None, tone(0.2)):
        outputs = {0: Output(tone(0.5)), 5: Output(then, (late,))}
        folder = tmp_path / ("with audio" if then is not None else "alone")
        ran = run_session(folder, sample_of(UserTurn(silence(2.0))), Scripted(outputs), Settings())
        assert ran.recording.facts.timed == (Word("a", 0.3, 0.5),)


def test_a_model_cannot_steer_the_terminal_on_which_its_recording_is_read(tmp_path: Path) -> None:
    call = ToolCall("c", "f\x1b[2J", {"\x1b[1mkey": "\x07"})
    outputs = {0: Output(text="\x1b[31m", tool_calls=(call,), transcript=(Transcript("a\rb"),))}
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), Scripted(outputs), Settings())
    lines = list(describe(ran.recording))
    assert all(line.isprintable() for line in lines)
    assert any(r"calls f\x1b[2J(\x1b[1mkey='\x07')" in line for line in lines)


def test_words_with_times_keep_them_beside_a_text_without(tmp_path: Path) -> None:
    """Audio from 0.2 to 0.7 s, of which the word takes it all but the last 0.1 s."""
    words = (SpokenWord("a", 0.0, 0.4),)
    outputs = {0: Output(tone(0.5), transcript=(Transcript("a", words), Transcript("b")))}
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), Scripted(outputs), Settings())
    facts = ran.recording.facts
    assert facts.timed == (Word("a", 0.2, pytest.approx(0.6)),)
    assert [(t.text, t.start_s, t.end_s) for t in facts.untimed] == [("b", pytest.approx(0.6), 0.7)]
    assert facts.claimed == "a b"


@pytest.mark.parametrize("name", ["session.jsonl", "user.flac", "model.flac", "manifest.json"])
def test_a_missing_file_is_named(ran: Ran, name: str) -> None:
    (ran.recording.folder / name).unlink()
    with pytest.raises(UserError, match=name):
        Recording(ran.recording.folder)


@pytest.mark.parametrize("name", ["session.jsonl", "user.flac", "model.flac"])
def test_a_changed_byte_is_found(ran: Ran, name: str) -> None:
    path = ran.recording.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: its SHA-256 is not the one"):
        Recording(ran.recording.folder)


@pytest.mark.parametrize("name", ["session.jsonl", "user.flac", "model.flac"])
def test_a_torn_file_is_found(ran: Ran, name: str) -> None:
    path = ran.recording.folder / name
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=name):
        Recording(ran.recording.folder)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"schema": 3}', "\x00"])
def test_a_damaged_manifest_is_named(ran: Ran, content: str) -> None:
    (ran.recording.folder / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json"):
        Recording(ran.recording.folder)


def test_a_later_major_version_is_refused(ran: Ran) -> None:
    edit(ran.recording.folder / "manifest.json", (b"tml-bench/recording/1.1", b"tml-bench/recording/2.0"))
    with pytest.raises(UserError, match=r"recording/2\.0"):
        Recording(ran.recording.folder)


def test_a_later_major_version_of_events_is_refused(ran: Ran) -> None:
    log = ran.recording.folder / "session.jsonl"
    edit(log, (ev.SCHEMA.encode(), b"tml-bench/session/2.0"), fix_manifest=True)
    with pytest.raises(UserError, match=r"session/2\.0"):
        Recording(ran.recording.folder)


def test_kinds_and_fields_of_a_later_minor_version_are_skipped(ran: Ran) -> None:
    log = ran.recording.folder / "session.jsonl"
    edit(log, (ev.SCHEMA.encode(), b"tml-bench/session/1.7"), fix_manifest=True)
    later = b'{"kind":"smell","t_ns":5,"of":["toast"]}\n{"kind":"end","mood":"fine",'
    edit(log, (b'{"kind":"end",', later), fix_manifest=True)
    events = list(Recording(ran.recording.folder).events())
    assert events[1:] == ran.events[1:]


@pytest.mark.parametrize(
    "line",
    [
        b"[1]",
        b"7",
        b"null",
        b'{"kind":"note"}',
        b'{"no":"kind"}',
        b'{"kind":3}',
        b"{",
        b"\xff",
        b'{"kind":"note","text":"\xff"}',
        b'{"kind":"later","text":"\xff"}',
        b"",
    ],
)
def test_a_line_that_is_no_event_is_named(ran: Ran, line: bytes) -> None:
    log = ran.recording.folder / "session.jsonl"
    edit(log, (b'{"kind":"end",', line + b'\n{"kind":"end",'), fix_manifest=True)
    with pytest.raises(UserError, match=r"session\.jsonl, line \d+"):
        list(Recording(ran.recording.folder).events())


def test_tracks_of_different_length_are_no_recording(tmp_path: Path) -> None:
    opened = ev.SessionOpened(ev.SCHEMA, "t", "s", "a", 0, 0, 16000, 16000, 16000)
    writer = RecordingWriter(tmp_path, opened, clock="simulated", compute="ideal")
    writer.user.write(np.zeros(10, np.float32))
    with pytest.raises(ValueError, match="tracks differ: user 10, model 0"):
        writer.close()
    assert not (tmp_path / "manifest.json").exists()


def test_what_raises_while_recording_leaves_no_recording(tmp_path: Path) -> None:
    opened = ev.SessionOpened(ev.SCHEMA, "t", "s", "a", 0, 0, 16000, 16000, 16000)
    with (
        pytest.raises(RuntimeError, match="stop here"),
        RecordingWriter(tmp_path, opened, clock="simulated", compute="ideal"),
    ):
        raise RuntimeError("stop here")
    with pytest.raises(UserError, match="is not a recording"):
        Recording(tmp_path)


def test_when_one_file_cannot_be_finished_the_others_are_closed(tmp_path: Path) -> None:
    opened = ev.SessionOpened(ev.SCHEMA, "t", "s", "a", 0, 0, 16000, 16000, 16000)
    writer = RecordingWriter(tmp_path, opened, clock="simulated", compute="ideal")
    writer.user.write(np.ones((3, 2), np.float32))  # no track: it cannot be encoded
    writer.model.write(np.ones(10, np.float32))
    with pytest.raises(ValueError, match="Invalid shape"):
        writer.abandon()
    assert len(soundfile.read(tmp_path / "model.flac")[0]) == 10


@pytest.mark.parametrize("sizes", [(1,), (7, 160_000, 3), (64_000,) * 3])
def test_a_track_keeps_every_sample(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    noise = sixteen_bit(sum(sizes))
    writer = AudioWriter(tmp_path / "a.flac", 16000)
    for piece in np.split(noise, np.cumsum(sizes)[:-1]):
        writer.write(piece)
    writer.close()
    assert writer.samples == len(noise)
    assert np.array_equal(soundfile.read(tmp_path / "a.flac", dtype="float32")[0], noise)


def test_a_track_encoded_by_a_thread_keeps_every_sample(tmp_path: Path) -> None:
    noise = sixteen_bit(200_000)
    with ThreadPoolExecutor(1) as encoder:
        writer = AudioWriter(tmp_path / "a.flac", 16000, encoder)
        for piece in np.split(noise, 50):
            writer.write(piece)
        encoder.submit(writer.close).result()
    assert np.array_equal(soundfile.read(tmp_path / "a.flac", dtype="float32")[0], noise)


@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_a_known_track_is_the_same_file_as_one_that_is_encoded(tmp_path: Path, seconds: float) -> None:
    audio = np.random.default_rng(0).uniform(-1.1, 1.1, round(seconds * 16000)).astype(np.float32)
    known = EncodedTracks()
    paths = [tmp_path / f"{n}.flac" for n in range(3)]
    for path, tracks in zip(paths, (None, known, known), strict=True):
        writer = AudioWriter(path, 16000, known=tracks)
        for piece in np.array_split(audio, 7 if tracks is None else 3):
            writer.write(piece)
        writer.close()
    first, *others = (path.read_bytes() for path in paths)
    assert others == [first, first]


def test_a_track_that_differs_in_one_sample_or_in_rate_is_none_that_is_known(tmp_path: Path) -> None:
    known = EncodedTracks()
    audio = np.zeros(1000, np.float32)
    for name, rate, last in (("a", 16000, 0.0), ("b", 16000, 0.5), ("c", 24000, 0.0)):
        writer = AudioWriter(tmp_path / name, rate, known=known)
        writer.write(np.append(audio, np.float32(last)))
        writer.close()
        found, found_rate = soundfile.read(tmp_path / name)
        assert (found[-1], found_rate, len(found)) == (last, rate, 1001)


def test_silence_is_known_by_where_it_is(tmp_path: Path) -> None:
    known = EncodedTracks()
    silence, sound = np.zeros(BLOCK, np.float32), np.full(BLOCK, 0.5, np.float32)
    pieces = {"s": (silence,), "ss": (silence,) * 2, "sn": (silence, sound), "ns": (sound, silence)}
    for _ in range(2):
        for name, parts in pieces.items():
            writer = AudioWriter(tmp_path / name, 16000, known=known)
            for part in parts:
                writer.write(part.copy())
            writer.close()
            found = soundfile.read(tmp_path / name, dtype="float32")[0]
            assert np.array_equal(found, np.concatenate(parts)), name


def test_of_a_model_that_says_something_nothing_is_held_back(tmp_path: Path) -> None:
    known = EncodedTracks()
    silence, sound = np.zeros(BLOCK, np.float32), np.full(BLOCK, 0.5, np.float32)
    path = tmp_path / "a.flac"
    writer = AudioWriter(path, 16000, known=known, known_silence=True)
    sizes = []
    for part in (silence, sound, silence):
        writer.write(part.copy())
        sizes.append(path.exists())
    writer.close()
    assert sizes == [False, True, True]
    assert np.array_equal(soundfile.read(path, dtype="float32")[0], np.concatenate([silence, sound, silence]))
    assert known.bytes == 0


def test_silence_of_a_model_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = EncodedTracks()
    for name in ("a", "b"):
        writer = AudioWriter(tmp_path / name, 16000, known=known, known_silence=True)
        for _ in range(3):
            writer.write(np.zeros(BLOCK - 1, np.float32))
        writer.close()
        monkeypatch.setattr(AudioWriter, "_encode_pieces", pytest.fail)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert soundfile.info(tmp_path / "b").frames == 3 * (BLOCK - 1)


def test_a_long_track_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_writer, "LONGEST_BYTES", 2 * 100_000)
    known = EncodedTracks()
    path = tmp_path / "a.flac"
    writer = AudioWriter(path, 16000, known=known)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 50_000).astype(np.float32)
    sizes = []
    for _ in range(4):
        writer.write(noise)
        sizes.append(path.stat().st_size if path.exists() else 0)
    writer.close()
    assert 0 == sizes[0] == sizes[1] < sizes[2] < sizes[3]
    assert soundfile.info(path).frames == 200_000
    assert known.bytes == 0


class FullDisk(ThreadPoolExecutor):
    """An encoder for which the disk is full."""

    def submit(self, *_: object, **__: object) -> Future[None]:
        def full() -> None:
            raise OSError(28, "No space left on device")

        return super().submit(full)


def test_what_the_encoding_thread_cannot_write_is_told(tmp_path: Path) -> None:
    block = np.zeros(BLOCK, np.float32)
    with FullDisk(1) as encoder:
        closed = AudioWriter(tmp_path / "a.flac", 16000, encoder)
        closed.write(block)
        with pytest.raises(OSError, match="No space left"):
            closed.close()
        closed.close()
        written = AudioWriter(tmp_path / "b.flac", 16000, encoder)
        written.write(block)
        wait([written._encoding[0]])
        with pytest.raises(OSError, match="No space left"):
            written.write(block)
        written.close()


def test_every_kind_of_event_has_its_own_name() -> None:
    assert len(KINDS) == len(ev.AnyEvent.__args__)
