"""How far judges agree: one with another, or with people.

Labels are one judge's answers by the id of the question (`tml_bench.judges.sheet.row_id`), so answers from
runs, sheets and caches meet wherever rubric and texts are the same. Measured are those of
`tml_bench.metrics.rater_agreement`; questions about one sample are one independent unit.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from tml_bench.metrics import rater_agreement as of
from tml_bench.metrics.confidence import FloatArray
from tml_bench.questions import Rubric


class MeasuredCoefficient(msgspec.Struct, frozen=True):
    """A coefficient, None where it is not defined, and its 95 % interval.

    Where there is none, ``low`` and ``high`` are None and ``no_interval`` says why.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    no_interval: str = ""


class Agreement(msgspec.Struct, frozen=True):
    """Two judges on one rubric.

    Attributes:
        second: id of the other judge, the reference where one of them is people.
        n: questions both answered.
        only_first: questions that only the first answered.
        only_second: questions that only the second answered.
        accuracy: share of the same answers.
        kappa: Cohen's kappa.
        weighted: Cohen's kappa with quadratic weights; None unless the answers are ordered.
        alpha: Krippendorff's alpha, ordinal where the answers are ordered, else nominal.
        confusion: how often, by answer of the first (rows) and of the second (columns).
    """

    rubric: str
    version: str
    first: str
    second: str
    n: int
    only_first: int
    only_second: int
    accuracy: MeasuredCoefficient
    kappa: MeasuredCoefficient
    weighted: MeasuredCoefficient | None
    alpha: MeasuredCoefficient
    answers: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]


class JointAgreement(msgspec.Struct, frozen=True):
    """All judges together on one rubric: Krippendorff's alpha over the questions at least two answered."""

    rubric: str
    version: str
    judges: tuple[str, ...]
    n: int
    alpha: MeasuredCoefficient


@dataclass(slots=True)
class JudgeLabels:
    """The answers of one judge.

    Attributes:
        answers: by rubric (first 16 digits of its hash), then by question id.
        rubrics: what is known of the rubrics.
        groups: the sample a question is about, where that is known.
    """

    judge: str
    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    rubrics: dict[str, Rubric] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)

    def add(self, rubric: Rubric, question: str, answer: str, group: str = "") -> None:
        """Enter an answer; ``question`` is a `row_id`."""
        key = question.rpartition("-")[2]
        self.answers.setdefault(key, {})[question] = answer
        self.rubrics.setdefault(key, rubric)
        if group:
            self.groups[question] = group

    def on(self, key: str, rubric: Rubric) -> dict[str, str]:
        """Its answers on a rubric, without any that are none of the rubric's."""
        return {q: answer for q, answer in self.answers[key].items() if answer in rubric.answers}


def merged(sources: Sequence[JudgeLabels]) -> list[JudgeLabels]:
    """The sources with those of one judge put together, in the order of first appearance."""
    found: dict[str, JudgeLabels] = {}
    for source in sources:
        into = found.setdefault(source.judge, JudgeLabels(source.judge))
        for key, answers in source.answers.items():
            for question, answer in answers.items():
                into.add(source.rubrics[key], question, answer, source.groups.get(question, ""))
    return list(found.values())


def compare(judges: Sequence[JudgeLabels]) -> tuple[list[Agreement], list[JointAgreement]]:
    """Compare every pair of judges, each once, on every rubric both answered; and all where they are more."""
    rubrics: dict[str, Rubric] = {}
    groups: dict[str, str] = {}
    for labels in judges:
        rubrics = {k: r for k, r in labels.rubrics.items() if r.answers} | rubrics
        groups |= labels.groups
    pairs, joint = [], []
    for key, rubric in sorted(rubrics.items(), key=lambda item: (item[1].name, item[1].version)):
        raters = [labels for labels in judges if key in labels.answers]
        pairs += [_pair(rubric, key, a, b, groups) for a, b in itertools.combinations(raters, 2)]
        if len(raters) > 2:
            joint.append(_joint(rubric, key, raters, groups))
    return pairs, joint


def _pair(
    rubric: Rubric, key: str, first: JudgeLabels, second: JudgeLabels, groups: Mapping[str, str]
) -> Agreement:
    codes = {answer: k for k, answer in enumerate(rubric.answers)}
    a, b = (labels.on(key, rubric) for labels in (first, second))
    both = sorted(a.keys() & b.keys())
    coded = [(codes[a[q]], codes[b[q]]) for q in both]
    units = of.tables([x for x, _ in coded], [y for _, y in coded], len(codes))
    where = [groups.get(q, q) for q in both]
    return Agreement(
        rubric=rubric.name,
        version=str(rubric.version),
        first=first.judge,
        second=second.judge,
        n=len(both),
        only_first=len(a.keys() - b.keys()),
        only_second=len(b.keys() - a.keys()),
        accuracy=_with_interval(float(of.accuracy(units.sum(0))), of.accuracy_interval(units, where)),
        kappa=_measured(units, of.cohen_kappa, where),
        weighted=_measured(units, of.weighted_kappa, where) if rubric.ordered else None,
        alpha=_measured(of.coincidences(coded, len(codes)), _alpha(rubric), where),
        answers=rubric.answers,
        confusion=tuple(tuple(int(n) for n in row) for row in units.sum(0)),
    )


def _joint(
    rubric: Rubric, key: str, raters: Sequence[JudgeLabels], groups: Mapping[str, str]
) -> JointAgreement:
    codes = {answer: k for k, answer in enumerate(rubric.answers)}
    given = [labels.on(key, rubric) for labels in raters]
    asked = sorted({q for answers in given for q in answers})
    units = [[codes[answers[q]] for answers in given if q in answers] for q in asked]
    several = [(q, unit) for q, unit in zip(asked, units, strict=True) if len(unit) > 1]
    matrices = of.coincidences([unit for _, unit in several], len(codes))
    alpha = _measured(matrices, _alpha(rubric), [groups.get(q, q) for q, _ in several])
    judges = tuple(labels.judge for labels in raters)
    return JointAgreement(rubric.name, str(rubric.version), judges, len(several), alpha)


def _alpha(rubric: Rubric) -> of.Coefficient:
    return of.ordinal_alpha if rubric.ordered else of.nominal_alpha


def _measured(units: FloatArray, coefficient: of.Coefficient, groups: Sequence[str]) -> MeasuredCoefficient:
    value = float(coefficient(units.sum(0)))
    return _with_interval(value, of.interval(units, coefficient, groups))


def _with_interval(value: float, found: tuple[float, float] | str) -> MeasuredCoefficient:
    if np.isnan(value):
        return MeasuredCoefficient(None)
    return (
        MeasuredCoefficient(value, None, None, found)
        if isinstance(found, str)
        else MeasuredCoefficient(value, *found)
    )
