"""What judges need of runs on disk: sheets of what was asked, and agreement from runs, sheets and caches."""

import re
from collections.abc import Sequence, Set
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import structs

from tml_bench.errors import UserError
from tml_bench.files import remove_left_aside, write_atomically, write_output
from tml_bench.judges.cache import JudgeCache, JudgeKey
from tml_bench.judges.sheet import (
    KIND,
    ROW_ID,
    HumanJudge,
    merged as merged_rows,
    read_sheet,
    row_id,
    rows_of,
    to_csv,
    to_page,
)
from tml_bench.judges.spec import openai_of
from tml_bench.own_folder import own_place
from tml_bench.questions import Rubric
from tml_bench.runs.store import NOT_A_RUN
from tml_bench.scoring.judge_labels import Agreement, JointAgreement, JudgeLabels, compare, merged
from tml_bench.scoring.judging import QuestionVerdict
from tml_bench.scoring.result_seals import read_results
from tml_bench.scoring.sheet_sound import RunSounds
from tml_bench.scoring.summary_file import AGREEMENT, VERDICTS, StoredAgreement, stored_summaries
from tml_bench.seals import sealed


class SheetFiles(NamedTuple):
    """A sheet on disk: the CSV to fill in, the same as a page, and how many questions it holds.

    ``added`` of them are new, ``answered`` have an answer, ``heard`` can be heard on the page.
    """

    csv: Path
    page: Path
    rows: int
    added: int
    answered: int
    heard: int


def judged_of(run: Path) -> list[QuestionVerdict]:
    """The questions about a run as last scored, and their verdicts; raises `UserError` for none."""
    if not (run / "run.json").is_file():
        raise UserError(f"{run / 'run.json'} does not exist", NOT_A_RUN)
    if not (run / VERDICTS).is_file():
        raise UserError(
            f"{run / VERDICTS} does not exist",
            f"score the run first: tml-bench score {run}; tasks whose scores need no judge have none",
        )
    return read_results(run / VERDICTS, QuestionVerdict)


def make_sheet(runs: Sequence[Path], out: Path, rubrics: Sequence[str] = (), limit: int = 0) -> SheetFiles:
    """Write the questions of scored runs to a sheet and a page; a sheet there is keeps its rows and answers.

    ``out`` is the CSV; the page stands beside it, under the same name with ``.html``, and a folder with the
    stretches that are judged, where there are recordings, with ``-sound``. Added are questions on
    these rubrics, all where none is named, and at most ``limit``, a random choice that is the same every
    time; 0 for all. Raises as `judged_of`, for no questions, and where ``out`` is something else than a
    sheet.
    """
    asked = [(run, judged) for run in runs for judged in judged_of(run)]
    chosen = [one for one in asked if not rubrics or one[1].question.rubric.name in rubrics]
    if not chosen:
        names = ", ".join(sorted({judged.question.rubric.name for _, judged in asked})) or "none"
        raise UserError("there is no question to put on a sheet", f"rubrics of these runs: {names}")
    page = out.with_suffix(".html")
    if page == out:
        raise UserError(f"--out {out}: the page stands there, beside the sheet", "give a name ending in .csv")
    old = read_sheet(out) if out.exists() else []
    rows = merged_rows(old, rows_of(judged.question for _, judged in chosen), limit)
    sounds = _sounds(out.with_name(f"{out.stem}-sound"), {row.id for row in rows}, chosen)
    write_output(page, to_page(rows, out.name, sounds).encode())
    # Last, for the same command adds to what it finds. Spreadsheets take a file for UTF-8 only when it begins
    # with a byte order mark.
    write_output(out, to_csv(rows).encode("utf-8-sig"))
    answered = sum(bool(row.answer) for row in rows)
    return SheetFiles(out, page, len(rows), len(rows) - len(old), answered, len(sounds))


def _sounds(folder: Path, wanted: Set[str], asked: Sequence[tuple[Path, QuestionVerdict]]) -> dict[str, str]:
    """Cut what is not there yet; the address of what each question's judge hears, as seen from the page.

    A question that was asked about several recordings is heard in the first that is there.
    """
    remove_left_aside(own_place(folder.parent, folder.name))
    runs = {run: RunSounds(run) for run, _ in asked}
    # Only ids that are hashes name files: others were written into the sheet by somebody.
    files = {key: folder / f"{key}.flac" for key in wanted if ROW_ID.fullmatch(key)}
    for run, judged in asked:
        file = files.get(row_id(judged.question))
        if file is not None and not file.is_file():
            clip = runs[run].clip(judged.sample, judged.question)
            if clip is not None:
                write_atomically(file, clip)
    return {key: quote(f"{folder.name}/{file.name}") for key, file in files.items() if file.is_file()}


_SQLITE = b"SQLite format 3\0"


class JudgeComparison(NamedTuple):
    """Every two judges on every rubric, and all together on those that more than two answered."""

    pairs: list[Agreement]
    joint: list[JointAgreement]


