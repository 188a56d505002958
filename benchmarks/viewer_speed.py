"""The viewer's list of 10,000 samples in headless Chromium: time to the first paint of its rows.

``python benchmarks/viewer_speed.py [SAMPLES]`` writes one run of so many samples without recordings, serves
it as ``tml-bench view`` does, and opens it five times. Needs the extra ``test`` and a Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from threading import Thread

import msgspec
from host import machine
from playwright.sync_api import Page, sync_playwright
from report_speed import write_run

from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task
from tml_bench.runs.config import RUN_SCHEMA, Environment, RunConfig, RunFile
from tml_bench.runs.store import Attempt
from tml_bench.viewer.run_files import open_viewed
from tml_bench.viewer.server import ViewerServer
from tml_bench.viewer.site import ViewerSite

TARGET_S = 2.0
TASK = "fd-bench-v1"
TIMES = 5
FIRST_PAINT = """
async () => {
  while (!document.querySelector("[data-testid=sample-row]")) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  await new Promise(resolve => setTimeout(resolve));
  return performance.now() / 1000;
}
"""
"""Seconds from the start of the navigation until a frame with rows of the list has been painted."""
SCROLL = """
async () => {
  const scroller = document.querySelector(".scroller"), gaps = [];
  let last = performance.now();
  for (let k = 0; k < 60; k++) {
    scroller.scrollTop += scroller.scrollHeight / 60;
    await new Promise(requestAnimationFrame);
    gaps.push(performance.now() - last);
    last = performance.now();
  }
  return gaps;
}
"""
"""Milliseconds between frames while the whole list is scrolled through."""


def write_viewed(out: Path, samples: int) -> Path:
    """A scored run of so many samples whose recordings are not there."""
    task = load_task(TASK)
    run = write_run(out, task, 0, samples)
    config = RunConfig(
        schema=RUN_SCHEMA, task=TASK, dataset="mini-1", dataset_sha256="", data="", subsets=(), limit=0,
        adapter="model-0", privileged=False, clock="simulated", compute="ideal", replay="",
        tick_ns=200_000_000, seed=0, max_session_s=60.0, turn_based=False, network="", tml_bench="0",
    )  # fmt: skip
    file = RunFile(config, Environment("", "", "", {}))
    (run / "run.json").write_bytes(msgspec.json.encode(file))
    attempts = (
        Attempt(f"s{k}", task.subsets[k % len(task.subsets)], 1, Outcome.VALID, audio_s=12.0)
        for k in range(samples)
    )
    (run / "attempts.jsonl").write_bytes(b"".join(msgspec.json.encode(a) + b"\n" for a in attempts))
    return run


def _opened(page: Page, url: str) -> tuple[float, list[float]]:
    page.goto(url, wait_until="commit")
    painted_s = page.evaluate(FIRST_PAINT)
    return float(painted_s), [float(gap) for gap in page.evaluate(SCROLL)]


def main(arguments: Sequence[str]) -> None:
    """Write, serve, open, print."""
    samples = int(arguments[0]) if arguments else 10_000
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = write_viewed(Path(folder), samples)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        times, gaps = [], list[float]()
        for _ in range(TIMES):
            # A server of its own each time: nothing has been read or kept before.
            with ViewerServer(ViewerSite(open_viewed((run,)))) as server:
                thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
                thread.start()
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                painted_s, frames = _opened(page, server.url)
                times.append(painted_s)
                gaps += frames
                page.close()
                server.shutdown()
                thread.join()
        print(machine())
        print(f"{samples} samples, Chromium {browser.version}")
        browser.close()
    worst = max(times)
    print(
        f"first paint of the list: median {median(times):.2f} s, slowest of {TIMES} {worst:.2f} s"
        f" (target {TARGET_S:.0f}: {'ok' if worst < TARGET_S else 'missed'})"
    )
    most = sorted(gaps)[int(0.95 * len(gaps))]
    print(f"scrolled from end to end: a frame every {median(gaps):.0f} ms, 95 % within {most:.0f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
