"""Reading recordings that another harness made: ``input``, ``output`` and ``output.json`` per folder.

Any tree of folders will do. A folder below one with an official subset's name belongs to that subset;
any other belongs to the protocol that its annotation file tells (no such file: backchannel).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.task import ImportedExchange
from tml_bench.tasks._fd_bench.folders import audio_file, recording_folders
from tml_bench.tasks.fd_bench_v1.annotation import Annotation, bad, load_json, number, pair
from tml_bench.tasks.fd_bench_v1.loader import PROTOCOLS, read_sample
from tml_bench.timeline import Word

_TOLD_BY = {
    "pause.json": "pause_handling",
    "turn_taking.json": "smooth_turn_taking",
    "interrupt.json": "user_interruption",
}
_CLOCK_SLACK_S = 0.5  # more than this and the output is hardly on the input's clock


def load_imports(root: Path) -> Iterator[ImportedExchange]:
    """Find and read recordings: every folder that holds ``input`` or ``output`` audio.

    Raises:
        UserError: there is no such folder, or two recordings of one sample.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder", "give the folder that holds the recordings")
    leaves: dict[str, tuple[str, Path]] = {}
    for folder in recording_folders(root):
        subset, sample_id = _identity(root, folder)
        if sample_id in leaves:
            raise UserError(
                f"{leaves[sample_id][1]} and {folder} are both sample {sample_id}",
                "import the recordings of one system at a time",
            )
        leaves[sample_id] = subset, folder
    if not leaves:
        raise UserError(f"{root}: no recordings", "expected folders with input.wav and output.wav")
    return (_imported(root, name, subset, folder) for name, (subset, folder) in leaves.items())


def read_transcript(path: Path) -> tuple[tuple[Word, ...], tuple[str, ...]]:
    """Read ``output.json``, as the reference's recogniser writes it.

    Returns:
        The words exactly as they stand (an end may be None), and remarks.

    Raises:
        BadSampleError: it is broken.
    """
    remedy = "transcribe output.wav again, or delete the file"
    content = load_json(path)
    chunks = content.get("chunks") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(chunks, list):
        raise bad(path, "chunks", "not a list", remedy)
    said = content.get("text", "")
    if not chunks and isinstance(said, str) and said.strip():
        raise bad(path, "chunks", "empty, although there is text", remedy)
    words, remarks = [], []
    for i, chunk in enumerate(chunks):
        if not isinstance(chunk, dict) or not isinstance(chunk.get("text"), str):
            raise bad(path, f"chunks[{i}].text", "missing or not a string", remedy)
        field = f"chunks[{i}].timestamp"
        first, second = pair(path, field, chunk.get("timestamp"))
        start = number(path, f"{field}[0]", first)
        end = None if second is None else number(path, f"{field}[1]", second)
        if end is not None and end < start:
            remarks.append(f"{path.name}: {field}: ends before it starts; used as it stands")
        words.append(Word(chunk["text"], start, end))
    return tuple(words), tuple(remarks)


def _identity(root: Path, folder: Path) -> tuple[str, str]:
    """Subset and id: by the nearest folder with an official name, else by the annotation and the path."""
    for parent in folder.resolve().parents:
        if parent.name in PROTOCOLS:
            below = folder.resolve().relative_to(parent).parts
            return parent.name, _safe((parent.name, *below))
    subset = next((name for file, name in _TOLD_BY.items() if (folder / file).exists()), "backchannel")
    return subset, _safe(folder.relative_to(root).parts or (folder.resolve().name,))


def _safe(parts: Sequence[str]) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(parts)).lstrip(".") or "recording"


def _imported(root: Path, sample_id: str, subset: str, folder: Path) -> ImportedExchange:
    sample = read_sample(sample_id, subset, folder, (root, *folder.parents[:2]))
    if sample.problem:
        return ImportedExchange(sample, None, None)
    words: tuple[Word, ...] | None = None
    remarks: tuple[str, ...] = ()
    try:
        audio = audio_file(folder, "output")
        info = probe(audio)
        if (transcript := folder / "output.json").exists():
            words, remarks = read_transcript(transcript)
    except BadSampleError as error:
        return ImportedExchange(replace(sample, problem=str(error)), None, None)
    notes = [*(f"{audio.name}: {note}" for note in info.notes), *remarks]
    annotation = sample.reference.annotation
    assert isinstance(annotation, Annotation)
    if abs(info.duration_s - annotation.duration_s) > _CLOCK_SLACK_S:
        notes.append(f"{audio.name}: {info.duration_s:.2f} s, the input is {annotation.duration_s:.2f} s")
    return ImportedExchange(replace(sample, notes=(*sample.notes, *notes)), audio, words)