def agreement(sources: Sequence[str]) -> JudgeComparison:
    """Compare judges, whose answers are in folders of scored runs, in filled-in sheets and in caches.

    A cache is given as ``FILE`` where one judge's answers are in it, else as ``FILE:openai:OPTIONS``. Sources
    of one judge are put together; two sheets are two people, also when all their answers are the same. Raises
    `UserError` for a source that cannot be read, fewer than two judges, and judges that share no question.
    """
    judges = merged(_people_apart({source: labels_of(source) for source in sources}))
    if len(judges) < 2:
        raise UserError(
            f"these are the answers of one judge alone: {', '.join(j.judge for j in judges)}",
            "give another judge's run, a sheet, or a cache",
        )
    found = JudgeComparison(*compare(judges))
    if not any(pair.n for pair in found.pairs):
        raise UserError(
            "the judges have no question in common",
            "judge the same recordings, with the same versions of the rubrics",
        )
    return found


def _people_apart(found: dict[str, JudgeLabels]) -> list[JudgeLabels]:
    """The labels by source, with sheets of the same answers told apart by their files."""
    first: dict[str, Path] = {}
    for source, labels in found.items():
        path = Path(source)
        if path.is_file() and labels.judge.startswith(f"{KIND} "):
            known = first.setdefault(labels.judge, path)
            if not path.samefile(known):
                labels.judge += f" ({path})"
    return list(found.values())


def labels_of(source: str) -> JudgeLabels:
    """The answers in one source, as for `agreement`; raises where it cannot be read."""
    path = Path(source)
    if path.is_dir():
        return _of_run(path)
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
        return _of_cache(path, "") if head == _SQLITE else _of_sheet(path)
    name, colon, spec = source.partition(":")
    if colon and Path(name).is_file():
        return _of_cache(Path(name), spec)
    raise UserError(
        f"{source} does not exist", "give a run's folder, a sheet, or a cache as FILE:openai:OPTIONS"
    )


def _of_run(run: Path) -> JudgeLabels:
    (summary,) = stored_summaries(run)
    labels = JudgeLabels(summary.facts.judge)
    for judged in judged_of(run):
        if judged.verdict.answer is not None:
            question = judged.question
            labels.add(question.rubric, row_id(question), judged.verdict.answer, judged.sample)
    return labels


def _of_sheet(path: Path) -> JudgeLabels:
    labels = JudgeLabels(HumanJudge(path).id)
    for row in read_sheet(path):
        if row.answer:
            version = int(row.version) if re.fullmatch("[0-9]{1,9}", row.version) else 0
            rubric = Rubric(row.rubric, version, row.instruction, row.allowed, bool(row.ordered))
            labels.add(rubric, row.id, row.answer)
    return labels


def _of_cache(path: Path, spec: str) -> JudgeLabels:
    with closing(JudgeCache(path)) as cache:
        contents = cache.contents()
        judge = _judge(path, spec, {kept.judge for kept in contents})
        rubrics = {kept.rubric.sha256: kept.rubric for kept in contents if kept.judge == judge}
        labels = JudgeLabels(" ".join(judge))
        for (rubric, texts), answer in cache.answers(judge).items():
            if rubric not in rubrics:
                raise UserError(f"{path} is damaged: it has answers on a rubric that it does not hold")
            labels.add(rubrics[rubric], f"{texts[:16]}-{rubric[:16]}", answer)
        return labels


def _judge(path: Path, spec: str, there: set[JudgeKey]) -> JudgeKey:
    """The judge of a cache that is meant."""
    known = "; ".join(sorted(" ".join(judge) for judge in there)) or "no judge"
    if not spec:
        if len(there) != 1:
            raise UserError(f"{path} holds answers of {known}", f"say whose: {path}:openai:model=...")
        return next(iter(there))
    kind, _, options = spec.partition(":")
    if kind != "openai":
        raise UserError(f"{path}: caches hold no answers of {kind!r}", f"give {path}:openai:model=...")
    model, _ = openai_of(options)
    judge = (model.kind, model.model, model.version)
    if judge not in there:
        raise UserError(f"{path} holds no answers of {' '.join(judge)}", f"it holds those of {known}")
    return judge


def save(found: JudgeComparison, runs: Sequence[Path]) -> list[Path]:
    """Keep beside each run how its judge agrees with others; raises `UserError` where it was not compared."""
    written = []
    for run in runs:
        mine = _of_run(run).judge
        pairs = tuple(_seen_from(mine, pair) for pair in found.pairs if mine in (pair.first, pair.second))
        if not pairs:
            raise UserError(f"{run} was judged by {mine}, which was not compared", "give the run as a source")
        content = sealed(msgspec.json.format(msgspec.json.encode(StoredAgreement(pairs))))
        write_output(run / AGREEMENT, content)
        written.append(run / AGREEMENT)
    return written


def _seen_from(judge: str, pair: Agreement) -> Agreement:
    """The pair with the judge first."""
    if pair.first == judge:
        return pair
    return structs.replace(
        pair,
        first=pair.second,
        second=pair.first,
        only_first=pair.only_second,
        only_second=pair.only_first,
        confusion=tuple(zip(*pair.confusion, strict=True)),
    )
