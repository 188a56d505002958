"""Repetitions counted aloud in English: which of the numbers said is the count, and what it comes to.

Output is the running count: (value, onset, end) of everything said that states it, in order. Input is what
`tml_bench.perception.numbers` reads. A *clause* is what is said without a break (punctuation, or a pause);
the *running count* is the value stated last. Word lists: `tml_bench.perception.count_words`.

What states the count:
    1. A number: "ten", "that's ten", "ten reps so far", "rep number six", "six of ten" (6), "three and a
       half" (3: half a repetition is none). "Zero"; "none" and "no reps" as long as nothing was counted.
    2. An ordinal that numbers a repetition: alone, before ``one``, ``rep`` and the like ("the sixth one"),
       or after ``the``/``your`` if it is the running count or the next ("your sixth squat"). "Second" alone
       also where the running count is one. Not "first of all", "at first", "one third", "the third set".
    3. "One more", "another one" and "another", alone in their clause or after "that's", "and", "plus": one
       more than the running count, if there is one. "Two more" only after "that's", "and", "plus". Not "one
       more rep", "one more to go", "just one more"; nor what is stated as a number next ("nine. One more!
       Ten."): that announced it.
    4. ``to``/``too``, ``for``/``fore``, ``ate``, ``won`` where they are the next number and alone in their
       clause but for words like "that's", or as `numbers` reads them.

What a number says (the running count is c):
    5. A ten and a unit with a break between ("twenty. one") are one number where c is the ten or that number
       less one. Said without a break they are two where c is one less than the ten and the next unit follows
       bare ("nineteen, twenty one two": 19, 20, 21, 22).
    6. From 20 on a bare unit may stand for the next number ("twenty, one, two" is 20, 21, 22), from 100 on a
       number below 100 too, also after "one" ("one ten" is 110).
    7. Thirteen and thirty, fourteen and forty ... sound alike: if the other one is c to c + 2, or without c
       one less than the number that follows, and the one heard is not, it is the other.

What is no count:
    8. A number that measures, labels or aims: "10 seconds", "50%", "$5", "two people", "set two", "2019",
       "out of ten", "7/20" (7), "count to ten", "until ten", "more than ten", "do ten"; what is to come
       ("five more", "three to go", "two reps left", "eight next"); what is denied ("not ten"); minus, decimal
       and "double" ones. Recognisers join the count and what is to come: "1.33 more to go" is 1, and "34 more
       to go" after 29 is 30.
    9. The pronoun ``one`` of `numbers`; besides, a "one" that follows any word in its clause but those of a
       count ("that's one"), unless the next number is two.
    10. Alternatives and ranges: "nine or ten", "nine to eleven", "between nine and eleven", "9-11" name no
        count: who hedges has not counted. "From nine to ten" is 10.
    11. A number before another noun that would go back by more than two ("two mats" after five), and any that
        leaps more than a hundred ahead.

What changes the count:
    12. A correction replaces the number before: "nine, no, ten", "nine - I mean ten", "wait, ten" are 10, if
        nothing but such words and fillers is between the two, and at most ``CORRECTION_S``. A zero between
        two numbers is "no", misheard: recognisers write "ten, no, nine" as "10-0-9".
    13. "Starting again", "from the top", "new set" and the like begin a new series: c is 0 then, and rules 5
        to 7 know nothing of what was before.
    14. A countdown of three numbers or more to one or zero ("three, two, one, go") counts nothing.

A lower number without a correction is a count like any other.
Limits: names of exercises are not known, so that "ten squats" counts and "ten mats" does too.
"""

from collections.abc import Sequence

from tml_bench import number_words as nw
from tml_bench.perception import count_words as cw
from tml_bench.perception.count_context import (
    is_count,
    relative,
    says_none,
    sounds_as_next,
    ten_of_joined,
    whole_of_joined,
)
from tml_bench.perception.numbers import NumberItem, SpokenNumber, clause_after, number_items
from tml_bench.timeline import Word

CORRECTION_S = 2.0
"""A number that is said later than this after another one does not correct it."""
SPLIT_S = 1.2
"""Longest pause between a ten and its unit."""
_TEENS = range(13, 20)
_COUNTDOWN = 3


def spoken_counts(words: Sequence[Word]) -> tuple[SpokenNumber, ...]:
    """What a transcript states of the running count, in order; empty for no words.

    Times are those of the words that state it, None where the transcript has none.
    """
    series = _Series(number_items(words))
    at = 0
    while at < len(series.items):
        at += series.read(at)
    return _without_countdowns([number for number, _ in series.counts])


