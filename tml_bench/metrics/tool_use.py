"""The use of functions in one spoken request: which were called, with what, when, and when that was said.

Conventions:
    ``expected`` are the names of the functions that are to be called, ``made`` those of the calls that were
    made, in the order made. Whether the arguments of a call are right is decided elsewhere: ``right(i, j)``
    is that verdict on the made call j as the expected call i, None where there is none. What depends on a
    verdict that is None is None itself; what it cannot change is known. Times are seconds on one clock;
    words are ``(start, end)``. A *latency* is a time minus the user's end: negative where it comes before.

Selection, of names as multisets, m in common:
    recall = m / expected, 1 without expected; precision = m / made, 1 without made;
    F1 = 2 precision recall / (precision + recall), 0 where both are 0. Order does not matter.

Arguments, the share of expected calls whose arguments are right; 1 without expected:
    * ``first``, as in the reference: an expected call is compared with the first call of its name that no
      earlier one has taken; 0 without one. Calls beyond those do not matter, so that a call with a value that
      the user corrects afterwards is the one that is judged.
    * ``last``, repaired: of k expected calls of a name, the last k made count, in whatever order. The ones
      before are *corrected by a later call*.

Pass@1, over one run, so a pass rate. Speech does not matter:
    * ``first``: the names are equal as multisets, and every ``first`` argument is right. Any repeated call
      fails.
    * ``last``: no name was called that is not expected, and every ``last`` argument is right. Calls that were
      corrected do not matter.

User's end:
    * as in the reference: the end of the word before the first gap of more than 2 s, else of the last word.
      An end of 0, which it also takes without words, counts as unknown. A long pause within the request ends
      it there.
    * of the last word.

Latencies: *first response* to the first word, *tool call* to the first call made, *task completion* to the
sentence that says what was asked for. An *interruption* is a negative first response, a *pre-emptive* call
a negative tool call. The reference averages all three where there are words and the first response is not
negative: a model that speaks early leaves all three, with its calls. Repaired, they are signed and kept.
Its statistics: mean, sample standard deviation (ddof 1), and the upper median, element n // 2 of n in order.

Filler: something is said before the sentence that says what was asked for, or without one.

Source: Full-Duplex-Bench v3 (arXiv 2604.04847) and the rules of its public repository, state of May 2026;
what is repaired is ours.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

Interval = tuple[float, float]
Right = Callable[[int, int], bool | None]
"""Whether the arguments of a made call, second, are those of an expected one, first; None: not decided."""

USER_GAP_S = 2.0
"""A longer gap between the user's words ends the request in the reference."""


class ToolSelection(NamedTuple):
    """How well the names of made calls fit the expected ones; all in [0, 1]."""

    precision: float
    recall: float
    f1: float


def selection(expected: Sequence[str], made: Sequence[str]) -> ToolSelection:
    """Precision, recall and F1 of names as multisets; without made and expected ones all are 1."""
    common = (Counter(expected) & Counter(made)).total()
    precision = common / len(made) if made else 1.0
    recall = common / len(expected) if expected else 1.0
    both = precision + recall
    return ToolSelection(precision, recall, 2 * precision * recall / both if both else 0.0)


def first_pairs(expected: Sequence[str], made: Sequence[str]) -> tuple[int | None, ...]:
    """For each expected call the place of the made one it is compared with in the reference; None: none."""
    places = _places(made)
    return tuple(places[name].pop(0) if places[name] else None for name in expected)


