"""What somebody's code raised, in one line: with its place, without secrets, never longer than a line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tml_bench.blame import in_one_line, whole
from tml_bench.errors import UserError
from tml_bench.plugin_files import from_file


def raised(folder: Path, source: str) -> Exception:
    """What ``fail()`` of a file of that source raises."""
    (folder / "theirs.py").write_text(source)
    with pytest.raises(Exception) as found:  # noqa: PT011
        from_file(f"{folder / 'theirs.py'}:fail")()  # type: ignore[operator]
    trace = found.value.__traceback__
    return found.value.with_traceback(trace.tb_next if trace else None)  # without the frame of this function


def test_the_place_is_the_last_in_their_own_folder(tmp_path: Path) -> None:
    error = raised(tmp_path, "import json\n\ndef fail():\n    return json.loads('{')\n")
    assert in_one_line(error).endswith("(theirs.py:4: return json.loads('{'))")
    assert in_one_line(error).startswith("JSONDecodeError: Expecting property name")


def test_a_module_beside_it_is_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "beside_it", raising=False)
    (tmp_path / "beside_it.py").write_text("def divide(n):\n    return 1 / n  # here\n")
    error = raised(tmp_path, "from beside_it import divide\n\ndef fail():\n    divide(0)\n")
    assert in_one_line(error) == "ZeroDivisionError: division by zero (beside_it.py:2: return 1 / n  # here)"


def test_what_the_harness_raised_has_no_place_of_theirs() -> None:
    with pytest.raises(UserError) as found:
        from_file("nowhere.py:Thing")
    assert in_one_line(found.value) == str(found.value)


def test_it_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    error = raised(tmp_path, "def fail():\n    raise ValueError('a\\n\\x1b[31mb' + 'c' * 1000)\n")
    told = in_one_line(error)
    assert told.startswith("ValueError: a  [31mbccc")
    assert told.isprintable()
    assert len(told) < 600
    assert "c" * 1000 in whole(error)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("api_key='hunter2'", "api_key='[redacted]'"),
        ('self.token: str = "hunter2"', 'self.token: str = "[redacted]"'),
        ("{'Authorization': b'hunter2'}", "{'Authorization': b'[redacted]'}"),
        ("password = f\"hunter2\"", 'password = f"[redacted]"'),
        ("sk-hunter2hunter2hunter2", "[redacted]"),
        ("unexpected token: '<eos>'", "unexpected token: '<eos>'"),
        ("max_tokens == 'all'", "max_tokens == 'all'"),
        ("KeyError: 'secret'", "KeyError: 'secret'"),
    ],
)  # fmt: skip
def test_secrets_are_blanked_and_nothing_else(text: str, told: str) -> None:
    error = ValueError(text)
    assert in_one_line(error) == f"ValueError: {told}"
    assert whole(error) == f"ValueError: {told}\n"


def test_a_secret_is_not_cut_into_what_does_not_look_like_one() -> None:
    assert "sk-" not in in_one_line(ValueError("x" * 395 + "sk-abcdefghijklmnopqrst"))
