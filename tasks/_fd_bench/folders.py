"""The folders of FD-bench data, the same in v1 and v1.5: ``{root}/{subset}/{ID}``, ``{ID}`` a number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.tasks._common.folders import check_folder, chosen
from tml_bench.tasks._fd_bench.files import place_of

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
