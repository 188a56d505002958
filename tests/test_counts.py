"""Counting aloud: what states the running count, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tml_bench.perception.counts import CORRECTION_S, SPLIT_S, spoken_counts
from tml_bench.timeline import Word


def counted(text: str) -> list[int]:
    return [n.value for n in spoken_counts([Word(piece, None, None) for piece in text.split()])]


GOLDEN = {
    # the pronoun, rule 9
    "the sixth one": [6],
    "That's the sixth one!": [6],
    "five, the sixth one, seven": [5, 6, 7],
    "the first one, the second one, the third one": [1, 2, 3],
    "the twenty first one": [21],
    "the twenty second one": [22],
    "twenty-one. Twenty second.": [21, 22],
    "You finished your tenth squat.": [10],
    "five. The sixth... one.": [5, 6],
    "the 6th one": [6],
    "this one, that one, the next one, the last one": [],
    "no one, one by one, one of them": [],
    "nice one! two": [2],
    "six, beautiful one, seven": [6, 7],
    "what a one": [],
    "that's one": [1],
    "rep one": [1],
    "one rep": [1],
    "one squat": [1],
    "beautiful one two three": [1, 2, 3],
    "one moment": [],
    # ordinals, rule 2
    "First. Second. Third.": [1, 2, 3],
    "first second third": [1, 2, 3],
    "one. Second.": [1, 2],
    "one. Wait a second. Two.": [1, 2],
    "five, your sixth squat": [5, 6],
    "that's the tenth": [10],
    "10th rep": [10],
    "twenty-first": [21],
    "first of all, let me see": [],
    "at first": [],
    "the third set": [],
    "one third of the way": [],
    # what is counted, rule 1
    "that's ten": [10],
    "ten reps so far": [10],
    "ten times so far": [10],
    "rep number six": [6],
    "that makes six": [6],
    "#7": [7],
    "№ 7": [7],
    "six of ten": [6],
    "one of ten": [1],
    "7/20": [7],
    "7 out of 20": [7],
    "a total of ten reps": [10],
    "we're up to ten": [10],
    "three and a half": [3],
    "3½": [3],
    "halfway there": [],
    "zero reps": [0],
    "none so far": [0],
    "no reps yet": [0],
    "five, none": [5],
    "oh, ten": [10],
    "a hundred and one": [101],
    "1,000": [1000],
    "that's a dozen": [12],
    # one more, rule 3
    "nine. One more.": [9, 10],
    "nine. And another one.": [9, 10],
    "one, another one, another": [1, 2, 3],
    "nine. That's two more.": [9, 11],
    "nine. Two more!": [9],
    "nine. One more rep!": [9],
    "nine. That's one more rep.": [9, 10],
    "nine. One more to go.": [9],
    "nine. Just one more.": [9],
    "one more": [],
    "nine. One more! Ten.": [9, 10],
    "one and one more and one more and one more": [1, 2, 3, 4],
    "nine and I want one more and then stop": [9],
    "nine and one more to go": [9],
    "nine. One more. One more. Eleven.": [9, 10, 11],
    "nine. Another one. Twelve.": [9, 10, 12],
    # homophones, rule 4
    "one. To. Three.": [1, 2, 3],
    "one. Too! Three.": [1, 2, 3],
    "three. For. Five.": [3, 4, 5],
    "three. That's for.": [3, 4],
    "seven. Ate. Nine.": [7, 8, 9],
    "Won. Two. Three.": [1, 2, 3],
    "one. I want to. Go.": [1],
    "one to": [1, 2],
    "one. I want to go.": [1],
    "three. What for?": [3],
    "one two three for five": [1, 2, 3, 4, 5],
    # tens and units, rules 5 and 6
    "nineteen. Twenty. Twenty. One.": [19, 20, 21],
    "twenty. Twenty, one. Twenty, two.": [20, 21, 22],
    "twenty. One. Two. Three.": [20, 21, 22, 23],
    "nineteen. Twenty. One. Two.": [19, 20, 21, 22],
    "nineteen twenty one two three": [19, 20, 21, 22, 23],
    "nineteen twenty-one, two": [19, 21, 22],
    "nineteen twenty twenty one": [19, 20, 21],
    "twenty-nine. Thirty. One.": [29, 30, 31],
    "ninety-nine, one hundred, one, two": [99, 100, 101, 102],
    "one hundred nine, ten, eleven": [109, 110, 111],
    "a hundred and twenty, twenty-one, two": [120, 121, 122],
    "one hundred nine. One ten. One eleven.": [109, 110, 111],
    "one ten": [1, 10],
    "twenty. High five!": [20],
    # teens and tens, rule 7
    "twelve. Thirty. Fourteen.": [12, 13, 14],
    "twenty-nine. Thirteen.": [29, 30],
    "twenty-nine. Thirteen. Thirty-one.": [29, 30, 31],
    "thirty. Fourteen. Fifty. Sixteen.": [13, 14, 15, 16],
    "thirty-nine, fourteen, forty-one": [39, 40, 41],
    "eighteen. Ninety. Twenty.": [18, 19, 20],
    "12, 14": [12, 14],
    "29, 30, 13": [29, 30, 30],
    # no counts, rule 8
    "nine. Ten seconds left.": [9],
    "nine, two minutes": [9],
    "nine, 100 percent, 50%, $5": [9],
    "set 2. One. Two.": [1, 2],
    "in 5 minutes": [],
    "in 2026": [],
    "2025, 2026": [],
    "12 of 34, 1334, 14 of 34": [12, 14],
    "five more": [],
    "ten down, ten to go": [10],
    "ten more to go": [],
    "three reps left": [],
    "out of ten": [],
    "let's do ten": [],
    "I'll count to ten": [],
    "counting up to twenty": [],
    "going for twenty": [],
    "halfway to ten": [],
    "until ten": [],
    "almost ten": [],
    "more than ten": [],
    "a set of ten": [],
    "two sets of ten": [],
    "that's not ten": [],
    "minus three": [],
    "-3": [],
    "3.5": [],
    "three point five": [],
    "double three": [],
    "at 12:30": [],
    "I see two people": [],
    "five. Two mats.": [5],
    "five ten squats": [5, 10],
    "h264": [],
    "seven. Of 20.": [7],
    "seven reps of twenty": [7],
    "nine. One last rep!": [9],
    "ten reps remain": [],
    "You did ten push-ups in 30 seconds.": [10],
    "Set 1, rep 5.": [5],
    "five down and five to go": [5],
    "1.33 more to go, 2.32 more to go": [1, 2],
    "29. 34 more to go. 31.": [29, 30, 31],
    "28. 34 more to go.": [28],
    "11. 23. More to go. 12. 22. More to go.": [11, 12],
    "nine. Ten. More to go!": [9, 10],
    "a 30-second rest": [],
    "5 times 5": [],
    # hedges, rule 10
    "nine or ten": [],
    "nine or maybe ten reps": [],
    "between nine and eleven": [],
    "nine to eleven": [],
    "9-11": [],
    "1-2-3": [1, 2, 3],
    "from nine to ten": [10],
    # corrections, rule 12
    "nine, no, ten": [10],
    "nine no ten": [10],
    "nine, sorry, ten": [10],
    "nine - I mean ten": [10],
    "nine \u2014 I mean ten": [10],
    "nine... wait, ten": [10],
    "nine. Wait, that's ten.": [10],
    "nine. Actually, it's ten.": [10],
    "nine, oops, make that ten": [10],
    "eight, nine, no, ten, no, eleven": [8, 11],
    "eight, nine, no, eight": [8, 8],
    "nine, sorry, nine": [9, 9],
    "10-0-9. 31-0-30": [9, 30],
    "10, 0, 9.": [9],
    "2-0-1": [1],
    "nine. Zero, one, two.": [9, 0, 1, 2],
    "nine. That's No. 10.": [9, 10],
    "nine. No rest! Ten.": [9, 10],
    "nine. Wait for it. Ten.": [9, 10],
    # resets, rule 13
    "nine. Starting again: one, two": [9, 1, 2],
    "twenty. Let's start over. One. Two.": [20, 1, 2],
    "twenty. From the top! One more.": [20, 1],
    "twelve. New set. Thirty.": [12, 30],
    "It's 2026.": [],
    "ten a.m.": [],
    "your goal is 15. One.": [1],
    "after ten you can rest": [],
    "eight. Sorry, I miscounted: seven.": [7],
    "seven. Eight to come.": [7],
    "seven, eight next": [7],
    "seven. Let's make it ten!": [7],
    # countdowns, rule 14
    "Three, two, one, go! One. Two.": [1, 2],
    "five four three two one zero one": [1],
    "eleven, ten, nine": [11, 10, 9],
    "two, one": [2, 1],
    "": [],
}  # fmt: skip


@pytest.mark.parametrize("text", GOLDEN)
def test_golden(text: str) -> None:
    assert counted(text) == GOLDEN[text]


def timed(*said: tuple[str, float]) -> list[tuple[int, float | None]]:
    words = [Word(text, at, at + 0.3) for text, at in said]
    return [(n.value, n.start_s) for n in spoken_counts(words)]


def test_a_count_is_when_its_words_are() -> None:
    assert timed(("That's", 1.0), ("the", 1.3), ("sixth", 1.6), ("one", 1.9)) == [(6, 1.6)]
    assert timed(("nine", 1.0), ("one", 3.0), ("more", 3.3)) == [(9, 1.0), (10, 3.0)]


def test_a_correction_has_the_time_of_the_right_number_and_comes_soon() -> None:
    assert timed(("nine", 1.0), ("no", 1.4), ("ten", 1.8)) == [(10, 1.8)]
    late = 1.3 + CORRECTION_S + 0.01
    assert timed(("nine", 1.0), ("no", late - 0.4), ("ten", late)) == [(9, 1.0), (10, late)]


def test_a_ten_and_its_unit_belong_together_by_the_count_and_the_pause() -> None:
    soon, late = 4.3 + SPLIT_S - 0.01, 4.3 + SPLIT_S + 0.01
    assert timed(("twenty", 1.0), ("twenty", 4.0), ("one", soon)) == [(20, 1.0), (21, 4.0)]
    assert timed(("twenty", 1.0), ("twenty", 4.0), ("one", late)) == [(20, 1.0), (20, 4.0), (21, late)]
    assert timed(("nineteen", 1.0), ("twenty", 2.0), ("one", 3.0)) == [(19, 1.0), (20, 2.0), (21, 3.0)]


def test_two_counts_without_a_pause_have_their_own_times() -> None:
    said = timed(("nineteen", 1.0), ("twenty", 2.0), ("one", 2.3), ("two", 2.7))
    assert said == [(19, 1.0), (20, 2.0), (21, 2.3), (22, 2.7)]


def test_a_clause_ends_at_a_pause() -> None:
    assert timed(("one", 1.0), ("to", 2.0), ("three", 3.0)) == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert timed(("one", 1.0), ("I", 1.4), ("want", 1.7), ("to", 2.0), ("go", 3.0)) == [(1, 1.0)]


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_text_is_read_in_order_without_error(texts: list[str]) -> None:
    words = [Word(text, float(k), k + 0.5) for k, text in enumerate(texts)]
    onsets = [n.start_s for n in spoken_counts(words) if n.start_s is not None]
    assert onsets == sorted(onsets)


LEXICON = (
    "one", "two", "to", "for", "ten", "twenty", "thirty", "thirteen", "another", "more", "no", "wait", "or",
    "of", "the", "sixth", "second", "-", ",", ".", "7", "and",
)  # fmt: skip


@given(st.lists(st.sampled_from(LEXICON), max_size=10))
def test_any_order_of_such_words_is_read(texts: list[str]) -> None:
    assert all(value >= 0 for value in counted(" ".join(texts)))
