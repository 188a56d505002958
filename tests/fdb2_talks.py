"""A user with four goals who takes something back, and conversations with it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Verdict
from tml_bench.samples import Reference, Sample
from tml_bench.scenario import Scenario, Stage
from tml_bench.tasks._common import ScoreSheet
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks.fd_bench_v2.annotation import StagedGoals
from tml_bench.tasks.fd_bench_v2.rules import RULES
from tml_bench.tasks.fd_bench_v2.scoring import questions, score
from tml_bench.timeline import Timeline, UserAct, UserLine

FOUR, FIVE = "four|4", "five|5"
STAGES = (
    Stage("T1", "Book a table for four.", ("A table for four, / please.",), ("table",), ("For four.",)),
    Stage("T2", "Make it five.", ("Sorry, we are five.", "No, five."), (FIVE,), ("Five people it is.",)),
    Stage("T3", "At seven.", ("Could we come at seven?",), ("seven|7",), ("Seven it is.",)),
    Stage(
        "T4", "Confirm it.", ("Please read it all back to me.",), (f"{FOUR}|{FIVE}", "seven|7"), ("Again.",)
    ),
)
GOALS = {stage.name: stage.goal for stage in STAGES}
IDEAL = ("A table for four, gladly.", "Five of you, then.", "Seven is fine.", "A table for five at seven.")
FORGETFUL = (*IDEAL[:3], "A table for four at seven.")


def sample(split: str = "Correction", rules: bool = True, never: tuple[str, ...] = (FOUR,)) -> Sample:
    """Of our own, whose words are known, or as in the official data."""
    name = f"{split}.001"
    item = StagedGoals(name, split, "table", "A table", GOALS)
    user = Scenario("A guest", tuple(Stage(s.name, s.goal) for s in STAGES))
    if rules:
        stages = tuple((stage.name, stage.covered) for stage in STAGES)
        item = structs.replace(item, final=(FIVE, "seven|7"), never=never, stages=stages)
        user = Scenario("A guest", STAGES, hang_up="Goodbye.")
    reference = Reference(annotation=item, replies=IDEAL if rules else ())
    return Sample(name, split, reference=reference, unit=name, scenario=user)


def scored(timeline: Timeline, of: Sample | None = None, **given: str) -> ScoreSheet:
    """The score by rules, and by answers of a judge that are given."""
    one = of or sample()
    asked = questions(one, timeline)
    verdicts = dict(zip([q.key for q in asked], RuleJudge(RULES).answer(asked), strict=True))
    return score(one, timeline, verdicts | {key: Verdict(answer) for key, answer in given.items()})


def value(sheet: ScoreSheet, name: str) -> float | None:
    """A metric's value; None where it has none."""
    found = sheet.values.get(name)
    return None if found is None else found.numerator


def held(
    said: Sequence[tuple[float, float, str]],
    lines: Sequence[tuple[float, float, UserAct, str]],
    length_s: float = 60.0,
    ended: str = "closed",
) -> Timeline:
    """A conversation written out: the model's speech and the user's lines, each with its times."""
    return speaking(
        length_s,
        [Speech(start_s, end_s, text.split()) for start_s, end_s, text in said],
        lines=tuple(UserLine(a, b, f"{act} of {stage}.", act, stage) for a, b, act, stage in lines),
        ended=ended,
    )
