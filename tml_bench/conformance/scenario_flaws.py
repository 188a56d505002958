"""What can be wrong with a scenario that a simulated user plays, each flaw with what to do about it."""

from collections import Counter
from collections.abc import Iterator

from tml_bench.conformance.task_flaws import Flaw
from tml_bench.samples import Sample
from tml_bench.scenario import Scenario
from tml_bench.users.matching import says
from tml_bench.users.staged import staged_lines, unpieced
from tml_bench.users.voicing import VoiceStore, unvoiced


def scenario_flaws(sample: Sample) -> Iterator[Flaw]:
    """Of names, of what lines tell before it is their turn, and of lines that were to be spoken."""
    scenario, where = sample.scenario, f"sample {sample.id}"
    if scenario is None or sample.problem:
        return
    if sample.script.turns or sample.script.texts or sample.script.videos:
        yield f"{where}: it has a scenario, and its script has turns", "leave turns, texts and videos out"
    if not scenario.stages:
        yield f"{where}: its scenario has no stages", "give the user something to want"
    yield from _name_flaws(where, scenario)
    if not says(scenario.closing, scenario.end_phrase):
        yield f"{where}: the closing does not say {scenario.end_phrase!r}", "let it end with the end phrase"
    yield from _early_flaws(where, scenario)
    if scenario.voiced is not None:
        for piece in unvoiced(VoiceStore((scenario.voiced,)), scenario.voice, staged_lines(scenario)):
            yield f"{where}: {piece!r} is not spoken in {scenario.voiced.name}", "render it into the store"


def _name_flaws(where: str, scenario: Scenario) -> Iterator[Flaw]:
    names = [stage.name for stage in scenario.stages]
    for name in (name for name, times in Counter(names).items() if times > 1):
        yield f"{where}: two stages are called {name}", "give each a name of its own"
    named = [("silent_at", name) for name in scenario.manners.silent_at]
    named += [(f"fact {fact.name}", fact.stage) for fact in scenario.facts if fact.stage]
    for what, name in named:
        if name not in names:
            yield (
                f"{where}: {what} names the stage {name}, which there is not",
                f"there are {', '.join(names)}",
            )
    written = [line for stage in scenario.stages for line in (*stage.lines, *stage.again)]
    written += [line for fact in scenario.facts for line in fact.lines]
    written += [*scenario.deferrals, *scenario.unknown]
    for line in (line for line, times in Counter(map(unpieced, written)).items() if times > 1):
        yield f"{where}: {line!r} is written twice", "no line is said twice: word it otherwise"


def _early_flaws(where: str, scenario: Scenario) -> Iterator[Flaw]:
    """Lines of a stage that say what a later one is to tell."""
    for number, stage in enumerate(scenario.stages):
        later = [value for after in scenario.stages[number + 1 :] for value in after.values]
        for line in (*stage.lines, *stage.again):
            for value in (value for value in later if says(unpieced(line), value)):
                yield f"{where}: {unpieced(line)!r} tells {value!r} too early", "leave it to its own stage"
