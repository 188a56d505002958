"""Put parts of runs together, and score what comes out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from tml_bench.api.results import Run, RunLike
from tml_bench.api.scores import ScoreOptions, score
from tml_bench.plugins import load_task
from tml_bench.runs.merging import merge_runs


def merge(runs: Sequence[RunLike], out: RunLike = "results", **options: Unpack[ScoreOptions]) -> list[Run]:
    """Put parts of runs together that were made apart, such as shards, and score the whole.

    Example:
        >>> tml_bench.merge(["one/results", "two/results"], "results")

    Args:
        runs: the parts, or folders that hold them; they stay as they are.
        out: folder for the whole runs; one that is there gets what is new.
        **options: as for `tml_bench.score`.

    Returns:
        The whole runs.

    Raises:
        UserError: nothing given is a run, parts differ in more than their samples, or two have one sample.
    """
    for name in options.get("task_files", ()):
        load_task(name)
    return score(merge_runs([Path(run) for run in runs], Path(out)), **options)
