"""What can be wrong with a task, each flaw with what to do about it; pure functions of what the task gave."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe
from tml_bench.media.video import probe_video
from tml_bench.names import LONGEST_ID, name_flaw, shown_name
from tml_bench.questions import Question
from tml_bench.samples import Sample
from tml_bench.scoring.floors import Baseline, columns
from tml_bench.task import Direction, Kind, Metric, Overall, Score, Task, Value

TINY = 1e-9
ORACLE_TOLERANCE = 0.1
"""What perception may make of a session of the oracle, as a difference of shares."""


Flaw = tuple[str, str]
"""What is wrong and where, and what to do about it."""


def declaration_flaws(task: Task) -> Iterator[Flaw]:
    """Of what is declared: nothing, twice the same, or what names something that does not exist."""
    for name in ("subsets", "metrics", "headline"):
        if not getattr(task, name):
            yield f"{name} is empty", "declare it in the class's body"
    metrics, parts = [m.name for m in task.metrics], [*task.subsets, *(o.name for o in task.overall)]
    rubrics = [rubric.name for rubric in task.rubrics]
    for what, names in (("metric", metrics), ("subset", parts), ("rubric", rubrics)):
        for name in _repeated(names):
            yield f"the {what} {name} is declared twice", "give each a name of its own"
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
                yield f"{where}: {name} is not declared", f"declared are {', '.join(known) or 'none'}"
    if not task.rubrics and any(metric.judged for metric in task.metrics):
        yield "a metric is judged, but there is no rubric", "declare rubrics, or judged=False"
    for overall in task.overall:
        if overall.weights and not (overall.equal and _weighs(overall)):
            yield f"the overall {overall.name}: its weights", "give equal=True, and each subset one above 0"
    yield from _score_flaws(task)


def _weighs(overall: Overall) -> bool:
    return len(overall.weights) == len(overall.subsets) and all(w > 0 for w in overall.weights)


def _score_flaws(task: Task) -> Iterator[Flaw]:
    """Of the declared score for the board: what it names must be there, and be shown together."""
    if task.board is None:
        return
    name, part = task.board.metric, task.board.part
    shown = {(p.name, m.name): m for p, m in columns(task)}
    if (part, name) not in shown:
        pairs = "the metric applies to every subset of the part, and is a ratio where these weigh alike"
        yield f"board: there is no {name} on {part}", f"name a metric and a part of the task; {pairs}"
    elif shown[part, name].direction is Direction.NONE:
        yield f"board: neither direction of {name} is better", "choose a metric that has a better one"
    if not task.board.fair.strip():
        yield "board: it does not say why nobody earns it blindly", "say so in fair"


def board_flaws(task: Task, baselines: Sequence[Baseline]) -> Iterator[Flaw]:
    """Of the score on these samples: that it has no floor."""
    found = board_baseline(task, baselines)
    if found is not None and found.floor is None:
        what = f"board: {found.metric} on {found.subset} has no floor"
        yield what, "let blind() give strategies, and rules decide what a judge is asked"


def leaves_no_room(task: Task, found: Baseline) -> bool:
    """Whether a blind strategy is as good as the ideal respondent; false where one of them is not known."""
    if found.floor is None or found.ceiling is None:
        return False
    metric = next(m for m in task.metrics if m.name == found.metric)
    sign = 1 if metric.direction is Direction.HIGHER else -1
    return sign * (found.ceiling - found.floor) <= TINY


def board_baseline(task: Task, baselines: Iterable[Baseline]) -> Baseline | None:
    """Floor and ceiling of the declared score; None where none is declared or its part has no data."""
    if task.board is None:
        return None
    wanted = task.board.part, task.board.metric
    return next((b for b in baselines if (b.subset, b.metric) == wanted), None)


def sample_flaws(task: Task, samples: Sequence[Sample], shipped: bool) -> Iterator[Flaw]:
    """Of the samples' ids, subsets, companions and files; of a set that ships nothing may be broken."""
    if not any(sample.scored and not sample.problem for sample in samples):
        yield "there is no sample to score", "let samples() yield some for data=None: a mini set"
    ids = [sample.id for sample in samples]
    for name in _repeated(ids):
        yield f"sample {name}: another has the same id", "make ids unique within the task"
    for sample in samples:
        where = f"sample {sample.id}"
        if flaw := name_flaw(sample.id, LONGEST_ID):
            what = f"sample {shown_name(sample.id)}: the id cannot name a folder: {flaw}"
            yield what, "use letters, digits, '.', '_' and '-'"
        if sample.subset not in task.subsets:
            yield f"{where}: subset {sample.subset} is not declared", "add it to subsets"
        for role, other in sample.companions.items():
            if other not in ids:
                yield f"{where}: companion {role} {other} does not exist", "yield it as well"
        if sample.problem and shipped:
            yield f"{where}: {sample.problem}", "ship only samples that are whole"
        if not sample.problem and (problem := _file_problem(sample)):
            yield f"{where}: {problem}", "set Sample.problem, so that it is counted as invalid by name"


