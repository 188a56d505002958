"""Shell completion, in a real bash, and what it costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PRESS_TAB = """
eval "$(_TML_BENCH_COMPLETE=bash_source tml-bench)"
while read -r -a COMP_WORDS; do
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); COMPREPLY=()
    [ "${COMP_WORDS[$COMP_CWORD]}" = _ ] && COMP_WORDS[$COMP_CWORD]=""
    _tml_bench_completion tml-bench
    echo "${COMPREPLY[@]}"
done
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_options_and_names(tmp_path: Path) -> None:
    typed = ("ru", "run --task fd", "run --adapter del", "run --suite m", "run --print", "run --compute _")
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", PRESS_TAB], env=env, cwd=tmp_path,
        input="".join(f"tml-bench {words}\n" for words in typed), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "run", "fd-bench-v1 fd-bench-v1.5 fd-bench-v2 fd-bench-v2-fast fd-bench-v2-long fd-bench-v3",
        "delayed", "mini", "--print-config", "ideal charged recorded",
    ]  # fmt: skip


def test_completing_names_loads_nothing_heavy() -> None:
    code = """
import sys
from tml_bench.cli import main
try:
    main(prog_name="tml-bench")
except SystemExit:
    pass
print(sorted({"numpy", "pandas", "msgspec", "rich", "tml_bench.plugins"} & set(sys.modules)))
"""
    env = {
        "_TML_BENCH_COMPLETE": "bash_complete",
        "COMP_WORDS": "tml-bench run --adapter ",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    *names, loaded = done.stdout.splitlines()
    assert "plain,silent" in names
    assert loaded == "[]"
