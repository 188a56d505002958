"""What an adapter is made of: its own files, those they import from its own folder, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tml_bench.plugins import adapter_class, adapter_names, parse_adapter_spec
from tml_bench.runs.identity import adapter_distribution, adapter_sources

AGENT = """
from tml_bench.adapter import StepAdapter

class Agent(StepAdapter):
    def step(self, turn):
        return None
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('_SLASH_', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_file_counts_with_what_it_imports_from_its_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        model="import json, numpy, helper\nfrom deep.net import layer\n" + AGENT,
        helper="def late():\n    import later\n",
        later="",
        deep_SLASH___init__="",
        deep_SLASH_net="from . import other\nfrom ..helper import late\n",
        deep_SLASH_other="",
        deep_SLASH_unused="",
        unused="",
        json="",
    )
    found = adapter_sources(parse_adapter_spec(f"{tmp_path}/model.py:Agent:size=3"))
    names = [
        "deep/__init__.py",
        "deep/net.py",
        "deep/other.py",
        "helper.py",
        "json.py",
        "later.py",
        "model.py",
    ]
    assert list(found) == names
    for name, digest in found.items():
        assert digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_a_file_is_not_run_and_may_be_broken(tmp_path: Path) -> None:
    write(
        tmp_path, model="import broken, endless\n", broken="def (", endless="import endless, model\n1 / 0\n"
    )
    found = adapter_sources(parse_adapter_spec(f"{tmp_path}/model.py:Agent"))
    assert list(found) == ["broken.py", "endless.py", "model.py"]


def test_a_file_is_found_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, model="import helper\n", helper="")
    whole = adapter_sources(parse_adapter_spec(f"{tmp_path}/model.py:Agent"))
    monkeypatch.chdir(tmp_path)
    assert adapter_sources(parse_adapter_spec("model.py:Agent")) == whole


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two adapters of another package: a module of it, and a package within it."""
    info = tmp_path / "agents-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: agents\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[tml_bench.adapters]\n"
        "agent = acme_agents.agent:Agent\nbig = acme_agents.big:Agent\nsingle = acme_single:Agent\n"
    )
    write(
        tmp_path,
        acme_agents_SLASH___init__="",
        acme_agents_SLASH_agent="import acme_single\nfrom acme_agents import shared\n" + AGENT,
        acme_agents_SLASH_shared="",
        acme_agents_SLASH_other="",
        acme_agents_SLASH_big_SLASH___init__="from acme_agents.big.inner import Agent\n",
        acme_agents_SLASH_big_SLASH_inner="from ..shared import *\n" + AGENT,
        acme_agents_SLASH_big_SLASH_weights="",
        acme_single="import acme_agents.other\n" + AGENT,
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("agent", ["agent.py", "shared.py"]),
        ("big", ["big/__init__.py", "big/inner.py", "big/weights.py", "shared.py"]),
        ("single", ["acme_single.py"]),
    ],
)
def test_an_installed_adapter_counts_with_its_package(installed: Path, name: str, files: list[str]) -> None:
    spec = parse_adapter_spec(name)
    adapter_class(spec.target)
    assert list(adapter_sources(spec)) == files
    assert adapter_distribution(spec) == "agents 1.2"


@pytest.mark.parametrize("name", adapter_names())
def test_the_adapters_of_this_project_have_sources_and_the_harness_s_version(name: str) -> None:
    spec = parse_adapter_spec(name)
    adapter_class(spec.target)
    found = adapter_sources(spec)
    assert found
    assert all(len(digest) == 64 for digest in found.values())
    assert adapter_distribution(spec) == ""
    if name in ("openai-realtime", "wire"):
        assert {"_session.py", "_socket.py", f"{name.replace('-', '_')}/__init__.py"} <= found.keys()
        assert not {"moshi.py", "twilio.py"} & found.keys()