def _file_problem(sample: Sample) -> str:
    script = sample.script
    try:
        for sound in (*(turn.audio for turn in script.turns), *(said.audio for said in script.history)):
            if isinstance(sound, Path):
                probe(sound)
        for video in script.videos:
            probe_video(video.path)
    except BadSampleError as error:
        return str(error)
    return ""


def score_flaws(task: Task, sample: Sample, score: Score) -> Iterator[Flaw]:
    """Of one score: names that are not declared, and values that no mean can be made of."""
    metrics = {metric.name: metric for metric in task.metrics}
    where = f"sample {sample.id}"
    own = (task.name, sample.subset, sample.id, sample.unit)
    if (score.task, score.subset, score.sample, score.unit) != own:
        yield f"{where}: the score names another task, subset, sample or unit", "take the sample's own"
    for name in (*score.values, *score.missing):
        if name not in metrics:
            yield f"{where}: {name} is not declared", f"declare it; declared are {', '.join(metrics)}"
        elif sample.subset not in metrics[name].subsets:
            yield f"{where}: {name} does not apply to {sample.subset}", "add it to the metric's subsets"
    for name in score.values.keys() & score.missing.keys():
        yield f"{where}: {name} has a value and is missing", "leave out one of the two"
    for name, value in score.values.items():
        if name in metrics and (wrong := _out_of_range(metrics[name], value)):
            what = f"{where}: {name} is {value.numerator:g} / {value.denominator:g}; {wrong}"
            yield what, "see the metric's kind and unit; leave a value out where it does not apply"
    if any("event" not in row for row in score.rows):
        yield f"{where}: a row has no event", "say in `event` what the row is about"
    if not _survives_json(score):
        yield f"{where}: the score does not survive JSON", "use finite numbers and texts in it"


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
        yield f"sample {sample.id}: two questions have the key {name}", "make keys unique"
    for question in questions:
        if question.rubric not in task.rubrics:
            what = f"sample {sample.id}: the rubric {question.rubric.name} is not declared"
            yield what, "add it to the task's rubrics, without which runs are scored without a judge"


def ideal_flaws(task: Task, baselines: Iterable[Baseline]) -> Iterator[Flaw]:
    """Where the ideal respondent does not reach the end of a share's scale, or a blind one is better.

    Only metrics of the headline and single subsets; not times, which an answer at a fixed time may hit.
    """
    for found, metric in _headline(task, baselines):
        floor, ceiling = found.floor, found.ceiling
        if ceiling is None or metric.unit == "s":
            continue
        sign, best = (1, 1.0) if metric.direction is Direction.HIGHER else (-1, 0.0)
        where = f"{metric.name} of {found.subset}"
        if metric.unit == "%" and abs(ceiling - best) > TINY:
            what = f"{where}: the ideal respondent gets {ceiling:.2%}, not {best:.0%}"
            yield what, "put into Reference.ideal, or let ideal() do, all that the metric asks for"
        elif floor is not None and sign * (floor - ceiling) > TINY:
            what = f"{where}: {found.floor_by} gets {floor:.4g}, the ideal respondent {ceiling:.4g}"
            yield what, "a metric that rewards looking at nothing measures nothing: change it, or ideal()"


def saturated(task: Task, baselines: Iterable[Baseline]) -> dict[str, str]:
    """A blind strategy by subset where it is as good as the ideal respondent on the whole headline."""
    level: dict[str, set[str]] = {}
    for found, _ in _headline(task, baselines):
        if (ceiling := found.ceiling) is not None:
            same = {k for k, v in found.blind.items() if v is not None and abs(v - ceiling) <= TINY}
            level[found.subset] = level.get(found.subset, same) & same
    return {subset: min(names) for subset, names in level.items() if names}


def _headline(task: Task, baselines: Iterable[Baseline]) -> Iterator[tuple[Baseline, Metric]]:
    """Those of single subsets and metrics of the headline that have a direction."""
    directed = {m.name: m for m in task.metrics if m.direction is not Direction.NONE}
    wanted = directed.keys() & set(task.headline)
    return ((b, directed[b.metric]) for b in baselines if b.metric in wanted and b.subset in task.subsets)


def oracle_flaws(task: Task, played: Sequence[Score], ideal: Sequence[Score]) -> Iterator[Flaw]:
    """Shares of the headline that recordings of the adapter ``oracle`` do not get as ``ideal`` does."""
    shares = [m.name for m in task.metrics if m.name in task.headline and m.unit == "%"]
    for own, best in zip(played, ideal, strict=True):
        for name in shares:
            a, b = (_share(score.values.get(name)) for score in (own, best))
            if b is not None and (a is None or abs(a - b) > ORACLE_TOLERANCE):
                got = "no value" if a is None else f"{a:.0%}"
                what = f"sample {own.sample}: the adapter oracle gets {got} of {name}, ideal() {b:.0%}"
                yield what, "let Reference.ideal list what ideal() does, at times that a session can keep"


def _share(value: Value | None) -> float | None:
    return None if value is None or not value.denominator else value.numerator / value.denominator


def changed_files(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Flaw]:
    """Files that differ between two listings of a folder, each name with its size and time."""
    for name in sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n)):
        yield f"{name} was written or removed", "read data only; make caches in the user's cache folder"


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
