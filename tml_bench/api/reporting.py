"""The report of runs beside them."""

import os
from collections.abc import Sequence
from pathlib import Path

from tml_bench.api.results import Run
from tml_bench.report.files import report
from tml_bench.report.folders import free_folder
from tml_bench.scoring.epochs import united
from tml_bench.storage.address import is_shared
from tml_bench.storage.shared_place import SharedPlace


def report_beside(runs: Sequence[Run], out: str | os.PathLike[str]) -> Path:
    """Report over runs into ``report`` in their place, or the next free of ``report-2``, ...

    Args:
        runs: scored runs.
        out: their folder, or its address on shared storage.

    Returns:
        The path of the first page; of an address, in its mirror.

    Raises:
        UserError: the store refuses, or is away for too long.
    """
    summaries = united(run.summary for run in runs)
    if not is_shared(out):
        return report(runs, free_folder(Path(out) / "report", summaries))
    place = SharedPlace(os.fspath(out))
    place.fetch_reports()
    name = free_folder(place.folder / "report", summaries).name
    return report(runs, f"{os.fspath(out).rstrip('/')}/{name}")
