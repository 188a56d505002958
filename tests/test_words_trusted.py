"""Which words are believed, and when: what comes late, what is invented, what cannot be recognised here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
import soundfile
from boards import board, cell, column
from fakes import MS, Scripted, run_session, sample_of, silence
from hypothesis import given, strategies as st

from tml_bench import events as ev
from tml_bench.adapter import Output, SpokenWord, Transcript
from tml_bench.adapters.reference.voice import clip
from tml_bench.declared_times import DeclaredTimes
from tml_bench.errors import UserError
from tml_bench.files import file_sha256
from tml_bench.heard_text import HeardText, HeardTexts
from tml_bench.perception import asr, fitting
from tml_bench.perception.laying import in_speech
from tml_bench.perception.perceive import cache_key, find_words
from tml_bench.perception.recordings import timeline_of
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.report.board_text import board_lines, legend
from tml_bench.report.word_lines import doubts, transcript_line, words_line
from tml_bench.samples import Reference, UserTurn
from tml_bench.scoring.judging import score_all
from tml_bench.scoring.transcript_check import TranscriptCheck
from tml_bench.scoring.word_report import WordReport
from tml_bench.session.settings import Settings
from tml_bench.tasks._common import without_words
from tml_bench.tasks._timed import task as timed
from tml_bench.tasks._timed.items import CheckedItems, load_items
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.tasks.charades.task import Charades
from tml_bench.tasks.cuespeak.task import CueSpeak
from tml_bench.timeline import Segment, Word, WordSource

RATE = 24000
SPEECH = (Segment(1.0, 2.0), Segment(5.0, 7.0))


def audio(t: float, start: float, end: float, item: str = "") -> ev.ModelAudio:
    return ev.ModelAudio(*(round(x * 1000) * MS for x in (t, start, end)), item=item)


def word(t: float, start: float, end: float, item: str = "", text: str = "w") -> ev.ModelTranscript:
    timed = ev.TimedWord(text, round(start * 1000) * MS, round(end * 1000) * MS)
    return ev.ModelTranscript(round(t * 1000) * MS, text, (timed,), item)


def text(t: float, said: str, item: str = "") -> ev.ModelTranscript:
    return ev.ModelTranscript(round(t * 1000) * MS, said, (), item)


# Declared times -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "believed"),
    [
        ([audio(1, 1, 3), word(1, 1.5, 2)], True),
        ([audio(1, 1, 3), word(5, 1.5, 2)], True),  # 3 s after it
        ([audio(1, 1, 3), word(5.1, 1.5, 2)], False),
        ([audio(1, 1, 3, "a"), word(1, 2, 2.5, "a")], True),
        ([audio(1, 1, 3, "a"), word(1, 3.5, 4, "a")], True),  # the rest may follow
        ([audio(6, 6, 8, "a"), word(6, 4, 4.5, "a")], False),  # before its reply
        ([audio(1, 1, 2, "a"), audio(4, 4, 5, "b"), audio(6, 6, 7, "a"), word(6, 4, 4.5, "a")], False),
        ([audio(1, 1, 2, "a"), audio(6, 6, 7, "a"), word(6, 6, 6.5, "a")], True),
        ([audio(1, 1, 3, "a"), word(4, 4, 4.5, "b")], True),  # nothing is known of its audio
    ],
)
def test_a_time_is_believed_that_is_told_in_time_inside_its_own_audio(
    events: list[ev.AnyEvent], believed: bool
) -> None:
    declared = DeclaredTimes()
    *_, (last,) = [declared.take(event) for event in events]
    assert isinstance(last, ev.ModelTranscript)
    assert (bool(last.words), bool(declared.words)) == (believed, believed)
    assert last.text == "w"


def test_of_a_piece_without_its_times_what_was_dropped_stays_dropped() -> None:
    piece = msgspec.structs.replace(word(9, 1, 2, text="b"), text="a b", unheard=("a",))
    (found,) = DeclaredTimes().take(piece)
    assert isinstance(found, ev.ModelTranscript)
    assert (found.text, found.words, found.unheard) == ("b", (), ())


def test_words_told_at_the_end_of_their_reply_keep_their_times_as_far_as_they_are_told_in_time() -> None:
    timed = [ev.TimedWord(name, k * 2000 * MS, (k + 1) * 2000 * MS) for k, name in enumerate("abc", start=1)]
    piece = ev.ModelTranscript(8200 * MS, "a b c", tuple(timed), "x")
    declared = DeclaredTimes()
    declared.take(audio(2, 2, 8, "x"))
    first, rest = declared.take(piece)
    assert isinstance(first, ev.ModelTranscript)
    assert isinstance(rest, ev.ModelTranscript)
    assert (first.text, first.words) == ("a", ())
    assert (rest.text, rest.words) == ("b c", tuple(timed[1:]))
    assert declared.words == timed[1:]
    assert heard(audio(2, 2, 8, "x"), first, rest) == ([("a", 2, 4)], 0)


# Late texts ---------------------------------------------------------------------------------------


def heard(*events: ev.AnyEvent, end_s: float = 60.0) -> tuple[list[tuple[str, float, float]], int]:
    texts = HeardTexts()
    for event in events:
        texts.take(event)
    found = texts.heard(round(end_s * 1000) * MS)
    return [(t.text, t.start_s, t.end_s) for t in found], texts.late


def test_a_text_over_3_s_after_its_audio_is_late_and_stays_with_its_item() -> None:
    events = [audio(1, 1, 2, "a"), audio(8, 8, 9, "b"), text(12, "two", "b"), text(12.1, "one", "a")]
    assert heard(*events) == ([("one", 1, 2), ("two", 8, 9)], 1)
    assert heard(audio(1, 1, 2, "a"), text(5, "one", "a"))[1] == 0
    assert heard(audio(1, 1, 2, "a"), text(5.1, "one", "a"))[1] == 1


def test_a_late_text_without_an_item_is_said_where_there_is_no_other_text() -> None:
    """It was dropped, or what the next reply says."""
    spoken = [audio(1, 1, 2), audio(6, 6, 7), audio(12, 12, 13)]
    assert heard(*spoken, text(30, "one two")) == ([("one two", 1, 13)], 1)
    first = [audio(1, 1, 2), text(1, "mine"), *spoken[1:]]
    assert heard(*first, text(30, "one"), text(31, "two")) == ([("mine", 1, 2), ("one two", 6, 13)], 2)
    assert heard(*spoken[:2], text(11, "late"), audio(40, 40, 41)) == ([("late", 1, 7)], 1)
    every = [audio(1, 1, 2), text(1, "mine"), text(30, "lost")]
    assert heard(*every) == ([("mine", 1, 2)], 0)


def late_in_a_stream(said: str) -> list[tuple[str, float, float]]:
    paced = [audio(k / 5, k / 5, (k + 1) / 5) for k in range(20)] + [
        audio(6 + k / 5, 6 + k / 5, 6.2 + k / 5) for k in range(5)
    ]
    return heard(*paced, text(20, said))[0]


def test_a_late_text_of_a_stream_is_laid_over_all_of_it() -> None:
    assert late_in_a_stream("one two") == [("one two", 0, 7)]


# Words and speech ---------------------------------------------------------------------------------


def test_a_word_far_from_speech_is_moved_to_it() -> None:
    near = [Word("a", 0.8, 1.1), Word("b", 1.5, 1.9), Word("c", 2.2, 2.5), Word("n", None, None)]
    assert in_speech(near, SPEECH) == (tuple(near), False)
    far = [Word("a", 1.2, 1.4), Word("bb", 3.0, 3.2), Word("bb", 3.2, 3.4), Word("c", 4.0, 4.5)]
    found, moved = in_speech(far, SPEECH)
    assert moved
    assert [w.text for w in found] == ["a", "bb", "bb", "c"]
    assert [(w.start_s, w.end_s) for w in found] == [
        (1.2, 1.4), (pytest.approx(1.6), pytest.approx(1.8)), (pytest.approx(1.8), pytest.approx(2.0)),
        (5.0, pytest.approx(5.5)),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 2)), max_size=12))
def test_whatever_times_are_given_all_words_are_kept_near_speech(times: list[tuple[float, float]]) -> None:
    words = [Word(str(k), start, start + long) for k, (start, long) in enumerate(sorted(times))]
    found, _ = in_speech(words, SPEECH)
    assert sorted(w.text for w in found) == sorted(w.text for w in words)
    for w in found:
        assert w.start_s is not None
        assert w.end_s is not None
        assert any(w.start_s <= s.end_s + 0.26 and w.end_s >= s.start_s - 0.26 for s in SPEECH)


def test_a_word_in_silence_makes_the_source_estimated(tmp_path: Path) -> None:
    inside, outside = (Word("a", 1.1, 1.5),), (Word("a", 3.0, 3.5),)
    never = tmp_path / "never-opened.wav"
    assert find_words(never, SPEECH, timed=inside) == (inside, WordSource.ADAPTER)
    assert find_words(never, SPEECH, timed=outside)[1] is WordSource.PROPORTIONAL


# A model that invents -----------------------------------------------------------------------------

MOMENT = MomentAnnotation(start_s=6.0, end_s=12.0, video_at_s=3.0, length_s=15.0)


def overlap(folder: Path, outputs: dict[int, Output]) -> tuple[float, WordSource, int]:
    sample = sample_of(UserTurn(silence(20.0)), reference=Reference(annotation=MOMENT))
    ran = run_session(folder / "r", sample, Scripted(outputs, audio_out=RATE), Settings())
    facts = ran.recording.facts
    timeline = timeline_of(facts, folder / "timeline.json", "transcript")
    (score,) = score_all(Charades(), [(sample, timeline)]).scores
    return score.values["miou"].numerator, timeline.word_source, facts.late


def test_times_invented_at_the_end_earn_nothing(tmp_path: Path) -> None:
    """It says one sentence at 16 s, and when all is over, that it said "Start." and "Stop." in time."""
    voice = clip("answer", RATE).audio
    lie = Transcript("Start. Stop.", (SpokenWord("Start.", -14.0, -13.5), SpokenWord("Stop.", -8.0, -7.5)))
    for name, item in (("nameless", ""), ("named", "x")):
        outputs = {79: Output(voice, item=item), 98: Output(transcript=(lie,), item=item)}
        score, source, _ = overlap(tmp_path / name, outputs)
        assert (score, source) == (0.0, WordSource.PROPORTIONAL)


def test_times_told_before_and_not_kept_earn_nothing(tmp_path: Path) -> None:
    lie = Transcript("Start. Stop.", (SpokenWord("Start.", 2.0, 2.5), SpokenWord("Stop.", 8.0, 8.5)))
    outputs = {19: Output(transcript=(lie,)), 79: Output(clip("answer", RATE).audio)}
    score, source, late = overlap(tmp_path, outputs)
    assert (score, source, late) == (0.0, WordSource.PROPORTIONAL, 0)


def test_who_says_it_when_it_says_so_keeps_its_times(tmp_path: Path) -> None:
    outputs = {
        k: Output(clip(name, RATE).audio, (Transcript(f"{name}.", (SpokenWord(f"{name}.", 0.05, 0.3),)),))
        for k, name in ((29, "start"), (59, "stop"))
    }
    score, source, late = overlap(tmp_path, outputs)
    assert score > 0.98
    assert (source, late) == (WordSource.ADAPTER, 0)


# Languages ----------------------------------------------------------------------------------------


class Polyglot:
    """Says in which language it was asked to read; takes all for ``probable``, and reads German best."""

    class Part(NamedTuple):
        text: str
        avg_logprob: float
        compression_ratio: float = 1.0

    def __init__(self, probable: dict[str, float]) -> None:
        self.probable = probable

    def detect_language(self, audio: np.ndarray) -> tuple[str, float, list[tuple[str, float]]]:
        likely = max(self.probable, key=lambda language: self.probable[language])
        return likely, self.probable[likely], list(self.probable.items())

    def transcribe(self, audio: np.ndarray, language: str, **_: object) -> tuple[list[Part], None]:
        return [self.Part(language, {"de": -0.2, "es": -0.4}.get(language, -0.8))], None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a Whisper model of many languages, as far as its name and vocabulary tell."""
    model = tmp_path / "base"
    model.mkdir()
    (model / "model.bin").write_bytes(b"")
    (model / "vocabulary.txt").write_text("w\n" * 51865)
    return model


