"""Reading recordings that another harness made.

Every folder that holds ``input`` or ``output`` audio is one item::

    input.wav clean_input.wav output.wav clean_output.wav metadata.json
    [input.json clean_input.json output.json clean_output.json]

below a folder with an official subset's name, which tells what is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.samples import Sample
from tml_bench.task import ImportedExchange
from tml_bench.tasks._fd_bench.folders import audio_file, is_number, recording_folders
from tml_bench.tasks.fd_bench_v1.recordings import read_transcript
from tml_bench.tasks.fd_bench_v15.loader import SUBSETS, read_item, with_problem
from tml_bench.timeline import Word

_CLOCK_SLACK_S = 0.5  # more than this and the output is hardly on the input's clock


def load_imports(root: Path) -> Iterator[ImportedExchange]:
    """Find and read recordings, two per item.

    Raises:
        UserError: there is no such folder, no recording in it, one outside any subset, or two of one item.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder", "give the folder that holds the recordings")
    items: dict[str, tuple[str, Path]] = {}
    for folder in recording_folders(root):
        subset, sample_id = _identity(folder)
        if sample_id in items:
            raise UserError(
                f"{items[sample_id][1]} and {folder} are both item {sample_id}",
                "import the recordings of one system at a time",
            )
        items[sample_id] = subset, folder
    if not items:
        raise UserError(f"{root}: no recordings", "expected {subset}/{ID}/input.wav, output.wav, ...")
    return (
        imported
        for sample_id, (subset, folder) in items.items()
        for imported in _item(sample_id, subset, folder)
    )


def _identity(folder: Path) -> tuple[str, str]:
    resolved = folder.resolve()
    subset = resolved.parent.name
    if subset not in SUBSETS:
        raise UserError(
            f"{folder} is in none of {', '.join(SUBSETS)}",
            "put each item at {subset}/{ID}; the subset says what is expected",
        )
    if not is_number(resolved.name):
        raise UserError(f"{folder}: its name is not a number", "name items as in the dataset")
    return subset, f"{subset}-{resolved.name}"


def _item(sample_id: str, subset: str, folder: Path) -> tuple[ImportedExchange, ImportedExchange]:
    samples = read_item(sample_id, subset, folder)
    if not samples[0].problem:
        try:
            return _read(samples[0], folder, ""), _read(samples[1], folder, "clean_")
        except BadSampleError as error:
            samples = with_problem(samples, str(error))
    return ImportedExchange(samples[0], None, None), ImportedExchange(samples[1], None, None)


def _read(sample: Sample, folder: Path, prefix: str) -> ImportedExchange:
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
