"""Which runs a report is over, and which folder it may be written to."""

import glob
import itertools
from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.scoring.stored_values import outline
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import from_json

_FILES = ("index.html", "report.json")
"""What shows that a folder holds a report."""


def run_folders(given: Iterable[str | PathLike[str]]) -> tuple[list[Path], list[str]]:
    """Turn what a user names into folders of runs: runs, patterns like ``results/*`` and folders of runs.

    Returns the folders, each once and in the order in which they are named (those in a folder by name), and
    a word about each entry of a folder or pattern that was skipped because it is no scored run. What is named
    by itself is never skipped: where it holds neither a run nor runs it is returned as it is, and reading it
    says what is wrong. Raises `UserError` where a pattern matches nothing, and where nothing given holds a
    run.
    """
    found: dict[Path, Path] = {}
    skipped: list[str] = []
    for one in given:
        path = Path(fspath(one))
        runs, words = _matches(path) if _is_pattern(path) else _one(path)
        skipped += words
        for run in runs:
            found.setdefault(run.resolve(), run)
    if not found:
        raise UserError(
            "; ".join(skipped) or "no run was given",
            "Name scored runs or the folder that holds them, like results; tml-bench run makes some",
        )
    return list(found.values()), skipped


def refuse_to_replace(out: Path, summaries: Sequence[Summary]) -> None:
    """Raise `UserError` if a report stands in the folder that would be lost, because it has other runs.

    One over the same runs, or some of them, is only brought up to date.
    """
    if other := _lost(out, summaries):
        raise UserError(
            f"{out} holds a report over {other}, which would be lost",
            f"Choose another folder with --out, name these runs too, or remove {out}",
        )


def free_folder(out: Path, summaries: Sequence[Summary]) -> Path:
    """The folder itself if no other report is lost by writing there, else ``out-2``, ``out-3``, ..."""
    numbered = (out.with_name(f"{out.name}-{k}") for k in itertools.count(2))
    return next(path for path in itertools.chain([out], numbered) if not _lost(path, summaries))


def _lost(out: Path, summaries: Sequence[Summary]) -> str:
    """What would be lost by writing a report over these runs; empty for nothing."""
    if not any((out / name).exists() for name in _FILES):
        return ""
    try:
        before = from_json(outline(out / "report.json").text)
    except (OSError, UserError):
        return "runs that cannot be read"
    ours = {_identity(s) for s in summaries}
    others = [s.facts.run for s in before if _identity(s) not in ours]
    return f"{others[0]} and {len(others) - 1} more runs" if len(others) > 1 else "".join(others)


def _identity(s: Summary) -> tuple[str, ...]:
    return s.facts.run, s.facts.task, s.facts.adapter, s.facts.dataset


def _is_pattern(path: Path) -> bool:
    return glob.has_magic(str(path)) and not path.exists()


def _matches(pattern: Path) -> tuple[list[Path], list[str]]:
    matched = sorted(Path(p) for p in glob.glob(str(pattern)))
    if not matched:
        raise UserError(f"nothing matches {pattern}", "Check the pattern, or name a folder of runs")
    pairs = [_one(path, named=False) for path in matched]
    return [run for runs, _ in pairs for run in runs], [word for _, words in pairs for word in words]


def _one(path: Path, named: bool = True) -> tuple[list[Path], list[str]]:
    """The run at a path, or the runs in it; one that was named is returned even if it is none."""
    if (path / "summary.json").is_file() or (named and (path / "run.json").is_file()):
        return [path], []
    inside = sorted(path.glob("[!.]*/")) if path.is_dir() else []  # those with a dot are caches
    if not named or not any((p / name).is_file() for p in inside for name in ("run.json", "summary.json")):
        return ([path], []) if named else ([], [_skipped(path)])
    runs = [p for p in inside if (p / "summary.json").is_file()]
    return runs, [_skipped(p) for p in inside if p not in runs]


def _skipped(path: Path) -> str:
    if (path / "run.json").is_file():
        return f"skipped {path}: it has no scores yet, tml-bench score {path} makes them"
    return f"skipped {path}: no run"
