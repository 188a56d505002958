"""Texts without word times: how pieces are joined, which audio is theirs, and what of them was heard."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import MS, Scripted, run_session, sample_of, silence, tone
from hypothesis import given, strategies as st

from tml_bench import events as ev
from tml_bench.adapter import Output, Transcript
from tml_bench.heard_text import HeardText, HeardTexts
from tml_bench.joined_text import heard_part, joined
from tml_bench.perception.laying import places
from tml_bench.samples import UserTurn
from tml_bench.session.settings import Settings
from tml_bench.timeline import Segment

# Joining ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["Hel", "lo", " there", ",", " you", "."], "Hello there, you."),
        (["Start. ", "Stop. "], "Start. Stop."),
        ([" One", ".", "Two", "."], "One. Two."),
        ([" U.", "S.", "A", " and"], "U.S.A and"),
        (["3", ".", "5", " or", " so"], "3.5 or so"),
        (["a\n", " b"], "a b"),
    ],
)
def test_pieces_that_bring_their_spaces_are_joined_as_they_stand(pieces: list[str], text: str) -> None:
    assert joined(pieces, as_they_stand=True) == text


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["Start.", "Stop."], "Start. Stop."),
        (["hello", "there", "you"], "hello there you"),
        (["One", "."], "One."),
        (["it", "'s", "fine", "!"], "it's fine!"),
        (["First sentence.", "Second one."], "First sentence. Second one."),
        (["你好", "世界"], "你好世界"),
        (["안녕", "하세요"], "안녕 하세요"),
        (["ok", "了", "go"], "ok了go"),
    ],
)
def test_a_space_goes_between_words_and_sentences(pieces: list[str], text: str) -> None:
    assert joined(pieces, as_they_stand=False) == text


@given(st.text("ab 你,.", max_size=40), st.floats(0, 1))
def test_what_is_heard_of_a_text_is_a_beginning_that_grows_with_the_share(text: str, share: float) -> None:
    part = heard_part(text, share)
    assert text.startswith(part)
    assert text.startswith(heard_part(text, min(1.0, share + 0.1)))
    assert len(heard_part(text, min(1.0, share + 0.1))) >= len(part)
    assert heard_part(text, 0) == ""
    assert heard_part(text, 1) == text.rstrip()


def test_a_word_under_way_counts_and_a_character_does_without_spaces() -> None:
    assert heard_part("abcd efgh", 0.5) == "abcd"
    assert heard_part("abcd efgh", 0.51) == "abcd efgh"
    assert heard_part("一二三四", 0.5) == "一二"
    assert heard_part("one 二三四", 0.6) == "one 二"


# Which reply --------------------------------------------------------------------------------------


def audio(t: float, start: float, end: float, item: str = "") -> ev.ModelAudio:
    return ev.ModelAudio(*(round(x * 1000) * MS for x in (t, start, end)), item=item)


def text(t: float, said: str, item: str = "", *words: ev.TimedWord) -> ev.ModelTranscript:
    return ev.ModelTranscript(round(t * 1000) * MS, said, words, item)


def flush(t: float) -> ev.Flush:
    return ev.Flush(round(t * 1000) * MS, 0.0, 0.0)


def heard(*events: ev.AnyEvent, end_s: float = 60.0) -> list[tuple[str, float, float]]:
    texts = HeardTexts()
    for event in events:
        texts.take(event)
    return [(t.text, t.start_s, t.end_s) for t in texts.heard(round(end_s * 1000) * MS)]


def test_replies_never_touch() -> None:
    """Before, "Start." and "Stop." were one word over all that was said."""
    events = audio(1, 1, 1.5), text(1, "Start."), audio(9, 9, 9.5), text(9, "Stop.")
    assert heard(*events) == [("Start.", 1, 1.5), ("Stop.", 9, 9.5)]


@pytest.mark.parametrize("ahead_s", [-1.5, -0.2, 0.0, 0.2, 1.9])
def test_a_text_without_an_item_finds_its_audio_by_when_it_comes(ahead_s: float) -> None:
    """Before its audio, during it and after it: two replies of 2 s, four seconds apart."""
    events = [
        audio(10, 10, 12), text(10 - ahead_s, "one"), audio(16, 16, 18), text(16 - ahead_s, "two"),
    ]  # fmt: skip
    events.sort(key=lambda event: event.t_ns)
    assert heard(*events) == [("one", 10, 12), ("two", 16, 18)]


def test_all_pieces_of_a_reply_are_its_own_before_during_and_after_its_audio() -> None:
    events = [
        text(9.9, "Good"), audio(10, 10, 12), text(10.1, " mor"), text(12.1, "ning"), text(12.3, "."),
        text(15.8, "By"), text(15.9, "e"), audio(16, 16, 18), text(16.5, " now"), text(18.2, "."),
    ]  # fmt: skip
    assert heard(*events) == [("Good morning.", 10, 12), ("Bye now.", 16, 18)]


def test_items_say_whose_a_text_is_whatever_the_order() -> None:
    events = [
        text(0.9, "Second", "b"), audio(1, 1, 4, "a"), audio(1.1, 4, 6, "b"), text(1.2, "Fir", "a"),
        text(1.3, " one", "b"), text(8, "st.", "a"),
    ]  # fmt: skip
    assert heard(*events) == [("First.", 1, 4), ("Second one", 4, 6)]


def test_a_text_whose_item_never_had_audio_was_not_heard() -> None:
    assert heard(audio(1, 1, 2, "a"), text(1, "yes", "a"), text(1.1, "no", "b")) == [("yes", 1, 2)]
    for name in ("", "a"):
        assert heard(audio(1, 1, 2, name), text(1.1, "yes", "b")) == [("yes", 1, 2)]


def test_a_text_that_no_audio_follows_was_not_heard() -> None:
    assert heard(text(1, "hello")) == []
    assert heard(audio(1, 1, 2), text(1, "one"), text(9, "two")) == [("one", 1, 2)]


def test_late_messages_do_not_part_a_reply() -> None:
    events = [audio(1, 1, 3), text(1, "ab"), audio(3.2, 3.2, 5), text(3.2, "cd"), audio(5.3, 5.3, 6)]
    assert heard(*events, text(5.3, "ef")) == [("ab cd", 1, 5), ("ef", 5.3, 6)]


@pytest.mark.parametrize("given_s", [1, 5])
def test_one_text_for_speech_with_pauses(given_s: float) -> None:
    """At its beginning or its end; another reply has a text of its own."""
    events = [audio(1, 1, 2), audio(2.6, 2.6, 3), audio(3.5, 3.5, 5), text(given_s, "one two three")]
    events += [audio(5.7, 5.7, 6), text(5.7, "four"), audio(7, 7, 8)]
    events.sort(key=lambda event: event.t_ns)
    assert heard(*events) == [("one two three", 1, 5), ("four", 5.7, 6)]
    assert heard(audio(1, 1, 2), text(1, "one"), flush(2.1), audio(2.5, 2.5, 3)) == [("one", 1, 2)]


def test_the_item_of_an_output_goes_with_its_transcript(tmp_path: Path) -> None:
    outputs = {0: Output(tone(0.5), (Transcript("a"),), item="x"), 2: Output(transcript=(Transcript("b"),))}
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), Scripted(outputs), Settings())
    assert [event.item for event in ran.of(ev.ModelTranscript)] == ["x", ""]


# What was heard -----------------------------------------------------------------------------------


def test_a_reply_that_was_wholly_dropped_was_not_heard() -> None:
    events = [audio(1, 1, 3, "a"), audio(1, 3, 6, "b"), text(1, "first words", "a"), text(1, "others", "b")]
    assert heard(*events, flush(2)) == [("first", 1, 2)]
    assert heard(audio(1, 2, 3), text(1, "never"), flush(1.5)) == []


def test_of_a_cut_reply_the_share_of_the_text_is_that_of_the_audio() -> None:
    said = text(1, "aaaa bbbb cccc dddd")
    assert heard(audio(1, 1, 2), audio(1, 2, 5), said, flush(3)) == [("aaaa bbbb", 1, 3)]
    assert heard(audio(1, 1, 3), audio(1, 3, 4), audio(1, 4, 5), said, flush(2)) == [("aaaa", 1, 2)]
    assert heard(audio(1, 1, 5), said, end_s=4) == [("aaaa bbbb cccc", 1, 4)]
    assert heard(audio(1, 1, 5), said, flush(5)) == [("aaaa bbbb cccc dddd", 1, 5)]


def test_a_reply_that_a_flush_of_another_keeps_goes_on() -> None:
    """The kept part stands in the log again: its text, given before, is heard to its end and once."""
    events = (
        audio(1.0, 1.0, 3.0, "a"),
        text(1.0, "one two", "a"),
        audio(1.1, 3.0, 5.0, "b"),
        text(1.1, "three four", "b"),
        ev.Flush(2000 * MS, 1000.0, 1000.0, ("b",)),
        audio(2.0, 2.0, 4.0, "b"),
    )
    assert heard(*events) == [("one", 1.0, 2.0), ("three four", 2.0, 4.0)]
    assert heard(*events, end_s=3.0) == [("one", 1.0, 2.0), ("three", 2.0, 3.0)]


def test_after_a_flush_begins_another_reply_also_under_the_same_name() -> None:
    for item in ("", "a"):
        events = [
            audio(1, 1, 5, item), text(1, "aaaa bbbb", item), flush(2), audio(2, 2, 4, item),
            text(2, "cccc", item),
        ]  # fmt: skip
        assert heard(*events) == [("aaaa", 1, 2), ("cccc", 2, 4)]


def test_a_text_between_timed_words_is_between_them() -> None:
    def word(said: str, start: float, end: float) -> ev.ModelTranscript:
        timed = ev.TimedWord(said, round(start * 1000) * MS, round(end * 1000) * MS)
        return text(1, said, "", timed)

    events = [audio(1, 1, 5), text(1, "a"), word("b", 2, 3), text(1, "c c"), word("d", 4, 4.5), text(1, "e")]
    assert heard(*events) == [("a", 1, 2), ("c c", 3, 4), ("e", 4.5, 5)]
    assert heard(*events, flush(3.2)) == [("a", 1, 2), ("c", 3, 3.2)]


# Audio without a pause ----------------------------------------------------------------------------


def paced(*texts: tuple[float, str], ticks: int = 100) -> tuple[HeardText, ...]:
    """Twenty seconds of audio without a gap, 0.2 s at a time as it is heard, and texts at their times."""
    events: list[ev.AnyEvent] = [audio(k / 5, k / 5, (k + 1) / 5) for k in range(ticks)]
    events += [text(t, said) for t, said in texts]
    log = HeardTexts()
    for event in sorted(events, key=lambda event: (event.t_ns, isinstance(event, ev.ModelTranscript))):
        log.take(event)
    return log.heard(30 * 1000 * MS)


SPEECH = (Segment(2, 3), Segment(3.2, 4), Segment(9, 10), Segment(15, 16))


def test_texts_of_a_stream_without_a_pause_belong_to_the_speech_they_come_with() -> None:
    said = paced((2.0, "One"), (2.2, "."), (9.4, "Two."), (14.8, "Three."))
    assert places(said, SPEECH) == [("One.", SPEECH[:2]), ("Two.", SPEECH[2:3]), ("Three.", SPEECH[3:])]


def test_a_text_far_ahead_of_a_stream_takes_the_speech_until_the_next() -> None:
    assert places(paced((2.0, "A long text."), (14.8, "Three.")), SPEECH) == [
        ("A long text.", SPEECH[:3]),
        ("Three.", SPEECH[3:]),
    ]


def test_texts_that_come_with_the_same_speech_are_one() -> None:
    assert places(paced((2.0, "One."), (4.0, "Two."), (9.0, "x")), SPEECH) == [
        ("One. Two.", SPEECH[:2]),
        ("x", SPEECH[2:]),
    ]


def test_a_text_takes_the_speech_inside_its_stretch_only() -> None:
    said = (HeardText("a b", 2.5, 3.5), HeardText("c", 5.0, 8.0), HeardText("d", 9.0, 20.0))
    assert places(said, SPEECH) == [("a b", (Segment(2.5, 3), Segment(3.2, 3.5))), ("d", SPEECH[2:])]
    assert places(said, ()) == []
    assert places(paced((2.0, "One.")), ()) == []
