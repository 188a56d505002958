"""tml-bench: measures how well a realtime model interacts, on one honest clock.

    import tml_bench

    run = tml_bench.run("fd-bench-v1", "my_model.py:MyModel")
    run.to_pandas()
    tml_bench.compare(run, tml_bench.run("fd-bench-v1", "delayed:700"))
    tml_bench.report([run])

Names are imported when they are first used, so that ``tml-bench --help`` stays fast. To plug in a model see
``tml_bench.adapter``, to add a benchmark ``tml_bench.task``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tml_bench.adapter import LiveAdapter, MicroTurn, Output, SessionStart, StepAdapter
    from tml_bench.api import (
        JudgeOptions,
        MetricComparison,
        Run,
        UnfinishedRunsError,
        compare,
        estimate,
        loops,
        merge,
        run,
        score,
    )
    from tml_bench.errors import UserError
    from tml_bench.recording import Recording
    from tml_bench.report.files import report

__version__ = "0.1.0"

__all__ = [
    "JudgeOptions",
    "LiveAdapter",
    "MetricComparison",
    "MicroTurn",
    "Output",
    "Recording",
    "Run",
    "SessionStart",
    "StepAdapter",
    "UnfinishedRunsError",
    "UserError",
    "__version__",
    "compare",
    "estimate",
    "loops",
    "merge",
    "report",
    "run",
    "score",
]

_PLACES = {
    "tml_bench.adapter": ("LiveAdapter", "MicroTurn", "Output", "SessionStart", "StepAdapter"),
    "tml_bench.api": (
        "JudgeOptions",
        "MetricComparison",
        "Run",
        "UnfinishedRunsError",
        "compare",
        "loops",
        "merge",
        "estimate",
        "run",
        "score",
    ),
    "tml_bench.errors": ("UserError",),
    "tml_bench.recording": ("Recording",),
}


def __getattr__(name: str) -> object:
    """Import what is named."""
    if name == "report":  # the package of that name, which can be called
        return import_module("tml_bench.report")
    place = next((place for place, names in _PLACES.items() if name in names), None)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(place), name)
    return found


def __dir__() -> list[str]:
    """What there is, imported or not."""
    return sorted({*globals(), *__all__})
