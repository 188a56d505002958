"""Loading the items of a split with their audio.

A folder of data is a rendered set (see ``rendered``). The shipped one is the task's own folder; a variant
made by ``tml-bench prepare`` lacks ``items.jsonl``, then the shipped items are meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.errors import BadSampleError
from tml_bench.samples import Reference, Sample, Script, UserTurn
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._timed.expected import expected, ideal
from tml_bench.tasks._timed.items import TimedItem, load_items
from tml_bench.tasks._timed.rendered import REMEDY, RenderedItem, check_audio, check_rendered, read_rendered


def load(
    home: Path, folder: Path, split: str, families: Sequence[str], subsets: Sequence[str]
) -> Iterator[Sample]:
    """Load samples in the order of the item file. Broken ones carry ``problem``.

    Args:
        home: the task's own folder.
        folder: the data.
        split: ``dev`` or ``test``.
        families: of the task.
        subsets: those of them to load; empty means all.

    Raises:
        UserError: the folder or a family does not exist, or a file is unusable.
    """
    asked = chosen(folder, subsets, families, families)
    check_folder(folder, "give the folder of a rendered set")
    own = folder / "items.jsonl"
    items = load_items(own if own.is_file() else home / "items.jsonl")
    rendered = read_rendered(folder)
    played = [item for item in items if item.split == split and item.family in asked]
    return (_sample(folder, item, rendered.get(item.id)) for item in played)


def _sample(folder: Path, item: TimedItem, rendered: RenderedItem | None) -> Sample:
    try:
        if rendered is None:
            raise BadSampleError(f"rendered.jsonl: {item.id}: is not there; {REMEDY}")
        check_rendered(item, rendered)
        audio = check_audio(folder, rendered)
        found = expected(item, rendered)
    except BadSampleError as error:
        return Sample(item.id, item.family, problem=str(error))
    turn = UserTurn(audio, label=" … ".join(said.text for said in found.turns))
    end_s = max(said.end_s for said in found.turns)
    script = Script((turn,), tail_s=max(0.0, found.length_s - rendered.duration_s))
    return Sample(item.id, item.family, script, Reference(end_s, ideal(found), found))
