from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tml_bench.errors import UserError
from tml_bench.perception.timeline import Segment, Word
from tml_bench.report.picture import envelope, timeline_picture
from tml_bench.task import Mark


def test_envelope_by_hand() -> None:
    low, high = envelope(np.array([0.1, -0.2, 0.3, 0.0, 0.5, -0.6]), 3)
    assert low.tolist() == [-0.2, 0.0, -0.6]
    assert high.tolist() == [0.1, 0.3, 0.5]


def test_envelope_keeps_a_single_click_in_an_hour() -> None:
    hour = np.zeros(3600 * 16000, dtype=np.int16)
    hour[1_800 * 16000] = 32767
    low, high = envelope(hour)
    assert len(high) == 1500
    assert high.max() == 32767 / 32768
    assert np.flatnonzero(high).tolist() == [750]
    assert low.min() == 0


def test_envelope_of_few_or_no_samples() -> None:
    assert [len(x) for x in envelope(np.zeros(0))] == [0, 0]
    assert [len(x) for x in envelope(np.zeros(7))] == [7, 7]


def draw(out: Path) -> bytes:
    rng = np.random.default_rng(0)
    timeline_picture(
        out,
        title="a $broken_ <title>",
        user=(rng.normal(0, 0.1, 16000).astype(np.float32), 16000),
        model=(np.zeros(24000, dtype=np.int16), 24000),
        marks=[Mark(0.2, 0.4, "pause"), Mark(0.6, None, "user end")],
        segments=[Segment(0.7, 0.9)],
        words=[Word("Yes,", 0.7, 0.8), Word("$x$", 0.8, None), Word("lost", None, None)],
        rows=[{"event": "response", "start_s": 0.7, "end_s": 0.9}, {"event": "none", "start_s": None}],
    )
    return out.read_bytes()


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_picture_is_the_same_bytes_each_time(tmp_path: Path, kind: str) -> None:
    first = draw(tmp_path / f"a.{kind}")
    assert first == draw(tmp_path / f"b.{kind}")
    assert first.startswith(b"\x89PNG" if kind == "png" else b"<?xml")


def test_picture_of_nothing(tmp_path: Path) -> None:
    timeline_picture(tmp_path / "x.png", title="", user=(np.zeros(0), 16000), model=(np.zeros(0), 24000))
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.pdf"):
        draw(tmp_path / "x.pdf")
