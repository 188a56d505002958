"""Reading recordings that another harness made.

Every folder that holds ``input`` or ``output`` audio is one item::

    input.wav clean_input.wav output.wav clean_output.wav metadata.json
    [input.json clean_input.json output.json clean_output.json]

below a folder with an official subset's name, which tells what is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tml_bench.errors import BadSampleError, UserError
from tml_bench.task import ImportedExchange
from tml_bench.tasks._fd_bench import find_recordings, is_number, read_recording
from tml_bench.tasks.fd_bench_v15.loader import SUBSETS, read_item, with_problem


def load_imports(root: Path) -> Iterator[ImportedExchange]:
    """Find and read recordings, two per item.

    Raises:
        UserError: there is no such folder, no recording in it, one outside any subset, or two of one item.
    """
    items = find_recordings(root, _identity)
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
            return read_recording(samples[0], folder), read_recording(samples[1], folder, "clean_")
        except BadSampleError as error:
            samples = with_problem(samples, str(error))
    return ImportedExchange(samples[0], None, None), ImportedExchange(samples[1], None, None)
