"""The hash of code that lies in no file: the same for the same code, another for a change that can matter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tml_bench.adapters.reference import Delayed
from tml_bench.code_digest import code_sha256

CELL = """
import numpy as np
from tml_bench.adapter import Output, StepAdapter

LEVEL = 0.01
WEIGHTS = np.arange(3)
MODES = {"fast", "slow", "other"}

def loud(audio):
    return max(abs(audio)) > LEVEL

class Base(StepAdapter):
    def start(self, session):
        self.heard = []

class Mine(Base):
    audio_in = 16000

    def __init__(self, gain=1.0, mode="fast"):
        self.gain, self._mode = gain, mode

    @property
    def weight(self):
        return WEIGHTS[0]

    def step(self, turn):
        assert self._mode in MODES
        keep = lambda audio: audio * self.gain
        if loud(turn.audio):
            self.heard.append(keep(turn.audio))
        return None
"""
CHANGES = {
    "a method": ("self.heard.append", "self.heard.extend"),
    "a base class": ("self.heard = []", "self.heard = [1]"),
    "an attribute": ("audio_in = 16000", "audio_in = 24000"),
    "a default": ("gain=1.0", "gain=2.0"),
    "a function it calls": ("max(abs(audio))", "min(abs(audio))"),
    "a value that function names": ("LEVEL = 0.01", "LEVEL = 0.02"),
    "an array": ("np.arange(3)", "np.arange(4)"),
    "a set": ('"other"', '"another"'),
    "an inner function": ("audio * self.gain", "audio / self.gain"),
    "a property": ("WEIGHTS[0]", "WEIGHTS[1]"),
    "the other class": ("class Mine(Base)", "class Mine(StepAdapter)"),
}


def made(cell: str = CELL) -> type:
    """The class a notebook's cell defines."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(compile(cell, "<cell>", "exec", dont_inherit=True), namespace)
    found = namespace["Mine"]
    assert isinstance(found, type)
    return found


def test_the_same_code_elsewhere_has_the_same_hash() -> None:
    assert code_sha256(made()) == code_sha256(made("# a comment\n\n" + CELL.replace("    def", "\n    def")))


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_that_can_matter_changes_it(what: str) -> None:
    changed = CELL.replace(*CHANGES[what])
    assert changed != CELL
    assert code_sha256(made(changed)) != code_sha256(made())


def test_what_it_does_not_refer_to_does_not_count() -> None:
    assert code_sha256(made(CELL + "\nOTHER = 3\ndef unused(): return OTHER\n")) == code_sha256(made())


@pytest.mark.parametrize("seed", ["1", "2"])
def test_it_is_the_same_in_every_process(seed: str, tmp_path: Path) -> None:
    (tmp_path / "cell.py").write_text(
        CELL + "\nfrom tml_bench.code_digest import code_sha256\nprint(code_sha256(Mine))"
    )
    done = subprocess.run(
        [sys.executable, "-P", tmp_path / "cell.py"], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": seed},
    )  # fmt: skip
    assert done.stdout.strip() == code_sha256(made())


def test_an_object_s_counts_what_its_constructor_was_given() -> None:
    cls = made()
    assert code_sha256(cls()) == code_sha256(cls(1.0, "fast"))
    assert code_sha256(cls()) != code_sha256(cls(2.0))
    assert code_sha256(cls()) != code_sha256(cls(mode="slow"))
    assert code_sha256(Delayed(300)) != code_sha256(Delayed(400))


def test_what_an_object_gathered_in_a_session_does_not_count() -> None:
    used = made()()
    before = code_sha256(used)
    used.start(None)
    assert code_sha256(used) == before


def test_code_that_refers_to_itself_has_an_end() -> None:
    cell = (
        "class Mine:\n    def f(self):\n        return again, Mine\n\ndef again():\n    return again, Mine\n"
    )
    assert len(code_sha256(made(cell))) == 64


def test_a_module_of_the_user_counts_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for text in ("LEVEL = 1", "LEVEL = 2"):
        (tmp_path / "my_levels.py").write_text(text)
        found.append(
            code_sha256(
                made("import my_levels\nclass Mine:\n    def f(self):\n        return my_levels.LEVEL\n")
            )
        )
    monkeypatch.delitem(sys.modules, "my_levels")
    assert found[0] != found[1]
