"""What the tasks TimeSpeak and CueSpeak have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Score, Task
from tml_bench.tasks._timed import loader, scoring, strategies
from tml_bench.tasks._timed.meaning_rule import RUBRIC, RULE
from tml_bench.tasks._timed.measures import HEADLINE, metrics, overall
from tml_bench.timeline import Timeline

RULES = {RUBRIC.name: RULE}


class TimedTask(Task):
    """A task of items that say what must be said and when.

    Attributes:
        home: the folder with the items and the shipped rendering.
        split: ``dev`` or ``test``.
    """

    home: Path
    split: str = "dev"
    rubrics = (RUBRIC,)
    rules = RULES
    headline = HEADLINE
    data_help = """\
Nothing to get: both splits ship. A variant (other voices, noise, rate) is made by `tml-bench prepare`:

    DATA/rendering.json, rendered.jsonl, audio/{dev,test}/*.ogg
"""
    questions = staticmethod(scoring.questions)
    blind = staticmethod(strategies.blind)
    ideal = staticmethod(strategies.ideal)
    marks = staticmethod(scoring.marks)

    def __init_subclass__(cls) -> None:
        """Declare the metrics on the families."""
        cls.metrics = metrics(cls.subsets)
        cls.overall = overall(cls.subsets)
        super().__init_subclass__()

    def dataset(self, data: Path | None) -> str:
        """The split and the version of the rendering, such as ``dev-2``."""
        return loader.dataset(data or self.home, self.split)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the items of the split; see ``loader``."""
        return loader.load(self.home, data, self.split, self.subsets, subsets)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording; see ``scoring``."""
        return scoring.score(sample, timeline, verdicts).score(self.name, sample)
