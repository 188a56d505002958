"""The folders of FD-bench data, the same in v1 and v1.5: ``{root}/{subset}/{ID}``, ``{ID}`` a number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.tasks._fd_bench.files import place_of

AUDIO_SUFFIXES = (".wav", ".flac")


def subset_folders(root: Path, subsets: Sequence[str], within: Sequence[str]) -> dict[str, Path]:
    """Find the subsets in a data folder, in their order.

    Args:
        root: holds the subsets, or a folder with them, or is one subset's folder itself.
        subsets: the names that there are.
        within: names of folders that may stand between.

    Raises:
        UserError: the folder does not exist, or holds no subset.
    """
    if not root.is_dir():
        raise UserError(f"--data {root}: no such folder", "give the folder that holds the subsets")
    for base in (root, *(root / name for name in within)):
        found = {name: base / name for name in subsets if (base / name).is_dir()}
        if found:
            return found
    if root.resolve().name in subsets:
        return {root.resolve().name: root}
    raise UserError(f"--data {root}: holds none of {', '.join(subsets)}", "give the folder that holds them")


def have_sizes(folders: Mapping[str, Path], sizes: Mapping[str, Collection[int]]) -> bool:
    """Whether every subset has one of the numbers of samples it should have."""
    return all(
        sum(is_number(item.name) for item in folder.iterdir()) in sizes[name]
        for name, folder in folders.items()
    )


def numbered(
    root: Path, folders: Mapping[str, Path], subsets: Sequence[str], known: Sequence[str]
) -> list[tuple[str, Path]]:
    """The samples' folders with their subsets, by subset and number.

    Args:
        root: named in messages.
        folders: of the subsets that are there.
        subsets: only these, in this order; empty means all that are there.
        known: the names that there are.

    Raises:
        UserError: a subset is unknown, is not there, or has no samples.
    """
    found: list[tuple[str, Path]] = []
    for subset in subsets or folders:
        if subset not in known:
            raise UserError(f"subset {subset}: unknown", f"choose from {', '.join(known)}")
        if subset not in folders:
            raise UserError(f"{root}: subset {subset} is not there", f"choose from {', '.join(folders)}")
        samples = [p for p in folders[subset].iterdir() if p.is_dir() and is_number(p.name)]
        if not samples:
            raise UserError(f"{folders[subset]}: no samples", "expected {ID}/input.wav, {ID} a number")
        found += [(subset, folder) for folder in sorted(samples, key=lambda p: (int(p.name), p.name))]
    return found


def is_number(name: str) -> bool:
    """Whether a folder's name is a decimal number, as those of samples are."""
    return name.isascii() and name.isdecimal()


def audio_file(folder: Path, stem: str) -> Path:
    """The audio file ``stem`` of a folder.

    Raises:
        BadSampleError: it is missing.
    """
    for suffix in AUDIO_SUFFIXES:
        if (path := folder / f"{stem}{suffix}").is_file():
            return path
    raise place_of(folder / f"{stem}.wav").bad("", "the file is missing")


def context_length(folder: Path, what: str) -> tuple[float | None, tuple[str, ...]]:
    """Length in seconds of ``context``, the user's first words, and remarks; None where it cannot be had.

    Args:
        folder: of a sample.
        what: these words in a remark, as in "the question".
    """
    for suffix in AUDIO_SUFFIXES:
        if (path := folder / f"context{suffix}").is_file():
            try:
                return probe(path).duration_s, ()
            except BadSampleError as error:
                return None, (f"the oracle does not answer {what}: {error}",)
    return None, ()
