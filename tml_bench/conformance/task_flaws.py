"""What can be wrong with a task, each flaw with what to do about it; pure functions of what the task gave."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe
from tml_bench.media.video import probe_video
from tml_bench.questions import Question
from tml_bench.samples import Sample
from tml_bench.scoring.floors import Baseline
from tml_bench.task import Direction, Kind, Metric, Score, Task, Value

SAFE_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._-]+")
"""Ids that can name a folder on every system."""
TINY = 1e-9
ORACLE_TOLERANCE = 0.1
"""What perception may make of a session of the oracle, as a difference of shares."""


class Flaw(NamedTuple):
    """Something wrong.

    Attributes:
        detail: what is wrong, and where.
        remedy: what to do about it.
    """

    detail: str
    remedy: str


def declaration_flaws(task: Task) -> Iterator[Flaw]:
    """Of what is declared: nothing, twice the same, or what names something that does not exist."""
    for name in ("subsets", "metrics", "headline"):
        if not getattr(task, name):
            yield Flaw(f"{name} is empty", "declare it in the class's body")
    metrics, parts = [m.name for m in task.metrics], [*task.subsets, *(o.name for o in task.overall)]
    rubrics = [rubric.name for rubric in task.rubrics]
    for what, names in (("metric", metrics), ("subset", parts), ("rubric", rubrics)):
        for name in _repeated(names):
            yield Flaw(f"the {what} {name} is declared twice", "give each a name of its own")
    for where, named, known in (
        *((f"metric {m.name}", m.subsets, task.subsets) for m in task.metrics),
        *((f"the overall {o.name}", o.subsets, task.subsets) for o in task.overall),
        ("headline", task.headline, metrics),
        ("rules", tuple(task.rules), rubrics),
        ("published() names the metric", tuple(row.metric for row in task.published()), metrics),
        ("published() names the subset", tuple(row.subset for row in task.published()), parts),
    ):
        for name in dict.fromkeys(named):
            if name not in known:
                yield Flaw(f"{where}: {name} is not declared", f"declared are {', '.join(known) or 'none'}")
    if not task.rubrics and any(metric.judged for metric in task.metrics):
        yield Flaw("a metric is judged, but there is no rubric", "declare rubrics, or judged=False")


def sample_flaws(task: Task, samples: Sequence[Sample], shipped: bool) -> Iterator[Flaw]:
    """Of the samples' ids, subsets, companions and files.

    Args:
        task: the task.
        samples: all of them.
        shipped: they are the set that ships, of which nothing may be broken.
    """
    if not any(sample.scored and not sample.problem for sample in samples):
        yield Flaw("there is no sample to score", "let samples() yield some for data=None: a mini set")
    ids = [sample.id for sample in samples]
    for name in _repeated(ids):
        yield Flaw(f"sample {name}: another has the same id", "make ids unique within the task")
    for sample in samples:
        if not SAFE_ID.fullmatch(sample.id):
            yield Flaw(
                f"sample {sample.id!r}: the id cannot name a folder", "use letters, digits, '.', '_' and '-'"
            )
        if sample.subset not in task.subsets:
            yield Flaw(f"sample {sample.id}: subset {sample.subset} is not declared", "add it to subsets")
        for role, other in sample.companions.items():
            if other not in ids:
                yield Flaw(f"sample {sample.id}: companion {role} {other} does not exist", "yield it as well")
        if sample.problem and shipped:
            yield Flaw(f"sample {sample.id}: {sample.problem}", "ship only samples that are whole")
        if not sample.problem:
            yield from _file_flaws(sample)


def _file_flaws(sample: Sample) -> Iterator[Flaw]:
    script = sample.script
    sounds = [turn.audio for turn in script.turns] + [message.audio for message in script.history]
    try:
        for sound in sounds:
            if isinstance(sound, Path):
                probe(sound)
        for video in script.videos:
            probe_video(video.path)
    except BadSampleError as error:
        yield Flaw(
            f"sample {sample.id}: {error}", "set Sample.problem, so that it is counted as invalid by name"
        )


def score_flaws(task: Task, sample: Sample, score: Score) -> Iterator[Flaw]:
    """Of one score: names that are not declared, and values that no mean can be made of."""
    metrics = {metric.name: metric for metric in task.metrics}
    where = f"sample {sample.id}"
    if (score.task, score.subset, score.sample, score.unit) != (
        task.name, sample.subset, sample.id, sample.unit,
    ):  # fmt: skip
        yield Flaw(f"{where}: the score names another task, subset, sample or unit", "take the sample's own")
    for name in (*score.values, *score.missing):
        if name not in metrics:
            yield Flaw(f"{where}: {name} is not declared", f"declare it; declared are {', '.join(metrics)}")
        elif sample.subset not in metrics[name].subsets:
            yield Flaw(f"{where}: {name} does not apply to {sample.subset}", "add it to the metric's subsets")
    for name in score.values.keys() & score.missing.keys():
        yield Flaw(f"{where}: {name} has a value and is missing", "leave out one of the two")
    for name, value in score.values.items():
        if name in metrics and (wrong := _out_of_range(metrics[name], value)):
            yield Flaw(
                f"{where}: {name} is {value.numerator:g} / {value.denominator:g}; {wrong}",
                "see the metric's kind and unit; leave a value out where it does not apply",
            )
    if any("event" not in row for row in score.rows):
        yield Flaw(f"{where}: a row has no event", "say in `event` what the row is about")
    if not _survives_json(score):
        yield Flaw(f"{where}: the score does not survive JSON", "use finite numbers and texts in it")


def _survives_json(score: Score) -> bool:
    try:
        return msgspec.json.decode(msgspec.json.encode(score), type=Score) == score
    except (msgspec.MsgspecError, TypeError):
        return False


def _out_of_range(metric: Metric, value: Value) -> str:
    """What is wrong with a value of a metric; empty when nothing is."""
    if not (math.isfinite(value.numerator) and math.isfinite(value.denominator)):
        return "it must be finite"
    if metric.kind is not Kind.RATIO and value.denominator != 1:
        return f"the denominator of a {metric.kind} is 1"
    if value.denominator < 0:
        return "a denominator is at least 0"
    share = metric.unit == "%" or metric.kind is Kind.RATE
    if share and not -TINY <= value.numerator <= value.denominator * (1 + TINY) + TINY:
        return "a share lies in [0, 1]"
    return ""


def question_flaws(task: Task, sample: Sample, questions: Sequence[Question]) -> Iterator[Flaw]:
    """Of what a judge is asked about one recording."""
    for name in _repeated(question.key for question in questions):
        yield Flaw(f"sample {sample.id}: two questions have the key {name}", "make keys unique")
    for question in questions:
        if question.rubric not in task.rubrics:
            yield Flaw(
                f"sample {sample.id}: the rubric {question.rubric.name} is not declared",
                "add it to the task's rubrics, without which runs are scored without a judge",
            )


def ideal_flaws(task: Task, baselines: Iterable[Baseline]) -> Iterator[Flaw]:
    """Where the ideal respondent does not reach the end of a share's scale, or a blind one is better.

    Only metrics of the headline and single subsets; not times, which an answer at a fixed time may hit.
    """
    for found, metric in _headline(task, baselines):
        if found.ceiling is None or metric.unit == "s":
            continue
        sign, best = (1, 1.0) if metric.direction is Direction.HIGHER else (-1, 0.0)
        where = f"{metric.name} of {found.subset}"
        if metric.unit == "%" and abs(found.ceiling - best) > TINY:
            yield Flaw(
                f"{where}: the ideal respondent gets {found.ceiling:.2%}, not {best:.0%}",
                "put into Reference.ideal, or let ideal() do, all that the metric asks for",
            )
        elif found.floor is not None and sign * (found.floor - found.ceiling) > TINY:
            yield Flaw(
                f"{where}: {found.floor_by} gets {found.floor:.4g}, the ideal respondent {found.ceiling:.4g}",
                "a metric that rewards looking at nothing measures nothing: change it, or ideal()",
            )


def saturated(task: Task, baselines: Iterable[Baseline]) -> dict[str, str]:
    """A blind strategy by subset where it is as good as the ideal respondent on the whole headline."""
    level: dict[str, set[str]] = {}
    for found, _ in _headline(task, baselines):
        if (ceiling := found.ceiling) is not None:
            same = {
                k for k, value in found.blind.items() if value is not None and abs(value - ceiling) <= TINY
            }
            level[found.subset] = level.get(found.subset, same) & same
    return {subset: min(names) for subset, names in level.items() if names}


def _headline(task: Task, baselines: Iterable[Baseline]) -> Iterator[tuple[Baseline, Metric]]:
    """Those of single subsets and metrics of the headline that have a direction."""
    wanted = {
        m.name: m for m in task.metrics if m.name in task.headline and m.direction is not Direction.NONE
    }
    return ((b, wanted[b.metric]) for b in baselines if b.metric in wanted and b.subset in task.subsets)


def oracle_flaws(task: Task, played: Sequence[Score], ideal: Sequence[Score]) -> Iterator[Flaw]:
    """Shares of the headline that the adapter ``oracle`` does not get in a session as the ideal one does.

    Args:
        task: the task.
        played: what recordings of the oracle scored.
        ideal: what the ideal respondent scores on the same samples.
    """
    shares = [m.name for m in task.metrics if m.name in task.headline and m.unit == "%"]
    for own, best in zip(played, ideal, strict=True):
        for name in shares:
            a, b = (_share(score.values.get(name)) for score in (own, best))
            if b is not None and (a is None or abs(a - b) > ORACLE_TOLERANCE):
                got = "no value" if a is None else f"{a:.0%}"
                yield Flaw(
                    f"sample {own.sample}: the adapter oracle gets {got} of {name}, ideal() {b:.0%}",
                    "let Reference.ideal list what ideal() does, at times that a session can keep",
                )


def _share(value: Value | None) -> float | None:
    return None if value is None or not value.denominator else value.numerator / value.denominator


def changed_files(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Flaw]:
    """Files that differ between two listings of a folder, each name with its size and time."""
    for name in sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n)):
        yield Flaw(f"{name} was written or removed", "read data only; make caches in the user's cache folder")


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
