"""The metrics of FD-bench v2, in three families: by code, by our judge, and as in the reference."""

from collections.abc import Iterator
from functools import partial

from tml_bench.metrics.judged_events import BIN_S, BINS_END_S
from tml_bench.task import Axis, BoardScore, Direction, Kind, Metric, Overall
from tml_bench.tasks.fd_bench_v2.annotation import DAILY, SPLITS

LOWER, NEITHER = Direction.LOWER, Direction.NONE
WITH_TASK = tuple(split for split in SPLITS if split != DAILY)
"""Splits with a score of the task."""
_BINS = round(BINS_END_S / BIN_S)
BIN_NAMES = tuple(f"{k * BIN_S:.0f}_{(k + 1) * BIN_S:.0f}" for k in range(_BINS))
SCORES = ("turn_taking", "instruction_following")
"""What every event is scored by."""
_TITLES = {"turn_taking": "Turn taking", "instruction_following": "Instruction following"}

# All are ratios, since only these have a mean in which the splits weigh alike.
_code = partial(Metric, kind=Kind.RATIO)
_judged = partial(Metric, kind=Kind.RATIO, family="repaired", judged=True)
_exact = partial(Metric, kind=Kind.RATIO, family="reference-exact", judged=True)
_binned = partial(Metric, kind=Kind.RATIO, family="reference-exact, by 15 s", judged=True)


def _reference() -> Iterator[Metric]:
    ways = (
        ("", "", "means over the judge's events, an item at a time"),
        ("_timed", ", timed", "the same over events that end after they start"),
        ("_75", ", 0-75 s", "weighted by the seconds that events last in the first 75"),
        ("_bins", ", five bins", "mean of the first five bins of 15 s, each weighted by seconds"),
    )
    for ending, title, how in ways:
        for name in SCORES:
            yield _exact(
                name=f"fdb2_{name}{ending}",
                title=f"FDB {_TITLES[name].lower()}{title}",
                describes=f"{_TITLES[name]}, 1 to 5: {how}.",
            )
    yield _exact(
        name="fdb2_task_score", title="FDB task score", subsets=WITH_TASK,
        describes="The last score of the task that the judge gives, 1 to 5.",
    )  # fmt: skip
    yield _exact(
        name="fdb2_events", title="FDB events", direction=NEITHER,
        describes="Events with both scores, as many as the judge makes of a conversation.",
    )  # fmt: skip
    for name in SCORES:
        for part in BIN_NAMES:
            where = part.replace("_", "-")
            yield _binned(
                name=f"fdb2_{name}_{part}",
                title=f"FDB {_TITLES[name].lower()}, {where} s",
                describes=f"{_TITLES[name]} of what lies in {where} s, weighted by seconds.",
            )


METRICS = (
    _code(name="success", title="Success", unit="%", judged=True,
          describes="Every goal is answered, the user closes the conversation, and what the model confirms "
          "in the end holds; without conversations that are censored."),
    _code(name="stages", title="Goals", unit="%",
          describes="Share of the goals to which the model says all that is asked for before the next."),
    _code(name="end_reached", title="End reached", unit="%",
          describes="The user says that the conversation is over, and does not hang up."),
    _code(name="censored", title="Censored", unit="%", direction=NEITHER,
          describes="Time ran out while the conversation went forward: neither success nor failure."),
    _code(name="turns_used", title="User turns", direction=NEITHER,
          describes="Turns that the user took, without signs of listening and talk to others."),
    _code(name="time_to_end", title="Time to end", unit="s", direction=LOWER,
          describes="Until the user has said that the conversation is over, where it does."),
    _code(name="interrupts", title="Interrupts", direction=LOWER,
          describes="Turns that the model begins while the user is in one, a conversation; backchannels are "
          "none."),
    _judged(name="turn_taking", title="Turn taking",
            describes="1 to 5, by a judge that sees when both speak."),
    _judged(name="instruction_following", title="Instruction following",
            describes="1 to 5, over the whole conversation."),
    _judged(name="task_score", title="Task score", subsets=WITH_TASK,
            describes="1 to 5: how the correction, the things spoken of, or the danger are dealt with."),
    *_reference(),
)  # fmt: skip
HEADLINE = (
    "success", "stages", "end_reached", "censored", "interrupts", "turn_taking", "instruction_following",
    "task_score", "fdb2_turn_taking_75", "fdb2_instruction_following_75", "fdb2_task_score",
)  # fmt: skip
OVERALL = (Overall("all", SPLITS, equal=True), Overall("all but Daily", WITH_TASK, equal=True))
BOARD = BoardScore(
    "success",
    OVERALL[0].name,
    "A conversation counts only where the user got an answer that fits to each of four goals, closed it by "
    "itself, and was in the end told every value as last given and none that no longer holds. Who says "
    "nothing, or the same to everything, leaves goals without an answer or confirms nothing; who talks on "
    "and on is never told a goal; who repeats all that it has heard says the old value too.",
    axis=Axis.KNOWING,
    provisional="Judged by rules on words, this score is provisional: they know only the wordings that the "
    "set lists.",
)
NOT_RUN = {
    "median and spread over repeated calls of the judge": "the reference asks once; --epochs repeats the "
    "conversation, not the judge",
    "the means of the five bins over items, taken together": "the columns by 15 s are these means; "
    "fdb2_turn_taking_bins takes the mean within each item first",
}
