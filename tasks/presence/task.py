"""Presence: staying in the conversation while slow work is done."""

from collections.abc import Mapping, Sequence

from tml_bench.samples import Sample
from tml_bench.task import Strategy
from tml_bench.tasks._common import FolderTask
from tml_bench.tasks.presence import loader, scoring, strategies
from tml_bench.tasks.presence.annotation import BEHAVIOURS
from tml_bench.tasks.presence.rules import RUBRICS, RULES
from tml_bench.timeline import Timeline


class Presence(FolderTask):
    """Slow functions at work while the user goes on."""

    name = "presence"
    title = "Presence: talking while slow work is done"
    subsets = BEHAVIOURS
    metrics = scoring.METRICS
    headline = scoring.HEADLINE
    overall = scoring.OVERALL
    board = scoring.BOARD
    rubrics = RUBRICS
    rules = RULES
    mini = loader.MINI
    data_help = """\
Nothing to get: the set ships. One of your own has the same layout:

    DATA/items.jsonl, audio/*.ogg
"""

    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    questions = staticmethod(scoring.questions)
    marks = staticmethod(scoring.marks)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """The usual ones, and one sentence after each turn of the user."""
        said = strategies.same(strategies.SENTENCES[0], sample)
        return super().blind(sample) | {strategies.USUAL: said}

    def family(self, samples: Sequence[Sample]) -> Mapping[str, Strategy]:
        """Other sentences."""
        return strategies.sentences()
