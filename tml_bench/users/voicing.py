"""The voice of a simulated user: every piece of a line is spoken once, and kept by its content.

A store is a folder with ``lines.jsonl`` (a piece's key, voice and text in each line) and, by key, ``KEY.ogg``
or ``KEY.flac``: mono at 16 kHz, as ``synthesis.voices.render`` gives it. The key is the first 16 hexadecimal
digits of the SHA-256 of the JSON list of `VERSION`, the voice's name and the text. One ships with a task's
scenarios; what no store holds is synthesised, if the extra is installed, into the store of the run.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError, UserError
from tml_bench.files import file_sha256, sync
from tml_bench.media.audio import read_mono
from tml_bench.own_folder import append_own, own_lock
from tml_bench.samples import Waveform
from tml_bench.scenario import Manners

VERSION = "voice 1"
RATE = 16_000
JOINT_S = 0.12
"""Silence between two pieces of a line that is said without hesitation, their own edges aside."""
FILLERS = ("um", "uh")
INDEX = "lines.jsonl"
_KINDS = (".ogg", ".flac")


def voice_key(voice: str, text: str) -> str:
    """What a piece is called in a store."""
    named = json.dumps([VERSION, voice, text.strip()], separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def pieces(line: str) -> list[str]:
    """The pieces of a line, which have ``/`` between them."""
    return [piece.strip() for piece in line.split("/") if piece.strip()]


class VoiceStore:
    """Says pieces from stores.

    What none of the ``stores``, which ship, holds is kept in ``cache``, of the run: taken from ``given``, the
    cache of an earlier one, or synthesised. Without a cache it is kept in memory.

    Attributes:
        synthesised: how many pieces were synthesised here.
    """

    def __init__(
        self, stores: Sequence[Path] = (), cache: Path | None = None, given: Path | None = None
    ) -> None:
        self._stores = (*stores, *(() if cache is None else (cache,)))
        self._cache = cache
        self._given = () if given is None else (given,)
        self._said: dict[str, Waveform] = {}
        self.synthesised = 0

    def holds(self, voice: str, text: str) -> bool:
        """Whether a piece can be said without synthesising it."""
        key = voice_key(voice, text)
        return key in self._said or (self.file(key) or _found(self._given, key)) is not None

    def say(self, voice: str, text: str) -> Waveform:
        """A piece as spoken, at 16 kHz.

        Raises:
            UserError: no store holds it, and the extra ``voices`` is not installed.
            BadSampleError: its file cannot be used.
        """
        key = voice_key(voice, text)
        if key not in self._said:
            file = self.file(key)
            self._said[key] = self._new(key, voice, text) if file is None else _read(file)
        return self._said[key]

    def file(self, key: str) -> Path | None:
        """Where a piece is stored; None where it is not."""
        return _found(self._stores, key)

    def _new(self, key: str, voice: str, text: str) -> Waveform:
        if self._cache is None:
            return self._made(key, voice, text)
        from filelock import FileLock

        self._cache.mkdir(parents=True, exist_ok=True)
        with FileLock(own_lock(self._cache)):
            file = self._cache / f"{key}.flac"
            if not file.is_file():
                _keep(file, self._made(key, voice, text), voice, text)
        # As it is read by whoever plays it again.
        return _read(file)

    def _made(self, key: str, voice: str, text: str) -> Waveform:
        given = _found(self._given, key)
        self.synthesised += given is None
        return _synthesised(voice, text) if given is None else _read(given)


def _found(stores: Sequence[Path], key: str) -> Path | None:
    files = (folder / f"{key}{kind}" for folder in stores for kind in _KINDS)
    return next((file for file in files if file.is_file()), None)


def _synthesised(voice: str, text: str) -> Waveform:
    from tml_bench.synthesis import voices

    try:
        return voices.render(text, voice)
    except UserError as error:
        raise UserError(
            f"the user's line {text!r} is in no store of spoken lines, and cannot be synthesised: {error}",
            "install tml-bench[voices], or give the run whose lines are to be said again by --user-cache",
        ) from error


def _keep(file: Path, spoken: Waveform, voice: str, text: str) -> None:
    """Write a piece aside and rename it, then name it in the index."""
    import soundfile

    aside = file.with_name(f".{file.name}.part")
    aside.unlink(missing_ok=True)
    soundfile.write(aside, spoken.samples, spoken.rate, format="FLAC", subtype="PCM_16")
    sync(aside)  # half a file would be taken for the line ever after
    aside.replace(file)
    named = json.dumps({"key": file.stem, "voice": voice, "text": text.strip()}, ensure_ascii=False)
    with append_own(file.parent, INDEX) as index:
        index.write(f"{named}\n".encode())


def _read(file: Path) -> Waveform:
    samples, rate = read_mono(file)
    if rate != RATE:
        raise BadSampleError(f"{file}: a spoken line has {RATE} Hz, not {rate}")
    return Waveform(samples, rate)


def unvoiced(store: VoiceStore, voice: str, lines: Iterable[str]) -> list[str]:
    """The pieces of lines that would have to be synthesised."""
    found = (piece for line in lines for piece in pieces(line))
    return [piece for piece in dict.fromkeys(found) if not store.holds(voice, piece)]


def stored_files(stores: Sequence[Path], voice: str, lines: Iterable[str]) -> dict[str, Path]:
    """Where the pieces of lines are stored, by key in order; those that are not are left out."""
    keys = {voice_key(voice, piece) for line in lines for piece in pieces(line)}
    found = {key: _found(stores, key) for key in sorted(keys)}
    return {key: file for key, file in found.items() if file is not None}


def voiced_sha256(stores: Sequence[Path], voice: str, lines: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of how the pieces of lines sound, by key, in hexadecimal, of those that are spoken."""
    return {key: file_sha256(file) for key, file in stored_files(stores, voice, lines).items()}


def spoken_line(
    store: VoiceStore, voice: str, line: str, manners: Manners, draw: random.Random
) -> NDArray[np.float32]:
    """A line as spoken with its hesitations, at 16 kHz; shape (n,). Raises as `VoiceStore.say`."""
    parts: list[NDArray[np.float32]] = []
    for number, piece in enumerate(pieces(line)):
        if number:
            parts += _between(store, voice, manners, draw)
        parts.append(store.say(voice, piece).samples)
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _between(
    store: VoiceStore, voice: str, manners: Manners, draw: random.Random
) -> list[NDArray[np.float32]]:
    """What lies between two pieces: a joint, or a pause, with a filler in half of them."""
    if draw.random() >= manners.hesitation:
        return [_silence(JOINT_S)]
    pause_s, filler = draw.uniform(manners.pause_s / 2, manners.pause_s), draw.choice((*FILLERS, "", ""))
    if not filler:
        return [_silence(pause_s)]
    return [_silence(JOINT_S), store.say(voice, filler).samples, _silence(pause_s)]


def _silence(length_s: float) -> NDArray[np.float32]:
    return np.zeros(round(length_s * RATE), np.float32)
