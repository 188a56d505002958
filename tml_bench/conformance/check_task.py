"""Checks a task before it is run: ``tml-bench check-task``."""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, product
from pathlib import Path

from msgspec import structs

from tml_bench.adapter import StepAdapter
from tml_bench.adapters.reference import AlwaysOn, Oracle, Silent
from tml_bench.blame import in_one_line
from tml_bench.conformance import task_flaws as flaws
from tml_bench.conformance.findings import CaseFinding, CaseVerdict
from tml_bench.conformance.task_flaws import Flaw
from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.perception.recordings import timeline_of
from tml_bench.plugins import load_task
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.runs.identity import sample_hashes
from tml_bench.samples import Sample
from tml_bench.scoring.floors import Baseline, baselines
from tml_bench.scoring.judging import score_all
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession
from tml_bench.task import Task
from tml_bench.timeline import Timeline

PLAYED = 2
"""Of each subset, how many samples are played."""
SCORED = 20
"""Of each subset, how many samples the floor and the ceiling are computed from."""
PLAYERS: dict[str, Callable[[], StepAdapter]] = {"silent": Silent, "oracle": Oracle, "always-on": AlwaysOn}
MOST_FLAWS = 5
"""So many flaws of a case are told; the others are counted."""

Listing = dict[str, tuple[int, int]]
"""Size in bytes and time of change in ns, by path."""


@dataclass(slots=True)
class _Subject:
    """What is checked, and what the cases before found.

    Attributes:
        task: the task.
        data: folder of the data; None for the mini set.
        samples: all of them.
        timelines: what respondents and adapters did, to be scored.
        floors: floor and ceiling by subset and metric.
        listing: the data folder before.
    """

    task: Task
    data: Path | None
    samples: list[Sample]
    timelines: list[tuple[Sample, Timeline]] = field(default_factory=list)
    floors: tuple[Baseline, ...] = ()
    listing: Listing = field(default_factory=dict)

    def some(self, most: int) -> list[Sample]:
        """The first usable samples of each subset."""
        found = []
        for subset in dict.fromkeys(s.subset for s in self.samples):
            own = (s for s in self.samples if s.subset == subset and s.scored and not s.problem)
            found += list(islice(own, most))
        return found


@dataclass(slots=True)
class _Case:
    """What a case saw.

    Attributes:
        flaws: what is wrong; nothing when the case passes.
        detail: what was seen when nothing is wrong.
        remedy: what could be better even so.
    """

    flaws: Iterable[Flaw]
    detail: str
    remedy: str = ""


def check_task(text: str, data: Path | None = None) -> Iterator[CaseFinding]:
    """Check a task; yields each finding as it is known. Without a declaration and samples, nothing else is.

    Args:
        text: a task as given on the command line.
        data: folder of the data; None for the mini set.

    Raises:
        UserError: no such task, or its data is not there.
    """
    yield from checked_task(load_task(text), None if data is None else data.resolve(), text)


def checked_task(task: Task, data: Path | None = None, name: str = "") -> Iterator[CaseFinding]:
    """Check a task that is loaded; as `check_task`.

    Args:
        task: the task.
        data: folder of the data; None for the mini set.
        name: what it is called in the findings; its own name when empty.
    """
    subject = _Subject(task, data, [])
    name = name or task.name
    for case in CASES:
        findings = _findings(name, case, subject)
        yield from findings
        if case in BASIC and findings[0].verdict is CaseVerdict.FAIL:
            return


def _findings(name: str, case: str, subject: _Subject) -> list[CaseFinding]:
    seen = _Case((), "")
    try:
        seen = CASES[case](subject)
        wrong = list(dict.fromkeys(seen.flaws))
    except UserError as error:
        if case == "samples":
            raise
        wrong = [Flaw(error.problem, error.remedy)]
    except Exception as error:
        wrong = [Flaw(in_one_line(error), "put right what the line named gives rise to")]
    if not wrong:
        return [CaseFinding(name, case, CaseVerdict.PASS, seen.detail, seen.remedy)]
    if len(wrong) > MOST_FLAWS:
        wrong[MOST_FLAWS:] = [Flaw(f"and {len(wrong) - MOST_FLAWS} more like these", "")]
    return [CaseFinding(name, case, CaseVerdict.FAIL, *flaw) for flaw in wrong]


