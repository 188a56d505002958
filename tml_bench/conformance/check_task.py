"""Checks a task before it is run: ``tml-bench check-task``."""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice, product
from pathlib import Path

from msgspec import structs

from tml_bench.adapter import StepAdapter
from tml_bench.adapters.reference import AlwaysOn, Oracle, Silent
from tml_bench.blame import in_one_line
from tml_bench.conformance import CaseFinding, CaseVerdict, task_flaws as flaws
from tml_bench.conformance.scenario_flaws import scenario_flaws
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
from tml_bench.user_stretches import user_spans

PLAYED = 2
"""Of each subset, how many samples are played."""
SCORED = 20
"""Of each subset, how many samples the floor and the ceiling are computed from."""
PLAYERS: dict[str, Callable[[], StepAdapter]] = {"silent": Silent, "oracle": Oracle, "always-on": AlwaysOn}
MOST_FLAWS = 5
"""So many flaws of a case are told; the others are counted."""
Listing = dict[str, tuple[int, int]]
"""Size in bytes and time of change in ns, by path."""


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
    """As `check_task`, of a task that is loaded, called ``name`` in the findings, or else by its own name."""
    check = _TaskCheck(task, data)
    for case in CASES:
        findings = _findings(name or task.name, case, check)
        yield from findings
        if case in BASIC and findings[0].verdict is CaseVerdict.FAIL:
            return


def _findings(name: str, case: str, check: _TaskCheck) -> list[CaseFinding]:
    check.seen = check.advice = ""
    try:
        wrong = list(dict.fromkeys(CASES[case](check)))
    except UserError as error:
        if case == "samples":
            raise
        wrong = [(error.problem, error.remedy)]
    except Exception as error:
        wrong = [(in_one_line(error), "put right what the line named gives rise to")]
    if not wrong:
        return [CaseFinding(name, case, CaseVerdict.PASS, check.seen, check.advice)]
    if len(wrong) > MOST_FLAWS:
        wrong[MOST_FLAWS:] = [(f"and {len(wrong) - MOST_FLAWS} more like these", "")]
    return [CaseFinding(name, case, CaseVerdict.FAIL, *flaw) for flaw in wrong]


