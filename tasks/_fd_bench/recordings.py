"""Reading recordings that another harness made: ``input``, ``output`` and ``output.json`` per folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.media.audio import probe
from tml_bench.samples import Sample
from tml_bench.task import ImportedExchange
from tml_bench.tasks._fd_bench.files import read_transcript
from tml_bench.tasks._fd_bench.folders import AUDIO_SUFFIXES, audio_file, is_number
from tml_bench.timeline import Word

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
