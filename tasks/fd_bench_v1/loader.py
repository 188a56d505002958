"""Loading FD-bench v1 from disk.

Layout: ``{root}/{subset}/{ID}/input.wav`` (or ``.flac``), ``{ID}`` a decimal number. The root may
hold the subsets in a folder ``v1_0`` or ``v1.0``, or be one subset's folder itself.

Recordings that another harness made may lie in any tree of folders. A folder below one with an official
subset's name belongs to that subset; any other belongs to the protocol that its annotation file tells (no
such file: backchannel).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe
from tml_bench.samples import Reference, Sample, Script, UserTurn, Utterance
from tml_bench.task import ImportedExchange
from tml_bench.tasks._fd_bench import FdLayout, audio_file, context_length, find_recordings, read_recording
from tml_bench.tasks.fd_bench_v1 import annotation

PROTOCOLS = {
    "candor_pause_handling": "pause_handling",
    "synthetic_pause_handling": "pause_handling",
    "icc_backchannel": "backchannel",
    "candor_turn_taking": "smooth_turn_taking",
    "synthetic_user_interruption": "user_interruption",
}
"""The protocol of each official subset."""

OFFICIAL_SIZES = {
    "candor_pause_handling": (216,),
    "synthetic_pause_handling": (137,),
    "icc_backchannel": (55,),
    "candor_turn_taking": (119,),
    "synthetic_user_interruption": (200,),
}
"""Samples in each subset of the official data."""

_LAYOUT = FdLayout(OFFICIAL_SIZES, ("v1_0", "v1.0"))
_REACTION_S = 0.2  # the mode of gaps between turns in conversation (Stivers et al. 2009)
_HELD_S = 1.5  # how long before an interruption an ideal answer of 2 s can begin and still be interrupted

is_official = _LAYOUT.is_official


def load(root: Path, subsets: Sequence[str] = ()) -> Iterator[Sample]:
    """Load samples by subset and number. Broken ones carry ``problem``.

    Raises:
        UserError: the folder or a subset does not exist, or a subset has no samples.
    """
    return (
        read_sample(f"{subset}-{folder.name}", subset, folder, (root, folder.parent.parent, folder.parent))
        for subset, folder in _LAYOUT.samples(root, subsets)
    )


def read_sample(sample_id: str, subset: str, folder: Path, gt_bases: Sequence[Path]) -> Sample:
    """Read one sample of an official subset, or of a protocol where that is given as the subset.

    The folders ``gt_bases`` may hold the listeners' distribution, or ``evaluation/`` with it.
    """
    context_s, remarks = context_length(folder, "the context")
    try:
        audio = audio_file(folder, "input")
        info = probe(audio)
        reference = _reference(PROTOCOLS.get(subset, subset), folder, info.duration_s, context_s, gt_bases)
    except BadSampleError as error:
        return Sample(sample_id, subset, problem=str(error))
    script = Script((UserTurn(audio),))
    return Sample(sample_id, subset, script, reference, notes=(*info.notes, *remarks))


def _reference(
    protocol: str, folder: Path, duration_s: float, context_s: float | None, gt_bases: Sequence[Path]
) -> Reference:
    """The annotation, and what an ideal respondent says."""
    if protocol == "pause_handling":
        pause = annotation.read_pause(folder, duration_s)
        return Reference(pause.user_end_s, annotation=pause)
    if protocol == "smooth_turn_taking":
        turn = annotation.read_turn_end(folder, duration_s)
        return Reference(turn.user_end_s, (Utterance(turn.user_end_s + _REACTION_S),), turn)
    if protocol == "user_interruption":
        item = annotation.read_interruption(folder, duration_s)
        begins, end = item.interruption
        ideal = [Utterance(end + _REACTION_S)]
        if context_s is not None and context_s + _REACTION_S < begins:
            at = max(context_s + _REACTION_S, begins - _HELD_S)
            ideal.insert(0, Utterance(at, until_s=begins + _REACTION_S))
        return Reference(end, tuple(ideal), item)
    places = (base / part / annotation.GT_FILE for base in gt_bases for part in ("", "evaluation"))
    talk = annotation.read_backchannel(
        folder, duration_s, next((path for path in places if path.is_file()), None)
    )
    onsets = (min(start + _REACTION_S, (start + end) / 2) for start, end in talk.windows or ())
    return Reference(None, tuple(Utterance(at, "backchannel") for at in onsets), talk)


_TOLD_BY = {
    "pause.json": "pause_handling",
    "turn_taking.json": "smooth_turn_taking",
    "interrupt.json": "user_interruption",
}


def load_imports(root: Path) -> Iterator[ImportedExchange]:
    """Find and read recordings.

    Raises:
        UserError: there is no such folder, no recording in it, or two of one sample.
    """
    found = find_recordings(root, lambda folder: _identity(root, folder))
    return (_imported(root, name, subset, folder) for name, (subset, folder) in found.items())


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
    if not sample.problem:
        try:
            return read_recording(sample, folder)
        except BadSampleError as error:
            sample = replace(sample, problem=str(error))
    return ImportedExchange(sample, None, None)
