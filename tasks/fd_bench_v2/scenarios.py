"""From a task to the user that is to be simulated.

Only a language model can play the official tasks. It is given their two prompts and, after them, ours: that
it is told which goal it is at, may close, and how. What it is to reveal is taken from ``staged_reveal``.
"""

from pathlib import Path

import msgspec

from tml_bench.scenario import Fact, Manners, Scenario, Stage
from tml_bench.tasks.fd_bench_v2.annotation import GOALS, StagedGoals
from tml_bench.tasks.fd_bench_v2.prompt_file import END_PHRASE, PromptTask, UserWords

OFFICIAL_TURNS = 8
"""Most turns in an official task: the five that its prompt allows, two beside them, and the end."""
OFFICIAL_VOICE = "us-m-1"
ADDITION = (
    "How this conversation is run: before each of your turns you are told which of the goals T1 to T4 you "
    "are at, and what was said. Say only what you would say aloud, in one or two sentences. Stay at the goal "
    "until the other has taken it up, then go on to the next one; do not go back, and tell nothing that "
    "belongs to a later goal. If you are asked for something that you were not told, say that you do not "
    "know. Never talk while the other does. Once the last goal is taken up, or if the other cannot help, you "
    f"may close: say a short goodbye that ends with the words '{END_PHRASE}'."
)
"""What a language model that plays an official task is told besides the benchmark's prompts."""


def scenario_of(task: PromptTask, pacing: Manners, budget_s: float, voiced: Path) -> Scenario:
    """The user of a task; arguments as in ``loader.load``. ``voiced`` is used where it is a folder."""
    if task.user is not None:
        return _written(task, task.user, pacing, budget_s, voiced if voiced.is_dir() else None)
    prompts = (task.examiner_system_prompt, task.examiner_task_prompt, ADDITION)
    role = (task.examiner_task_prompt or "").strip().splitlines()[0]
    return Scenario(
        role,
        tuple(Stage(name, goal) for name, goal in goals_of(task).items()),
        manners=pacing,
        voice=OFFICIAL_VOICE,
        end_phrase=END_PHRASE,
        prompt="\n\n".join(prompt.strip() for prompt in prompts if prompt),
        budget_s=budget_s,
        turn_limit=OFFICIAL_TURNS,
    )


def _written(
    task: PromptTask, user: UserWords, pacing: Manners, budget_s: float, voiced: Path | None
) -> Scenario:
    words = [getattr(user.stages, name) for name in GOALS]
    return Scenario(
        user.persona,
        tuple(
            Stage(name, goal, said.lines, said.covered, said.again, said.values)
            for (name, goal), said in zip(goals_of(task).items(), words, strict=True)
        ),
        tuple(Fact(**msgspec.structs.asdict(fact)) for fact in user.facts),
        user.manners.over(pacing),
        user.voice,
        user.closing,
        END_PHRASE,
        user.deferrals,
        user.unknown,
        user.backchannels,
        user.asides,
        user.hang_up,
        budget_s=budget_s,
        voiced=voiced,
    )


def goals_of(task: PromptTask) -> dict[str, str]:
    """What the user wants, by name, in order."""
    return {name: getattr(task.staged_reveal, name) for name in GOALS}


def annotated(task: PromptTask, scenario: Scenario) -> StagedGoals:
    """The annotation of a task."""
    about = (task.id, task.split, task.class_id, task.scenario_title, goals_of(task))
    if task.user is None:
        return StagedGoals(*about)
    stages = tuple((stage.name, stage.covered) for stage in scenario.stages)
    return StagedGoals(*about, task.user.final, task.user.never, stages, task.user.forgotten)