def _without_countdowns(counts: Sequence[SpokenNumber]) -> tuple[SpokenNumber, ...]:
    kept: list[SpokenNumber] = []
    down = 1  # numbers at the end of those kept that go down by one
    for k, number in enumerate(counts):
        down = down + 1 if kept and k and number.value == counts[k - 1].value - 1 else 1
        kept.append(number)
        goes_on = k + 1 < len(counts) and counts[k + 1].value == number.value - 1
        if down >= _COUNTDOWN and number.value <= 1 and not goes_on:
            del kept[-down:]
    return tuple(kept)


class _Series:
    """Reads items from left to right and keeps the count."""

    def __init__(self, items: list[NumberItem]) -> None:
        self.items = items
        self.counts: list[tuple[SpokenNumber, int]] = []
        """What was stated, and the place of the item after it."""
        self._since = 0
        """How many counts were stated before this series."""

    @property
    def running(self) -> int | None:
        """The running count; None if it is not known."""
        if len(self.counts) > self._since:
            return self.counts[-1][0].value
        return 0 if self._since else None

    def read(self, at: int) -> int:
        """Take what is said there; returns how many items that was."""
        if length := _phrase(self.items, at, cw.RESETS):
            self._since = len(self.counts)
            return length
        item = self.items[at]
        more = relative(self.items, at)
        if more and self.running is not None and not self._announces(at, self.running + more):
            return self._state(self.running + more, at, 2 if _follows(self.items, at) else 1)
        if sounds_as_next(self.items, at, self.running):
            return self._state((self.running or 0) + 1, at, 1)
        if self._is_misheard_no(at):
            return 1
        joined = whole_of_joined(self.items, at) or ten_of_joined(self.items, at, self.running)
        if joined:
            return self._state(joined, at, 1)
        if self._is_second_after_ten(at):
            return self._state((item.value or 0) + 2, at, 2)
        if item.is_number and not more and is_count(self.items, at, self.running):
            return self._number(at)
        if not self.counts and says_none(self.items, at):
            return self._state(0, at, 1)
        return 1

    def _is_misheard_no(self, at: int) -> bool:
        """Whether a zero is "no": the count does not fall to zero between two numbers, but to begin anew."""
        near = self.items[max(0, at - 1) : at + 2]
        between = self.items[at].value == 0 and len(near) == 3 and near[0].is_number and near[2].is_number
        running = self.running or 0
        return between and running > 1 and (near[2].value or 0) > (1 if running > 2 else 0)

    def _is_second_after_ten(self, at: int) -> bool:
        """Whether "twenty second" is said there after 21, and not a length of time."""
        after = clause_after(self.items, at)
        second = [item.first.text for item in after] == ["second"]
        return second and _is_ten(self.items[at]) and self.running == (self.items[at].value or 0) + 1

    def _announces(self, at: int, value: int) -> bool:
        """Whether the next thing stated after what is said there is that value, as a number."""
        numbers = (k for k in range(at + 1, len(self.items)) if self._states(k))
        first = next(numbers, None)
        if first is None or relative(self.items, first) or self.items[first].value != value:
            return False
        second = next(numbers, None)
        return second is None or not _is_correction(self.items, first + 1, second)

    def _states(self, at: int) -> bool:
        said = self.items[at].is_number and is_count(self.items, at, self.running)
        return said or relative(self.items, at) > 0

    def _number(self, at: int) -> int:
        """Rules 5 to 7: what the number there says."""
        item, running = self.items[at], self.running
        value = item.value or 0
        following = _unit_after(self.items, at)
        if _is_loose(item) and (running, following) == (value - value % 10 - 1, value % 10 + 1):
            ten = value - value % 10
            self._keep(ten, at, item.first.start_s, item.first.end_s)
            return self._keep(value, at, item.last.start_s, item.last.end_s)
        if hundred := self._hundred_without_name(at):
            return self._state(hundred, at, 2)
        if following and _is_ten(item) and self._parted(at) and running in (value, value + following - 1):
            return self._state(value + following, at, 2)
        return self._state(self._meant(at, value), at, 1)

    def _hundred_without_name(self, at: int) -> int:
        """What "one ten" says from 100 on, if it is about the next number; 0 for none."""
        after = clause_after(self.items, at)
        one = self.items[at].first.text == "one" and self.items[at].length == 1
        if not one or not after or not after[0].is_number or self.running is None:
            return 0
        value = 100 + (after[0].value or 0)
        return value if 110 <= value < 200 and value in range(max(100, self.running), self.running + 3) else 0

    def _meant(self, at: int, value: int) -> int:
        """Rules 6 and 7: a number that stands for the next one or was heard for one that sounds alike."""
        item, running = self.items[at], self.running
        if other := _sounds_alike(item):
            if running is not None:
                near = range(running, running + 3)
                return other if other in near and value not in near else value
            after = self.items[at + 1].value if at + 1 < len(self.items) else None
            return other if after == other + 1 else value
        if running is None or item.ordinal or not self._alone(at):
            return value
        following = running + 1
        short = {following % 10, following % 100 if following > 100 else 0} - {0}
        return following if following > 20 and value in short else value

    def _alone(self, at: int) -> bool:
        """Whether no word but numbers and those of a count is right beside it."""
        item, before = self.items[at], self.items[at - 1] if at else None
        after = self.items[at + 1] if at + 1 < len(self.items) else None
        led = item.breaks or before is None or before.is_number or before.first.text in cw.LEADS
        return led and (after is None or after.breaks or after.is_number)

    def _parted(self, at: int) -> bool:
        """Whether the number after that one comes soon and counts."""
        end_s, start_s = self.items[at].last.end_s, self.items[at + 1].first.start_s
        soon = end_s is None or start_s is None or start_s - end_s <= SPLIT_S
        return soon and is_count(self.items, at + 1, None) and not relative(self.items, at + 1)

    def _state(self, value: int, at: int, length: int) -> int:
        """A count that so many items state."""
        self._keep(value, at, self.items[at].first.start_s, self.items[at + length - 1].last.end_s, length)
        return length

    def _keep(self, value: int, at: int, start_s: float | None, end_s: float | None, length: int = 1) -> int:
        if self._corrects(value, at, start_s):
            self.counts.pop()
        self.counts.append((SpokenNumber(value, start_s, end_s), at + length))
        return length

    def _corrects(self, value: int, at: int, start_s: float | None) -> bool:
        """Rule 12: whether a count replaces the one before."""
        if len(self.counts) <= self._since:
            return False
        last, after = self.counts[-1]
        late = None not in (start_s, last.end_s) and (start_s or 0.0) - (last.end_s or 0.0) > CORRECTION_S
        return value != last.value and not late and _is_correction(self.items, after, at)


