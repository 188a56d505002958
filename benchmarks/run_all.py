"""Run every benchmark in a process of its own; ``--write`` puts the results into README.md beside it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = ("startup", "session_speed", "closed_loop", "memory", "video_speed", "scoring_speed")
BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"


def main() -> None:
    """Print the results, or write them too."""
    parser = argparse.ArgumentParser(description="Run every benchmark.")
    parser.add_argument("--write", action="store_true", help="put the results into README.md")
    write = parser.parse_args().write
    parts = []
    for name in BENCHMARKS:
        command = [sys.executable, str(HERE / f"{name}.py")]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        parts.append(f"{name}\n{done.stdout}")
        print(parts[-1], flush=True)
    if write:
        readme = HERE / "README.md"
        before, rest = readme.read_text().split(BEGIN)
        after = rest.split(END)[1]
        body = "\n".join(parts)
        readme.write_text(f"{before}{BEGIN}\n```text\n{body}```\n\n{END}{after}")


if __name__ == "__main__":
    main()
