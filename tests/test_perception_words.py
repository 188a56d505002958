"""Words: the order of sources, rough times, forced alignment and recognition."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
import soundfile
from hypothesis import given, strategies as st

from tml_bench.errors import UserError
from tml_bench.files import file_sha256
from tml_bench.heard_text import HeardText
from tml_bench.media.audio import read_mono
from tml_bench.perception import align, asr, fitting
from tml_bench.perception.laying import lay_over
from tml_bench.perception.perceive import WordMode, find_words, why_no_words
from tml_bench.perception.recordings import timeline_of
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.tasks._common import without_words
from tml_bench.tasks.charades.task import Charades
from tml_bench.timeline import Segment, Word, WordSource

VOICE = Path(__file__).parents[1] / "adapters" / "reference" / "voice"
SPEECH = (Segment(1.0, 2.0), Segment(3.0, 5.0))
GIVEN = (Word("hi", 1.0, 1.2), Word("you", None, None))
ANSWER = "Okay, I can help you with that. Let me explain how it works."

with_asr = pytest.mark.skipif(bool(asr.missing()), reason=f"{asr.missing()} (the extra [speech])")
without_asr = pytest.mark.skipif(not asr.missing(), reason="the extra [speech] is installed")


def said(text: str, start_s: float = 0.0, end_s: float = 9.0) -> tuple[HeardText, ...]:
    return (HeardText(text, start_s, end_s),)


def true_words(name: str) -> list[Word]:
    clips = msgspec.json.decode((VOICE / "clips.json").read_bytes())
    return msgspec.convert(clips[name]["words"], list[Word])


# Sources ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["auto", "transcript"])
def test_an_imported_transcript_wins_and_is_not_touched(tmp_path: Path, words: WordMode) -> None:
    for segments in (SPEECH, ()):
        more = said("x")
        found = find_words(tmp_path / "no.wav", segments, imported=GIVEN, untimed=more, words=words)
        assert found == (GIVEN, WordSource.IMPORTED)


def test_an_imported_transcript_without_words_is_still_the_source(tmp_path: Path) -> None:
    assert find_words(tmp_path / "no.wav", SPEECH, imported=()) == ((), WordSource.IMPORTED)


def test_words_of_the_adapter_come_next(tmp_path: Path) -> None:
    assert find_words(tmp_path / "no.wav", SPEECH, timed=GIVEN) == (GIVEN, WordSource.ADAPTER)


def test_without_speech_there_are_no_words(tmp_path: Path) -> None:
    for words in ("auto", "transcript"):
        found = find_words(tmp_path / "no.wav", (), timed=GIVEN, untimed=said("hello"), words=words)
        assert found == ((), WordSource.SILENT)


def test_a_text_without_times_is_laid_over_the_speech(tmp_path: Path) -> None:
    found = find_words(tmp_path / "no.wav", SPEECH, untimed=said("abc def ghi"), words="transcript")
    expected = (Word("abc", 1.0, 2.0), Word("def", 3.0, 4.0), Word("ghi", 4.0, 5.0))
    assert found == (expected, WordSource.PROPORTIONAL)


def test_speech_without_any_text_has_no_known_words(tmp_path: Path) -> None:
    assert find_words(tmp_path / "no.wav", SPEECH, words="transcript") == ((), WordSource.NONE)


def test_why_there_are_no_words_is_the_true_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asr, "find_spec", lambda name: name)
    # "install tml-bench[speech]" was said here too, although it is installed.
    assert why_no_words("transcript").endswith("recognition is switched off; score with --words auto or asr")
    assert why_no_words("auto").endswith("nothing was recognised")
    monkeypatch.setattr(asr, "find_spec", lambda name: None if name == "pocketsphinx" else name)
    assert why_no_words("transcript").endswith("recognition is switched off; score with --words auto or asr")
    assert why_no_words("auto").endswith("needs pocketsphinx; install tml-bench[speech]")


def test_the_reason_reaches_the_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio, rate = read_mono(VOICE / "answer.flac")
    soundfile.write(tmp_path / "model.flac", audio, rate)
    track = AudioTrack(tmp_path / "model.flac", file_sha256(tmp_path / "model.flac"))
    facts = SessionFacts(user=track, model=track, imported=None, timed=(), untimed=(), turns=())
    for absent in ("", "pocketsphinx"):
        monkeypatch.setattr(asr, "find_spec", lambda name, absent=absent: None if name == absent else name)
        for _ in ("perceived", "from the cache"):
            timeline = timeline_of(facts, tmp_path / "line.json", "transcript")
            assert timeline.word_source is WordSource.NONE
            score = without_words(Charades().metrics, timeline)
            assert set(score.missing.values()) == {why_no_words("transcript")}
            assert "install" not in timeline.no_words
    heard = msgspec.structs.replace(facts, untimed=said("okay"))
    given = timeline_of(heard, tmp_path / "other.json", "transcript")
    assert (given.word_source, given.no_words) == (WordSource.PROPORTIONAL, "")


@without_asr
def test_without_the_extra_auto_falls_back_and_asr_says_what_to_install(tmp_path: Path) -> None:
    found = find_words(tmp_path / "no.wav", SPEECH, untimed=said("abc"), words="auto")
    assert found[1] == WordSource.PROPORTIONAL
    with pytest.raises(UserError, match=r"faster_whisper.*tml-bench\[speech\]"):
        find_words(tmp_path / "no.wav", SPEECH, untimed=said("abc"), words="asr")


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"magic.*auto, transcript, asr"):
        find_words(tmp_path / "no.wav", SPEECH, words="magic")  # type: ignore[arg-type]


# Laying over --------------------------------------------------------------------------------------


def test_a_word_may_bridge_a_silence() -> None:
    # 3 s of speech, 6 characters: 0.5 s each; "abcd" takes 2 s, 1 s of it in each segment
    assert lay_over(["abcd", "ef"], SPEECH) == [Word("abcd", 1.0, 4.0), Word("ef", 4.0, 5.0)]


def test_nothing_to_lay_over() -> None:
    assert lay_over([], SPEECH) == []
    assert lay_over(["a"], ()) == []


@given(
    tokens=st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=30),
    lengths=st.lists(st.tuples(st.integers(1, 500), st.integers(1, 4000)), min_size=1, max_size=8),
)
def test_laid_over_words_are_ordered_and_fill_the_speech(
    tokens: list[str], lengths: list[tuple[int, int]]
) -> None:
    segments, at = [], 0.0
    for gap, length in lengths:
        segments.append(Segment(at + gap / 100, at + (gap + length) / 100))
        at = segments[-1].end_s
    words = lay_over(tokens, segments)
    edges = [edge for w in words for edge in (w.start_s or 0.0, w.end_s or 0.0)]
    assert [w.text for w in words] == tokens
    assert all(b >= a - 1e-6 for a, b in pairwise(edges))
    assert edges[0] == pytest.approx(segments[0].start_s)
    assert edges[-1] == pytest.approx(segments[-1].end_s)


# Pieces -------------------------------------------------------------------------------------------


def test_pieces_are_cut_at_the_longest_silence_and_only_when_needed() -> None:
    near = [Segment(0, 10), Segment(11, 20), Segment(20.5, 28)]
    assert asr.pieces(near) == [tuple(near)]
    far = [Segment(0, 10), Segment(11, 20), Segment(25, 30), Segment(30.5, 40)]
    assert asr.pieces(far) == [tuple(far[:2]), tuple(far[2:])]
    assert asr.pieces([Segment(0, 100)]) == [(Segment(0, 100),)]


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(1, 100)), min_size=1, max_size=40))
def test_pieces_keep_every_segment_once_and_fit_the_window(lengths: list[tuple[int, int]]) -> None:
    segments, at = [], 0.0
    for gap, length in lengths:
        segments.append(Segment(at + gap / 10, at + (gap + length) / 10))
        at = segments[-1].end_s
    found = asr.pieces(segments)
    assert [s for piece in found for s in piece] == segments
    assert all(piece[-1].end_s - piece[0].start_s <= 28 for piece in found)


# Alignment and recognition ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (42, "forty two"),
        (100, "one hundred"),
        (317, "three hundred seventeen"),
        (2026, "two thousand twenty six"),
        (999_999, "nine hundred ninety nine thousand nine hundred ninety nine"),
        (1_000_001, "one zero zero zero zero zero one"),
    ],
)
def test_numbers_are_spelled(number: int, expected: str) -> None:
    assert align.spell(number) == expected


@with_asr
def test_alignment_finds_the_words_where_they_are() -> None:
    """The same sentence twice with 6 s of silence around; every onset within 50 ms (10 ms frames)."""
    clip, _ = read_mono(VOICE / "answer.flac", 16000)
    gap = np.zeros(6 * 16000, np.float32)
    words = align.align(np.concatenate([gap, clip, gap, clip, gap]), ANSWER.split() * 2)
    shift = [6.0] * 13 + [12.0 + clip.size / 16000] * 13
    assert [w.text for w in words] == ANSWER.split() * 2
    for word, true, by in zip(words, true_words("answer") * 2, shift, strict=True):
        assert word.start_s == pytest.approx((true.start_s or 0.0) + by, abs=0.05)


@with_asr
def test_alignment_keeps_its_place_beside_words_nobody_can_pronounce() -> None:
    clip, _ = read_mono(VOICE / "answer.flac", 16000)
    tokens = ANSWER.replace("help", "hellpp").replace("that.", "that. 你好").split()
    words = align.align(clip, tokens)
    assert [w.text for w in words] == tokens
    times = {w.text: w.start_s for w in words}
    true = {w.text: w.start_s for w in true_words("answer")}
    assert times["hellpp"] == pytest.approx(true["help"], abs=0.1)
    assert times["works."] == pytest.approx(true["works."], abs=0.05)
    assert times["你好"] == pytest.approx(true["Let"], abs=0.05)


@with_asr
def test_a_text_that_does_not_fit_is_not_aligned() -> None:
    clip, _ = read_mono(VOICE / "answer.flac", 16000)
    assert align.align(clip[:4000], ANSWER.split()) == ()
    assert align.align(clip, ["你好"]) == ()
    assert align.align(clip, []) == ()


@with_asr
def test_recognition_gives_the_words_and_their_times(tmp_path: Path) -> None:
    clip, rate = read_mono(VOICE / "answer.flac")
    gap = np.zeros(20 * rate, np.float32)
    soundfile.write(tmp_path / "a.wav", np.concatenate([gap, clip, gap, clip, gap]), rate)
    length = clip.size / rate
    segments = (Segment(20, 20 + length), Segment(40 + length, 40 + 2 * length))
    words = asr.recognise(tmp_path / "a.wav", segments)
    assert [w.text.strip(",.").lower() for w in words] == ANSWER.lower().replace(",", "").replace(
        ".", ""
    ).split() * 2
    for word, true in zip(words[13:], true_words("answer"), strict=True):
        assert word.start_s == pytest.approx((true.start_s or 0.0) + 40 + length, abs=0.05)


@with_asr
def test_nothing_is_recognised_where_there_is_no_speech(tmp_path: Path) -> None:
    assert asr.recognise(tmp_path / "never-opened.wav", ()) == ()


class Recogniser:
    """Hears ``whole`` in all that lasts longer than a second, and ``alone`` in anything else."""

    class Part(NamedTuple):
        text: str
        compression_ratio: float = 1.0

    class Model:
        is_multilingual = False

    model = Model()

    def __init__(self, whole: Part, alone: str) -> None:
        self.whole, self.alone = whole, self.Part(alone)

    def transcribe(self, audio: np.ndarray, **_: object) -> tuple[list[Part], None]:
        return [self.whole if audio.size > asr.RATE else self.alone], None


@pytest.mark.parametrize(
    ("whole", "heard"),
    [
        (Recogniser.Part("In out " * 40, compression_ratio=9.0), ["yes", "yes"]),  # it went round in circles
        (Recogniser.Part(""), ["yes", "yes"]),
        (Recogniser.Part("In at"), ["In", "at"]),
    ],
)
def test_an_utterance_without_words_is_heard_again_by_itself(
    whole: Recogniser.Part, heard: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(6 * asr.RATE, np.float32), asr.RATE)
    monkeypatch.setattr(asr, "_whisper", lambda name: Recogniser(whole, "yes"))
    monkeypatch.setattr(asr, "align", lambda *_: ())
    apart = (Segment(1.0, 1.4), Segment(3.0, 3.4))
    words = asr.recognise(tmp_path / "a.wav", apart)
    assert [word.text for word in words] == heard
    assert [word.start_s for word in words] == pytest.approx([1.0, 3.0])


@with_asr
def test_a_model_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TML_BENCH_WHISPER", str(tmp_path / "no-model"))
    with pytest.raises(UserError, match=r"no-model.*TML_BENCH_WHISPER"):
        asr.recognise(VOICE / "answer.flac", SPEECH)


# Fitting -------------------------------------------------------------------------------------------


def track(path: Path, *names: str) -> tuple[Path, tuple[Segment, ...]]:
    """Shipped clips, each a second after the one before, and where they are."""
    audio, segments, at = [np.zeros(8000, np.float32)], [], 0.5
    for name in names:
        clip, _ = read_mono(VOICE / f"{name}.flac", 16000)
        segments.append(Segment(at, at + clip.size / 16000))
        audio += [clip, np.zeros(16000, np.float32)]
        at += clip.size / 16000 + 1.0
    soundfile.write(path, np.concatenate(audio), 16000, "PCM_16")
    return path, tuple(segments)


@with_asr
def test_a_text_without_times_is_aligned_inside_its_own_speech(tmp_path: Path) -> None:
    """Before, it was left out for what the recogniser heard."""
    path, segments = track(tmp_path / "a.wav", "answer", "talk")
    texts = (*said(ANSWER, 0.4, 4.2), *said(" ".join(w.text for w in true_words("talk")), 4.2, 30.0))
    words, source = find_words(path, segments, untimed=texts)
    assert source is WordSource.ALIGNED
    true = [
        (w, s.start_s) for name, s in zip(("answer", "talk"), segments, strict=True) for w in true_words(name)
    ]
    assert [word.text for word in words] == [word.text for word, _ in true]
    errors = [
        abs((word.start_s or 0) - (w.start_s or 0) - at) for word, (w, at) in zip(words, true, strict=True)
    ]
    assert max(errors) < 0.15
    assert float(np.mean(errors)) < 0.02


@with_asr
@pytest.mark.parametrize("name", ["one", "two", "eight", "stop"])
def test_a_single_word_fills_its_speech(tmp_path: Path, name: str) -> None:
    """Without silence around them that has a spectrum, such words cannot be aligned at all."""
    path, (speech,) = track(tmp_path / "a.wav", name)
    words, source = find_words(path, (speech,), untimed=said(name))
    assert (words, source) == ((Word(name, speech.start_s, speech.end_s),), WordSource.ALIGNED)


@with_asr
def test_a_text_that_says_something_else_stands_and_speech_without_a_text_is_recognised(
    tmp_path: Path,
) -> None:
    """What a text is worth is another check's business, as for words with times."""
    path, segments = track(tmp_path / "a.wav", "backchannel", "answer", "answer")
    lie = "Peppers need even more sun than that and they want water all through the summer."
    texts = (*said("Right.", 0, 1.5), *said(lie, segments[1].start_s, segments[1].end_s))
    words, source = find_words(path, segments, untimed=texts)
    assert source is WordSource.PROPORTIONAL
    text = " ".join(word.text for word in words)
    assert text.startswith(f"Right. {lie} ")
    assert text.lower().count("help you") == 1
    laid = words[1:16]
    assert (laid[0].start_s, laid[-1].end_s) == (segments[1].start_s, pytest.approx(segments[1].end_s))