class _TaskCheck:
    """The cases, each of which yields flaws, with what the cases before found.

    ``seen`` is what the last case saw, told when nothing is wrong, ``advice`` what could be better even so;
    ``timelines`` are what respondents and adapters did, ``listing`` the files that may be read alone, before.
    """

    def __init__(self, task: Task, data: Path | None) -> None:
        self.task, self.data = task, data
        self.seen = self.advice = ""
        self.samples: list[Sample] = []
        self.timelines: list[tuple[Sample, Timeline]] = []
        self.floors: tuple[Baseline, ...] = ()
        self.listing: Listing = {}

    def some(self, most: int) -> list[Sample]:
        """The first usable samples of each subset."""
        usable = [s for s in self.samples if s.scored and not s.problem]
        subsets = dict.fromkeys(s.subset for s in self.samples)
        return [s for name in subsets for s in islice((u for u in usable if u.subset == name), most)]

    def declaration(self) -> Iterator[Flaw]:
        task = self.task
        self.seen = f"subsets {', '.join(task.subsets)}; headline {', '.join(task.headline)}"
        return flaws.declaration_flaws(task)

    def loading(self) -> Iterator[Flaw]:
        self.listing = _listing(self.task, self.data)
        self.samples = list(self.task.samples(self.data))
        broken = sum(bool(sample.problem) for sample in self.samples)
        dataset = self.task.dataset(self.data)
        self.seen = f"{len(self.samples)} samples of {dataset}, {broken} with a problem"
        yield from flaws.sample_flaws(self.task, self.samples, shipped=self.data is None)
        for sample in self.samples:
            yield from scenario_flaws(sample)

    def same_again(self) -> Iterator[Flaw]:
        """Loaded again, loaded by subset, and sent to another process, samples are the same."""
        chosen = self.some(PLAYED)
        again = list(self.task.samples(self.data))
        if [s.id for s in again] != [s.id for s in self.samples]:
            yield "samples() gives others the second time", "sort what a folder or a set lists"
        ids = {sample.id for sample in chosen}
        first, second, sent = (
            sample_hashes(samples, self.data)
            for samples in (chosen, [s for s in again if s.id in ids], pickle.loads(pickle.dumps(chosen)))
        )
        for name in first:
            if second.get(name, first[name]) != first[name]:
                what = f"sample {name}: another data hash when it is loaded again"
                yield what, "build it from the data alone, without chance and time"
            if sent[name] != first[name]:
                yield f"sample {name}: pickling changes it", "let its annotation survive pickle"
        for subset in dict.fromkeys(sample.subset for sample in chosen):
            others = {s.subset for s in self.task.samples(self.data, (subset,)) if s.scored} - {subset}
            if others:
                what = f"samples(subsets=({subset!r},)) gives {min(others)} too"
                yield what, "yield only what is asked for"
        self.seen = f"{len(chosen)} samples have the same data hash again, and after pickling"

    def blind(self) -> Iterator[Flaw]:
        task, chosen = self.task, self.some(SCORED)
        names = [set(task.blind(sample)) for sample in chosen]
        differing = [s.id for s, own in zip(chosen, names, strict=True) if own != names[0]]
        if differing:
            what = f"sample {differing[0]}: blind() has other strategies than for {chosen[0].id}"
            yield what, "give the same names for every sample"
            return
        self.timelines += [(s, t) for s in self.some(PLAYED) for t in task.blind(s).values()]
        self.floors = baselines(task, chosen)
        if not names[0]:
            self.seen = "no strategy, so the report has no floor"
            self.advice = "let blind() give some, such as silence"
        elif level := flaws.saturated(task, self.floors):
            where = ", ".join(f"{strategy} in {subset}" for subset, strategy in level.items())
            self.seen = f"{len(names[0])} strategies; as good as the ideal respondent: {where}"
            self.advice = "no model can be told from a blind one there: vary what is expected, or when"
        else:
            self.seen = f"{len(names[0])} strategies, none as good as the ideal respondent"

    def ideal(self) -> Iterator[Flaw]:
        task = self.task
        self.timelines += [(s, task.ideal(s)) for s in self.some(PLAYED)]
        shown = [b for b in self.floors if b.metric in task.headline and b.subset in task.subsets]
        unknown = [f"{b.metric} in {b.subset}" for b in shown if b.ceiling is None]
        self.seen = "reaches the end of every share of the headline"
        self.seen += f"; has no value of {', '.join(unknown)}" if unknown else ""
        return flaws.ideal_flaws(task, self.floors)

    def board(self) -> Iterator[Flaw]:
        """The score on the board has a floor, and leaves room above it."""
        score, found = self.task.board, flaws.board_baseline(self.task, self.floors)
        if score is None:
            self.seen = f"none is declared: {self.task.headline[0]} stands for the task"
            self.advice = "declare `board`: one measure that no blind strategy earns, and why"
        elif found is None:
            self.seen = f"no samples of {score.part}, on which {score.metric} is read"
        else:
            floor, ceiling = (_number(value) for value in (found.floor, found.ceiling))
            by = f" by {found.floor_by}" if found.floor_by else ""
            self.seen = f"{score.metric} on {score.part}: floor {floor}{by}, ceiling {ceiling}"
            if flaws.leaves_no_room(self.task, found):
                self.seen += ", saturated"
                self.advice = "nothing can be told from a blind strategy: choose a measure that leaves room"
        return flaws.board_flaws(self.task, self.floors)

    def sessions(self) -> Iterator[Flaw]:
        """Samples, with their companions, played by adapters with known behaviour."""
        task, chosen = self.task, self.some(PLAYED)
        by_id = {sample.id: sample for sample in self.samples}
        pairs: dict[str, list[tuple[Sample, Timeline]]] = {name: [] for name in PLAYERS}
        with tempfile.TemporaryDirectory(prefix="tml-bench-check-") as folder:
            for name, sample in product(PLAYERS, chosen):
                play = partial(_played, task, name=name, folder=Path(folder, name))
                beside = {role: by_id[other] for role, other in sample.companions.items()}
                companions = {role: play(other) for role, other in beside.items() if not other.problem}
                pairs[name].append((sample, structs.replace(play(sample), companions=companions)))
        self.timelines += chain.from_iterable(pairs.values())
        played = score_all(task, pairs["oracle"]).scores
        ideal = score_all(task, [(sample, task.ideal(sample)) for sample in chosen]).scores
        players = ", ".join(PLAYERS)
        self.seen = f"{len(chosen)} samples play with {players}; oracle scores as the ideal respondent"
        return flaws.oracle_flaws(task, played, ideal)

    def scores(self) -> Iterator[Flaw]:
        self.seen = f"{len(self.timelines)} timelines score alike twice, in range, as declared"
        for sample, timeline in self.timelines:
            yield from _scored(self.task, sample, timeline)

    def data_folder(self) -> Iterator[Flaw]:
        after = _listing(self.task, self.data)
        self.seen = f"{len(after)} files, none written or removed"
        return flaws.changed_files(self.listing, after)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


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
    facts, languages = Recording(place).facts, sample.languages
    return timeline_of(
        facts, cache, "transcript", task.hears_user, stretches, languages=languages,
        user_words=task.recognises_user(sample), user_spans=partial(user_spans, task, sample),
    )  # fmt: skip


