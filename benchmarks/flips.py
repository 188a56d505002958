"""One bit flipped in each kind of file of a run: the same figures, or a named refusal, never another figure.

A real run with verdicts of a judge, its agreement with another, what was heard and scored and floors kept
beside it, and the judge's cache. Each flip is looked at in two ways: what is stored is read, as a report, the
viewer and `tml_bench.Run` do; and the run is scored again from what is there, with what an earlier scoring
kept. Counted are flips after which everything is the same, those that are refused by the name of the file or
its folder, those whose recording is left out of the scores, with the reason, and, which must not be, any
others.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple, cast

from host import machine
from kill_cases import Judge, command, fill_in, judging

import tml_bench
from tml_bench.errors import UserError
from tml_bench.judges.spec import JudgeSetup
from tml_bench.outcome import Outcome
from tml_bench.report.files import read_summaries, to_csv
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.pool import Pool
from tml_bench.runs.store import open_run
from tml_bench.scoring.agreement import judged_of
from tml_bench.scoring.score import score_runs
from tml_bench.scoring.summary import Summary
from tml_bench.viewer.index import sample_index
from tml_bench.viewer.run_files import open_viewed

RUN = "results/fd-bench-v1-mini-1--delayed-200"
SAMPLE = "synthetic_user_interruption-1"
RECORDING = f"{RUN}/fd-bench-v1/{SAMPLE}/1"
CACHE = "results/judge-cache.sqlite"
FLOORS = "kept floors"
HEARD = "what was heard"
SCORED = "what was scored"
STORED = ("scores.jsonl", "summary.json", "verdicts.jsonl", "seals.json")
"""What scoring wrote."""
AGREEMENT, CACHE_KIND = "agreement.json", "judge cache"
BY_RULES = (FLOORS, SCORED, *STORED)
"""What is used where rules score again."""
OLD_S = 0.06
KINDS = {
    **{name: f"{RUN}/{name}" for name in ("run.json", "attempts.jsonl", *STORED, AGREEMENT)},
    **{name: f"{RECORDING}/{name}" for name in ("manifest.json", "session.jsonl", "user.flac", "model.flac")},
    "timeline": f"{RUN}/timelines/{SAMPLE}-1.json",
    FLOORS: "results/.floors/*.json",
    HEARD: "results/.heard/*.jsonl",
    SCORED: "results/.scored/*.json",
    CACHE_KIND: CACHE,
}


class FlippedRun(NamedTuple):
    """A folder with a run, how it is judged, and a whole copy of it."""

    place: Path
    judge: Judge
    whole: Path

    def figures(self) -> tuple[object, ...]:
        """Everything that is shown of what is stored."""
        run = self.place / RUN
        index = sample_index(open_viewed([run]))
        if problems := [one.problem for one in index.runs if one.problem]:
            raise UserError(problems[0])
        return to_csv(read_summaries([run])), tml_bench.Run(run).scores, judged_of(run), index

    def scored(self, kind: str) -> tuple[Summary, dict[str, object]]:
        """The run scored again, from whatever is cached; its scores by sample."""
        path = self.place / RUN
        if kind in BY_RULES:
            summary = tml_bench.score(path, words="transcript", jobs=1, progress=False).summary
        else:
            with InProcessPool() as pool, JudgeSetup(self.judge.address, self.place / CACHE) as judge:
                runs, asked = [open_run(path)], judge.judge_of
                (summary,) = score_runs(runs, cast(Pool, pool), lambda line: None, "transcript", asked)
        return summary, dict(tml_bench.Run(path).scores)

    def restore(self, kind: str) -> None:
        """Everything as it was made, and scored where a flip of this kind is found in scoring."""
        shutil.rmtree(self.place)
        shutil.copytree(self.whole, self.place)
        if kind in BY_RULES and kind != FLOORS:
            time.sleep(OLD_S)  # how files look is kept of such as are older than when they are opened
        if kind not in (FLOORS, AGREEMENT, CACHE_KIND):
            self.scored(kind)


def made(root: Path, judge: Judge) -> FlippedRun:
    """A run that was judged, and compared with another judge."""
    place = root / "here"
    place.mkdir()

    def done(*words: str) -> None:
        subprocess.run(command(words), cwd=place, check=True, capture_output=True)

    words = ("--words", "transcript", "--jobs", "1")
    done(
        "run", "--task", "fd-bench-v1", "--subset", "synthetic_user_interruption", "--limit", "2",
        "--adapter", "delayed:200", "--judge", judge.address, *words,
    )  # fmt: skip
    done("score", RUN, *words)  # the rules' floors are kept
    done("score", RUN, *words, "--judge", judge.address)
    done("judge", "sheet", RUN)
    fill_in(place / "sheet.csv", 0)
    done("judge", "agreement", RUN, "sheet.csv", "--save")
    done("score", RUN, *words, "--judge", judge.address)
    whole = root / "whole"
    shutil.copytree(place, whole)
    return FlippedRun(place, judge, whole)


Before = tuple[tuple[object, ...], str, dict[str, object]]
"""Figures stored, and of scoring again the report and the scores."""


def look(run: FlippedRun, file: Path, kind: str, before: Before) -> str:
    """What a flip does: ``same``, ``refused``, ``left out``, or what is wrong."""
    said = "same"
    try:
        if run.figures() != before[0]:
            return "another figure is shown"
    except UserError as error:
        if not any(part in str(error) for part in (file.name, str(file.parent))):
            return f"refused without its name: {error}"
        said = "refused"
    try:
        summary, found = run.scored(kind)
    except UserError as error:
        named = any(part in str(error) for part in (file.name, str(file.parent)))
        return "refused" if named else f"refused without its name: {error}"
    if any(found[name] != before[2].get(name) for name in found):
        return "another score"
    lost = sum(one.counts.get(Outcome.INFRASTRUCTURE, 0) for one in summary.outcomes)
    if len(found) < len(before[2]):
        return "left out" if lost else "a sample is lost without a word"
    return said if to_csv([summary]) == before[1] else "another summary"


def main() -> None:
    """Flip, and print a table; exits with 1 where another figure came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds whose names begin so")
    asked = parser.parse_args()
    print(f"{machine()}; {asked.flips} flips of each kind, seed {asked.seed}\n")
    print("| file | bytes | same | refused by name | left out, named | wrong | ms a flip |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="flips-") as folder, judging() as judge:
        run = made(Path(folder), judge)
        for kind, place in KINDS.items():
            if not kind.startswith(asked.only):
                continue
            (file,) = run.place.glob(place)
            run.restore(kind)
            figures, (summary, scores) = run.figures(), run.scored(kind)
            before = figures, to_csv([summary]), scores
            run.restore(kind)
            rng, ends, content = random.Random(f"{asked.seed} {kind}"), Counter[str](), file.read_bytes()
            used = (
                [n for n, byte in enumerate(content) if byte] if kind == CACHE_KIND else range(len(content))
            )
            began = time.process_time()
            for _ in range(asked.flips):
                flipped = bytearray(content)
                at = rng.choice(used)
                flipped[at] ^= 1 << rng.randrange(8)
                file.write_bytes(flipped)
                end = look(run, file, kind, before)
                if end not in ("same", "refused", "left out"):
                    print(f"{kind}, byte {at}: {end}", file=sys.stderr, flush=True)
                    end = "wrong"
                ends[end] += 1
                run.restore(kind)
            wrong += ends["wrong"]
            took = 1000 * (time.process_time() - began) / asked.flips
            print(
                f"| {kind} | {len(content):,} | {ends['same']} | {ends['refused']} | {ends['left out']} "
                f"| {ends['wrong']} | {took:.0f} |",
                flush=True,
            )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