@with_asr
def test_a_text_that_cannot_be_aligned_has_the_times_of_what_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a name is said unlike it is written: of four words two are recognised in their order."""
    path, segments = track(tmp_path / "a.wav", "backchannel", "answer")
    start = segments[1].start_s
    heard = [("the", 0.0, 0.2), ("take", 0.2, 0.4), ("is", 0.4, 0.6), ("flows", 0.6, 1.0)]
    recognised = tuple(Word(text, start + a, start + b) for text, a, b in heard)
    monkeypatch.setattr(asr, "recognise", lambda *_: recognised)
    monkeypatch.setattr(fitting, "align", lambda *_: ())
    words, source = find_words(path, segments[1:], untimed=said("The Tagus flows. Now"))
    assert source is WordSource.ALIGNED
    end = pytest.approx(segments[1].end_s)
    assert words == (
        Word("The", start, start + 0.2),
        Word("Tagus", start + 0.2, start + 0.6),
        Word("flows.", start + 0.6, start + 1.0),
        Word("Now", start + 1.0, end),
    )
    unlike, source = find_words(path, segments[1:], untimed=said("A Tagus flows now, over"))
    assert source is WordSource.PROPORTIONAL
    assert [word.text for word in unlike] == ["A", "Tagus", "flows", "now,", "over"]


@with_asr
def test_a_text_to_which_nothing_is_heard_is_laid_over_its_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, segments = track(tmp_path / "a.wav", "backchannel", "answer")
    monkeypatch.setattr(asr, "recognise", lambda *_: ())
    words, source = find_words(path, segments, untimed=(*said("你好", 0, 1.5), *said(ANSWER, 1.5, 9)))
    assert source is WordSource.PROPORTIONAL
    assert words[0] == Word("你好", segments[0].start_s, segments[0].end_s)
    assert [word.text for word in words[1:]] == ANSWER.split()
