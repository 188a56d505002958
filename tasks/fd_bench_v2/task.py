"""FD-bench v2 (Full-Duplex-Bench v2): conversations with a user who answers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.samples import Sample
from tml_bench.task import OfficialSize
from tml_bench.tasks._common import FolderTask
from tml_bench.tasks.fd_bench_v2 import judging, loader, reference_judging, rules, scoring, strategies
from tml_bench.tasks.fd_bench_v2.annotation import SPLITS
from tml_bench.tasks.fd_bench_v2.measures import BOARD, HEADLINE, METRICS, NOT_RUN, OVERALL
from tml_bench.tasks.fd_bench_v2.pacing import FAST, SLOW


class FdBenchV2(FolderTask):
    """Full-Duplex-Bench v2: four goals one after the other, in four splits, with a slow examiner."""

    name = "fd-bench-v2"
    title = "FD-bench v2: a conversation with four goals"
    subsets = SPLITS
    metrics = METRICS
    headline = HEADLINE
    overall = OVERALL
    board = BOARD
    not_run = NOT_RUN
    mini = loader.MINI
    official_sizes = tuple(OfficialSize(split, loader.OFFICIAL_TASKS) for split in SPLITS)
    rubrics = (*judging.RUBRICS, *reference_judging.RUBRICS.values())
    rules = rules.RULES
    pacing = SLOW
    budget_s = loader.BUDGET_S
    data_help = """\
The official tasks (CC BY-NC 4.0) are one file of the repository DanielLin94144/Full-Duplex-Bench on GitHub:

    DATA/v2/prompts_staged_200.json          or          DATA/prompts_staged_200.json

Give DATA. Only a language model can play their user, --user llm:..., and only a judge that understands can
tell what the answers are worth, --judge openai:model=...; the set that ships needs neither.
"""

    sheet = staticmethod(scoring.score)
    questions = staticmethod(scoring.questions)
    is_official = staticmethod(loader.is_whole)
    ideal = staticmethod(strategies.ideal)
    blind = staticmethod(strategies.blind)

    def load(self, root: Path, subsets: Sequence[str]) -> Iterator[Sample]:
        """Load the samples, split by split; see ``loader``."""
        return loader.load(root, subsets, self.pacing, self.budget_s)


class FdBenchV2Fast(FdBenchV2):
    """The same with a fast examiner, who waits less, shows that it listens, and barges in."""

    name = "fd-bench-v2-fast"
    title = "FD-bench v2, fast: with an examiner who hurries"
    split_of = FdBenchV2.name
    pacing = FAST


class FdBenchV2Long(FdBenchV2):
    """The same with the slow examiner and half as much time again, in which more conversations end."""

    name = "fd-bench-v2-long"
    title = "FD-bench v2, long: 180 s instead of 120 s"
    split_of = FdBenchV2.name
    budget_s = loader.LONG_BUDGET_S
