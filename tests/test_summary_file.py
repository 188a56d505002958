"""Summaries on disk: many are written one at a time, and read with equal values held once."""

from __future__ import annotations

from pathlib import Path

import msgspec
from test_report import HALF, PROMPT, run

from tml_bench.scoring.summary_file import from_json, to_json, write_json


def test_many_are_written_as_one_list(tmp_path: Path) -> None:
    for summaries in ([], [run("half", HALF)], [run("half", HALF), run("prompt <é>", PROMPT)]):
        whole = msgspec.json.format(msgspec.json.encode(summaries), indent=1).decode() + "\n"
        assert to_json(summaries) == whole
        write_json(summaries, tmp_path / "report.json")
        assert (tmp_path / "report.json").read_text() == whole


def test_equal_values_are_held_once() -> None:
    (summary,) = from_json(to_json([run("half", HALF)]))
    values = [o for m in summary.metrics for o in m.observations]
    assert len({id(o) for o in values}) == len(set(values)) < len(values)