def last_calls(expected: Sequence[str], made: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """For each expected call the places of the calls that count for its name; empty where there is none."""
    places, needed = _places(made), Counter(expected)
    return tuple(tuple(places[name][-needed[name] :]) for name in expected)


def corrected(expected: Sequence[str], made: Sequence[str]) -> frozenset[int]:
    """The places of the calls that a later one of the same name replaces; none of a name not expected."""
    places, needed = _places(made), Counter(expected)
    return frozenset(place for name in needed for place in places[name][: -needed[name]])


def first_accuracy(expected: Sequence[str], made: Sequence[str], right: Right) -> float | None:
    """Share of expected calls whose arguments are right by the first call, in [0, 1]."""
    if not expected:
        return 1.0
    found = _first_verdicts(expected, made, right)
    return None if None in found else sum(map(bool, found)) / len(expected)


def last_accuracy(expected: Sequence[str], made: Sequence[str], right: Right) -> float | None:
    """Share of expected calls whose arguments are right by the last calls, in [0, 1]."""
    if not expected:
        return 1.0
    least, most = _last_bounds(expected, made, right)
    return least / len(expected) if least == most else None


def first_passes(expected: Sequence[str], made: Sequence[str], right: Right) -> bool | None:
    """Whether the request is fulfilled as in the reference, by the first calls."""
    if Counter(expected) != Counter(made):
        return False
    found = _first_verdicts(expected, made, right)
    return False if False in found else None if None in found else True


def last_passes(expected: Sequence[str], made: Sequence[str], right: Right) -> bool | None:
    """Whether the request is fulfilled by the last calls, and nothing else was called."""
    if set(made) - set(expected):
        return False
    least, most = _last_bounds(expected, made, right)
    return True if least == len(expected) else None if most == len(expected) else False


def _places(names: Sequence[str]) -> defaultdict[str, list[int]]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places[name].append(place)
    return places


def _first_verdicts(expected: Sequence[str], made: Sequence[str], right: Right) -> list[bool | None]:
    pairs = enumerate(first_pairs(expected, made))
    return [False if j is None else right(i, j) for i, j in pairs]


def _last_bounds(expected: Sequence[str], made: Sequence[str], right: Right) -> tuple[int, int]:
    """How many expected calls are right at least, and at most: undecided verdicts being wrong, or right."""
    verdicts = [{j: right(i, j) for j in places} for i, places in enumerate(last_calls(expected, made))]
    return (
        _most_pairs([[j for j, verdict in row.items() if verdict] for row in verdicts]),
        _most_pairs([[j for j, verdict in row.items() if verdict is not False] for row in verdicts]),
    )


def _most_pairs(choices: Sequence[Collection[int]]) -> int:
    """How many rows can have a choice of their own: a largest matching, by augmenting paths."""
    taken: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for choice in choices[row]:
            if choice not in seen:
                seen.add(choice)
                if choice not in taken or place(taken[choice], seen):
                    taken[choice] = row
                    return True
        return False

    return sum(place(row, set()) for row in range(len(choices)))


def reference_user_end(words: Sequence[Interval]) -> float | None:
    """The user's end as in the reference; None without words, and where it is 0."""
    end_s = 0.0
    for number, (start, end) in enumerate(words):
        if number and start - end_s > USER_GAP_S:
            break
        end_s = end
    return end_s or None


class ToolLatencies(NamedTuple):
    """Seconds from the user's end; None where there is nothing whose latency it is."""

    first_response: float | None = None
    tool_call: float | None = None
    task_completion: float | None = None


def latencies(
    user_end_s: float, response_s: float | None, call_s: float | None, completion_s: float | None
) -> ToolLatencies:
    """The three latencies, signed, of the times of what is said and called; None where it is not."""
    times = (response_s, call_s, completion_s)
    return ToolLatencies(*(None if at is None else at - user_end_s for at in times))


def reference_latencies(found: ToolLatencies) -> ToolLatencies:
    """What the reference keeps of three latencies: all, or none where the first response is negative."""
    kept = found.first_response is not None and found.first_response >= 0
    return found if kept else ToolLatencies()


class LatencyStatistics(NamedTuple):
    """Statistics of latencies in seconds, as the reference prints them; None where they are not defined."""

    n: int
    mean: float | None
    std: float | None
    least: float | None
    most: float | None
    median: float | None


def latency_statistics(values: Sequence[float]) -> LatencyStatistics:
    """Count, mean, sample standard deviation, extremes and upper median; without values all None."""
    if not values:
        return LatencyStatistics(0, None, None, None, None, None)
    ranked = sorted(values)
    std = statistics.stdev(ranked) if len(ranked) > 1 else None
    middle = ranked[len(ranked) // 2]
    return LatencyStatistics(len(ranked), statistics.fmean(ranked), std, ranked[0], ranked[-1], middle)


def has_filler(key_sentence: int | None) -> bool:
    """Whether a reply has a filler, by the place of its sentence that says what was asked for, from 0."""
    return key_sentence != 0
