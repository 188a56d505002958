"""The data of FD-bench, the same in v1 and v1.5, and recordings of it that another harness made.

Samples lie at ``{root}/{subset}/{ID}``, ``{ID}`` a number; a recording is a folder with ``input``, ``output``
and ``output.json``. For the JSON files see ``_common.records``.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.samples import Sample
from tml_bench.task import ImportedExchange
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._common.records import RecordPlace, Seconds, sample_json, short
from tml_bench.timeline import Word

T = TypeVar("T")
RESTORE = "unpack it again from the dataset"
_CORRECT = f"correct it, or {RESTORE}"
_SLACK_S = 0.1  # annotations were made on other copies of the audio; the shipped examples differ by 0.02 s


class _Chunk(msgspec.Struct):
    text: str
    timestamp: tuple[Seconds, Seconds | None]


class _Transcript(msgspec.Struct):
    chunks: list[_Chunk]
    text: object = ""


def place_of(path: Path, remedy: str = RESTORE) -> RecordPlace:
    """Where a file's one record stands, for messages."""
    return RecordPlace(short(path), remedy=remedy)


def read(path: Path, kind: type[T], remedy: str = _CORRECT) -> T:
    """Read a file as a record. Raises `BadSampleError`: it is missing or does not fit."""
    return place_of(path, remedy).record(sample_json(path, RESTORE), kind)


def check_within(path: Path, field: str, last_s: float, duration_s: float) -> None:
    """Make sure that a time lies in the clip, a little slack aside. Raises `BadSampleError`: it does not."""
    if last_s > duration_s + _SLACK_S:
        what = f"{last_s:g} s is beyond the clip's end at {duration_s:g} s"
        raise place_of(path).bad(field, what, "check both files")


def read_transcript(path: Path) -> tuple[tuple[Word, ...], tuple[str, ...]]:
    """Read a transcript as the reference's recogniser writes it.

    Returns:
        The words exactly as they stand (an end may be None), and remarks.

    Raises:
        BadSampleError: it is broken.
    """
    remedy = "transcribe the audio again, or delete the file"
    found = read(path, _Transcript, remedy)
    if not found.chunks and isinstance(found.text, str) and found.text.strip():
        raise place_of(path).bad("chunks", "empty, although there is text", remedy)
    words = tuple(Word(chunk.text, *chunk.timestamp) for chunk in found.chunks)
    remarks = (
        f"{path.name}: chunks[{k}].timestamp: ends before it starts; used as it stands"
        for k, word in enumerate(words)
        if word.start_s is not None and word.end_s is not None and word.end_s < word.start_s
    )
    return words, tuple(remarks)


AUDIO_SUFFIXES = (".wav", ".flac")


class FdLayout(NamedTuple):
    """Where the subsets of one version lie.

    Attributes:
        sizes: of each subset, in the order of the published tables, the numbers of samples it may officially
            have.
        within: names of folders that may stand between the root and the subsets.
    """

    sizes: Mapping[str, Collection[int]]
    within: Sequence[str]

    def folders(self, root: Path) -> dict[str, Path]:
        """The subsets that are there, in order; the root may be one subset's folder itself.

        Raises:
            UserError: the folder does not exist, or holds no subset.
        """
        check_folder(root, "give the folder that holds the subsets")
        for base in (root, *(root / name for name in self.within)):
            if found := {name: base / name for name in self.sizes if (base / name).is_dir()}:
                return found
        if root.resolve().name in self.sizes:
            return {root.resolve().name: root}
        what = f"--data {root}: holds none of {', '.join(self.sizes)}"
        raise UserError(what, "give the folder that holds them")

    def is_official(self, root: Path) -> bool:
        """Whether every subset that is there has an official size; raises as `folders`."""
        return all(
            sum(is_number(item.name) for item in folder.iterdir()) in self.sizes[name]
            for name, folder in self.folders(root).items()
        )

    def samples(self, root: Path, subsets: Sequence[str]) -> list[tuple[str, Path]]:
        """Subsets and folders of the samples, by subset (empty means all that are there) and number.

        Raises:
            UserError: as `folders`, or a subset is unknown, is not there, or has no samples.
        """
        folders = self.folders(root)
        found: list[tuple[str, Path]] = []
        for subset in chosen(root, subsets, tuple(self.sizes), folders):
            samples = [p for p in folders[subset].iterdir() if p.is_dir() and is_number(p.name)]
            if not samples:
                raise UserError(f"{folders[subset]}: no samples", "expected {ID}/input.wav, {ID} a number")
            found += [(subset, folder) for folder in sorted(samples, key=lambda p: (int(p.name), p.name))]
        return found


