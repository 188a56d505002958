"""The metrics of FD-bench v3, in two families: as the reference computes them, and repaired."""

from collections.abc import Iterator
from functools import partial

from tml_bench.task import Axis, BoardScore, Direction, Kind, Metric, Overall
from tml_bench.tasks.fd_bench_v3.annotation import DIFFICULTIES, DOMAINS, FEATURES, ScenarioAnnotation

HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE
CALLS = (1, 2, 3)
"""Numbers of expected calls that have a metric of their own."""

_PASS, _EXACT_PASS = "pass_at_1", "fdb3_pass_at_1"
_GROUPS = {
    **{name: f"{name} requests" for name in DIFFICULTIES},
    **{f"calls_{n}": f"requests that take {n} {'call' if n == 1 else 'calls'}" for n in CALLS},
    **{name.lower(): f"requests with a {name.lower().replace('_', ' ')}" for name in FEATURES},
    "rollback": "requests in which an argument is corrected",
    "no_rollback": "all other requests",
}
"""Groups that overlap, by the ending of their metrics' names."""


def groups_of(item: ScenarioAnnotation) -> tuple[str, ...]:
    """The groups that an item belongs to, besides its domain."""
    calls = [f"calls_{n}" for n in CALLS if n == len(item.expected)]
    rollback = "rollback" if item.rollback else "no_rollback"
    return (item.difficulty, *calls, *(name.lower() for name in item.features), rollback)


def pass_names(item: ScenarioAnnotation, exact: bool) -> tuple[str, ...]:
    """Pass@1 under every name that holds for an item, as in the reference or repaired."""
    name = _EXACT_PASS if exact else _PASS
    return (name, *(f"{name}_{group}" for group in groups_of(item)))


_main = partial(Metric, unit="%", family="repaired")
_exact = partial(Metric, unit="%", family="reference-exact")
_seconds = partial(Metric, unit="s", direction=NEITHER, family="repaired")
_exact_seconds = partial(Metric, unit="s", direction=LOWER, family="reference-exact", spread=True)


def _by_group() -> Iterator[Metric]:
    for name, title, family in (
        (_PASS, "Pass@1", "Pass@1 by group, repaired"),
        (_EXACT_PASS, "FDB Pass@1", "Pass@1 by group, reference-exact"),
    ):
        for group, where in _GROUPS.items():
            yield Metric(
                name=f"{name}_{group}", title=f"{title}, {group.replace('_', ' ')}", unit="%",
                kind=Kind.RATE, family=family, judged=True, describes=f"{title} of {where}.",
            )  # fmt: skip


METRICS = (
    _main(name=_PASS, title="Pass@1", kind=Kind.RATE, judged=True,
          describes="Every expected function is called with the right arguments, its last calls counting, "
          "and no other is."),
    _main(name="tool_f1", title="Tool F1",
          describes="F1 of the names of the functions called, without calls that a later one corrects."),
    _main(name="arguments", title="Arguments", judged=True,
          describes="Share of a request's expected calls whose arguments are right, by the last calls."),
    _main(name="response_quality", title="Response quality", kind=Kind.RATE, judged=True,
          describes="The reply says that all that was asked for has been done, and with what result; silence "
          "does not."),
    _main(name="spoken_fulfilment", title="Spoken fulfilment", kind=Kind.RATIO,
          describes="Share of the values of expected arguments that the reply says, whatever is called."),
    _main(name="corrected", title="Corrected calls", kind=Kind.RATIO, direction=NEITHER,
          describes="Share of calls that a later call of the same function replaces, or that are cancelled."),
    _main(name="turn_take", title="Takes the turn", kind=Kind.RATE, describes="The model says something."),
    _main(name="interruption", title="Interruptions", kind=Kind.RATE, direction=LOWER,
          describes="The model takes the turn before the user's last word ends, where it speaks at all."),
    _main(name="filler", title="Fillers", kind=Kind.RATE, direction=NEITHER, judged=True,
          describes="Something is said before the outcome, or no outcome is, where the model speaks at all."),
    _main(name="preemptive", title="Pre-emptive calls", kind=Kind.RATE, direction=NEITHER,
          describes="The first call comes before the user's last word ends, where there is one."),
    _seconds(name="first_response", title="First response",
             describes="From the end of the user's last word until the model takes the turn, signed."),
    _seconds(name="tool_call", title="Tool call",
             describes="From there to the first call, signed, where the model speaks."),
    _seconds(name="task_completion", title="Task completion", direction=LOWER, judged=True,
             describes="From there to the sentence that tells the outcome, signed, of right replies."),
    _exact(name=_EXACT_PASS, title="FDB Pass@1", kind=Kind.RATE, judged=True,
           describes="The functions called are the expected ones, none more often, and their first calls "
           "have the right arguments."),
    _exact(name="fdb3_tool_f1", title="FDB tool F1",
           describes="F1 of the names of all calls, where the model speaks."),
    _exact(name="fdb3_tool_f1_all", title="FDB tool F1, all", describes="F1 of the names of all calls."),
    _exact(name="fdb3_arguments", title="FDB arguments", judged=True,
           describes="Share of expected calls whose arguments are right, by the first calls, where the model "
           "speaks."),
    _exact(name="fdb3_arguments_all", title="FDB arguments, all", judged=True,
           describes="Share of expected calls whose arguments are right, by the first calls."),
    _exact(name="fdb3_response_quality", title="FDB response quality", kind=Kind.RATE, judged=True,
           describes="The reply is right, where the model speaks."),
    _exact(name="fdb3_interruption", title="FDB interruptions", kind=Kind.RATE, direction=LOWER,
           describes="The first word comes before the user's end by the rule of 2 s, where the model "
           "speaks."),
    _exact(name="fdb3_filler", title="FDB fillers", kind=Kind.RATE, direction=NEITHER, judged=True,
           describes="Something is said before the outcome, where the model speaks and did not interrupt."),
    _exact(name="fdb3_preemptive", title="FDB pre-emptive calls", kind=Kind.RATE, direction=NEITHER,
           describes="The first call comes before the user's end by the rule of 2 s, where there is one."),
    _exact_seconds(name="fdb3_first_response", title="FDB first response",
                   describes="From the user's end by the rule of 2 s to the first word, without "
                   "interruptions."),
    _exact_seconds(name="fdb3_tool_call", title="FDB tool call",
                   describes="From there to the first call, of the same requests."),
    _exact_seconds(name="fdb3_task_completion", title="FDB task completion", judged=True,
                   describes="From there to the sentence that tells the outcome, of the same requests."),
    *_by_group(),
)  # fmt: skip
HEADLINE = (
    _PASS, _EXACT_PASS, "tool_f1", "arguments", "response_quality", "task_completion", "interruption",
    "corrected",
)  # fmt: skip
OVERALL = (Overall("all", DOMAINS),)
BOARD = BoardScore(
    _PASS,
    OVERALL[0].name,
    "A request counts only where every function that it takes is called, with arguments that were heard, and "
    "no other is. So silence, talk without calls, and calling everything get nothing; a call that is "
    "corrected in time does not count against who starts early.",
    axis=Axis.DOING,
    latency="task_completion",
)
NOT_RUN = {
    "median and sample deviation of latencies": "one value per request is in scores.jsonl, and "
    "tml_bench.metrics.tool_use.latency_statistics computes them as the reference does",
    "accents": "the data does not say who speaks with which",
}
