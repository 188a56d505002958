"""The Python face: what a notebook or a script calls, and all that the command line does.

`tml_bench` gives the same names. See docs/python.md.
"""

from tml_bench.api.comparing import compare_results
from tml_bench.api.comparison import MetricComparison, compare
from tml_bench.api.estimating import estimate
from tml_bench.api.looping import loops
from tml_bench.api.merging import merge
from tml_bench.api.progress import Progress, TerminalProgress
from tml_bench.api.reporting import report_beside
from tml_bench.api.results import Run
from tml_bench.api.running import UnfinishedRunsError, run
from tml_bench.api.scores import JudgeOptions, score

__all__ = [
    "JudgeOptions", "MetricComparison", "Progress", "Run", "TerminalProgress", "UnfinishedRunsError",
    "compare", "compare_results", "estimate", "loops", "merge", "report_beside", "run", "score",
]  # fmt: skip
