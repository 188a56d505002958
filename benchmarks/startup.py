"""Wall time of ``tml-bench --help``: the median of 21 runs in new processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from common import machine

COMMAND = (str(Path(sys.executable).with_name("tml-bench")), "--help")
RUNS = 21
TARGET_S = 0.25


def main() -> None:
    """Print the median."""
    print(machine())
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(COMMAND, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    median = statistics.median(times)
    verdict = "ok" if median < TARGET_S else "MISSED"
    print(f"tml-bench --help: {median:.3f} s, fastest {min(times):.3f} s (target {TARGET_S}: {verdict})")


if __name__ == "__main__":
    main()
