"""Sound files as people have them: every length is that of what can be heard, whatever the header says."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings, strategies as st
from numpy.typing import NDArray

from tml_bench.containers import sound_file
from tml_bench.errors import BadSampleError
from tml_bench.media.audio import ClipReader, probe, read_mono
from tml_bench.respondents import played_turns
from tml_bench.samples import Script, UserTurn
from tml_bench.tasks._visual import SILENCE_S, InstructionClips

Audio = NDArray[np.float32]
RATE = 16000
FRAMES = 80_000


def tone(frames: int = FRAMES) -> Audio:
    """Grows louder, so that no part of it passes for another."""
    n = np.arange(frames)
    return (0.5 * (n + 1) / frames * np.sin(2 * np.pi * 440 * n / RATE)).astype(np.float32)


def written(path: Path, samples: Audio | None = None, **how: object) -> Path:
    soundfile.write(path, tone() if samples is None else samples, RATE, **how)
    return path


def patched(path: Path, at: int, data: bytes) -> Path:
    raw = bytearray(path.read_bytes())
    raw[at : at + len(data)] = data
    path.write_bytes(raw)
    return path


def cut(path: Path, share: float = 0.6) -> Path:
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    return path


class Pipe(io.RawIOBase):
    """Takes bytes, and cannot go back to fill in a header."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.taken += bytes(data)
        return len(data)


def encoded(
    path: Path,
    codec: str,
    samples: Audio | None = None,
    *,
    rate: int = RATE,
    kind: str = "",
    piped: bool = False,
    options: dict[str, str] | None = None,
    start_s: int = 0,
) -> Path:
    """A sound file that FFmpeg writes; ``kind`` is its name of the format, by default that of the ending."""
    out = Pipe() if piped else str(path)
    samples = tone() if samples is None else samples
    with av.open(out, "w", format=kind or None, container_options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        for at in range(0, len(samples), 960):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + 960], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start_s * rate + at, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if isinstance(out, Pipe):
        path.write_bytes(out.taken)
    return path


def heard(path: Path) -> Audio:
    """What a session plays, checked against every other place that tells a length."""
    info = probe(path)
    with ClipReader(path, info.rate) as clip:
        samples = clip.read(10**9)
        assert clip.length == info.frames == samples.size
    assert info.duration_s == info.frames / info.rate
    turns = played_turns(Script((UserTurn(path),)))
    assert turns is not None
    assert turns[0].end_s == info.duration_s
    return samples


def data_size(path: Path, size: int) -> Path:
    return patched(path, path.read_bytes().index(b"data") + 4, struct.pack("<I", size))


def w64_size(path: Path, size: int) -> Path:
    return patched(path, path.read_bytes().index(b"data\xf3\xac") + 16, struct.pack("<Q", size))


def flac_total(path: Path, total: int) -> Path:
    word = int.from_bytes(path.read_bytes()[18:26], "big") >> 36 << 36 | total
    return patched(path, 18, word.to_bytes(8, "big"))


SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM"]


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("size", [0, 4000, 0xFFFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFDB])
def test_a_wav_whose_size_was_never_filled_in_is_read_to_its_end(
    tmp_path: Path, subtype: str, size: int
) -> None:
    whole = heard(written(tmp_path / "a.wav", subtype=subtype))
    assert FRAMES <= whole.size < FRAMES + 1100
    found = heard(data_size(tmp_path / "a.wav", size))
    assert abs(found.size - whole.size) <= (0 if subtype != "IMA_ADPCM" else 1100)
    np.testing.assert_array_equal(found[:FRAMES], whole[:FRAMES])


