"""What the agent says when: it follows plans on its own clock.

Times are seconds of the session. The dialogue hears whole turns of the user, with the time of each word, and
is asked what is due.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from tml_bench.adapters.cascade import plans
from tml_bench.adapters.cascade.language import understand
from tml_bench.adapters.cascade.noticing import noticed, places
from tml_bench.adapters.cascade.phrases import sentence
from tml_bench.perception.align import spell

ACKNOWLEDGEMENT = "Okay."
# ruff: noqa: SIM905 -- word lists read better as text
_COMMON = frozenset(
    "a an the i i'm i've you it is was been be have has had did do does ago since that this we my your me "
    "to of in on at and or for long time how started start when asked said told".split()
)


@dataclass(frozen=True, slots=True)
class RecognisedTurn:
    """A turn of the user as understood by recognition; each word with the session time of its end."""

    text: str
    words: Sequence[tuple[str, float]]
    start_s: float
    end_s: float


@dataclass(slots=True)
class DueSpeech:
    """Something to be said: a text, or talk of a length.

    It may be the ``k``-th of a series: the next one is put in its place once it has been said.
    """

    at_s: float
    say: str | plans.TalkPlan
    repeat: plans.RepeatPlan | None = None
    k: int = 0


class Dialogue(ABC):
    """What the agent makes of the user's turns."""

    @abstractmethod
    def hear(self, turn: RecognisedTurn) -> None:
        """Take a turn of the user that has ended."""

    @abstractmethod
    def take(self, before_s: float, silent_since_s: float) -> DueSpeech | None:
        """What is due first, before ``before_s``, and no longer pending; None when nothing is.

        ``silent_since_s`` is when the user's last sound ended, as far as is known.
        """

    def follow_up(self) -> str:
        """What is said right behind what is being said; empty for nothing."""
        return ""

    @abstractmethod
    def interrupted(self, share: float) -> None:
        """Told that only that share of what was being said has been heard, in [0, 1]."""


class SpokenDialogue(Dialogue):
    """Follows rules of English: keeps what was asked, and says what is due."""

    def __init__(self) -> None:
        self._due: list[DueSpeech] = []
        self._orders: list[plans.StandingOrder] = []
        self._events: list[plans.AfterWord] = []
        self._silence: plans.IfSilent | None = None
        self._silence_met = True
        self._counts: dict[str, int] = {}
        self._asked_s = 0.0
        self._heard: list[RecognisedTurn] = []

    def interrupted(self, share: float) -> None:
        """As ``Dialogue.interrupted``: no rule asks what was heard of a reply."""

    def hear(self, turn: RecognisedTurn) -> None:
        """Take a turn of the user that has ended."""
        plan = understand(turn.text)
        self._silence_met = False
        self._listen(turn)
        if plan is not None:
            self._adopt(plan, turn)
        elif not (self._due or self._orders or self._events or self._silence):
            self._due.append(DueSpeech(turn.end_s, ACKNOWLEDGEMENT))
        self._heard.append(turn)

    def take(self, before_s: float, silent_since_s: float) -> DueSpeech | None:
        """As ``Dialogue.take``."""
        if self._silence and not self._silence_met:
            at_s = silent_since_s + self._silence.seconds
            if at_s < before_s:
                self._silence_met = True
                return DueSpeech(at_s, self._silence.text)
        ready = [due for due in self._due if due.at_s < before_s]
        if not ready:
            return None
        first = min(ready, key=lambda due: due.at_s)
        self._due.remove(first)
        if first.repeat:
            series, k = first.repeat, first.k + 1
            at_s = first.at_s + series.period_s
            while at_s + series.period_s <= before_s:  # missed while the user spoke
                k, at_s = k + 1, at_s + series.period_s
            self._due.append(DueSpeech(at_s, series.texts[k % len(series.texts)], series, k))
        return first

    def _adopt(self, plan: plans.Plan, turn: RecognisedTurn) -> None:
        end_s = turn.end_s
        match plan:
            case plans.SayAt(due):
                self._asked_s = end_s
                self._due += [DueSpeech(end_s + after_s, text) for after_s, text in due]
            case plans.RepeatPlan(texts, first_s):
                self._asked_s = end_s
                self._due.append(DueSpeech(end_s + first_s, texts[0], plan))
            case plans.TalkPlan():
                self._due.append(DueSpeech(end_s, plan))
            case plans.AnswerPlan(text):
                self._due.append(DueSpeech(end_s, text))
            case plans.HowLong(about):
                self._due.append(DueSpeech(end_s, self._elapsed(about, turn)))
            case plans.ChangePlan():
                self._change(plan, end_s)
            case plans.AmendedPlan(first, then):
                self._adopt(first, turn)
                self._adopt(then, turn)
            case plans.IfSilent():
                self._silence = plan
            case plans.AfterWord():
                self._events.append(plan)
            case plans.StopPlan():
                self._due.clear()
                self._orders.clear()
                self._events.clear()
                self._silence = None
            case _:
                self._orders.append(plan)

    def _listen(self, turn: RecognisedTurn) -> None:
        """Follow standing orders in what was said; half-duplex, so all at the turn's end."""
        for event in list(self._events):
            for end_s in _ends_of(event.word, turn)[:1]:
                self._events.remove(event)
                self._due.append(DueSpeech(end_s + event.seconds, event.text))
        replies = [text for order in self._orders for text in self._replies(order, turn)]
        if replies:
            self._due.append(DueSpeech(turn.end_s, " ".join(replies)))

    def _replies(self, order: plans.StandingOrder, turn: RecognisedTurn) -> list[str]:
        found = noticed(order, [_plain(word) for word, _ in turn.words])
        if isinstance(order, plans.CountWord):
            return [self._counted(order, len(found))] if found else []
        return [text for _, text in found]

    def _counted(self, order: plans.CountWord, new: int) -> str:
        """The count after so many more."""
        self._counts[order.word] = self._counts.get(order.word, 0) + new
        return sentence(spell(self._counts[order.word]))

    def _change(self, plan: plans.ChangePlan, end_s: float) -> None:
        """Move what was asked last; all of a schedule moves with its first."""
        if not self._due:
            return
        first = min(self._due, key=lambda due: due.at_s)
        length = first.at_s - self._asked_s
        if plan.seconds is not None:
            length = length + plan.seconds if plan.relative else plan.seconds
        if plan.restart:
            self._asked_s = end_s
        by_s = self._asked_s + length - first.at_s
        for due in self._due:
            due.at_s += by_s
        if first.repeat and plan.seconds is not None:
            period = first.repeat.period_s + plan.seconds if plan.relative else plan.seconds
            first.repeat = plans.RepeatPlan(first.repeat.texts, length, period)

    def _elapsed(self, about: str, turn: RecognisedTurn) -> str:
        """How long it is since the user's last turn that shares a word with what is asked about."""
        if not self._heard:
            return "I don't know."
        named = {word for word in map(_plain, about.split()) if word not in _COMMON}
        shared = [t for t in self._heard if named & {_plain(word) for word, _ in t.words}]
        since_s = (shared or self._heard)[-1].end_s
        seconds = max(1, round(turn.start_s - since_s))
        return f"About {spell(seconds)} second{'s' if seconds != 1 else ''}."


def _ends_of(term: str, turn: RecognisedTurn) -> list[float]:
    """When each mention of a word or phrase ended."""
    return [turn.words[k][1] for k in places(_plain(term), [_plain(word) for word, _ in turn.words])]


def _plain(word: str) -> str:
    return re.sub(r"^\W+|\W+$", "", word.lower())
