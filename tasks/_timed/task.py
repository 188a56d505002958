"""What the tasks TimeSpeak and CueSpeak have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.samples import Sample
from tml_bench.task import Overall
from tml_bench.tasks._common import FolderTask
from tml_bench.tasks._timed import loader, scoring, strategies
from tml_bench.tasks._timed.meaning_rule import RUBRIC, RULE
from tml_bench.tasks._timed.measures import HEADLINE, metrics
from tml_bench.tasks._timed.rendered import read_rendering

RULES = {RUBRIC.name: RULE}


class TimedTask(FolderTask):
    """A task of items that say what must be said and when.

    Attributes:
        mini: the folder with the items and the shipped rendering.
        split: ``dev`` or ``test``.
    """

    mini: Path
    split: str = "dev"
    rubrics = (RUBRIC,)
    rules = RULES
    headline = HEADLINE
    data_help = """\
Nothing to get: both splits ship. A variant (other voices, noise, rate) is made by `tml-bench prepare`:

    DATA/rendering.json, rendered.jsonl, audio/{dev,test}/*.ogg
"""
    sheet = staticmethod(scoring.score)
    questions = staticmethod(scoring.questions)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    marks = staticmethod(scoring.marks)

    def __init_subclass__(cls) -> None:
        """Declare the metrics on the families."""
        cls.metrics = metrics(cls.subsets)
        cls.overall = (Overall("mean of families", cls.subsets, equal=True),)
        super().__init_subclass__()

    def dataset(self, data: Path | None) -> str:
        """The split and the version of the rendering, such as ``dev-2``."""
        return f"{self.split}-{read_rendering(data or self.mini).version}"

    def load(self, root: Path, subsets: Sequence[str]) -> Iterator[Sample]:
        """Load the items of the split; see ``loader``."""
        return loader.load(self.mini, root, self.split, self.subsets, subsets)
