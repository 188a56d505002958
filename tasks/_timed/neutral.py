"""Which utterances are acknowledgements, and count neither for nor against: decided by place, in code.

After an instruction, an order to stop or anything else the user says, people say "Sure, I can help with that"
or "You're welcome", in more ways than any list has. So for each turn of the user the *first* utterance that
begins between `BEFORE_END_S` before the turn's end and `ACKNOWLEDGE_S` after it is neutral, whatever it says,
if it lasts at most `SHORT_S`, unless

* it is right, at any time, for an event within reach, as the judge says, or
* its onset lies in the window of an event, or
* it holds, as whole words, an accepted or a rejected reply of an event of the item. What stands behind a
  promise in its sentence ("I'll say lighthouse in ten seconds") is not said yet and holds nothing. A reply
  of nothing but everyday words ("Go.", "One.") must be all that is said, but for words that open, since
  "Sure, that one is easy" does not say it.

Of what follows it within half a second, where the item separates utterances at less, the same holds: it is
one remark, which lasts `SHORT_S` at most.
"""

# ruff: noqa: SIM905 -- word lists read better as text

import re
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache

from tml_bench.plain_text import plain
from tml_bench.tasks._common.speech import SpeechStretch
from tml_bench.tasks._timed.expected import SILENCE_S, TimedAnnotation
from tml_bench.tasks._timed.meaning.wording import words

ACKNOWLEDGE_S, BEFORE_END_S, SHORT_S = 3.0, 0.2, 5.0
PROMISE = re.compile(r"\b(i|we|you) (will|shall|can)\b|\b(am|are) (going|about) to\b|\bgonna\b")
"""What begins the telling of what is still to come."""
OPENING = frozenset("okay ok alright right sure yes yeah yep and so oh well now then please".split())
EVERYDAY = OPENING | frozenset(
    (
        "a an the this that these those it its there here i me my you your we us our they them "
        "am is are was were be been do does did done have has had will would can could shall should may "
        "to of at in on off out up down for from by with into as or but if than not no never "
        "go going get got let keep start starting started begin beginning stop stopping stopped hold wait "
        "waiting carry carrying listen listening know like set ready time again back once one just good "
        "great fine nice all any what when how very too more problem check love say saying "
        "sorry excuse pardon thank thanks hello hi hey"
    ).split()
)
"""Words that anybody says after an instruction, whatever it was."""


def neutral(item: TimedAnnotation, said: Sequence[SpeechStretch], right: Set[int]) -> set[int]:
    """Which utterances are acknowledgements.

    Args:
        item: what the user says, and what is expected.
        said: all utterances, in order.
        right: those that mean, at any time, what an event asks for.
    """
    found: set[int] = set()
    for turn in item.turns:
        opens_s, closes_s = turn.end_s - BEFORE_END_S, turn.end_s + ACKNOWLEDGE_S
        first = next((i for i, u in enumerate(said) if opens_s <= u.start_s <= closes_s), len(said))
        for i in _remark(said, first):
            if i in right or not _says_nothing(item, said[i]):
                break
            found.add(i)
    return found


def _remark(said: Sequence[SpeechStretch], first: int) -> Iterator[int]:
    """An utterance and those that follow without a pause, as far as they end in time."""
    for i in range(first, len(said)):
        follows = i == first or said[i].start_s - said[i - 1].end_s < SILENCE_S
        if not follows or said[i].end_s - said[first].start_s > SHORT_S:
            return
        yield i


def _says_nothing(item: TimedAnnotation, said: SpeechStretch) -> bool:
    """Whether an utterance is in no event's window and holds no event's reply."""
    if any(due.target.holds(said.start_s) for due in item.due):
        return False
    replies = tuple(text for due in item.due for text in (*due.event.accept, *due.event.reject))
    return not holds(said.text, replies)


@lru_cache(maxsize=4096)
def holds(text: str, replies: tuple[str, ...]) -> bool:
    """Whether a text says one of these replies, as whole words; see the module's docstring."""
    everything, said = words(text), _without_promises(text)
    return any(
        reply in (everything, _bare(everything)) if set(reply) <= EVERYDAY else _within(reply, said)
        for reply in map(words, replies)
    )


def _without_promises(text: str) -> tuple[str, ...]:
    """The words of a text, in each sentence up to a promise."""
    sentences = (" ".join(words(sentence)) for sentence in re.split(r"(?<=[.!?;:]) ", plain(text)))
    return tuple(word for sentence in sentences for word in PROMISE.split(sentence, 1)[0].split())


def _within(reply: tuple[str, ...], said: tuple[str, ...]) -> bool:
    return any(said[k : k + len(reply)] == reply for k in range(len(said)))


def _bare(said: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in said if word not in OPENING)
