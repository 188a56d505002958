"""What the user of a conversation wants, goal by goal, and what an offline rule can hold against the answers.

Words are given as in `tml_bench.scenario`: alternatives with ``|`` between them, such as ``7|seven``.
"""

import msgspec

SPLITS = DAILY, CORRECTION, TRACKING, SAFETY = ("Daily", "Correction", "EntityTracking", "Safety")
GOALS = ("T1", "T2", "T3", "T4")


class StagedGoals(msgspec.Struct, frozen=True):
    """The goals of one task.

    Attributes:
        task: its id, such as ``Correction.001``.
        split: one of `SPLITS`.
        class_id: its class in the split.
        title: what it is about.
        goals: what the user wants, by name, in the order of `GOALS`.
        final: what the model's turn that confirms in the end must say, each in one of its alternatives;
            empty where only a judge can tell.
        never: what that turn must not say: a value from before a correction, or what is not safe.
        stages: by goal, what the model must say once it was told; empty where any answer will do.
        forgotten: the answers of somebody who loses the correction, in the order of the goals; empty where
            nothing is corrected.
    """

    task: str
    split: str
    class_id: str
    title: str
    goals: dict[str, str]
    final: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    stages: tuple[tuple[str, tuple[str, ...]], ...] = ()
    forgotten: tuple[str, ...] = ()
