"""Does a run take what the dry run said? A mini set against a server that counts as OpenAI says it does.

The server (``tests/fake_servers/metered_realtime.py``) runs in a process of its own, finds the user's turns
by their silence, answers each of them, and tells in ``response.done`` what that took, counted from the audio
that really came and went; it knows nothing of the estimate. The run is on the wall clock.
Compared are the last attempts: what a late harness had to repeat is no matter of the estimate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

import msgspec
from host import machine

import tml_bench
from tml_bench.outcome import Outcome
from tml_bench.pricing.charges import cost_of
from tml_bench.pricing.table import load_prices
from tml_bench.runs.store import Attempt, read_lines
from tml_bench.turns import Usage

TESTS = Path(__file__).resolve().parent.parent / "tests"
MODEL = "gpt-realtime-2.1"
LIMIT = 0.1


def main() -> None:
    """Exit with 1 where any row differs by more than `LIMIT`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", nargs="?", default="fd-bench-v1")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--limit", type=int, default=0, help="samples a subset")
    parser.add_argument("--answer-s", type=float, default=2.0, help="how long the server's answers are")
    options = parser.parse_args()
    print(machine())
    sys.path.append(str(TESTS))
    apart, metered = import_module("fake_servers.apart"), import_module("fake_servers.metered_realtime")
    makes = [metered.answering(options.answer_s)]
    with tempfile.TemporaryDirectory() as folder, apart.apart(makes) as server:
        agrees = compare(options, server.urls[0], Path(folder))
    sys.exit(0 if agrees else 1)


def compare(options: argparse.Namespace, url: str, out: Path) -> bool:
    """Print what was said and what was taken; returns whether they agree."""
    adapter = f"openai-realtime:model={MODEL},base_url={url}"
    (said,) = tml_bench.estimate(
        [options.task], [adapter], limit=options.limit, out=out, concurrency=options.concurrency
    )
    began = time.monotonic()
    run = tml_bench.run(
        options.task, adapter, limit=options.limit, out=out, concurrency=options.concurrency,
        preflight=False, progress=False,
    )  # fmt: skip
    took_s = time.monotonic() - began
    attempts = read_lines(run.path / "attempts.jsonl", Attempt)
    last = {attempt.sample: attempt for attempt in attempts}.values()
    taken = sum((a.usage for a in last if a.usage is not msgspec.UNSET), Usage())
    price = load_prices().price_of(MODEL)
    assert price is not None
    cost = cost_of(taken, price)
    assert cost is not None
    assert said.cost is not None
    valid = sum(attempt.outcome == Outcome.VALID for attempt in last)
    print(f"{options.task}: {said.sessions} sessions, {took_s:.0f} s, answers of {options.answer_s} s")
    print(f"{valid} valid, {len(attempts) - len(last)} tried again; the run's account: {run.summary.cost}")
    rows = (
        ("answers", said.usage.calls, taken.calls),
        ("minutes sent", said.user_s / 60, sum(attempt.audio_s for attempt in last) / 60),
        ("tokens read", said.usage.input_tokens, taken.input_tokens),
        ("of audio", said.usage.input_audio_tokens, taken.input_audio_tokens),
        ("tokens given", said.usage.output_tokens, taken.output_tokens),
        ("of audio", said.usage.output_audio_tokens, taken.output_audio_tokens),
        ("USD", said.cost, cost),
    )
    for name, before, after in rows:
        print(f"  {name:<13}said {before:9.4g}  taken {after:9.4g}  {after / max(before, 1e-9):.3f}")
    return all(abs(after / max(before, 1e-9) - 1) <= LIMIT for _, before, after in rows)


if __name__ == "__main__":
    main()
