"""Word times held against other sources: what is off, and by how much, on sounds laid at known times."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aligner_check import check_times
from aligner_check.check_times import ENERGY, SECOND, TimeCheck, TimeDifferences, anchors, check, pauses
from timed_items import event, item, made
from tones import RATE_IN, laid, write_models

from tml_bench.tasks._timed.items import SpeechAnchor, TimedItem
from tml_bench.tasks._timed.rendered import RenderedItem, RenderedTurn, RenderedWord, said_sha256

PHONES = {"ma": "M AA1", "sam": "S AA1 M", "as": "AA1 S"}
WORDS = {"ma": (0.5, 0.9), "sam": (0.9, 1.5), "as": (1.8, 2.3)}
"""Where the words are said: two in a row, a pause, and one more."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def known_phones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        check_times, "said_phones", lambda text, british: [PHONES[word] for word in text.split()]
    )


def one(anchor_word: str) -> TimedItem:
    turns = [{"id": "a", "text": "ma sam as", "at_s": 0.5}]
    return made(item(turns=turns, events=[event(anchor={"turn": "a", "word": anchor_word, "edge": "end"})]))


def rendering(folder: Path, of: TimedItem, **moved_s: float) -> RenderedItem:
    """The words with their times, their ends moved by so much."""
    audio, _ = laid(
        ("", 0.5), ("M", 0.2), ("AA1", 0.2), ("S", 0.2), ("AA1", 0.2), ("M", 0.2), ("", 0.3), ("AA1", 0.2),
        ("S", 0.3), ("", 0.5),
    )  # fmt: skip
    soundfile.write(folder / "a.flac", audio, RATE_IN)
    digest = hashlib.sha256((folder / "a.flac").read_bytes()).hexdigest()
    words = tuple(RenderedWord(w, a, b + moved_s.get(w, 0.0)) for w, (a, b) in WORDS.items())
    turn = RenderedTurn("a", 0.5, 2.3, words)
    return RenderedItem(of.id, said_sha256(of), "a.flac", digest, RATE_IN, len(audio) / RATE_IN, (turn,))


def checked(folder: Path, models: Path, anchor_word: str = "sam", **moved_s: float) -> TimeCheck:
    of = one(anchor_word)
    return check(folder, [of], {of.id: rendering(folder, of, **moved_s)}, models)


def test_right_times_are_confirmed_by_both_sources(tmp_path: Path, models: Path) -> None:
    found = checked(tmp_path, models)
    assert found.energy.of["start"] == pytest.approx([0, 0], abs=0.012)
    assert found.energy.of["end"] == pytest.approx([0, 0], abs=0.012)
    assert found.second.of["start"] == pytest.approx([0], abs=0.02)
    assert found.second.of["end"] == pytest.approx([0], abs=0.02)


def test_a_wrong_end_at_a_pause_is_the_energys_to_find(tmp_path: Path, models: Path) -> None:
    found = checked(tmp_path, models, sam=0.08)
    assert found.energy.of["end"] == pytest.approx([-0.08, 0], abs=0.012)
    assert list(found.windows) == [ENERGY]
    assert found.windows[ENERGY].of["end"] == pytest.approx([-0.08], abs=0.012)


def test_a_wrong_end_inside_the_talk_is_the_second_aligners(tmp_path: Path, models: Path) -> None:
    found = checked(tmp_path, models, anchor_word="ma", ma=-0.07)
    assert list(found.windows) == [SECOND]
    assert found.windows[SECOND].of["end"] == pytest.approx([0.07], abs=0.02)


def test_rows_say_how_many_are_within_50_ms() -> None:
    differences = TimeDifferences({"start": [], "end": [-0.02, 0.01, 0.03, 0.061]})
    assert list(differences.rows("x")) == ["| x | end | 4 | +20 | 30 | 56 | 75.0 % |"]
    assert list(TimeDifferences().rows("x")) == []


def test_pauses_are_40_db_down_and_70_ms_long() -> None:
    audio = np.concatenate(
        [np.full(n, level) for n, level in ((1600, 0), (1600, 0.5), (800, 0), (1600, 0.5), (1600, 0.004))]
    )
    assert pauses(audio.astype(np.float32)) == [
        pytest.approx((0.0, 0.1), abs=0.006),
        pytest.approx((0.35, 0.45), abs=0.006),
    ]


def test_every_moment_an_item_rests_on_is_checked() -> None:
    a, b, c = ({"turn": "a", "word": word, "nth": 1, "edge": "end"} for word in ("ma", "sam", "as"))
    cue = event(anchor=a, window={"kind": "cue", "w_s": 2, "until": b})
    number = event(id="e2", anchor=b, window={"kind": "answer"}, number={"from": a, "to": c})
    of = made(item(events=[cue, number], quiet_after=[c]))
    assert set(anchors(of)) == {SpeechAnchor("a", "end", word) for word in ("ma", "sam", "as")}
    assert len(list(anchors(of))) == 6
