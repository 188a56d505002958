"""The machine that a benchmark runs on; needs nothing of tml-bench."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path


def machine() -> str:
    """Processor, number of logical processors, system and Python, in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    system = f"{platform.system()} {platform.machine()}"
    return f"{processor}, {os.cpu_count()} logical; {system}; Python {platform.python_version()}"


def processor_s() -> float:
    """Processor seconds that the whole machine has used; NaN where it does not say."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return math.nan
    used = [int(n) for n in stat.read_text().split("\n", 1)[0].split()[1:9]]
    idle = used[3] + used[4]
    return (sum(used) - idle) / os.sysconf("SC_CLK_TCK")
