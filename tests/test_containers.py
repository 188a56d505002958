"""The Dockerfile and ``compose.yaml``: what they run parses; with ``-m peers`` the very steps are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from tml_bench.cli import main

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()


def listed(text: str, key: str, of: str = "") -> list[str]:
    """A list that stands under a key, in its JSON form, behind a word."""
    found = re.search(rf"{key}:? (\[.*\])", text[text.index(of) :])
    assert found
    words = json.loads(found[1])
    assert isinstance(words, list)
    return words


def test_what_the_image_and_the_compose_file_run_parses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert listed(DOCKERFILE, "ENTRYPOINT") == ["tml-bench"]
    for command in (listed(DOCKERFILE, "CMD"), listed(COMPOSE, "command", "bench:")):
        printed = CliRunner().invoke(main, [*command, "--print-config"])
        assert printed.exit_code == 0, printed.output
    assert tomllib.loads(printed.output)["adapter"] == ["wire-lockstep:ws://model:8765", "silent"]
    python, script, *rest = listed(COMPOSE, "entrypoint", "model:")
    assert python == "python"
    example = ROOT / script.removeprefix("/src/")
    help_text = subprocess.run(
        [sys.executable, example, *rest, "--help"], capture_output=True, text=True, check=True
    )
    assert "--host" in help_text.stdout


def test_what_is_left_out_of_the_image_is_not_in_the_package() -> None:
    left_out = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line]
    places = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    assert "!results/published" in left_out
    for place in places.values():
        assert place not in left_out


@pytest.mark.peers
def test_the_very_steps(tmp_path: Path) -> None:
    """The RUN steps in a fresh environment on a copy, then both services, as one machine."""
    subprocess.run(["git", "-C", ROOT, "checkout-index", "-a", f"--prefix={tmp_path}/src/"], check=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    env = {
        **os.environ,
        "PATH": f"{tmp_path}/venv/bin:{os.environ['PATH']}",
        "EXTRAS": "",
        "HOME": str(tmp_path),
    }
    for step in re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE):
        subprocess.run(step.replace("/src", f"{tmp_path}/src"), shell=True, env=env, check=True)
    server = [word.replace("/src", f"{tmp_path}/src") for word in listed(COMPOSE, "entrypoint", "model:")]
    health = listed(COMPOSE, "test", "model:")[1:]
    with subprocess.Popen(server, env=env) as model:
        try:
            for _ in range(30):
                if subprocess.run(health, env=env, stderr=subprocess.DEVNULL).returncode == 0:
                    break
                time.sleep(1)
            command = shlex.join(listed(COMPOSE, "command", "bench:")).replace("//model:", "//localhost:")
            work = tmp_path / "work"
            work.mkdir()
            done = subprocess.run(f"tml-bench {command}", shell=True, env=env, cwd=work, check=False)
            assert done.returncode == 0
            assert (work / "results" / "report" / "index.html").is_file()
        finally:
            model.terminate()