def is_number(name: str) -> bool:
    """Whether a folder's name is a decimal number, as those of samples are."""
    return name.isascii() and name.isdecimal()


def audio_file(folder: Path, stem: str) -> Path:
    """The audio file ``stem`` of a folder. Raises `BadSampleError`: it is missing."""
    if found := find_audio(folder, stem):
        return found
    raise place_of(folder / f"{stem}.wav").bad("", "the file is missing")


def find_audio(folder: Path, stem: str) -> Path | None:
    """The audio file ``stem`` of a folder; None if there is none."""
    return next((path for suffix in AUDIO_SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()), None)


def context_length(folder: Path, what: str) -> tuple[float | None, tuple[str, ...]]:
    """Length in seconds of ``context``, the user's first words, and remarks; None where it cannot be had.

    A remark calls these words ``what``, as in "the question".
    """
    try:
        context = find_audio(folder, "context")
        return (probe(context).duration_s if context else None), ()
    except BadSampleError as error:
        return None, (f"the oracle does not answer {what}: {error}",)


_CLOCK_SLACK_S = 0.5  # more than this and the output is hardly on the input's clock


def find_recordings(root: Path, identify: Callable[[Path], tuple[str, str]]) -> dict[str, tuple[str, Path]]:
    """Every folder below that holds ``input`` or ``output`` audio, numbers in the order of their values.

    Args:
        root: any tree of folders.
        identify: gives a folder's subset and the id of its sample.

    Returns:
        Subset and folder by the sample's id.

    Raises:
        UserError: there is no such folder, no recording in it, or two of one sample.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder", "give the folder that holds the recordings")
    names = {f"{stem}{suffix}" for stem in ("input", "output") for suffix in AUDIO_SUFFIXES}
    folders = [Path(folder) for folder, _, files in os.walk(root) if names & set(files)]
    found: dict[str, tuple[str, Path]] = {}
    for folder in sorted(folders, key=lambda f: [_order(part) for part in f.relative_to(root).parts]):
        subset, sample_id = identify(folder)
        if sample_id in found:
            raise UserError(
                f"{found[sample_id][1]} and {folder} are both sample {sample_id}",
                "import the recordings of one system at a time",
            )
        found[sample_id] = subset, folder
    if not found:
        raise UserError(f"{root}: no recordings", "expected folders with input.wav and output.wav")
    return found


def _order(part: str) -> tuple[int, int, str]:
    return (0, int(part), part) if is_number(part) else (1, 0, part)


def read_recording(sample: Sample, folder: Path, prefix: str = "") -> ImportedExchange:
    """The recording of a sample that has no problem; ``prefix`` is of its files' names.

    Raises:
        BadSampleError: a file is missing or broken.
    """
    audio = audio_file(folder, f"{prefix}output")
    info = probe(audio)
    words: tuple[Word, ...] | None = None
    remarks: tuple[str, ...] = ()
    if (transcript := folder / f"{prefix}output.json").exists():
        words, remarks = read_transcript(transcript)
    notes = [*(f"{audio.name}: {note}" for note in info.notes), *remarks]
    length_s = probe(audio_file(folder, f"{prefix}input")).duration_s
    if abs(info.duration_s - length_s) > _CLOCK_SLACK_S:
        notes.append(f"{audio.name}: {info.duration_s:.2f} s, the input is {length_s:.2f} s")
    return ImportedExchange(replace(sample, notes=(*sample.notes, *notes)), audio, words)
