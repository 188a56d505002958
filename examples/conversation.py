"""Somebody phones a bicycle shop and changes her mind: a whole task whose user answers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tml_bench.questions import Verdicts
from tml_bench.samples import Reference, Sample, Script
from tml_bench.scenario import Fact, Manners, Scenario, Stage
from tml_bench.task import NO_VERDICTS, BoardScore, Direction, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline, UserAct

CALLER = Scenario(
    persona="Ann, whose bicycle has a flat tyre; friendly, and in a hurry.",
    stages=(
        Stage(
            "T1",
            goal="Have the bicycle repaired on Tuesday.",
            lines=("Hello, my bicycle has a flat tyre. / Could I bring it on Tuesday?",),
            covered=("tuesday",),
            again=("So, is Tuesday possible?",),
            values=("tuesday",),
        ),
        Stage(
            "T2",
            goal="Change the day to Thursday.",
            lines=("Oh, wait, I have to work then. / Make it Thursday.", "Ah no, / Thursday, please."),
            covered=("thursday",),
            again=("I need it to be Thursday.",),
            values=("thursday",),
        ),
        Stage(
            "T3",
            goal="Hear which day it is now.",
            lines=("Good. / When shall I come, then?",),
            covered=("thursday",),
            again=("Which day is it now?",),
        ),
    ),
    facts=(
        Fact("name", asked=("name",), lines=("It is Ann Miller.",), values=("Ann",)),
        Fact("phone", asked=("phone|number",), lines=("Five five five, / one two three four.",), stage="T3"),
    ),
    deferrals=("One moment, let us find a day first.",),
    unknown=("I could not say.",),
    manners=Manners(hesitation=0.3, backchannel_s=4.0),
    hang_up="Never mind, I will call somebody else.",
)


class BicycleShop(Task):
    """A caller who books a day, changes it, and wants to hear it again."""

    name = "bicycle-shop"
    title = "Bicycle shop: a caller who changes her mind"
    subsets = ("calls",)
    metrics = (
        Metric(
            name="closed",
            title="Closed",
            unit="%",
            kind=Kind.RATE,
            describes="The caller reached all her goals and said goodbye.",
        ),
        Metric(
            name="repeats",
            title="Repeats",
            direction=Direction.LOWER,
            describes="Turns in which she had to say something again.",
        ),
    )
    headline = ("closed", "repeats")
    board = BoardScore("closed", "calls", "Each goal is closed by words that are told only in the call.")

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """The same caller five times: the seed differs, and with it her words, pauses and gaps."""
        replies = (
            "Of course, we can do it on Tuesday.",
            "Thursday instead of Tuesday, I have changed it.",
            "Please come on Thursday.",
        )
        forgotten = (*replies[:1], "Of course, I have changed it.", "Please come on Tuesday.")
        expected = Reference(replies=replies, forgotten=forgotten)
        for number in range(5):
            script = Script(instructions="You answer the phone of a bicycle shop.")
            yield Sample(f"call-{number}", "calls", script, expected, unit="caller", scenario=CALLER)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """How the call ended, and what had to be said again."""
        repeats = sum(line.act is UserAct.AGAIN for line in timeline.lines)
        values = {"closed": Value(float(timeline.ended == "closed")), "repeats": Value(float(repeats))}
        return Score(self.name, sample.subset, sample.id, sample.unit, values)

    def ideal(self, sample: Sample) -> Timeline:
        """A call in which each goal is reached at once: the ceiling."""
        return Timeline(30.0, ended="closed")

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """What comes of saying nothing, and of never stopping: the floor."""
        return {"silent": Timeline(30.0, ended="hung-up"), "always-on": Timeline(120.0, ended="budget")}
