"""The user's words: recognised in the user's track where a task asks for them, and kept beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tml_bench.adapters import reference
from tml_bench.perception import asr
from tml_bench.perception.perceive import WordMode
from tml_bench.perception.recordings import cached_timeline, timeline_of
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.timeline import Word, WordSource

VOICE = Path(reference.__file__).parent / "voice" / "answer.flac"
SAID = (Word("to", 0.1, 0.3), Word("Milan", 0.4, 0.8))


def facts() -> SessionFacts:
    user, model = AudioTrack(VOICE, "the user's"), AudioTrack(VOICE, "the model's")
    return SessionFacts(user, model, (Word("okay", 2.0, 2.2),), (), (), ())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is recognised, with a recogniser that is there."""
    found: list[Path] = []

    def recognise(audio: Path, *_: object) -> tuple[Word, ...]:
        found.append(audio)
        return SAID

    monkeypatch.setattr(asr, "missing", lambda *_: "")
    monkeypatch.setattr(asr, "knows", lambda *_: True)
    monkeypatch.setattr(asr, "recogniser_id", lambda *_: "fake 1")
    monkeypatch.setattr(asr, "recognise", recognise)
    return found


def test_the_users_words_are_recognised_once_and_the_models_are_not(
    tmp_path: Path, asked: list[Path]
) -> None:
    cache = tmp_path / "timeline.json"
    for _ in range(2):
        timeline = timeline_of(facts(), cache, "auto", user_words=True)
        assert timeline.user is not None
        assert timeline.user.words == SAID
        assert timeline.user.word_source is WordSource.ASR
        assert [word.text for word in timeline.words] == ["okay"]
    assert asked == [VOICE]
    assert (tmp_path / "timeline-user.json").is_file()
    assert cached_timeline(facts(), cache, "auto", user_words=True) == timeline
    # a task that needs the user's speech alone does not take what was recognised for another
    assert cached_timeline(facts(), cache, "auto", user=True) is None
    unheard = timeline_of(facts(), cache, "auto", user=True).user
    assert unheard is not None
    assert (unheard.words, unheard.segments) == ((), timeline.user.segments)


@pytest.mark.parametrize("words", ["transcript", "auto"])
def test_where_nothing_may_or_can_be_recognised_the_users_words_are_not_known(
    words: WordMode, tmp_path: Path, asked: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if words == "auto":
        monkeypatch.setattr(asr, "missing", lambda *_: "faster-whisper is not installed")
    user = timeline_of(facts(), tmp_path / "timeline.json", words, user_words=True).user
    assert user is not None
    assert (user.words, user.word_source) == ((), WordSource.NONE)
    assert user.segments
    assert not asked
