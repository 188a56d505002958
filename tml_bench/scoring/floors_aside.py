"""Floors by rules of several sets of samples, found side by side on the processes that held the sessions.

To find them takes longer than to score all runs, and what is in them hangs on nothing but the samples. Runs
are scored meanwhile, those first whose floors are there first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task
from tml_bench.runs.jobs import CallJob
from tml_bench.runs.pool import Pool
from tml_bench.runs.store import StoredRun
from tml_bench.samples import Sample
from tml_bench.scoring.asking import SampleSet, sample_set
from tml_bench.scoring.floors import Baseline, baselines
from tml_bench.scoring.timelines import RunTimelines

Floors = tuple[Baseline, ...]

MOST_SAMPLES = 2000
"""Larger sets are not sent to other processes, which would hold them a second time."""


def floors_aside(
    runs: Iterable[RunTimelines],
    pool: Pool,
    known: Callable[[StoredRun, SampleSet], bool],
    keep: Callable[[StoredRun, SampleSet, Floors], None],
) -> Iterator[tuple[SampleSet, Floors]]:
    """The floors of the runs' sets of samples that are not ``known``, as they come, where there are several.

    ``keep`` is told of each. What cannot be found there, such as of a task that raises, is left out.
    """
    wanted: dict[SampleSet, tuple[StoredRun, CallJob]] = {}
    for one in runs:
        samples, usable = sample_set(one)
        if samples not in wanted and len(usable) <= MOST_SAMPLES and not known(one.run, samples):
            call = partial(_floors, one.run.file.config.task_source, usable)
            wanted[samples] = one.run, CallJob((len(wanted), one.run.file.config.task), call)
    if len(wanted) < 2:
        return
    asked = {job.key: (samples, run) for samples, (run, job) in wanted.items()}
    # Those of most samples first, as they take longest, and none should be left to one process at the end.
    for _, job in sorted(wanted.values(), key=lambda one: -len(one[0].samples)):
        pool.submit(job)
    for done, result in pool.results():
        if result.outcome is Outcome.VALID:
            samples, run = asked[done.key]
            keep(run, samples, result.value)
            yield samples, result.value


def _floors(task_source: str, samples: Sequence[Sample]) -> Floors:
    return baselines(load_task(task_source), samples)