def test_gsm_is_read_whole_and_refused_where_its_size_is_stale(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", subtype="GSM610")
    assert heard(path).size == FRAMES
    with pytest.raises(BadSampleError, match="write it again"):
        probe(data_size(path, 4000))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_channels_and_the_extensible_form_survive_a_stale_size(tmp_path: Path, channels: int) -> None:
    many = np.stack([tone() / (k + 1) for k in range(channels)], axis=1)
    for kind in ("WAV", "WAVEX"):
        path = written(tmp_path / f"{kind}.wav", many, format=kind, subtype="PCM_24")
        whole = heard(path)
        np.testing.assert_array_equal(heard(data_size(path, 6000)), whole)


def test_a_stale_size_is_told_with_both_lengths(tmp_path: Path) -> None:
    path = data_size(written(tmp_path / "turn.wav"), 40_000)
    assert probe(path).notes == ("turn.wav: its header says 1.250 s, 5.000 s are there: all is played",)
    path = data_size(written(tmp_path / "turn.wav"), 0)
    assert probe(path).notes == ("turn.wav: its header says 0.000 s, 5.000 s are there: all is played",)
    assert probe(data_size(written(tmp_path / "turn.wav"), 0xFFFFFFFF)).notes == ()


def test_a_sample_carries_the_note(tmp_path: Path) -> None:
    clip = data_size(written(tmp_path / "ask.wav"), 40_000)
    asked = InstructionClips({"count": clip}).ask("Count", (), tmp_path / "x.mp4")
    assert asked.notes == probe(clip).notes
    assert asked.video_at_s == 5 + SILENCE_S


@pytest.mark.parametrize(
    ("size", "behind"),
    [
        (160_000, b"LIST" + struct.pack("<I", 4) + b"INFO"),
        (160_000, b"abcd" + struct.pack("<I", 2) + b"xy"),
        (160_000, b"LIST" + struct.pack("<I", 4000) + b"INFO cut"),
        (160_000, b"ID3\x03" + b"x" * 90),
        (160_000, b"TAG" + b"x" * 125),
        (160_000, b"\0" * 512),
        (160_000, b"\0"),
        (0, b"LIST" + struct.pack("<I", 4) + b"INFO"),
    ],
)
def test_what_follows_the_samples_is_not_played(tmp_path: Path, size: int, behind: bytes) -> None:
    path = written(tmp_path / "a.wav")
    start = path.read_bytes().index(b"data") + 8
    path.write_bytes(path.read_bytes()[: start + size] + behind)
    data_size(path, size)
    if not size:
        with pytest.raises(BadSampleError, match="no samples"):
            probe(path)
        return
    assert heard(path).size == FRAMES
    assert probe(path).notes == ()


def test_a_second_recording_in_one_file_is_refused(tmp_path: Path) -> None:
    raw = written(tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(raw + raw)
    with pytest.raises(BadSampleError, match="second recording"):
        probe(tmp_path / "a.wav")


@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_a_chunk_of_odd_size_before_the_samples(tmp_path: Path, pad: bytes) -> None:
    path = written(tmp_path / "a.wav")
    raw = path.read_bytes()
    at = raw.index(b"data")
    path.write_bytes(raw[:at] + b"LIST" + struct.pack("<I", 5) + b"INFOx" + pad + raw[at:])
    np.testing.assert_allclose(heard(path), tone(), atol=1e-4)


def test_tags_before_the_header(tmp_path: Path) -> None:
    tag = b"ID3\x03\0\0\0\0\x01\x00" + b"\0" * 128
    for path in (written(tmp_path / "a.wav"), written(tmp_path / "a.flac"), written(tmp_path / "a.mp3")):
        before = heard(path).size
        path.write_bytes(tag + path.read_bytes())
        assert heard(path).size == before
    stale = data_size(written(tmp_path / "b.wav"), 4000)
    stale.write_bytes(tag + stale.read_bytes())
    np.testing.assert_allclose(heard(stale), tone(), atol=1e-4)


KINDS = {"RF64": "wav", "W64": "w64", "AIFF": "aiff", "AU": "au", "CAF": "caf", "NIST": "sph"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW"])
def test_other_uncompressed_files_are_read_whole_and_refused_when_cut(
    tmp_path: Path, kind: str, subtype: str
) -> None:
    path = written(tmp_path / f"a.{KINDS[kind]}", format=kind, subtype=subtype)
    assert heard(path).size == FRAMES
    assert probe(path).notes == ()
    # libsndfile gives the 47,979 samples that are there and says nothing.
    with pytest.raises(BadSampleError, match=r"truncated|malformed"):
        probe(cut(path))


def ds64(path: Path, size: int) -> Path:
    return patched(path, 28, struct.pack("<Q", size))


STALE: dict[str, tuple[str, Callable[[Path, int], Path], int]] = {
    "RF64": ("wav", ds64, 0),
    "W64": ("w64", w64_size, 24),
    "AU": ("au", lambda path, size: patched(path, 8, struct.pack(">I", size)), 0),
    "CAF": ("caf", lambda p, n: patched(p, p.read_bytes().index(b"data") + 4, struct.pack(">Q", n)), 4),
    "AIFF": ("aiff", lambda p, n: patched(p, p.read_bytes().index(b"SSND") + 4, struct.pack(">I", n)), 8),
}


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
@pytest.mark.parametrize("size", [0, 24_000])
@pytest.mark.parametrize("kind", STALE)
def test_stale_sizes_of_other_containers(tmp_path: Path, kind: str, size: int, subtype: str) -> None:
    suffix, state, more = STALE[kind]
    path = written(tmp_path / f"a.{suffix}", format=kind, subtype=subtype)
    whole = heard(path)
    np.testing.assert_array_equal(heard(state(path, size + more)), whole)
    if size:
        assert "all is played" in probe(path).notes[-1]


@pytest.mark.parametrize("kind", ["wav", "au", "aiff", "w64", "caf"])
def test_uncompressed_files_from_a_pipe(tmp_path: Path, kind: str) -> None:
    codec = "pcm_s16le" if kind in ("wav", "w64", "caf") else "pcm_s16be"
    path = encoded(tmp_path / f"a.{kind}", codec, kind=kind, piped=True)
    np.testing.assert_allclose(heard(path), tone(), atol=1e-4)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
@pytest.mark.parametrize(("kind", "endian"), [("AU", "LITTLE"), ("WAV", "BIG"), ("AIFF", "LITTLE")])
def test_the_other_order_of_bytes(tmp_path: Path, kind: str, endian: str, subtype: str) -> None:
    if kind == "AIFF" and subtype in ("FLOAT", "ULAW"):
        pytest.skip("AIFF has no such form")
    path = written(tmp_path / "a", format=kind, subtype=subtype, endian=endian)
    whole = heard(path)
    mark, order = {"AU": (b"dns.", "<I"), "WAV": (b"data", ">I"), "AIFF": (b"SSND", ">I")}[kind]
    at = path.read_bytes().index(mark) + (8 if kind == "AU" else 4)
    # Of AU the 6,000 bytes were read that the header states.
    np.testing.assert_array_equal(heard(patched(path, at, struct.pack(order, 6000))), whole)
    assert "all is played" in probe(path).notes[-1]


def test_flac_from_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.flac", "flac", kind="flac", piped=True)
    np.testing.assert_allclose(heard(path), tone(), atol=1e-4)
    assert probe(path).notes == ()
    np.testing.assert_allclose(heard(flac_total(written(tmp_path / "b.flac"), 0)), tone(), atol=1e-4)
    with pytest.raises(BadSampleError, match="truncated"):
        probe(cut(path))


def test_flac_that_goes_on_is_read_whole_and_one_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = flac_total(written(tmp_path / "a.flac"), 40_000)
    np.testing.assert_allclose(heard(path), tone(), atol=1e-4)
    assert probe(path).notes == ("a.flac: its header says 2.500 s, 5.000 s are there: all is played",)
    with pytest.raises(BadSampleError, match=r"truncated: it has 5\.000 s of the 5\.625 s promised"):
        probe(flac_total(path, 90_000))


def quiet_then_loud() -> Audio:
    noise = np.random.default_rng(0).standard_normal(8 * RATE).astype(np.float32)
    return noise * np.repeat(np.array([0.001, 0.3], np.float32), [3 * RATE, 5 * RATE])


@pytest.mark.parametrize("loud_first", [False, True])
def test_mp3_of_variable_rate_without_an_index(tmp_path: Path, loud_first: bool) -> None:
    samples = quiet_then_loud()[:: -1 if loud_first else 1].copy()
    path = written(tmp_path / "a.mp3", samples, bitrate_mode="VARIABLE", compression_level=0.5)
    whole = heard(path)
    assert whole.size == samples.size
    raw = path.read_bytes()
    path.write_bytes(raw[raw.index(raw[:2], 4) :])
    # libsndfile guesses 52,776 samples from the first frame's bit rate, and 52,344 the other way round.
    found = heard(path)
    assert found.size == pytest.approx(samples.size, abs=3 * 576)
    power = [np.square(part).mean() for part in (found[: 2 * RATE], found[-2 * RATE :])]
    assert (power[0] > power[1]) == loud_first
    assert max(power) > 0.01


def test_padding_that_decoders_see_differently_is_no_wrong_header(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mp3")
    path.write_bytes(path.read_bytes().replace(b"LAME3.100", b"XXXX3.100", 1))
    assert heard(path).size == FRAMES
    assert probe(path).notes == ()


def test_mp3_that_is_cut_or_joined(tmp_path: Path) -> None:
    raw = written(tmp_path / "a.mp3", quiet_then_loud()).read_bytes()
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(raw + raw)
    assert heard(joined).size == pytest.approx(16 * RATE, abs=4000)
    assert "its header says 8.000 s" in probe(joined).notes[0]
    with pytest.raises(BadSampleError, match="truncated"):
        probe(cut(tmp_path / "a.mp3"))
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes(raw + b"TAG" + b"x" * 125)
    assert heard(tagged).size == 8 * RATE


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_streams_one_after_the_other(tmp_path: Path, subtype: str) -> None:
    first = written(tmp_path / "a.ogg", format="OGG", subtype=subtype)
    second = written(tmp_path / "b.ogg", tone()[::-1].copy(), format="OGG", subtype=subtype)
    assert heard(first).size == FRAMES
    chained = tmp_path / "c.ogg"
    chained.write_bytes(first.read_bytes() + second.read_bytes())
    found, rate = read_mono(chained, RATE)
    assert rate == RATE
    assert found.size == pytest.approx(2 * FRAMES, abs=2048)
    assert np.abs(found[-2000:]).max() < 0.05
    assert np.abs(found[FRAMES + 4000 : FRAMES + 8000]).max() > 0.4
    heard(chained)


def test_ogg_that_is_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ogg", quiet_then_loud(), format="OGG", subtype="VORBIS")
    raw = path.read_bytes()
    last = raw.rindex(b"OggS")
    path.write_bytes(raw[:last])
    assert "not marked" in probe(path).notes[0]
    path.write_bytes(raw[: last + 40])
    with pytest.raises(BadSampleError, match="truncated"):
        probe(path)
    path.write_bytes(raw + b"\0" * 100)
    assert heard(path).size == 8 * RATE


ENCODED = [
    ("a.m4a", "aac", ""),
    ("a.aac", "aac", "adts"),
    ("a.webm", "libopus", ""),
    ("a.mka", "flac", "matroska"),
    ("a.mp4", "aac", ""),
    ("a.opus", "libopus", "ogg"),
]


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize(("name", "codec", "kind"), ENCODED)
def test_what_only_ffmpeg_reads(tmp_path: Path, name: str, codec: str, kind: str, piped: bool) -> None:
    if piped and name.endswith((".m4a", ".mp4")):
        pytest.skip("FFmpeg writes no MP4 into a pipe")
    rate = 48000
    n = np.arange(5 * rate)
    bump = np.exp(-0.5 * ((n / rate - 3.3) / 0.002) ** 2) * np.cos(2 * np.pi * 200 * n / rate)
    kind = kind or ("webm" if piped else "")
    path = encoded(tmp_path / name, codec, bump.astype(np.float32), rate=rate, kind=kind, piped=piped)
    samples = heard(path)
    # ADTS cannot say what its encoder put before and after the sound.
    loose = 2048 / rate if kind == "adts" else 0.001
    assert np.argmax(samples) / rate == pytest.approx(3.3, abs=loose)
    assert samples.size / rate == pytest.approx(5, abs=0.065)
    # What is streamed as AAC or Matroska promises nothing that a cut could break.
    if kind != "adts" and not (piped and kind in ("webm", "matroska")):
        with pytest.raises(BadSampleError):
            probe(cut(path))


PIECES = {
    "movflags": "dash+frag_keyframe+empty_moov+frag_discont",
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
}


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libopus"), ("a.mka", "flac"), ("a.m4a", "aac")])
def test_sound_whose_times_begin_elsewhere_is_played_at_once(tmp_path: Path, name: str, codec: str) -> None:
    options = PIECES if name == "a.m4a" else {}
    samples = tone(3 * 48000)
    path = encoded(tmp_path / name, codec, samples, rate=48000, options=options, start_s=10)
    assert heard(path).size / 48000 == pytest.approx(3, abs=0.065)
    with pytest.raises(BadSampleError):
        probe(cut(path, 0.4))


def test_a_name_says_nothing_of_what_is_inside(tmp_path: Path) -> None:
    for codec, kind in (("flac", "flac"), ("aac", "adts"), ("libopus", "webm")):
        path = encoded(tmp_path / "a.wav", codec, kind=kind, rate=48000)
        assert heard(path).size / 48000 == pytest.approx(FRAMES / 48000, abs=0.065)


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_no_sound_file(tmp_path: Path, seed: int) -> None:
    (tmp_path / "a.wav").write_bytes(np.random.default_rng(seed).bytes(60_000))
    with pytest.raises(BadSampleError, match="not audio"):
        probe(tmp_path / "a.wav")


def test_formats_whose_length_nothing_confirms_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSampleError, match="nothing confirms; WAV, FLAC"):
        probe(written(tmp_path / "a.voc", format="VOC"))


BROKEN = {
    "a.wav": ("WAV", "PCM_16"), "a.rf64": ("RF64", "PCM_16"), "a.w64": ("W64", "PCM_24"),
    "a.aiff": ("AIFF", "PCM_16"), "a.au": ("AU", "ULAW"), "a.caf": ("CAF", "PCM_16"),
    "a.sph": ("NIST", "PCM_16"), "a.flac": ("FLAC", "PCM_16"), "a.ogg": ("OGG", "VORBIS"),
    "a.mp3": ("MP3", "MPEG_LAYER_III"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(changes=[(23, 4)])
@example(changes=[(46, 1)])
@example(changes=[(60, 6)])
@example(changes=[(8, 0)])
@given(changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=8))
def test_whatever_a_header_holds_the_file_is_read_whole_or_refused(
    tmp_path: Path, name: str, changes: list[tuple[int, int]]
) -> None:
    kind, subtype = BROKEN[name]
    path = written(tmp_path / name, tone(4000), format=kind, subtype=subtype)
    raw = bytearray(path.read_bytes())
    for at, value in changes:
        raw[at] = value
    path.write_bytes(raw)
    os.utime(path, ns=(0, zlib.crc32(raw)))  # so that it is looked at again
    try:
        info = probe(path)
        read = read_mono(path)[0]
    except BadSampleError:
        return
    assert read.size == info.frames > 0


def test_a_file_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav")
    assert probe(path).frames == FRAMES
    assert probe(written(path, tone(40_000))).frames == 40_000


def test_well_formed_files_are_not_decoded_to_be_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [
        written(tmp_path / "a.wav"),
        written(tmp_path / "a.flac"),
        written(tmp_path / "a.ogg", format="OGG", subtype="OPUS"),
    ]
    taken = []
    read = soundfile.SoundFile.read
    monkeypatch.setattr(
        soundfile.SoundFile, "read", lambda self, n=-1, **k: taken.append(n) or read(self, n, **k)
    )
    monkeypatch.setattr(av.AudioCodecContext, "decode", None, raising=False)
    monkeypatch.setattr(sound_file, "apart", lambda look, path: look(path))
    for path in paths:
        assert probe(path).frames == FRAMES
    assert taken == [1, 1, 1]