def _declaration(subject: _Subject) -> _Case:
    task = subject.task
    found = list(flaws.declaration_flaws(task))
    if found:
        return _Case(found, "")
    return _Case((), f"subsets {', '.join(task.subsets)}; headline {', '.join(task.headline)}")


def _samples(subject: _Subject) -> _Case:
    subject.listing = _listing(subject)
    subject.samples = list(subject.task.samples(subject.data))
    found = flaws.sample_flaws(subject.task, subject.samples, shipped=subject.data is None)
    broken = sum(bool(sample.problem) for sample in subject.samples)
    dataset = subject.task.dataset(subject.data)
    return _Case(found, f"{len(subject.samples)} samples of {dataset}, {broken} with a problem")


def _same_again(subject: _Subject) -> _Case:
    """Loaded again, loaded by subset, and sent to another process, samples are the same."""
    chosen = subject.some(PLAYED)
    again = list(subject.task.samples(subject.data))
    found = []
    if [s.id for s in again] != [s.id for s in subject.samples]:
        found.append(Flaw("samples() gives others the second time", "sort what a folder or a set lists"))
    ids = {sample.id for sample in chosen}
    first, second, sent = (
        sample_hashes(samples, subject.data)
        for samples in (chosen, [s for s in again if s.id in ids], pickle.loads(pickle.dumps(chosen)))
    )
    for name in first:
        if second.get(name, first[name]) != first[name]:
            detail = f"sample {name}: another data hash when it is loaded again"
            found.append(Flaw(detail, "build it from the data alone, without chance and time"))
        if sent[name] != first[name]:
            found.append(Flaw(f"sample {name}: pickling changes it", "let its annotation survive pickle"))
    for subset in dict.fromkeys(sample.subset for sample in chosen):
        others = {s.subset for s in subject.task.samples(subject.data, (subset,)) if s.scored} - {subset}
        if others:
            found.append(
                Flaw(
                    f"samples(subsets=({subset!r},)) gives {min(others)} too", "yield only what is asked for"
                )
            )
    return _Case(found, f"{len(chosen)} samples have the same data hash again, and after pickling")


def _blind(subject: _Subject) -> _Case:
    task, chosen = subject.task, subject.some(SCORED)
    names = [tuple(task.blind(sample)) for sample in chosen]
    differing = [s.id for s, own in zip(chosen, names, strict=True) if set(own) != set(names[0])]
    if differing:
        detail = f"sample {differing[0]}: blind() has other strategies than for {chosen[0].id}"
        return _Case([Flaw(detail, "give the same names for every sample")], "")
    subject.timelines += [(s, t) for s in subject.some(PLAYED) for t in task.blind(s).values()]
    subject.floors = baselines(task, chosen)
    if not names[0]:
        return _Case((), "no strategy, so the report has no floor", "let blind() give some, such as silence")
    level = flaws.saturated(task, subject.floors)
    if not level:
        return _Case((), f"{len(names[0])} strategies, none as good as the ideal respondent")
    detail = ", ".join(f"{strategy} in {subset}" for subset, strategy in level.items())
    advice = "no model can be told from a blind one there: vary what is expected, or when"
    return _Case((), f"{len(names[0])} strategies; as good as the ideal respondent: {detail}", advice)


def _ideal(subject: _Subject) -> _Case:
    task = subject.task
    subject.timelines += [(s, task.ideal(s)) for s in subject.some(PLAYED)]
    shown = [b for b in subject.floors if b.metric in task.headline and b.subset in task.subsets]
    unknown = [b for b in shown if b.ceiling is None]
    detail = "reaches the end of every share of the headline"
    if unknown:
        detail += f"; has no value of {', '.join(f'{b.metric} in {b.subset}' for b in unknown)}"
    return _Case(flaws.ideal_flaws(task, subject.floors), detail)


