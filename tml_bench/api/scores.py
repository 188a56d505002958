"""Score recorded runs."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict, Unpack, overload

from tml_bench.api.progress import Progress, shown_by
from tml_bench.api.results import Run, RunLike, SeveralRuns
from tml_bench.errors import UserError
from tml_bench.judges.spec import CACHE_NAME, RULES, JudgeSetup, openai_of
from tml_bench.own_folder import own_place
from tml_bench.perception.perceive import WordMode
from tml_bench.plugins import load_task
from tml_bench.pricing.table import load_prices
from tml_bench.questions import Question
from tml_bench.runs.back_off import Patience
from tml_bench.runs.layout import remove_left
from tml_bench.runs.pool import Pool
from tml_bench.runs.store import StoredRun, open_runs
from tml_bench.scoring.input_fingerprint import InputFingerprints, ScoringSettings
from tml_bench.scoring.kept_results import unchanged_results
from tml_bench.scoring.score import score_runs
from tml_bench.scoring.summary import Summary
from tml_bench.storage.results_place import scored_places


class JudgeOptions(NamedTuple):
    """A judge with its cache and its budget.

    Attributes:
        spec: ``rules``, ``openai:model=NAME,OPTION=VALUE,...`` or ``human:SHEET.csv``.
        cache: where answers of language models are kept; ``judge-cache.sqlite`` beside the runs when None.
        calls: at most so many calls; 0 takes answers from the cache alone, None sets no limit.
        tokens: at most so many tokens.
    """

    spec: str = RULES
    cache: Path | None = None
    calls: int | None = None
    tokens: int | None = None


def judging_by(judge: str | JudgeOptions, beside: Path, shown: Progress) -> JudgeSetup:
    """The judging, with its cache in the folder ``beside`` unless the options say where.

    A ``UserError`` if there is no such judge, its options do not fit, or a link lies where the cache would.
    """
    spec, cache, calls, tokens = JudgeOptions(judge) if isinstance(judge, str) else judge
    setup = JudgeSetup(spec, cache or own_place(beside, CACHE_NAME), calls, tokens)
    if setup.warning:
        shown.warn(setup.warning)
    return setup


def judge_model_of(judge: str | JudgeOptions) -> str:
    """The language model that judges; empty for rules and people. A ``UserError`` as for `judging_by`."""
    kind, _, options = (judge if isinstance(judge, str) else judge.spec).partition(":")
    return openai_of(options)[0].model if kind == "openai" else ""


class ScoreOptions(TypedDict, total=False):
    """What `score` takes beside runs; see there."""

    judge: str | JudgeOptions
    words: WordMode
    jobs: int | None
    step_timeout_s: float
    check_transcripts: bool
    prices: str | os.PathLike[str] | None
    data: str | os.PathLike[str] | None
    task_files: Sequence[str]
    progress: bool | Progress


@overload
def score(runs: RunLike, **options: Unpack[ScoreOptions]) -> Run: ...
@overload
def score(runs: SeveralRuns, **options: Unpack[ScoreOptions]) -> list[Run]: ...
def score(
    runs: RunLike | SeveralRuns,
    *,
    judge: str | JudgeOptions = RULES, words: WordMode = "auto", jobs: int | None = None,
    step_timeout_s: float = 60.0, check_transcripts: bool = False,
    prices: str | os.PathLike[str] | None = None, data: str | os.PathLike[str] | None = None,
    task_files: Sequence[str] = (), progress: bool | Progress = True,
) -> Run | list[Run]:  # fmt: skip
    """Score runs again from their recordings; no model is needed.

    What rules have scored from the same before is not scored anew, see docs/run-folder.md.

    Example:
        >>> run = tml_bench.score("results/fd-bench-v1-mini-1--silent")
        >>> run.summary.metrics[0].estimate.mean

    Args:
        runs: one or several, as `Run`, as its folder, or as its address on shared storage.
        judge: who judges what was said: ``rules``, ``openai:model=NAME,OPTION=VALUE,...``,
            ``human:SHEET.csv``, or `JudgeOptions` with a cache and a budget.
        words: words from the adapter's transcript, else from local recognition (``auto``); or only from one.
        jobs: processes; by default the processors, at most 8.
        step_timeout_s: a recording that takes longer to perceive is given up.
        check_transcripts: hold also transcripts of reference adapters and imported ones against the audio.
        prices: a table of prices of your own, beside the one that ships; what runs cost is said by it.
        data: where the runs' data is now, where it was moved.
        task_files: tasks from files, ``FILE.py:CLASS``, whose code may be run because runs name it.
        progress: show bars; or what shows them.

    Returns:
        The run, or the runs in the order given.

    Raises:
        UserError: a folder is not a run, its data is not where it was or has changed, its task is a file
            that is not named, or there is no such judge.
    """
    shown = shown_by(progress)
    table = load_prices(Path(prices) if prices is not None else None)
    given = [*runs] if isinstance(runs, list | tuple) else [runs]
    if not given:
        raise UserError("there is nothing to score", "give at least one run")
    for name in task_files:
        load_task(name)
    with (
        scored_places(given, shown.tell) as paths,
        judging_by(judge, paths[0].resolve().parent, shown) as judging,
        worker_pool(jobs, step_timeout_s) as pool,
    ):
        moved = Path(data) if data is not None else None
        for path in paths:
            remove_left(path)
        settings = ScoringSettings(words, check_transcripts, table)
        unchanged = {} if moved or judging.spec != RULES else _unchanged(paths, settings)
        opened_ns = time.time_ns()
        opened = open_runs([path for path in paths if path not in unchanged], moved)
        made = iter(scored(opened, pool, settings, judging, shown, opened_ns) if opened else ())
        found = [Run(path, unchanged[path]) if path in unchanged else next(made) for path in paths]
    return found if isinstance(runs, list | tuple) else found[0]


def worker_pool(
    jobs: int | None,
    step_timeout_s: float,
    patience: Patience | None = None,
    tell: Callable[[str], None] = lambda line: None,
    devices: Sequence[str] = (),
) -> Pool:
    """As many processes as asked for; by default one a device, or a processor, then at most 8."""
    size = jobs or len(devices) or min(8, os.cpu_count() or 1)
    if 0 < len(devices) < size:
        tell(f"{size} processes share {len(devices)} devices (--gpus): each that has a model loads it there")
    return Pool(size, step_timeout_s, patience, tell, devices)


def _unchanged(paths: Sequence[Path], settings: ScoringSettings) -> dict[Path, Summary]:
    """The summaries of runs of which nothing has been touched since rules scored them."""
    fingerprints = InputFingerprints(settings)
    found = ((path, unchanged_results(path, fingerprints)) for path in paths)
    return {path: summary for path, summary in found if summary is not None}


def scored(
    runs: Sequence[StoredRun],
    pool: Pool,
    settings: ScoringSettings,
    judging: JudgeSetup,
    shown: Progress,
    opened_ns: int = 0,
) -> list[Run]:
    """Score opened runs, with a bar of what is perceived and one of what a model judges.

    ``opened_ns`` is as `score_runs` takes it.
    """
    with shown.bars() as bar:

        def foresee(questions: Sequence[Question]) -> None:
            if judging.model is None or not questions:
                return
            shown.tell(f"{judging.model.forecast(questions)}; floors and ceilings included")
            todo = judging.model.pending(questions)
            advance = bar("judge", len(todo))
            judging.model.answer(todo, lambda: advance(""))

        heard = bar("perceive", sum(len(run.valid()) for run in runs))
        ahead = foresee if judging.model else None
        found = score_runs(
            runs, pool, heard, settings.words, judging.judge_of, ahead,
            check_all=settings.check_all, prices=settings.prices, opened_ns=opened_ns,
        )  # fmt: skip
    return [Run(run.path, summary) for run, summary in zip(runs, found, strict=True)]
