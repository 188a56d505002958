"""The commands that `kills` kills, each with what is there before it: a few samples of the mini sets."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

MAIN = "from tml_bench.cli import main; main()"
CHOSEN = ("--task", "fd-bench-v1", "--subset", "synthetic_user_interruption", "--words", "transcript")
ADAPTERS = ("--adapter", "delayed:200", "--adapter", "echo")
RUN = "results/fd-bench-v1-mini-1--delayed-200"
RUNS = (RUN, "results/fd-bench-v1-mini-1--echo")
OTHER = "other/fd-bench-v1-mini-1--delayed-200"


class KillCase(NamedTuple):
    """A command, and what makes the folder that it is given in.

    ``share`` of 100 kills are its; ``asks`` where it needs a judge's address after its last word.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path], None]
    share: int
    asks: bool = False


def command(words: Sequence[str], main: str = MAIN) -> list[str]:
    """How a command of tml-bench is started."""
    return [sys.executable, "-P", "-c", main, *words]


def _done(place: Path, *words: str) -> None:
    done = subprocess.run(command(words), cwd=place, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")


def _run(limit: int, out: str = "results", *more: str) -> tuple[str, ...]:
    return ("run", *CHOSEN, *ADAPTERS, "--limit", str(limit), "--out", out, *more)


def _nothing(place: Path) -> None:
    """Nothing is there."""


def _finished(place: Path) -> None:
    _done(place, *_run(3))


def _perceiving(place: Path) -> None:
    """Runs to score, of which nothing is perceived."""
    _finished(place)
    for run in RUNS:
        shutil.rmtree(place / run / "timelines")
        for name in ("scores.jsonl", "summary.json", "verdicts.jsonl"):
            (place / run / name).unlink()
    shutil.rmtree(place / "results" / ".floors")


def _half_reported(place: Path) -> None:
    """A report over one of two runs."""
    _finished(place)
    shutil.rmtree(place / "results" / "report")
    _done(place, "report", RUN, "--out", "results/report")


def _sheet(place: Path) -> None:
    """A sheet with one question of three, answered."""
    _finished(place)
    _done(place, "judge", "sheet", *RUNS, "--limit", "1")
    fill_in(place / "sheet.csv", 0)


def fill_in(sheet: Path, choice: int) -> None:
    """Fill in a sheet with one of the answers allowed."""
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    for row in rows:
        row[head.index("answer")] = row[head.index("allowed")].split("|")[choice].strip()
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def _judged(place: Path) -> None:
    """A sheet, and a run judged by somebody else."""
    _finished(place)
    _done(place, "judge", "sheet", *RUNS)
    shutil.copy(place / "sheet.csv", place / "other.csv")
    fill_in(place / "sheet.csv", 0)
    fill_in(place / "other.csv", 1)
    _done(place, "score", RUN, "--judge", "human:other.csv", "--words", "transcript", "--quiet")


def _exchanges(place: Path) -> None:
    """What another harness recorded."""
    _finished(place)
    made = sorted(place.glob(f"{RUN}/*/*/1"))
    for number, recording in enumerate([*made, *made], 1):
        folder = place / "theirs" / "candor_turn_taking" / str(number)
        folder.mkdir(parents=True)
        shutil.copy(recording / "user.flac", folder / "input.wav")
        shutil.copy(recording / "model.flac", folder / "output.wav")
        (folder / "turn_taking.json").write_text(json.dumps([{"timestamp": [0.5, 0.9]}]))
    shutil.rmtree(place / "results")


def _shards(place: Path) -> None:
    for part in ("1", "2"):
        _done(place, *_run(4, f"part-{part}", "--shard", f"{part}/2"))


def _exported(place: Path) -> None:
    """An export of one of two runs."""
    _finished(place)
    _done(place, "view", RUN, "--export", "pages")


def _two(place: Path) -> None:
    """The same run twice."""
    _finished(place)
    _done(place, *_run(3, "other"))


SCORE = ("score", *RUNS, "--words", "transcript")
CASES = (
    KillCase("run, 1 job", _run(3, "results", "--jobs", "1"), _nothing, 12),
    KillCase("run, 2 jobs", _run(3, "results", "--jobs", "2"), _nothing, 14),
    KillCase("run --fresh", _run(3, "results", "--jobs", "2", "--fresh"), _finished, 8),
    KillCase("score, 1 job", (*SCORE, "--jobs", "1"), _perceiving, 8),
    KillCase("score, 2 jobs", (*SCORE, "--jobs", "2"), _perceiving, 8),
    KillCase("score --judge openai", (*SCORE, "--jobs", "1", "--judge"), _finished, 8, asks=True),
    KillCase("report", ("report", *RUNS, "--out", "results/report"), _half_reported, 8),
    KillCase("judge sheet", ("judge", "sheet", *RUNS), _sheet, 6),
    KillCase(
        "judge agreement", ("judge", "agreement", RUN, "sheet.csv", "--save", "--json", "a.json"), _judged, 4
    ),
    KillCase("import", ("import", "fd-bench-v1", "theirs", "--out", "results/run"), _exchanges, 6),
    KillCase(
        "merge", ("merge", "part-1", "part-2", "--out", "whole", "--jobs", "1", "--words", "transcript"),
        _shards, 6,
    ),
    KillCase("view --export", ("view", *RUNS, "--export", "pages"), _exported, 6),
    KillCase("compare", ("compare", RUN, OTHER, "--json", "c.json", "--junit", "c.xml"), _two, 2),
    KillCase(
        "inspect --picture",
        ("inspect", f"{RUN}/fd-bench-v1/synthetic_user_interruption-1/1", "--picture", "p.svg"), _finished, 2,
    ),
    KillCase(
        "loops",
        ("loops", *CHOSEN, "--adapter", "delayed:200", "--limit", "1", "--out", "results", "--jobs", "1"),
        _nothing, 2,
    ),
)  # fmt: skip


class Judge:
    """Judges by the length of what it is sent; ``asked`` counts how often."""

    def __init__(self) -> None:
        self.asked = 0
        self.address = ""

    def reply(self, body: bytes) -> bytes:
        """A completion that answers one of the allowed answers."""
        self.asked += 1
        request = json.loads(body)
        schema = request["response_format"]["json_schema"]["schema"]
        allowed = schema["properties"]["answer"]["enum"]
        answer = allowed[len(str(request["messages"])) % len(allowed)]
        said = {"explanation": "by its length", "answer": answer}
        message = {"role": "assistant", "content": json.dumps(said)}
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        made = {"id": "1", "object": "chat.completion", "created": 0, "model": request["model"]}
        return json.dumps({**made, "choices": [choice], "usage": usage}).encode()


@contextmanager
def judging() -> Iterator[Judge]:
    """A language model behind OpenAI's interface, on this machine; it takes 50 ms an answer."""
    judge = Judge()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            """Answer one request."""
            reply = judge.reply(self.rfile.read(int(self.headers["content-length"])))
            time.sleep(0.05)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply)))
            try:
                self.end_headers()
                self.wfile.write(reply)
            except ConnectionError:
                self.close_connection = True  # who asked was killed

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        judge.address = f"openai:model=fake,base_url=http://127.0.0.1:{server.server_address[1]}/v1"
        yield judge
        server.shutdown()
