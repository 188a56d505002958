"""Score a run over a parquet of the official size with a judge that costs nothing; print time and memory.

``python benchmarks/audiomc_scoring.py [CONVERSATIONS] [MB_A_CONVERSATION]`` writes a parquet of 452
conversations in the official columns (row groups of 100, audio of noise), lets the silent and a talking
adapter record one run each, and scores them. Peak memory is of this process.
"""

from __future__ import annotations

import io
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import Process
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile
from pyarrow import parquet

from tml_bench.questions import Question, Verdict
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import open_run
from tml_bench.scoring.score import score_runs
from tml_bench.tasks.audio_multichallenge.conversations import AXES

TURNS = 4
GROUP = 100
RATE = 48000


class Yes:
    """Finds every item met."""

    id = "yes"

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        """``met`` for everything."""
        return [Verdict("met") for _ in questions]


def write(path: Path, conversations: int, megabytes: float) -> None:
    """A parquet in row groups of ``GROUP``; holds a whole group in memory, so let another process do it."""
    rng = np.random.default_rng(0)
    out = io.BytesIO()
    noise = rng.normal(0, 0.1, round(megabytes * 1e6 / TURNS / 2)).astype(np.float32)
    soundfile.write(out, noise, RATE, format="WAV", subtype="PCM_16")
    wav = out.getvalue()
    fields = [("id", pa.string()), ("axis", pa.string()), ("rubric", pa.string())]
    for n in range(1, TURNS + 1):
        audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        fields += [(f"user_turn_{n}_audio", audio)]
        fields += [(f"{who}_turn_{n}_transcript", pa.string()) for who in ("user", "assistant")]
    schema = pa.schema(fields)
    with parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for first in range(0, conversations, GROUP):
            rows = [_row(k, wav) for k in range(first, min(first + GROUP, conversations))]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema), row_group_size=GROUP)


def _row(number: int, wav: bytes) -> dict[str, object]:
    row: dict[str, object] = {"id": f"c{number}", "axis": AXES[number % 4], "rubric": '["a", "b", "c", "d"]'}
    for n in range(1, TURNS + 1):
        # Every cell differs, so that nothing can be stored once.
        cell = wav[:-8] + number.to_bytes(4, "little") + n.to_bytes(4, "little")
        row[f"user_turn_{n}_audio"] = {"bytes": cell, "path": f"{n}.wav"}
        row[f"user_turn_{n}_transcript"] = f"user {n}"
        row[f"assistant_turn_{n}_transcript"] = f"assistant {n}"
    return row


def peak_mb() -> float:
    """Peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Write, unpack, record, score."""
    conversations = int(sys.argv[1]) if len(sys.argv) > 1 else 452
    megabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 11.5
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["XDG_CACHE_HOME"] = str(root / "cache")
        file = root / "audiomc.parquet"
        writer = Process(target=write, args=(file, conversations, megabytes))
        writer.start()
        writer.join()
        print(f"parquet: {file.stat().st_size / 1e9:.2f} GB, {conversations} conversations")
        began = time.perf_counter()
        request = RunRequest(
            tasks=("audio-multichallenge",),
            adapters=("silent", "always-on"),
            out=root / "runs",
            selection=Selection(file),
            max_session_s=30.0,
        )
        plans = plan_runs(request)
        print(f"unpacked and planned: {time.perf_counter() - began:.0f} s; peak {peak_mb():.0f} MB")
        with Pool(2, 60.0) as pool:
            began = time.perf_counter()
            record(plans, pool, lambda line: None)
            print(f"recorded: {time.perf_counter() - began:.0f} s; peak {peak_mb():.0f} MB")
            began = time.perf_counter()
            runs = [open_run(plan.path) for plan in plans]
            score_runs(runs, pool, lambda line: None, "transcript", judge_of=lambda rules: Yes())
            print(f"scored: {time.perf_counter() - began:.0f} s; peak {peak_mb():.0f} MB")


if __name__ == "__main__":
    main()
