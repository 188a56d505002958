"""A task whose user answers: three short conversations, whose lines are spoken in the data's folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Reference, Sample
from tml_bench.scenario import Manners, Scenario, Stage
from tml_bench.task import NO_VERDICTS, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline


def scenario(voiced: Path | None = None) -> Scenario:
    """Somebody who wants a table, corrects the time, and wants to hear it again; never quite the same way."""
    stages = (
        Stage("T1", "book for five", ("A table / at five, please.",), ("five",), ("I said at five.",)),
        Stage("T2", "make it six", ("No, wait, / make it six.",), ("six",), ("At six, I said.",)),
        Stage("T3", "hear it again", ("So when / is it?",), ("six",), ("When is my table?",)),
    )
    manners = Manners(hesitation=0.5, backchannel_s=1.5, aside=0.3, tries=2, patience_s=3.0)
    return Scenario(
        "a guest", stages, manners=manners, asides=("Not now, Tom.",), budget_s=40.0, voiced=voiced
    )


REFERENCE = Reference(
    replies=(
        "A table at five, with pleasure, I write that down.",
        "Of course, six instead of the other time, I have changed it for you.",
        "Your table is at six, we look forward to seeing you.",
    ),
    forgotten=(
        "A table at five, with pleasure, I write that down.",
        "Of course, I have changed it for you.",
        "Your table is at five, we look forward to seeing you.",
    ),
)


class Table(Task):
    """Did the user close the conversation?"""

    name = "table"
    title = "Table"
    subsets = ("all",)
    metrics = (Metric(name="closed", title="Closed", unit="%", kind=Kind.RATE),)
    headline = ("closed",)

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """The same user with another seed each."""
        for number in range(3):
            yield Sample(f"table-{number}", "all", reference=REFERENCE, scenario=scenario(data))

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Whether it was the user who said that all was done."""
        closed = {"closed": Value(float(timeline.ended == "closed"))}
        return Score(self.name, sample.subset, sample.id, sample.unit, closed)
