"""What the tasks TimeSpeak and CueSpeak have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Question, Verdicts
from tml_bench.samples import Sample
from tml_bench.task import NO_VERDICTS, Mark, Score, Task
from tml_bench.tasks._timed import loader, scoring, strategies
from tml_bench.tasks._timed.meaning_rule import RUBRIC, RULE
from tml_bench.tasks._timed.measures import HEADLINE, metrics, overall
from tml_bench.timeline import Timeline


class TimedTask(Task):
    """A task of items that say what must be said and when.

    Attributes:
        home: the folder with the items and the shipped rendering.
        split: ``dev`` or ``test``.
    """

    home: Path
    split: str = "dev"
    rubrics = (RUBRIC,)
    rules = {RUBRIC.name: RULE}  # noqa: RUF012
    headline = HEADLINE
    data_help = """\
Nothing to get: both splits ship. A variant (other voices, noise, rate) is made by `tml-bench prepare`:

    DATA/rendering.json, rendered.jsonl, audio/{dev,test}/*.ogg
"""

    def __init_subclass__(cls) -> None:
        """Declare the metrics on the families."""
        cls.metrics = metrics(cls.subsets)
        cls.overall = overall(cls.subsets)

    def dataset(self, data: Path | None) -> str:
        """The split and the version of the rendering, such as ``dev-2``.

        Raises:
            UserError: the folder is no rendered set.
        """
        return loader.dataset(data or self.home, self.split)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the items of the split; see ``loader``.

        Raises:
            UserError: the folder or a family does not exist, or a file is unusable.
        """
        return loader.load(self.home, data, self.split, self.subsets, subsets)

    def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
        """One per utterance and event within reach; see ``scoring``."""
        return scoring.questions(sample, timeline)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording; see ``scoring``."""
        return scoring.score(self.name, sample, timeline, verdicts)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Silence, endless talk, fixed delays, metronomes; see ``strategies``."""
        return strategies.blind(sample)

    def ideal(self, sample: Sample) -> Timeline:
        """Says everything at its time."""
        return strategies.ideal(sample)

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """The user's turns and the windows."""
        return scoring.marks(sample)