def _scored(task: Task, sample: Sample, timeline: Timeline) -> Iterator[Flaw]:
    questions = task.questions(sample, timeline)
    yield from flaws.question_flaws(task, sample, questions)
    if task.questions(sample, timeline) != questions:
        yield f"sample {sample.id}: questions() asks otherwise the second time", "make it pure"
    answers = RuleJudge(task.rules).answer(questions)
    verdicts = {question.key: answer for question, answer in zip(questions, answers, strict=True)}
    for question, answer in zip(questions, answers, strict=True):
        if answer.answer is not None and not question.rubric.takes(answer.answer):
            yield f"the rule of {question.rubric.name} says {answer.answer!r}", "answer as the rubric lists"
    backwards = dict(reversed(verdicts.items()))
    first, second = (
        task.score(sample, timeline, given) if given else task.score(sample, timeline)
        for given in (verdicts, backwards)
    )
    if first != second:
        what = f"sample {sample.id}: score() differs the second time"
        yield what, "keep no state and no order of verdicts"
    yield from flaws.score_flaws(task, sample, first)


def _listing(task: Task, data: Path | None) -> Listing:
    """The files a task may read and not write: its data's, and those beside its module."""
    module = getattr(sys.modules.get(type(task).__module__), "__file__", None)
    folders = (data, task.mini, Path(module).parent if module else None)
    paths = chain.from_iterable(folder.rglob("*") for folder in folders if folder is not None)
    files = [path for path in paths if path.is_file() and "__pycache__" not in path.parts]
    return {str(path): (stat.st_size, stat.st_mtime_ns) for path in files for stat in [path.stat()]}


CASES: dict[str, Callable[[_TaskCheck], Iterator[Flaw]]] = {
    "declaration": _TaskCheck.declaration,
    "samples": _TaskCheck.loading,
    "same again": _TaskCheck.same_again,
    "blind": _TaskCheck.blind,
    "ideal": _TaskCheck.ideal,
    "board": _TaskCheck.board,
    "sessions": _TaskCheck.sessions,
    "scores": _TaskCheck.scores,
    "data folder": _TaskCheck.data_folder,
}
"""What is looked at, in order."""
BASIC = ("declaration", "samples")
"""Without these, nothing else can be looked at."""
