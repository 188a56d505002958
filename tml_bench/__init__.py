"""tml-bench: measures how well a realtime model interacts, on one honest clock.

Nothing is imported here, so that ``tml-bench --help`` stays fast; import what you need from
``tml_bench.adapter`` (to plug in a model), ``tml_bench.task`` (to add a benchmark) or
``tml_bench.recording`` (to read what was recorded).
"""

__version__ = "0.1.0"