def _sessions(subject: _Subject) -> _Case:
    """Samples, with their companions, played by adapters with known behaviour."""
    task, chosen = subject.task, subject.some(PLAYED)
    by_id = {sample.id: sample for sample in subject.samples}
    pairs: dict[str, list[tuple[Sample, Timeline]]] = {name: [] for name in PLAYERS}
    with tempfile.TemporaryDirectory(prefix="tml-bench-check-") as folder:
        for name, sample in product(PLAYERS, chosen):
            play = partial(_played, task, name=name, folder=Path(folder, name))
            beside = {role: by_id[other] for role, other in sample.companions.items()}
            companions = {role: play(other) for role, other in beside.items() if not other.problem}
            pairs[name].append((sample, structs.replace(play(sample), companions=companions)))
    subject.timelines += chain.from_iterable(pairs.values())
    played = score_all(task, pairs["oracle"]).scores
    ideal = score_all(task, [(sample, task.ideal(sample)) for sample in chosen]).scores
    detail = f"{len(chosen)} samples play with {', '.join(PLAYERS)}; oracle scores as the ideal respondent"
    return _Case(flaws.oracle_flaws(task, played, ideal), detail)


def _played(task: Task, sample: Sample, name: str, folder: Path) -> Timeline:
    adapter = PLAYERS[name]()
    adapter.warm_up()
    settings, place = Settings(), folder / sample.id
    opened = opened_event(task.name, sample, name, adapter, settings)
    with RecordingWriter(place, opened, clock="simulated", compute=settings.compute) as writer:
        SimulatedSession(task.name, sample, adapter, settings, writer).run()
        writer.close()
    cache = folder / f"{sample.id}.json"
    stretches = partial(task.stretches, sample)
    return timeline_of(Recording(place).facts, cache, "transcript", task.hears_user, stretches)


def _scores(subject: _Subject) -> _Case:
    found = [
        flaw for sample, timeline in subject.timelines for flaw in _scored(subject.task, sample, timeline)
    ]
    return _Case(found, f"{len(subject.timelines)} timelines score alike twice, in range, as declared")


def _scored(task: Task, sample: Sample, timeline: Timeline) -> Iterator[Flaw]:
    questions = task.questions(sample, timeline)
    yield from flaws.question_flaws(task, sample, questions)
    if task.questions(sample, timeline) != questions:
        yield Flaw(f"sample {sample.id}: questions() asks otherwise the second time", "make it pure")
    answers = RuleJudge(task.rules).answer(questions)
    verdicts = {question.key: answer for question, answer in zip(questions, answers, strict=True)}
    backwards = dict(reversed(verdicts.items()))
    for question, answer in zip(questions, answers, strict=True):
        if answer.answer is not None and answer.answer not in question.rubric.answers:
            yield Flaw(
                f"the rule of {question.rubric.name} says {answer.answer!r}", "answer as the rubric lists"
            )
    first, second = (
        task.score(sample, timeline, given) if given else task.score(sample, timeline)
        for given in (verdicts, backwards)
    )
    if first != second:
        yield Flaw(
            f"sample {sample.id}: score() differs the second time", "keep no state and no order of verdicts"
        )
    yield from flaws.score_flaws(task, sample, first)


def _data_folder(subject: _Subject) -> _Case:
    after = _listing(subject)
    return _Case(flaws.changed_files(subject.listing, after), f"{len(after)} files, none written or removed")


def _listing(subject: _Subject) -> Listing:
    """The files a task may read and not write: its data's, and those beside its module."""
    module = getattr(sys.modules.get(type(subject.task).__module__), "__file__", None)
    folders = (subject.data, subject.task.mini, Path(module).parent if module else None)
    found = {}
    for folder in folders:
        for path in folder.rglob("*") if folder is not None else ():
            if path.is_file() and "__pycache__" not in path.parts:
                stat = path.stat()
                found[str(path)] = (stat.st_size, stat.st_mtime_ns)
    return found


CASES: dict[str, Callable[[_Subject], _Case]] = {
    "declaration": _declaration,
    "samples": _samples,
    "same again": _same_again,
    "blind": _blind,
    "ideal": _ideal,
    "sessions": _sessions,
    "scores": _scores,
    "data folder": _data_folder,
}
"""What is looked at, in order."""
BASIC = ("declaration", "samples")
"""Without these, nothing else can be looked at."""