def test_which_model_knows_which_languages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TML_BENCH_WHISPER", raising=False)
    assert asr.knows(("en",))
    assert not asr.knows(("en", "es"))
    assert not asr.knows(("es",), "small.en")
    assert asr.knows(("es",), "small")
    assert asr.knows(("en", "es"), str(folder))
    (folder / "vocabulary.txt").write_text("w\n" * 51864)
    asr._vocabulary.cache_clear()
    assert not asr.knows(("en", "es"), str(folder))
    asr._vocabulary.cache_clear()


@pytest.mark.parametrize(
    ("languages", "probable", "read"),
    [
        (("de",), {"fr": 0.99}, ["de", "de"]),
        (("en",), {"fr": 0.99}, ["en", "en"]),
        (("en", "es"), {"es": 0.95}, ["es", "es"]),
        (("en", "es"), {"en": 0.95}, ["en", "en"]),
        (("en", "fr", "es"), {"fr": 0.95, "es": 0.05}, ["fr", "fr"]),
        # Not sure: what is read best, as "Der Kaffee ist fertig" is taken for English with 0.83.
        (("en", "de"), {"en": 0.83, "de": 0.08}, ["de", "de"]),
        (("en", "fr", "es"), {"fr": 0.6, "es": 0.1}, ["es", "es"]),
    ],
)
def test_a_language_is_forced_or_the_most_probable_of_those_allowed(
    languages: tuple[str, ...],
    probable: dict[str, float],
    read: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    soundfile.write(folder / "a.wav", np.zeros(8 * asr.RATE, np.float32), asr.RATE)
    monkeypatch.setattr(asr, "_whisper", lambda name: Polyglot(probable))
    monkeypatch.setattr(asr, "align", lambda *_: ())
    words = asr.recognise(folder / "a.wav", SPEECH, str(folder), languages)
    assert [w.text for w in words] == read
    keys = {cache_key("x", words="transcript", languages=some) for some in (languages, ("fi",))}
    assert len(keys) == 2


@pytest.mark.parametrize(("gap_s", "read"), [(1.9, 1), (2.1, 2)])
def test_remarks_far_apart_are_read_apart(
    gap_s: float, read: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word after six seconds of silence was put at the end of what was said before."""
    soundfile.write(folder / "a.wav", np.zeros(8 * asr.RATE, np.float32), asr.RATE)
    monkeypatch.setattr(asr, "_whisper", lambda name: Polyglot({"en": 0.99}))
    monkeypatch.setattr(asr, "align", lambda *_: ())
    speech = (Segment(1.0, 2.0), Segment(2.0 + gap_s, 5.0))
    words = asr.recognise(folder / "a.wav", speech, str(folder), ("en",))
    assert len(words) == read


def test_a_recogniser_of_english_gives_no_words_for_what_may_be_spanish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gave English words for it, in silence."""
    monkeypatch.delenv("TML_BENCH_WHISPER", raising=False)
    monkeypatch.setattr(asr, "missing", lambda model=None: "")
    monkeypatch.setattr(asr, "recogniser_id", lambda model=None: "fake")
    voice = clip("answer", RATE)
    soundfile.write(tmp_path / "model.flac", np.pad(voice.audio, RATE), RATE)
    track = AudioTrack(tmp_path / "model.flac", file_sha256(tmp_path / "model.flac"))
    facts = SessionFacts(user=track, model=track, imported=None, timed=(), untimed=(), turns=())
    for words in ("auto", "asr"):
        line = timeline_of(facts, tmp_path / f"{words}.json", words, languages=("en", "es"))
        assert (line.word_source, line.words) == (WordSource.NONE, ())
        reasons = set(without_words(Charades().metrics, line).missing.values())
        assert len(reasons) == 1
        assert "; set TML_BENCH_WHISPER to base" in reasons.pop()
    with pytest.raises(UserError, match=r"tiny\.en knows only English, not es"):
        asr.recognise(tmp_path / "model.flac", SPEECH, None, ("en", "es"))


def test_a_foreign_text_is_aligned_and_the_rest_of_its_speech_stays_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TML_BENCH_WHISPER", raising=False)
    monkeypatch.setattr(asr, "missing", lambda model=None: "")
    monkeypatch.setattr(fitting, "align", lambda audio, tokens: tuple(Word(t, 0.1, 0.9) for t in tokens))
    soundfile.write(tmp_path / "a.wav", np.zeros(8 * asr.RATE, np.float32), asr.RATE)
    texts = (HeardText("hola", 0.5, 2.5),)
    words, source = find_words(tmp_path / "a.wav", SPEECH, untimed=texts, languages=("en", "es"))
    assert ([w.text for w in words], source) == (["hola"], WordSource.ALIGNED)


def test_items_say_in_which_languages_a_model_may_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    task = CueSpeak()
    items = {item.id: item for item in load_items(task.mini / "items.jsonl") if item.split == "dev"}
    two = [item for item in items.values() if item.events][:2]
    spanish = msgspec.structs.replace(two[0].events[0], language="es")
    mixed = (*(msgspec.structs.replace(two[0], events=(spanish, *two[0].events[1:])) for _ in "a"), two[1])
    monkeypatch.setattr(timed, "checked_items", lambda path, split: CheckedItems(mixed, ()))
    loaded = {sample.id: sample.languages for sample in task.load(task.mini, ())}
    assert loaded == {two[0].id: ("en", "es"), two[1].id: ("en",)}


# What is said of it -------------------------------------------------------------------------------


def test_a_run_says_where_its_words_come_from_and_what_is_wrong_with_them() -> None:
    (plain,) = column("one", None, {"r": 1.0}).table.summaries
    assert (words_line(plain), transcript_line(plain), doubts([plain])) == ("", "", [])
    told = msgspec.structs.replace(
        plain,
        word_report=WordReport({"adapter": 3, "proportional": 1}, late=2, late_recordings=1),
        transcript_check=TranscriptCheck(rate=0.84, n=4, of=4, edits=84, words=100, mismatch=True),
    )
    late = "2 pieces of transcript in 1 recording came more than 3 s after the audio"
    assert words_line(told) == f"words by recording: adapter 3, proportional 1; {late}"
    marked = "transcript does not match its audio"
    assert transcript_line(told).startswith(f"{marked}, scored by recognised words: ")
    assert doubts([told]) == [
        f"someone (one): {marked} (84 % of words wrong): scored by recognised words",
        f"someone (one): {late}",
    ]
    unchecked = TranscriptCheck(missing="local speech recognition needs x; install tml-bench[speech]")
    blind = msgspec.structs.replace(plain, transcript_check=unchecked)
    assert transcript_line(blind) == f"transcript not checked: {unchecked.missing}"
    assert doubts([blind, blind]) == [f"transcript not checked: someone: {unchecked.missing}"]


def test_a_score_of_recognised_words_is_marked_on_the_board() -> None:
    marked = replace(cell(0.5), remark="transcript does not match its audio")
    shown = board([column("one", None)], {"liar": [marked], "honest": [cell(0.5)]})
    lines = [line.plain for line in board_lines(shown, 80)]
    assert [line for line in lines if "≠" in line] == [line for line in lines if line.startswith("liar")]
    assert "≠ transcript does not match its audio: scored by recognised words" in legend(shown)[0]