def _is_correction(items: Sequence[NumberItem], begin: int, end: int) -> bool:
    """Whether the words between two numbers correct the first."""
    marked = False
    at = begin
    while at < end:
        length = _phrase(items[:end], at, cw.CORRECTIONS)
        short = items[at].first.text == "no" and at and items[at - 1].first.text in cw.NUMBERS_A_NUMBER
        zero = items[at].is_number and items[at].value == 0  # "no", misheard
        if zero or (length and not (short and not items[at].breaks)):
            marked = True
        elif not length and items[at].first.text not in cw.BESIDE_A_CORRECTION:
            return False
        at += length or 1
    return marked


def _phrase(items: Sequence[NumberItem], at: int, phrases: Sequence[tuple[str, ...]]) -> int:
    """Length of the longest of some phrases that begins there; 0 for none."""
    said = tuple(item.first.text for item in items[at : at + 4])
    return max((len(p) for p in phrases if said[: len(p)] == p), default=0)


def _follows(items: Sequence[NumberItem], at: int) -> bool:
    return at + 1 < len(items) and not items[at + 1].breaks


def _unit_after(items: Sequence[NumberItem], at: int) -> int:
    """The number below ten that is the next word, 0 for none."""
    after = items[at + 1] if at + 1 < len(items) else None
    if after is None or not after.is_number or after.ordinal or after.length > 1:
        return 0
    return after.value if after.value is not None and after.value < 10 else 0


def _is_ten(item: NumberItem) -> bool:
    return item.length == 1 and not item.ordinal and item.value in nw.TENS.values()


def _is_loose(item: NumberItem) -> bool:
    """Whether a ten and a unit make the number, with no hyphen between."""
    return item.length == 2 and item.first.text in nw.TENS_AS_SPELT and not (item.ordinal or item.last.glued)


def _sounds_alike(item: NumberItem) -> int:
    """The ten for a teen and the other way round; 0 for other numbers."""
    value = item.value or 0
    if item.length > 1:
        return 0
    if value in _TEENS:
        return 10 * (value - 10)
    return 10 + value // 10 if value % 10 == 0 and value // 10 + 10 in _TEENS else 0
